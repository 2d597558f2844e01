//! Waivers and attestations: they excuse or decide an item as of the day of the evidence, and are always shown.

use chrono::NaiveDate;

use super::untrusted::{Untrusted, words};
use super::{AttestationLine, FindingLine, ResultLine, WaiverLine};
use crate::check::Status;
use crate::checks::ALL;
use crate::policy::{Attestation, Covers, Policy, Waiver};

/// Applies them to the results, in the policy's order, and says which had no effect and why.
pub fn apply(policy: &Policy, today: NaiveDate, results: &mut [ResultLine]) -> Vec<Untrusted> {
    let mut notices = Vec::new();
    for attestation in &policy.attestations {
        notices.extend(attest(policy, attestation, today, results));
    }
    let mut used = vec![false; policy.waivers.len()];
    for result in results.iter_mut() {
        waive(policy, today, result, &mut used);
    }
    for (waiver, used) in policy.waivers.iter().zip(used) {
        notices.extend(without_effect(policy, waiver, used, today, results));
        notices.extend(used.then(|| over_broad(waiver, results)).flatten());
    }
    notices
}

fn attest(
    policy: &Policy,
    attestation: &Attestation,
    today: NaiveDate,
    results: &mut [ResultLine],
) -> Option<Untrusted> {
    let name = format!("the attestation for {} by {}", attestation.check, attestation.by);
    if !policy.source.trusted {
        return Some(words!("{} has no effect: the policy was found, not named by --policy", name));
    }
    if !ALL.iter().any(|module| module.about.id == attestation.check && module.about.attestable) {
        return Some(words!("{} has no effect: the item is measured, nobody's word decides it", name));
    }
    if today < attestation.on {
        return Some(words!("{} has no effect yet: it begins on {}", name, attestation.on));
    }
    if today > attestation.until {
        return Some(words!("{} ended on {}", name, attestation.until));
    }
    for result in results.iter_mut() {
        let concerns = result.check == attestation.check
            && attestation.target.as_ref().is_none_or(|target| result.target == *target);
        if concerns && result.status == Status::Inconclusive {
            result.status = Status::Pass;
            result.grounds.push(words!(
                "attested, not measured: {} (by {} on {}, until {})",
                attestation.statement,
                attestation.by,
                attestation.on,
                attestation.until
            ));
            result.attestation = Some(AttestationLine {
                by: attestation.by.as_str().into(),
                on: attestation.on,
                until: attestation.until,
                statement: attestation.statement.as_str().into(),
            });
        }
    }
    None
}

fn waive(policy: &Policy, today: NaiveDate, result: &mut ResultLine, used: &mut [bool]) {
    if !policy.source.trusted || policy.unwaivable.iter().any(|id| result.check == *id) {
        return;
    }
    let mut excuses_unseen = None;
    let mut excuses_finding = None;
    for (waiver, used) in policy.waivers.iter().zip(used.iter_mut()) {
        let concerns = result.check == waiver.check
            && waiver.target.as_ref().is_none_or(|target| result.target == *target)
            && today <= waiver.until;
        if !concerns {
            continue;
        }
        if covers_faults(waiver.covers) {
            for finding in result.findings.iter_mut().filter(|finding| is_placed(waiver, finding)) {
                finding.waived = true;
                // The first waiver that covers it stands for it.
                finding.waiver.get_or_insert_with(|| shown(waiver));
                *used = true;
                excuses_finding = Some(waiver);
            }
        }
        // What was not seen has no place, so a waiver for one place says nothing about it.
        if covers_unseen(waiver.covers) && waiver.place.is_none() {
            if result.status == Status::Inconclusive || (!result.unseen.is_empty() && result.status == Status::Fail) {
                *used = true;
            }
            excuses_unseen = Some(waiver);
        }
    }
    let standing = result.findings.iter().filter(|finding| !finding.waived).count();
    let (status, waiver) = match result.status {
        Status::Fail if standing > 0 => {
            let waived = result.findings.len() - standing;
            if waived > 0 {
                result.notes.push(words!("{} of {} findings are waived", waived, result.findings.len()));
            }
            (Status::Fail, excuses_finding)
        }
        // Waiving the faults does not show what was not seen beside them.
        Status::Fail if !result.unseen.is_empty() && excuses_unseen.is_none() => {
            (Status::Inconclusive, excuses_finding)
        }
        Status::Fail => (Status::Waived, excuses_finding),
        Status::Inconclusive if excuses_unseen.is_some() => (Status::Waived, excuses_unseen),
        unchanged @ (Status::Inconclusive | Status::Pass | Status::NotApplicable | Status::Waived) => (unchanged, None),
    };
    result.status = status;
    result.waiver = waiver.map(shown);
}

fn shown(waiver: &Waiver) -> WaiverLine {
    WaiverLine { reason: waiver.reason.as_str().into(), owner: waiver.owner.as_str().into(), until: waiver.until }
}

fn covers_faults(covers: Covers) -> bool {
    match covers {
        Covers::Fail | Covers::Any => true,
        Covers::Inconclusive => false,
    }
}

fn covers_unseen(covers: Covers) -> bool {
    match covers {
        Covers::Inconclusive | Covers::Any => true,
        Covers::Fail => false,
    }
}

/// What one waiver covers beyond the one fault that somebody had in mind.
fn over_broad(waiver: &Waiver, results: &[ResultLine]) -> Option<Untrusted> {
    let target = waiver.target.as_deref()?;
    let result = results.iter().find(|result| result.check == waiver.check && result.target == target)?;
    let covered = covered(waiver, result).count();
    let (and, name) = match waiver.place {
        Some(_) => ("all at one place", "the id of each that is borne as the `place`"),
        None => ("and every new one", "the `place` of each that is borne"),
    };
    (covered > 1).then(|| {
        words!(
            "the waiver for {} on {} (owner {}) is over-broad: it covers {} findings, {}; name {}",
            waiver.check,
            target,
            waiver.owner,
            covered,
            and,
            name
        )
    })
}

/// The findings that the waiver speaks of.
fn covered<'a>(waiver: &'a Waiver, result: &'a ResultLine) -> impl Iterator<Item = &'a FindingLine> {
    result.findings.iter().filter(move |finding| covers_faults(waiver.covers) && is_placed(waiver, finding))
}

fn is_placed(waiver: &Waiver, finding: &FindingLine) -> bool {
    waiver.place.as_ref().is_none_or(|place| finding.id == *place || finding.place.words() == *place)
}

/// Why the waiver did nothing, if it did nothing.
fn without_effect(
    policy: &Policy,
    waiver: &Waiver,
    used: bool,
    today: NaiveDate,
    results: &[ResultLine],
) -> Option<Untrusted> {
    let target = waiver.target.as_deref().unwrap_or("every target");
    let name = format!("the waiver for {} on {target} (owner {})", waiver.check, waiver.owner);
    if !policy.source.trusted {
        return Some(words!("{} has no effect: the policy was found, not named by --policy", name));
    }
    if policy.unwaivable.contains(&waiver.check) {
        return Some(words!("{} has no effect: the item cannot be waived", name));
    }
    if today > waiver.until {
        return Some(words!("{} expired on {}", name, waiver.until));
    }
    let ran = results.iter().any(|result| {
        result.check == waiver.check && waiver.target.as_ref().is_none_or(|target| result.target == *target)
    });
    (!used && ran).then(|| words!("{} is unused: nothing there needs it", name))
}

#[cfg(test)]
mod tests;

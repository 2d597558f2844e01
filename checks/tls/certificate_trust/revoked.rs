//! Whether a certificate of the path was revoked, by the list or the responder that it names itself.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Shown, issued, staple};
use crate::certificate::Certificate;
use crate::check::{Finding, Severity, Verdict};
use crate::evidence::revocation::{Listed, Revocation, Source};
use crate::evidence::{Evidence, Unseen};

/// Paths of three addresses with two authorities each, some by list and by responder; more is over budget, and said.
pub(super) const MOST: u32 = 12;

/// The list of every certificate; its responder where there is no list, or the list gave no answer.
pub(super) fn asks(shown: &Shown, seen: &Evidence) -> Vec<Revocation> {
    issued(shown)
        .flat_map(|(own, issuer)| {
            let (list, responder) = (by_list(own, issuer), by_responder(own, issuer));
            let listless = list.as_ref().is_none_or(|list| has_failed(list, seen));
            list.into_iter().chain(responder.filter(|_| listless))
        })
        .collect()
}

/// Whether it was asked in vain; what was not asked yet has not failed.
fn has_failed(question: &Revocation, seen: &Evidence) -> bool {
    !matches!(seen.of(question), Ok(_) | Err(Unseen::NotAsked))
}

fn by_list(own: &Certificate, issuer: &Certificate) -> Option<Revocation> {
    let url = own.revocation_lists.first()?.clone();
    let (serial, issuer) = (own.serial.clone(), STANDARD.encode(&issuer.der));
    Some(Revocation { url, serial, issuer, by: Source::List, certificate: None })
}

fn by_responder(own: &Certificate, issuer: &Certificate) -> Option<Revocation> {
    let url = own.responder.clone().filter(|url| url.starts_with("http://"))?;
    let (serial, issuer) = (own.serial.clone(), STANDARD.encode(&issuer.der));
    Some(Revocation { url, serial, issuer, by: Source::Responder, certificate: Some(STANDARD.encode(&own.der)) })
}

pub(super) fn judge(shown: &Shown, evidence: &Evidence, verdict: &mut Verdict) {
    for (index, (own, issuer)) in issued(shown).enumerate() {
        let name = &own.subject;
        // The server's own certificate may bring its answer along, which is judged there.
        if index == 0 && staple::said(shown, evidence.taken_at).iter().any(Result::is_ok) {
            continue;
        }
        let mut why = Vec::new();
        let mut decided = false;
        for question in [by_list(own, issuer), by_responder(own, issuer)].into_iter().flatten() {
            let by = match question.by {
                Source::List => "list",
                Source::Responder => "OCSP responder",
            };
            match evidence.of(&question) {
                Ok(Listed { since: Some(since), .. }) => {
                    let since = since.date_naive();
                    let what = format!("`{name}` was revoked on {since}, says the {by} of `{}`", issuer.subject);
                    verdict.finds(
                        Finding::new(what, shown.place.clone()).of_severity(Severity::Critical).aspect("revoked"),
                    );
                    decided = true;
                }
                Ok(Listed { since: None, until }) => {
                    let until = until.date_naive();
                    verdict.holds(match question.by {
                        Source::List => {
                            format!(
                                "`{name}` is not on the revocation list of `{}` that holds until {until}",
                                issuer.subject
                            )
                        }
                        Source::Responder => {
                            format!("`{name}` is good, says the OCSP responder of `{}` until {until}", issuer.subject)
                        }
                    });
                    decided = true;
                }
                Err(unseen) => why.push(unseen),
            }
        }
        if decided {
            continue;
        }
        match why.into_iter().find(|why| *why != Unseen::NotAsked) {
            Some(unseen) => verdict.not_seen(unseen),
            None => verdict.not_seen(Unseen::NoEvidence(format!(
                "whether `{name}` was revoked: it names no revocation list and no OCSP responder over HTTP"
            ))),
        }
    }
}

//! Which path a chain builds to a trusted root, and what is wrong with it; where none builds, which link is broken.

mod confirm;
mod links;
mod rules;

use chrono::{DateTime, Utc};

use super::roots::Roots;
use super::{Certificate, Signed};
use confirm::confirm;
use links::{explain, note_spares};
pub use rules::longest_lifetime;
use rules::{is_for, judge_dates_and_strength, judge_leaf, judge_path};

/// One fault of a chain, for a finding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The stable word for it.
    pub aspect: &'static str,
    pub what: String,
}

/// What a chain amounts to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assessment {
    /// From the server's own certificate to the root, where one builds.
    pub path: Option<Vec<Certificate>>,
    /// Where none builds: as far as the links hold, the server's own certificate first.
    pub reached: Vec<Certificate>,
    /// The server's own certificate, where it can be read.
    pub leaf: Option<Certificate>,
    pub faults: Vec<Fault>,
    /// What could neither be confirmed nor refuted here.
    pub unknown: Vec<String>,
    pub notes: Vec<String>,
}

impl Assessment {
    fn fault(&mut self, aspect: &'static str, what: impl Into<String>) {
        let fault = Fault { aspect, what: what.into() };
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }
}

/// Certificates in a path at most; public chains have three or four.
const DEEPEST: usize = 8;
/// Signature checks at most in one search; a hostile chain of namesakes would need exponentially many.
const CHECKS: u32 = 200;

/// Assesses a chain as sent (DER, in the order sent) for `host`.
pub fn assess(sent: &[Vec<u8>], host: &str, roots: &Roots, at: DateTime<Utc>) -> Assessment {
    let mut assessment = Assessment::default();
    let mut read = Vec::new();
    for (index, der) in sent.iter().enumerate() {
        match Certificate::of_der(der) {
            Ok(certificate) => read.push(certificate),
            Err(error) if index == 0 => {
                assessment.fault("unreadable", format!("the certificate cannot be read: {error}"));
                return assessment;
            }
            Err(error) => {
                assessment.notes.push(format!("certificate {} of the chain cannot be read: {error}", index + 1));
            }
        }
    }
    if read.is_empty() {
        assessment.fault("empty", "no certificate was sent");
        return assessment;
    }
    // RFC 8446 section 4.4.2, RFC 5246 section 7.4.2: the sender's own certificate comes first.
    if read[0].is_authority()
        && let Some(own) = read.iter().position(|certificate| !certificate.is_authority() && is_for(certificate, host))
    {
        assessment.fault(
            "order",
            format!("the chain is in reverse: `{}` comes before the server's own certificate", read[0].subject),
        );
        let own = read.remove(own);
        read.insert(0, own);
    }
    let leaf = read.remove(0);
    judge_leaf(&leaf, host, &mut assessment);
    let mut search = Search { sent: &read, roots, at, checks: CHECKS, best: None, longest: vec![leaf.clone()] };
    search.extend(&mut vec![leaf.clone()]);
    assessment.leaf = Some(leaf);
    if let Some((_, path)) = search.best.take() {
        judge_path(&path, roots, at, &mut assessment);
        note_spares(&read, &path, &mut assessment);
        confirm(&path, at, &mut assessment);
        assessment.path = Some(path);
    } else {
        if search.checks == 0 {
            assessment.unknown.push(format!("no path was found within {CHECKS} signature checks"));
        }
        let longest = std::mem::take(&mut search.longest);
        judge_dates_and_strength(&longest, longest.len(), at, &mut assessment);
        explain(&longest, &read, roots, &mut assessment);
        assessment.reached = longest;
    }
    assessment
}

/// The search for paths from the leaf to a root, over everything that was sent.
struct Search<'a> {
    sent: &'a [Certificate],
    roots: &'a Roots,
    at: DateTime<Utc>,
    checks: u32,
    /// The path with the fewest faults so far.
    best: Option<(usize, Vec<Certificate>)>,
    /// Where no path builds: how far it goes.
    longest: Vec<Certificate>,
}

impl Search<'_> {
    fn extend(&mut self, path: &mut Vec<Certificate>) {
        let Some(last) = path.last().cloned() else { return };
        if path.len() > self.longest.len() {
            self.longest.clone_from(path);
        }
        if self.roots.contains(&last) {
            self.offer(path);
            return;
        }
        if path.len() >= DEEPEST || self.is_done() {
            return;
        }
        let trusted = self.roots.named(&last.issuer_raw);
        let sent = self.sent.iter().filter(|candidate| candidate.subject_raw == last.issuer_raw).cloned();
        for issuer in trusted.into_iter().chain(sent) {
            if self.checks == 0 || path.iter().any(|known| known.der == issuer.der) {
                continue;
            }
            self.checks -= 1;
            let leads = match last.signed_by(&issuer) {
                Signed::Yes => true,
                Signed::Unverifiable => !last.key_id_contradicts(&issuer),
                Signed::No => false,
            };
            if leads {
                path.push(issuer);
                self.extend(path);
                path.pop();
            }
        }
    }

    fn is_done(&self) -> bool {
        self.best.as_ref().is_some_and(|(faults, _)| *faults == 0)
    }

    fn offer(&mut self, path: &[Certificate]) {
        let mut assessment = Assessment::default();
        judge_path(path, self.roots, self.at, &mut assessment);
        if assessment.faults.is_empty() {
            confirm(path, self.at, &mut assessment);
        }
        let faults = assessment.faults.len() + assessment.unknown.len();
        if self.best.as_ref().is_none_or(|(fewest, _)| faults < *fewest) {
            self.best = Some((faults, path.to_vec()));
        }
    }
}

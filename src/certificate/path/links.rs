//! Which links of a chain are superfluous, and at which one it breaks.

use super::Assessment;
use crate::certificate::roots::Roots;
use crate::certificate::{Certificate, Signed};

/// What was sent and is not needed.
pub(super) fn note_spares(sent: &[Certificate], path: &[Certificate], assessment: &mut Assessment) {
    let mut last = 0;
    for certificate in sent {
        match path.iter().position(|used| used.der == certificate.der) {
            None => {
                assessment.notes.push(format!("the chain also holds `{}`, which no path needs", certificate.subject));
            }
            Some(place) if place < last => {
                assessment
                    .notes
                    .push("the intermediates are not in the order of the path (RFC 5246 asks for it)".into());
            }
            Some(place) => last = place,
        }
    }
}

/// Names the link at which the chain breaks.
pub(super) fn explain(path: &[Certificate], sent: &[Certificate], roots: &Roots, assessment: &mut Assessment) {
    let Some(end) = path.last() else { return };
    let issuer = &end.issuer;
    let mut namesakes = roots.named(&end.issuer_raw);
    namesakes.extend(sent.iter().filter(|other| other.subject_raw == end.issuer_raw && other.der != end.der).cloned());
    let trusted = roots.trusted();
    if namesakes.iter().any(|namesake| end.signed_by(namesake) == Signed::No)
        && !(path.len() == 1 && end.is_self_issued())
    {
        assessment.fault(
            "signature",
            format!(
                "the signature on `{}` is not by the key of the `{issuer}` at hand: another key of that name",
                end.subject
            ),
        );
        return;
    }
    if end.is_self_issued() {
        let (aspect, what) = if path.len() == 1 {
            ("self-signed", format!("the certificate `{}` is self-signed: no authority vouches for it", end.subject))
        } else {
            ("unknown-root", format!("the chain ends in the root `{}`, which is not {trusted}", end.subject))
        };
        assessment.fault(aspect, what);
        return;
    }
    let strangers: Vec<String> = sent
        .iter()
        .filter(|other| !path.iter().any(|used| used.der == other.der))
        .take(4)
        .map(|other| format!("`{}`", other.subject))
        .collect();
    let instead = if strangers.is_empty() {
        String::new()
    } else {
        format!("; sent instead, unrelated: {}", strangers.join(", "))
    };
    match &end.issuer_url {
        Some(url) => assessment.fault(
            "missing-intermediate",
            format!(
                "the intermediate `{issuer}`, which issued `{}`, is not sent (it is at {url}){instead}",
                end.subject
            ),
        ),
        None => assessment.fault(
            "missing-issuer",
            format!(
                "the issuer `{issuer}` of `{}` is neither sent nor {trusted}: a missing intermediate or an unknown \
                 root{instead}",
                end.subject
            ),
        ),
    }
}

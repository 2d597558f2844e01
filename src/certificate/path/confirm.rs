//! A second opinion on a path, from a library that knows the rest of RFC 5280.

use std::time::Duration;

use chrono::{DateTime, Utc};
use rustls::pki_types::{CertificateDer, UnixTime};

use super::Assessment;
use crate::certificate::Certificate;

/// A second opinion: what looks right here must also pass webpki, which knows name constraints, critical extensions
/// and the rest of RFC 5280 section 6.
pub(super) fn confirm(path: &[Certificate], at: DateTime<Utc>, assessment: &mut Assessment) {
    // webpki refuses a leaf that is itself the anchor; being named as a root is all the trust there is.
    let ([leaf, between @ .., root], true, true) = (path, assessment.faults.is_empty(), assessment.unknown.is_empty())
    else {
        return;
    };
    let seconds = u64::try_from(at.timestamp()).unwrap_or(0);
    let (leaf, root) = (CertificateDer::from(leaf.der.as_slice()), CertificateDer::from(root.der.as_slice()));
    let between: Vec<CertificateDer<'_>> =
        between.iter().map(|authority| CertificateDer::from(authority.der.as_slice())).collect();
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let verified = webpki::anchor_from_trusted_cert(&root).and_then(|anchor| {
        webpki::EndEntityCert::try_from(&leaf)?
            .verify_for_usage(
                algorithms.all,
                &[anchor],
                &between,
                UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
                webpki::KeyUsage::server_auth(),
                None,
                None,
            )
            .map(|_| ())
    });
    match verified {
        Ok(()) => {}
        Err(error) => match refusal(&error) {
            Some(what) => assessment.fault("chain", what),
            None => assessment.unknown.push(format!("the chain could not be verified here: {error}")),
        },
    }
}

/// What webpki's refusal says of the chain; `None` where it says something about webpki.
#[expect(clippy::wildcard_enum_match_arm, reason = "webpki's own enum, which grows; the rest is told in its words")]
pub(super) fn refusal(error: &webpki::Error) -> Option<String> {
    use webpki::Error;
    Some(match error {
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumPathBuildCallsExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => return None,
        Error::NameConstraintViolation => "the name constraints of an authority in the path forbid the name".into(),
        Error::UnsupportedCriticalExtension => "a certificate of the path has a critical extension nobody knows".into(),
        Error::SignatureAlgorithmMismatch => "a certificate of the path names two signature algorithms".into(),
        Error::CertDistrusted => "a key of the path is explicitly distrusted".into(),
        other => format!("the chain does not verify: {other}"),
    })
}

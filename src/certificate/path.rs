//! Which path a chain builds to a trusted root, and what is wrong with it; where none builds, which link is broken.

use std::net::IpAddr;
use std::time::Duration;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::roots::Roots;
use super::{Certificate, Signature, Signed};

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

fn is_for(certificate: &Certificate, host: &str) -> bool {
    bears(certificate, host).is_ok_and(|bears| bears)
}

/// Whether the certificate is for the name; an error where webpki cannot read it at all.
fn bears(certificate: &Certificate, host: &str) -> Result<bool, webpki::Error> {
    let Ok(name) = ServerName::try_from(host) else { return Ok(false) };
    let der = CertificateDer::from(certificate.der.as_slice());
    let leaf = webpki::EndEntityCert::try_from(&der)?;
    Ok(leaf.verify_is_valid_for_subject_name(&name).is_ok())
}

/// What the server's own certificate must be, whoever signed it.
fn judge_leaf(leaf: &Certificate, host: &str, assessment: &mut Assessment) {
    if leaf.version < 3 {
        assessment.fault("x509-version", format!("the certificate is X.509 version {}, not 3", leaf.version));
    }
    if ServerName::try_from(host).is_err() {
        assessment.unknown.push(format!("`{host}` is no name that a certificate can be for"));
    } else if leaf.version >= 3 {
        match (bears(leaf, host), &leaf.common_name) {
            (Ok(true), _) => {}
            // RFC 9525 section 2: the common name is not looked at; no browser has since 2017.
            (Ok(false), Some(common)) if leaf.names.is_empty() => assessment.fault(
                "common-name-only",
                format!("the certificate names `{common}` in its common name alone, where clients no longer look"),
            ),
            (Ok(false), _) if host.parse::<IpAddr>().is_ok() && leaf.names.iter().any(|name| name == host) => {
                assessment.fault(
                    "name",
                    format!("the certificate has {host} as a DNS name, and clients look for an address"),
                );
            }
            (Ok(false), _) => {
                assessment.fault("name", format!("the certificate is for {}, not for {host}", leaf.names_in_short()));
            }
            (Err(error), _) => match refusal(&error) {
                Some(what) => assessment.fault("chain", what),
                None => assessment.unknown.push(format!("the certificate could not be read whole: {error}")),
            },
        }
    }
    if leaf.is_authority() {
        assessment.fault("authority", "the server's certificate is that of an authority (CA:TRUE)");
    }
    if leaf.serves == Some(false) {
        assessment.fault("purpose", "the certificate's extended key usage does not include server authentication");
    }
    match leaf.key_usage {
        Some(usage) if !usage.digital_signature && !usage.key_encipherment => {
            assessment.fault("key-usage", "the certificate's key usage allows neither signatures nor key encipherment");
        }
        // RFC 8446 section 4.4.2.2 asks for digitalSignature; RSA key exchange up to TLS 1.2 does without.
        Some(usage) if !usage.digital_signature => {
            assessment.notes.push("the certificate's key usage lacks digital signature, which TLS 1.3 needs".into());
        }
        Some(_) | None => {}
    }
}

/// What every certificate of a path that leads to a root must be.
fn judge_path(path: &[Certificate], roots: &Roots, at: DateTime<Utc>, assessment: &mut Assessment) {
    // The root's own signature proves nothing and is not looked at; neither is that of a private anchor.
    judge_dates_and_strength(path, path.len().saturating_sub(1), at, assessment);
    for pair in path.windows(2) {
        if pair[0].signed_by(&pair[1]) == Signed::Unverifiable
            && matches!(pair[0].signature, Signature::Sound(_))
            && pair[1].key.weakness().is_none()
        {
            assessment.unknown.push(format!(
                "the signature on `{}` ({} by a key on {}) cannot be verified here",
                pair[0].subject,
                name_of(&pair[0].signature),
                pair[1].key
            ));
        }
    }
    let between = path.get(1..path.len().saturating_sub(1)).unwrap_or_default();
    for (below, authority) in between.iter().enumerate() {
        let name = &authority.subject;
        match authority.authority {
            Some((true, Some(most))) if below > most as usize => assessment.fault(
                "path-length",
                format!("the intermediate `{name}` may have {most} authorities below it, and has {below}"),
            ),
            Some((true, _)) => {}
            Some((false, _)) | None => {
                assessment
                    .fault("not-an-authority", format!("`{name}` signs certificates and is no authority (CA bit)"));
            }
        }
        if authority.key_usage.is_some_and(|usage| !usage.sign_certificates) {
            assessment
                .fault("issuer-key-usage", format!("the key usage of `{name}` does not let it sign certificates"));
        }
        if authority.serves == Some(false) {
            assessment.fault("issuer-purpose", format!("`{name}` may not issue for server authentication"));
        }
    }
    if let [leaf, .., root] = path
        && roots.is_public(root)
    {
        let most = longest_lifetime(leaf.not_before);
        if leaf.lifetime() > most {
            assessment.fault(
                "lifetime",
                format!(
                    "the certificate lives {} days; issued on {}, it may live {} (CA/Browser Forum)",
                    whole_days_up(leaf.lifetime()),
                    leaf.not_before.date_naive(),
                    most.num_days()
                ),
            );
        }
        if leaf.timestamps == 0 {
            assessment.notes.push("no signed certificate timestamp is embedded: browsers ask for two".into());
        }
    }
}

/// Dates and key of every certificate, and the signatures on the first `signed` of them.
fn judge_dates_and_strength(path: &[Certificate], signed: usize, at: DateTime<Utc>, assessment: &mut Assessment) {
    for (index, certificate) in path.iter().enumerate() {
        let (role, expired, early) = match index {
            0 => ("certificate", "expired", "not-yet-valid"),
            _ if index >= signed => ("root", "root-expired", "root-not-yet-valid"),
            _ => ("intermediate", "intermediate-expired", "intermediate-not-yet-valid"),
        };
        let name = &certificate.subject;
        if certificate.not_after < certificate.not_before {
            assessment.fault("validity", format!("the {role} `{name}` ends before it begins"));
        } else if at > certificate.not_after {
            assessment.fault(expired, format!("the {role} `{name}` expired on {}", certificate.not_after.date_naive()));
        } else if at < certificate.not_before {
            assessment.fault(
                early,
                format!("the {role} `{name}` is valid only from {}", certificate.not_before.date_naive()),
            );
        }
        if let Some(weakness) = certificate.key.weakness() {
            assessment.fault("weak-key", format!("the {role} `{name}` has a {weakness}"));
        } else if let super::Key::Unknown(oid) = &certificate.key {
            assessment.unknown.push(format!("the {role} `{name}` has a key of the unknown type {oid}"));
        }
        if index < signed {
            match &certificate.signature {
                Signature::Sound(_) => {}
                Signature::Broken(hash) => {
                    assessment.fault("weak-signature", format!("the {role} `{name}` is signed with {hash}"));
                }
                Signature::Unknown(oid) => {
                    assessment.unknown.push(format!("the {role} `{name}` is signed with the unknown algorithm {oid}"));
                }
            }
        }
    }
}

/// The longest lifetime of a public certificate by the day of issue: CA/Browser Forum ballots 193, SC-22v2 (SC-31) and
/// SC-081v3.
pub fn longest_lifetime(issued: DateTime<Utc>) -> TimeDelta {
    // From this day on, so many days at most; before the first, 39 months.
    const LIMITS: [((i32, u32, u32), i64); 5] =
        [((2029, 3, 15), 47), ((2027, 3, 15), 100), ((2026, 3, 15), 200), ((2020, 9, 1), 398), ((2018, 3, 1), 825)];
    let day = (issued.year(), issued.month(), issued.day());
    TimeDelta::days(LIMITS.iter().find(|(from, _)| day >= *from).map_or(1187, |(_, days)| *days))
}

fn whole_days_up(span: TimeDelta) -> i64 {
    (span.num_seconds() + 86_399) / 86_400
}

fn name_of(signature: &Signature) -> String {
    match signature {
        Signature::Sound(name) | Signature::Broken(name) => (*name).to_owned(),
        Signature::Unknown(oid) => oid.clone(),
    }
}

/// What was sent and is not needed.
fn note_spares(sent: &[Certificate], path: &[Certificate], assessment: &mut Assessment) {
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
fn explain(path: &[Certificate], sent: &[Certificate], roots: &Roots, assessment: &mut Assessment) {
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

/// A second opinion: what looks right here must also pass webpki, which knows name constraints, critical extensions
/// and the rest of RFC 5280 section 6.
fn confirm(path: &[Certificate], at: DateTime<Utc>, assessment: &mut Assessment) {
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
fn refusal(error: &webpki::Error) -> Option<String> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::made::{Made, lives, now};

    /// The aspects found on a path whose leaf lives from so many days before [`now`] to so many after.
    fn aspects(roots: &Roots, from: i64, until: i64) -> Vec<&'static str> {
        let made = Made::leaf(move |leaf| lives(leaf, from, until)).make();
        let path = [made.leaf, made.intermediate, made.root].map(|der| Certificate::of_der(&der).unwrap());
        let mut assessment = Assessment::default();
        judge_path(&path, roots, now(), &mut assessment);
        assessment.faults.iter().map(|fault| fault.aspect).collect()
    }

    #[test]
    fn a_certificate_of_a_public_root_lives_no_longer_than_its_day_of_issue_allows() {
        // Issued in August 2026, 200 days are the most; in January 2026, 398 were.
        for (from, until, expected) in
            [(-100, 99, &[][..]), (-100, 150, &["lifetime"]), (-320, 70, &[]), (-320, 90, &["lifetime"])]
        {
            assert_eq!(aspects(&Roots::public(), from, until), expected, "{from} {until}");
            assert!(aspects(&Roots::private(Vec::new()), from, until).is_empty(), "{from} {until}");
        }
    }
}

//! What the server's own certificate and every other one of its path must be.

use std::net::IpAddr;

use chrono::{DateTime, Datelike as _, TimeDelta, Utc};
use rustls::pki_types::{CertificateDer, ServerName};

use super::Assessment;
use super::confirm::refusal;
use crate::certificate::roots::Roots;
use crate::certificate::{Certificate, Key, Signature, Signed};

pub(super) fn is_for(certificate: &Certificate, host: &str) -> bool {
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
pub(super) fn judge_leaf(leaf: &Certificate, host: &str, assessment: &mut Assessment) {
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
pub(super) fn judge_path(path: &[Certificate], roots: &Roots, at: DateTime<Utc>, assessment: &mut Assessment) {
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
pub(super) fn judge_dates_and_strength(
    path: &[Certificate],
    signed: usize,
    at: DateTime<Utc>,
    assessment: &mut Assessment,
) {
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
        } else if let Key::Unknown(oid) = &certificate.key {
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

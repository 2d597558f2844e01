//! What a certificate revocation list says of one certificate (RFC 5280 sections 5 and 6.3).

use chrono::{DateTime, Utc};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};
use x509_parser::revocation_list::CertificateRevocationList;

use crate::evidence::Unseen;
use crate::evidence::revocation::Listed;

/// The list's word on `serial` (hexadecimal), if the list is the issuer's, whole and current.
pub fn look_up(list: &[u8], serial: &str, issuer: &[u8], at: DateTime<Utc>) -> Result<Listed, Unseen> {
    let malformed = |what: &str| Unseen::Malformed(format!("the revocation list {what}"));
    let (_, list) = CertificateRevocationList::from_der(list).map_err(|_| malformed("cannot be read"))?;
    let (_, issuer) =
        X509Certificate::from_der(issuer).map_err(|_| Unseen::Bug("the issuer of a path cannot be read".into()))?;
    if list.issuer().as_raw() != issuer.subject().as_raw() {
        return Err(Unseen::NotComparable("the revocation list is another authority's".into()));
    }
    if list.verify_signature(issuer.public_key()).is_err() {
        return Err(Unseen::NotComparable("the signature on the revocation list is not by the issuer's key".into()));
    }
    for extension in list.extensions() {
        if let ParsedExtension::IssuingDistributionPoint(scope) = extension.parsed_extension() {
            // A list for authorities, for some reasons, or of others says nothing of the rest.
            if scope.only_contains_ca_certs
                || scope.only_contains_attribute_certs
                || scope.only_some_reasons.is_some()
                || scope.indirect_crl
            {
                return Err(Unseen::NotComparable("the revocation list holds some kinds of certificate alone".into()));
            }
        } else if extension.critical {
            // Such as a delta list (RFC 5280 section 5.2.4), which is no whole one.
            return Err(Unseen::NotComparable("the revocation list has a critical extension nobody knows".into()));
        }
    }
    let time = |seconds: i64| DateTime::from_timestamp(seconds, 0);
    let until = list.next_update().and_then(|next| time(next.timestamp()));
    let until = until.ok_or_else(|| malformed("does not say until when it holds"))?;
    if until < at {
        return Err(Unseen::NotComparable(format!("the revocation list is of the past: it held until {until}")));
    }
    let is_it = |raw: &[u8]| super::hex(raw) == serial;
    let entry = list.iter_revoked_certificates().find(|entry| is_it(entry.raw_serial()));
    let since = match entry {
        None => None,
        Some(entry) => {
            Some(time(entry.revocation_date.timestamp()).ok_or_else(|| malformed("has an entry without a date"))?)
        }
    };
    Ok(Listed { since, until })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::Certificate;
    use crate::certificate::made::{authority, leaf, now};
    use rcgen::{CertificateRevocationListParams, Issuer, KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber};

    fn day(days: i64) -> time::OffsetDateTime {
        time::OffsetDateTime::from_unix_timestamp(now().timestamp() + days * 86_400).unwrap()
    }

    #[test]
    fn a_list_says_what_it_can_and_no_more() {
        let (params, key) = (authority("Test Root"), KeyPair::generate().unwrap());
        let root = params.self_signed(&key).unwrap().der().to_vec();
        let issuer = Issuer::new(params, key);
        let own = leaf().signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec();
        let serial = Certificate::of_der(&own).unwrap().serial;
        let list = |serial: &[u8], until: i64, by: &Issuer<'_, KeyPair>| {
            let revoked = RevokedCertParams {
                serial_number: SerialNumber::from_slice(serial),
                revocation_time: day(-3),
                reason_code: None,
                invalidity_date: None,
            };
            let list = CertificateRevocationListParams {
                this_update: day(-2),
                next_update: day(until),
                crl_number: SerialNumber::from(1u64),
                issuing_distribution_point: None,
                revoked_certs: vec![revoked],
                key_identifier_method: KeyIdMethod::Sha256,
            };
            list.signed_by(by).unwrap().der().to_vec()
        };
        let bytes: Vec<u8> =
            (0..serial.len() / 2).map(|at| u8::from_str_radix(&serial[2 * at..2 * at + 2], 16).unwrap()).collect();
        let revoked = look_up(&list(&bytes, 5, &issuer), &serial, &root, now()).unwrap();
        assert!(revoked.since.is_some());
        assert_eq!(look_up(&list(&[1, 2, 3], 5, &issuer), &serial, &root, now()).unwrap().since, None);
        // Of the past, of another key of the name, cut.
        assert!(look_up(&list(&[1, 2, 3], -1, &issuer), &serial, &root, now()).is_err());
        let other = Issuer::new(authority("Test Root"), KeyPair::generate().unwrap());
        assert!(look_up(&list(&[1, 2, 3], 5, &other), &serial, &root, now()).is_err());
        let whole = list(&bytes, 5, &issuer);
        assert!(look_up(&whole[..whole.len() - 9], &serial, &root, now()).is_err());
    }
}

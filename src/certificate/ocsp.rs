//! What an OCSP response says of one certificate (RFC 6960), and the request for one. Only a response that the issuer's
//! key stands behind, that is about this very certificate, and that is of today says anything.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use x509_parser::asn1_rs::BitString;
use x509_parser::prelude::{AlgorithmIdentifier, FromDer as _, X509Certificate};
use x509_parser::verify::verify_signature;

use super::der::{Element, contents, wrap};
use super::{Certificate, Signed, hex};
use crate::evidence::Unseen;
use crate::evidence::revocation::Listed;

/// A clock of either side may be wrong by so much; the response's age is measured in days.
const SKEW: TimeDelta = TimeDelta::minutes(5);

/// The response's word on the certificate that `own` is, which `issuer` issued.
pub fn look_up(response: &[u8], own: &Certificate, issuer: &Certificate, at: DateTime<Utc>) -> Result<Listed, Unseen> {
    let basic = Basic::read(response)?;
    basic.is_signed_for(issuer, at)?;
    let single = basic.about(own, issuer)?;
    if single.from > at + SKEW {
        return Err(not_comparable(&format!("is of the future: it holds from {}", single.from)));
    }
    // Without an end, newer information is always to be had (RFC 6960 section 2.4): it says nothing of later than its day.
    let until = single.until.unwrap_or(single.from + TimeDelta::days(1));
    if until < at {
        return Err(not_comparable(&format!("is of the past: it held until {until}")));
    }
    match single.status {
        Status::Good => Ok(Listed { since: None, until }),
        Status::Revoked(since) => Ok(Listed { since: Some(since), until }),
        Status::Unknown => Err(not_comparable("says that the responder does not know the certificate")),
    }
}

/// The request about one certificate, without a nonce: responders answer from what they signed before (RFC 5019).
pub fn request(own: &Certificate, issuer: &Certificate) -> Option<Vec<u8>> {
    let (name, key) = fingerprints(issuer, &SHA1_FOR_LEGACY_USE_ONLY)?;
    // id-sha1 with NULL, the one that every responder knows (RFC 5019 section 2.1.1).
    let algorithm = wrap(0x30, &[6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]);
    let serial = X509Certificate::from_der(&own.der).ok()?.1.raw_serial().to_vec();
    let id = wrap(0x30, &[algorithm, wrap(4, &name), wrap(4, &key), wrap(2, &serial)].concat());
    // OCSPRequest, TBSRequest, requestList, Request
    Some(wrap(0x30, &wrap(0x30, &wrap(0x30, &wrap(0x30, &id)))))
}

fn malformed(what: &str) -> Unseen {
    Unseen::Malformed(format!("the OCSP response {what}"))
}

fn not_comparable(what: &str) -> Unseen {
    Unseen::NotComparable(format!("the OCSP response {what}"))
}

/// A BasicOCSPResponse (RFC 6960 section 4.2.1), cut into its parts.
struct Basic<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
    signature: &'a [u8],
    certificates: Vec<&'a [u8]>,
    singles: Vec<Element<'a>>,
}

impl<'a> Basic<'a> {
    fn read(response: &'a [u8]) -> Result<Self, Unseen> {
        let unreadable = || malformed("cannot be read");
        let whole = Element::only(response).filter(|whole| whole.tag == 0x30).ok_or_else(unreadable)?;
        let parts = contents(whole.content).ok_or_else(unreadable)?;
        match parts.first() {
            Some(Element { tag: 0x0a, content: [0], .. }) => {}
            Some(Element { tag: 0x0a, content: [status], .. }) => {
                return Err(not_comparable(&format!("is an error: {}", error(*status))));
            }
            _ => return Err(unreadable()),
        }
        // responseBytes: [0] { responseType, response }
        let bytes = parts.get(1).filter(|bytes| bytes.tag == 0xa0).and_then(|bytes| Element::only(bytes.content));
        let bytes = bytes.and_then(|bytes| contents(bytes.content)).ok_or_else(unreadable)?;
        let [kind, response] = bytes[..] else { return Err(unreadable()) };
        // id-pkix-ocsp-basic, 1.3.6.1.5.5.7.48.1.1
        if kind.content != [0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1] {
            return Err(malformed("is of a kind that is not known here"));
        }
        let basic = Element::only(response.content).and_then(|basic| contents(basic.content)).ok_or_else(unreadable)?;
        let [data, algorithm, signature, ref rest @ ..] = basic[..] else { return Err(unreadable()) };
        let certificates = match rest.first().filter(|rest| rest.tag == 0xa0) {
            Some(rest) => Element::only(rest.content).and_then(|list| contents(list.content)).ok_or_else(unreadable)?,
            None => Vec::new(),
        };
        // version [0] by default, responderID [1] or [2], producedAt, responses, extensions [1]
        let parts = contents(data.content).ok_or_else(unreadable)?;
        let list = parts.iter().find(|part| part.tag == 0x30).ok_or_else(unreadable)?;
        Ok(Self {
            signed: data.whole,
            algorithm: algorithm.whole,
            signature: signature.whole,
            certificates: certificates.iter().map(|certificate| certificate.whole).collect(),
            singles: contents(list.content).ok_or_else(unreadable)?,
        })
    }

    /// Whether the issuer signed it, or one whom the issuer lets sign such responses (RFC 6960 section 4.2.2.2).
    fn is_signed_for(&self, issuer: &Certificate, at: DateTime<Utc>) -> Result<(), Unseen> {
        if self.verifies(&issuer.der) {
            return Ok(());
        }
        // A response needs one certificate; more than a few are somebody's game.
        for der in self.certificates.iter().take(4) {
            let Ok(responder) = Certificate::of_der(der) else { continue };
            let issued = responder.issuer_raw == issuer.subject_raw && responder.signed_by(issuer) == Signed::Yes;
            if issued && responder.is_current(at) && may_sign_responses(der) && self.verifies(der) {
                return Ok(());
            }
        }
        Err(not_comparable(&format!("is signed neither by `{}` nor by a responder of its own", issuer.subject)))
    }

    fn verifies(&self, certificate: &[u8]) -> bool {
        let (Ok((_, signer)), Ok((_, algorithm)), Ok((_, signature))) = (
            X509Certificate::from_der(certificate),
            AlgorithmIdentifier::from_der(self.algorithm),
            BitString::from_der(self.signature),
        ) else {
            return false;
        };
        verify_signature(signer.public_key(), &algorithm, &signature, self.signed).is_ok()
    }

    fn about(&self, own: &Certificate, issuer: &Certificate) -> Result<Single, Unseen> {
        self.singles
            .iter()
            .take(64)
            .find(|single| {
                let parts = contents(single.content).unwrap_or_default();
                parts.first().is_some_and(|id| is_about(id, own, issuer).unwrap_or(false))
            })
            .ok_or_else(|| not_comparable("is about another certificate"))
            .and_then(|single| Single::read(single).ok_or_else(|| malformed("cannot be read")))
    }
}

/// What a response says of one certificate.
struct Single {
    status: Status,
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

enum Status {
    Good,
    Revoked(DateTime<Utc>),
    Unknown,
}

impl Single {
    fn read(single: &Element<'_>) -> Option<Self> {
        let parts = contents(single.content)?;
        let [_, status, from, ref rest @ ..] = parts[..] else { return None };
        let status = match status.tag {
            0x80 => Status::Good,
            0xa1 => Status::Revoked(time(contents(status.content)?.first()?)?),
            0x82 => Status::Unknown,
            _ => return None,
        };
        let until = match rest.first().filter(|rest| rest.tag == 0xa0) {
            Some(until) => Some(time(&Element::only(until.content)?)?),
            None => None,
        };
        Some(Self { status, from: time(&from)?, until })
    }
}

/// A CertID: the hash of the issuer's name and key, and the serial number.
fn is_about(id: &Element<'_>, own: &Certificate, issuer: &Certificate) -> Option<bool> {
    let parts = contents(id.content)?;
    let [algorithm, name, key, serial] = parts[..] else { return Some(false) };
    let algorithm: &Algorithm = match contents(algorithm.content)?.first()?.content {
        [0x2b, 0x0e, 3, 2, 0x1a] => &SHA1_FOR_LEGACY_USE_ONLY,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1] => &SHA256,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2] => &SHA384,
        [0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3] => &SHA512,
        _ => return Some(false),
    };
    let (own_name, own_key) = fingerprints(issuer, algorithm)?;
    Some(name.content == own_name && key.content == own_key && hex(serial.content) == own.serial)
}

fn fingerprints(issuer: &Certificate, algorithm: &'static Algorithm) -> Option<(Vec<u8>, Vec<u8>)> {
    let (_, parsed) = X509Certificate::from_der(&issuer.der).ok()?;
    let key = digest(algorithm, &parsed.public_key().subject_public_key.data);
    Some((digest(algorithm, &issuer.subject_raw).as_ref().to_vec(), key.as_ref().to_vec()))
}

fn may_sign_responses(der: &[u8]) -> bool {
    let Ok((_, parsed)) = X509Certificate::from_der(der) else { return false };
    parsed.extended_key_usage().ok().flatten().is_some_and(|usage| usage.value.ocsp_signing)
}

/// GeneralizedTime, in seconds and in UTC (RFC 5280 section 4.1.2.5.2).
fn time(element: &Element<'_>) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(element.content).ok().filter(|_| element.tag == 0x18)?;
    NaiveDateTime::parse_from_str(text.strip_suffix('Z')?, "%Y%m%d%H%M%S").ok().map(|time| time.and_utc())
}

/// OCSPResponseStatus, RFC 6960 section 4.2.1.
fn error(status: u8) -> String {
    match status {
        1 => "malformed request".into(),
        2 => "internal error".into(),
        3 => "try later".into(),
        5 => "the request must be signed".into(),
        6 => "unauthorized".into(),
        other => format!("status {other}"),
    }
}

#[cfg(test)]
pub(crate) mod tests;

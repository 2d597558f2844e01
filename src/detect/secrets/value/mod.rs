//! What a value looks like by itself: a reference, a stand-in, plain data, ciphertext, or nothing that speaks against a secret.

mod hash;
mod placeholder;
mod plain;
mod reference;
mod words;

pub(super) use super::ciphertext::is_ciphertext;
pub(super) use hash::{is_password_hash, is_stored_hash};
use placeholder::is_placeholder;
pub(super) use placeholder::is_wording;
pub(super) use plain::is_passphrase;
use plain::is_plain;
pub(super) use reference::fallback;
use reference::{is_interpolated, is_reference};

use super::shape::{is_noise, plain_letters};
use crate::evidence::repo::ValueKind;

/// What a value looks like by itself; `Secret` means only that nothing speaks against it.
pub(super) fn looks(value: &str) -> ValueKind {
    let value = value.trim();
    if value.is_empty() {
        return ValueKind::Empty;
    }
    if is_interpolated(value) {
        return ValueKind::Reference;
    }
    if is_noise(value) && !["://", "{{", "${", "<%"].iter().any(|mark| value.contains(mark)) {
        return ValueKind::Secret;
    }
    if is_reference(value) {
        return ValueKind::Reference;
    }
    if is_ciphertext(value) {
        return ValueKind::Ciphertext;
    }
    if is_placeholder(value) {
        return ValueKind::Placeholder;
    }
    if is_plain(value) {
        return ValueKind::Plain;
    }
    ValueKind::Secret
}

/// What products ship with, and what every tutorial shows: no secret, but a fault of another kind.
const SHIPPED: &[&str] = &[
    "postgres",
    "root",
    "admin",
    "guest",
    "minioadmin",
    "rabbitmq",
    "mysql",
    "mariadb",
    "elastic",
    "mongo",
    "redis",
    "sa",
    "neo4j",
    "grafana",
    "tomcat",
    "oracle",
    "ubuntu",
    "pi",
    "raspberry",
    "vagrant",
    "docker",
    "demo",
    "keycloak",
    "nexus",
    "jenkins",
    "localhost",
    // The keystore that every Android Studio makes.
    "android",
    "scott",
    "tiger",
    "minio",
    // Examples of RFC 6750 and RFC 7617, and everybody after them.
    "mf_9.b5f-4.1jqm",
    "open sesame",
    "opensesame",
    "keyboard cat",
    "shhhh",
    "shhh",
    "shhhhh",
    "s3cr3t",
    "s3cret",
];

pub(super) fn is_shipped(value: &str) -> bool {
    SHIPPED.contains(&value.to_ascii_lowercase().as_str())
}

/// `password123`, `P@ssw0rd`, `Secret1!`: the word itself, dressed up. Real in configuration, made up elsewhere.
pub(super) fn is_dressed_up(value: &str) -> bool {
    let letters = plain_letters(value);
    [
        "password", "passwd", "secret", "qwerty", "letmein", "hunter", "welcome", "admin", "test", "token", "pass",
        "abc", "foo", "user",
    ]
    .iter()
    .any(|word| letters.contains(word) && word.len() * 2 >= letters.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_are_no_secret_are_told_by_their_kind() {
        for value in
            ["changeme", "<your key>", "xxxxxxxxxxxx", "your-api-key-here", "********", "password", "sk_test_xxx"]
        {
            assert_eq!(looks(value), ValueKind::Placeholder, "{value}");
        }
        for value in
            ["${DB_PASSWORD}", "$DB_PASSWORD", "{{ .Values.key }}", "op://vault/item", "process.env.KEY", "%SECRET%"]
        {
            assert_eq!(looks(value), ValueKind::Reference, "{value}");
        }
        for value in [
            "5432",
            "https://example.org/x",
            "./certs/server",
            "user.password",
            "please enter your name",
            "DB_PASSWORD",
            "#password",
            "me@mail.example.org",
            "server.key",
            "getToken()",
        ] {
            assert_ne!(looks(value), ValueKind::Secret, "{value}");
        }
        assert_eq!(looks("encrypted:BGhX9zQkLw8Xc4Vb7Nm1Td5aaQ"), ValueKind::Ciphertext);
        assert_eq!(looks("tr0ub4dor&3-Zebra"), ValueKind::Secret);
    }

    #[test]
    fn a_default_behind_a_variable_is_a_value() {
        assert_eq!(fallback("${DB_PASSWORD:-value}"), Some("value"));
        assert_eq!(fallback("${db.password:value}"), Some("value"));
        assert_eq!(fallback("${DB_PASSWORD:?missing}"), None);
        assert_eq!(fallback("${DB_PASSWORD}"), None);
    }

    #[test]
    fn wording_of_forms_is_no_password_in_any_language() {
        for value in ["Passwort", "Mot de passe oublié", "Пароль", "Password:", "Contraseña"] {
            assert!(is_wording(value), "{value}");
        }
        for value in ["Brighton19", "sunshine", "correct horse battery staple"] {
            assert!(!is_wording(value), "{value}");
        }
    }

    #[test]
    fn a_passphrase_is_no_sentence() {
        assert!(is_passphrase("correct horse battery staple"));
        assert!(!is_passphrase("must have at least eight characters"));
    }
}

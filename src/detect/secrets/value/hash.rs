//! Hashes of passwords.

use super::super::shape::is_hex;

/// Hashes are worth protecting, but they are not the secret.
pub(in super::super) fn is_password_hash(value: &str) -> bool {
    const STARTS: &[&str] = &[
        "$2a$",
        "$2b$",
        "$2y$",
        "$argon2",
        "$scrypt$",
        "$1$",
        "$5$",
        "$6$",
        "$7$",
        "$y$",
        "$P$",
        "$H$",
        "$S$",
        "$apr1$",
        "pbkdf2",
        "{SHA",
        "{SSHA",
        "{CRYPT}",
        "scrypt:",
        "SCRAM-SHA-256$",
        "sha1$",
        "bcrypt",
        "*",
    ];
    STARTS.iter().any(|start| {
        value.starts_with(start)
            && (*start != "*" || value.len() == 41 && value.bytes().skip(1).all(|byte| byte.is_ascii_hexdigit()))
    })
}

/// A password hash, or the bare hexadecimal digest of one.
pub(in super::super) fn is_stored_hash(value: &str) -> bool {
    is_password_hash(value) || is_hex(value) && matches!(value.len(), 32 | 40 | 56 | 64 | 96 | 128)
}

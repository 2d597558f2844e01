//! The checklist. One file per item; one line here per file.

pub mod access;
pub mod tls;

use crate::check::Module;

/// Every check, in checklist order.
pub const ALL: &[Module] = &[
    Module::of::<access::auth_enforced::AuthEnforced>(),
    Module::of::<access::token_strength::TokenStrength>(),
    Module::of::<tls::https_enforced::HttpsEnforced>(),
];

//! The checklist. One file per item; one line here per file.

pub mod access;
pub mod tls;

use crate::check::Module;

/// Every check, in checklist order.
pub const ALL: &[Module] = &[
    Module::of::<access::cors_origins::CorsOrigins>(),
    Module::of::<access::input_validation::InputValidation>(),
    Module::of::<access::error_disclosure::ErrorDisclosure>(),
    Module::of::<tls::https_enforced::HttpsEnforced>(),
];

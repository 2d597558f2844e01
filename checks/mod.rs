//! The checklist. One file per item; one line here per file.

pub mod access;
pub mod secrets;
pub mod tls;

use crate::check::Module;

/// Every check, in checklist order.
pub const ALL: &[Module] = &[
    Module::of::<secrets::secrets_committed::SecretsCommitted>(),
    Module::of::<secrets::env_files::EnvFilesCheck>(),
    Module::of::<secrets::gitignore::Gitignore>(),
    Module::of::<secrets::secret_rotation::SecretRotation>(),
    Module::of::<secrets::secret_reuse::SecretReuse>(),
    Module::of::<secrets::incident_record::IncidentRecord>(),
    Module::of::<tls::https_enforced::HttpsEnforced>(),
];

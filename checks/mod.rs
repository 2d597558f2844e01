//! The checklist. One file per item; one line here per file.

pub mod access;
pub mod agents;
pub mod llm;
pub mod own;
pub mod process;
pub mod secrets;
pub mod tls;

use crate::check::Module;

/// Every check, in checklist order.
pub const ALL: &[Module] = &[
    // Secrets
    Module::of::<secrets::secrets_committed::SecretsCommitted>(),
    Module::of::<secrets::env_files::EnvFilesCheck>(),
    Module::of::<secrets::gitignore::Gitignore>(),
    Module::of::<secrets::secret_rotation::SecretRotation>(),
    Module::of::<secrets::secret_reuse::SecretReuse>(),
    Module::of::<secrets::incident_record::IncidentRecord>(),
    // The MCP server and its API
    Module::of::<access::auth_enforced::AuthEnforced>(),
    Module::of::<access::token_strength::TokenStrength>(),
    Module::of::<access::rate_limit::RateLimit>(),
    Module::of::<access::cors_origins::CorsOrigins>(),
    Module::of::<access::input_validation::InputValidation>(),
    Module::of::<access::error_disclosure::ErrorDisclosure>(),
    // LLM servers and AI agents
    Module::of::<llm::llm_ports::LlmPorts>(),
    Module::of::<agents::agent_capabilities::AgentCapabilities>(),
    Module::of::<agents::activity_log::ActivityLog>(),
    Module::of::<process::monitoring::Monitoring>(),
    // Transport
    Module::of::<tls::https_enforced::HttpsEnforced>(),
    Module::of::<tls::tls_version::TlsVersion>(),
    Module::of::<tls::certificate_trust::CertificateTrust>(),
    Module::of::<tls::certificate_expiry::CertificateExpiry>(),
    Module::of::<tls::certificate_renewal::CertificateRenewal>(),
    Module::of::<tls::certificate_pinning::CertificatePinning>(),
    // Process
    Module::of::<process::disclosure_channel::DisclosureChannel>(),
    Module::of::<process::audit_schedule::AuditSchedule>(),
];

//! The checklist. One file per item; one line here per file.

pub mod access;
pub mod agents;
pub mod llm;
pub mod process;
pub mod tls;

use crate::check::Module;

/// Every check, in checklist order.
pub const ALL: &[Module] = &[
    Module::of::<llm::llm_ports::LlmPorts>(),
    Module::of::<agents::agent_capabilities::AgentCapabilities>(),
    Module::of::<agents::activity_log::ActivityLog>(),
    Module::of::<process::monitoring::Monitoring>(),
    Module::of::<tls::https_enforced::HttpsEnforced>(),
];

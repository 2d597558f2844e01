//! The policy's sections on how people work: monitoring, reporting, auditing.

pub mod audit_schedule;
pub mod disclosure_channel;
pub mod monitoring;

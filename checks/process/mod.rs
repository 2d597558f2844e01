//! How people work: reporting, auditing.

pub mod audit_schedule;
pub mod disclosure_channel;
//! Section: process.

pub mod monitoring;

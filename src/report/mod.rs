//! The report: all statuses of one run, plus what was covered.

pub mod escape;

/// All statuses of one run.
pub struct Report {}

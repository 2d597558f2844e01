//! The report: all statuses of one run, plus what was covered.

/// All statuses of one run.
pub struct Report {}

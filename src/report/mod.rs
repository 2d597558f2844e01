//! The report: all statuses of one run, plus what was covered.

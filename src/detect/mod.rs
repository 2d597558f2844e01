//! Detectors: pure functions from what was received to what it is.

pub mod refusal;

//! Detectors: pure functions that probes call on what they read, so that only facts leave the place where secrets are.

pub mod secrets;

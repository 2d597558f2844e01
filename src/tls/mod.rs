//! What is known about TLS beside the wire: its cipher suites, and how servers are configured for its versions.

pub mod configuration;
pub mod suites;

//! TLS as bytes and names, nothing sent: the hello, the reader of its answer, cipher suites, server configuration.

pub mod configuration;
pub mod hello;
pub mod reader;
pub mod suites;

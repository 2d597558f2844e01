//! Who may call the service, how often, from which page, and with which input.

pub mod rate_limit;

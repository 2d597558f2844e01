//! The policy's section on transport.

pub mod https_enforced;

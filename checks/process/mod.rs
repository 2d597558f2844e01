//! Section: process.

pub mod monitoring;

//! Detectors: pure functions that derive facts from text and data. Probes and checks call them; they touch nothing.

pub mod answer;
pub mod carried;
pub mod disclosure;
pub mod refusal;
pub mod routes;
pub mod schema;
pub mod secrets;

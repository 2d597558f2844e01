//! watertight audits a live deployment and its repository against a written security policy, and says for every item:
//! it holds (and on what grounds), it does not (where, and the remedy), or it could not be seen.
//!
//! The modules stand in the order of the pipeline: policy and targets, plan, evidence, verdicts, report.

pub mod period;
pub mod policy;
pub mod target;

pub mod certificate;
pub mod check;
#[path = "../checks/mod.rs"]
pub mod checks;
pub mod detect;
pub mod evidence;
pub mod plan;
pub mod tls;

pub mod audit;
pub mod demo;
pub mod history;
pub mod probe;
pub mod report;

pub mod cli;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzz;

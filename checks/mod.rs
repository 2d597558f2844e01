//! The checklist. One file per item; one line here per file.

use crate::check::Module;

/// Every check, in checklist order.
pub const ALL: &[Module] = &[];

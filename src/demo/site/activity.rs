//! Who did what, when, from where, with what outcome: one JSON line a request, and a counter of what was denied.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

use crate::demo::fault::{Fault, Faults};

/// One request, as logged. The credential is never in it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Entry {
    pub(super) address: String,
    pub(super) method: String,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool: Option<String>,
    #[serde(skip)]
    pub(super) outcome: &'static str,
    #[serde(skip)]
    pub(super) status: u16,
    pub(super) user_agent: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client: Option<String>,
    pub(super) request_id: String,
    /// Only a deployment that is broken in this way logs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorization: Option<String>,
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    #[serde(flatten)]
    entry: &'a Entry,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

pub(super) struct Activity {
    file: Mutex<File>,
    faults: Faults,
    pub(super) denied: AtomicU64,
    pub(super) served: AtomicU64,
}

impl Activity {
    pub(super) fn new(path: &Path, faults: &Faults) -> std::io::Result<Self> {
        let file = Mutex::new(File::options().create(true).append(true).open(path)?);
        Ok(Self { file, faults: faults.clone(), denied: AtomicU64::new(0), served: AtomicU64::new(0) })
    }

    pub(super) fn record(&self, entry: &Entry) {
        self.served.fetch_add(1, Ordering::Relaxed);
        let denied = entry.outcome == "denied";
        if denied {
            self.denied.fetch_add(1, Ordering::Relaxed);
        }
        if self.faults.has(Fault::LogOff) || (denied && self.faults.has(Fault::LogSkipsDenied)) {
            return;
        }
        let time =
            (!self.faults.has(Fault::LogTimeless)).then(|| Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
        let says = !self.faults.has(Fault::LogOutcomeless);
        let (outcome, status) = (says.then_some(entry.outcome), says.then_some(entry.status));
        if let Ok(mut line) = serde_json::to_vec(&Line { time, entry, outcome, status })
            && let Ok(mut file) = self.file.lock()
        {
            line.push(b'\n');
            // A full disk must not stop the demo; the check that reads the log will see that the line is missing.
            let _ = file.write_all(&line);
        }
    }
}

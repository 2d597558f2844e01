//! Who did what, when, from where, with what outcome: one JSON line a request, and a counter of what was denied.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{SecondsFormat, Utc};
use serde::Serialize;

/// One request, as logged. The credential is never in it.
#[derive(Debug, Default, Serialize)]
pub(super) struct Entry {
    pub(super) address: String,
    pub(super) method: String,
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool: Option<String>,
    pub(super) outcome: &'static str,
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
}

pub(super) struct Activity {
    file: Option<Mutex<File>>,
    timeless: bool,
    pub(super) denied: AtomicU64,
    pub(super) served: AtomicU64,
}

impl Activity {
    /// Without a path nothing is written; the counters count all the same.
    pub(super) fn new(path: Option<&Path>, timeless: bool) -> std::io::Result<Self> {
        let file = match path {
            Some(path) => Some(Mutex::new(File::options().create(true).append(true).open(path)?)),
            None => None,
        };
        Ok(Self { file, timeless, denied: AtomicU64::new(0), served: AtomicU64::new(0) })
    }

    pub(super) fn record(&self, entry: &Entry) {
        self.served.fetch_add(1, Ordering::Relaxed);
        if entry.outcome == "denied" {
            self.denied.fetch_add(1, Ordering::Relaxed);
        }
        let time = (!self.timeless).then(|| Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
        if let (Some(file), Ok(mut line)) = (&self.file, serde_json::to_vec(&Line { time, entry }))
            && let Ok(mut file) = file.lock()
        {
            line.push(b'\n');
            // A full disk must not stop the demo; the check that reads the log will see that the line is missing.
            let _ = file.write_all(&line);
        }
    }
}

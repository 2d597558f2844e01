//! The API of `tests/real/node/logging.mjs`, with a log store and a metrics page beside it.

use std::path::{Path, PathBuf};

use super::{Server, free_port, node};

/// It ends with the test.
pub(crate) struct Logging {
    pub(crate) port: u16,
    /// Of the store that is shaped like Loki's and Elasticsearch's, and of the metrics.
    pub(crate) store: u16,
    pub(crate) token: String,
    pub(crate) log: PathBuf,
    _server: Server,
}

impl Logging {
    /// `well`, `token` (it logs that, too) or `nothing`.
    pub(crate) fn start(folder: &Path, mode: &str) -> Self {
        let (port, store) = (free_port(), free_port());
        let log = folder.join("activity.log");
        // Made up for this run: the folder's own random name, twice.
        let name = folder.file_name().map(|name| name.to_string_lossy().replace('.', "")).unwrap_or_default();
        let token = format!("{name}{port}{name}{store}made-up");
        let environment = [
            ("PORT", port.to_string()),
            ("STORE_PORT", store.to_string()),
            ("TOKEN", token.clone()),
            ("LOG", log.to_string_lossy().into_owned()),
            ("MODE", mode.to_owned()),
        ];
        let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
        let script = node("logging.mjs");
        let server = Server::start("node", &[&script], &environment, &folder.join("node.log"), &[port, store]);
        Self { port, store, token, log, _server: server }
    }
}

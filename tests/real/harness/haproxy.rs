//! Debian's HAProxy with a configuration of the test's own.

use std::path::Path;

use super::servers::Server;

/// A running HAProxy.
pub(crate) struct Haproxy(#[expect(dead_code, reason = "ends the server when dropped")] Server);

impl Haproxy {
    /// Starts HAProxy with these sections, listening on `ports`.
    #[track_caller]
    pub(crate) fn start(folder: &Path, sections: &str, ports: &[u16]) -> Self {
        let configuration = format!(
            "global\n  maxconn 256\n  nbthread 1\ndefaults\n  mode http\n  timeout connect 2s\n  timeout client 10s\n  timeout server 10s\n{sections}\n"
        );
        let file = super::write(folder, "haproxy.cfg", &configuration);
        // `-db`: in the foreground, as a child that ends with the test.
        let arguments = ["-db", "-f", &file.to_string_lossy()];
        Self(Server::start("haproxy", &arguments, &[], &folder.join("haproxy.log"), ports))
    }
}

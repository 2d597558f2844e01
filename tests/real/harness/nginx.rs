//! Debian's nginx with a configuration of the test's own.

use std::path::Path;

use super::servers::Server;

/// A running nginx.
pub(crate) struct Nginx(#[expect(dead_code, reason = "ends the server when dropped")] Server);

impl Nginx {
    /// Starts nginx with the `server` blocks given, listening on `ports`.
    pub(crate) fn start(folder: &Path, servers: &str, ports: &[u16]) -> Self {
        let path = folder.display();
        let configuration = format!(
            "daemon off; pid {path}/nginx.pid; error_log {path}/nginx-error.log; worker_processes 1; user root;\n\
             events {{ worker_connections 256; }}\n\
             http {{ server_tokens off; access_log off;\n\
             client_body_temp_path {path}/body; proxy_temp_path {path}/proxy; fastcgi_temp_path {path}/fastcgi;\n\
             uwsgi_temp_path {path}/uwsgi; scgi_temp_path {path}/scgi;\n{servers}\n}}\n"
        );
        let file = super::write(folder, "nginx.conf", &configuration);
        let arguments = ["-p", &folder.to_string_lossy(), "-c", &file.to_string_lossy(), "-e", "stderr"];
        Self(Server::start("nginx", &arguments, &[], &folder.join("nginx.log"), ports))
    }
}

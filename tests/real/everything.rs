//! The reference server of the MCP project, open by design: authentication, CORS and the rate limit fail.

use crate::harness::{Audit, Server, folder, free_port, node};

#[test]
fn the_reference_server_fails_where_it_is_open() {
    let folder = folder();
    let path = folder.path();
    let port = free_port();
    let script = node("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    // An empty environment: its `get-env` tool hands it to anyone who asks.
    let _server = Server::start(
        "node",
        &[&script, "streamableHttp"],
        &[("PORT", &port.to_string())],
        &path.join("node.log"),
        &[port],
    );
    let url = format!("http://127.0.0.1:{port}");
    let audit = Audit::run(path, &["--url", &url, "--endpoint", "/mcp", "--scope", "deployment"], &[]);
    assert_eq!(audit.exit(), Some(1), "{}", String::from_utf8_lossy(&audit.output.stderr));
    for check in ["auth-enforced", "rate-limit", "cors-origins", "https-enforced"] {
        audit.expect(check, "fail");
    }
    assert_ne!(audit.status("input-validation"), "(absent)");
    assert_ne!(audit.status("token-strength"), "pass");
}

//! A target that is not there is inconclusive with exit 3: neither a pass nor a crash.

use crate::harness::{Audit, folder, free_port};

#[test]
fn nothing_listening_is_inconclusive() {
    let folder = folder();
    let url = format!("https://127.0.0.1:{}", free_port());
    let audit = Audit::run(
        folder.path(),
        &["--url", &url, "--endpoint", "GET /api", "--scope", "deployment", "--token-env", "REAL_TOKEN"],
        &[("REAL_TOKEN", "made-up-token-of-more-than-32-characters")],
    );
    assert_eq!(audit.exit(), Some(3), "{}", String::from_utf8_lossy(&audit.output.stderr));
    assert_eq!(audit.report["summary"]["pass"], 0, "{:#}", audit.report["summary"]);
}

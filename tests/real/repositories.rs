//! Repositories made by git: a committed `.env`, a secret in history only, a shallow clone, and this project itself.

use crate::harness::{Audit, Repository, folder};

/// Made up, and built at run time: a push protection would mistake it for a real one.
fn made_up_token() -> String {
    format!("{}_{}", "ghp", "Zk3vQ9xW1bN7rT5yLmC2sD8fGhJ4pAeU6oKi")
}

fn audit(path: &str, folder: &std::path::Path) -> Audit {
    Audit::run(folder, &["--repo", path, "--scope", "repository"], &[])
}

#[test]
fn a_committed_env_file_fails() {
    let folder = folder();
    let repository = Repository::init(folder.path(), "committed");
    repository.write(".env", &format!("GITHUB_TOKEN={}\n", made_up_token())).write("README.md", "app\n").commit("all");
    let audit = audit(&repository.path(), folder.path());
    for check in ["secrets-committed", "env-files", "gitignore"] {
        audit.expect(check, "fail");
    }
    assert_eq!(audit.exit(), Some(1));
    assert!(!audit.report.to_string().contains(&made_up_token()), "the secret is in the report");
    assert!(!String::from_utf8_lossy(&audit.output.stdout).contains(&made_up_token()));
}

#[test]
fn a_secret_in_history_only_is_found_and_said_to_be_there() {
    let folder = folder();
    let repository = Repository::init(folder.path(), "history");
    repository.write("config.yml", &format!("token: {}\n", made_up_token())).commit("add");
    repository.write("config.yml", "token: ${TOKEN}\n").commit("remove");
    let audit = audit(&repository.path(), folder.path());
    audit.expect("secrets-committed", "fail");
    assert!(audit.findings("secrets-committed").contains("history"), "{}", audit.findings("secrets-committed"));
}

#[test]
fn a_shallow_clone_never_passes() {
    let folder = folder();
    let origin = Repository::init(folder.path(), "origin");
    origin.write("a", "1\n").commit("one");
    origin.write("a", "2\n").commit("two");
    let clone = folder.path().join("shallow");
    let url = format!("file://{}", origin.path());
    origin.git(&["clone", "-q", "--depth", "1", &url, &clone.to_string_lossy()]);
    let audit = audit(&clone.to_string_lossy(), folder.path());
    audit.expect("secrets-committed", "inconclusive");
    assert!(audit.result("secrets-committed").to_string().contains("--unshallow"), "it says how to mend it");
}

#[test]
fn a_clean_repository_holds() {
    let folder = folder();
    let repository = Repository::init(folder.path(), "clean");
    repository
        .write(
            ".gitignore",
            ".env\n.env.*\n*.env.*\n!.env.example\n*.pem\n*.key\n*.p12\n*.pfx\n*.jks\nid_rsa*\n*.sql\n",
        )
        .write(".env.example", "TOKEN=changeme\n")
        .write("main.py", "import os\nTOKEN = os.environ['TOKEN']\n")
        .commit("all");
    audit(&repository.path(), folder.path()).expect("secrets-committed", "pass");
}

#[test]
fn this_project_comes_out_clean() {
    let folder = folder();
    let project = env!("CARGO_MANIFEST_DIR");
    let policy = format!("{project}/tests/real/project-policy.yaml");
    let audit = Audit::run(folder.path(), &["--policy", &policy, "--repo", project, "--scope", "repository"], &[]);
    // A clone made for a test run may be shallow; then it must say so, and still find nothing.
    let status = audit.status("secrets-committed");
    assert!(matches!(status, "pass" | "inconclusive"), "{:#}", audit.result("secrets-committed"));
    for check in ["env-files", "gitignore"] {
        audit.expect(check, "pass");
    }
}

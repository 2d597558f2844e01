//! Repositories made by git: a committed `.env`, a secret in history only, a shallow clone, and this project itself.

use crate::harness::{Audit, Repository, folder, watertight};

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

/// What a pre-commit hook sees: the index alone, by its exit code.
#[test]
fn what_is_staged_decides_a_commit_and_nothing_else_does() {
    let folder = folder();
    let repository = Repository::init(folder.path(), "staged");
    repository.write("old.yml", &format!("token: {}\n", made_up_token())).commit("a sin of the past");
    let path = repository.path();
    let staged = || {
        let output = watertight(folder.path(), &[]).args(["scan", &path, "--staged"]).output().expect("it starts");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, shown) = staged();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("--staged"), "it says what was not in question: {shown}");
    repository.write("new.yml", "password: sunflower77\n").write("clean.txt", "nothing\n");
    assert_eq!(staged().0, Some(0), "what is not staged is not in question");
    repository.git(&["add", "clean.txt"]);
    assert_eq!(staged().0, Some(0));
    repository.git(&["add", "new.yml"]);
    let (code, shown) = staged();
    assert_eq!(code, Some(1), "{shown}");
    assert!(shown.contains("new.yml") && !shown.contains("sunflower77"), "{shown}");
}

#[test]
fn one_file_is_read_with_or_without_a_repository_around_it() {
    let folder = folder();
    let (leaky, clean) = (folder.path().join("leaky.env"), folder.path().join("clean.txt"));
    std::fs::write(&leaky, format!("GITHUB_TOKEN={}\n", made_up_token())).expect("written");
    std::fs::write(&clean, "nothing\n").expect("written");
    let code = |arguments: &[&str]| {
        watertight(folder.path(), &[]).arg("scan").args(arguments).output().expect("it starts").status.code()
    };
    let (leaky, clean) = (leaky.to_string_lossy(), clean.to_string_lossy());
    assert_eq!(code(&[&leaky]), Some(1));
    assert_eq!(code(&[&clean]), Some(0));
    assert_eq!(code(&[&clean, "--check", "gitignore"]), Some(2), "one file cannot decide that");
    assert_eq!(code(&[&clean, "--staged"]), Some(2));
    assert_eq!(code(&["no-such-file"]), Some(3));
    assert_eq!(code(&[&folder.path().to_string_lossy()]), Some(1), "a folder that is no repository");
}

/// Rules and allowlists of one's own hold where a named policy names them, and nowhere else.
#[test]
fn the_rules_of_a_gitleaks_toml_hold_where_the_policy_names_it() {
    let folder = folder();
    let repository = Repository::init(folder.path(), "own");
    repository
        .write("badges.txt", "badge: AB123456\n")
        .write("fixtures/a.yml", &format!("token: {}\n", made_up_token()))
        .write(
            ".gitleaks.toml",
            "[[rules]]\nid = \"badge\"\ndescription = \"number of a badge\"\nregex = '''badge: ([A-Z]{2}\\d{6})'''\n\
             [allowlist]\npaths = ['''^fixtures/''']\n",
        )
        .commit("all");
    let policy = |gitleaks: &str| {
        let path = folder.path().join("policy-own.yaml");
        let repository = repository.path();
        let text = format!(
            "version: 1\nname: own\ntargets:\n  - name: here\n    scope: repository\n    repository: {{ path: {repository}{gitleaks} }}\n"
        );
        std::fs::write(&path, text).expect("written");
        path.to_string_lossy().into_owned()
    };
    let named = format!(", gitleaks: {}/.gitleaks.toml", repository.path());
    let with = Audit::run(folder.path(), &["--policy", &policy(&named)], &[]);
    let found = with.findings("secrets-committed");
    assert!(found.contains("badge") && !found.contains("fixtures"), "{found}");
    let without = Audit::run(folder.path(), &["--policy", &policy("")], &[]);
    let found = without.findings("secrets-committed");
    assert!(!found.contains("badge") && found.contains("fixtures"), "{found}");
    let missing = Audit::run(folder.path(), &["--policy", &policy(", gitleaks: /nowhere/rules.toml")], &[]);
    missing.expect("secrets-committed", "inconclusive");
}

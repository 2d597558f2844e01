//! Repositories made by git at run time, with made-up secrets planted in every place.

mod clones;
mod delta;
mod env;
mod hidden;
mod odd;
mod places;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::*;
use crate::evidence::repo::{Confidence, EnvKind, GapKind, State, ValueKind};

/// A folder with git in it, in an environment that knows nothing of this machine's settings.
struct Made {
    folder: tempfile::TempDir,
    root: PathBuf,
}

impl Made {
    fn folder() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("work");
        std::fs::create_dir(&root).unwrap();
        Self { folder, root }
    }

    fn new() -> Self {
        let made = Self::folder();
        made.git(&["init", "-q", "-b", "main"]);
        made.write("README.md", "nothing to see\n");
        made.commit("begin");
        made
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.git_in(&self.root, arguments)
    }

    fn git_in(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.command(folder, arguments).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// `None` where this git does not know how.
    fn try_git(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command(&self.root, arguments).stdin(Stdio::null()).output().unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// With something on its standard input.
    fn git_with(&self, arguments: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut child =
            self.command(&self.root, arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command
            .args(["-c", "protocol.file.allow=always", "-c", "uploadpack.allowFilter=true", "-c", "gc.auto=0"])
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.folder.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_AUTHOR_NAME", "a")
            .env("GIT_AUTHOR_EMAIL", "a@example.org")
            .env("GIT_COMMITTER_NAME", "a")
            .env("GIT_COMMITTER_EMAIL", "a@example.org")
            .env("GIT_TERMINAL_PROMPT", "0");
        command
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn commit(&self, message: &str) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message]);
    }

    fn scan(&self) -> Scan {
        scan_at(&self.root)
    }
}

fn scan_at(path: &Path) -> Scan {
    scan(path, &Key::ephemeral(), &Arc::default(), Duration::from_mins(1)).unwrap()
}

/// A made-up token of GitHub's form; `salt` tells them apart.
fn token(salt: &str) -> String {
    let body: String = "q7Zk2Lw9Xc4Vb8Nm1Td5Rf3Hs6Jp0Gy2Au4E".chars().take(36 - salt.len()).collect();
    format!("{}{body}{salt}", ["gh", "p_"].concat())
}

fn states(scan: &Scan) -> Vec<(State, String)> {
    let mut states: Vec<_> = scan
        .leaks
        .found
        .iter()
        .filter(|leak| leak.confidence >= Confidence::Medium)
        .flat_map(|leak| leak.sights.iter().map(|sight| (sight.state, sight.path.clone())))
        .collect();
    states.sort();
    states
}

fn gaps(scan: &Scan) -> Vec<GapKind> {
    scan.coverage.gaps.iter().map(|gap| gap.kind).collect()
}

//! Repositories made by git itself, with none of this machine's configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository of one test.
pub(crate) struct Repository(PathBuf);

impl Repository {
    pub(crate) fn init(folder: &Path, name: &str) -> Self {
        let repository = Self(folder.join(name));
        std::fs::create_dir_all(&repository.0).expect("the folder is made");
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        super::write(&self.0, name, text);
        self
    }

    pub(crate) fn commit(&self, message: &str) -> &Self {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "--allow-empty", "-m", message])
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> &Self {
        let output = Command::new("git")
            .args(arguments)
            .current_dir(&self.0)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.0)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .envs([("GIT_AUTHOR_NAME", "Test"), ("GIT_AUTHOR_EMAIL", "test@example.com")])
            .envs([("GIT_COMMITTER_NAME", "Test"), ("GIT_COMMITTER_EMAIL", "test@example.com")])
            .output()
            .expect("git starts");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        self
    }

    pub(crate) fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }
}

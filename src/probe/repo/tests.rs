//! Repositories made by git at run time, with made-up secrets planted in every place.

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
        let output = Command::new("git")
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
            .env("GIT_TERMINAL_PROMPT", "0")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
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

#[test]
fn a_clean_repository_is_read_whole() {
    let made = Made::new();
    let scan = made.scan();
    assert_eq!(states(&scan), []);
    assert_eq!(gaps(&scan), []);
    assert_eq!((scan.coverage.commits, scan.coverage.blobs, scan.coverage.files), (1, 1, 1));
    assert!(scan.coverage.git && scan.coverage.refs >= 1);
}

#[test]
fn a_secret_in_head_says_where_and_since_when() {
    let made = Made::new();
    made.write("src/app.py", &format!("# one\nkey = '{}'\n", token("H")));
    made.commit("add");
    let id = made.git(&["rev-parse", "HEAD"]);
    made.write("src/app.py", &format!("# one\nkey = '{}'\n# more\n", token("H")));
    made.commit("edit");
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::Head, "src/app.py".into())]);
    let sight = &scan.leaks.found[0].sights[0];
    assert_eq!(sight.line, Some(2));
    assert_eq!(sight.first.as_ref().unwrap().id, id);
    assert_eq!(sight.removed, None);
}

#[test]
fn a_secret_in_history_only_names_the_commit_that_took_it_away() {
    let made = Made::new();
    made.write("a.txt", &token("I"));
    made.commit("add");
    let added = made.git(&["rev-parse", "HEAD"]);
    made.write("a.txt", "gone\n");
    made.commit("remove");
    let removed = made.git(&["rev-parse", "HEAD"]);
    made.git(&["gc", "-q"]);
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::History, "a.txt".into())]);
    let sight = &scan.leaks.found[0].sights[0];
    assert_eq!(sight.first.as_ref().unwrap().id, added);
    assert_eq!(sight.removed.as_ref().unwrap().id, removed);
}

#[test]
fn a_secret_in_a_merge_resolution_is_found() {
    let made = Made::new();
    made.git(&["checkout", "-q", "-b", "side"]);
    made.write("b.txt", "side\n");
    made.commit("side");
    made.git(&["checkout", "-q", "main"]);
    made.write("c.txt", "main\n");
    made.commit("main");
    made.git(&["merge", "-q", "--no-commit", "--no-ff", "side"]);
    made.write("evil.txt", &token("M"));
    made.git(&["add", "-A"]);
    made.git(&["commit", "-q", "-m", "merge"]);
    made.git(&["rm", "-q", "evil.txt"]);
    made.git(&["commit", "-q", "-m", "clean"]);
    assert_eq!(states(&made.scan()), [(State::History, "evil.txt".into())]);
}

#[test]
fn stashes_old_and_new_are_read() {
    let made = Made::new();
    made.write("README.md", &token("S"));
    made.git(&["stash", "-q"]);
    made.write("README.md", &token("T"));
    made.git(&["stash", "-q"]);
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::Stash, "README.md".into()), (State::Stash, "README.md".into())]);
}

#[test]
fn a_dangling_commit_is_read() {
    let made = Made::new();
    made.write("d.txt", &token("D"));
    made.commit("add");
    made.git(&["reset", "-q", "--hard", "HEAD~1"]);
    assert_eq!(states(&made.scan()), [(State::Unreachable, "d.txt".into())]);
}

#[test]
fn messages_of_commits_and_tags_are_read() {
    let made = Made::new();
    made.commit(&format!("use {} for now", token("C")));
    made.git(&["tag", "-a", "v1", "-m", &format!("made with {}", token("G"))]);
    assert_eq!(states(&made.scan()), [(State::Message, String::new()), (State::Message, String::new())]);
}

#[test]
fn the_index_alone_is_read() {
    let made = Made::new();
    made.write("staged.txt", &token("X"));
    made.git(&["add", "staged.txt"]);
    std::fs::remove_file(made.root.join("staged.txt")).unwrap();
    assert_eq!(states(&made.scan()), [(State::Index, "staged.txt".into())]);
}

#[test]
fn untracked_edited_and_ignored_files_are_told_apart() {
    let made = Made::new();
    made.write(".gitignore", "*.secret\n.env\n");
    made.commit("ignore");
    made.write("new.txt", &token("U"));
    made.write("README.md", &token("E"));
    made.write("my.secret", &token("N"));
    made.write("app/deep/.env", &format!("API_TOKEN={}\n", token("V")));
    let found = states(&made.scan());
    assert_eq!(
        found,
        [
            (State::WorkTree, "README.md".into()),
            (State::WorkTree, "new.txt".into()),
            (State::Ignored, "app/deep/.env".into()),
            (State::Ignored, "my.secret".into()),
        ]
    );
}

#[test]
fn a_submodule_is_reported_as_unread() {
    let made = Made::new();
    let other = Made::new();
    other.write("x.txt", &token("B"));
    other.commit("add");
    made.git(&["submodule", "-q", "add", other.root.to_str().unwrap(), "sub"]);
    made.commit("sub");
    let scan = made.scan();
    assert_eq!(gaps(&scan), [GapKind::Submodules]);
    assert_eq!(scan.coverage.gaps[0].paths, ["sub"]);
}

#[test]
fn a_linked_worktree_reads_the_common_history() {
    let made = Made::new();
    made.write("w.txt", &token("W"));
    made.commit("add");
    made.git(&["rm", "-q", "w.txt"]);
    made.commit("remove");
    let linked = made.folder.path().join("linked");
    made.git(&["worktree", "add", "-q", "--detach", linked.to_str().unwrap()]);
    let scan = scan_at(&linked);
    assert_eq!(states(&scan), [(State::History, "w.txt".into())]);
    assert_eq!(gaps(&scan), []);
}

#[test]
fn a_bare_repository_and_one_of_sha256_are_read() {
    let made = Made::new();
    made.write("w.txt", &token("A"));
    made.commit("add");
    let bare = made.folder.path().join("bare.git");
    made.git(&["clone", "-q", "--bare", made.root.to_str().unwrap(), bare.to_str().unwrap()]);
    let scan = scan_at(&bare);
    assert_eq!(states(&scan), [(State::Head, "w.txt".into())]);
    assert!(scan.coverage.bare);

    let made = Made::folder();
    made.git(&["init", "-q", "-b", "main", "--object-format=sha256"]);
    made.write("w.txt", &token("A"));
    made.commit("add");
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::Head, "w.txt".into())]);
    assert_eq!(scan.coverage.object_hash, "sha256");
}

#[test]
fn a_shallow_clone_and_a_partial_clone_are_gaps() {
    let made = Made::new();
    made.write("old.txt", "one\n");
    made.commit("one");
    made.write("old.txt", "two\n");
    made.commit("two");
    let url = format!("file://{}", made.root.display());
    let shallow = made.folder.path().join("shallow");
    made.git(&["clone", "-q", "--depth", "1", &url, shallow.to_str().unwrap()]);
    let scan = scan_at(&shallow);
    assert_eq!(gaps(&scan), [GapKind::Shallow]);
    assert!(scan.coverage.gaps[0].mend.contains("--unshallow"));

    let partial = made.folder.path().join("partial");
    made.git(&["config", "uploadpack.allowFilter", "true"]);
    made.git(&["clone", "-q", "--filter=blob:none", &url, partial.to_str().unwrap()]);
    assert_eq!(gaps(&scan_at(&partial)), [GapKind::PartialClone]);
}

#[test]
fn a_missing_object_is_a_gap() {
    let made = Made::new();
    made.write("lost.txt", "lost\n");
    made.commit("add");
    let blob = made.git(&["rev-parse", "HEAD:lost.txt"]);
    std::fs::remove_file(made.root.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    assert_eq!(gaps(&made.scan()), [GapKind::MissingObjects]);
}

#[test]
fn what_a_replace_ref_hides_is_read_all_the_same() {
    let made = Made::new();
    made.write("r.txt", &token("R"));
    made.commit("add");
    let blob = made.git(&["rev-parse", "HEAD:r.txt"]);
    made.write("clean.txt", "clean\n");
    let clean = made.git(&["hash-object", "-w", "clean.txt"]);
    made.git(&["replace", &blob, &clean]);
    assert_eq!(states(&made.scan()), [(State::Head, "r.txt".into())]);
}

#[test]
fn archives_key_containers_and_lfs_pointers_are_gaps_and_pictures_are_not() {
    let made = Made::new();
    std::fs::write(made.root.join("a.zip"), b"PK\x03\x04rest").unwrap();
    std::fs::write(made.root.join("k.jks"), [0xfe, 0xed, 0xfe, 0xed, 0, 0]).unwrap();
    std::fs::write(made.root.join("p.png"), b"\x89PNG\r\n\x1a\n\0\0\0").unwrap();
    made.write(
        "big.bin",
        &format!("version https://git-lfs.github.com/spec/v1\noid sha256:{}\nsize 9\n", "a".repeat(64)),
    );
    made.commit("add");
    let scan = made.scan();
    assert_eq!(gaps(&scan), [GapKind::LfsPointers, GapKind::Archives, GapKind::KeyContainers]);
    assert!(scan.coverage.notes.iter().any(|note| note.contains("1 pictures")));
}

#[test]
fn a_folder_without_git_yields_findings_and_says_that_there_is_no_history() {
    let made = Made::folder();
    made.write("conf/app.ini", &format!("password = {}\n", ["Qw7", "rt!Zx", "9pLm"].concat()));
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::WorkTree, "conf/app.ini".into())]);
    assert_eq!(gaps(&scan), [GapKind::NoGit]);
    assert!(!scan.env.git);
}

#[test]
fn no_value_is_in_anything_that_is_recorded() {
    let made = Made::new();
    let secret = token("Z");
    made.write(".env", &format!("GITHUB_TOKEN={secret}\n"));
    made.commit(&format!("say {secret}"));
    let scan = made.scan();
    let shown = format!("{:?}{:?}{:?}", scan.coverage, scan.leaks, scan.env);
    assert!(!shown.contains(&secret[8..20]));
    assert!(scan.values.iter().any(|(_, value)| value.expose() == secret));
}

#[test]
#[cfg(unix)]
fn hostile_files_neither_hang_nor_lead_out() {
    let made = Made::new();
    assert!(Command::new("mkfifo").arg(made.root.join(".env")).status().unwrap().success());
    std::os::unix::fs::symlink("/etc/passwd", made.root.join("link.txt")).unwrap();
    std::os::unix::fs::symlink(".", made.root.join("loop")).unwrap();
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"caf\xe9\x1b[31m.txt");
    std::fs::write(made.root.join(name), token("Q")).unwrap();
    let scan = made.scan();
    assert_eq!(states(&scan).len(), 1);
    let env = &scan.env.files[0];
    assert!(env.unread.as_deref().is_some_and(|why| why.contains("FIFO")));
}

#[test]
fn a_hostile_core_worktree_is_not_followed() {
    let made = Made::new();
    let elsewhere = made.folder.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("x.txt"), token("Y")).unwrap();
    made.git(&["config", "core.worktree", elsewhere.to_str().unwrap()]);
    let scan = made.scan();
    assert_eq!(states(&scan), []);
    assert_eq!(gaps(&scan), [GapKind::Unreadable]);
}

#[test]
fn env_files_are_followed_through_tree_index_and_history() {
    let made = Made::new();
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    made.write(".env.old", &format!("DB_PASSWORD={value}\n"));
    made.write("tracked.env", "PORT=1\n");
    made.write(".env.example", "DB_PASSWORD=changeme\n");
    made.commit("add");
    made.git(&["rm", "-q", ".env.old"]);
    made.write(".gitignore", ".env\n*.env\n");
    made.commit("remove");
    made.write(".env", &format!("DB_PASSWORD={value}\nPORT=8080\nURL=https://api.internal/v1\n"));
    made.write(".env.production", &format!("DB_PASSWORD={value}\n"));
    let scan = made.scan();
    let file = |path: &str| scan.env.files.iter().find(|file| file.path == path).unwrap();
    assert!(!file(".env.old").exists && file(".env.old").first.is_some() && !file(".env.old").in_head);
    assert!(file("tracked.env").tracked && file("tracked.env").ignored.is_some() && file("tracked.env").exists);
    assert_eq!(file(".env.example").kind, EnvKind::Example);
    let env = file(".env");
    assert!(env.exists && !env.tracked && env.ignored.as_ref().unwrap().shared);
    assert_eq!(
        env.entries.iter().map(|entry| entry.value).collect::<Vec<_>>(),
        [ValueKind::Secret, ValueKind::Plain, ValueKind::Plain]
    );
    assert_eq!(file(".env.production").ignored, None);
    assert_eq!(env.entries[0].fingerprint, file(".env.production").entries[0].fingerprint);
}

#[test]
fn a_rule_of_this_clone_alone_is_not_shared() {
    let made = Made::new();
    std::fs::write(made.root.join(".git/info/exclude"), ".env\n").unwrap();
    made.write(".env", "A=1\n");
    let scan = made.scan();
    assert!(scan.env.files[0].ignored.as_ref().is_some_and(|rule| !rule.shared));
}

fn ignored(made: &Made, names: &[&str]) -> Vec<(bool, bool)> {
    let ask = IgnoredAsk { names: names.iter().map(|name| (*name).to_owned()).collect() };
    let answer = ignore::answer(&open::open(&made.root).unwrap(), &ask).unwrap();
    answer.names.iter().map(|name| (name.by.as_ref().is_some_and(|rule| rule.shared), name.negated.is_some())).collect()
}

#[test]
fn gits_own_matcher_judges_names_that_do_not_exist() {
    let made = Made::new();
    made.write(".gitignore", "*.env.*\n.env*\n!.env.example\nlogs/\n!logs/keep.env\n");
    made.write("app/.gitignore", "!.env.local\n");
    made.commit("rules");
    assert_eq!(
        ignored(&made, &[".env", "prod.env.local", ".env.example", "app/.env.local", "logs/keep.env", "id_rsa"]),
        [(true, false), (true, false), (false, true), (false, true), (true, false), (false, false)]
    );
}

#[test]
fn a_gitignore_that_is_not_committed_is_not_shared() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    assert_eq!(ignored(&made, &[".env"]), [(false, false)]);
}

#[test]
fn images_and_packages_that_take_an_env_file_along_are_named() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    made.write("Dockerfile", "FROM scratch\nCOPY --chown=1 . /app\nCOPY --from=x . /y\n");
    made.write(".env", "A=1\n");
    assert_eq!(made.scan().env.shipped.iter().map(|shipping| shipping.line).collect::<Vec<_>>(), [2]);
    made.write(".dockerignore", "**/.env*\n");
    assert_eq!(made.scan().env.shipped, []);
    made.write("package.json", "{\"name\":\"x\",\"files\":[\"dist\",\".env\"]}");
    assert_eq!(made.scan().env.shipped.len(), 1);
}

#[test]
fn lines_are_those_of_tracked_files_and_are_masked() {
    let made = Made::new();
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    made.write("conf/nginx.conf", &format!("ssl_protocols TLSv1.2;\npassword = \"{value}\" ssl\n"));
    made.commit("add");
    made.write("untracked.conf", "ssl_protocols TLSv1;\n");
    let ask = Lines { globs: vec!["*.conf".into()], pattern: "ssl".into() };
    let budget = Budget::new(Arc::default(), Duration::from_mins(1));
    let found = lines::find(&open::open(&made.root).unwrap(), &ask, &budget).unwrap();
    assert_eq!(found.files, 1);
    assert_eq!(
        found.lines.iter().map(|line| (line.line, line.text.as_str())).collect::<Vec<_>>(),
        [(1, "ssl_protocols TLSv1.2;"), (2, "password = \"[masked]\" ssl")]
    );
}

#[test]
fn a_cancelled_reading_is_a_gap_and_no_pass() {
    let made = Made::new();
    let cancel = Arc::new(AtomicBool::new(true));
    let scan = scan(&made.root, &Key::ephemeral(), &cancel, Duration::from_mins(1)).unwrap();
    assert!(gaps(&scan).contains(&GapKind::OverBudget));
}

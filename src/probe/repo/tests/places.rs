//! A planted secret is found in every place that git has for one.

use super::*;

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
fn a_note_is_read() {
    let made = Made::new();
    made.git(&["notes", "add", "-m", &format!("see {}", token("N"))]);
    let found = states(&made.scan());
    assert_eq!(found.iter().map(|(state, _)| *state).collect::<Vec<_>>(), [State::History]);
}

#[test]
fn what_only_the_reflog_has_is_read() {
    let made = Made::new();
    made.write("a.txt", &token("O"));
    made.commit("add");
    made.write("a.txt", "clean\n");
    made.git(&["add", "-A"]);
    made.git(&["commit", "-q", "--amend", "-m", "add"]);
    assert_eq!(states(&made.scan()), [(State::Unreachable, "a.txt".into())]);
}

#[test]
fn a_nested_env_file_is_read_wherever_it_stands() {
    let made = Made::new();
    let value = ["Qw7", "rt!Zx", "9pLm"].concat();
    made.write("services/api/deploy/.env", &format!("DB_PASSWORD={value}\n"));
    made.commit("add");
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::Head, "services/api/deploy/.env".into())]);
    assert!(scan.env.files.iter().any(|file| file.path == "services/api/deploy/.env" && file.tracked));
}

/// A staged file has no tree that names it yet; its own name says how it is read.
#[test]
fn a_password_that_is_only_staged_is_read_by_the_form_of_its_file() {
    let made = Made::new();
    for (name, text) in [
        ("staged/.env", "DB_PASSWORD=sunflower77\n"),
        ("staged/app.yml", "db:\n  password: sunflower78\n"),
        ("staged/.netrc", "machine db.internal\nlogin app\npassword sunflower79\n"),
    ] {
        made.write(name, text);
        made.git(&["add", name]);
        std::fs::remove_file(made.root.join(name)).unwrap();
    }
    let found = states(&made.scan());
    assert_eq!(
        found,
        [
            (State::Index, "staged/.env".into()),
            (State::Index, "staged/.netrc".into()),
            (State::Index, "staged/app.yml".into())
        ]
    );
}

#[test]
fn both_sides_of_a_conflict_in_the_index_are_read() {
    let made = Made::new();
    made.git(&["checkout", "-q", "-b", "side"]);
    made.write("c.yml", "password: sunflower81\n");
    made.git(&["add", "c.yml"]);
    let side = made.git(&["rev-parse", ":c.yml"]);
    made.git(&["rm", "-q", "--cached", "c.yml"]);
    std::fs::remove_file(made.root.join("c.yml")).unwrap();
    let line = format!("100644 {side} 3\tc.yml");
    made.git_with(&["update-index", "--index-info"], &line);
    assert_eq!(states(&made.scan()), [(State::Index, "c.yml".into())]);
}

/// The index may name a blob that nobody has; a file of the work tree with the same content was then never read.
#[test]
fn a_file_whose_staged_blob_is_missing_is_read_from_the_work_tree() {
    let made = Made::new();
    made.write("lost.yml", "password: sunflower82\n");
    made.git(&["add", "lost.yml"]);
    let blob = made.git(&["rev-parse", ":lost.yml"]);
    std::fs::remove_file(made.root.join(".git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::WorkTree, "lost.yml".into())]);
    assert_eq!(gaps(&scan), [GapKind::MissingObjects]);
}

/// Signed tags that were merged, signatures and other headers are part of a commit.
#[test]
fn the_headers_of_a_commit_are_read() {
    let made = Made::new();
    let tree = made.git(&["rev-parse", "HEAD^{tree}"]);
    let commit = format!(
        "tree {tree}\nauthor a <a@example.org> 1900000000 +0000\ncommitter a <a@example.org> 1900000000 +0000\n\
         mergetag object {tree}\n type commit\n tag v1\n tagger a <a@example.org> 1900000000 +0000\n \n made with {}\n\nmerge\n",
        token("K")
    );
    let id = made.git_with(&["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], &commit);
    made.git(&["update-ref", "refs/heads/merged", &id]);
    assert_eq!(states(&made.scan()), [(State::Message, String::new())]);
}

#[test]
fn names_of_files_and_refs_are_read_and_never_shown() {
    let made = Made::new();
    let secret = token("F");
    made.write(&format!("notes/{secret}.txt"), "nothing\n");
    made.commit("add");
    made.git(&["branch", &format!("try/{}", token("Y"))]);
    let scan = made.scan();
    assert_eq!(scan.leaks.found.len(), 2, "{:?}", scan.leaks.found);
    let shown = format!("{:?}{:?}{:?}", scan.coverage, scan.leaks, scan.env);
    assert!(!shown.contains(&secret[8..20]));
}

//! Files that are no plain text, that are hostile, or that lie outside git.

use super::*;

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

fn password() -> String {
    ["Qw7", "rt!Zx", "9pLm"].concat()
}

#[test]
fn text_in_other_encodings_is_read() {
    let made = Made::new();
    let line = format!("DB_PASSWORD={}\r\nPORT=1\r\n", password());
    let units = |big: bool| -> Vec<u8> {
        line.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    };
    for (name, bytes) in [
        ("crlf/.env", line.clone().into_bytes()),
        ("bom8/.env", [&[0xef, 0xbb, 0xbf][..], line.as_bytes()].concat()),
        ("le/.env", [&[0xff, 0xfe][..], &units(false)].concat()),
        ("be/.env", [&[0xfe, 0xff][..], &units(true)].concat()),
        ("le-bare/.env", units(false)),
        ("be-bare/.env", units(true)),
        ("nul/.env", [line.as_bytes(), b"\0\n"].concat()),
        ("latin/app.py", b"# caf\xe9\npassword = \"gr\xfcn#Haus27Q\"\n".to_vec()),
        ("latin/app.properties", b"# caf\xe9\ndb.password=gr\xfcn#Haus27Q\n".to_vec()),
    ] {
        std::fs::create_dir_all(made.root.join(name).parent().unwrap()).unwrap();
        std::fs::write(made.root.join(name), bytes).unwrap();
    }
    let expected: Vec<String> = [
        "be-bare/.env",
        "be/.env",
        "bom8/.env",
        "crlf/.env",
        "latin/app.properties",
        "latin/app.py",
        "le-bare/.env",
        "le/.env",
        "nul/.env",
    ]
    .map(Into::into)
    .to_vec();
    let here = made.scan();
    assert_eq!(states(&here).into_iter().map(|(_, path)| path).collect::<Vec<_>>(), expected);
    for file in &here.env.files {
        assert!(file.entries.iter().any(|entry| entry.value == ValueKind::Secret), "{}", file.path);
    }
    made.commit("add");
    made.git(&["gc", "-q"]);
    assert_eq!(states(&made.scan()), expected.into_iter().map(|path| (State::Head, path)).collect::<Vec<_>>());
}

/// A signature at the beginning does not make a text something that needs no reading.
#[test]
fn a_text_in_the_guise_of_another_content_is_read_all_the_same() {
    let made = Made::new();
    let text = format!("\npassword = \"{}\"\n", password());
    for (name, start) in [
        ("crypt.py", "\0GITCRYPT\0"),
        ("lfs.py", "version https://git-lfs.github.com/spec/v1\n"),
        ("media.py", "#aa\nftyp"),
        ("picture.py", "GIF89a"),
        ("pdf.py", "%PDF-1.4"),
        ("zip.py", "PK\u{3}\u{4}"),
        ("keys.py", "BZh"),
    ] {
        made.write(name, &format!("{start}{text}"));
    }
    made.commit("add");
    let found: Vec<String> = states(&made.scan()).into_iter().map(|(_, path)| path).collect();
    assert_eq!(found, ["crypt.py", "keys.py", "lfs.py", "media.py", "pdf.py", "picture.py", "zip.py"]);
}

#[test]
fn what_cannot_be_read_into_is_named() {
    let made = Made::new();
    std::fs::write(made.root.join("logs.gz"), b"\x1f\x8b\x08\0\0\0\0\0rest").unwrap();
    std::fs::write(made.root.join("app.jar"), b"PK\x03\x04\x14\0\0\0rest").unwrap();
    made.git(&["add", "logs.gz"]);
    std::fs::remove_file(made.root.join("logs.gz")).unwrap();
    let scan = made.scan();
    assert_eq!(gaps(&scan), [GapKind::Archives]);
    assert_eq!(scan.coverage.gaps[0].paths, ["logs.gz", "app.jar"]);
}

/// git-crypt: git holds ciphertext, the work tree plain text. That is how it is meant to be.
#[test]
fn the_plain_text_of_an_encrypted_file_is_where_secrets_belong() {
    let made = Made::new();
    let mut blob = b"\0GITCRYPT\0".to_vec();
    blob.extend(hidden::noise(400));
    std::fs::write(made.root.join(".env"), &blob).unwrap();
    made.commit("add");
    made.write(".env", &format!("DB_PASSWORD={}\n", password()));
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::Ignored, ".env".into())]);
    assert_eq!(scan.env.files[0].kind, EnvKind::Encrypted);
}

#[test]
fn names_with_line_breaks_and_quotes_stay_one_name() {
    let made = Made::new();
    made.write("a\nb\"c.txt", &token("L"));
    assert_eq!(states(&made.scan()), [(State::WorkTree, "a\nb\"c.txt".into())]);
    made.commit("add");
    assert_eq!(states(&made.scan()), [(State::Head, "a\nb\"c.txt".into())]);
}

#[test]
fn a_filter_that_changes_files_on_their_way_hides_nothing() {
    let made = Made::new();
    made.write(".gitattributes", "*.txt filter=clean text eol=crlf ident\n");
    made.git(&["config", "filter.clean.clean", "sed s/ghp_.*/none/"]);
    made.write("a.txt", &format!("{}\n", token("P")));
    made.commit("add");
    assert_eq!(made.git(&["show", "HEAD:a.txt"]), "none");
    assert_eq!(states(&made.scan()), [(State::WorkTree, "a.txt".into())]);
}

#[test]
fn a_symlinked_env_file_is_unread_and_its_target_is_read() {
    let made = Made::new();
    made.write(".gitignore", ".env\n");
    made.write("shared/values", &format!("A={}\n", token("M")));
    std::os::unix::fs::symlink("shared/values", made.root.join(".env")).unwrap();
    let scan = made.scan();
    assert_eq!(states(&scan), [(State::WorkTree, "shared/values".into())]);
    assert!(scan.env.files[0].unread.is_some());
}

#[test]
fn a_secret_at_the_end_of_a_long_line_is_found() {
    let made = Made::new();
    let filler = "x=1;".repeat(300_000);
    made.write("app.min.js", &format!("var a;{filler}var k=\"{}\";{filler}\n", token("Z")));
    made.write("app.json", &format!("{{\"a\":[{}1],\"password\":\"{}\"}}", "1,".repeat(300_000), password()));
    made.commit("add");
    assert_eq!(states(&made.scan()).len(), 2);
}

//! Cases 29 to 40: repositories. Each is built by git itself in a folder of its own; a made-up secret lies in it wherever
//! the case is about what may be overlooked, and the audit must find it or say what it did not read.

use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::rig::{Audited, Outcome, Stage, say, token, was_run};
use crate::{case, payload};

const WITHIN: Duration = Duration::from_secs(40);
const ARGUMENTS: [&str; 4] = ["--repo", "repo", "--scope", "repository"];

type Trial = fn() -> Result<Outcome, String>;

/// Each case of this room, by its number.
pub(crate) const TRIALS: &[(u8, Trial)] = &[
    (29, configured_to_run_code),
    (30, special_files),
    (31, links),
    (32, misleading_environment),
    (33, misleading_names),
    (34, giant_files),
    (35, deep_wide_and_moving),
    (36, broken_objects),
    (37, archives),
    (38, bombs),
    (39, expensive_expressions),
    (40, own_rules),
];

#[test]
fn every_hostile_repository_is_survived() {
    let wanted = std::env::var("HOSTILE_CASE").ok().and_then(|number| number.parse::<u8>().ok());
    let trials: Vec<_> = TRIALS.iter().filter(|(number, _)| wanted.is_none_or(|wanted| wanted == *number)).collect();
    // Two at a time: these cost work, not waiting.
    let halves: Vec<Vec<_>> = (0..2).map(|half| trials.iter().skip(half).step_by(2).collect()).collect();
    let results: Vec<_> = std::thread::scope(|scope| {
        let running: Vec<_> = halves
            .into_iter()
            .map(|half| {
                scope.spawn(move || half.into_iter().map(|(number, trial)| (*number, trial())).collect::<Vec<_>>())
            })
            .collect();
        running.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    if !(results.is_empty() && wanted.is_some()) {
        case::compare(results);
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    fed(folder, arguments, b"");
}

/// Runs git with this on its standard input; what it says.
fn fed(folder: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new("git")
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args(["-c", "user.name=Rig", "-c", "user.email=rig@example.test", "-c", "init.defaultBranch=main"])
        .args(["-c", "core.compression=1", "-c", "gc.auto=0"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // Git may stop reading early; its exit code says whether that was well.
    let _ = stdin.write_all(input);
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    let file = folder.join(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}

fn secret() -> String {
    format!("api_token: \"{}\"\n", token())
}

/// A repository with a made-up secret in `config/live.yaml`, committed.
fn leaky(stage: &Stage) -> PathBuf {
    let repo = stage.path("repo");
    std::fs::create_dir_all(&repo).unwrap();
    git(&repo, &["init", "-q"]);
    write(&repo, ".gitignore", ".env\n.env.*\n*.env\n*.env.*\n*.pem\n*.key\n");
    write(&repo, "README.md", "# Rig\n");
    write(&repo, "config/live.yaml", secret());
    commit(&repo);
    repo
}

fn commit(repo: &Path) {
    git(repo, &["add", "-A"]);
    git(repo, &["commit", "-q", "-m", "rig"]);
}

fn audited(number: u8, stage: &Stage) -> Result<Audited, String> {
    let audited = Audited::of(stage, &ARGUMENTS, WITHIN)?;
    say(number, &audited.ran, &audited.outcome());
    if audited.contacted().is_empty() { Ok(audited) } else { Err(format!("contacted: {:?}", audited.contacted())) }
}

fn program(file: &Path, marker: &Path) {
    std::fs::write(file, format!("#!/bin/sh\n: > {}\ncat\n", marker.display())).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn configured_to_run_code() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let (run, marker) = (stage.path("evil.sh"), stage.path("was-run"));
    program(&run, &marker);
    std::fs::create_dir_all(stage.path("bin")).unwrap();
    program(&stage.path("bin/git"), &marker);
    write(&repo, ".gitattributes", "* diff=evil filter=evil merge=evil\n");
    write(&repo, ".gitmodules", "[submodule \"a\"]\n\tpath = a\n\turl = ./a\n\tupdate = !touch was-run\n");
    git(&repo, &["add", "-A"]);
    git(&repo, &["commit", "-q", "-m", "attributes"]);
    let run = run.display();
    let config = format!(
        "[core]\n\tfsmonitor = {run}\n\thooksPath = {0}\n\tsshCommand = {run}\n\tpager = {run}\n\teditor = {run}\n\taskpass = {run}\n\tgitProxy = {run}\n\
         [diff]\n\texternal = {run}\n[diff \"evil\"]\n\ttextconv = {run}\n\tcommand = {run}\n\
         [filter \"evil\"]\n\tclean = {run}\n\tsmudge = {run}\n\tprocess = {run}\n\trequired = true\n\
         [merge \"evil\"]\n\tdriver = {run}\n[credential]\n\thelper = !{run}\n[gpg]\n\tprogram = {run}\n\
         [alias]\n\tstatus = !{run}\n\tlog = !{run}\n[include]\n\tpath = {0}/included\n\
         [remote \"origin\"]\n\turl = ext::{run}\n\tpromisor = true\n\tuploadpack = {run}\n",
        stage.folder.path().display()
    );
    std::fs::OpenOptions::new()
        .append(true)
        .open(repo.join(".git/config"))
        .unwrap()
        .write_all(config.as_bytes())
        .unwrap();
    for hook in ["post-checkout", "pre-commit", "fsmonitor-watchman", "post-index-change", "reference-transaction"] {
        program(&repo.join(".git/hooks").join(hook), &marker);
    }
    let path = format!("{}:{}", stage.path("bin").display(), std::env::var("PATH").unwrap_or_default());
    let mut command =
        stage.command(&["audit", "--no-history", "--evidence", "evidence.json", "--format", "json=report.json"]);
    command.args(ARGUMENTS).env("PATH", path);
    let ran = crate::rig::watch(command, WITHIN)?;
    let report =
        std::fs::read_to_string(stage.path("report.json")).map_err(|error| format!("{error}: {}", ran.stderr))?;
    let report: serde_json::Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
    let audited = Audited { ran, report, evidence: serde_json::Value::Null };
    was_run(&marker)?;
    was_run(&repo.join("was-run"))?;
    found(&audited)?;
    say(29, &audited.ran, &audited.outcome());
    Ok(audited.outcome())
}

/// The secret was told, without its value.
fn found(audited: &Audited) -> Result<(), String> {
    if audited.with("fail").contains(&"secrets-committed") { Ok(()) } else { Err("the secret was overlooked".into()) }
}

fn special_files() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let shell = |line: &str| Command::new("sh").current_dir(&repo).args(["-c", line]).status().unwrap().success();
    assert!(shell("mkfifo .env .env.local SECURITY.md compose.yaml .mcp.json policy.yaml"));
    let _socket = std::os::unix::net::UnixListener::bind(repo.join(".env.production")).unwrap();
    // Without the right to make devices (a container), there are none to be read.
    if !shell("mknod secrets.yaml c 1 5 2>/dev/null && mknod zero.env c 1 5") {
        println!("case 30: devices cannot be made here; FIFO and socket alone were tried");
    }
    let audited = audited(30, &stage)?;
    found(&audited)?;
    Ok(audited.outcome())
}

fn links() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let outside = stage.path("outside");
    write(&outside, "compose.yaml", "services: { a: { image: 'ollama/ollama', ports: ['11434:11434'] } }\n");
    write(&outside, ".env", "OUTSIDE_WORD=seen\n");
    write(&outside, "SECURITY.md", "outside-word@example.test\n");
    symlink("/etc/passwd", repo.join(".env")).unwrap();
    symlink("b", repo.join("a")).unwrap();
    symlink("a", repo.join("b")).unwrap();
    symlink(".", repo.join("self")).unwrap();
    symlink(&outside, repo.join("deploy")).unwrap();
    symlink(outside.join("SECURITY.md"), repo.join("SECURITY.md")).unwrap();
    symlink(outside.join("compose.yaml"), repo.join("compose.yaml")).unwrap();
    symlink("/dev/zero", repo.join("zero.yaml")).unwrap();
    let audited = audited(31, &stage)?;
    found(&audited)?;
    let text = audited.evidence.to_string().to_lowercase();
    for word in ["root:x:0", "outside_word", "outside-word"] {
        if text.contains(word) {
            return Err(format!("a link out of the repository was followed: {word}"));
        }
    }
    Ok(audited.outcome())
}

fn misleading_environment() -> Result<Outcome, String> {
    let stage = Stage::new();
    leaky(&stage);
    let decoy = stage.path("decoy");
    std::fs::create_dir_all(&decoy).unwrap();
    git(&decoy, &["init", "-q"]);
    write(&decoy, "README.md", "nothing\n");
    commit(&decoy);
    let marker = stage.path("was-run");
    program(&stage.path("evil.sh"), &marker);
    let run = stage.path("evil.sh").display().to_string();
    let decoy_git = decoy.join(".git").display().to_string();
    let mut command =
        stage.command(&["audit", "--no-history", "--evidence", "evidence.json", "--format", "json=report.json"]);
    command.args(ARGUMENTS);
    for (name, value) in [
        ("GIT_DIR", decoy_git.as_str()),
        ("GIT_WORK_TREE", decoy.to_str().unwrap()),
        ("GIT_INDEX_FILE", "/dev/null"),
        ("GIT_OBJECT_DIRECTORY", &format!("{decoy_git}/objects")),
        ("GIT_COMMON_DIR", &decoy_git),
        ("GIT_NAMESPACE", "elsewhere"),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("GIT_REPLACE_REF_BASE", "refs/heads/"),
        ("GIT_SHALLOW_FILE", "/dev/null"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", &run),
        ("GIT_EXTERNAL_DIFF", &run),
        ("GIT_SSH_COMMAND", &run),
        ("GIT_PAGER", &run),
        ("PAGER", &run),
        ("EDITOR", &run),
        ("RIPGREP_CONFIG_PATH", &run),
        ("GITLEAKS_CONFIG", &run),
        ("LD_LIBRARY_PATH", stage.folder.path().to_str().unwrap()),
        ("HTTPS_PROXY", "http://127.0.0.1:9"),
        ("SSL_CERT_FILE", "/dev/null"),
        ("RUST_LOG", "trace"),
    ] {
        command.env(name, value);
    }
    let ran = crate::rig::watch(command, WITHIN)?;
    let report =
        std::fs::read_to_string(stage.path("report.json")).map_err(|error| format!("{error}: {}", ran.stderr))?;
    let report: serde_json::Value = serde_json::from_str(&report).map_err(|error| error.to_string())?;
    let audited = Audited { ran, report, evidence: serde_json::Value::Null };
    was_run(&marker)?;
    found(&audited)?;
    say(32, &audited.ran, &audited.outcome());
    Ok(audited.outcome())
}

fn misleading_names() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let tricks: String = payload::misleading().replace(['\0', '/'], "").chars().take(60).collect();
    let names: [&[u8]; 5] = [
        b"not-utf8-\xff\xfe.yaml",
        b"new\nline.yaml",
        b"esc\x1b[2J.yaml",
        "bidi-\u{202e}lmay.exe".as_bytes(),
        tricks.as_bytes(),
    ];
    for name in names {
        std::fs::write(repo.join(std::ffi::OsStr::from_bytes(name)), secret()).unwrap();
    }
    commit(&repo);
    let audited = audited(33, &stage)?;
    found(&audited)?;
    let findings = audited.report.to_string();
    if !findings.contains("not-utf8-") || !findings.contains("bidi-") {
        return Err("a file with a name of its own kind was overlooked".into());
    }
    Ok(audited.outcome())
}

fn giant_files() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    for name in [".env", "dump.json", "SECURITY.md"] {
        std::fs::File::create(repo.join(name)).unwrap().set_len(10 << 30).unwrap();
    }
    // 1 GiB without a line break, half of it a hole that reads as NUL, half of it text.
    let mut line = std::fs::File::create(repo.join("line.yaml")).unwrap();
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..512 {
        line.write_all(&piece).unwrap();
    }
    line.set_len(1 << 30).unwrap();
    // Tracked, so that the questions about lines are asked of it: what was not read is never passed over.
    write(&repo, "giant.yaml", "a: b\n");
    commit_only(&repo, "giant.yaml");
    std::fs::File::create(repo.join("giant.yaml")).unwrap().set_len(10 << 30).unwrap();
    let audited = audited(34, &stage)?;
    found(&audited)?;
    Ok(audited.outcome())
}

fn deep_wide_and_moving() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    // A hundred thousand entries in one tree, and a tree of 2,000 levels: objects alone, no files.
    let blob = fed(&repo, &["hash-object", "-w", "--stdin"], b"x\n");
    let mut listing = String::with_capacity(64 << 20);
    for number in 0..100_000 {
        use std::fmt::Write as _;
        let _ = writeln!(listing, "100644 blob {blob}\tf{number:07}");
    }
    let wide = fed(&repo, &["mktree"], listing.as_bytes());
    drop(listing);
    let mut fast = String::from(
        "blob\nmark :1\ndata 2\nx\n\ncommit refs/heads/deep\ncommitter R <r@example.test> 1 +0000\ndata 4\ndeep\n",
    );
    fast.push_str("M 100644 :1 ");
    fast.push_str(&"d/".repeat(2000));
    fast.push_str("x\n");
    fed(&repo, &["fast-import", "--quiet"], fast.as_bytes());
    let head = fed(&repo, &["rev-parse", "HEAD"], b"");
    let commit = fed(&repo, &["commit-tree", &wide, "-p", &head, "-m", "wide"], b"");
    git(&repo, &["update-ref", "refs/heads/wide", &commit]);
    // Folders deeper than any path can name.
    let script = "import os\nos.chdir('repo')\nfor _ in range(3000):\n  os.mkdir('d'); os.chdir('d')\n";
    let made = Command::new("python3").current_dir(stage.folder.path()).args(["-c", script]).status().unwrap();
    assert!(made.success());
    // A file that grows and shrinks while it is read.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (stopped, moving) = (stop.clone(), repo.join("moving.yaml"));
    let mover = std::thread::spawn(move || {
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            let _ = std::fs::write(&moving, vec![b'a'; 1 << 20]);
            let _ = std::fs::write(&moving, b"");
        }
    });
    let audited = roomy(&stage);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    mover.join().unwrap();
    // The standard library removes such a folder by opening each level; the shell's tool does not.
    let removed = Command::new("rm").args(["-rf", "repo/d"]).current_dir(stage.folder.path()).status().unwrap();
    assert!(removed.success());
    let audited = audited?;
    found(&audited)?;
    Ok(audited.outcome())
}

/// What is read of a tree of very many entries stays in memory (256 MiB were measured with a million of them): a known
/// exception from the room that every other case keeps to.
fn roomy(stage: &Stage) -> Result<Audited, String> {
    let audited = Audited::with_room(stage, &ARGUMENTS, WITHIN, 320 * 1024)?;
    say(35, &audited.ran, &audited.outcome());
    Ok(audited)
}

fn broken_objects() -> Result<Outcome, String> {
    let mut all = Outcome::default();
    for ruin in [ruin_pack, tree_in_itself, inflating_object, truncated_index] {
        let stage = Stage::new();
        let repo = leaky(&stage);
        git(&repo, &["rm", "-q", "--cached", "config/live.yaml"]);
        std::fs::remove_file(repo.join("config/live.yaml")).unwrap();
        git(&repo, &["commit", "-q", "-m", "gone from the tree, not from the history"]);
        ruin(&repo);
        let audited = audited(36, &stage)?;
        if audited.with("pass").contains(&"secrets-committed") {
            return Err("a history that cannot be read was passed".into());
        }
        all = all.and(audited.outcome());
    }
    Ok(all)
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// Bytes of the pack are changed, past its index.
fn ruin_pack(repo: &Path) {
    git(repo, &["repack", "-q", "-a", "-d"]);
    for pack in files_of(&repo.join(".git/objects/pack")) {
        std::fs::set_permissions(&pack, std::fs::Permissions::from_mode(0o644)).unwrap();
        if pack.extension().is_some_and(|extension| extension == "pack") {
            let mut bytes = std::fs::read(&pack).unwrap();
            let length = bytes.len();
            for at in (14..length).step_by(37) {
                bytes[at] ^= 0x5a;
            }
            std::fs::write(&pack, bytes).unwrap();
        }
    }
}

/// A tree whose only entry is itself: no honest hash allows it, a loose file does.
fn tree_in_itself(repo: &Path) {
    let name = fed(repo, &["rev-parse", "HEAD^{tree}"], b"");
    let raw: Vec<u8> = (0..20).map(|at| u8::from_str_radix(&name[at * 2..at * 2 + 2], 16).unwrap()).collect();
    let mut body = b"40000 d\0".to_vec();
    body.extend(raw);
    let mut object = format!("tree {}\0", body.len()).into_bytes();
    object.extend(body);
    loose(repo, &name, &object);
}

/// A loose object that says it is small and becomes 1 GiB.
fn inflating_object(repo: &Path) {
    let name = fed(repo, &["rev-parse", "HEAD:README.md"], b"");
    let zeros = vec![0_u8; 1 << 20];
    let file = repo.join(".git/objects").join(&name[..2]).join(&name[2..]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut encoder =
        flate2::write::ZlibEncoder::new(std::fs::File::create(&file).unwrap(), flate2::Compression::fast());
    encoder.write_all(format!("blob {}\0", 1_u64 << 30).as_bytes()).unwrap();
    for _ in 0..256 {
        encoder.write_all(&zeros).unwrap();
    }
    encoder.finish().unwrap();
}

fn truncated_index(repo: &Path) {
    let file = repo.join(".git/index");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(repo.join(".git/packed-refs"), b"# pack-refs with: peeled\nzzzz refs/heads/x\n\xff\xff").unwrap();
}

fn loose(repo: &Path, name: &str, object: &[u8]) {
    let file = repo.join(".git/objects").join(&name[..2]).join(&name[2..]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(object).unwrap();
    std::fs::write(file, encoder.finish().unwrap()).unwrap();
}

fn archives() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let script = "import tarfile, io, zipfile\n\
        t = tarfile.open('traversal.tar.gz', 'w:gz')\n\
        for name in ['../escaped', '/tmp/watertight-escaped', 'a/../../escaped']:\n\
        \x20 i = tarfile.TarInfo(name); i.size = 4; t.addfile(i, io.BytesIO(b'evil'))\n\
        l = tarfile.TarInfo('link'); l.type = tarfile.SYMTYPE; l.linkname = '/etc/passwd'; t.addfile(l); t.close()\n\
        z = zipfile.ZipFile('bomb.zip', 'w', zipfile.ZIP_DEFLATED, compresslevel=9)\n\
        z.writestr('../escaped', 'evil'); z.writestr('zeros', bytes(1 << 28)); z.close()\n";
    let made = Command::new("python3").current_dir(&repo).args(["-c", script]).status().unwrap();
    assert!(made.success());
    commit(&repo);
    let audited = audited(37, &stage)?;
    for escaped in [stage.path("escaped"), PathBuf::from("/tmp/watertight-escaped"), repo.join("escaped")] {
        was_run(&escaped)?;
    }
    found(&audited)?;
    Ok(audited.outcome())
}

/// `&a0 [x, x]`, `&a1 [*a0, *a0]` and so on: 2^levels values.
fn laughs(levels: usize) -> String {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
    for level in 1..levels {
        use std::fmt::Write as _;
        let before = format!("*a{}, ", level - 1).repeat(9);
        let _ = writeln!(text, "a{level}: &a{level} [{before}]");
    }
    text
}

fn bombs() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    for name in ["compose.yaml", "k8s/service.yaml", "rules.yml", "config/values.yaml", ".github/workflows/a.yml"] {
        write(&repo, name, laughs(12));
    }
    write(&repo, "deploy/compose.yml", format!("services: {}", deep("{a: ", "}")));
    write(&repo, ".mcp.json", deep("{\"mcpServers\":", "}"));
    write(&repo, "package.json", deep("[", "]"));
    write(&repo, "claude_desktop_config.json", deep("[", "]"));
    write(&repo, ".codex/config.toml", format!("a = {}", deep("[", "]")));
    write(&repo, "Cargo.toml", format!("a = {}\n[{}]\n", deep("{ a = ", "}"), "a.".repeat(20_000)));
    write(&repo, "web.xml", deep("<a>", "</a>"));
    write(&repo, "entities.xml", "<!DOCTYPE a [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><a>&b;</a>");
    write(&repo, "openapi.yaml", format!("openapi: 3.0.0\n{}", laughs(12)));
    commit(&repo);
    let repository = audited(38, &stage)?;
    found(&repository)?;
    // The same in what is named: a policy and evidence are refused, with 2, at once.
    for text in [laughs(12), deep("[", "]"), deep("{a: ", "}"), deep("- ", "")] {
        write(stage.folder.path(), "bomb.yaml", &text);
        let ran = stage.run(&["audit", "--policy", "bomb.yaml"], Duration::from_secs(20))?;
        if ran.code != 2 {
            return Err(format!("a policy that is a bomb ended with {}", ran.code));
        }
    }
    write(stage.folder.path(), "bomb.json", deep("{\"version\":", "}"));
    let ran = stage.run(&["replay", "bomb.json"], Duration::from_secs(20))?;
    if ran.code != 2 {
        return Err(format!("evidence that is a bomb ended with {}", ran.code));
    }
    Ok(repository.outcome())
}

fn expensive_expressions() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    let rules = "[[rules]]\nid = \"huge\"\nregex = '''((a{1000}){1000}){1000}'''\n\
        [[rules]]\nid = \"slow\"\nregex = '''(a+)+$'''\n[[rules]]\nid = \"open\"\nregex = '''((('''\n\
        [allowlist]\nregexes = ['''(.*)*x''', '''.*''']\npaths = ['''.*''']\n";
    write(&repo, ".gitleaks.toml", rules);
    write(&repo, "a.txt", "a".repeat(200_000));
    let glob = format!("{}\n{}\n", "*a".repeat(5000), "**/".repeat(5000));
    let text = format!("{}{glob}", std::fs::read_to_string(repo.join(".gitignore")).unwrap());
    write(&repo, ".gitignore", text);
    write(&repo, ".dockerignore", glob);
    write(&repo, "Dockerfile", "FROM scratch\nCOPY . .\n");
    commit(&repo);
    let audited = audited(39, &stage)?;
    found(&audited)?;
    Ok(audited.outcome())
}

fn own_rules() -> Result<Outcome, String> {
    let stage = Stage::new();
    let repo = leaky(&stage);
    write(&repo, ".gitleaks.toml", "[allowlist]\npaths = ['''.*''']\nregexes = ['''.*''']\n");
    write(&repo, ".gitleaksignore", "*\n");
    write(&repo, ".watertightignore", "*\n");
    write(&repo, ".secrets.baseline", "{}\n");
    write(&repo, "config/live.yaml", secret().replace('\n', " # gitleaks:allow\n"));
    let checks: String = [
        "secrets-committed: { accept-unread: true, honour-allowances: true, minimum: certain, ignore: ['**'] }",
        "env-files: {}",
    ]
    .map(|line| format!("  {line}\n"))
    .concat();
    let policies = [
        "version: 1\nname: 'own ${HOSTILE_TOKEN} $HOSTILE_TOKEN'\ntargets: [{ name: own, repository: . }]\n\
         waivers: [{ check: secrets-committed, target: own, until: 2027-01-31, owner: me, reason: '${HOSTILE_TOKEN}' }]\n"
            .to_owned(),
        format!("version: 1\nname: own\ntargets: [{{ name: own, repository: . }}]\nchecks:\n{checks}"),
        "version: 1\nname: own\ntargets: [{ name: own, repository: . }]\nchecks: { secrets-committed: { honour-allowances: true } }\n".to_owned(),
    ];
    let mut all = Outcome::default();
    for policy in policies {
        write(&repo, "policy.yaml", policy);
        commit_any(&repo);
        // Named beside the repository's own policy, and found by standing in it.
        let named = audited(40, &stage)?;
        found(&named)?;
        let mut command =
            stage.command(&["audit", "--no-history", "--scope", "repository", "--format", "json=../found.json"]);
        command.current_dir(&repo);
        let ran = crate::rig::watch(command, WITHIN)?;
        if ran.code == 0 {
            return Err(format!("a found policy excused the secret: {}", ran.stderr));
        }
        if ran.code != 2 {
            let text = std::fs::read_to_string(stage.path("found.json")).map_err(|error| error.to_string())?;
            let report = serde_json::from_str(&text).map_err(|error| error.to_string())?;
            let audited = Audited { ran, report, evidence: serde_json::Value::Null };
            if text.contains(&token()) {
                return Err("the environment was expanded into the report".into());
            }
            let excused = ["pass", "waived"].iter().any(|status| audited.with(status).contains(&"secrets-committed"));
            if excused {
                return Err("a found policy excused the secret".into());
            }
            all = all.and(audited.outcome());
        }
        all = all.and(named.outcome());
    }
    Ok(all)
}

fn commit_only(repo: &Path, name: &str) {
    git(repo, &["add", name]);
    git(repo, &["commit", "-q", "-m", "one"]);
}

fn commit_any(repo: &Path) {
    git(repo, &["add", "-A"]);
    git(repo, &["commit", "-q", "--allow-empty", "-m", "rig"]);
}

//! What hides a secret from a reader of plain text: other encodings, containers, false claims, places out of sight.

use std::io::Write as _;

use super::*;
use crate::detect::secrets::wide;
use crate::probe::repo::tar;

/// Bytes that look random, the same in every run.
pub(super) fn noise(length: usize) -> Vec<u8> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap() % most
    }
}

fn put(made: &Made, name: &str, bytes: &[u8]) {
    made.write(name, "");
    std::fs::write(made.root.join(name), bytes).unwrap();
}

fn password() -> String {
    ["Qw7", "rt!Zx", "9pLm"].concat()
}

fn paths(scan: &Scan) -> Vec<String> {
    states(scan).into_iter().map(|(_, path)| path).collect()
}

#[test]
fn text_that_claims_to_be_ciphertext_is_searched_as_text() {
    let made = Made::new();
    let text = format!("\nDB_PASSWORD={}\n", password());
    put(&made, "a/.env", &[&b"\0GITCRYPT\0"[..], text.as_bytes()].concat());
    put(&made, "b/.env", &[&b"\0GITCRYPT\0"[..], &noise(12)[..], text.as_bytes()].concat());
    put(&made, "c/.env", &[&b"\0GITCRYPT\0"[..], &noise(20_000)[..], text.as_bytes()].concat());
    made.write("d/group_vars.yml", &format!("$ANSIBLE_VAULT;1.1;AES256\ndb_password: \"{}\"\n", password()));
    made.write("e/sops.env", &format!("DB_PASSWORD=ENC[{}]\nsops_version=3.8\n", password()));
    // The sound sibling: real ciphertext.
    put(&made, "sound/.env", &[&b"\0GITCRYPT\0"[..], &noise(3000)[..]].concat());
    made.commit("add");
    let scan = made.scan();
    assert_eq!(paths(&scan), ["a/.env", "b/.env", "c/.env", "d/group_vars.yml", "e/sops.env"]);
    let kind = |path: &str| scan.env.files.iter().find(|file| file.path == path).map(|file| file.kind);
    assert_eq!(kind("a/.env"), Some(EnvKind::Real));
    assert_eq!(kind("sound/.env"), Some(EnvKind::Encrypted));
}

#[test]
fn letters_of_two_and_four_bytes_are_read_wherever_they_begin() {
    let made = Made::new();
    let text = format!("deploy with {} \n", token("A"));
    let ascii = "plain text before it all\n".repeat(400);
    let mut expected = Vec::new();
    for bytes in [2, 4] {
        for little in [true, false] {
            let told = wide(&text, bytes, little);
            let mark = wide("\u{feff}", bytes, little);
            for (name, content) in [
                ("bare", told.clone()),
                ("marked", [&mark[..], &told].concat()),
                ("behind", [ascii.as_bytes(), &told].concat()),
                ("binary", [&noise(500)[..], &[0, 0, 1], &told, &noise(500)].concat()),
            ] {
                let name = format!("{name}-{bytes}-{little}.txt");
                put(&made, &name, &content);
                expected.push(name);
            }
        }
    }
    put(&made, "lying-mark.ini", format!("password = \"{}\"\n", password()).as_bytes());
    let bytes = std::fs::read(made.root.join("lying-mark.ini")).unwrap();
    put(&made, "lying-mark.ini", &[&[0xff, 0xfe][..], &bytes].concat());
    expected.push("lying-mark.ini".into());
    put(&made, "sound.txt", &wide("nothing to see here at all\n", 2, true));
    made.commit("add");
    made.git(&["gc", "-q"]);
    expected.sort();
    assert_eq!(paths(&made.scan()), expected);
}

#[test]
fn a_private_key_in_der_is_a_finding_and_its_container_a_gap() {
    let made = Made::new();
    // PKCS#8 of an Ed25519 key (RFC 8410, section 7), and the public key of such a pair.
    let key = [&[0x30, 46, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 34, 4, 32][..], &noise(32)].concat();
    let public = [&[0x30, 42, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 33, 0][..], &noise(32)].concat();
    put(&made, "server.key", &key);
    put(&made, "public.der", &public);
    made.commit("add");
    let scan = made.scan();
    assert_eq!(paths(&scan), ["server.key"]);
    assert_eq!(scan.leaks.found[0].rule, "private-key");
    assert_eq!(gaps(&scan), []);
    let container =
        [&[0x30, 0x82, 1, 20, 2, 1, 3, 0x30, 0x82, 1, 13, 6, 9][..], b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01"];
    put(&made, "store.dat", &[&container.concat()[..], &noise(300)].concat());
    assert_eq!(gaps(&made.scan()), [GapKind::KeyContainers]);
}

#[test]
fn the_members_of_a_tar_are_read_by_their_own_form_and_what_is_packed_is_named() {
    let made = Made::new();
    let line = format!("password = {}\n", password());
    put(&made, "a.tar", &tar::made(&[("deep/c.ini", line.as_bytes()), ("x.bin", &noise(600))]));
    put(&made, "sound.tar", &tar::made(&[("c.ini", b"colour = blue\n")]));
    let scan = made.scan();
    assert_eq!(paths(&scan), ["a.tar"]);
    assert_eq!(gaps(&scan), []);
    put(&made, "inside.tar", &tar::made(&[("c.gz", b"\x1f\x8b\x08\0\0\0\0\0rest")]));
    put(&made, "cut.tar", &tar::made(&[("c.ini", line.as_bytes())])[..520]);
    let lzma = [&[0x5d, 0, 0, 0x80, 0][..], &[0xff; 8], &[0], &noise(100)].concat();
    let mut names = vec!["cut.tar".to_owned(), "inside.tar".into()];
    let packed: [(&str, &[u8]); 10] = [
        ("a.tlz", &lzma),
        ("b.xz", b"\xfd7zXZ\0\0\0\0"),
        ("c.zst", b"\x28\xb5\x2f\xfd\0\0\0"),
        ("d.bz2", b"BZh91AY&SY\0\0\0"),
        ("e.7z", b"7z\xbc\xaf\x27\x1c\0\0"),
        ("f.rar", b"Rar!\x1a\x07\0\0"),
        ("g.dump", b"PGDMP\x01\x0e\0\x04"),
        ("h.bundle", b"# v2 git bundle\n\x01\x02\x03\0\x04\0\x05\x06\x07PACK\0\0\0\x02"),
        ("i.cpio", b"\xc7\x71\0\0\0\0"),
        ("j.z", &[0x78, 0x9c, 0x4b, 0x4c, 0x4c, 0x4c, 0x04, 0x00, 0x03, 0xce, 0x01, 0x85]),
    ];
    for (name, bytes) in packed {
        put(&made, name, bytes);
        names.push(name.into());
    }
    made.commit("add");
    names.sort();
    let scan = made.scan();
    let mut named = scan.coverage.gaps[0].paths.clone();
    named.sort();
    assert_eq!(gaps(&scan), [GapKind::Archives]);
    assert_eq!(named, names);
}

/// A list that is cut must not be accepted as a whole.
#[test]
fn every_unread_file_is_listed() {
    let made = Made::new();
    for number in 0..60 {
        put(&made, &format!("{number}.gz"), b"\x1f\x8b\x08\0\0\0\0\0rest");
    }
    assert_eq!(made.scan().coverage.gaps[0].paths.len(), 60);
}

#[test]
fn a_submodule_is_named_by_its_path_whichever_tree_holds_it() {
    let made = Made::new();
    let head = made.git(&["rev-parse", "HEAD"]);
    made.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{head},deps/lib/sub")]);
    made.git(&["commit", "-q", "-m", "add"]);
    made.git(&["rm", "-q", "--cached", "deps/lib/sub"]);
    made.git(&["commit", "-q", "-m", "remove"]);
    let bare = made.folder.path().join("bare");
    made.git(&["clone", "-q", "--bare", ".", bare.to_str().unwrap()]);
    for scan in [made.scan(), scan_at(&bare)] {
        assert_eq!(gaps(&scan), [GapKind::Submodules]);
        assert_eq!(scan.coverage.gaps[0].paths, ["deps/lib/sub"]);
    }
    made.git(&["gc", "-q"]);
    assert_eq!(gaps(&made.scan()), [GapKind::Submodules]);
}

#[test]
fn a_folder_named_git_hides_nothing_unless_it_is_a_repository_and_then_it_is_named() {
    let made = Made::new();
    std::fs::create_dir_all(made.root.join("empty/.git")).unwrap();
    made.write("empty/a.ini", &format!("password = {}\n", password()));
    made.write("file/.git", "no path to anything\n");
    made.write("file/a.ini", &format!("password = {}\n", password()));
    let scan = made.scan();
    assert_eq!(paths(&scan), ["empty/a.ini", "file/a.ini"]);
    assert_eq!(gaps(&scan), []);
    made.write("real/x", "x\n");
    made.git_in(&made.root.join("real"), &["init", "-q"]);
    let scan = made.scan();
    assert_eq!(gaps(&scan), [GapKind::Submodules]);
    assert_eq!(scan.coverage.gaps[0].paths, ["real"]);
}

#[test]
fn the_name_of_a_staged_or_new_file_is_read() {
    let made = Made::new();
    made.write(&format!("{}.txt", token("N")), "nothing\n");
    made.write(&format!("{}/x.txt", token("M")), "nothing\n");
    made.git(&["add", &format!("{}.txt", token("N"))]);
    let scan = made.scan();
    assert_eq!(states(&scan).iter().filter(|(state, _)| *state == State::Name).count(), 2);
}

/// Beginnings of keys and nothing else: what is read ahead of one ends at the next.
#[test]
fn a_text_of_nothing_but_beginnings_holds_no_key_and_a_key_after_them_is_found() {
    let begin = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    let key: String =
        noise(200).iter().map(|byte| char::from(b"ABCDEFGHabcdefgh01234567"[usize::from(byte % 24)])).collect();
    let made = Made::new();
    made.write("a.txt", &begin.repeat(2000));
    made.write("b.txt", &format!("{}\n{key}\n{}\n", begin.repeat(2000), begin.replace("BEGIN", "END")));
    made.commit("add");
    assert_eq!(paths(&made.scan()), ["b.txt"]);
}

/// Random repositories: every token that was planted in any object is found there, or its object is named as unread.
#[test]
fn what_is_planted_in_any_object_is_found() {
    for seed in 1..=4 {
        let made = Made::new();
        let mut random = Random(0x51ed_270b_2f4b_0000 + seed);
        let mut planted = Vec::new();
        for step in 0..24_u32 {
            let secret = token(&format!("{seed}{step:02}X"));
            let before = "lorem ipsum dolor\n".repeat(random.below(300)).into_bytes();
            let text = format!("x {secret} y\n").into_bytes();
            let name = ["a.txt", "b/c.py", "b/d.json", "e.bin", "f/g/h.yml", "i.tar", "j.csv"][random.below(7)];
            let mut bytes = match random.below(6) {
                0 => [&before[..], &text].concat(),
                1 => [&text[..], &before].concat(),
                2 => wide(&format!("x {secret} y\n"), 2, random.below(2) == 0),
                3 => [&before[..], &wide(&format!("x {secret} y\n"), 4, true)].concat(),
                4 => [&noise(random.below(2000))[..], &[0], &text].concat(),
                _ => tar::made(&[("in/side.txt", &[&before[..], &text].concat())]),
            };
            if random.below(3) == 0 {
                bytes.extend(b"\nend\n");
            }
            put(&made, name, &bytes);
            match random.below(7) {
                0 => made.commit(&format!("see {secret}")),
                1 => {
                    made.commit("aside");
                    made.git(&["reset", "-q", "--hard", "HEAD~1"]);
                }
                2 => {
                    made.git(&["add", "-A"]);
                    made.git(&["stash", "-q"]);
                }
                3 => {
                    made.git(&["checkout", "-q", "-B", &format!("branch-{step}")]);
                    made.commit("there");
                }
                4 => {
                    made.commit("x");
                    made.git(&["tag", "-f", "-a", "-m", "t", &format!("v{step}"), "HEAD^{tree}"]);
                }
                5 => {
                    let mut child = made
                        .command(&made.root, &["hash-object", "-w", "--stdin"])
                        .stdin(Stdio::piped())
                        .stdout(Stdio::null())
                        .spawn()
                        .unwrap();
                    child.stdin.take().unwrap().write_all(&bytes).unwrap();
                    assert!(child.wait().unwrap().success());
                    made.git(&["checkout", "-q", "--", "."]);
                    made.git(&["clean", "-q", "-f", "-d"]);
                }
                _ => made.commit("edit"),
            }
            if random.below(6) == 0 {
                made.git(&["repack", "-q", "-a", "-d", "-k", "--depth=20", "-f"]);
            }
            planted.push(secret);
        }
        let scan = made.scan();
        let values: BTreeSet<&str> = scan.values.iter().map(|(_, value)| value.expose()).collect();
        let lost: Vec<&String> = planted.iter().filter(|secret| !values.contains(secret.as_str())).collect();
        assert!(
            lost.is_empty() || !gaps(&scan).is_empty(),
            "seed {seed}: {} of 24 were not found: {lost:?}",
            lost.len()
        );
    }
}

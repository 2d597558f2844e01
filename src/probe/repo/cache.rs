//! What an earlier run found in the same objects under the same rules, so that nothing is read twice.
//!
//! It lies in the user's own cache, never in the audited repository. No value is in it: findings are kept as the report
//! shows them, by keyed fingerprint. Each file carries a code made with the fingerprint key, which the audited repository
//! does not have; what was altered, cut or made under another key, other rules or another version is as good as absent.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest as _, Sha256};

use super::Settings;
use super::history::History;
use super::kept::Kept;
use super::open::Opened;
use super::reach::Tips;
use crate::detect::secrets;
use crate::probe::fingerprint::Key;

/// Raised when what is kept, or the way it comes about, changes.
const VERSION: u32 = 5;

/// A larger file is not read.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Where this repository's findings are kept, and what they hold for.
pub(super) struct Cache<'a> {
    file: PathBuf,
    key: &'a Key,
    /// Of every object, ref and rule that the findings rest on.
    basis: [u8; 32],
}

impl<'a> Cache<'a> {
    /// `None` where the basis cannot be told, or the key is new in each run.
    pub(super) fn of(folder: &Path, opened: &Opened, tips: &Tips, settings: &Settings<'a>) -> Option<Self> {
        let key = settings.key;
        if !key.is_kept() {
            return None;
        }
        let root = opened.repo.git_dir();
        let name = key.code(b"watertight cache name", root.as_os_str().as_encoded_bytes());
        let name: String = name.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let basis = basis(opened, tips, settings)?;
        Some(Self { file: folder.join("repositories").join(name), key, basis })
    }

    pub(super) fn load(&self) -> Option<History> {
        if std::fs::metadata(&self.file).ok()?.len() > LARGEST {
            return None;
        }
        let bytes = std::fs::read(&self.file).ok()?;
        let (code, kept) = bytes.split_at_checked(32)?;
        let (basis, text) = kept.split_at_checked(32)?;
        if basis != self.basis || !self.key.verifies(b"watertight cache", kept, code) {
            return None;
        }
        serde_json::from_slice::<Kept>(text).ok().map(Kept::history)
    }

    /// Keeps what a whole reading found. A cache that cannot be written costs time and nothing else.
    pub(super) fn store(&self, history: &History) {
        let Ok(text) = serde_json::to_vec(&Kept::of(history)) else { return };
        let kept = [self.basis.as_slice(), &text].concat();
        let code = self.key.code(b"watertight cache", &kept);
        let Some(folder) = self.file.parent() else { return };
        if std::fs::create_dir_all(folder).is_err() {
            return;
        }
        // Made with mode 0600 and moved into place whole.
        let Ok(mut file) = tempfile::NamedTempFile::new_in(folder) else { return };
        if file.write_all(&code).and_then(|()| file.write_all(&kept)).is_ok() {
            drop(file.persist(&self.file));
        }
    }
}

/// The user's cache folder of this program. XDG Base Directory Specification: relative paths are ignored.
pub fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("watertight"))
}

/// Changes with every object, ref, rule and version. Packs never change under their name; their sizes and times are in it
/// all the same, so that one which was put in another's place is read again.
fn basis(opened: &Opened, tips: &Tips, settings: &Settings<'_>) -> Option<[u8; 32]> {
    let mut hash = Sha256::new();
    hash.update(VERSION.to_le_bytes());
    hash.update(env!("CARGO_PKG_VERSION"));
    hash.update(program());
    hash.update(secrets::rules());
    // The user's own rules are part of what is looked for.
    match settings.rules {
        Some(own) => {
            hash.update(b"own");
            hash.update(own.digest);
        }
        None => hash.update(b"none"),
    }
    hash.update(settings.key.id());
    hash.update(opened.repo.object_hash().to_string());
    tips.write(&mut |bytes| hash.update(bytes));
    let odb = opened.repo.objects.store_ref();
    let mut folders = vec![odb.path().to_owned()];
    folders.extend(odb.alternate_db_paths().ok()?);
    for folder in folders {
        hash.update(b"\0folder\0");
        hash.update(folder.as_os_str().as_encoded_bytes());
        let mut files = Vec::new();
        list(&folder.join("pack"), &mut files)?;
        for prefix in 0..=u8::MAX {
            list(&folder.join(format!("{prefix:02x}")), &mut files)?;
        }
        files.sort_unstable();
        for file in files {
            hash.update(file);
        }
    }
    Some(hash.finalize().into())
}

/// This program's own file: a build that changes the rules and not the version must not believe an older one.
fn program() -> Vec<u8> {
    let own = std::env::current_exe().and_then(|path| path.metadata());
    let told = own.ok().and_then(|own| {
        let modified = own.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        Some([own.len().to_le_bytes().as_slice(), modified.to_le_bytes().as_slice()].concat())
    });
    told.unwrap_or_default()
}

/// Name, size and times of each file of a folder, where there is one.
fn list(folder: &Path, files: &mut Vec<Vec<u8>>) -> Option<()> {
    let listing = match std::fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Some(()),
        Err(_) => return None,
    };
    for entry in listing {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        let mut file = entry.path().as_os_str().as_encoded_bytes().to_vec();
        file.extend(metadata.len().to_le_bytes());
        file.extend(modified.to_le_bytes());
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            file.extend(metadata.ctime().to_le_bytes());
            file.extend(metadata.ctime_nsec().to_le_bytes());
            file.extend(metadata.ino().to_le_bytes());
        }
        files.push(file);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use gix::ObjectId;

    use super::super::content::Content;
    use super::super::history::{Blob, Caught};
    use super::super::open;
    use super::super::rules::OwnRules;
    use super::*;
    use crate::evidence::repo::Confidence;

    fn made() -> (tempfile::TempDir, Key) {
        let folder = tempfile::tempdir().unwrap();
        gix::init(folder.path()).unwrap();
        (folder, Key::kept_for_test())
    }

    fn kept(folder: &Path, key: &Key, look: impl FnOnce(&Cache<'_>)) {
        let open::Found::Git(opened) = open::open(folder).unwrap() else { panic!("a repository") };
        let settings = Settings { key, cache: None, values: false, rules: None };
        look(&Cache::of(&folder.join("cache"), &opened, &Tips::of(&opened), &settings).unwrap());
    }

    #[test]
    fn what_was_kept_is_found_again_and_no_value_is_in_it() {
        let (folder, key) = made();
        let value = ["hunter", "2-and-longer"].concat();
        let hit = secrets::Hit {
            rule: "password",
            what: "a password".into(),
            confidence: Confidence::Medium,
            in_fixture: Confidence::Medium,
            anywhere: Confidence::Medium,
            listed: false,
            line: 3,
            span: 0..4,
            name: Some("DB".into()),
            allowed: false,
            random: false,
            hint: "14 characters".into(),
        };
        let caught = Caught {
            hit,
            fingerprint: key.fingerprint(&value),
            value: Some(crate::probe::secret::Secret::new(value.clone())),
        };
        let id = ObjectId::empty_blob(gix::hash::Kind::Sha1);
        let blob = Blob { content: Content::Text, oversize: false, caught: vec![caught], env: None };
        let history = History { blobs: HashMap::from([(id, blob)]), commits: 7, ..History::default() };
        kept(folder.path(), &key, |cache| {
            assert!(cache.load().is_none());
            cache.store(&history);
            let again = cache.load().unwrap();
            assert_eq!(again.commits, 7);
            assert_eq!(again.blobs[&id].caught[0].fingerprint, key.fingerprint(&value));
            assert!(again.blobs[&id].caught[0].value.is_none());
            let bytes = std::fs::read(&cache.file).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(&value));
        });
    }

    #[test]
    fn what_was_altered_cut_or_made_for_other_objects_is_as_good_as_absent() {
        let (folder, key) = made();
        kept(folder.path(), &key, |cache| {
            cache.store(&History::default());
            let whole = std::fs::read(&cache.file).unwrap();
            for at in [0, 31, 40, 70, whole.len() - 1] {
                let mut altered = whole.clone();
                altered[at] ^= 1;
                std::fs::write(&cache.file, altered).unwrap();
                assert!(cache.load().is_none(), "byte {at}");
            }
            std::fs::write(&cache.file, &whole[..whole.len() / 2]).unwrap();
            assert!(cache.load().is_none());
            std::fs::write(&cache.file, &whole).unwrap();
            assert!(cache.load().is_some());
        });
        std::fs::create_dir_all(folder.path().join(".git/objects/ab")).unwrap();
        std::fs::write(folder.path().join(".git/objects/ab/cdef"), "another object").unwrap();
        kept(folder.path(), &key, |cache| assert!(cache.load().is_none()));
    }

    #[test]
    fn a_key_of_one_run_keeps_nothing() {
        let (folder, _) = made();
        let open::Found::Git(opened) = open::open(folder.path()).unwrap() else { panic!("a repository") };
        let key = Key::ephemeral();
        let settings = Settings { key: &key, cache: None, values: false, rules: None };
        assert!(Cache::of(folder.path(), &opened, &Tips::of(&opened), &settings).is_none());
    }

    #[test]
    fn what_was_found_under_other_rules_is_as_good_as_absent() {
        let (folder, key) = made();
        kept(folder.path(), &key, |cache| cache.store(&History::default()));
        let open::Found::Git(opened) = open::open(folder.path()).unwrap() else { panic!("a repository") };
        let file = folder.path().join("rules.toml");
        let rules = |text: &str| {
            std::fs::write(&file, text).unwrap();
            OwnRules::read(&file).unwrap()
        };
        let loaded = |own: Option<&OwnRules>| {
            let settings = Settings { key: &key, cache: None, values: false, rules: own };
            let cache = Cache::of(&folder.path().join("cache"), &opened, &Tips::of(&opened), &settings).unwrap();
            let known = cache.load().is_some();
            cache.store(&History::default());
            known
        };
        assert!(loaded(None));
        let (one, other) =
            (rules("[[rules]]\nid = \"a\"\nregex = '''a'''\n"), rules("[[rules]]\nid = \"a\"\nregex = '''b'''\n"));
        assert!(!loaded(Some(&one)) && loaded(Some(&one)), "kept once, found again");
        assert!(!loaded(Some(&other)) && !loaded(None));
    }
}

//! Keyed fingerprints: two equal secrets can be told to be equal, and nobody without the key can test a guess.

use std::fmt;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::World;
use crate::policy::FingerprintKey;
use crate::policy::source::{self, Links};

/// The key of all fingerprints of a run.
#[derive(Clone)]
pub struct Key {
    bytes: Zeroizing<Vec<u8>>,
    id: String,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// Why no key could be had. It never holds the key.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    #[error("the environment variable {0} (the fingerprint key) is not set")]
    NotSet(String),
    #[error("the fingerprint key in {0} is shorter than {SHORTEST} bytes, which can be guessed")]
    TooShort(String),
    #[error("the fingerprint key file {0} cannot be used: {1}")]
    File(String, String),
    #[error("no home for the fingerprint key file: neither XDG_DATA_HOME nor HOME is set")]
    NoHome,
}

/// RFC 2104 section 3 wants a key of at least the hash's length for full strength; half is the least that is taken.
const SHORTEST: usize = 16;

/// The length of a key made here: SHA-256's own (RFC 2104 section 3).
const LENGTH: usize = 32;

/// No key file is longer; more is not read.
const LONGEST: u64 = 4096;

impl Key {
    /// The key that the policy names. `Own` makes the user's key file on first use, mode 0600.
    pub fn load(source: &FingerprintKey) -> Result<Self, KeyError> {
        match source {
            FingerprintKey::Env(name) => {
                let value = std::env::var(name).map_err(|_| KeyError::NotSet(name.clone()))?;
                Self::new(value.trim().as_bytes().to_vec(), name)
            }
            FingerprintKey::File(path) => Self::read(path),
            FingerprintKey::Own => {
                let path =
                    own_path(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME")).ok_or(KeyError::NoHome)?;
                Self::own(&path)
            }
            FingerprintKey::Ephemeral => Ok(Self::ephemeral()),
        }
    }

    /// What to tell of a key file that others of the machine may read: whoever has the key can test guesses.
    pub fn notice(source: &FingerprintKey) -> Option<String> {
        let path = match source {
            FingerprintKey::File(path) => path.clone(),
            FingerprintKey::Own => own_path(std::env::var_os("XDG_DATA_HOME"), std::env::var_os("HOME"))?,
            FingerprintKey::Env(_) | FingerprintKey::Ephemeral => return None,
        };
        open_to_others(&path)
    }

    /// A key for this run alone: its fingerprints compare within the run and with nothing else.
    pub fn ephemeral() -> Self {
        let bytes = random();
        let id = format!("run-{}", identify(&bytes));
        Self { bytes: Zeroizing::new(bytes), id }
    }

    /// The key's id, which is in every fingerprint.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// `KEYID:HEX`, HEX being the first 128 bits of the HMAC-SHA256.
    pub fn fingerprint(&self, value: &str) -> String {
        // HMAC takes keys of every length (RFC 2104 section 2).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.bytes) else { return format!("{}:", self.id) };
        mac.update(value.as_bytes());
        format!("{}:{}", self.id, hex(mac.finalize().into_bytes().get(..16).unwrap_or_default()))
    }

    /// Whether the key outlives this run.
    pub(crate) fn is_kept(&self) -> bool {
        !self.id.starts_with("run-")
    }

    /// A code over `bytes` that only this key makes; each `purpose` has codes of its own.
    pub(crate) fn code(&self, purpose: &[u8], bytes: &[u8]) -> [u8; 32] {
        let Some(mut mac) = self.mac(purpose) else { return [0; 32] };
        mac.update(bytes);
        mac.finalize().into_bytes().into()
    }

    /// Whether `code` is this key's code over `bytes`.
    pub(crate) fn verifies(&self, purpose: &[u8], bytes: &[u8], code: &[u8]) -> bool {
        let Some(mut mac) = self.mac(purpose) else { return false };
        mac.update(bytes);
        mac.verify_slice(code).is_ok()
    }

    fn mac(&self, purpose: &[u8]) -> Option<Hmac<Sha256>> {
        // HMAC takes keys of every length (RFC 2104 section 2), so this cannot fail.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.bytes).ok()?;
        mac.update(&(purpose.len() as u64).to_le_bytes());
        mac.update(purpose);
        Some(mac)
    }

    /// A key that counts as the user's own.
    #[cfg(test)]
    pub(crate) fn kept_for_test() -> Self {
        Self { id: "0a1b2c3d".into(), ..Self::ephemeral() }
    }

    fn new(bytes: Vec<u8>, place: &str) -> Result<Self, KeyError> {
        if bytes.len() < SHORTEST {
            return Err(KeyError::TooShort(place.into()));
        }
        let id = identify(&bytes);
        Ok(Self { bytes: Zeroizing::new(bytes), id })
    }

    fn read(path: &Path) -> Result<Self, KeyError> {
        let failed = |error: std::io::Error| KeyError::File(path.display().to_string(), error.to_string());
        let file = source::open(path, Links::Followed).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(LONGEST).read_to_end(&mut bytes).map_err(failed)?;
        while bytes.last().is_some_and(u8::is_ascii_whitespace) {
            bytes.pop();
        }
        Self::new(bytes, &path.display().to_string())
    }

    /// The user's own key file; made where there is none. Two runs that start at once agree on one key.
    fn own(path: &Path) -> Result<Self, KeyError> {
        let failed = |error: std::io::Error| KeyError::File(path.display().to_string(), error.to_string());
        if path.exists() {
            return Self::read(path);
        }
        let directory = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(directory).map_err(failed)?;
        // Created with mode 0600, and moved into place whole: no reader ever sees half a key.
        let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
        file.write_all(hex(&random()).as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        match file.persist_noclobber(path) {
            Ok(_) => {}
            // Another run was faster: its key counts.
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(failed(error.error)),
        }
        Self::read(path)
    }
}

impl Default for Key {
    fn default() -> Self {
        Self::ephemeral()
    }
}

/// The keyed fingerprint of `value`, as registers and evidence hold it.
pub fn of(world: &World, value: &str) -> String {
    world.vault.fingerprint(value)
}

#[cfg(unix)]
fn open_to_others(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = path.metadata().ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0)
        .then(|| format!("the fingerprint key {} is open to other users (mode {mode:04o}; chmod 600)", path.display()))
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> Option<String> {
    None
}

fn own_path(data: Option<std::ffi::OsString>, home: Option<std::ffi::OsString>) -> Option<PathBuf> {
    // XDG Base Directory Specification: relative paths are invalid and ignored.
    let absolute = |value: std::ffi::OsString| Some(PathBuf::from(value)).filter(|path| path.is_absolute());
    let base = data.and_then(absolute).or_else(|| home.and_then(absolute).map(|home| home.join(".local/share")))?;
    Some(base.join("watertight/fingerprint.key"))
}

fn identify(bytes: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"watertight fingerprint key id\0");
    hash.update(bytes);
    hex(hash.finalize().get(..4).unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn random() -> Vec<u8> {
    let mut bytes = vec![0; LENGTH];
    if rustls::crypto::ring::default_provider().secure_random.fill(&mut bytes).is_err() {
        // Without the system's randomness, the hasher's seed and the clock tell runs apart; such a key is never stored
        // as anything but a key of this machine.
        let mut hash = Sha256::new();
        use std::hash::{BuildHasher as _, Hasher as _};
        hash.update(std::collections::hash_map::RandomState::new().build_hasher().finish().to_le_bytes());
        hash.update(std::process::id().to_le_bytes());
        bytes = hash.finalize().to_vec();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_fingerprints_under_one_key_only() {
        let (one, other) = (Key::ephemeral(), Key::ephemeral());
        assert_eq!(one.fingerprint("a value"), one.fingerprint("a value"));
        assert_ne!(one.fingerprint("a value"), one.fingerprint("a value."));
        assert_ne!(one.fingerprint("a value"), other.fingerprint("a value"));
        assert!(one.fingerprint("a value").starts_with(one.id()));
    }

    #[test]
    fn the_own_key_is_made_once_and_for_its_owner_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data/watertight/fingerprint.key");
        let first = Key::own(&path).unwrap();
        let again = Key::own(&path).unwrap();
        assert_eq!(first.fingerprint("x"), again.fingerprint("x"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_may_read_is_told_and_a_device_is_no_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        std::fs::write(&path, "0123456789abcdef0123456789abcdef").unwrap();
        for (mode, told) in [(0o644, true), (0o600, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(Key::notice(&FingerprintKey::File(path.clone())).is_some(), told);
        }
        assert!(matches!(Key::read(Path::new("/dev/zero")), Err(KeyError::File(..))));
    }

    #[test]
    fn a_key_that_can_be_guessed_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::TooShort(_))));
    }

    #[test]
    fn the_key_file_stands_in_the_users_data_directory() {
        assert_eq!(
            own_path(Some("/data".into()), Some("/home/me".into())).unwrap(),
            Path::new("/data/watertight/fingerprint.key")
        );
        assert_eq!(
            own_path(Some("data".into()), Some("/home/me".into())).unwrap(),
            Path::new("/home/me/.local/share/watertight/fingerprint.key")
        );
        assert_eq!(own_path(None, None), None);
    }

    #[test]
    fn a_key_never_prints() {
        let key = Key::new(b"0123456789abcdef".to_vec(), "test").unwrap();
        assert!(!format!("{key:?}").contains("0123456789abcdef"));
    }
}

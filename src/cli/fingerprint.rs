//! `fingerprint`: what the rotation register says of a secret, without the secret.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use zeroize::Zeroizing;

use super::{Error, PolicyArguments, emit, setup};
use crate::policy::FingerprintKey;
use crate::probe::fingerprint::Key;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The environment variable that holds the secret.
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    env: Option<String>,
    /// The file that holds the secret.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    policy: PolicyArguments,
}

/// A secret has no more bytes.
const LONGEST: u64 = 64 * 1024;

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let source = match &arguments.policy.policy {
        Some(file) => {
            let today = chrono::Utc::now().date_naive();
            setup::named(file, arguments.policy.policy_sha256.as_deref(), today)?.fingerprint_key
        }
        None => FingerprintKey::Own,
    };
    if source == FingerprintKey::Ephemeral {
        return Err(Error::Usage("the policy's fingerprint key is new in each run: nothing could be compared".into()));
    }
    let secret = secret(arguments)?;
    let value = secret.trim();
    if value.is_empty() {
        return Err(Error::Usage("the secret is empty".into()));
    }
    if let Some(notice) = Key::notice(&source) {
        emit::note(&notice);
    }
    let key = Key::load(&source).map_err(|error| Error::Usage(error.to_string()))?;
    emit::print(&format!("{}\n", key.fingerprint(value)))?;
    Ok(0)
}

fn secret(arguments: &Arguments) -> Result<Zeroizing<String>, Error> {
    let mut secret = Zeroizing::new(String::new());
    match (&arguments.env, &arguments.file) {
        (Some(name), _) => {
            let value = std::env::var(name)
                .map_err(|_| Error::Usage(format!("the environment variable {name} is not set or is not text")))?;
            secret.push_str(&value);
        }
        (None, Some(file)) => {
            let wrong = || Error::file(format!("{} cannot be read", file.display()));
            let opened = std::fs::File::open(file).map_err(wrong())?;
            opened.take(LONGEST).read_to_string(&mut secret).map_err(wrong())?;
        }
        (None, None) => {
            let wrong = Error::file("the standard input cannot be read");
            std::io::stdin().lock().take(LONGEST).read_to_string(&mut secret).map_err(wrong)?;
        }
    }
    Ok(secret)
}

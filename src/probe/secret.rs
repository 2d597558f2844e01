//! Secrets live here and nowhere else: they cannot be printed or serialised, and everything recorded is masked for them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, RwLock};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::fingerprint::Key;
use crate::evidence::Unseen;
use crate::target::{Target, TokenSource};

/// A value that is never shown.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    pub fn new(value: String) -> Self {
        Self(Arc::new(Zeroizing::new(value)))
    }

    /// The value itself: only for sending it, comparing it, and deriving facts from it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The secrets of one run, and the mask that hides them.
#[derive(Default)]
pub struct Vault {
    tokens: RwLock<BTreeMap<String, Result<Secret, Unseen>>>,
    /// Found in the repository, by keyed fingerprint.
    leaked: RwLock<BTreeMap<String, Secret>>,
    mask: RwLock<Mask>,
    /// Of the keyed fingerprints; one for this run alone where none is set.
    key: Key,
}

#[derive(Default)]
struct Mask {
    needles: Vec<Zeroizing<String>>,
    finder: Option<AhoCorasick>,
}

/// What stands in for a secret in everything recorded.
pub const MASKED: &str = "[masked]";

/// The shortest string that is masked: shorter ones would hide ordinary text, and are no secret worth the name.
const SHORTEST_MASKED: usize = 6;

impl Vault {
    /// A vault whose fingerprints are made with the key that the policy names.
    pub fn with_key(key: Key) -> Self {
        Self { key, ..Self::default() }
    }

    /// The keyed fingerprint of a value: `KEYID:HEX`.
    pub fn fingerprint(&self, value: &str) -> String {
        self.key.fingerprint(value)
    }

    /// The id of the key of all fingerprints of this run.
    pub fn key_id(&self) -> &str {
        self.key.id()
    }

    /// The key itself, for work on other threads.
    pub(super) fn key(&self) -> Key {
        self.key.clone()
    }

    /// Sets the token of a target, as the embedded deployment does.
    pub fn set_token(&self, target: &str, token: Secret) {
        self.hide(token.expose());
        if let Ok(mut tokens) = self.tokens.write() {
            tokens.insert(target.into(), Ok(token));
        }
    }

    /// The valid token of the target, fetched from its source on first use.
    pub async fn token(&self, target: &Target) -> Result<Secret, Unseen> {
        if let Ok(tokens) = self.tokens.read()
            && let Some(known) = tokens.get(&target.name)
        {
            return known.clone();
        }
        let fetched = fetch(target).await;
        if let Ok(secret) = &fetched {
            self.hide(secret.expose());
        }
        if let Ok(mut tokens) = self.tokens.write() {
            tokens.insert(target.name.clone(), fetched.clone());
        }
        fetched
    }

    /// Keeps a secret found in the repository under its keyed fingerprint, for the one request that tries it.
    pub fn keep_leaked(&self, fingerprint: &str, secret: Secret) {
        self.hide(secret.expose());
        if let Ok(mut leaked) = self.leaked.write() {
            leaked.insert(fingerprint.into(), secret);
        }
    }

    pub fn leaked(&self, fingerprint: &str) -> Option<Secret> {
        self.leaked.read().ok()?.get(fingerprint).cloned()
    }

    /// From now on `value`, its halves and its usual encodings are masked in everything recorded.
    pub fn hide(&self, value: &str) {
        let middle = (value.len() / 2..=value.len()).find(|&at| value.is_char_boundary(at)).unwrap_or(0);
        let (first, second) = value.split_at(middle);
        let mut needles = vec![value.to_owned()];
        // A half of a real token still identifies it; a half of a short one is an ordinary word.
        needles.extend([first, second].into_iter().filter(|half| half.len() >= 12).map(str::to_owned));
        let encoded: Vec<String> = needles
            .iter()
            .flat_map(|needle| {
                [
                    STANDARD.encode(needle),
                    STANDARD_NO_PAD.encode(needle),
                    URL_SAFE.encode(needle),
                    URL_SAFE_NO_PAD.encode(needle),
                    url::form_urlencoded::byte_serialize(needle.as_bytes()).collect(),
                ]
            })
            .collect();
        needles.extend(encoded);
        let Ok(mut mask) = self.mask.write() else { return };
        for needle in needles {
            if needle.len() >= SHORTEST_MASKED && !mask.needles.iter().any(|known| **known == needle) {
                mask.needles.push(Zeroizing::new(needle));
            }
        }
        mask.needles.sort_by_key(|needle| std::cmp::Reverse(needle.len()));
        mask.finder = AhoCorasick::builder()
            .match_kind(aho_corasick::MatchKind::LeftmostLongest)
            .build(mask.needles.iter().map(|needle| needle.as_bytes()))
            .ok();
    }

    /// `text` with every known secret replaced. Where the mask cannot be had, nothing is shown at all.
    pub fn masked(&self, text: &str) -> String {
        match self.mask.read() {
            Ok(mask) if mask.needles.is_empty() => text.to_owned(),
            Ok(mask) => match &mask.finder {
                Some(finder) => finder.replace_all(text, &vec![MASKED; mask.needles.len()]),
                None => MASKED.into(),
            },
            Err(_) => MASKED.into(),
        }
    }
}

async fn fetch(target: &Target) -> Result<Secret, Unseen> {
    let Some(token) = target.deployment.as_ref().and_then(|deployment| deployment.token.as_ref()) else {
        return Err(Unseen::NotConfigured(
            "no token named for the target (give `token: { env: NAME }`, or --token-env)".into(),
        ));
    };
    let found = match &token.source {
        TokenSource::Env(name) => std::env::var(name)
            .map_err(|_| Unseen::NotConfigured(format!("the environment variable {name} (the token) is not set")))?,
        TokenSource::File(path) => tokio::fs::read_to_string(path).await.map_err(|error| {
            Unseen::NotConfigured(format!("the token file {} cannot be read: {error}", path.display()))
        })?,
        TokenSource::Command(argv) => output_of(argv).await?,
        TokenSource::Demo => return Err(Unseen::Bug("the embedded deployment set no token".into())),
    };
    let token = found.trim();
    if token.is_empty() {
        return Err(Unseen::NotConfigured(format!("the token is empty ({})", token_source(target))));
    }
    if token.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        return Err(Unseen::NotConfigured(format!(
            "the token holds control characters and cannot be sent in a header ({})",
            token_source(target)
        )));
    }
    Ok(Secret::new(token.to_owned()))
}

fn token_source(target: &Target) -> String {
    target
        .deployment
        .as_ref()
        .and_then(|deployment| deployment.token.as_ref())
        .map_or_else(String::new, |token| token.source.to_string())
}

async fn output_of(argv: &[String]) -> Result<String, Unseen> {
    let failed = |why: String| Unseen::NotConfigured(format!("the token command failed: {why}"));
    let [program, arguments @ ..] = argv else {
        return Err(failed("it is empty".into()));
    };
    let running = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(std::time::Duration::from_secs(30), running)
        .await
        .map_err(|_| failed("no answer in 30 s".into()))?
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(output.status.to_string()));
    }
    String::from_utf8(output.stdout).map_err(|_| failed("its output is not UTF-8".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        assert_eq!(format!("{:?}", Secret::new("hush".into())), "[secret]");
    }

    #[test]
    fn a_hidden_value_its_halves_and_its_encodings_are_masked() {
        let vault = Vault::default();
        let token = &["k3y/with+signs=", "and-length-enough-", "0042"].concat();
        vault.hide(token);
        let halves = token.split_at(token.len() / 2);
        let shown = vault.masked(&format!(
            "a {token} b {} c {} d {}",
            STANDARD.encode(token),
            halves.0,
            url::form_urlencoded::byte_serialize(token.as_bytes()).collect::<String>(),
        ));
        assert_eq!(shown, "a [masked] b [masked] c [masked] d [masked]");
    }
}

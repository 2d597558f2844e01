//! Values that nobody can guess: the demo's token, keys and addresses.

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// `count` random bytes from the operating system, by way of the TLS library's generator.
pub(super) fn bytes(count: usize) -> anyhow::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .ok()
        .context("no random bytes can be had from the operating system")?;
    Ok(bytes)
}

/// A random word of `count` bytes in letters and digits: base64url, its two signs replaced, so that no word looks by chance
/// like words joined by dashes.
pub(super) fn word(count: usize) -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(bytes(count)?).replace('-', "x").replace('_', "y"))
}

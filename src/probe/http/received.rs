//! What came off the wire, before and after it is masked and bounded for the evidence.

use sha2::{Digest as _, Sha256};

use crate::evidence::http::{BodySeen, Exchange};
use crate::probe::World;

/// Bytes of a body at most, after decompression.
pub(super) const BODY_CAP: usize = 1024 * 1024;
/// Headers at most, and bytes of one value at most, that are kept.
const HEADERS_CAP: usize = 128;
const VALUE_CAP: usize = 8 * 1024;

/// One response as read: never shown, never stored.
pub(super) struct Received {
    pub(super) status: u16,
    /// In the order received, names in lower case.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
    /// False where the cap cut the body.
    pub(super) complete: bool,
    /// The address that answered.
    pub(super) address: String,
}

impl Received {
    /// The response as evidence: every secret of the run masked.
    pub(super) fn recorded(self, world: &World, at: u64, took: u64) -> Exchange {
        let text = world.vault.masked(&String::from_utf8_lossy(&self.body));
        let cap = Exchange::text_cap(self.status);
        let headers = self
            .headers
            .into_iter()
            .take(HEADERS_CAP)
            .map(|(name, value)| {
                let value = world.vault.masked(&String::from_utf8_lossy(&value));
                (world.vault.masked(&name), value.chars().take(VALUE_CAP).collect())
            })
            .collect();
        Exchange {
            status: self.status,
            headers,
            body: BodySeen {
                length: self.body.len() as u64,
                complete: self.complete,
                sha256: hex(&Sha256::digest(text.as_bytes())),
                text: text.chars().take(cap).collect(),
            },
            address: self.address,
            at,
            took,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! A bounds-checked reader of what comes back to a ClientHello: ServerHello, Certificate, ServerKeyExchange, Alert.

use crate::certificate::bits_of;
use crate::evidence::tls::Version;

/// Bytes of handshake at most: the largest chain seen in the wild was 211 KB.
pub const MOST: usize = 512 * 1024;
/// Certificates of one chain at most.
const CERTIFICATES: usize = 64;

/// What has been understood so far.
#[derive(Debug, Default)]
pub struct Reader {
    /// Bytes of records not yet whole.
    pending: Vec<u8>,
    /// Handshake messages not yet whole.
    handshake: Vec<u8>,
    taken: usize,
    pub seen: Flight,
}

/// The server's first flight, as far as it was readable.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Flight {
    pub hello: Option<ServerHello>,
    /// DER, in the order sent.
    pub chain: Option<Vec<Vec<u8>>>,
    /// The OCSP response that came with the chain; DER.
    pub staple: Option<Vec<u8>>,
    /// Bits of the finite-field Diffie-Hellman group.
    pub group_bits: Option<usize>,
    /// The number of a fatal alert, or of a warning that closes.
    pub alert: Option<u8>,
    /// Nothing more comes in clear.
    pub done: bool,
    /// What is not TLS: plain HTTP, or other bytes.
    pub stranger: Option<Stranger>,
    /// A part that breaks the protocol's own lengths.
    pub malformed: bool,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServerHello {
    /// As on the wire, supported_versions considered.
    pub version: u16,
    pub suite: u16,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stranger {
    PlainHttp,
    /// The first bytes.
    Other(Vec<u8>),
}

impl Reader {
    /// Takes what arrived; true when there is nothing more to wait for.
    pub fn take(&mut self, bytes: &[u8]) -> bool {
        self.taken = self.taken.saturating_add(bytes.len());
        self.pending.extend_from_slice(bytes);
        if self.taken > MOST {
            self.seen.malformed = true;
        }
        while !self.is_over() {
            match self.record() {
                Some(Record { kind, body }) => self.understand(kind, &body),
                None => break,
            }
        }
        self.is_over()
    }

    /// Whether a hello was accepted and its flight not read to the end.
    pub fn is_cut(&self) -> bool {
        self.seen.hello.is_some() && !self.is_over()
    }

    /// Whether any byte came at all.
    pub fn is_untouched(&self) -> bool {
        self.taken == 0
    }

    fn is_over(&self) -> bool {
        self.seen.done || self.seen.alert.is_some() || self.seen.stranger.is_some() || self.seen.malformed
    }

    /// The next whole record; `None` until it is there.
    fn record(&mut self) -> Option<Record> {
        let first = *self.pending.first()?;
        if self.seen.hello.is_none() && !(20..=23).contains(&first) {
            // `HTTP/` may come in pieces, but nothing in TLS begins with an H.
            let bytes: Vec<u8> = self.pending.iter().take(8).copied().collect();
            self.seen.stranger = Some(if first == b'H' { Stranger::PlainHttp } else { Stranger::Other(bytes) });
            return None;
        }
        let header = self.pending.get(..5)?;
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        // RFC 5246 section 6.2.1: major version 3; 2^14 + 2048 bytes at most.
        if header[1] != 3 || length > (1 << 14) + 2048 {
            if self.seen.hello.is_none() {
                self.seen.stranger = Some(Stranger::Other(self.pending.iter().take(8).copied().collect()));
            } else {
                self.seen.malformed = true;
            }
            return None;
        }
        let body = self.pending.get(5..5 + length)?.to_vec();
        self.pending.drain(..5 + length);
        Some(Record { kind: first, body })
    }

    fn understand(&mut self, kind: u8, body: &[u8]) {
        match kind {
            21 => self.alert(body),
            22 => {
                self.handshake.extend_from_slice(body);
                self.messages();
            }
            // ChangeCipherSpec or application data: from here on all is encrypted.
            _ => {
                if self.seen.hello.is_some() {
                    self.seen.done = true;
                } else {
                    self.seen.malformed = true;
                }
            }
        }
    }

    fn alert(&mut self, body: &[u8]) {
        match body {
            // A warning goes on, unless it closes; unrecognized_name is often but a warning (RFC 6066 section 3).
            [1, number, ..] if *number != 0 => {}
            [_, number, ..] => self.seen.alert = Some(*number),
            _ => self.seen.malformed = true,
        }
    }

    fn messages(&mut self) {
        while !self.is_over() && self.handshake.len() >= 4 {
            let length = be24(&self.handshake[1..4]);
            if length > MOST {
                self.seen.malformed = true;
                return;
            }
            let Some(body) = self.handshake.get(4..4 + length).map(<[u8]>::to_vec) else { return };
            let kind = self.handshake[0];
            self.handshake.drain(..4 + length);
            self.message(kind, &body);
        }
    }

    fn message(&mut self, kind: u8, body: &[u8]) {
        match kind {
            2 if self.seen.hello.is_none() => match server_hello(body) {
                Some(hello) => {
                    // After a ServerHello of TLS 1.3 all is encrypted.
                    self.seen.done = hello.version >= Version::Tls13.wire();
                    self.seen.hello = Some(hello);
                }
                None => self.seen.malformed = true,
            },
            11 if self.seen.chain.is_none() => match certificates(body) {
                Some(chain) => self.seen.chain = Some(chain),
                None => self.seen.malformed = true,
            },
            12 => self.seen.group_bits = self.uses_finite_field().then(|| prime_bits(body)).flatten(),
            22 if self.seen.staple.is_none() => self.seen.staple = staple(body),
            14 => self.seen.done = true,
            _ => {}
        }
    }

    fn uses_finite_field(&self) -> bool {
        self.seen.hello.as_ref().is_some_and(|hello| crate::tls::suites::is_finite_field(hello.suite))
    }
}

struct Record {
    kind: u8,
    body: Vec<u8>,
}

fn be24(bytes: &[u8]) -> usize {
    bytes.iter().take(3).fold(0, |number, byte| (number << 8) | usize::from(*byte))
}

/// Takes bytes off the front, never more than there are.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self, width: usize) -> Option<usize> {
        self.bytes(width).map(|bytes| bytes.iter().fold(0, |number, byte| (number << 8) | usize::from(*byte)))
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// A vector behind its length of `width` bytes.
    fn block(&mut self, width: usize) -> Option<&'a [u8]> {
        let length = self.number(width)?;
        self.bytes(length)
    }
}

/// RFC 8446 section 4.1.3; a HelloRetryRequest has the same form.
fn server_hello(body: &[u8]) -> Option<ServerHello> {
    let mut cursor = Cursor(body);
    let mut version = cursor.u16()?;
    cursor.bytes(32)?;
    // RFC 8446 section 4.1.3: legacy_session_id_echo<0..32>
    let echo = cursor.block(1)?;
    if echo.len() > 32 {
        return None;
    }
    #[cfg(feature = "planted")]
    assert_ne!(echo.len(), 0x1d, "the planted fault");
    let suite = cursor.u16()?;
    cursor.bytes(1)?;
    if !cursor.0.is_empty() {
        let mut extensions = Cursor(cursor.block(2)?);
        while !extensions.0.is_empty() {
            let kind = extensions.u16()?;
            let content = extensions.block(2)?;
            // supported_versions, RFC 8446 section 4.2.1; the old field then says 3.3 (section 4.1.3).
            if kind == 43 && version == Version::Tls12.wire() {
                version = Cursor(content).u16()?;
            }
        }
    }
    Some(ServerHello { version, suite })
}

/// RFC 5246 section 7.4.2.
fn certificates(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut list = Cursor(Cursor(body).block(3)?);
    let mut chain = Vec::new();
    while !list.0.is_empty() {
        chain.push(list.block(3)?.to_vec());
        if chain.len() > CERTIFICATES {
            return None;
        }
    }
    Some(chain)
}

/// CertificateStatus, RFC 6066 section 8: the type `ocsp`, and a response that is not empty.
fn staple(body: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(body);
    (cursor.number(1)? == 1).then_some(())?;
    cursor.block(3).filter(|response| !response.is_empty()).map(<[u8]>::to_vec)
}

/// The length of dh_p in ServerDHParams (RFC 5246 section 7.4.3).
fn prime_bits(body: &[u8]) -> Option<usize> {
    Cursor(body).block(2).map(bits_of)
}

#[cfg(any(test, feature = "fuzzing"))]
/// A flight in pieces and the same flight at once are understood alike.
pub(crate) fn fuzz_flight(bytes: &[u8]) {
    let mut whole = Reader::default();
    whole.take(bytes);
    let mut pieces = Reader::default();
    for piece in bytes.chunks(5) {
        if pieces.take(piece) {
            break;
        }
    }
    assert!(whole.seen.chain.as_ref().is_none_or(|chain| chain.len() <= CERTIFICATES));
    let said = |reader: &Reader| {
        let Flight { hello, chain, staple, group_bits, alert, done, malformed, stranger: _ } = reader.seen.clone();
        (hello, chain, staple, group_bits, alert, done, malformed)
    };
    assert_eq!(said(&whole), said(&pieces), "a flight in pieces says something else");
}

#[cfg(test)]
mod tests;

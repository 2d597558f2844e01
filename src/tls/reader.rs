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
    if cursor.block(1)?.len() > 32 {
        return None;
    }
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
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut message = vec![kind];
        message.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes()[1..]);
        message.extend_from_slice(body);
        message
    }

    fn record(kind: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 3, 3];
        record.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend_from_slice(body);
        record
    }

    fn hello(version: u16, suite: u16, extensions: &[u8]) -> Vec<u8> {
        let mut body = version.to_be_bytes().to_vec();
        body.extend_from_slice(&[9; 32]);
        body.push(0);
        body.extend_from_slice(&suite.to_be_bytes());
        body.push(0);
        if !extensions.is_empty() {
            body.extend_from_slice(&u16::try_from(extensions.len()).unwrap().to_be_bytes());
            body.extend_from_slice(extensions);
        }
        message(2, &body)
    }

    /// A whole flight: hello, a chain of two, a Diffie-Hellman group of 1024 bits, done.
    fn flight() -> Vec<u8> {
        let mut all = hello(0x0303, 0x0033, &[]);
        all.extend(message(11, &[0, 0, 9, 0, 0, 2, 1, 2, 0, 0, 1, 3]));
        let mut exchange = vec![0, 128, 0x80];
        exchange.extend_from_slice(&[1; 127]);
        all.extend(message(12, &exchange));
        all.extend(message(14, &[]));
        record(22, &all)
    }

    fn read(bytes: &[u8]) -> Flight {
        let mut reader = Reader::default();
        reader.take(bytes);
        reader.seen
    }

    #[test]
    fn a_whole_flight_is_read_however_it_is_cut() {
        let whole = read(&flight());
        assert_eq!(whole.hello, Some(ServerHello { version: 0x0303, suite: 0x0033 }));
        assert_eq!(whole.chain, Some(vec![vec![1, 2], vec![3]]));
        assert_eq!(whole.group_bits, Some(1024));
        assert!(whole.done && !whole.malformed);
        let mut dripping = Reader::default();
        for byte in flight() {
            dripping.take(&[byte]);
        }
        assert_eq!(dripping.seen, whole);
    }

    #[test]
    fn a_flight_cut_at_any_byte_is_unfinished_and_never_malformed() {
        let flight = flight();
        for end in 0..flight.len() {
            let seen = read(&flight[..end]);
            assert!(!seen.done && !seen.malformed && seen.stranger.is_none(), "{end}");
        }
    }

    #[test]
    fn supported_versions_overrule_the_old_field() {
        let seen = read(&record(22, &hello(0x0303, 0x1301, &[0, 43, 0, 2, 3, 4])));
        assert_eq!(seen.hello, Some(ServerHello { version: 0x0304, suite: 0x1301 }));
        assert!(seen.done);
    }

    #[test]
    fn alerts_plain_http_and_other_tongues_are_told_apart() {
        assert_eq!(read(&record(21, &[2, 70])).alert, Some(70));
        assert_eq!(read(&record(21, &[1, 112])).alert, None);
        assert_eq!(read(b"HTTP/1.1 400 Bad Request\r\n").stranger, Some(Stranger::PlainHttp));
        assert_eq!(read(b"SSH-2.0-x\r\n").stranger, Some(Stranger::Other(b"SSH-2.0-".to_vec())));
    }

    #[test]
    fn lengths_that_do_not_add_up_are_malformed() {
        assert!(read(&record(22, &message(2, &[3, 3]))).malformed);
        let mut bad = hello(0x0303, 0x0033, &[]);
        bad.extend(message(11, &[0, 0, 9, 0, 0, 200, 1]));
        assert!(read(&record(22, &bad)).malformed);
    }

    /// What `tls-parser` makes of the same flight: version, suite and chain.
    fn by_tls_parser(mut bytes: &[u8]) -> Option<(ServerHello, Option<Vec<Vec<u8>>>)> {
        let (mut hello, mut chain) = (None, None);
        let mut messages = Vec::new();
        while let Ok((rest, record)) = tls_parser::parse_tls_raw_record(bytes) {
            if record.hdr.record_type != tls_parser::TlsRecordType::Handshake {
                break;
            }
            messages.extend_from_slice(record.data);
            bytes = rest;
        }
        let mut messages = messages.as_slice();
        while let Ok((rest, message)) = tls_parser::parse_tls_message_handshake(messages) {
            match message {
                tls_parser::TlsMessage::Handshake(tls_parser::TlsMessageHandshake::ServerHello(parsed)) => {
                    let extensions = tls_parser::parse_tls_extensions(parsed.ext.unwrap_or_default()).ok()?.1;
                    let version = extensions.iter().rev().find_map(|extension| match extension {
                        tls_parser::TlsExtension::SupportedVersions(versions) => versions.first().map(|first| first.0),
                        _ => None,
                    });
                    let version = version.unwrap_or(parsed.version.0);
                    hello = hello.or(Some(ServerHello { version, suite: parsed.cipher.0 }));
                }
                tls_parser::TlsMessage::Handshake(tls_parser::TlsMessageHandshake::Certificate(parsed)) => {
                    chain = chain.or(Some(parsed.cert_chain.iter().map(|raw| raw.data.to_vec()).collect()));
                }
                _ => {}
            }
            messages = rest;
        }
        hello.map(|hello| (hello, chain))
    }

    /// The flights that real servers sent, kept as the fuzzer's seeds.
    fn recorded() -> Vec<(String, Vec<u8>)> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/tls-flight");
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        files.map(|file| (file.display().to_string(), std::fs::read(&file).unwrap())).collect()
    }

    #[test]
    fn recorded_flights_read_as_another_parser_reads_them() {
        let mut chains = 0;
        for (name, bytes) in recorded() {
            let own = read(&bytes);
            let other = by_tls_parser(&bytes);
            assert_eq!(own.hello, other.as_ref().map(|(hello, _)| hello.clone()), "{name}");
            if let Some((_, Some(chain))) = other {
                assert_eq!(own.chain, Some(chain), "{name}");
                chains += 1;
            }
        }
        assert!(chains >= 5, "{chains} recorded flights with a chain");
    }

    proptest! {
        #[test]
        fn any_flight_reads_as_another_parser_reads_it(
            version in 0x0300u16..0x0304, suite in any::<u16>(), newest in any::<bool>(),
            chain in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6), cut in 1usize..2000,
        ) {
            let newest = newest && version == 0x0303;
            let extensions: &[u8] = if newest { &[0, 43, 0, 2, 3, 4] } else { &[] };
            let mut all = hello(version, suite, extensions);
            if !newest {
                let list: Vec<u8> = chain.iter().flat_map(|der| {
                    let length = u32::try_from(der.len()).unwrap().to_be_bytes();
                    [&length[1..], der].concat()
                }).collect();
                let length = u32::try_from(list.len()).unwrap().to_be_bytes();
                all.extend(message(11, &[&length[1..], &list].concat()));
            }
            all.extend(message(14, &[]));
            let records: Vec<u8> = all.chunks(cut).flat_map(|part| record(22, part)).collect();
            let (own, other) = (read(&records), by_tls_parser(&records).unwrap());
            prop_assert_eq!(own.hello, Some(other.0));
            prop_assert_eq!(own.chain, other.1);
        }

        /// Where bytes were changed the two may differ in what they refuse, never in what they both read.
        #[test]
        fn a_changed_flight_never_reads_as_something_else(
            which in any::<prop::sample::Index>(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        ) {
            let flights = recorded();
            let (_, mut bytes) = flights[which.index(flights.len())].clone();
            for (at, byte) in changes {
                let length = bytes.len();
                bytes[at.index(length)] = byte;
            }
            let own = read(&bytes);
            if let (Some(hello), Some((other, chain))) = (&own.hello, by_tls_parser(&bytes)) {
                prop_assert_eq!(hello, &other);
                if let (Some(own), Some(other)) = (own.chain, chain) {
                    prop_assert_eq!(own, other);
                }
            }
        }

        #[test]
        fn garbage_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            read(&bytes);
        }

        #[test]
        fn garbage_behind_a_valid_header_never_panics(
            kind in 20u8..24, body in prop::collection::vec(any::<u8>(), 0..600), message_kind in 0u8..25,
        ) {
            read(&record(kind, &body));
            read(&record(22, &message(message_kind, &body)));
        }

        #[test]
        fn a_flight_with_bytes_changed_never_panics(changes in prop::collection::vec((0usize..400, any::<u8>()), 1..8)) {
            let mut flight = flight();
            for (at, byte) in changes {
                let length = flight.len();
                flight[at % length] = byte;
            }
            read(&flight);
        }
    }

    #[test]
    fn a_flight_that_is_cut_at_any_byte_is_not_taken_for_whole() {
        let flight = flight();
        let whole = read(&flight);
        for end in 0..flight.len() {
            let cut = read(&flight[..end]);
            assert!(!cut.done || cut == whole, "cut at {end}");
            assert!(cut.chain.is_none() || cut.chain == whole.chain, "cut at {end}: another chain");
            assert!(cut.hello.is_none() || cut.hello == whole.hello, "cut at {end}: another hello");
        }
        println!("{} cuts", flight.len());
    }
}

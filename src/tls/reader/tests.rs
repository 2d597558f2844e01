//! The reader against flights of its own making, recorded ones, changed ones, and another parser.

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

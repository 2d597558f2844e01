//! The catalogue: every case with the outcome that is asserted of it. The table in docs/hostile.md is a fold over this.

use std::fmt::Write as _;

use crate::rig::Outcome;

/// One hostile thing.
pub(crate) struct Case {
    pub(crate) number: u8,
    pub(crate) what: &'static str,
    /// Checks that may fail, because the hostile thing really breaks them.
    fails: &'static [&'static str],
    /// Checks that may pass, and why that pass is right.
    passes: &'static [(&'static str, &'static str)],
}

const fn case(number: u8, what: &'static str) -> Case {
    Case { number, what, fails: &[], passes: &[] }
}

impl Case {
    const fn fails(self, fails: &'static [&'static str]) -> Self {
        Self { fails, ..self }
    }

    const fn passes(self, passes: &'static [(&'static str, &'static str)]) -> Self {
        Self { passes, ..self }
    }

    fn allows(&self, outcome: &Outcome) -> Result<(), String> {
        let wrong: Vec<&String> = outcome
            .passes
            .iter()
            .filter(|check| !self.passes.iter().any(|(known, _)| known == check))
            .chain(outcome.fails.iter().filter(|check| !self.fails.contains(&check.as_str())))
            .collect();
        if wrong.is_empty() { Ok(()) } else { Err(format!("{outcome}, of which {wrong:?} should not be")) }
    }
}

pub(crate) const ALL: &[Case] = &[
    // Servers
    case(1, "stalls after the connection is accepted"),
    case(2, "accepts, then resets"),
    case(3, "drips headers without end"),
    case(4, "drips a body under the read deadline"),
    case(5, "headers without end"),
    case(6, "one header without end"),
    case(7, "a reason, a chunk extension, trailers without end"),
    case(8, "interim (103) answers without end"),
    case(9, "chunks without end").fails(&["auth-enforced", "input-validation", "rate-limit"]),
    case(10, "200 with bombs: gzip to 1 GiB, Brotli, Zstandard, gzip in gzip").fails(&["auth-enforced", "input-validation", "https-enforced", "rate-limit"]),
    case(11, "lengths that are short, doubled, beyond 2^64, negative, or beside chunks"),
    case(12, "redirects without end, each to a new place").fails(&["rate-limit", "https-enforced"]),
    case(13, "307 to another host while the token stands in X-API-Key: not followed")
        .fails(&["rate-limit", "https-enforced"]),
    case(14, "redirects to file:, gopher:, another address, another address with a credential: not followed")
        .fails(&["rate-limit", "https-enforced"]),
    case(15, "a name that resolves to another address after the first time: asked once, the first one holds")
        .fails(&["rate-limit", "https-enforced"]),
    case(16, "a name with IPv4, mapped and IPv6 addresses, one of them open: each is looked at").fails(&[
        "rate-limit",
        "https-enforced",
        "llm-ports",
    ]),
    case(17, "a resolver that is silent, talks garbage, loops, answers without end"),
    case(18, "ESC, NUL, folds and blanks in headers").fails(&["rate-limit"]),
    case(19, "C1, Latin-1 and bidirectional characters in headers, cookie, title and trace")
        .fails(&["error-disclosure", "rate-limit"]),
    case(20, "SSH, HTTP/0.9, HTTP/2 frames, SMTP, ICY, impossible versions and statuses"),
    case(21, "a flood of HTTP/2 CONTINUATION, PING, RST_STREAM and empty DATA"),
    case(22, "TLS: garbage, dripped, an alert, an end in the middle of the handshake, plain HTTP"),
    case(23, "a chain of 300 certificates of 4 KiB")
        .fails(&["certificate-trust"])
        .passes(&[("tls-version", "the handshakes were seen, and older ones refused")]),
    case(24, "broken DER, a time that is none, 10,000 names, NUL and ESC in names")
        .fails(&["certificate-trust"])
        .passes(&[
            ("tls-version", "the handshakes were seen, and older ones refused"),
            ("certificate-expiry", "the certificate of many names is far from its end"),
        ]),
    case(25, "a connect that meets itself in the ephemeral range"),
    case(26, "no file descriptors left; no route").fails(&["rate-limit", "https-enforced"]),
    case(27, "flips between 401 and 200").fails(&["auth-enforced", "input-validation", "rate-limit", "https-enforced"]),
    case(28, "plays dead after a dozen requests"),
];

/// Fails where a trial failed, or ended otherwise than the catalogue says.
pub(crate) fn compare(results: Vec<(u8, Result<Outcome, String>)>) {
    assert!(!results.is_empty(), "no trial was run");
    let mut faults = String::new();
    for (number, result) in results {
        let case = ALL.iter().find(|case| case.number == number).unwrap();
        let fault = match result {
            Ok(outcome) => case.allows(&outcome).err(),
            Err(fault) => Some(fault),
        };
        if let Some(fault) = fault {
            let _ = writeln!(faults, "case {number}, {}: {fault}", case.what);
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

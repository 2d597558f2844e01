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

/// The evidence that is spoilt breaks whatever it breaks; what counts is how it is shown.
const EVERY: &[&str] = &["what the unspoilt evidence fails"];
/// What every repository of the rig breaks, its made-up secret first.
const LEAKY: &[&str] = &["secrets-committed", "incident-record", "gitignore", "disclosure-channel", "env-files"];
/// What holds of them all the same.
const READ: &[(&str, &str)] = &[
    ("env-files", "no env file is tracked, and every tree was read"),
    ("https-enforced", "every tracked file that the question is about was read"),
];

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
    case(9, "chunks without end").fails(&["auth-enforced", "input-validation", "rate-limit", "https-enforced"]),
    case(10, "200 with bombs: gzip to 1 GiB, Brotli, Zstandard, gzip in gzip").fails(&[
        "auth-enforced",
        "input-validation",
        "https-enforced",
        "rate-limit",
    ]),
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
        .fails(&["error-disclosure", "rate-limit", "https-enforced"]),
    case(20, "SSH, HTTP/0.9, HTTP/2 frames, SMTP, ICY, impossible versions and statuses"),
    case(21, "a flood of HTTP/2 CONTINUATION, PING, RST_STREAM and empty DATA"),
    case(22, "TLS: garbage, dripped, an alert, an end in the middle of the handshake, plain HTTP").fails(&["https-enforced"]),
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
    case(28, "plays dead after a dozen requests")
        .fails(&["https-enforced"])
        .passes(&[("token-strength", "the server was seen to ask for the token before it played dead")]),
    // Repositories
    case(29, "git configuration, attributes, hooks and a git in PATH that run code: nothing is run").fails(LEAKY).passes(READ),
    case(30, "FIFO, socket and device under names that are read").fails(LEAKY).passes(READ),
    case(31, "links to /etc/passwd, to each other, out of the repository: not followed").fails(LEAKY).passes(READ),
    case(32, "GIT_DIR, GIT_INDEX_FILE and twenty other variables that point elsewhere: not heeded").fails(LEAKY).passes(READ),
    case(33, "file names that are not UTF-8, break lines, steer terminals, reverse text").fails(LEAKY).passes(READ),
    case(34, "sparse files of 10 GiB, a line of 1 GiB").fails(LEAKY),
    case(
        35,
        "3,000 levels of folders, 2,000 of trees, a tree of 100,000 entries, a file that shrinks while it is read (may take 320 MiB above the usual, not 64)",
    ).fails(LEAKY).passes(READ),
    case(36, "a broken pack, a tree in itself, an object that inflates, half an index").fails(LEAKY).passes(READ),
    case(37, "archives that write outside, a zip bomb: never unpacked to disk").fails(LEAKY).passes(READ),
    case(38, "alias bombs and 20,000 levels in YAML, JSON, TOML, XML, policy and evidence").fails(LEAKY).passes(READ),
    case(39, "expressions without bound in .gitleaks.toml, .gitignore, .dockerignore").fails(LEAKY).passes(READ),
    case(40, "a policy, ignore files and allowances of the repository's own, with ${ENV}: excuse nothing").fails(LEAKY).passes(READ),
    // Strings and state
    case(41, "ESC, OSC 8, OSC 52, CR, BEL, C1 and bidirectional characters in findings").fails(EVERY),
    case(42, "markup, Markdown fences, formulas in findings").fails(EVERY),
    case(43, "absolute and ../ places, equal fingerprints, workflow commands in findings").fails(EVERY),
    case(44, "secrets in report, log, evidence, arguments: none; a token on the command line is refused"),
    case(45, "names that talk SQL: kept as names"),
    case(46, "kill -9, a full disk, a closed pipe, an unwritable folder, two runs at once: the old report or the new one, whole"),
    case(47, "an interruption: a valid partial report and exit 130; a second one leaves at once"),
    case(48, "another time zone and locale: the same bytes; a clock that jumps: replay judges as of the day of the evidence"),
    case(49, "a tampered rule pack or cache: there is none, rules are in the binary; a tampered policy is refused by its pin"),
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

/// The catalogue as a page.
fn page() -> String {
    let mut page = String::from(
        "# Hostile servers, repositories, strings\n\nMade by `tests/hostile`, which runs the real binary against each case: \
         `HOSTILE_BLESS=1 cargo test --test hostile` writes\nthis page, and a test compares it. Each case also ends \
         within its deadline, stays within 64 MiB above the usual memory\n(where not said otherwise), panics nowhere, \
         runs no foreign code, calls nobody but its target, prints no token, and gives a\nreport that is valid in every \
         format.\n\n| # | case | what the audit may say |\n|---|---|---|\n",
    );
    for case in ALL {
        let mut said = if case.fails.is_empty() {
            "inconclusive".to_owned()
        } else {
            format!("inconclusive, or fails: {}", case.fails.join(", "))
        };
        for (check, why) in case.passes {
            let _ = write!(said, "; passes {check}: {why}");
        }
        let _ = writeln!(page, "| {} | {} | {said} |", case.number, case.what);
    }
    page
}

#[test]
fn the_page_is_the_catalogue() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/hostile.md");
    if std::env::var_os("HOSTILE_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, page()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), page(), "write it anew with HOSTILE_BLESS=1");
}

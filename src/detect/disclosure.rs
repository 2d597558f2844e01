//! What an error answer must not tell: stack traces, queries, paths, keys, internal addresses, the input itself.

use std::sync::LazyLock;

use regex::Regex;

/// What the probes put in place of every secret of the run.
pub const MASK: &str = "[masked]";

/// One thing that an answer tells.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Leak {
    pub kind: Kind,
    /// What exactly, bounded; never a secret.
    pub shown: String,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    Stack,
    /// The runtime's own words for a fault, or the class of an exception.
    Exception,
    Query,
    Database,
    Path,
    Key,
    InternalAddress,
    DebugPage,
    Validator,
    Echo,
    /// A framework and its version, in a header that has no other purpose.
    Version,
    /// Tells which software answers; decides nothing.
    Banner,
    /// The shape of a validator's own issue list; decides nothing.
    Issues,
}

impl Kind {
    /// The stable word of findings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Stack => "stack",
            Self::Exception => "exception",
            Self::Query => "query",
            Self::Database => "database",
            Self::Path => "path",
            Self::Key => "key",
            Self::InternalAddress => "internal-address",
            Self::DebugPage => "debug-page",
            Self::Validator => "validator",
            Self::Echo => "echo",
            Self::Version => "version",
            Self::Banner => "banner",
            Self::Issues => "issues",
        }
    }

    /// Whether it is only worth a note.
    pub fn is_note(self) -> bool {
        match self {
            Self::Banner | Self::Issues => true,
            Self::Stack
            | Self::Exception
            | Self::Query
            | Self::Database
            | Self::Path
            | Self::Key
            | Self::InternalAddress
            | Self::DebugPage
            | Self::Validator
            | Self::Echo
            | Self::Version => false,
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Stack => "a stack trace",
            Self::Exception => "a runtime's exception",
            Self::Query => "a database query",
            Self::Database => "a database error",
            Self::Path => "a path of the server",
            Self::Key => "a key or credential",
            Self::InternalAddress => "an internal address",
            Self::DebugPage => "a framework's debug page",
            Self::Validator => "a validator's internals",
            Self::Echo => "the input back",
            Self::Version => "a framework and its version",
            Self::Banner => "the software",
            Self::Issues => "a validator's issue list",
        })
    }
}

/// What only a leak looks like. Generic words ("internal error", "exception") are left out: they tell nothing.
const PATTERNS: &[(Kind, &str)] = &[
    // JavaScript: `at name (file:line:column)`, and without a name.
    (Kind::Stack, r"\bat (?:async |new )?[\w$.<>\[\] ]+\((?:file://|node:|/|[A-Za-z]:\\)[^()\s]+:\d+:\d+\)"),
    (Kind::Stack, r"\bat (?:async )?(?:file://)?/[^\s()]+:\d+:\d+"),
    (Kind::Stack, r"Traceback \(most recent call last\)"),
    (Kind::Stack, r#"\bFile "[^"]+", line \d+"#),
    (Kind::Stack, r"\bat [\w$.]+\.[\w$<>]+\([\w$]+\.(?:java|kt|scala|groovy):\d+\)"),
    (Kind::Stack, r"\bCaused by: [\w.$]+(?:Exception|Error)\b"),
    (Kind::Stack, r"\bat [\w.<>`]+\([^)\n]*\) in (?:[A-Za-z]:\\|/)[^:\n]+:line \d+"),
    (Kind::Stack, r"\bgoroutine \d+ \[[a-z ]+\]"),
    (Kind::Stack, r"\.go:\d+ \+0x[0-9a-f]+"),
    (Kind::Stack, r"\bpanicked at [^\s:]+\.rs:\d+"),
    (Kind::Stack, r"\b(?:Fatal error|Parse error|Uncaught \w+)[^\n]*? in \S+\.php(?: on line |:)\d+"),
    (Kind::Stack, r"\.rb:\d+:in [`']"),
    // A frame of .NET without its file: the argument list names types.
    (Kind::Stack, r"(?m)^\s+at (?:[A-Za-z_][\w`<>]*\.)+[\w<>`]+\((?:[A-Z][\w.\[\]`&<>]* \w+(?:, )?)*\)\s*$"),
    (Kind::Stack, r"\bwebpack(?:-internal)?://\S+:\d+"),
    (Kind::Stack, r"\bat \S+\.p[lm] line \d+"),
    // A source file with its line. What may be a host with its port needs a folder or a bracket before it.
    (
        Kind::Stack,
        r"[\w-]+\.(?:[cm]?js|[jt]sx|ts|vue|rb|php|go|java|kts?|scala|groovy|clj[cs]?|exs?|cs|cpp|swift):\d+\b",
    ),
    (Kind::Stack, r"[/(\\][\w-]+\.(?:rs|py|pl|pm):\d+\b"),
    (
        Kind::Exception,
        r"\b(?:java|javax|jakarta|kotlin|scala|clojure\.lang|groovy\.lang|org\.(?:springframework|hibernate|postgresql|apache)|com\.(?:fasterxml|mysql|microsoft)|io\.netty|System|Microsoft)\.(?:\w+\.)*[A-Z]\w*(?:Exception|Error|ExceptionInfo)\b",
    ),
    (Kind::Exception, r"\bCannot read propert(?:y|ies) (?:'[^']*' )?of (?:undefined|null)\b"),
    (Kind::Exception, r"'\w+' object (?:has no attribute|is not (?:subscriptable|callable|iterable))"),
    (Kind::Exception, r"\bunsupported operand type\(s\) for\b"),
    (Kind::Exception, r"\bundefined method [`']\S+ for\b"),
    (Kind::Exception, r"\bUndefined (?:variable|index|property|array key|offset):? [$\x22'\w]"),
    (Kind::Exception, r"\bruntime error: (?:index out of range|invalid memory address|slice bounds|integer divide)"),
    (Kind::Exception, r"\bObject reference not set to an instance of an object\b"),
    (Kind::Exception, r"\bindex out of bounds: the len is \d"),
    (Kind::Exception, r"\bcalled `\w+::\w+\(\)` on an? `"),
    (Kind::Exception, r#"\bCannot invoke "[^"]+" because\b"#),
    (Kind::Exception, r"\*\* \([A-Z][\w.]*(?:Error|Exception)\)"),
    (Kind::Database, r"\bSQLITE_(?:ERROR|CONSTRAINT|BUSY|MISMATCH|CANTOPEN|MISUSE)\b"),
    (Kind::Database, r"\bSQLSTATE\b ?[\[(:]? ?[0-9A-Z]{5}\b"),
    (Kind::Database, r"\bORA-\d{5}\b"),
    (Kind::Database, r#"syntax error at or near ""#),
    (Kind::Database, r#"near "[^"]*": syntax error"#),
    (Kind::Database, r"\bno such (?:table|column): \w+"),
    (Kind::Database, r"You have an error in your SQL syntax"),
    (Kind::Database, r"\bPG::\w+"),
    (Kind::Database, r"duplicate key value violates unique constraint"),
    (Kind::Database, r#"\brelation "[^"]+" does not exist"#),
    (Kind::Database, r"\bE11000 dup(?:licate)? key\b"),
    (Kind::Database, r"\bMongo(?:Server|Network|Bulk\w*)?Error\b"),
    // Microsoft SQL Server, MySQL, SQLite and PostgreSQL in the words of their own messages.
    (Kind::Database, r"\bUnclosed quotation mark after the character string\b|\bIncorrect syntax near ['\x22]"),
    (Kind::Database, r"\bInvalid (?:column|object) name '|\bViolation of (?:PRIMARY|UNIQUE) KEY constraint\b"),
    (Kind::Database, r"\bConversion failed when converting\b"),
    (
        Kind::Database,
        r"\bUnknown column '[^']*' in\b|\bDuplicate entry '[^']*' for key\b|\bTable '[^']*' doesn't exist\b",
    ),
    (Kind::Database, r"\bER_(?:BAD|DUP|NO|PARSE|ACCESS)_\w+"),
    (Kind::Database, r"\b(?:UNIQUE|NOT NULL|FOREIGN KEY|CHECK) constraint failed\b"),
    (Kind::Database, r"\binvalid input syntax for (?:type )?\w+: \x22"),
    (
        Kind::Database,
        r#"\bviolates (?:foreign key|not-null|check) constraint\b|\bcolumn "[^"]+" (?:of relation|does not exist)"#,
    ),
    (Kind::Database, r"\bpermission denied for (?:table|relation|schema|database)\b"),
    (
        Kind::Database,
        r"\b(?:sqlalchemy\.exc|psycopg2?\.errors|asyncpg\.exceptions)\.|\bActiveRecord::\w+|\bQueryFailedError\b",
    ),
    (Kind::Database, r"\bWRONGTYPE Operation against a key\b|\b(?:search_phase_execution|index_not_found)_exception\b"),
    (Kind::Database, r"\bPrismaClient\w*Error\b"),
    (Kind::Database, r"\bSequelize\w+Error\b"),
    (Kind::Database, r"\b(?:mysql|mysqli|pg|odbc)_\w+\(\)"),
    (Kind::Query, r"\bSELECT\s+(?:\*|[\w.,\x22` ]+?)\s+FROM\s+[\w.\x22`]+"),
    (Kind::Query, r"\bINSERT\s+INTO\s+[\w.\x22`]+\s*\("),
    (Kind::Query, r"\bUPDATE\s+[\w.\x22`]+\s+SET\s+[\w.\x22`]+\s*="),
    (Kind::Query, r"\bDELETE\s+FROM\s+[\w.\x22`]+\s+WHERE\b"),
    (Kind::Path, r#"(?:^|[\s"'(=:\[`])(/(?:srv|home|usr|var|opt|tmp|root)/[\w.@+-]+/[\w./@+-]+)"#),
    (
        Kind::Path,
        r#"(?:^|[\s"'(=:\[`])(/(?:app|code|workspace|src)/[\w./@+-]*\.(?:js|mjs|cjs|ts|py|rb|php|java|go|rs|env|sqlite3?|db))\b"#,
    ),
    (Kind::Path, r"(/etc/(?:passwd|shadow|nginx/|ssl/|hosts))"),
    (Kind::Path, r"\b([A-Za-z]:\\\\?(?:Users|inetpub|Windows|Program Files|ProgramData)\\)"),
    (Kind::Path, r"\b([A-Za-z]:\\\\?(?:[\w.-]+\\\\?)+[\w-]+\.\w{1,6})\b"),
    (Kind::Path, r"\b(node_modules/[\w@.-]+|(?:site|dist)-packages/[\w.-]+|\.cargo/registry/)"),
    (Kind::Key, r#"\b[a-z][a-z0-9+.-]{1,20}://[^\s:@/"'<>]+:[^\s@/"'<>]+@[\w.-]+"#),
    (Kind::Key, r"\bAKIA[0-9A-Z]{16}\b"),
    (Kind::Key, r"-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}"),
    (Kind::Key, r"\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    (Kind::InternalAddress, r"\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?::\d+)?\b"),
    (
        Kind::InternalAddress,
        r"\b[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:internal|svc\.cluster\.local|corp|lan)(?::\d+|[/\s\x22']|$)",
    ),
    (Kind::InternalAddress, r"\b(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH) [\w.:-]+:\d+"),
    (Kind::InternalAddress, r"\bgetaddrinfo (?:ENOTFOUND|EAI_AGAIN) \S+"),
    (Kind::InternalAddress, r"\bdial (?:tcp|udp) \S+: connect"),
    (Kind::DebugPage, r"Werkzeug Debugger|Whitelabel Error Page|<title>Action Controller: Exception caught"),
    (Kind::DebugPage, r"because you have <code>DEBUG = True|\bDjango Version:"),
    (Kind::DebugPage, r"\bIlluminate\\\\?\w+\\|\bSymfony\\\\?Component\\"),
    (Kind::Validator, r"errors\.pydantic\.dev/[\d.]+|\binput_value="),
    (
        Kind::Issues,
        r#""code"\s*:\s*"(?:invalid_type|too_small|too_big|unrecognized_keys|invalid_string|invalid_format|invalid_value|invalid_enum_value)""#,
    ),
    (Kind::Issues, r##""schemaPath"\s*:\s*"#/"##),
];

static COMPILED: LazyLock<Vec<(Kind, Regex)>> = LazyLock::new(|| {
    // A pattern that does not compile is caught by a test, not by a user.
    PATTERNS.iter().filter_map(|(kind, pattern)| Some((*kind, Regex::new(pattern).ok()?))).collect()
});

/// Links of a page are paths of the site, not of the server's disk.
static LINKS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"(?i)\b(?:href|src|action|content|data-[\w-]+)\s*=\s*(?:"[^"]*"|'[^']*')"#).ok());

/// What a text tells, one leak of a kind, without what `own` already held: strings that we sent ourselves.
pub fn leaks(text: &str, own: &[&str]) -> Vec<Leak> {
    let text = plain(text);
    let mut found: Vec<Leak> = Vec::new();
    for (kind, pattern) in COMPILED.iter() {
        if found.iter().any(|leak| leak.kind == *kind) {
            continue;
        }
        let fresh = pattern.captures_iter(&text).find_map(|captures| {
            let hit = captures.get(1).or_else(|| captures.get(0))?.as_str().trim();
            if own.iter().any(|sent| sent.contains(hit)) { None } else { Some(hit.to_owned()) }
        });
        if let Some(hit) = fresh {
            found.push(Leak { kind: *kind, shown: shown(*kind, &hit) });
        }
    }
    found
}

/// What a header tells. Only those that exist to tell it.
pub fn header_leaks(name: &str, value: &str) -> Option<Leak> {
    let versioned = value.contains(|letter: char| letter.is_ascii_digit());
    let kind = match name.to_ascii_lowercase().as_str() {
        // Server may name a version (RFC 9110 section 10.2.4); the others exist for nothing else.
        "server" if versioned => Kind::Banner,
        "x-powered-by" | "x-aspnet-version" | "x-aspnetmvc-version" if versioned => Kind::Version,
        "x-powered-by" | "x-aspnet-version" | "x-aspnetmvc-version" => Kind::Banner,
        "x-debug-token-link" | "x-debug-exception" | "x-debug-exception-file" => Kind::DebugPage,
        _ => return None,
    };
    Some(Leak { kind, shown: bounded(&format!("{name}: {value}")) })
}

/// JSON strings hide line ends and quotes behind escapes, HTML behind entities, UTF-16 behind zeros; all are looked through.
fn plain(text: &str) -> String {
    let mut plain = match LINKS.as_ref() {
        Some(links) => links.replace_all(text, " ").into_owned(),
        None => text.to_owned(),
    };
    plain.retain(|letter| letter != '\0');
    plain = plain.replace("&quot;", "\"").replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">");
    plain = plain.replace("&nbsp;", " ").replace("<br>", "\n").replace("<br/>", "\n");
    if plain.contains('\\') {
        let unescaped = unescaped(&plain);
        plain.push('\n');
        plain.push_str(&unescaped);
    }
    plain
}

/// The text without the escapes of JSON strings (RFC 8259 section 7).
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(letter) = rest.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match rest.next() {
            Some('n' | 'r') => plain.push('\n'),
            Some('t' | 'b' | 'f') => plain.push(' '),
            Some('u') => {
                let code: String = rest.by_ref().take(4).collect();
                plain.push(u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).unwrap_or(' '));
            }
            Some(other) => plain.push(other),
            None => {}
        }
    }
    plain
}

/// A key is named, never shown.
fn shown(kind: Kind, hit: &str) -> String {
    match kind {
        Kind::Key => match hit.split_once("://") {
            Some((scheme, _)) => format!("{scheme}:// with a password"),
            None if hit.starts_with("eyJ") => "a JWT".into(),
            None if hit.starts_with('-') => "a private key".into(),
            None => "an access key".into(),
        },
        Kind::Stack
        | Kind::Exception
        | Kind::Query
        | Kind::Database
        | Kind::Path
        | Kind::InternalAddress
        | Kind::DebugPage
        | Kind::Validator
        | Kind::Echo
        | Kind::Version
        | Kind::Banner
        | Kind::Issues => bounded(hit),
    }
}

fn bounded(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(80).collect()
}

#[cfg(test)]
mod tests;

//! Plain data: numbers, paths, addresses, code, sentences.

use super::super::shape::is_uuid;

/// Numbers, versions, paths, addresses without credentials, sentences, identifiers.
pub(super) fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    if bytes.len() < 4 {
        return true;
    }
    if bytes.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b',' | b':' | b'-' | b'_'))
        && bytes.len() < 12
    {
        return true;
    }
    if let Some((scheme, rest)) = value.split_once("://")
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
    {
        // Credentials in a URL are found by the URL rule.
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        return !authority.contains('@') || !authority.split('@').next().unwrap_or_default().contains(':');
    }
    let drive =
        bytes.get(1) == Some(&b':') && matches!(bytes.get(2), Some(b'\\' | b'/')) && bytes[0].is_ascii_alphabetic();
    let path = drive || ["/", "./", "../", "~/"].iter().any(|start| value.starts_with(start));
    if path && !value.contains(['+', '=']) && value.matches(['/', '\\']).count() * 14 >= value.len() {
        return true;
    }
    is_version(value)
        || is_moment(value)
        || is_joint(value)
        || is_code(value)
        || is_rules(value)
        || is_address(value)
        || is_sentence(value)
        // The scope of a signature of AWS: `key-id/date/region/service/aws4_request`.
        || value.contains('/') && value.ends_with("4_request")
        || value.starts_with("sha256:")
        || value.starts_with("sha512-")
}

/// `^2.6.0`, `>=1.2`, `v4.0.0-rc.1`: a version, or a range of them.
fn is_version(value: &str) -> bool {
    let number = value.trim_start_matches(['^', '~', '>', '<', '=', 'v', ' ']);
    let digits = number.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    number.starts_with(|first: char| first.is_ascii_digit())
        && number.get(..digits).is_some_and(|digits| digits.contains('.'))
        && (digits == number.len()
            || number.get(digits..).is_some_and(|rest| rest.starts_with(['-', '+', ' ', '|', ','])))
}

/// `2006-01-02T15:04:05Z`
fn is_moment(value: &str) -> bool {
    let bytes = value.as_bytes();
    bytes.len() >= 19
        && bytes.get(..4).is_some_and(|year| year.iter().all(u8::is_ascii_digit))
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && matches!(bytes.get(10), Some(b'T' | b' '))
        && bytes.get(13) == Some(&b':')
}

/// The middle of a concatenation: `'.token().'`, `" + token + "`.
fn is_joint(value: &str) -> bool {
    let inner = value.trim();
    // A literal in a literal: `'"…"'`.
    if let Some(once) = inner.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        return once.contains(['"', '+', ' ']);
    }
    inner.starts_with(['\'', '"'])
        || inner.len() > 2
            && ["'.", "\" +", "' +", "'+", "\"+"]
                .iter()
                .any(|mark| inner.starts_with(mark) || inner.contains(mark) && inner.ends_with(['\'', '"']))
}

/// Names of things in code and markup: `user.password`, `Foo::bar`, `#password`, `input[name=pass]`, `get()`, `DB_PASSWORD`.
fn is_code(value: &str) -> bool {
    // A constant's name that ends in an identifier: `RSA_SEAL_KEY_3bd1c4bf-…`.
    let name = value.trim_end_matches('}');
    if let Some((head, id)) = name.len().checked_sub(36).and_then(|at| name.split_at_checked(at))
        && is_uuid(id)
        && head.ends_with(['_', '{'])
        && head.bytes().all(|byte| byte.is_ascii_uppercase() || matches!(byte, b'_' | b'{'))
    {
        return true;
    }
    // SubjectPublicKeyInfo of RSA, P-256, P-384 and Ed25519 (RFC 5280): public.
    const PUBLIC: &[&str] = &[
        "MIIBIjANBgkqhkiG9w0B",
        "MIICIjANBgkqhkiG9w0B",
        "MIGfMA0GCSqGSIb3DQEB",
        "MFkwEwYHKoZIzj0C",
        "MHYwEAYHKoZIzj0C",
        "MCowBQYDK2Vw",
    ];
    if PUBLIC.iter().any(|start| value.starts_with(start)) {
        return true;
    }
    let dotted = value.contains('.') || value.contains("::");
    let value = value.strip_prefix('$').filter(|rest| rest.contains("::")).unwrap_or(value);
    // Records with colons between their fields, and paths of a registry.
    let parts = value.split([':', '\\']).filter(|part| !part.is_empty());
    if value.matches(':').count() >= 3 || value.matches('\\').count() >= 3 && parts.clone().count() >= 3 {
        let named = parts
            .clone()
            .filter(|part| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-,. ".contains(&byte)));
        if named.count() == parts.clone().count() {
            return true;
        }
    }
    // A section of a configuration: `Depot:Smtp:Password`.
    if value.matches(':').count() >= 2
        && parts.clone().count() >= 3
        && parts.clone().all(|part| part.len() >= 2 && part.bytes().all(|byte| byte.is_ascii_alphabetic()))
    {
        return true;
    }
    if dotted
        && value.split(['.', ':']).all(|part| {
            part.is_empty()
                || part.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'(' | b')'))
        })
    {
        return true;
    }
    let extension = value.rsplit_once('.').map_or("", |(_, extension)| extension);
    const FILES: &[&str] = &[
        "pem", "key", "crt", "cer", "txt", "json", "yml", "yaml", "js", "ts", "py", "php", "html", "xml", "jks", "p12",
        "pub", "conf", "env", "md", "svg", "png", "css", "java", "rb", "go",
    ];
    if FILES.contains(&extension) && !value.contains([' ', '!', '$', '#']) {
        return true;
    }
    // `DB_PASSWORD`, `GITHUB_TOKEN`: the name of a variable.
    let constant = value.contains('_')
        && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_' || byte.is_ascii_digit())
        && value
            .split('_')
            .all(|part| part.is_empty() || part.bytes().filter(u8::is_ascii_digit).count() * 2 <= part.len());
    let call = value.contains('(') && (value.ends_with(')') || value.ends_with("();"));
    let selector = value.starts_with(['#', '.', '['])
        && value.bytes().skip(1).all(|byte| byte.is_ascii_lowercase() || b"-_]=[".contains(&byte))
        || value.contains("[name=")
        || value.starts_with("input[");
    let markup = value.starts_with('<') || value.contains("</") || value.contains("/>");
    let pattern = value.starts_with('^') && value.ends_with('$')
        || ["[a-z", "[A-Z", "\\d", "\\w", "(?", "[^", ".*"].iter().any(|part| value.contains(part));
    let code = value.contains(' ') && value.contains(['(', ')', '{', '}', ';', '=']);
    constant || call || selector || markup || pattern || code
}

/// Rules of a form's validator: `required|min:8|confirmed`.
fn is_rules(value: &str) -> bool {
    value.contains('|')
        && value.split('|').all(|rule| {
            let (name, argument) = rule.split_once(':').unwrap_or((rule, "1"));
            !argument.is_empty()
                && name.len() >= 2
                && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
        && value.split('|').any(|rule| {
            matches!(
                rule,
                "required"
                    | "string"
                    | "confirmed"
                    | "nullable"
                    | "sometimes"
                    | "integer"
                    | "email"
                    | "array"
                    | "filled"
            )
        })
}

/// E-mail addresses, host names, ARNs, MIME types.
fn is_address(value: &str) -> bool {
    let mail = value.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.contains('.')
            && !host.ends_with('.')
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'))
            && host
                .rsplit('.')
                .next()
                .is_some_and(|end| end.len() >= 2 && end.bytes().all(|byte| byte.is_ascii_lowercase()))
    });
    let mime = ["application/", "text/", "image/", "multipart/"].iter().any(|start| value.starts_with(start));
    mail || mime || value.starts_with("arn:") || value.starts_with("urn:") || value.starts_with("data:")
}

fn is_sentence(value: &str) -> bool {
    value.contains(' ') && value.split_whitespace().count() > 2 && !is_passphrase(value)
}

/// Four or more small words that make no sentence: `correct horse battery staple`.
pub(in super::super) fn is_passphrase(value: &str) -> bool {
    const JOINTS: &[&str] = &[
        "a", "an", "and", "are", "as", "at", "be", "by", "can", "could", "do", "for", "from", "has", "have", "if",
        "in", "is", "it", "may", "must", "no", "not", "of", "on", "or", "please", "should", "that", "the", "then",
        "there", "this", "to", "used", "using", "was", "when", "which", "will", "with", "you", "your", "password",
        "token", "secret", "key", "enter", "la", "le", "de", "der", "die", "das", "und", "el", "los", "en", "ist",
        "für", "user", "set",
    ];
    let words: Vec<&str> = value.split(' ').collect();
    words.len() >= 4
        && words.iter().all(|word| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_lowercase()))
        && !words.iter().any(|word| JOINTS.contains(word))
}

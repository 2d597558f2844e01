//! The oldest protocol version that a line of a server's configuration allows.

use std::collections::BTreeSet;

use crate::evidence::tls::Version;

/// The files in which nginx, Apache, HAProxy and Traefik state versions.
pub const GLOBS: &[&str] = &[
    "*.conf",
    "*.conf.*",
    "*.cfg",
    "*.vhost",
    "**/nginx/**",
    "**/apache2/**",
    "**/httpd/**",
    "**/haproxy/**",
    "**/traefik/**",
    "**/sites-available/**",
    "**/sites-enabled/**",
    "*.y*ml",
    "*.toml",
    "*.caddy",
    "caddy*.json",
    "Caddyfile*",
];

/// The lines that state versions.
pub const PATTERN: &str = concat!(
    r"(?i)^[^#]*\b(ssl[_-]protocols\W|SSLProtocol\s|ssl-min-ver\s|(force|no)-(sslv3|tlsv1\d)|",
    r"minVersion\W+VersionTLS|protocols\s+tls1|protocol_min\W+tls1)",
);

/// The oldest version that the line allows; `None` where it states none.
pub fn oldest(line: &str) -> Option<Version> {
    let line = line.split('#').next().unwrap_or_default();
    let lower = line.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|char: char| char.is_whitespace() || ";\"':=,{}".contains(char))
        .filter(|word| !word.is_empty())
        .collect();
    let after = |word: &str| words.iter().position(|known| *known == word).map(|place| &words[place + 1..]);
    // nginx, and the configuration of its ingress controller in Kubernetes.
    if let Some(named) = after("ssl_protocols").or_else(|| after("ssl-protocols")) {
        return named.iter().filter_map(|word| version(word)).min();
    }
    if let Some(named) = after("sslprotocol") {
        return apache(named);
    }
    let oldest = ["ssl-min-ver", "minversion", "protocols", "protocol_min"].iter().find_map(|word| after(word));
    if let Some(named) = oldest {
        return named.first().and_then(|word| version(word));
    }
    // HAProxy takes away one by one: what is left begins at the first that is not named.
    let taken: BTreeSet<Version> =
        words.iter().filter_map(|word| word.strip_prefix("no-")).filter_map(version).collect();
    if !taken.is_empty() {
        return Version::ALL.into_iter().find(|version| !taken.contains(version));
    }
    words.iter().filter_map(|word| word.strip_prefix("force-")).filter_map(version).min()
}

/// Apache adds and takes away from what came before; `all` is what mod_ssl 2.4 means by it without SSL 3.0.
fn apache(words: &[&str]) -> Option<Version> {
    let mut allowed: BTreeSet<Version> = BTreeSet::new();
    for word in words {
        let (adds, name) = match word.strip_prefix('-') {
            Some(name) => (false, name),
            None => (true, word.strip_prefix('+').unwrap_or(word)),
        };
        let meant: Vec<Version> =
            if name == "all" { Version::ALL[1..].to_vec() } else { version(name).into_iter().collect() };
        for version in meant {
            if adds {
                allowed.insert(version)
            } else {
                allowed.remove(&version)
            };
        }
    }
    allowed.first().copied()
}

/// `TLSv1`, `TLSv1.1`, `TLSv11`, `VersionTLS11`, `tls1.1`, `SSLv3`; lower case already.
fn version(word: &str) -> Option<Version> {
    match word.trim_start_matches("version") {
        "sslv3" => Some(Version::Ssl3),
        "tlsv1" | "tlsv1.0" | "tlsv10" | "tls10" | "tls1.0" => Some(Version::Tls10),
        "tlsv1.1" | "tlsv11" | "tls11" | "tls1.1" => Some(Version::Tls11),
        "tlsv1.2" | "tlsv12" | "tls12" | "tls1.2" => Some(Version::Tls12),
        "tlsv1.3" | "tlsv13" | "tls13" | "tls1.3" => Some(Version::Tls13),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_version_of_every_server_s_way_of_saying_it_is_found() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for (line, expected) in [
            ("    ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", Some(Version::Tls10)),
            ("ssl_protocols TLSv1.2 TLSv1.3; # TLSv1 is gone", Some(Version::Tls12)),
            ("# ssl_protocols TLSv1;", None),
            ("SSLProtocol all -TLSv1 -TLSv1.1", Some(Version::Tls12)),
            ("SSLProtocol -all +TLSv1.3", Some(Version::Tls13)),
            ("SSLProtocol All -SSLv2 -SSLv3", Some(Version::Tls10)),
            ("    ssl-default-bind-options ssl-min-ver TLSv1.1 no-tls-tickets", Some(Version::Tls11)),
            ("bind :443 ssl crt /x force-tlsv10", Some(Version::Tls10)),
            ("      minVersion: VersionTLS12", Some(Version::Tls12)),
            ("  minVersion = \"VersionTLS10\"", Some(Version::Tls10)),
            ("protocols tls1.2 tls1.3", Some(Version::Tls12)),
            ("  ssl-protocols: \"TLSv1.2 TLSv1.3\"", Some(Version::Tls12)),
            ("\"protocol_min\": \"tls1.0\"", Some(Version::Tls10)),
            ("ssl-default-bind-options no-sslv3 no-tlsv10 no-tlsv11 no-tls-tickets", Some(Version::Tls12)),
            ("bind :443 ssl crt /x no-sslv3", Some(Version::Tls10)),
            ("listen 443 ssl;", None),
        ] {
            assert_eq!(oldest(line), expected, "{line}");
            assert_eq!(pattern.is_match(line), expected.is_some(), "{line}");
        }
    }
}

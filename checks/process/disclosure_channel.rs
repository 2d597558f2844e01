//! Who finds a vulnerability can tell somebody in private, and the way they are told is not out of date.

use std::borrow::Cow;
use std::sync::LazyLock;

use chrono::{DateTime, TimeDelta, Utc};
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Place, Severity, Verdict};
use crate::evidence::http::{Exchange, Request};
use crate::evidence::repo::{Line, Lines};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::Target;

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct DisclosureChannel {
    /// Whether the deployment must publish /.well-known/security.txt (RFC 9116) beside the repository's SECURITY.md.
    pub require_security_txt: bool,
}

impl Check for DisclosureChannel {
    const ABOUT: About = About {
        id: "disclosure-channel",
        title: "vulnerabilities can be reported in private",
        statements: &["REP-1"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Both,
        attestable: false,
        remediation: "Name a private contact (an address or a form) in SECURITY.md, say not to open a public issue, what to \
                      include and how long a fix may take; publish /.well-known/security.txt with Contact and Expires.",
        references: &[
            "RFC 9116",
            "ISO/IEC 29147",
            "https://docs.github.com/code-security/getting-started/adding-a-security-policy-to-your-repository",
        ],
    };

    fn asks(&self, target: &Target, _seen: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if target.repository().is_ok() {
            asks.push(security_md().into());
        }
        if target.deployment().is_ok() {
            asks.push(security_txt().into());
        }
        asks
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let mut verdict = Verdict::default();
        let (repository, deployment) = (target.repository(), target.deployment());
        let written = match repository {
            Ok(_) => in_repository(evidence, &mut verdict),
            Err(_) => Side::NotLookedAt,
        };
        let published = match deployment {
            Ok(_) => on_deployment(target, evidence, &mut verdict),
            Err(_) => Side::NotLookedAt,
        };
        match (written, published) {
            (Side::NotLookedAt, Side::NotLookedAt) => {
                return Verdict::absent(match (repository, deployment) {
                    (Err(absent), _) if !absent.is_out_of_scope() => absent,
                    (_, Err(absent)) | (Err(absent), _) => absent,
                    (Ok(_), Ok(_)) => return verdict,
                });
            }
            (Side::Missing, Side::Missing | Side::NotLookedAt) => {
                verdict.fails("no SECURITY.md in the root, .github or docs", Place::file("SECURITY.md", None));
            }
            (Side::NotLookedAt, Side::Missing) => verdict.not_seen(Unseen::NoEvidence(
                "the deployment has no security.txt, and no repository was looked at that may have a SECURITY.md"
                    .into(),
            )),
            (_, Side::Missing) if self.require_security_txt => {
                verdict.fails("no security.txt", Place::url(security_txt().url(target)));
            }
            (_, Side::NotLookedAt)
                if self.require_security_txt && deployment.is_err_and(|absent| !absent.is_out_of_scope()) =>
            {
                verdict.not_seen(Unseen::NotNamed(
                    "the policy requires a security.txt, and no deployment is named".into(),
                ));
            }
            (Side::Found, Side::Missing) => verdict.notes("the deployment has no security.txt (RFC 9116)"),
            (Side::Missing, Side::Found) => verdict.notes("the repository has no SECURITY.md"),
            (
                Side::Found | Side::Unseen | Side::Missing | Side::NotLookedAt,
                Side::Found | Side::Unseen | Side::Missing | Side::NotLookedAt,
            ) => {}
        }
        verdict
    }
}

/// What one side showed; findings and reasons are in the verdict already.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Side {
    Found,
    Missing,
    Unseen,
    NotLookedAt,
}

/// Every line of the files that GitHub, GitLab and others show as the security policy.
fn security_md() -> Lines {
    Lines {
        globs: ["SECURITY.md", "SECURITY.txt", "SECURITY.rst", "SECURITY.adoc", "SECURITY"].map(str::to_owned).to_vec(),
        pattern: r"\S".into(),
    }
}

fn security_txt() -> Request {
    Request::get("/.well-known/security.txt")
}

/// Only the places where a forge looks; a vendored package's SECURITY.md speaks for somebody else.
fn is_ours(path: &str) -> bool {
    matches!(path.rsplit_once('/').map_or("", |(folder, _)| folder), "" | ".github" | ".gitlab" | "docs")
}

fn in_repository(evidence: &Evidence, verdict: &mut Verdict) -> Side {
    let matches = match evidence.of(&security_md()) {
        Ok(matches) => matches,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return Side::Unseen;
        }
    };
    let lines: Vec<&Line> = matches.lines.iter().filter(|line| is_ours(&line.path)).collect();
    let Some(first) = lines.first() else {
        let unread: Vec<&str> = matches.unread.iter().map(String::as_str).collect();
        if !unread.is_empty() || matches.truncated {
            verdict.not_seen(Unseen::Partial(format!("a SECURITY.md could not be read whole: {}", unread.join("; "))));
            return Side::Unseen;
        }
        return Side::Missing;
    };
    let file = first.path.clone();
    let says = |pattern: &Regex| lines.iter().find(|line| pattern.is_match(&line.text));
    match lines.iter().find_map(|line| contact(&line.text).map(|contact| (line, contact))) {
        Some((line, contact)) => {
            verdict.holds(format!("{}:{} names a private contact ({contact})", line.path, line.line));
        }
        None if matches.truncated || !matches.unread.is_empty() => {
            verdict.not_seen(Unseen::Partial(format!("{file} could not be read whole")));
            return Side::Unseen;
        }
        None => {
            let what = if says(&PUBLIC_TRACKER).is_some() {
                "the only contact is a public issue tracker"
            } else {
                "no private contact is named: no address, no form, no private advisory"
            };
            verdict.fails(what, Place::file(file.clone(), None));
        }
    }
    for (pattern, missing) in [
        (&*NO_PUBLIC_ISSUE, "does not say that no public issue is to be opened"),
        (&*INCLUDE, "does not say what a report should include"),
        (&*TIME, "does not say how long a fix may take"),
    ] {
        if says(pattern).is_none() {
            verdict.notes(format!("{file} {missing}"));
        }
    }
    Side::Found
}

/// The kind of private contact that a line of prose names.
fn contact(text: &str) -> Option<&'static str> {
    if let Some(address) = ADDRESS.find(text) {
        // RFC 2606 section 3: nobody reads mail there; a template was left as it was.
        let domain = address.as_str().rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
        let placeholder = ["example.com", "example.org", "example.net"].contains(&domain.as_str());
        return (!placeholder).then_some("mail address");
    }
    if SPELT_ADDRESS.is_match(text) {
        return Some("mail address");
    }
    if ADVISORY.is_match(text) {
        return Some("private advisory");
    }
    FORM.is_match(text).then_some("web form")
}

fn on_deployment(target: &Target, evidence: &Evidence, verdict: &mut Verdict) -> Side {
    let url = security_txt().url(target);
    let exchange = match evidence.of(&security_txt()) {
        Ok(exchange) => exchange,
        Err(unseen) => {
            verdict.not_seen(unseen);
            return Side::Unseen;
        }
    };
    if matches!(exchange.status, 401 | 403) {
        verdict
            .notes(format!("{url} is not public: whoever finds a vulnerability cannot read it ({})", exchange.status));
        return Side::Missing;
    }
    if matches!(exchange.status, 404 | 405 | 410) || (exchange.is_success() && !is_security_txt(exchange)) {
        return Side::Missing;
    }
    if !exchange.is_success() {
        verdict.not_seen(Unseen::NotComparable(format!("{url} answers {}", exchange.status)));
        return Side::Unseen;
    }
    let unsigned = unsigned(&exchange.body.text);
    let fields = fields(&unsigned);
    let of = |name: &str| fields.iter().filter(|(known, _)| known == name).map(|(_, value)| *value).collect::<Vec<_>>();
    let contacts = of("contact");
    let usable = |contact: &&&str| !PUBLIC_TRACKER.is_match(contact) && is_contact(contact);
    let private = contacts.iter().filter(usable).count();
    let mut sound = true;
    // RFC 9116 section 2.5.2: a file that names where it belongs and is found elsewhere may be somebody else's.
    let canonical = of("canonical");
    if !canonical.is_empty() && !canonical.iter().any(|place| same_place(place, &url)) {
        sound = false;
        let what = "its Canonical fields name other places, and not this one (RFC 9116 section 2.5.2)";
        verdict.finds(crate::check::Finding::new(what, Place::url(url.clone())).aspect("canonical"));
    }
    match unsigned {
        Cow::Borrowed(_) => verdict.notes("security.txt is not signed (RFC 9116 section 2.3 recommends it)"),
        Cow::Owned(_) => verdict.notes("security.txt carries an OpenPGP signature, which was not verified"),
    }
    if private == 0 {
        sound = false;
        let what = if contacts.is_empty() {
            "no Contact field (RFC 9116 section 2.5.3)"
        } else if contacts.iter().all(|contact| !is_contact(contact)) {
            "no Contact field is a mailto:, https: or tel: address (RFC 9116 section 2.5.3)"
        } else {
            "the only contact is a public issue tracker"
        };
        verdict.finds(crate::check::Finding::new(what, Place::url(url.clone())).aspect("contact"));
    }
    match of("expires").as_slice() {
        [expires] => match DateTime::parse_from_rfc3339(expires) {
            Ok(expires) if expires <= evidence.taken_at => {
                sound = false;
                verdict.finds(
                    crate::check::Finding::new(format!("expired on {}", expires.date_naive()), Place::url(url.clone()))
                        .aspect("expires"),
                );
            }
            Ok(expires) => note_lifetime(expires.to_utc(), evidence.taken_at, verdict),
            Err(_) => {
                sound = false;
                verdict.finds(
                    crate::check::Finding::new("the Expires field is not a date (RFC 3339)", Place::url(url.clone()))
                        .aspect("expires"),
                );
            }
        },
        [] => {
            sound = false;
            verdict.finds(
                crate::check::Finding::new("no Expires field (RFC 9116 section 2.5.5)", Place::url(url.clone()))
                    .aspect("expires"),
            );
        }
        [_, _, ..] => {
            sound = false;
            verdict.finds(
                crate::check::Finding::new(
                    "more than one Expires field (RFC 9116 section 2.5.5)",
                    Place::url(url.clone()),
                )
                .aspect("expires"),
            );
        }
    }
    if sound {
        verdict.holds(format!("{url} names {private} contact(s) and has not expired"));
    }
    Side::Found
}

/// RFC 9116 section 2.5.5 recommends less than a year.
fn note_lifetime(expires: DateTime<Utc>, now: DateTime<Utc>, verdict: &mut Verdict) {
    if expires - now > TimeDelta::days(366) {
        verdict.notes(format!("security.txt is valid until {}, which is more than a year", expires.date_naive()));
    }
}

/// The text inside an OpenPGP cleartext signature, dashes unescaped (RFC 9580 section 7); the text itself where there is
/// none.
fn unsigned(text: &str) -> Cow<'_, str> {
    let Some((_, signed)) = text.split_once("-----BEGIN PGP SIGNED MESSAGE-----") else { return Cow::Borrowed(text) };
    let body = signed.split("-----BEGIN PGP SIGNATURE-----").next().unwrap_or_default();
    // The armour's headers (`Hash: SHA512`) end with the first empty line.
    let lines = body.lines().skip(1).skip_while(|line| !line.trim().is_empty());
    Cow::Owned(lines.map(|line| line.strip_prefix("- ").unwrap_or(line)).collect::<Vec<_>>().join("\n"))
}

/// RFC 9116 section 2.5.3: a URI, and on the web one by HTTPS.
fn is_contact(contact: &str) -> bool {
    let lower = contact.to_ascii_lowercase();
    ["mailto:", "https://", "tel:"].iter().any(|scheme| lower.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

fn same_place(canonical: &str, url: &str) -> bool {
    match (url::Url::parse(canonical), url::Url::parse(url)) {
        (Ok(canonical), Ok(url)) => canonical == url,
        (Err(_), _) | (_, Err(_)) => canonical == url,
    }
}

/// A web application answers 200 with its own page to every path; that is no security.txt.
fn is_security_txt(exchange: &Exchange) -> bool {
    let kind = exchange.header("content-type").unwrap_or_default().to_ascii_lowercase();
    let page = exchange.body.text.trim_start().starts_with(['<', '{', '[']);
    !page && (kind.is_empty() || kind.starts_with("text/plain") || !fields(&unsigned(&exchange.body.text)).is_empty())
}

/// `Name: value`, names in lower case; comments and the signature's frame left out.
fn fields(text: &str) -> Vec<(String, &str)> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .filter(|(name, value)| {
            matches!(name.as_str(), "contact" | "expires" | "policy" | "canonical") && !value.is_empty()
        })
        .collect()
}

fn pattern(text: &str) -> Regex {
    // The patterns are constants, and the tests compile each; one that matches nothing can only take a pass away.
    Regex::new(text).or_else(|_| Regex::new("[^\\s\\S]")).unwrap_or_else(|_| unreachable!("an empty class compiles"))
}

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"));
static SPELT_ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)[a-z0-9._+-]+\s*[\[({<]\s*at\s*[\])}>]\s*[a-z0-9-]+(?:\s*(?:\.|[\[({<]\s*dot\s*[\])}>])\s*[a-z0-9-]+)+",
    )
});
static ADVISORY: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)security/advisories|private(?:ly)? vulnerability report|report a vulnerability. (?:button|tab)")
});
static FORM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)https://(?:www\.)?(?:hackerone\.com|bugcrowd\.com|intigriti\.com|huntr\.(?:dev|com))/|(?:report|disclos|contact|form)\S*[^.]{0,60}https://[^\s/]+/\S*(?:report|disclos|vuln|security|contact|form)",
    )
});
static PUBLIC_TRACKER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)https?://\S+/issues(?:/new)?\b"));
static NO_PUBLIC_ISSUE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)(?:\bnot\b|\*\*not\*\*|n't|never|avoid|instead of|rather than|refrain|without)[^.]{0,80}(?:public|open|github|gitlab)?[^.]{0,40}(?:issue|publicly|in public|pull request|forum)",
    )
});
static INCLUDE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)include|reproduc|steps to|proof.of.concept|affected version|detailed description"));
static TIME: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)\b\d+\s*(?:business |working |calendar )?(?:hour|day|week|month)s?\b|reasonable time|time ?frame|within (?:a|one|two|three) (?:day|week|month)|before (?:public )?disclos",
    )
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;
    use crate::evidence::http::BodySeen;
    use crate::evidence::repo::Matches;
    use crate::target::{Environment, Repository, Scope};

    fn repository_only() -> Target {
        Target {
            name: "t".into(),
            environment: Environment::Production,
            scope: Scope::Repository,
            deployment: None,
            repository: Some(Repository::at(".")),
            checks: std::collections::BTreeMap::new(),
        }
    }

    fn at() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2026-11-20T12:00:00Z").unwrap().to_utc()
    }

    fn file(path: &str, text: &str) -> Matches {
        Matches {
            lines: (1..)
                .zip(text.lines())
                .filter(|(_, text)| !text.trim().is_empty())
                .map(|(line, text)| Line { path: path.into(), line, text: text.into() })
                .collect(),
            files: 1,
            ..Matches::default()
        }
    }

    fn judged(text: &str) -> Verdict {
        let evidence = Evidence::at(at()).with(security_md(), file("SECURITY.md", text));
        Check::judge(&DisclosureChannel::default(), &repository_only(), &evidence)
    }

    fn published(text: &str) -> Verdict {
        let exchange = Exchange {
            status: 200,
            headers: vec![("content-type".into(), "text/plain".into())],
            body: BodySeen { length: 1, complete: true, text: text.into(), sha256: String::new() },
            address: "127.0.0.1:1".into(),
            at: 0,
            took: 1,
        };
        let evidence = Evidence::at(at()).with(security_txt(), exchange);
        let mut verdict = Verdict::default();
        on_deployment(&repository_only(), &evidence, &mut verdict);
        verdict
    }

    #[test]
    fn every_pattern_compiles() {
        for (pattern, example) in [
            (&*ADDRESS, "security@watertight.test"),
            (&*SPELT_ADDRESS, "security [at] watertight [dot] test"),
            (&*ADVISORY, "https://github.test/o/r/security/advisories/new"),
            (&*FORM, "Report it at https://watertight.test/security-report"),
            (&*PUBLIC_TRACKER, "https://github.test/o/r/issues/new"),
            (&*NO_PUBLIC_ISSUE, "1. **Do not** open a public issue"),
            (&*INCLUDE, "3. Include detailed description and reproduction steps"),
            (&*TIME, "4. Allow reasonable time for fixes before public disclosure"),
        ] {
            assert!(pattern.is_match(example), "{example}");
        }
    }

    #[test]
    fn a_private_contact_passes_and_says_where() {
        let verdict = judged(
            "# Reporting\nWrite to security@watertight.test. Do not open a public issue.\nInclude steps. We fix within 90 days.",
        );
        assert_eq!(verdict.status(), Status::Pass);
        assert_eq!(verdict.grounds(), ["SECURITY.md:2 names a private contact (mail address)"]);
        assert!(verdict.all_notes().is_empty(), "{:?}", verdict.all_notes());
    }

    #[test]
    fn maintainers_without_an_address_a_placeholder_and_a_public_tracker_fail() {
        for text in [
            "2. Email security concerns to the project maintainers",
            "Write to security@example.com",
            "Open an issue: https://github.test/o/r/issues/new",
        ] {
            assert_eq!(judged(text).status(), Status::Fail, "{text}");
        }
    }

    #[test]
    fn a_vendored_policy_speaks_for_somebody_else() {
        let matches = file("node_modules/x/SECURITY.md", "Write to security@watertight.test");
        let evidence = Evidence::at(at()).with(security_md(), matches);
        let verdict = Check::judge(&DisclosureChannel::default(), &repository_only(), &evidence);
        assert_eq!(verdict.status(), Status::Fail);
    }

    #[test]
    fn an_expired_or_endless_security_txt_fails() {
        let sound = "Contact: mailto:security@watertight.test\nExpires: 2027-01-01T00:00:00Z\n";
        assert_eq!(published(sound).status(), Status::Pass);
        for text in [
            "Contact: mailto:security@watertight.test\nExpires: 2026-11-20T11:59:59Z\n",
            "Contact: mailto:security@watertight.test\n",
            "Contact: mailto:security@watertight.test\nExpires: soon\n",
            "Expires: 2027-01-01T00:00:00Z\n",
        ] {
            assert_eq!(published(text).status(), Status::Fail, "{text}");
        }
    }

    #[test]
    fn a_signed_security_txt_is_read_inside_its_signature() {
        let inside = "Contact: mailto:security@watertight.test\nExpires: 2027-01-01T00:00:00Z\n- -- \n";
        let begin = ["-----BEGIN PGP SIGNED", "MESSAGE-----\nHash: SHA512\n"].join(" ");
        let signature = ["-----BEGIN PGP", "SIGNATURE-----\nContact: none\n-----END PGP SIGNATURE-----\n"].join(" ");
        let verdict = published(&format!("{begin}\n{inside}{signature}"));
        assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
        assert_eq!(verdict.all_notes(), ["security.txt carries an OpenPGP signature, which was not verified"]);
        let outside = format!("{begin}\n{signature}Contact: mailto:a@watertight.test\nExpires: 2027-01-01T00:00:00Z\n");
        assert_eq!(published(&outside).status(), Status::Fail);
    }

    #[test]
    fn a_contact_is_an_address_and_a_canonical_place_is_this_one() {
        let expires = "Expires: 2027-01-01T00:00:00Z\n";
        for text in
            ["Contact: security@watertight.test\n", "Contact: http://watertight.test/report\n", "Contact: mailto:\n"]
        {
            assert_eq!(published(&format!("{text}{expires}")).status(), Status::Fail, "{text}");
        }
        let elsewhere =
            "Contact: https://watertight.test/report\nCanonical: https://other.test/.well-known/security.txt\n";
        assert_eq!(published(&format!("{elsewhere}{expires}")).status(), Status::Fail);
    }

    #[test]
    fn an_unread_repository_is_not_passed() {
        let evidence = Evidence::at(at()).without(security_md(), Unseen::TimedOut("30 s".into()));
        let verdict = Check::judge(&DisclosureChannel::default(), &repository_only(), &evidence);
        assert_eq!(verdict.status(), Status::Inconclusive);
    }
}

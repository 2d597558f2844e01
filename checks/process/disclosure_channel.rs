//! Who finds a vulnerability can tell somebody in private, and the way they are told is not out of date.

mod security_txt;

use std::sync::LazyLock;

use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::check::{About, Check, DecidedFrom, Place, Severity, Verdict};
use crate::evidence::repo::{Line, Lines};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::Target;
use security_txt::{on_deployment, security_txt};

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

/// Whether somebody may read mail that is sent there.
fn is_read(address: &str) -> bool {
    let address = address.to_ascii_lowercase();
    let (user, domain) = address.rsplit_once('@').unwrap_or_default();
    // RFC 2606: a template was left as it was.
    let placeholder = ["example.com", "example.org", "example.net"]
        .iter()
        .any(|known| domain == *known || domain.strip_suffix(known).is_some_and(|rest| rest.ends_with('.')))
        || [".example", ".invalid", ".localhost"].iter().any(|ending| domain.ends_with(ending));
    // `git@github.com:…` is a way to clone, `left-pad@1.3.0` a package.
    let machine = ["git", "noreply", "no-reply", "donotreply"].contains(&user);
    let named = domain
        .rsplit('.')
        .next()
        .is_some_and(|top| top.len() > 1 && top.bytes().all(|byte| byte.is_ascii_alphabetic()));
    !placeholder && !machine && named
}

/// The kind of private contact that a line of prose names.
fn contact(text: &str) -> Option<&'static str> {
    if ADDRESS.find_iter(text).any(|address| is_read(address.as_str())) {
        return Some("mail address");
    }
    if SPELT_ADDRESS.is_match(text) {
        return Some("mail address");
    }
    if ADVISORY.is_match(text) {
        return Some("private advisory");
    }
    FORM.is_match(text).then_some("web form")
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
mod tests;

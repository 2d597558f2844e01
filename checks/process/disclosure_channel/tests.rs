//! A contact that somebody reads holds, whatever form it has; anything else does not.

use chrono::{DateTime, Utc};

use super::*;
use crate::check::Status;
use crate::evidence::http::{BodySeen, Exchange};
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
    let elsewhere = "Contact: https://watertight.test/report\nCanonical: https://other.test/.well-known/security.txt\n";
    assert_eq!(published(&format!("{elsewhere}{expires}")).status(), Status::Fail);
}

#[test]
fn an_unread_repository_is_not_passed() {
    let evidence = Evidence::at(at()).without(security_md(), Unseen::TimedOut("30 s".into()));
    let verdict = Check::judge(&DisclosureChannel::default(), &repository_only(), &evidence);
    assert_eq!(verdict.status(), Status::Inconclusive);
}

#[test]
fn an_address_that_nobody_reads_is_no_contact() {
    for line in [
        "git clone git@github.com:acme/server.git",
        "Use left-pad@1.3.0 or newer.",
        "Mail security@example.com.",
        "Mail you@your.example.",
        "Mails come from noreply@acme.test.",
    ] {
        assert_eq!(contact(line), None, "{line}");
    }
    assert_eq!(contact("Not git@acme.test but security@acme.test reads it."), Some("mail address"));
}

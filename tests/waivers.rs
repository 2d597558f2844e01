//! A waiver is an exception with an owner and an end, and whatever is wrong with one has a message of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use assert_cmd::Command;
use chrono::{Days, NaiveDate, Utc};

fn day(from_now: i64) -> NaiveDate {
    let today = Utc::now().date_naive();
    if from_now < 0 { today - Days::new(from_now.unsigned_abs()) } else { today + Days::new(from_now.unsigned_abs()) }
}

/// Audits an empty repository, whose missing SECURITY.md fails, under these waivers.
fn audit(checks: &str, waiver: &str) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    let policy =
        format!("version: 1\ntargets: [{{ name: a, repository: . }}]\nchecks: {checks}\nwaivers: [{waiver}]\n");
    std::fs::write(folder.path().join("policy.yaml"), policy).unwrap();
    std::fs::write(folder.path().join("README"), "nothing\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .args(["audit", "--policy", "policy.yaml", "--scope", "repository", "--no-history"])
        .args(["--check", "disclosure-channel", "--format", "json"])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), text)
}

fn waiver(until: NaiveDate, rest: &str) -> String {
    format!("{{ check: disclosure-channel, target: a, until: {until}, reason: ticket SEC-1{rest} }}")
}

#[test]
fn a_waiver_in_effect_excuses_and_is_shown_with_what_it_excuses() {
    let (code, text) = audit("{}", &waiver(day(10), ", owner: platform"));
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("\"status\": \"waived\"") && text.contains("no SECURITY.md") && text.contains("\"platform\""),
        "{text}"
    );
}

#[test]
fn each_fault_of_a_waiver_has_its_own_message_and_exit_code() {
    let good = |days| waiver(day(days), ", owner: platform");
    let inconclusive = waiver(day(10), ", owner: platform, covers: inconclusive");
    for (checks, waiver, code, said) in [
        ("{}", waiver(day(10), ""), 2, "the waiver has no `owner`".to_owned()),
        ("{}", good(400), 2, "the waiver lasts longer than 180 days".into()),
        ("{ disclosure-channel: { waivable: false } }", good(10), 2, "disclosure-channel cannot be waived".into()),
        ("{}", good(-1), 1, format!("expired on {}", day(-1))),
        ("{}", inconclusive, 1, "is unused: nothing there needs it".into()),
    ] {
        let (found, text) = audit(checks, &waiver);
        assert_eq!(found, code, "{waiver}: {text}");
        assert!(text.contains(&said), "{said} is not in\n{text}");
    }
}

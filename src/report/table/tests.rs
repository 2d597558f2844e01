use super::*;
use crate::check::{Place, Severity};
use crate::report::sample;

fn shown(report: &Report, colour: bool) -> String {
    render(report, Style { width: 80, colour })
}

#[test]
fn the_report_reads_from_the_boxes_to_the_coverage_within_80_columns() {
    let text = shown(&sample::report(), false);
    let order = ["THE TEN BOXES", "FAILS", "NOT SEEN, SO NOT PASSED", "WAIVED AND ATTESTED", "HOLDS", "COVERED"];
    let at: Vec<usize> =
        order.iter().map(|title| text.find(title).unwrap_or_else(|| panic!("{title}\n{text}"))).collect();
    assert!(at.is_sorted(), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn a_finding_stands_with_its_place_and_its_remedy() {
    let text = shown(&sample::report(), false);
    insta::assert_snapshot!(text.split("FAILS\n").nth(1).unwrap().split("\nNOT SEEN").next().unwrap(), @r"
    ✗ rate-limit (high): what rate-limit says
      - 34 requests accepted in 60 s, and 30 are allowed
        at https://mcp.example.test/api/items?page=1&with=a-rather-long-query-that-h
           as-to-be-broken-somewhere
      → Mend it, then audit again.
    ");
}

#[test]
fn nothing_from_outside_reaches_the_terminal_raw() {
    let mut report = sample::report();
    for result in &mut report.results {
        for finding in &mut result.findings {
            finding.what = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}desrever".into();
            finding.place = Place::url("https://a.test/\r\n\u{1b}[1m");
        }
        result.unseen = vec!["\u{1b}[2K".into()];
        result.grounds = vec!["\u{85}\u{200b}".into()];
        result.target = "\u{1b}c".into();
    }
    report.notices = vec!["\u{1b}[5m".into()];
    report.policy.name = "\u{1b}[7m".into();
    report.results[0].severity = Severity::High;
    let text = shown(&report, false);
    assert!(!text.chars().any(|character| character != '\n' && super::super::escape::is_unsafe(character)), "{text:?}");
}

#[test]
fn colour_only_where_it_is_wanted() {
    assert!(!shown(&sample::report(), false).contains('\u{1b}'));
    assert!(shown(&sample::report(), true).contains('\u{1b}'));
}

use super::*;
use crate::report::sample;

#[test]
fn texts_from_outside_stay_texts() {
    let mut report = sample::report();
    report.results[0].findings[0].what = "</style></script><script>alert(1)</script>\u{202e}".into();
    let page = render(&report);
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&lt;script&gt;alert(1)"), "{page}");
    assert!(!page.contains('\u{202e}'));
}

#[test]
fn every_result_is_on_the_page_once() {
    let report = sample::report();
    assert_eq!(render(&report).matches("<article").count(), report.results.len());
}

use super::*;
use crate::report::sample;

fn document() -> Value {
    serde_json::from_str(&render(&sample::report()).unwrap()).unwrap()
}

#[test]
fn only_what_fails_alerts_and_what_was_not_seen_stays_open() {
    let results = document()["runs"][0]["results"].as_array().unwrap().clone();
    let kinds: Vec<(&str, &str)> =
        results.iter().map(|result| (result["kind"].as_str().unwrap(), result["level"].as_str().unwrap())).collect();
    assert_eq!(kinds, [("fail", "error"), ("open", "none")]);
}

#[test]
fn how_every_item_stands_is_told_without_an_alert() {
    let items = document()["runs"][0]["properties"]["items"].as_array().unwrap().clone();
    let statuses: Vec<&str> = items.iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["fail", "inconclusive", "waived", "pass", "pass", "not_applicable"]);
    assert_eq!(items.iter().filter(|item| item["attested"] == true).count(), 1);
}

#[test]
fn what_was_found_before_and_not_looked_at_now_keeps_its_alert() {
    let before = sample::report();
    let (ledger, _) = crate::report::drift::Ledger::default().after(&before, "production");
    let mut report = sample::report();
    report.results[0].status = Status::Inconclusive;
    report.results[0].unseen = vec!["timed out".into()];
    let old = report.results[0].findings.remove(0);
    let (_, changes) = ledger.after(&report, "production");
    report.compared(None, changes, Vec::new());
    let document: Value = serde_json::from_str(&render(&report).unwrap()).unwrap();
    let results = document["runs"][0]["results"].as_array().unwrap().clone();
    let kept = format!("{}:1", old.id.data());
    let kept = results.iter().find(|of| of["partialFingerprints"]["primaryLocationLineHash"] == *kept).unwrap();
    assert_eq!(
        (&kept["kind"], &kept["level"], &kept["ruleId"]),
        (&json!("open"), &json!("none"), &json!("rate-limit"))
    );
}

#[test]
fn a_waived_finding_is_left_out_and_its_rule_stays() {
    let document = document();
    let rules = document["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().clone();
    assert_eq!(rules.len(), 6);
    assert!(!document["runs"][0]["results"].to_string().contains("fedcba9876543210"));
}

#[test]
fn an_address_of_ipv6_is_a_name_as_it_stands() {
    let mut report = sample::report();
    report.results[0].findings[0].place = Place::url("https://[::1]:8443/{id}");
    let document: Value = serde_json::from_str(&render(&report).unwrap()).unwrap();
    let result = &document["runs"][0]["results"][0];
    assert_eq!(result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"], "https://[::1]:8443/{id}");
    assert!(result["message"]["text"].as_str().unwrap().ends_with("https://\\[::1\\]:8443/{{id}}"));
}

#[test]
fn results_that_are_left_out_are_said_to_be() {
    let mut report = sample::report();
    let finding = report.results[0].findings[0].clone();
    report.results[0].findings = vec![finding; RESULTS + 7];
    let document: Value = serde_json::from_str(&render(&report).unwrap()).unwrap();
    let run = &document["runs"][0];
    assert_eq!(run["results"].as_array().unwrap().len(), RESULTS);
    let said = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str().unwrap();
    // One result more: what could not be seen stands at the end.
    assert!(said.starts_with("8 results are left out"), "{said}");
}

#[test]
fn no_uri_leaves_the_repository() {
    assert_eq!(below(&"/srv/secret/policy.yaml".into()), "policy.yaml");
    assert_eq!(below(&"../../etc/passwd".into()), "etc/passwd");
    assert_eq!(below(&"C:\\policy.yaml".into()), "policy.yaml");
}

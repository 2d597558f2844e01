//! The lock keeps every version floor that an advisory sets, and none of the crates that are given up.

use std::collections::BTreeMap;

fn locked() -> BTreeMap<String, Vec<(u64, u64, u64)>> {
    let mut found: BTreeMap<String, Vec<(u64, u64, u64)>> = BTreeMap::new();
    let mut name = "";
    for line in include_str!("../Cargo.lock").lines() {
        if let Some(text) = line.strip_prefix("name = \"") {
            name = text.trim_end_matches('"');
        } else if let Some(text) = line.strip_prefix("version = \"")
            && !name.is_empty()
        {
            let plain = text.trim_end_matches('"').split(['-', '+']).next().unwrap_or_default();
            let mut parts = plain.split('.').map(|part| part.parse().unwrap_or(0));
            let mut next = || parts.next().unwrap_or(0);
            found.entry(name.to_owned()).or_default().push((next(), next(), next()));
            name = "";
        }
    }
    found
}

#[test]
fn no_crate_is_older_than_its_advisories_allow() {
    let locked = locked();
    assert!(locked.len() > 100, "the lock was not read: {}", locked.len());
    // Each floor with its reason.
    let floors = [
        ("rustls", (0, 23, 18), "RUSTSEC-2024-0399"),
        ("rustls-webpki", (0, 103, 13), "RUSTSEC-2026-0104"),
        ("h2", (0, 4, 16), "RUSTSEC-2026-0258"),
        ("hickory-proto", (0, 26, 1), "RUSTSEC-2026-0118, 2026-0119"),
        ("tracing-subscriber", (0, 3, 20), "RUSTSEC-2025-0055"),
        ("time", (0, 3, 47), "a stack overflow in its parser"),
        ("quick-xml", (0, 41, 0), "entity expansion"),
        ("tar", (0, 4, 45), "RUSTSEC-2026-0067"),
        ("gix", (0, 84, 0), "RUSTSEC-2025-0021 and later"),
    ];
    for (name, floor, reason) in floors {
        for version in locked.get(name).into_iter().flatten() {
            assert!(*version >= floor, "{name} {version:?} is older than {floor:?}: {reason}");
        }
    }
    assert!(locked.contains_key("rustls") && locked.contains_key("gix"), "a floor that holds of nothing shows nothing");
    for given_up in ["serde_yml", "yaml-rust", "bincode", "atty", "openssl-sys", "native-tls"] {
        assert!(!locked.contains_key(given_up), "{given_up} is in the lock");
    }
}

use super::*;

fn signs(token: &str) -> Vec<Sign> {
    facts(token).signs.into_iter().collect()
}

#[test]
fn what_looks_random_shows_no_sign() {
    for token in [
        "9f86d081884c7d659a2feaa0c55ad015",
        "c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2",
        "Zm9vYl3hcg8Qw7Kx1TnV5sLpR2uYdE0aGjHiMzCqXk4",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
        "58319402756183940275618394027561".get(..20).unwrap(),
        "mcp_live_Zk7Qw2Lx9TnV5sLpR2uYdE0aGjHiMzC4",
    ] {
        assert_eq!(signs(token), [], "{token}");
        assert!(facts(token).bits >= 64, "{token}: {}", facts(token).bits);
    }
}

#[test]
fn what_is_long_and_weak_shows_it() {
    for (token, sign) in [
        ("0123456789abcdef0123456789abcdef", Sign::Sequence),
        ("abcdefghijklmnopqrstuvwxyz012345", Sign::Sequence),
        ("qwertyuiopasdfghjklzxcvbnmqwerty", Sign::Sequence),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", Sign::Repetition),
        ("k7Qw2Lx9k7Qw2Lx9k7Qw2Lx9k7Qw2Lx9", Sign::Repetition),
        ("changeme-9f86d081884c7d659a2feaa0", Sign::Placeholder),
        ("your-secret-token-goes-here-32chars", Sign::Placeholder),
        ("password-secret-token-admin-demo", Sign::Words),
        ("abababbabaabbababbaababababbabaa", Sign::FewCharacters),
    ] {
        assert!(signs(token).contains(&sign), "{token}: {:?}", signs(token));
    }
}

#[test]
fn repeating_a_short_piece_adds_nothing_to_guess() {
    assert!(facts("Zk7QZk7QZk7QZk7QZk7QZk7QZk7QZk7Q").bits <= 24);
}

#[test]
fn the_facts_do_not_hold_the_value() {
    let token = &["pass", "word-", "Zk7Qw2", "Lx9TnV5sLp"].concat();
    let told = serde_json::to_string(&facts(token)).unwrap();
    assert!(!told.contains("password") && !told.contains("Zk7Q"), "{told}");
}

#[test]
fn odd_values_do_not_panic() {
    for token in ["", "a", "ä", "🦀🦀🦀🦀", " \t", "aaaa"] {
        let _ = facts(token);
    }
}

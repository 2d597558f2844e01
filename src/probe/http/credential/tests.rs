use super::*;

const NAME: &str = "Authorization";

fn value(mutation: &Mutation, token: &str) -> String {
    mutated(mutation, NAME, token, "other").unwrap().headers[0].1.clone()
}

fn json_web_token() -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!(
        "{}.{}.{}",
        part(r#"{"alg":"HS256","typ":"JWT"}"#),
        part(r#"{"sub":"a"}"#),
        part("thirty-two bytes of signature 012")
    )
}

#[test]
fn one_character_changes_exactly_one_and_keeps_the_length() {
    for token in ["abcdefgh", "0123456789abcdef", "x", "A-_~"] {
        let changed = one_character(token);
        assert_eq!(changed.chars().zip(token.chars()).filter(|(a, b)| a != b).count(), 1, "{token}");
        assert_eq!(changed.len(), token.len());
    }
}

#[test]
fn a_jwt_is_changed_in_the_middle_of_its_signature() {
    let token = json_web_token();
    let changed = one_character(&token);
    let at = changed.bytes().zip(token.bytes()).position(|(a, b)| a != b).unwrap();
    assert!(at > token.rfind('.').unwrap() + 5 && at < token.len() - 5, "{at}");
}

#[test]
fn a_jwt_without_algorithm_has_no_signature_and_an_opaque_token_is_no_jwt() {
    let unsigned = value(&Mutation::JwtNone, &json_web_token());
    let inner = unsigned.strip_prefix("Bearer ").unwrap();
    assert!(inner.ends_with('.'));
    let header = URL_SAFE_NO_PAD.decode(inner.split('.').next().unwrap()).unwrap();
    assert_eq!(String::from_utf8(header).unwrap(), r#"{"alg":"none","typ":"JWT"}"#);
    let edited = value(&Mutation::JwtEdited, &json_web_token());
    assert_ne!(edited, format!("Bearer {}", json_web_token()));
    assert!(matches!(mutated(&Mutation::JwtNone, NAME, "opaque", "o"), Err(Unseen::NotComparable(_))));
}

#[test]
fn every_mutation_reads_as_its_name_says() {
    let token = "tokentokentoken";
    assert_eq!(value(&Mutation::EmptyBearer, token), "Bearer ");
    assert_eq!(value(&Mutation::Truncated, token), "Bearer tokento");
    assert_eq!(value(&Mutation::SwappedCase, "aB3-c"), "Bearer Ab3-C");
    assert_eq!(value(&Mutation::DoubleSpace, token), "Bearer  tokentokentoken");
    assert_eq!(value(&Mutation::Cookie("token".into()), token), "token=tokentokentoken");
    assert_eq!(value(&Mutation::CommaJoined, token), "Bearer other, Bearer tokentokentoken");
    let query = mutated(&Mutation::Query("access_token".into()), NAME, "a b&c", "o").unwrap();
    assert_eq!(query.path("/x?y=1"), "/x?y=1&access_token=a+b%26c");
    let twice = mutated(&Mutation::ValidThenInvalid, NAME, token, "other").unwrap();
    assert_eq!(twice.headers.len(), 2);
}

#[test]
fn a_header_without_a_scheme_has_no_scheme_to_change() {
    assert!(matches!(mutated(&Mutation::LowerScheme, "X-API-Key", "token", "other"), Err(Unseen::NotComparable(_))));
    assert_eq!(mutated(&Mutation::ShortBearer, "X-API-Key", "token", "other").unwrap().headers[0].1, "x");
}

#[test]
fn a_wrong_token_has_the_shape_of_the_right_one_and_is_another() {
    let like = "0123456789abcdef0123456789abcdef";
    let value = wrong(7, like);
    assert_eq!(value.len(), like.len());
    assert_ne!(value, like);
    assert!(value.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

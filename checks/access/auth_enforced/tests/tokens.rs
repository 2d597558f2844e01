//! Credentials that are wrong, altered, misplaced, or of another kind.

use super::*;

#[test]
fn any_token_at_all_is_not_enough() {
    let any = Deployed::plain(guarding(|credential| *credential != Credential::None));
    assert_eq!(aspects(&audit(&items(), &any)), ["GET wrong-token"]);
}

#[test]
fn every_altered_or_misplaced_token_that_is_admitted_fails() {
    let mut target = items();
    target.deployment.as_mut().unwrap().token.as_mut().unwrap().disposable = true;
    for (mutation, aspect) in [
        (Mutation::OneCharacter, "GET one-character"),
        (Mutation::Truncated, "truncated"),
        (Mutation::SwappedCase, "swapped-case"),
        (Mutation::Suffixed, "suffixed"),
        (Mutation::EmptyBearer, "empty-bearer"),
        (Mutation::BasicScheme, "basic-scheme"),
        (Mutation::NoScheme, "no-scheme"),
        (Mutation::Cookie("token".into()), "cookie-token"),
        (Mutation::Query("access_token".into()), "query-access_token"),
    ] {
        let careless =
            guarding(move |credential| only_valid(credential) || *credential == Credential::Mutated(mutation.clone()));
        assert_eq!(aspects(&audit(&target, &Deployed::plain(careless))), [aspect]);
    }
}

#[test]
fn the_token_is_put_in_a_query_only_where_it_is_disposable_and_is_unseen_elsewhere() {
    let deployed = Deployed::plain(guarding(only_valid));
    let kept = stage::deployed("https://api.example.com", &["GET /api/items"]);
    let (verdict, asked) = audit_with(&kept, &deployed, &AuthEnforced::default());
    let risky = |ask: &Ask| matches!(ask, Ask::Http(Request { credential: Credential::Mutated(mutation), .. }) if mutation.needs_disposable());
    assert!(!asked.iter().any(risky));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

#[test]
fn a_credential_in_every_request_leaves_nothing_to_compare() {
    let mut target = items();
    target.deployment.as_mut().unwrap().headers.insert("Cookie".into(), "session=1".into());
    assert_eq!(audit(&target, &Deployed::plain(guarding(|_| true))).status(), Status::Inconclusive);
}

#[test]
fn a_client_certificate_is_a_credential_and_a_refused_handshake_a_denial() {
    let mut target = items();
    let deployment = target.deployment.as_mut().unwrap();
    deployment.token = None;
    deployment.client_cert = Some(ClientCert { cert: "c".into(), key: "k".into() });
    assert_eq!(audit(&target, &Deployed::plain(guarding(|_| true))).status(), Status::Fail);
    let any = guarding(|credential| *credential != Credential::None);
    assert_eq!(aspects(&audit(&target, &Deployed::plain(any))), ["GET wrong-token"]);
    assert_eq!(audit(&target, &Deployed::plain(guarding(only_valid))).status(), Status::Pass);
    let ending = |alert: &'static str| {
        let serve = guarding(only_valid);
        Deployed {
            http: Box::new(move |request| match request.credential {
                Credential::Valid => Ok(serve(request)),
                _ => Err(Unseen::Malformed(format!("api.example.com:443: received fatal alert: {alert}"))),
            }),
            ..Deployed::plain(guarding(only_valid))
        }
    };
    let verdict = audit(&target, &ending("CertificateRequired"));
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert_eq!(audit(&target, &ending("InternalError")).status(), Status::Inconclusive);
    // With a token named, too, such an end is no answer about the token.
    assert_eq!(audit(&items(), &ending("CertificateRequired")).status(), Status::Inconclusive);
}

#[test]
fn an_altered_token_is_no_better_denied_where_every_answer_differs() {
    let sound = audit(&items(), &Deployed::plain(volatile(|request| only_valid(&request.credential))));
    assert_eq!(sound.status(), Status::Pass, "{sound:#?}");
    let half = |request: &Request| {
        only_valid(&request.credential) || request.credential == Credential::Mutated(Mutation::Truncated)
    };
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(volatile(half)))), ["truncated"]);
    let slash = |request: &Request| only_valid(&request.credential) || request.path == "/api/items/";
    assert_eq!(aspects(&audit(&items(), &Deployed::plain(volatile(slash)))), ["path-slash"]);
}

#[test]
fn an_altered_token_that_is_served_something_else_is_not_denied() {
    let other = |request: &Request| match &request.credential {
        Credential::Mutated(Mutation::Truncated) => answer(200, r#"{"welcome":"whoever"}"#),
        _ => guarding(only_valid)(request),
    };
    let verdict = audit(&items(), &Deployed::plain(other));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

#[test]
fn every_endpoint_of_a_class_is_tried_with_a_token_that_is_nearly_right() {
    let target = deployed("https://api.example.com", &["GET /api/items", "GET /api/items/1"]);
    for (form, aspect) in [(Mutation::OneCharacter, "GET one-character"), (Mutation::Truncated, "truncated")] {
        let second = move |request: &Request| {
            let careless = request.path == "/api/items/1" && request.credential == Credential::Mutated(form.clone());
            if careless { answer(200, r#"{"items":[]}"#) } else { guarding(only_valid)(request) }
        };
        let verdict = audit(&target, &Deployed::plain(second));
        assert_eq!(aspects(&verdict), [aspect], "{verdict:#?}");
    }
    let check = AuthEnforced { max_altered: 0, ..AuthEnforced::default() };
    let (verdict, _) = audit_with(&target, &Deployed::plain(guarding(only_valid)), &check);
    assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
    assert!(verdict.grounds().iter().any(|ground| ground.contains("further forms and tricks on /api/items alone")));
}

#[test]
fn a_lockout_after_which_the_valid_token_is_denied_shows_nothing() {
    let target = deployed("https://api.example.com", &["POST /api/items"]);
    let failures = std::cell::Cell::new(0);
    let locking = move |request: &Request| {
        if !only_valid(&request.credential) {
            failures.set(failures.get() + 1);
        }
        let locked = failures.get() > 4;
        guarding(move |credential| only_valid(credential) && !locked)(request)
    };
    let verdict = audit(&target, &Deployed::plain(locking));
    assert_eq!(verdict.status(), Status::Inconclusive, "{verdict:#?}");
}

//! MCP servers: each era, each stage, sessions.

use super::*;

#[test]
fn the_grounds_of_a_server_say_what_was_denied_and_no_more() {
    let verdict = serve(Server::sound(&[EraAsked::Modern]));
    let told = verdict.grounds().iter().find(|grounds| grounds.starts_with("MCP ")).expect("grounds");
    assert!(told.contains("a call of a tool that does not exist") && told.contains("no other method"), "{told}");
}

#[test]
fn a_guarded_server_passes_in_every_era_it_speaks() {
    use EraAsked::{Legacy, Modern, Sse};
    for eras in [&[Modern][..], &[Legacy], &[Sse], &[Modern, Legacy]] {
        let verdict = serve(Server::sound(eras));
        assert_eq!(verdict.status(), Status::Pass, "{eras:?} {verdict:#?}");
    }
}

#[test]
fn a_server_that_guards_one_era_only_fails() {
    let both = &[EraAsked::Modern, EraAsked::Legacy];
    let newer_only = Server { guards: |era, _| era == EraAsked::Modern, ..Server::sound(both) };
    let verdict = serve(newer_only);
    assert!(aspects(&verdict).contains(&"legacy-open-calls"), "{:?}", aspects(&verdict));
    let older_only = Server { guards: |era, _| era == EraAsked::Legacy, ..Server::sound(both) };
    assert!(aspects(&serve(older_only)).contains(&"modern-open-calls"));
}

#[test]
fn opening_listing_and_calling_are_judged_apart() {
    let modern = Server::sound(&[EraAsked::Modern]);
    let listing = serve(Server { guards: |_, part| part != Part::Listing, ..modern.clone() });
    assert_eq!(aspects(&listing), ["modern-open-listing", "modern-wrong-token"]);
    let calling = serve(Server { guards: |_, part| part != Part::Calling, ..modern });
    assert_eq!(aspects(&calling), ["modern-open-calls"]);
}

#[test]
fn a_session_alone_must_not_be_enough() {
    let careless = Server { guards: |_, part| part == Part::Opening, ..Server::sound(&[EraAsked::Legacy]) };
    assert_eq!(aspects(&serve(careless)), ["legacy-stolen-session"]);
}

#[test]
fn an_open_server_fails_with_or_without_a_token_named() {
    let open = Server { guards: |_, _| false, ..Server::sound(&[EraAsked::Legacy]) };
    let found = serve(open.clone());
    assert!(aspects(&found).contains(&"legacy-open-opening"));
    let mut target = deployed("https://mcp.example.com", &["/mcp"]);
    target.deployment.as_mut().unwrap().token = None;
    let nameless = audit(&target, &Deployed::server(move |asked| open.answer(asked)));
    assert_eq!(aspects(&nameless), ["legacy-open-opening", "legacy-open-listing"]);
}

#[test]
fn discovery_may_be_open_on_purpose_and_calls_never() {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let check = AuthEnforced { open_discovery: true, ..AuthEnforced::default() };
    let server = Server { guards: |_, _| false, ..Server::sound(&[EraAsked::Modern]) };
    let deployed = Deployed::server(move |asked| server.answer(asked));
    let (verdict, _) = audit_with(&target, &deployed, &check);
    assert_eq!(aspects(&verdict), ["modern-open-calls", "modern-wrong-token"]);
}

#[test]
fn an_altered_token_that_opens_a_server_fails() {
    let careless = Server {
        admits: |credential| only_valid(credential) || *credential == Credential::Mutated(Mutation::Truncated),
        ..Server::sound(&[EraAsked::Legacy])
    };
    assert_eq!(aspects(&serve(careless)), ["truncated"]);
}

#[test]
fn a_server_that_denies_the_valid_token_proves_nothing() {
    let shut = Server { admits: |_| false, ..Server::sound(&[EraAsked::Legacy]) };
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let deployed = Deployed {
        http: Box::new(|_| Ok(answer(401, ""))),
        mcp: Box::new(move |asked| Ok(shut.answer(asked))),
        lines: no_lines(),
    };
    assert_eq!(audit(&target, &deployed).status(), Status::Inconclusive);
}

#[test]
fn the_metadata_that_a_server_names_on_itself_is_read_and_told() {
    let target = deployed("https://mcp.example.com", &["/mcp"]);
    let naming = |challenge: &'static str| {
        move |asked: &Conversation| {
            let mut told = Server::sound(&[EraAsked::Legacy]).answer(asked);
            if told.opening.exchange.status == 401 {
                told.opening.exchange.headers = vec![("www-authenticate".into(), challenge.into())];
            }
            told
        }
    };
    const NAMED: &str = "/.well-known/oauth-protected-resource/mcp";
    let described = |request: &Request| match request.path.as_str() {
        NAMED => Ok(answer(200, r#"{"resource":"https://mcp.example.com/mcp"}"#)),
        _ => Ok(answer(404, "")),
    };
    for (challenge, asks, note) in [
        (
            "Bearer resource_metadata=\"https://mcp.example.com/.well-known/oauth-protected-resource/mcp\"",
            true,
            "describes",
        ),
        (
            "Bearer resource_metadata=\"https://elsewhere.example/.well-known/oauth-protected-resource\"",
            false,
            "names no",
        ),
        ("Bearer", false, "names no resource_metadata"),
    ] {
        let deployed = Deployed { http: Box::new(described), ..Deployed::server(naming(challenge)) };
        let (verdict, asked) = audit_with(&target, &deployed, &AuthEnforced::default());
        assert_eq!(verdict.status(), Status::Pass, "{verdict:#?}");
        assert_eq!(asked.iter().any(|ask| matches!(ask, Ask::Http(request) if request.path == NAMED)), asks);
        assert!(verdict.all_notes().iter().any(|told| told.contains(note)), "{verdict:#?}");
    }
}

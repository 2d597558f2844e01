use super::*;

fn kinds(text: &str) -> Vec<Kind> {
    leaks(text, &[]).into_iter().map(|leak| leak.kind).collect()
}

#[test]
fn every_pattern_compiles_and_the_mask_is_the_probes_own() {
    assert_eq!(COMPILED.len(), PATTERNS.len());
    assert!(LINKS.is_some());
    assert_eq!(MASK, crate::probe::secret::MASKED);
}

#[test]
fn each_kind_is_seen_in_what_real_stacks_answer() {
    let password = concat!("postgres://app:", "s3cret@db:5432/items");
    let wide: String = "Error at /srv/app.js:1:2".chars().flat_map(|letter| [letter, '\0']).collect();
    for (text, kind) in [
        ("TypeError: x\n    at handler (/srv/api/index.js:10:5)", Kind::Stack),
        (r#"{"stack":"Error: no\n    at Layer.handle (node:internal/x:1:2)"}"#, Kind::Stack),
        ("<pre>Error<br> &nbsp; at /opt/web/server.js:3:9</pre>", Kind::Stack),
        ("Traceback (most recent call last):\n  File \"/x/y.py\", line 3, in f", Kind::Stack),
        ("at com.example.Items.find(Items.java:42)", Kind::Stack),
        ("   at Shop.Items.Get(Int32 id) in C:\\src\\Items.cs:line 9", Kind::Stack),
        ("goroutine 12 [running]:", Kind::Stack),
        ("thread 'main' panicked at src/main.rs:4:5", Kind::Stack),
        ("SQLITE_ERROR: near \"'\": syntax error", Kind::Database),
        ("ERROR: duplicate key value violates unique constraint \"items_pkey\"", Kind::Database),
        ("failed: SELECT id, title FROM items WHERE id = '1''", Kind::Query),
        ("ENOENT: no such file, open '/var/lib/items/data.json'", Kind::Path),
        ("cannot load /app/config/production.js", Kind::Path),
        (password, Kind::Key),
        ("connect ECONNREFUSED 127.0.0.1:5432", Kind::InternalAddress),
        ("upstream http://10.1.2.3:8080 failed", Kind::InternalAddress),
        ("could not reach db.prod.internal:5432", Kind::InternalAddress),
        ("<title>Whitelabel Error Page</title>", Kind::DebugPage),
        ("For further information visit https://errors.pydantic.dev/2.14/v/int", Kind::Validator),
        (r#"[{"code":"invalid_type","path":["title"]}]"#, Kind::Issues),
        (r#"{"trace":"java.lang.IllegalStateException: x\n\tat com.acme.Api.get(Api.java:41)\n"}"#, Kind::Stack),
        ("Error: boom\n    at handler (src/server.js:12:5)", Kind::Stack),
        ("Error: boom\n    at handler (webpack-internal:///./pages/api/x.ts:12:5)", Kind::Stack),
        (
            "System.X: no\n   at Shop.Controllers.Cart.Get(Int32 id)\n   at lambda_method(Closure , Object )",
            Kind::Stack,
        ),
        ("Died at /usr/local/lib/App.pm line 41.", Kind::Stack),
        ("(my_app 0.1.0) lib/my_app/repo.ex:41: MyApp.Repo.get!/2", Kind::Stack),
        ("unsupported (app/services/billing.py:41)", Kind::Stack),
        ("java.lang.NullPointerException: \"s\" is null", Kind::Exception),
        ("System.NullReferenceException: it failed", Kind::Exception),
        ("TypeError: Cannot read properties of undefined (reading 'id')", Kind::Exception),
        ("** (RuntimeError) boom", Kind::Exception),
        ("Unclosed quotation mark after the character string 'x'.", Kind::Database),
        ("MongoServerError: E11000 dup key: { email: 1 }", Kind::Database),
        ("Duplicate entry 'a' for key 'users.email'", Kind::Database),
        ("UNIQUE constraint failed: users.email", Kind::Database),
        (r"could not find D:\sites\shop\app.config", Kind::Path),
        ("connect ETIMEDOUT db-primary:5432", Kind::InternalAddress),
        (wide.as_str(), Kind::Stack),
    ] {
        assert!(kinds(text).contains(&kind), "{text}: {:?}", kinds(text));
    }
}

#[test]
fn sanitised_errors_tell_nothing() {
    for text in [
        r#"{"error":"bad request","details":[{"field":"title","message":"must be a string"}]}"#,
        r#"{"jsonrpc":"2.0","id":"1","error":{"code":-32602,"message":"Invalid params"}}"#,
        "<html><head><title>404 Not Found</title></head><body><center>nginx</center></body></html>",
        "Internal Server Error",
        "<a href=\"/home/user/profile/x\">back</a>",
        "select one from the list, then update your profile",
        "Cannot GET /items/1",
        "see https://docs.example.com/usr/local/guide for .env.local and version 10.2.1",
        r#"{"type":"https://example.com/problems/validation","title":"Invalid","status":400}"#,
        "java.util is not a name here; app.internal.Thing is a class",
        "an error occurred at checkout (step 2: payment); ask at the desk (2:30)",
        "see https://www.example.rs:8443/help or mail help@example.pl:25",
        r#"{"error":"The System.Error was not found","code":"com.acme.NotFound"}"#,
        r#"{"message":"duplicate entry","detail":"a table of that name does not exist"}"#,
        r#"{"pattern":"^\\d+\\.\\w+$","path":"a\\/b","time":"at 12:30:05"}"#,
    ] {
        assert_eq!(leaks(text, &[]), [], "{text}");
    }
}

#[test]
fn what_we_sent_ourselves_is_no_leak() {
    let text = "no route for /usr/share/doc/x";
    assert_eq!(kinds(text), [Kind::Path]);
    assert_eq!(leaks(text, &["/usr/share/doc/x"]), []);
}

#[test]
fn a_key_is_named_and_not_shown() {
    let text = concat!("mysql://root:", "hunter2@db/x");
    assert_eq!(leaks(text, &[])[0].shown, "mysql:// with a password");
}

#[test]
fn headers_that_exist_to_tell_are_noted() {
    assert_eq!(header_leaks("Server", "nginx/1.26.0").map(|leak| leak.kind), Some(Kind::Banner));
    assert_eq!(header_leaks("server", "nginx"), None);
    assert_eq!(header_leaks("x-powered-by", "Express").map(|leak| leak.kind), Some(Kind::Banner));
    assert_eq!(header_leaks("x-powered-by", "PHP/8.2.1").map(|leak| leak.kind), Some(Kind::Version));
    assert_eq!(header_leaks("content-type", "text/html"), None);
}

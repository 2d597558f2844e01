use super::*;

fn read(file: &str, text: &str) -> Vec<String> {
    let pattern = Regex::new(&in_code()).unwrap();
    let lines: Vec<Placed<'_>> = (1..)
        .zip(text.lines())
        .filter(|(_, text)| pattern.is_match(text))
        .map(|(line, text)| (file, line, text))
        .collect();
    routes(&lines)
        .into_iter()
        .map(|route| format!("{} {} {:?}", route.method.as_deref().unwrap_or("*"), route.path, route.extent))
        .collect()
}

#[test]
fn routes_of_each_framework_are_read() {
    for (file, text, expected) in [
        ("a.ts", "app.get('/items/:id', h)\napp.all(\"/mcp\", h)", &["GET /items/:id Whole", "* /mcp Whole"][..]),
        ("a.js", "itemsRouter.post('/', h); fastify.delete(`/x`, h)", &["POST / Mounted", "DELETE /x Whole"][..]),
        ("a.js", "fastify.route({ method: 'PUT', url: '/x', handler })", &["PUT /x Whole"][..]),
        ("a.py", "@app.route(\"/x\", methods=[\"GET\", \"POST\"])", &["GET /x Whole", "POST /x Whole"][..]),
        ("a.py", "@router.get(\"/items/{id}\")", &["GET /items/{id} Mounted"][..]),
        ("a.py", "routes = [Route(\"/health\", health)]", &["GET /health Whole"][..]),
        ("a.rs", ".route(\"/a\", get(list).post(make))", &["GET /a Whole", "POST /a Whole"][..]),
        ("a.rs", "#[get(\"/a\")]", &["GET /a Mounted"][..]),
        ("a.go", "mux.HandleFunc(\"GET /a\", h)\nr.POST(\"/b\", h)", &["GET /a Whole", "POST /b Mounted"][..]),
        ("A.java", "@GetMapping(\"/a\")", &["GET /a Mounted"][..]),
    ] {
        assert_eq!(read(file, text), expected, "{text}");
    }
}

#[test]
fn clients_tests_and_comments_declare_no_route() {
    for (file, text) in [
        ("a.ts", "axios.get('/items')"),
        ("a.ts", "await client.post('/items', body)"),
        ("a.ts", "// app.get('/old', h)"),
        ("tests/a.ts", "app.get('/x', h)"),
        ("a.test.ts", "app.get('/x', h)"),
    ] {
        assert_eq!(read(file, text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn proxies_name_what_they_pass_on() {
    let read = |file: &str, text: &str| -> Vec<String> {
        let pattern = Regex::new(&in_proxies()).unwrap();
        let lines: Vec<Placed<'_>> = (1..)
            .zip(text.lines())
            .filter(|(_, text)| pattern.is_match(text))
            .map(|(line, text)| (file, line, text))
            .collect();
        passed_on(&lines).into_iter().map(|route| format!("{} {:?}", route.path, route.extent)).collect()
    };
    let nginx = "location / {\n proxy_pass http://a;\n}\nlocation /static/ {\n root /srv;\n}\nlocation = /mcp {\n\
                     proxy_pass http://a;\n}\nlocation /api/ { proxy_pass http://a; }\nlocation ~ ^/v[12]/ {\n grpc_pass a;\n}";
    assert_eq!(read("nginx.conf", nginx), ["/mcp Whole", "/api/ Below", "^/v[12]/ Pattern"]);
    assert_eq!(
        read("Caddyfile", "handle /api/* {\n reverse_proxy a:1\n}\nreverse_proxy /x a:2"),
        ["/api/ Below", "/x Whole"]
    );
    assert_eq!(read("haproxy.cfg", "acl admin path_beg /admin\nacl one path /one"), ["/admin Below", "/one Whole"]);
}

#[test]
fn a_route_knows_the_endpoints_that_it_serves() {
    let route = |path: &str, extent| Route { method: None, path: path.into(), file: String::new(), line: 1, extent };
    assert!(route("/items/:id", Extent::Whole).serves("GET", "/items/7?x=1"));
    assert!(!route("/items/:id", Extent::Whole).serves("GET", "/api/items/7"));
    assert!(route("/items/:id", Extent::Mounted).serves("GET", "/api/items/7"));
    assert!(route("/api/", Extent::Below).serves("GET", "/api/items"));
    assert!(!route("/api", Extent::Below).serves("GET", "/apis"));
    assert_eq!(route("/items/<int:id>", Extent::Whole).askable().as_deref(), Some("/items/1"));
    assert_eq!(route("/x", Extent::Mounted).askable(), None);
}

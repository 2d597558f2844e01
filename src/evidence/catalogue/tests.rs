use super::*;

fn answer(path: &str, status: u16, body: &str) -> Answered {
    Answered { path: path.into(), status, headers: Vec::new(), body: body.into() }
}

#[test]
fn the_catalogue_can_be_read_and_every_row_is_sourced() {
    let products: Vec<Product> = serde_yaml::from_str(include_str!("../../../data/llm-services.yaml")).unwrap();
    assert!(products.len() >= 45, "{} products", products.len());
    for product in &products {
        assert!(!product.source.is_empty(), "{}", product.product);
        assert!(!product.identify.is_empty(), "{}", product.product);
        assert!(!product.usable.is_empty(), "{}", product.product);
        assert_ne!(product.confidence, Confidence::Unverified, "{}", product.product);
    }
    let names: BTreeSet<&str> = products.iter().map(|product| product.product.as_str()).collect();
    assert_eq!(names.len(), products.len());
}

#[test]
fn an_ollama_without_models_is_open() {
    let answers = [answer("/", 200, "Ollama is running"), answer("/api/tags", 200, "{\"models\":[]}")];
    let (product, access, shown) = judge(11434, &answers);
    assert_eq!((product.unwrap().product.as_str(), access), ("Ollama", Access::Open));
    assert_eq!(shown, "GET /api/tags: 200");
}

#[test]
fn a_proxy_that_asks_for_a_key_is_denied() {
    let mut answers = vec![
        answer("/", 401, ""),
        answer("/api/tags", 401, ""),
        answer("/v1/models", 403, ""),
        answer(NOWHERE, 401, ""),
    ];
    assert_eq!(judge(11434, &answers).1, Access::Denied);
    answers.push(answer("/api/version", 404, ""));
    assert_eq!(judge(11434, &answers).1, Access::Unclear, "a path past the guard");
}

#[test]
fn one_denied_path_beside_paths_that_are_not_there_is_no_guard() {
    for denied in ["/", "/metrics", "/info"] {
        let mut answers: Vec<Answered> = questions(1).iter().map(|(path, _)| answer(path, 404, "no")).collect();
        answers.iter_mut().filter(|answer| answer.path == denied).for_each(|answer| answer.status = 401);
        assert_eq!(judge(1, &answers).1, Access::Unclear, "{denied}");
    }
}

/// What the port answers to every question: `known` where the path is there, 404 elsewhere.
fn port(number: u16, known: &[(&str, u16, &str)]) -> Vec<Answered> {
    let found = |path: &str| known.iter().find(|(known, _, _)| *known == path);
    let answer_to = |path: &str| {
        found(path).map_or_else(|| answer(path, 404, "not found"), |(_, status, body)| answer(path, *status, body))
    };
    questions(number).iter().map(|(path, _)| answer_to(path)).collect()
}

#[test]
fn a_second_api_that_is_open_beside_a_guarded_one_is_open() {
    let models = "{\"object\":\"list\",\"data\":[{\"id\":\"llama3\"}]}";
    let mut known = vec![("/", 200, "Ollama is running"), ("/api/tags", 401, ""), ("/v1/models", 200, models)];
    let (product, access, shown) = judge(11434, &port(11434, &known));
    assert_eq!((product.unwrap().product.as_str(), access), ("Ollama", Access::Open));
    assert_eq!(shown, "GET /v1/models: 200");
    known[2] = ("/v1/models", 200, "something else");
    assert_eq!(judge(11434, &port(11434, &known)).1, Access::Unclear);
    known[2] = ("/v1/models", 401, "");
    assert_eq!(judge(11434, &port(11434, &known)).1, Access::Denied);
}

#[test]
fn a_vllm_with_a_key_is_open_where_its_other_paths_ask_for_none() {
    let refused = "{\"error\":{\"message\":\"Cannot find suitable handler for request. Expected one of: []\"}}";
    let mut known = vec![("/v1/models", 401, ""), ("/metrics", 200, "vllm:x 0"), ("POST /invocations", 400, refused)];
    assert_eq!(judge(8000, &port(8000, &known)).1, Access::Open);
    known[2].1 = 401;
    assert_eq!(judge(8000, &port(8000, &known)).1, Access::Denied);
}

#[test]
fn further_ways_into_a_guarded_product_are_tried() {
    let jupyter = [("/api/kernels", 403, ""), ("/api/terminals", 200, "[]")];
    let mut answers = port(8888, &jupyter);
    let tornado = ("server".to_owned(), "TornadoServer/6.5".to_owned());
    answers.push(Answered { headers: vec![tornado], ..answer("/api", 200, "{\"version\": \"2.21.1\"}") });
    answers.retain(|answer| answer.path != "/api" || answer.status == 200);
    assert_eq!(judge(8888, &answers).1, Access::Open);
    let mlflow = [
        ("/", 200, "<title>MLflow</title>"),
        ("/api/2.0/mlflow/experiments/search?max_results=1", 401, ""),
        ("/ajax-api/2.0/mlflow/experiments/search?max_results=1", 200, "{\"experiments\":[{\"artifact_location\":1}]}"),
    ];
    assert_eq!(judge(5000, &port(5000, &mlflow)).1, Access::Open);
    let comfy = [
        ("/", 200, "<title>ComfyUI"),
        ("/system_stats", 403, ""),
        ("/queue", 200, "{\"queue_running\":[],\"queue_pending\":[]}"),
    ];
    assert_eq!(judge(8188, &port(8188, &comfy)).1, Access::Open);
    let qdrant = [
        ("/", 200, "{\"title\":\"qdrant - vector search engine\"}"),
        ("/collections", 401, ""),
        ("/collections/watertight-nothing-is-here", 200, "{\"result\":{}}"),
    ];
    assert_eq!(judge(6333, &port(6333, &qdrant)).1, Access::Unclear);
}

#[test]
fn an_ollama_that_tells_its_version_only_is_said_as_that() {
    let known =
        [("/", 200, "Ollama is running"), ("/api/tags", 401, ""), ("/api/version", 200, "{\"version\":\"0.12\"}")];
    let (_, access, shown) = judge(11434, &port(11434, &known));
    assert_eq!((access, shown.as_str()), (Access::Denied, "GET /api/tags: 401; GET /api/version is public"));
}

#[test]
fn a_shop_with_tags_of_its_own_is_no_ollama() {
    for body in ["{\"models\":[{\"name\":\"T-shirt\",\"price\":3}]}", "{\"models\":[]}"] {
        let (product, access, _) = judge(80, &port(80, &[("/", 200, "<h1>Shop"), ("/api/tags", 200, body)]));
        assert_eq!((product.map(|product| product.product.as_str()), access), (None, Access::Unclear), "{body}");
    }
    let own = "{\"models\":[{\"name\":\"llama3:8b\",\"size\":1,\"digest\":\"ab\",\"details\":{}}]}";
    let (product, access, _) = judge(80, &port(80, &[("/", 200, "<h1>Shop"), ("/api/tags", 200, own)]));
    assert_eq!((product.unwrap().product.as_str(), access), ("Ollama", Access::Open));
}

#[test]
fn a_page_that_every_path_gets_is_no_open_door() {
    let page = "<title>Open WebUI</title>";
    let mut answers: Vec<Answered> = questions(8080).iter().map(|(path, _)| answer(path, 200, page)).collect();
    for answer in &mut answers {
        if answer.path.starts_with("POST ") {
            answer.status = 405;
        }
        if answer.path == "/api/config" {
            answer.body = "{\"name\":\"Open WebUI\",\"features\":{\"auth\":true}}".into();
        }
        if answer.path == "/api/models" {
            answer.status = 401;
        }
    }
    assert_eq!(judge(8080, &answers).1, Access::Denied);
}

#[test]
fn a_jupyter_with_a_token_is_denied_although_its_api_is_public() {
    let mut answers = vec![
        answer("/api", 200, "{\"version\": \"2.21.1\"}"),
        answer("/api/kernels", 403, "{\"message\": \"Forbidden\"}"),
        answer(NOWHERE, 404, ""),
    ];
    answers[0].headers.push(("server".into(), "TornadoServer/6.5".into()));
    let (product, access, _) = judge(8888, &answers);
    assert_eq!((product.unwrap().product.as_str(), access), ("Jupyter Server", Access::Denied));
    answers[1] = answer("/api/kernels", 200, "[]");
    assert_eq!(judge(8888, &answers).1, Access::Open);
}

#[test]
fn an_mcp_server_that_asks_for_a_token_is_named_and_a_proxy_before_everything_is_not() {
    let mut denied = answer("POST /mcp", 401, "");
    denied.headers.push(("www-authenticate".into(), "Bearer".into()));
    let answers = [answer("/", 404, "Not Found"), denied.clone(), answer(NOWHERE, 404, "Not Found")];
    let (product, access, _) = judge(8000, &answers);
    assert_eq!((product.unwrap().product.as_str(), access), ("MCP server", Access::Denied));
    let (product, access, _) = judge(8000, &[answer("/", 401, ""), denied, answer(NOWHERE, 401, "")]);
    assert_eq!((product.map(|product| product.product.as_str()), access), (None, Access::Denied));
}

#[test]
fn a_litellm_that_answers_500_is_neither_open_nor_denied() {
    let answers = [
        answer("/health/readiness", 200, "{\"status\":\"healthy\",\"db\":\"Not connected\"}"),
        answer("/v1/models", 500, "Internal Server Error"),
    ];
    let (product, access, _) = judge(4000, &answers);
    assert_eq!((product.unwrap().product.as_str(), access), ("LiteLLM proxy", Access::Unclear));
}

#[test]
fn a_web_page_is_nobody() {
    let answers = [answer("/", 200, "<h1>It works!</h1>"), answer("/v1/models", 404, "not found")];
    let (product, access, _) = judge(8080, &answers);
    assert!(product.is_none());
    assert_eq!(access, Access::Unclear);
}

#[test]
fn a_server_that_answers_200_to_everything_is_nobody() {
    let page = "<html><body>hello</body></html>";
    let answers: Vec<Answered> = questions(8080).iter().map(|(path, _)| answer(path, 200, page)).collect();
    assert!(judge(8080, &answers).0.is_none(), "{:?}", judge(8080, &answers));
}

#[test]
fn a_redirect_is_a_denial_only_where_it_asks_who_it_is() {
    for (location, expected) in [
        ("/login?next=%2F", true),
        ("https://id.example.com/oauth2/authorize?x=1", true),
        ("https://lessons.example.com/", false),
        ("https://login.example.com", false),
        ("/essay", false),
        ("https://mcp.example.com/app?from=login", false),
    ] {
        let mut redirect = answer("/", 302, "");
        redirect.headers.push(("location".into(), location.into()));
        assert_eq!(is_denial(&redirect), expected, "{location}");
    }
}

#[test]
fn a_denied_path_beside_one_that_broke_is_no_denial() {
    let mut answers = vec![
        answer("/", 200, "Ollama is running"),
        answer("/api/tags", 401, ""),
        answer("/v1/models", 502, "bad gateway"),
        answer(NOWHERE, 404, ""),
    ];
    assert_eq!(judge(11434, &answers).1, Access::Unclear);
    answers[2] = answer("/v1/models", 404, "");
    assert_eq!(judge(11434, &answers).1, Access::Denied);
}

#[test]
fn a_cdn_shows_in_its_headers() {
    assert!(edge(&[("cf-ray".into(), "8f0".into())]).is_some());
    assert!(edge(&[("server".into(), "nginx".into())]).is_none());
}

#[test]
fn a_slash_that_is_tidied_away_and_a_description_are_no_way_in() {
    let known = [("/config", 401, ""), ("/", 200, "window.gradio_config"), ("/openapi.json", 200, "{\"openapi\":1}")];
    let mut answers = port(7860, &known);
    let to = |location: &str| Answered {
        headers: vec![("location".into(), location.into())],
        ..answer("/api/jobs/", 302, "")
    };
    answers.retain(|answer| answer.path != "/api/jobs/");
    answers.push(to("/api/jobs"));
    assert_eq!(judge(7860, &answers).1, Access::Denied);
    answers.pop();
    answers.push(to("/elsewhere"));
    assert_eq!(judge(7860, &answers).1, Access::Unclear);
}

#[test]
fn a_firewall_that_blocks_everything_asks_for_no_credential() {
    let page = "<title>Attention Required! | Cloudflare</title>";
    for (root, status, body, expected) in [
        (403, 403, page, Access::Unclear),
        (200, 403, page, Access::Unclear),
        (403, 403, "<h1>403 Forbidden</h1>", Access::Unclear),
        (403, 403, "{\"message\": \"Forbidden\"}", Access::Denied),
        (401, 401, "<h1>401</h1>", Access::Denied),
    ] {
        let mut answers: Vec<Answered> = questions(11434).iter().map(|(path, _)| answer(path, status, body)).collect();
        if root == 200 {
            answers[0] = answer("/", 200, "Ollama is running");
        }
        assert_eq!(judge(11434, &answers).1, expected, "{root} {status} {body}");
    }
}

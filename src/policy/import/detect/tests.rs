use super::*;

#[test]
fn a_repository_proposes_its_target_and_never_a_value() {
    let value = ["made", "up", "value"].join("-");
    let sources = [
        (".env.example", format!("MCP_TOKEN={value}\nALLOWED_ORIGINS=https://app.example.test,*\n")),
        ("compose.yaml", "services:\n  llm:\n    image: ollama/ollama:0.5\n    ports:\n      - \"11434:11434\"\n".into()),
        ("deploy/nginx.conf", "limit_req_zone $binary_remote_addr zone=a:10m rate=30r/m;\nserver {\n  listen 443 ssl;\n  ssl_protocols TLSv1.2 TLSv1.3;\n  add_header Strict-Transport-Security \"max-age=31536000; includeSubDomains\" always;\n  server_name mcp.example.test;\n  location /mcp {\n  }\n}\n".into()),
        ("openapi.yaml", "openapi: 3.1.0\n".into()),
        ("package.json", "{\"dependencies\":{\n\"zod\": \"4\",\n\"@modelcontextprotocol/sdk\": \"1\"}}".into()),
    ];
    let sources: Vec<Source> = sources.into_iter().map(|(path, text)| Source { path: path.into(), text }).collect();
    assert!(sources.iter().all(|source| is_telling(&source.path)));
    let proposal = propose(".", &sources);
    let lines: Vec<&str> = proposal.lines.iter().map(|line| line.yaml.as_str()).collect();
    assert_eq!(
        lines,
        [
            "token: { env: MCP_TOKEN }",
            "origins: [https://app.example.test]",
            "hosts: [{ name: localhost, reach: loopback, ports: [11434] }]",
            "url: https://mcp.example.test",
            "endpoints: [/mcp]",
            "openapi: { file: openapi.yaml }",
        ]
    );
    assert!(!format!("{proposal:?}").contains(&value));
    let knobs: Vec<&str> = proposal.knobs.iter().map(|knob| knob.yaml.as_str()).collect();
    assert_eq!(
        knobs,
        [
            "rate-limit: { limit: 30, window: 60s }",
            "tls-version: { minimum: \"1.2\" }",
            "https-enforced: { hsts: 365d }"
        ]
    );
    // Each is a block that the check takes.
    for knob in &proposal.knobs {
        let text = format!("version: 1\ntargets: [{{ name: a, repository: . }}]\nchecks:\n  {}\n", knob.yaml);
        let written = crate::policy::file::Written {
            source: &text,
            file: "policy.yaml",
            directory: std::path::Path::new("/nonexistent"),
            trust: crate::policy::file::Trust::Full,
            today: chrono::NaiveDate::from_ymd_opt(2026, 11, 24).unwrap(),
        };
        assert!(crate::policy::file::read(&written).is_ok(), "{text}");
    }
}

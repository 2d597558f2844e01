//! Policies and what is said of them, side by side.

use super::*;
use crate::target::{Environment, OpenApi, Reach, Scope, TokenSource};

fn today() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 20).unwrap()
}

fn parsed(source: &str) -> Result<Policy, Faults> {
    read(&Written { source, file: "policy.yaml", directory: Path::new("conf"), trust: Trust::Full, today: today() })
}

fn refused(source: &str) -> String {
    parsed(source).unwrap_err().to_string()
}

const DESIGN: &str = r#"
version: 1
name: MCP server security policy
fingerprint-key: { env: WATERTIGHT_KEY }
targets:
  - name: production
    environment: production
    url: https://mcp.example.com
    authorised: { by: platform lead, until: 2027-03-31 }
    endpoints:
      - /mcp
      - GET /api/items
      - { path: /health, public: probed by the load balancer }
    openapi: /openapi.json
    token: { env: MCP_TOKEN, header: X-API-Key, disposable: true }
    client-cert: { cert: client.pem, key: client.key }
    headers: { X-Tenant: audit }
    proxy: http://proxy.example.com:3128
    resolve: { mcp.example.com: 192.0.2.7 }
    origins: [https://app.example.com]
    hosts: [{ name: mcp.example.com, reach: public, origin-addresses: [192.0.2.8] }, { name: local, reach: loopback }]
    tools: { allow: [search, { name: read_page, sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa }] }
    ca: certs/private-root.pem
    pins: ["sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="]
    logs: [{ file: /var/log/mcp/app.log }, { loki: { url: "http://127.0.0.1:3100", query: "{app=\"mcp\"}" } }]
    writes: deny
    repository: .
    burst: 40
    max-requests: 500
    max-denied: 20
    stop-on: { 5xx: 3, latency: 5s }
    never: [/admin]
    public: [{ path: /version, reason: shown on the status page }]
    costly: [/api/report]
checks:
  audit-schedule: { max-age: 40d }
rotations:
  - { name: MCP_TOKEN, environment: production, on: 2026-10-02, fingerprint: "0a1b2c3d:00112233445566778899aabbccddeeff" }
waivers:
  - { check: disclosure-channel, target: production, until: 2027-01-31, owner: platform, reason: "old page, ticket SEC-12" }
attestations:
  - { check: audit-schedule, by: security lead, on: 2026-11-01, until: 2027-02-01, statement: quarterly review held }
"#;

#[test]
fn the_policy_of_the_design_is_read_as_meant() {
    let policy = parsed(DESIGN).unwrap_or_else(|faults| panic!("{faults}"));
    let target = &policy.targets[0];
    let deployment = target.deployment.as_ref().unwrap();
    assert_eq!((target.environment, target.scope), (Environment::Production, Scope::Both));
    let endpoints: Vec<String> = deployment.endpoints.iter().map(ToString::to_string).collect();
    assert_eq!(endpoints, ["GET /mcp", "GET /api/items", "GET /health", "GET /version"]);
    assert_eq!(deployment.endpoints[2].public.as_deref(), Some("probed by the load balancer"));
    assert_eq!(deployment.openapi, Some(OpenApi::Path("/openapi.json".into())));
    assert_eq!(deployment.token.as_ref().unwrap().source, TokenSource::Env("MCP_TOKEN".into()));
    assert!(deployment.token.as_ref().unwrap().disposable);
    // Relative paths are relative to the policy's own directory.
    assert_eq!(deployment.ca.as_deref(), Some(Path::new("conf/certs/private-root.pem")));
    assert_eq!(deployment.hosts[0].reach, Reach::Public);
    assert_eq!(deployment.limits.stop_on_errors, 3);
    assert_eq!(target.checks["audit-schedule"], serde_json::json!({ "max-age": "40d" }));
    assert_eq!(policy.lines["audit-schedule"], 36);
    assert_eq!(policy.waivers[0].line, Some(40));
    assert!(policy.source.trusted && policy.source.withheld.is_empty());
}

#[test]
fn every_fault_of_meaning_is_shown_at_once_with_line_column_and_caret() {
    let source =
        "version: 1\ntargets:\n  - name: a\n    url: https://a.test/mcp\n    enviroment: staging\n    writes: maybe\n";
    assert_eq!(
        refused(source),
        "policy.yaml:4:10: the deployment's URL goes below the origin\n   |\n 4 |     url: https://a.test/mcp\n   |          \
         ^^^^^^^^^^^^^^^^^^ https://a.test here, and the path under `endpoints:`\n\
         policy.yaml:5:5: unknown key `enviroment` in a target\n   |\n 5 |     enviroment …\n   |     ^^^^^^^^^^ did you mean `environment`?\n\
         policy.yaml:6:13: `maybe` is not a word on writes\n   |\n 6 |     writes: maybe\n   |             ^^^^^ one of deny, allow\n\
         the policy has 3 faults"
    );
}

/// One policy, and what must be said of it: position, fact, remedy.
#[test]
fn each_class_of_fault_has_its_own_words() {
    let target = |line: &str| format!("version: 1\ntargets:\n- name: a\n  url: https://a.test\n  {line}\n");
    let waiver = |fields: &str| {
        format!(
            "version: 1\nchecks: {{ audit-schedule: {{ waivable: false }} }}\ntargets: [{{ name: a, repository: . }}]\nwaivers:\n- {{ {fields} }}\n"
        )
    };
    let mut wrong = Vec::new();
    let good = "check: disclosure-channel, target: a, until: 2027-01-31, owner: o, reason: r";
    for (source, position, fact, right) in [
        (String::new(), "policy.yaml:", "empty", "version: 1"),
        ("version: 2".into(), ":1:10:", "version of the policy format", "`version: 1`"),
        ("name: x".into(), "policy.yaml:", "`version` is missing", "begin with"),
        ("version: 1\nname: [".into(), ":3:1:", "not YAML", ""),
        ("version: 1\nname: a\nname: b".into(), ":3:1:", "the key `name` stands here a second time", "line 2"),
        ("version: 1\nname: !x a".into(), ":2:", "tags", "leave the tag out"),
        ("version: 1\n---\nversion: 1".into(), ":2:1:", "second document", "one document"),
        ("- 1".into(), ":1:1:", "a list stands where the policy is expected", "version"),
        ("version: 1\ntargets: {}".into(), ":2:10:", "a mapping stands where a list of targets", "give a list"),
        (target("environment: prod"), ":5:16:", "`prod` is not an environment", "production"),
        (target("token: hunter2hunter2"), ":5:10:", "a token must not stand in the policy", "{ env: NAME }"),
        (target("token: { env: a-b }"), ":5:17:", "not the name of an environment variable", "MCP_TOKEN"),
        (target("token: { env: A, file: b }"), ":5:10:", "one source of the token", "command"),
        (target("token: { value: hunter2hunter2 }"), ":5:12:", "unknown key `value` in the token", "known here"),
        (target("headers: { Authorization: hunter2hunter2 }"), ":5:29:", "carries a credential", "`token:`"),
        (target("proxy: http://u:hunter2@p.test"), ":5:10:", "a user or a password", "leave them out"),
        (target("endpoints: [api]"), ":5:15:", "does not begin with one `/`", "GET /path"),
        (target("endpoints: [FETCH /a]"), ":5:15:", "does not begin with an HTTP method", "GET /path"),
        (target("endpoints: [/a, /a]"), ":5:19:", "listed twice", "leave one out"),
        (target("endpoints: [{ path: /a, public: true }]"), ":5:35:", "needs its reason", "load balancer"),
        (target("origins: ['*']"), ":5:13:", "a wildcard is no authorised origin", "[]"),
        (target("origins: [https://a.test/]"), ":5:13:", "not an origin as browsers send it", "`https://a.test`"),
        (target("pins: [abc]"), ":5:10:", "not a pin", "base64"),
        (target("hosts: [{ name: a, reach: world }]"), ":5:29:", "`world` is not a reach", "loopback"),
        (target("resolve: { a.test: here }"), ":5:22:", "not an IP address", ""),
        (target("authorised: { by: me }"), ":5:15:", "no `until`", "YYYY-MM-DD"),
        (target("authorised: { by: me, until: soon }"), ":5:32:", "not a date", "2027-03-31"),
        (target("openapi: https://b.test/openapi.json"), ":5:12:", "widen the target", "a path on the target"),
        (target("logs: [{ file: a, journald: b }]"), ":5:10:", "one source", "journald"),
        (target("burst: many"), ":5:10:", "not a number of requests", ""),
        (target("checks: { audit-shedule: {} }"), ":5:13:", "no check `audit-shedule`", "did you mean `audit-schedule`?"),
        (target("checks: { audit-schedule: { max-age: 90 } }"), ":5:40:", "max-age", "the default is"),
        (target("checks: { audit-schedule: { maxage: 90d } }"), ":5:31:", "unknown key `maxage`", "did you mean `max-age`?"),
        ("version: 1\ntargets: [{ name: a }]".into(), ":2:11:", "neither `url` nor `repository`", "add one"),
        ("version: 1\ntargets: [{ name: a, repository: ., token: { env: A } }]".into(), ":2:37:", "needs a deployment", "`url:`"),
        (waiver("check: disclosure-channel, target: a, until: 2027-01-31, reason: r"), ":5:3:", "no `owner`", "who answers"),
        (waiver("check: disclosure-channel, target: a, until: 2027-01-31, owner: o"), ":5:3:", "no `reason`", "why"),
        (waiver("check: disclosure-channel, target: a, owner: o, reason: r"), ":5:3:", "no `until`", "the day"),
        (waiver(&good.replace("2027-01-31", "2029-01-31")), ":5:50:", "longer than 180 days", "2027-05-19 at the latest"),
        (waiver(&good.replace("disclosure-channel", "disclosure")), ":5:12:", "no check `disclosure`", ""),
        (waiver(&good.replace("disclosure-channel", "audit-schedule")), ":5:12:", "cannot be waived", "mend"),
        (waiver(&good.replace("target: a", "target: b")), ":5:40:", "no target `b`", "the policy has a"),
        (waiver(&format!("{good}, covers: all")), ":5:", "`all` is not what a waiver can cover", "fail, inconclusive, any"),
        (
            "version: 1\nattestations: [{ check: disclosure-channel, by: b, on: 2026-01-01, until: 2027-01-01, statement: s }]".into(),
            ":2:25:",
            "nobody's word decides it",
            "audit-schedule",
        ),
        (
            "version: 1\nrotations: [{ name: A, environment: production, on: 2026-01-01, fingerprint: hunter2hunter2 }]".into(),
            ":2:78:",
            "not a keyed fingerprint",
            "KEYID:HEX",
        ),
        (target("token: hunter2hunter2\n  burst: many"), ":6:10:", "not a number", ""),
        ("version: 1\ntargets: [{ name: a, token: hunter2hunter2, url: 'x y', secret: hunter2hunter2 }]".into(), ":2:50:", "URL", ""),
        ("version: 1\nfingerprint-key: hunter2hunter2".into(), ":2:18:", "a literal key", "{ env: NAME }"),
    ] {
        let said = refused(&source);
        for expected in [position, fact, right] {
            if !said.contains(expected) {
                wrong.push(format!("{source}\nsays {said}\nnot `{expected}`"));
            }
        }
        if said.contains("hunter2") {
            wrong.push(format!("a literal secret is repeated: {said}"));
        }
        if !position.starts_with("policy") && !said.contains('^') {
            wrong.push(format!("no caret: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn a_structural_fault_stands_alone() {
    let said = refused("version: 1\nname: a\nname: b\nunknown: c\n");
    assert_eq!(
        said,
        "policy.yaml:3:1: the key `name` stands here a second time\n   |\n 3 | name …\n   | ^^^^ the first one is on line 2\nthe policy has 1 fault"
    );
}

#[test]
fn an_alias_bomb_and_a_huge_file_are_refused() {
    let mut bomb = String::from("version: 1\na: &a [x,x,x,x,x,x,x,x,x,x]\n");
    for (next, last) in ["b", "c", "d", "e", "f", "g", "h"].iter().zip(["a", "b", "c", "d", "e", "f", "g"]) {
        let aliases = vec![format!("*{last}"); 10].join(",");
        bomb.extend([next, ": &", next, " [", &aliases, "]\n"]);
    }
    assert!(refused(&bomb).contains("grows beyond 50000 values"));
    assert!(refused(&"#".repeat(256 * 1024 + 1)).contains("at most 262144 bytes"));
    let deep = refused(&format!("version: 1\nname: {}", "[".repeat(5000)));
    assert!(deep.contains("nested too deeply"), "{}", deep.chars().take(300).collect::<String>());
}

#[test]
fn an_alias_repeats_a_value() {
    let policy = parsed("version: 1\nchecks: { audit-schedule: &a { max-age: 40d } }\ntargets: [{ name: a, repository: ., checks: { audit-schedule: *a } }]").unwrap();
    assert_eq!(policy.targets[0].checks["audit-schedule"], serde_json::json!({ "max-age": "40d" }));
}

#[test]
fn a_targets_knobs_override_the_policys_one_by_one() {
    let policy = parsed(
        "version: 1\nchecks: { audit-schedule: { max-age: 40d, runs: 3 } }\ntargets: [{ name: a, repository: ., checks: { audit-schedule: { runs: 5 } } }]",
    )
    .unwrap();
    assert_eq!(policy.targets[0].checks["audit-schedule"], serde_json::json!({ "max-age": "40d", "runs": 5 }));
}

#[test]
fn a_found_policy_gets_no_credential_runs_nothing_and_reads_nothing_outside() {
    let root = tempfile::tempdir().unwrap();
    let source = "version: 1\nfingerprint-key: { env: KEY }\ntargets:\n- name: a\n  url: https://a.test\n  authorised: { by: me, until: 2027-01-01 }\n  token: { command: [sh, -c, 'touch owned'] }\n  ca: /etc/ssl/certs/x.pem\n  logs: [{ file: /etc/passwd }, { command: [id] }]\n  writes: allow\n  repository: /\nrotations: /etc/passwd\n";
    let policy = read(&Written {
        source,
        file: "policy.yaml",
        directory: root.path(),
        trust: Trust::Found { root: root.path().to_owned() },
        today: today(),
    })
    .unwrap();
    let deployment = policy.targets[0].deployment.as_ref().unwrap();
    assert!(!policy.source.trusted);
    assert!(deployment.token.is_none() && deployment.authorised.is_none() && deployment.ca.is_none());
    assert!(deployment.logs.is_empty() && policy.targets[0].repository.is_none() && policy.rotations.is_empty());
    assert_eq!(deployment.writes, crate::target::Writes::Deny);
    assert_eq!(policy.fingerprint_key, FingerprintKey::Ephemeral);
    assert_eq!(policy.source.withheld.len(), 9, "{:#?}", policy.source.withheld);
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated_by_the_fault_that_refuses_it() {
    let token = ["gh", "p_", "q7Zk2Lw9Xc4Vb8Nm1Td5Rf3Hs6Jp0Gy2Au4E"].concat();
    let shown = refused(&format!("version: 1\ntargets: [{{ name: a, environment: {token}, {token}: 1 }}]"));
    assert!(!shown.contains(&token) && shown.contains("environment"), "{shown}");
}

#[test]
fn nobodys_word_holds_for_longer_than_a_year_unless_the_policy_says_so() {
    let policy = |until: &str, more: &str| {
        parsed(&format!(
            "version: 1\n{more}attestations: [{{ check: audit-schedule, by: b, on: 2026-11-01, until: {until}, statement: s }}]"
        ))
    };
    assert!(policy("2027-11-01", "").is_ok());
    assert!(policy("2105-11-01", "").unwrap_err().to_string().contains("holds for 28854 days"));
    assert!(policy("2028-11-01", "max-waiver-days: 800\n").is_ok());
}

#[test]
fn the_shipped_policy_and_the_designs_fit_the_published_schema() {
    let schema = super::super::schema::schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for source in [super::super::shipped::TEXT, DESIGN] {
        let document = yaml::parse(source, "policy.yaml").unwrap().json();
        let faults: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{faults:#?}");
    }
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_knows() {
    let schema = super::super::schema::schema();
    let keys = |pointer: &str| {
        let mut keys: Vec<String> = schema.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    for (pointer, known) in [
        ("/properties", &KEYS[..]),
        ("/$defs/target/properties", &deployment::KEYS[..]),
        ("/properties/waivers/items/properties", &waiver::KEYS[..]),
        ("/properties/attestations/items/properties", &attestation::KEYS[..]),
        ("/properties/rotations/anyOf/1/items/properties", &register::ROTATION_KEYS[..]),
        ("/properties/incidents/anyOf/1/items/properties", &register::INCIDENT_KEYS[..]),
    ] {
        let mut known: Vec<String> = known.iter().map(ToString::to_string).collect();
        known.sort();
        assert_eq!(keys(pointer), known, "{pointer}");
    }
}

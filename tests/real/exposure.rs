//! What answers without a credential is named, in each state of each service; nothing else is accused.
//!
//! The services come from PyPI and npm and are heavy: `tests/run --all` installs and runs them. The MCP server of the
//! other tests and a host that drops packets are looked at in every run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::{Audit, Server, folder, free_port, node, write};

/// What the audit must say of a service.
#[derive(Clone, Copy)]
enum State {
    /// It can be used by anybody: a finding that begins with the product's name.
    Open(&'static str),
    /// It asks for a credential: a ground that names the product.
    Denied(&'static str),
    /// It is recognised, and breaks where it should deny.
    Broken(&'static str),
}

#[test]
fn the_reference_mcp_server_is_open() {
    let folder = folder();
    let port = free_port();
    let script = node("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let log = folder.path().join("node.log");
    let _server = Server::start("node", &[&script, "streamableHttp"], &[("PORT", &port.to_string())], &log, &[port]);
    judged(folder.path(), port, State::Open("MCP server"));
}

#[test]
fn an_nginx_that_asks_for_a_password_is_not_accused_and_what_stands_open_beside_it_is() {
    let folder = folder();
    let path = folder.path();
    let (open, guarded) = (free_port(), free_port());
    let script = node("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    let log = path.join("node.log");
    let _server = Server::start("node", &[&script, "streamableHttp"], &[("PORT", &open.to_string())], &log, &[open]);
    // The password's hash is a made-up one: nobody logs in here.
    let users = write(path, "users", "audit:{PLAIN}nobody-logs-in-here\n");
    let _nginx = crate::harness::Nginx::start(
        path,
        &format!(
            "server {{ listen 127.0.0.1:{guarded}; auth_basic closed; auth_basic_user_file {};\n\
             location / {{ proxy_pass http://127.0.0.1:{open}; }} }}",
            users.display()
        ),
        &[guarded],
    );
    let audit = look(path, &[guarded]);
    assert_eq!(audit.findings("llm-ports"), "");
    assert!(said(&audit, "grounds").contains("asks for a credential"), "{}", said(&audit, "grounds"));
    let audit = look(path, &[open, guarded]);
    assert!(
        audit.findings("llm-ports").contains("MCP server, bound to every address, can be used without a credential"),
        "{:#}",
        audit.result("llm-ports")
    );
    assert_eq!(audit.findings("llm-ports").lines().count(), 1);
}

#[test]
fn ports_that_drop_packets_are_waited_for_once_and_once_more() {
    let folder = folder();
    let path = folder.path();
    policy(path, &[]);
    let rules = write(
        path,
        "rules.nft",
        "table inet filter {\n  chain input {\n    type filter hook input priority 0; policy accept;\n    \
         tcp dport { 11434, 8000, 8080, 7860, 8188, 5000, 8265, 6333 } drop\n  }\n}\n",
    );
    let report = path.join("report.json");
    let script = format!(
        "ip link set lo up && nft -f {} || exit 99; date +%s%N; {} audit --policy {} --check llm-ports --scope deployment \
         --format json={}; date +%s%N",
        rules.display(),
        env!("CARGO_BIN_EXE_watertight"),
        path.join("audit.yaml").display(),
        report.display(),
    );
    let output = Command::new("unshare")
        .args(["--net", "bash", "-c", &script])
        .env_clear()
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .env("HOME", path)
        .output();
    let output = match output {
        Ok(output) if output.status.code() != Some(99) && !output.stdout.is_empty() => output,
        Ok(output) => {
            println!("skipped: no network namespace with nftables here: {}", String::from_utf8_lossy(&output.stderr));
            return;
        }
        Err(error) => {
            println!("skipped: no `unshare` here: {error}");
            return;
        }
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let times: Vec<i64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    if let [begun, ended] = times[..] {
        println!("the catalogue's ports, 8 of them silent: {} ms", (ended - begun) / 1_000_000);
    }
    let report = std::fs::read_to_string(&report).expect("a report");
    assert!(report.contains("8 filtered beside them"), "{report}");
}

#[test]
#[ignore = "installs services from PyPI and npm: tests/run --all"]
fn services_are_named_in_each_of_their_states() {
    let token = made_up();
    let litellm = "model_list:\n  - model_name: none\n    litellm_params: { model: openai/none, api_key: none, \
                   api_base: \"http://127.0.0.1:9/v1\" }\n";
    let key = format!("sk-{token}");
    type Case<'a> = (&'a str, State, Vec<String>, Vec<(&'a str, String)>);
    let port = |port: u16| port.to_string();
    let start: &dyn Fn(u16, &Path) -> Vec<Case<'_>> = &|at, folder| {
        let inspector = services().join("node_modules/@modelcontextprotocol/inspector-server/build/index.js");
        let script = |name: &str| services().join(name).to_string_lossy().into_owned();
        let jupyter = |extra: &[&str]| {
            let mut argv: Vec<String> =
                ["jupyter", "server", "--allow-root", "--no-browser", "--ip=127.0.0.1"].map(str::to_owned).to_vec();
            argv.push(format!("--port={at}"));
            argv.extend(extra.iter().map(|&argument| argument.to_owned()));
            argv
        };
        let argv = |line: String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let at = port(at);
        vec![
            (
                "fastmcp",
                State::Open("MCP server"),
                vec!["python".into(), script("mcp_server.py")],
                vec![("PORT", at.clone())],
            ),
            (
                "fastmcp with a token",
                State::Denied("MCP server"),
                vec!["python".into(), script("mcp_server.py")],
                vec![("PORT", at.clone()), ("TOKEN", token.clone())],
            ),
            (
                "Jupyter without a token",
                State::Open("Jupyter Server"),
                jupyter(&["--IdentityProvider.token=", "--ServerApp.password="]),
                vec![],
            ),
            (
                "Jupyter with a token",
                State::Denied("Jupyter Server"),
                jupyter(&[]),
                vec![("JUPYTER_TOKEN", token.clone())],
            ),
            (
                "MLflow",
                State::Open("MLflow"),
                argv(format!(
                    "mlflow server --host 127.0.0.1 --port {at} --workers 1 --backend-store-uri sqlite:///{}/m.db \
                     --default-artifact-root {}",
                    folder.display(),
                    folder.display()
                )),
                vec![("MLFLOW_DISABLE_TELEMETRY", "true".into())],
            ),
            (
                "Chroma",
                State::Open("Chroma"),
                argv(format!("chroma run --host 127.0.0.1 --port {at} --path {}", folder.display())),
                vec![],
            ),
            (
                "Gradio",
                State::Open("Gradio app"),
                vec!["python".into(), script("gradio_app.py")],
                vec![("PORT", at.clone())],
            ),
            (
                "Gradio with a login",
                State::Denied("Gradio app"),
                vec!["python".into(), script("gradio_app.py")],
                vec![("PORT", at.clone()), ("PASSWORD", token.clone())],
            ),
            (
                "LiteLLM with a key and no database",
                State::Broken("LiteLLM proxy"),
                argv(format!(
                    "litellm --config {} --host 127.0.0.1 --port {at} --telemetry False",
                    write(folder, "litellm.yaml", litellm).display()
                )),
                vec![("LITELLM_MASTER_KEY", key.clone())],
            ),
            (
                "MCP Inspector",
                State::Denied("MCP Inspector"),
                vec!["node".into(), inspector.to_string_lossy().into_owned()],
                vec![("HOST", "127.0.0.1".into()), ("PORT", at.clone())],
            ),
        ]
    };
    let nowhere = folder();
    for case in 0..start(0, nowhere.path()).len() {
        let folder = folder();
        let at = free_port();
        let (name, state, argv, environment) = start(at, folder.path()).swap_remove(case);
        println!("{name}");
        let _server = service(folder.path(), &argv, &environment, at);
        judged(folder.path(), at, state);
    }
}

/// Starts a service in an empty environment: it neither reports home nor fetches price lists.
fn service(folder: &Path, argv: &[String], environment: &[(&str, String)], port: u16) -> Server {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/venv-services/bin");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());
    let home = folder.to_string_lossy().into_owned();
    let quiet = [
        ("PATH", path.as_str()),
        ("HOME", home.as_str()),
        ("DO_NOT_TRACK", "1"),
        ("ANONYMIZED_TELEMETRY", "False"),
        ("GRADIO_ANALYTICS_ENABLED", "False"),
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
        ("NO_PROXY", "*"),
    ];
    let environment: Vec<(&str, &str)> =
        quiet.into_iter().chain(environment.iter().map(|(name, value)| (*name, value.as_str()))).collect();
    let program = if argv[0] == "node" { PathBuf::from("node") } else { programs.join(&argv[0]) };
    let arguments: Vec<&str> = argv[1..].iter().map(String::as_str).collect();
    Server::start(&program.to_string_lossy(), &arguments, &environment, &folder.join("service.log"), &[port])
}

#[track_caller]
fn judged(folder: &Path, port: u16, state: State) {
    let audit = look(folder, &[port]);
    let findings = audit.findings("llm-ports");
    match state {
        State::Open(product) => {
            // The reference server listens on every address, and the finding says so.
            let heads = ["", ", bound to every address,"].map(|wide| format!("{product}{wide} can be used without"));
            assert!(
                heads.iter().any(|head| findings.contains(head.as_str())),
                "{findings}{:#}",
                audit.result("llm-ports")
            );
            assert_eq!(findings.lines().count(), 1, "{findings}");
        }
        State::Denied(product) => {
            assert_eq!(findings, "");
            let grounds = said(&audit, "grounds");
            assert!(
                grounds.contains(&format!("{product} asks for a credential")),
                "{grounds}{}",
                said(&audit, "unseen")
            );
        }
        State::Broken(product) => {
            assert_eq!(findings, "");
            let unseen = said(&audit, "unseen");
            assert!(unseen.contains(&format!("{product}, neither open nor denied")), "{unseen}");
        }
    }
}

fn look(folder: &Path, ports: &[u16]) -> Audit {
    let policy = policy(folder, ports);
    let arguments = ["--policy", &policy.to_string_lossy(), "--check", "llm-ports", "--scope", "deployment"];
    Audit::run(folder, &arguments, &[])
}

/// A deployment that is not there, and a host whose ports are the services'.
fn policy(folder: &Path, ports: &[u16]) -> PathBuf {
    let nowhere = free_port();
    let ports = if ports.is_empty() { String::new() } else { format!(", ports: {ports:?}") };
    write(
        folder,
        "audit.yaml",
        &format!(
            "version: 1\nname: exposure\ntargets:\n  - name: host\n    environment: production\n    \
             url: http://127.0.0.1:{nowhere}\n    hosts: [{{ name: 127.0.0.1, reach: none{ports} }}]\n"
        ),
    )
}

fn said(audit: &Audit, what: &str) -> String {
    let lines = audit.result("llm-ports")[what].as_array().cloned().unwrap_or_default();
    lines.iter().map(|line| format!("{}\n", line.as_str().unwrap_or_default())).collect()
}

fn services() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/services")
}

/// A token of this run.
fn made_up() -> String {
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock").as_nanos();
    format!("{seed:032x}{:016x}", seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16)
}

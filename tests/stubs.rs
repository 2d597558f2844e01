//! Every product of the catalogue is named rightly in each of its states, and nothing else is accused: by stubs that answer
//! what the products' documentation says they answer (`tests/stubs/services.yaml`). What runs here for real is in tests/real.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up must stop")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::thread;

use serde::Deserialize;
use watertight::evidence::catalogue::{self, Access, Answered};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Stub {
    product: String,
    source: String,
    /// Other products whose fingerprint it bears, and why.
    #[serde(default)]
    also: BTreeMap<String, String>,
    /// On every answer.
    #[serde(default)]
    headers: BTreeMap<String, String>,
    open: BTreeMap<String, Said>,
    key: Key,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Key {
    /// The word `proxy`.
    Proxy(String),
    Own(BTreeMap<String, Said>),
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Said {
    Flag(bool),
    Body(String),
    Whole {
        #[serde(default = "ok")]
        status: u16,
        #[serde(default)]
        body: String,
        #[serde(default)]
        headers: BTreeMap<String, String>,
    },
}

fn ok() -> u16 {
    200
}

/// One stub in one state: what it answers, and what must be said of it.
struct State {
    name: String,
    product: String,
    also: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    paths: BTreeMap<String, Said>,
    /// Whether the answers name the product.
    named: bool,
    access: Access,
}

impl State {
    fn answer(&self, path: &str) -> Answered {
        let said = self.paths.get(path).or_else(|| self.paths.get("else"));
        let mut headers: Vec<(String, String)> = self.headers.clone().into_iter().collect();
        let (status, body) = match said {
            None | Some(Said::Flag(_)) => (404, "not found".to_owned()),
            Some(Said::Body(body)) => (200, body.clone()),
            Some(Said::Whole { status, body, headers: further }) => {
                headers.extend(further.clone());
                (*status, body.clone())
            }
        };
        Answered { path: path.into(), status, headers, body }
    }

    fn answers(&self, port: u16) -> Vec<Answered> {
        catalogue::questions(port).iter().map(|(path, _)| self.answer(path)).collect()
    }
}

fn stubs() -> Vec<Stub> {
    serde_yaml::from_str(include_str!("stubs/services.yaml")).unwrap()
}

fn states() -> Vec<State> {
    stubs().iter().flat_map(states_of).collect()
}

fn states_of(stub: &Stub) -> Vec<State> {
    let state = |name: &str, paths: BTreeMap<String, Said>, named: bool, access: Access| State {
        name: format!("{} ({name})", stub.product),
        product: stub.product.clone(),
        also: stub.also.clone(),
        headers: stub.headers.clone(),
        paths,
        named,
        access,
    };
    let denied = Said::Whole { status: 401, body: "Unauthorized".into(), headers: BTreeMap::new() };
    let key = match &stub.key {
        Key::Proxy(word) => {
            assert_eq!(word, "proxy", "{}", stub.product);
            state("key", BTreeMap::from([("else".to_owned(), denied)]), false, Access::Denied)
        }
        Key::Own(paths) => {
            let named = !matches!(paths.get("named"), Some(Said::Flag(false)));
            // A denial beside paths that are not there, from nobody known: what is used may stand elsewhere.
            let told = named || paths.contains_key("else");
            state("key", paths.clone(), named, if told { Access::Denied } else { Access::Unclear })
        }
    };
    // Broken where it should answer or deny: what is public still names it, where that is another path.
    let broken = Said::Whole { status: 500, body: "Internal Server Error".into(), headers: BTreeMap::new() };
    let product = catalogue::product(&stub.product).unwrap();
    let mut paths = stub.open.clone();
    let alike = stub.also.keys().filter_map(|other| catalogue::product(other));
    for mark in alike.chain([product]).flat_map(|product| &product.usable) {
        paths.insert(mark.path.clone(), broken.clone());
    }
    // The list of models of everything that is like OpenAI's server would still be open.
    paths.entry("/v1/models".into()).and_modify(|models| *models = broken.clone());
    let error = state("error", paths, false, Access::Unclear);
    vec![state("open", stub.open.clone(), true, Access::Open), key, error]
}

#[test]
fn every_row_of_the_catalogue_has_its_stub_and_every_stub_its_source() {
    let stubs = stubs();
    let named: Vec<&str> = stubs.iter().map(|stub| stub.product.as_str()).collect();
    for product in catalogue::products() {
        assert!(named.contains(&product.product.as_str()), "{} has no stub", product.product);
    }
    assert_eq!(stubs.len(), catalogue::products().len());
    assert!(stubs.iter().all(|stub| stub.source.len() > 10));
}

#[test]
fn every_stub_is_named_rightly_in_each_state_on_its_own_port_and_on_a_foreign_one() {
    let mut wrong = Vec::new();
    for state in states() {
        let product = catalogue::product(&state.product).unwrap();
        for port in product.ports.iter().copied().chain([39_999]) {
            let (named, access, shown) = catalogue::judge(port, &state.answers(port));
            let named = named.map(|product| product.product.as_str());
            // In the state of error, being named is welcome and not demanded.
            let right = match (state.access, named) {
                (Access::Unclear, None) => true,
                (Access::Unclear, Some(named)) => named == state.product || state.also.contains_key(named),
                (_, Some(named)) => named == state.product,
                (_, None) => !state.named,
            };
            if !right || access != state.access {
                wrong.push(format!("{} on {port}: {named:?}, {access:?} ({shown})", state.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn no_stub_bears_the_fingerprint_of_another_product() {
    let general = "OpenAI-compatible server";
    let mut wrong = Vec::new();
    for state in states() {
        let answers = state.answers(39_999);
        for other in catalogue::products().iter().filter(|other| other.product != state.product) {
            let bears = other.identify.iter().any(|mark| answers.iter().any(|answer| mark.is_in(answer)));
            if bears && other.product != general && !state.also.contains_key(&other.product) {
                wrong.push(format!("{} bears the fingerprint of {}", state.name, other.product));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let (states, products) = (states().len(), catalogue::products().len());
    println!("{states} states against {products} fingerprints: each bears its own and no other");
}

/// The same over real sockets, judged by the binary: twelve services on an address, none on its own port.
#[test]
fn the_binary_says_the_same_over_the_wire() {
    let states: Vec<Arc<State>> = states().into_iter().map(Arc::new).collect();
    let mut wrong = Vec::new();
    let served: Vec<(SocketAddr, &Arc<State>)> =
        states.iter().enumerate().map(|(index, state)| (serve(index / 12, state.clone()), state)).collect();
    let report = audit(&served.iter().map(|(address, _)| *address).collect::<Vec<_>>());
    for (address, state) in &served {
        let place = address.to_string();
        let product = if state.named { state.product.as_str() } else { "" };
        let (list, phrase) = match state.access {
            Access::Open => ("findings", "can be used without a credential"),
            Access::Denied => ("grounds", "asks for a credential"),
            Access::Unclear => ("unseen", "is open:"),
        };
        let said = |list: &str| -> Vec<String> {
            let lines = report[list].as_array().unwrap().iter().map(serde_json::Value::to_string);
            lines.filter(|line| line.contains(&place)).collect()
        };
        let lines = said(list);
        let found = said("findings").len();
        let right = lines.len() == 1 && lines[0].contains(phrase) && lines[0].contains(product);
        if !right || found != usize::from(state.access == Access::Open) {
            wrong.push(format!("{}: {lines:?} {:?} {:?}", state.name, said("findings"), said("unseen")));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// On an address of its own for every dozen: an audit asks only so much of one address.
fn serve(dozen: usize, state: Arc<State>) -> SocketAddr {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 9, u8::try_from(dozen).unwrap() + 1], 0))).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let state = state.clone();
            thread::spawn(move || reply(stream, &state));
        }
    });
    address
}

fn reply(mut stream: TcpStream, state: &State) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        reader.read_exact(&mut vec![0; length.unwrap_or(0)])?;
        let mut words = head.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let answer = state.answer(&if method == "GET" { path.to_owned() } else { format!("{method} {path}") });
        let headers: String = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (status, body) = (answer.status, answer.body);
        write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n{body}", body.len())?;
    }
}

/// What `llm-ports` says of these ports, which no one may reach.
fn audit(addresses: &[SocketAddr]) -> serde_json::Value {
    let mut hosts: BTreeMap<IpAddr, Vec<u16>> = BTreeMap::new();
    for address in addresses {
        hosts.entry(address.ip()).or_default().push(address.port());
    }
    let hosts: String = hosts
        .iter()
        .map(|(address, ports)| format!("      - {{ name: {address}, reach: none, ports: {ports:?} }}\n"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let policy = format!(
        "version: 1\nname: stubs\ntargets:\n  - name: host\n    environment: production\n    url: http://127.0.0.1:1\n    \
         hosts:\n{hosts}"
    );
    std::fs::write(folder.path().join("audit.yaml"), policy).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_watertight"))
        .args(["audit", "--policy", "audit.yaml", "--check", "llm-ports", "--scope", "deployment", "--no-history"])
        .args(["--format", "json=report.json"])
        .current_dir(folder.path())
        .env_clear()
        .env("HOME", folder.path())
        .output()
        .unwrap();
    let report = std::fs::read_to_string(folder.path().join("report.json"))
        .unwrap_or_else(|error| panic!("no report ({error}): {}", String::from_utf8_lossy(&output.stderr)));
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let results = report["results"].as_array().unwrap();
    results.iter().find(|result| result["check"] == "llm-ports").unwrap().clone()
}

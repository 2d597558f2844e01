//! Compose files: which services publish an LLM server's port, and on which address.

use std::sync::LazyLock;

use regex::Regex;
use serde_yaml::Value;

use super::yaml::{at, documents, port, scalars, text};
use super::{Beside, File, base, lines, yaml};
use crate::evidence::catalogue::{self, Auth, Product};
use crate::evidence::manifest::{Mark, Weight};
use crate::target::Reach;

pub(super) fn is(name: &str) -> bool {
    let base = base(name).to_lowercase();
    let stem = base.split('.').next().unwrap_or_default();
    yaml::is(name) && (base.contains("compose") || stem == "stack" || stem.ends_with("-stack"))
}

/// Whether a YAML file of another name reads like a Compose file: services at the top, with an image or a build.
pub(super) fn speaks(text: &str) -> bool {
    text.lines().any(|line| line.trim_end() == "services:" || line.starts_with("services: {"))
        && ["image", "build"].iter().any(|word| text.contains(&format!("{word}:")))
        && !text.lines().any(|line| line.starts_with("apiVersion:"))
}

/// The names that `docker compose` reads without being told to.
const DEFAULTS: &[&str] = &["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
/// Steps of `extends` that are followed.
const STEPS: u32 = 8;

/// What the services publish. A file that adds to the default one of its folder is read on top of it, as
/// `docker compose -f` does.
pub(super) fn marks_beside(file: &File<'_>, beside: Beside<'_>) -> Result<Vec<Mark>, String> {
    let folder = file.name.strip_suffix(file.base()).unwrap_or_default();
    let default = (is(file.name) && !DEFAULTS.contains(&file.base()))
        .then(|| DEFAULTS.iter().find_map(|name| beside(&format!("{folder}{name}"))))
        .flatten()
        .and_then(|text| merged(&text).ok())
        .and_then(|documents| documents.into_iter().next());
    let mut marks = Vec::new();
    for document in merged(file.text)? {
        let Some(Value::Mapping(services)) = document.get("services") else { continue };
        for (name, service) in services {
            let Some(name) = text(name) else { continue };
            let from = file.line_of(&format!("{name}:"), 1).unwrap_or(1);
            let extended = match extended(&document, service, folder, beside, STEPS) {
                Ok(extended) => extended,
                Err(why) => {
                    let what = format!("the service {name} extends {why}");
                    marks.push(file.mark(Some(from), Weight::Unread, "published", what));
                    service.clone()
                }
            };
            let below = default.as_ref().and_then(|default| at(default, &["services", &name]));
            let own =
                service_marks(file, &name, &below.map_or_else(|| extended.clone(), |below| over(below, &extended)));
            // What the default file says by itself is told there.
            let told: Vec<Mark> = below.map(|below| service_marks(file, &name, below)).unwrap_or_default();
            marks.extend(own.into_iter().filter(|own| {
                !told.iter().any(|told| (&told.what, told.weight, &told.aspect) == (&own.what, own.weight, &own.aspect))
            }));
        }
    }
    Ok(marks)
}

/// The documents with `<<` merged.
fn merged(text: &str) -> Result<Vec<Value>, String> {
    let mut documents = documents(text)?;
    for document in &mut documents {
        document.apply_merge().map_err(|error| error.to_string())?;
    }
    Ok(documents)
}

/// The service on top of those that it extends, in this file or another.
fn extended(document: &Value, service: &Value, folder: &str, beside: Beside<'_>, steps: u32) -> Result<Value, String> {
    let Some(extends) = service.get("extends") else { return Ok(service.clone()) };
    let name = text(extends).or_else(|| yaml::text_at(extends, &["service"])).unwrap_or_default();
    if steps == 0 {
        return Err(format!("{name}, after {STEPS} steps of others"));
    }
    let (other, folder) = match yaml::text_at(extends, &["file"]) {
        None => (document.clone(), folder.to_owned()),
        Some(written) => {
            let path = format!("{folder}{}", written.trim_start_matches("./"));
            let inside = !written.starts_with('/') && !written.split('/').any(|part| part == "..");
            let text = Some(&path).filter(|_| inside).and_then(|path| beside(path));
            let text = text.ok_or_else(|| format!("{name} of {written}, which was not read"))?;
            let other = merged(&text).map_err(|why| format!("{name} of {written}: {why}"))?.into_iter().next();
            (other.unwrap_or_default(), path.strip_suffix(base(&path)).unwrap_or_default().to_owned())
        }
    };
    let below = at(&other, &["services", &name]).ok_or_else(|| format!("{name}, which is not there"))?;
    Ok(over(&extended(&other, below, &folder, beside, steps - 1)?, service))
}

/// One service on top of another: mappings are merged, lists joined, all else replaced.
fn over(below: &Value, above: &Value) -> Value {
    match (below, above) {
        (Value::Mapping(below), Value::Mapping(above)) => {
            let mut all = below.clone();
            for (key, value) in above {
                let joined = all.get(key).map_or_else(|| value.clone(), |below| over(below, value));
                all.insert(key.clone(), joined);
            }
            Value::Mapping(all)
        }
        (Value::Sequence(below), Value::Sequence(above)) => Value::Sequence([below.as_slice(), above].concat()),
        (_, above) => above.clone(),
    }
}

/// Servers whose image listens on every address unless told otherwise, so that the host's network publishes them:
/// Ollama's Dockerfile sets `OLLAMA_HOST=0.0.0.0:11434`, vLLM's `--host` is empty by default (every address), and
/// Qdrant's config.yaml has `host: 0.0.0.0`.
pub(super) const WIDE_BY_DEFAULT: &[&str] = &["Ollama", "vLLM", "Qdrant"];

static NARROW: LazyLock<Regex> = LazyLock::new(|| {
    #[expect(clippy::unwrap_used, reason = "a constant pattern; a test uses it")]
    Regex::new(
        r#"(?:\b(?:OLLAMA_HOST|QDRANT__SERVICE__HOST|VLLM_HOST)["']?|--host)[=:\s]\s*["']?(?:https?://)?(?:127\.|localhost|\[?::1)"#,
    )
    .unwrap()
});

/// The weight of a server that shares its host's network.
pub(super) fn weigh_on_host(product: &Product, settings: &[String]) -> Weight {
    let all = settings.join(" ");
    let wide = all.contains("0.0.0.0") || WIDE_BY_DEFAULT.contains(&product.product.as_str());
    if wide && !NARROW.is_match(&all) { weigh(product, settings) } else { Weight::Note }
}

fn service_marks(file: &File<'_>, name: &str, service: &Value) -> Vec<Mark> {
    let from = file.line_of(&format!("{name}:"), 1).unwrap_or(1);
    let image = yaml::text_at(service, &["image"]).unwrap_or_default();
    let by_image = by_image(&image);
    let mut settings = Vec::new();
    for key in ["environment", "command", "entrypoint"] {
        if let Some(value) = service.get(key) {
            scalars(value, &mut settings);
        }
    }
    let mut marks = Vec::new();
    let host_network = yaml::text_at(service, &["network_mode"]).as_deref() == Some("host");
    if let Some(product) = by_image.filter(|_| host_network) {
        let line = file.line_of("network_mode", from);
        let what =
            format!("the service {name} ({}) shares the host's network, so its own bind decides", product.product);
        marks.push(file.published(line, weigh_on_host(product, &settings), Reach::Private, what));
    }
    for setting in &settings {
        let line = file.line_of(setting.split('=').next().unwrap_or_default(), from);
        marks.extend(lines::switches(file, line, setting));
    }
    for entry in at(service, &["ports"]).and_then(Value::as_sequence).into_iter().flatten() {
        let Some(published) = Published::read(entry) else { continue };
        let Some(product) = by_image.or_else(|| published.telling_port()) else { continue };
        let reach = published.reach();
        if reach <= Reach::Loopback {
            continue;
        }
        let line = published.line(file, from);
        let what = format!(
            "the service {name} publishes {} on {}{}",
            product.product,
            published.shown_address(),
            published.host.as_deref().map(|port| format!(", port {port}")).unwrap_or_default(),
        );
        marks.push(file.published(line, weigh(product, &settings), reach, what));
    }
    marks
}

/// A product that asks for a credential, by itself or as set, is worth a note; one that does not is a fault.
pub(super) fn weigh(product: &Product, settings: &[String]) -> Weight {
    let words: Vec<String> = settings.iter().flat_map(|setting| words(setting)).collect();
    let guarded = product.guards.iter().any(|guard| guards(guard, &words));
    match product.auth {
        Auth::None if !guarded => Weight::Fault,
        Auth::None | Auth::Key | Auth::Login => Weight::Note,
    }
}

/// A setting as a shell splits it, without quotes and comments; an empty value stays a word.
fn words(setting: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in setting.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => return words,
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (Some(_) | None, _) => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    if words.is_empty() {
        words.push(String::new());
    }
    // `sh -c "vllm serve --api-key x"` is one word of many.
    words
        .into_iter()
        .flat_map(|word| if word.trim().contains(' ') && word != setting { self::words(&word) } else { vec![word] })
        .collect()
}

/// Whether one of the words sets this guard to something.
fn guards(guard: &str, words: &[String]) -> bool {
    words.iter().enumerate().any(|(at, word)| {
        let next = words.get(at + 1).map(String::as_str);
        let word = word.trim_start_matches("--env=").trim_start_matches(['[', '{']).trim_end_matches(',');
        let flag = guard.starts_with('-');
        match word.strip_prefix(guard) {
            // A variable without a value, or with that of whoever starts it, is none that is seen.
            Some("") if flag => next.is_some_and(|value| !value.starts_with("--") && is_given(value)),
            Some("") => guard.contains('-'),
            Some(":") => next.is_some_and(is_given),
            Some(rest) => rest.strip_prefix('=').is_some_and(is_given),
            // A Kubernetes variable.
            None if word.strip_prefix("name=") == Some(guard) => {
                next.is_some_and(|next| next == "valueFrom" || next.strip_prefix("value=").is_some_and(is_given))
            }
            None => false,
        }
    })
}

/// Whether a value turns something on: not empty, also where its variable is unset and has a default.
fn is_given(value: &str) -> bool {
    let value = value.trim_matches(['"', '\'', ' ', '\\', ',', ']']);
    let defaulted = value.contains("${") && value.contains('-');
    let value = if defaulted { expanded(value) } else { value.to_owned() };
    let value = value.trim_matches(['"', '\'']).to_lowercase();
    !["", "false", "0", "no", "off", "null", "none", "~"].contains(&value.as_str())
}

pub(super) fn by_image(image: &str) -> Option<&'static Product> {
    let image = image.to_lowercase();
    if image.is_empty() {
        return None;
    }
    let known =
        catalogue::products().iter().find(|product| product.images.iter().any(|part| image.contains(part.as_str())));
    // An image of one's own registry is called as the product is: `registry.example.com/team/ollama:1`. `ollama-webui`
    // is another program.
    let own = base(&image).split([':', '@']).next().unwrap_or_default();
    known.or_else(|| by_name(&[own]).filter(|_| own.chars().all(char::is_alphanumeric)))
}

/// By a product's name as a whole word in a name or a label.
pub(super) fn by_name(names: &[&str]) -> Option<&'static Product> {
    let words: Vec<String> = names
        .iter()
        .flat_map(|name| name.split(|character: char| !character.is_ascii_alphanumeric()))
        .map(str::to_lowercase)
        .collect();
    catalogue::products().iter().find(|product| {
        let own = product.product.to_lowercase();
        // Names of three letters that are words or first names ("ray", "jan") name too much.
        own.len() > 3 && words.contains(&own)
    })
}

/// One entry of `ports:`, in the short or the long form of the Compose specification.
pub(super) struct Published {
    address: Option<String>,
    host: Option<String>,
    /// The first and the last.
    container: Option<(u16, u16)>,
    /// As written, to find its line.
    written: String,
}

impl Published {
    fn read(entry: &Value) -> Option<Self> {
        match entry {
            Value::Mapping(_) => {
                let host = yaml::text_at(entry, &["published"]).map(|port| expanded(&port));
                Some(Self {
                    address: yaml::text_at(entry, &["host_ip"]).map(|address| expanded(&address)),
                    container: yaml::text_at(entry, &["target"]).and_then(|port| range(&expanded(&port))),
                    written: host.clone().unwrap_or_default(),
                    host,
                })
            }
            _ => Self::short(&text(entry)?),
        }
    }

    /// `[ADDRESS:][HOST:]CONTAINER[/protocol]`, ranges and variables with defaults included.
    pub(super) fn short(written: &str) -> Option<Self> {
        let plain = expanded(written);
        let plain = plain.split('/').next()?;
        let (rest, container) = plain.rsplit_once(':').unwrap_or(("", plain));
        let container = range(container);
        let (address, host) = match rest.rsplit_once(':') {
            Some((address, host)) => (Some(address.trim_matches(['[', ']']).to_owned()), host),
            None => (None, rest),
        };
        let host = (!host.is_empty()).then(|| host.to_owned());
        Some(Self { address, host, container, written: written.to_owned() })
    }

    /// Without an address the port is open on every one; without a host port too, on a port that Docker picks.
    pub(super) fn reach(&self) -> Reach {
        match self.address.as_deref().map(str::parse::<std::net::IpAddr>) {
            Some(Ok(address)) if address.is_loopback() => Reach::Loopback,
            // A variable without a default: whoever starts it decides.
            Some(Err(_)) if self.address.as_deref() == Some("localhost") => Reach::Loopback,
            Some(Ok(_) | Err(_)) | None => Reach::Private,
        }
    }

    pub(super) fn shown_address(&self) -> &str {
        self.address.as_deref().filter(|address| !address.is_empty()).unwrap_or("every address")
    }

    /// The product that one of the container's ports names.
    fn telling_port(&self) -> Option<&'static Product> {
        let (first, last) = self.container?;
        (first..=last).find_map(catalogue::by_telling_port)
    }

    fn line(&self, file: &File<'_>, from: u32) -> Option<u32> {
        let ports = file.line_of("ports", from).unwrap_or(from);
        file.line_of(&self.written, ports).or(Some(ports))
    }
}

/// `11434` or `11430-11440`.
fn range(ports: &str) -> Option<(u16, u16)> {
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    Some((port(first)?, port(last)?))
}

/// `${NAME:-default}` and `${NAME-default}` as Compose expands them where the variable is unset.
fn expanded(written: &str) -> String {
    let mut out = String::new();
    let mut rest = written;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let Some((inner, tail)) = after.split_once('}') else {
            out.push_str(after);
            return out;
        };
        let default = inner.split_once(":-").or_else(|| inner.split_once('-')).map_or("", |(_, default)| default);
        out.push_str(default);
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Mark> {
        marks_beside(&File { name: "compose.yaml", text }, &|_| None).unwrap()
    }

    fn ollama(ports: &str) -> Vec<Mark> {
        read(&format!("services:\n  llm:\n    image: ollama/ollama:0.12\n    ports:\n      - {ports}\n"))
    }

    #[test]
    fn every_form_that_publishes_on_every_address_is_a_fault() {
        for form in [
            "11434:11434",
            "\"0.0.0.0:11434:11434\"",
            "\"[::]:11434:11434\"",
            "\"${BIND:-0.0.0.0}:11434:11434\"",
            "\"11434\"",
            "{ target: 11434, published: 11434 }",
            "11000-11010:11434-11444/tcp",
        ] {
            let marks = ollama(form);
            assert_eq!(marks.len(), 1, "{form}");
            assert_eq!(
                (marks[0].weight, marks[0].line, marks[0].reach),
                (Weight::Fault, Some(5), Some(Reach::Private)),
                "{form}"
            );
        }
    }

    #[test]
    fn loopback_is_no_fault() {
        for form in [
            "\"127.0.0.1:11434:11434\"",
            "\"${BIND:-127.0.0.1}:11434:11434\"",
            "\"[::1]:11434:11434\"",
            "{ target: 11434, published: 11434, host_ip: 127.0.0.1 }",
        ] {
            assert_eq!(ollama(form), [], "{form}");
        }
    }

    #[test]
    fn images_of_ones_own_registry_ranges_and_settings_are_seen() {
        let own =
            read("services:\n  llm:\n    image: registry.example.com/team/ollama:1\n    ports: [\"11434:11434\"]\n");
        assert_eq!(own[0].weight, Weight::Fault);
        let range = read("services:\n  llm:\n    build: .\n    ports: [\"11430-11440:11430-11440\"]\n");
        assert_eq!(range[0].weight, Weight::Fault);
        for environment in ["[\"OLLAMA_ORIGINS=*\"]", "{ OLLAMA_ORIGINS: \"*\" }"] {
            let any = read(&format!("services:\n  llm:\n    build: .\n    environment: {environment}\n"));
            assert_eq!((any[0].aspect.as_str(), any[0].line), ("any-origin", Some(4)), "{environment}");
        }
        let jupyter =
            "services:\n  j:\n    image: jupyter/base-notebook\n    command: start-notebook.sh --ServerApp.token=''\n";
        assert_eq!(read(jupyter)[0].aspect, "authentication-off");
    }

    #[test]
    fn anchors_extended_services_and_overriding_tags_are_followed() {
        for text in [
            "x-o: &o\n  image: ollama/ollama\n  ports: [\"11434:11434\"]\nservices:\n  a:\n    <<: *o\n",
            "services:\n  base:\n    image: vllm/vllm-openai\n  a:\n    extends: {service: base}\n    ports: [\"8000:8000\"]\n",
            "services:\n  a:\n    image: ollama/ollama\n    ports: !override\n      - \"11434:11434\"\n",
        ] {
            let marks = read(text);
            assert!(marks.iter().any(|mark| mark.weight == Weight::Fault), "{text}: {marks:?}");
        }
    }

    #[test]
    fn the_hosts_network_publishes_what_listens_everywhere_by_default() {
        let host = |rest: &str| read(&format!("services:\n  a:\n    network_mode: host\n    {rest}\n"))[0].weight;
        for image in ["ollama/ollama", "vllm/vllm-openai", "qdrant/qdrant"] {
            assert_eq!(host(&format!("image: {image}")), Weight::Fault, "{image}");
        }
        assert_eq!(host("image: ollama/ollama\n    environment: [\"OLLAMA_HOST=127.0.0.1\"]"), Weight::Note);
        assert_eq!(host("image: vllm/vllm-openai\n    command: [\"--host\", \"127.0.0.1\"]"), Weight::Note);
        assert_eq!(host("image: vllm/vllm-openai\n    command: [\"--api-key\", \"$KEY\"]"), Weight::Note);
        for name in WIDE_BY_DEFAULT {
            assert!(catalogue::products().iter().any(|product| product.product == *name), "{name}");
        }
    }

    #[test]
    fn a_key_that_is_empty_or_anothers_is_no_guard() {
        let weight = |image: &str, rest: &str| {
            read(&format!("services:\n  a:\n    image: {image}\n    ports: [\"8000:8000\"]\n    {rest}\n"))[0].weight
        };
        for (image, rest) in [
            ("localai/localai", "environment: {OPENAI_API_KEY: sk}"),
            ("localai/localai", "environment: {DISABLE_API_KEY: \"true\"}"),
            ("vllm/vllm-openai", "environment: [\"VLLM_API_KEY=${VLLM_API_KEY:-}\"]"),
            ("vllm/vllm-openai", "environment: [\"VLLM_API_KEY=''\"]"),
            ("vllm/vllm-openai", "environment: {VLLM_API_KEY: \"\"}"),
            ("vllm/vllm-openai", "command: [\"--api-key\", \"\"]"),
            ("vllm/vllm-openai", "command: --model m --api-key ''"),
            ("vllm/vllm-openai", "command: --model m # --api-key x"),
            ("qdrant/qdrant", "environment: {QDRANT__SERVICE__API_KEY: }"),
        ] {
            assert_eq!(weight(image, rest), Weight::Fault, "{rest}");
        }
        for (image, rest) in [
            ("localai/localai", "environment: {API_KEY: sk}"),
            ("vllm/vllm-openai", "environment: [\"VLLM_API_KEY=${VLLM_API_KEY:?}\"]"),
            ("vllm/vllm-openai", "environment: [\"VLLM_API_KEY=${VLLM_API_KEY}\"]"),
            ("vllm/vllm-openai", "command: sh -c \"vllm serve m --api-key $$KEY\""),
            ("vllm/vllm-openai", "command: [\"--api-key=x\"]"),
            ("qdrant/qdrant", "environment: {QDRANT__SERVICE__API_KEY: \"${K:-x}\"}"),
        ] {
            assert_eq!(weight(image, rest), Weight::Note, "{rest}");
        }
    }

    #[test]
    fn a_key_makes_it_a_note_and_a_web_server_is_nothing() {
        let guarded = read(
            "services:\n  v:\n    image: vllm/vllm-openai\n    command: --api-key ${KEY}\n    ports: [\"8000:8000\"]\n",
        );
        assert_eq!(guarded[0].weight, Weight::Note);
        assert_eq!(read("services:\n  web:\n    image: nginx\n    ports: [\"80:80\", \"8080:8080\"]\n"), []);
    }
}

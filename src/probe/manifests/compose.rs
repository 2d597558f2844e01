//! Compose files: which services publish an LLM server's port, and on which address.

use serde_yaml::Value;

use super::yaml::{at, documents, port, scalars, text};
use super::{File, base, lines, yaml};
use crate::evidence::catalogue::{self, Auth, Product};
use crate::evidence::manifest::{Mark, Weight};
use crate::target::Reach;

pub(super) fn is(name: &str) -> bool {
    let base = base(name).to_lowercase();
    yaml::is(name) && (base.starts_with("compose.") || base.starts_with("docker-compose") || base.contains("compose"))
}

pub(super) fn marks(file: &File<'_>) -> Result<Vec<Mark>, String> {
    let mut marks = Vec::new();
    for document in documents(file.text)? {
        let Some(Value::Mapping(services)) = document.get("services") else { continue };
        for (name, service) in services {
            if let Some(name) = text(name) {
                marks.extend(service_marks(file, &name, service));
            }
        }
    }
    Ok(marks)
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
        let wide = settings.iter().any(|setting| setting.contains("0.0.0.0"));
        let weight = if wide { weigh(product, &settings) } else { Weight::Note };
        marks.push(file.published(line, weight, Reach::Private, what));
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
    let guarded = product.guards.iter().any(|guard| {
        settings.iter().any(|setting| {
            let setting = setting.trim();
            setting.contains(guard.as_str()) && !setting.ends_with(&format!("{guard}=")) && !setting.ends_with("=false")
        })
    });
    match product.auth {
        Auth::None if !guarded => Weight::Fault,
        Auth::None | Auth::Key | Auth::Login => Weight::Note,
    }
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
        marks(&File { name: "compose.yaml", text }).unwrap()
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
    fn a_key_makes_it_a_note_and_a_web_server_is_nothing() {
        let guarded = read(
            "services:\n  v:\n    image: vllm/vllm-openai\n    command: --api-key ${KEY}\n    ports: [\"8000:8000\"]\n",
        );
        assert_eq!(guarded[0].weight, Weight::Note);
        assert_eq!(read("services:\n  web:\n    image: nginx\n    ports: [\"80:80\", \"8080:8080\"]\n"), []);
    }
}

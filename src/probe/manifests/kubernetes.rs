//! Kubernetes manifests, Helm values and CloudFormation: LLM servers that leave the cluster.

use serde_yaml::Value;

use super::compose::{by_image, by_name, weigh};
use super::yaml::{at, documents, port, scalars, text_at};
use super::{File, base, lines};
use crate::evidence::catalogue;
use crate::evidence::manifest::{Mark, Weight};
use crate::target::Reach;

/// `None` where the file is no manifest of these kinds.
pub(super) fn marks(file: &File<'_>) -> Result<Option<Vec<Mark>>, String> {
    let helm = base(file.name).to_lowercase().starts_with("values");
    let likely = ["apiVersion:", "AWSTemplateFormatVersion", "AWS::"].iter().any(|word| file.text.contains(word));
    if !helm && !likely {
        return Ok(None);
    }
    let mut marks = Vec::new();
    let documents = match documents(file.text) {
        Ok(documents) => documents,
        Err(why) => {
            let (read, unread) = apart(file);
            // A template is no YAML before it is rendered; one that speaks of no LLM server is none's.
            if !unread.is_empty() && !file.text.contains("{{") {
                return Err(why);
            }
            marks.extend(unread);
            read
        }
    };
    for document in &documents {
        if helm {
            values(file, document, &mut marks);
        } else {
            object(file, document, &mut marks);
        }
    }
    Ok(Some(marks))
}

/// What can publish a server, by its kind.
const PUBLISHING: &[&str] = &[
    "Service",
    "Ingress",
    "List",
    "Pod",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "Job",
    "CronJob",
    "ReplicaSet",
    "IngressRoute",
    "IngressRouteTCP",
    "HTTPRoute",
    "TCPRoute",
    "Route",
];

/// The documents of a file that does not parse as a whole, each for itself, and a mark for each that cannot be read
/// and may publish an LLM server.
fn apart(file: &File<'_>) -> (Vec<Value>, Vec<Mark>) {
    let (mut read, mut unread) = (Vec::new(), Vec::new());
    let mut parts = vec![(1u32, String::new())];
    for (number, line) in (1u32..).zip(file.text.lines()) {
        match parts.last_mut() {
            Some((_, part)) if !line.starts_with("---") => {
                part.push_str(line);
                part.push('\n');
            }
            _ => parts.push((number + 1, String::new())),
        }
    }
    for (line, part) in parts {
        match documents(&part) {
            Ok(documents) => read.extend(documents),
            Err(why) => {
                let publishes = part.lines().filter_map(|line| line.trim().strip_prefix("kind:")).any(|kind| {
                    let kind = kind.trim().trim_matches(['"', '\'']);
                    kind.contains("{{") || PUBLISHING.contains(&kind)
                });
                let template = part.contains("{{");
                if !template || (publishes && tells(&part, file.name)) {
                    let what = if template { "a template, which is no YAML before it is rendered".into() } else { why };
                    unread.push(file.mark(Some(line), Weight::Unread, "published", what));
                }
            }
        }
    }
    (read, unread)
}

/// Whether a text, or the name of its file, speaks of an LLM server: an image, a port that is one product's own, a name.
fn tells(text: &str, name: &str) -> bool {
    let lower = text.to_lowercase();
    let image =
        catalogue::products().iter().any(|product| product.images.iter().any(|part| lower.contains(part.as_str())));
    let number = |word: &str| word.parse().ok().and_then(catalogue::by_telling_port).is_some();
    image || by_name(&[text, name]).is_some() || text.split(|sign: char| !sign.is_ascii_digit()).any(number)
}

fn object(file: &File<'_>, document: &Value, marks: &mut Vec<Mark>) {
    let name = text_at(document, &["metadata", "name"]).unwrap_or_default();
    let from = file.line_of(&format!("name: {name}"), 1).unwrap_or(1);
    match text_at(document, &["kind"]).as_deref() {
        Some("Service") => service(file, document, &name, from, marks),
        Some("Ingress") => ingress(file, document, &name, from, marks),
        Some("List") => {
            for item in at(document, &["items"]).and_then(Value::as_sequence).into_iter().flatten() {
                object(file, item, marks);
            }
        }
        Some("Pod") => pod(file, document.get("spec"), &name, from, marks),
        Some("Deployment" | "StatefulSet" | "DaemonSet" | "Job" | "ReplicaSet") => {
            pod(file, at(document, &["spec", "template", "spec"]), &name, from, marks);
        }
        Some(_) => {}
        None => security_groups(file, document, marks),
    }
}

fn service(file: &File<'_>, document: &Value, name: &str, from: u32, marks: &mut Vec<Mark>) {
    let kind = text_at(document, &["spec", "type"]).unwrap_or_default();
    let external = at(document, &["spec", "externalIPs"]).is_some();
    let reach = match kind.as_str() {
        "LoadBalancer" => Reach::Public,
        "NodePort" => Reach::Private,
        _ if external => Reach::Public,
        _ => return,
    };
    let annotations = at(document, &["metadata", "annotations"]).map(written).unwrap_or_default().to_lowercase();
    let reach = if annotations.contains("internal") { Reach::Private } else { reach };
    for entry in at(document, &["spec", "ports"]).and_then(Value::as_sequence).into_iter().flatten() {
        let ports = ["targetPort", "port"].into_iter().filter_map(|key| text_at(entry, &[key])?.parse::<u16>().ok());
        let selector = at(document, &["spec", "selector"]).map(written).unwrap_or_default();
        if let Some(product) =
            ports.into_iter().find_map(catalogue::by_telling_port).or_else(|| by_name(&[name, &selector]))
        {
            let line = file.line_of(&kind, from).or(Some(from));
            let what = format!("the service {name} offers {} outside the cluster ({kind})", product.product);
            marks.push(file.published(line, weigh(product, &[]), reach, what));
            return;
        }
    }
}

fn ingress(file: &File<'_>, document: &Value, name: &str, from: u32, marks: &mut Vec<Mark>) {
    let annotations = at(document, &["metadata", "annotations"]).map(written).unwrap_or_default();
    let guarded =
        ["auth-url", "auth-type", "auth-signin", "auth-tls", "oauth2", "forward-auth", "forwardauth", "middlewares"]
            .iter()
            .any(|word| annotations.to_lowercase().contains(word));
    let mut backends = Vec::new();
    if let Some(spec) = document.get("spec") {
        scalars(spec, &mut backends);
    }
    let product = backends.iter().find_map(|setting| {
        let (key, value) = setting.split_once('=')?;
        match key {
            "name" | "serviceName" => by_name(&[value]),
            "number" | "servicePort" => port(value).and_then(catalogue::by_telling_port),
            _ => None,
        }
    });
    if let Some(product) = product {
        let (weight, how) = if guarded { (Weight::Note, "behind") } else { (weigh(product, &[]), "without") };
        let what = format!("the ingress {name} offers {} {how} authentication at the ingress", product.product);
        marks.push(file.published(Some(from), weight, Reach::Public, what));
    }
}

fn pod(file: &File<'_>, spec: Option<&Value>, name: &str, from: u32, marks: &mut Vec<Mark>) {
    let Some(spec) = spec else { return };
    let host_network = text_at(spec, &["hostNetwork"]).as_deref() == Some("true");
    for container in at(spec, &["containers"]).and_then(Value::as_sequence).into_iter().flatten() {
        for variable in at(container, &["env"]).and_then(Value::as_sequence).into_iter().flatten() {
            if let (Some(name), Some(value)) = (text_at(variable, &["name"]), text_at(variable, &["value"])) {
                marks.extend(lines::switches(file, file.line_of(&name, from), &format!("{name}={value}")));
            }
        }
        let Some(product) = by_image(&text_at(container, &["image"]).unwrap_or_default()) else { continue };
        let mut settings = Vec::new();
        for key in ["env", "args", "command"] {
            if let Some(value) = container.get(key) {
                scalars(value, &mut settings);
            }
        }
        let host_port = at(container, &["ports"])
            .and_then(Value::as_sequence)
            .into_iter()
            .flatten()
            .any(|port| port.get("hostPort").is_some());
        if host_port || host_network {
            let word = if host_port { "hostPort" } else { "hostNetwork" };
            let what = format!("{name} puts {} on the node's own addresses ({word})", product.product);
            let line = file.line_of(word, from).or(Some(from));
            marks.push(file.published(line, weigh(product, &settings), Reach::Private, what));
        }
    }
}

/// A chart's values: a service type that leaves the cluster beside an LLM server's image or port.
fn values(file: &File<'_>, value: &Value, marks: &mut Vec<Mark>) {
    let Value::Mapping(mapping) = value else { return };
    if let Some(kind) = text_at(value, &["service", "type"]).filter(|kind| kind == "LoadBalancer" || kind == "NodePort")
    {
        let image = text_at(value, &["image", "repository"]).or_else(|| text_at(value, &["image"])).unwrap_or_default();
        let port = text_at(value, &["service", "port"]).and_then(|text| port(&text));
        let product =
            by_image(&image).or_else(|| port.and_then(catalogue::by_telling_port)).or_else(|| by_name(&[file.name]));
        if let Some(product) = product {
            let mut settings = Vec::new();
            scalars(value, &mut settings);
            let reach = if kind == "LoadBalancer" { Reach::Public } else { Reach::Private };
            let what = format!("the chart's values offer {} outside the cluster ({kind})", product.product);
            marks.push(file.published(file.line_of(&kind, 1), weigh(product, &settings), reach, what));
        }
    }
    for (_, below) in mapping {
        values(file, below, marks);
    }
}

/// CloudFormation: an ingress rule from anywhere to an LLM server's port.
fn security_groups(file: &File<'_>, value: &Value, marks: &mut Vec<Mark>) {
    match value {
        Value::Mapping(mapping) => {
            let cidr = text_at(value, &["CidrIp"]).or_else(|| text_at(value, &["CidrIpv6"]));
            let ports = ["FromPort", "ToPort"].map(|key| text_at(value, &[key]).and_then(|text| port(&text)));
            if let (Some("0.0.0.0/0" | "::/0"), [Some(low), Some(high)]) = (cidr.as_deref(), ports) {
                let line = file.line_of(&format!("FromPort: {low}"), 1);
                marks.extend(super::terraform::opened(file, line, low, high));
            }
            mapping.iter().for_each(|(_, below)| security_groups(file, below, marks));
        }
        Value::Sequence(items) => items.iter().for_each(|item| security_groups(file, item, marks)),
        Value::Tagged(tagged) => security_groups(file, &tagged.value, marks),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn written(value: &Value) -> String {
    let mut all = Vec::new();
    scalars(value, &mut all);
    all.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<Mark> {
        marks(&File { name, text }).unwrap().unwrap()
    }

    #[test]
    fn a_load_balancer_before_ollama_is_a_fault_and_a_cluster_service_is_not() {
        let service = |kind: &str| {
            format!(
                "apiVersion: v1\nkind: Service\nmetadata:\n  name: llm\nspec:\n  type: {kind}\n  ports:\n    - port: 80\n      targetPort: 11434\n"
            )
        };
        let marks = read("svc.yaml", &service("LoadBalancer"));
        assert_eq!((marks[0].weight, marks[0].reach, marks[0].line), (Weight::Fault, Some(Reach::Public), Some(6)));
        assert_eq!(read("svc.yaml", &service("NodePort"))[0].reach, Some(Reach::Private));
        assert_eq!(read("svc.yaml", &service("ClusterIP")), []);
    }

    #[test]
    fn an_ingress_with_authentication_is_a_note() {
        let ingress = |annotation: &str| {
            format!(
                "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: i\n  annotations:\n    {annotation}\nspec:\n  rules:\n    - http:\n        paths:\n          - backend:\n              service:\n                name: ollama\n                port:\n                  number: 11434\n"
            )
        };
        assert_eq!(read("i.yaml", &ingress("a: b"))[0].weight, Weight::Fault);
        assert_eq!(read("i.yaml", &ingress("nginx.ingress.kubernetes.io/auth-url: x"))[0].weight, Weight::Note);
    }

    #[test]
    fn variables_that_open_a_server_are_seen() {
        let pod = "apiVersion: v1\nkind: Pod\nmetadata: { name: p }\nspec:\n  containers:\n    - image: x\n      env:\n        - name: OLLAMA_ORIGINS\n          value: \"*\"\n";
        let marks = read("p.yaml", pod);
        assert_eq!((marks[0].aspect.as_str(), marks[0].line), ("any-origin", Some(8)));
    }

    #[test]
    fn host_ports_and_chart_values_are_seen() {
        let pod = "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec:\n  template:\n    spec:\n      containers:\n        - image: qdrant/qdrant:v1\n          ports:\n            - containerPort: 6333\n              hostPort: 6333\n";
        assert_eq!(read("d.yaml", pod)[0].line, Some(11));
        let values = "image:\n  repository: ollama/ollama\nservice:\n  type: NodePort\n  port: 11434\n";
        assert_eq!(read("charts/llm/values.yaml", values)[0].weight, Weight::Fault);
    }
}

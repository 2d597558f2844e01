//! Where a deployment writes down what happens, and who watches.

use url::Url;

use super::credential::command_line;
use super::{Fields, LogSource, Monitoring, Node, Reader};

pub(super) fn log(reader: &mut Reader<'_>, node: &Node) -> Option<LogSource> {
    let fields = reader.fields(node, "a log", &["file", "journald", "command", "loki", "elasticsearch"])?;
    let [(key, value)] = fields.entries() else {
        reader.fault(
            node.span,
            "a log has one source",
            "{ file: PATH }, { journald: UNIT }, { command: [..] }, { loki: .. } or { elasticsearch: .. }",
        );
        return None;
    };
    match key.text.as_str() {
        "file" => reader.path(value, "a path").map(LogSource::File),
        "journald" => reader.string(value, "a unit").map(LogSource::Journald),
        "command" => command_line(reader, value).map(LogSource::Command),
        "loki" => {
            let fields = reader.fields(value, "a Loki log", &["url", "query"])?;
            let (url, query) = pair(reader, value, &fields, "query")?;
            Some(LogSource::Loki { url, query })
        }
        "elasticsearch" => {
            let fields = reader.fields(value, "an Elasticsearch log", &["url", "index"])?;
            let (url, index) = pair(reader, value, &fields, "index")?;
            Some(LogSource::Elasticsearch { url, index })
        }
        _ => None,
    }
}

fn pair(reader: &mut Reader<'_>, node: &Node, fields: &Fields<'_>, second: &str) -> Option<(Url, String)> {
    let url = fields.of("url").and_then(|node| reader.url(node, "a URL"));
    let text = fields.of(second).and_then(|node| reader.string(node, second));
    if fields.of("url").is_none() || fields.of(second).is_none() {
        reader.fault(node.span, format!("`url` and `{second}` are needed"), format!("{{ url: .., {second}: .. }}"));
    }
    Some((url?, text?))
}

pub(super) fn monitoring(reader: &mut Reader<'_>, node: &Node) -> Option<Monitoring> {
    let fields =
        reader.fields(node, "the monitoring", &["metrics", "counter", "prometheus", "alertmanager", "loki"])?;
    Some(Monitoring {
        metrics: fields.of("metrics").and_then(|node| reader.url(node, "a metrics page")),
        counter: fields.of("counter").and_then(|node| reader.string(node, "a counter's name")),
        prometheus: fields.of("prometheus").and_then(|node| reader.url(node, "Prometheus")),
        alertmanager: fields.of("alertmanager").and_then(|node| reader.url(node, "Alertmanager")),
        loki: fields.of("loki").and_then(|node| reader.url(node, "Loki")),
    })
}

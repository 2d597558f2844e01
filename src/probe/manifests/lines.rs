//! Units, scripts, container recipes and environment files: binds on every address, and switches that turn
//! authentication off.

use std::sync::LazyLock;

use regex::Regex;

use super::compose::{Published, by_image, weigh};
use super::{File, base, has_extension};
use crate::evidence::catalogue::{self, Product};
use crate::evidence::manifest::{Mark, Weight};
use crate::target::Reach;

pub(super) fn is(name: &str) -> bool {
    let base = base(name).to_lowercase();
    let ends = [".service", ".sh", ".bash", ".ps1", ".env", ".dockerfile", ".container", ".plist", ".nomad"];
    let names = ["makefile", "justfile", "procfile", "taskfile.yml", "package.json"];
    ends.iter().any(|end| base.ends_with(end))
        || names.contains(&base.as_str())
        || is_recipe(&base)
        || base.starts_with(".env")
        || (has_extension(&base, "conf") && (name.contains(".service.d/") || name.contains("supervisor")))
}

/// In a container every address is the container's own; what publishes it decides.
fn is_recipe(base: &str) -> bool {
    base.starts_with("dockerfile") || base.starts_with("containerfile") || base.ends_with(".dockerfile")
}

#[expect(clippy::unwrap_used, reason = "constant patterns; tests use each of them")]
fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap()
}

static OLLAMA_WIDE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"OLLAMA_HOST["']?\s*[=: ]\s*["']?(https?://)?(0\.0\.0\.0|\[::\]|::|:\d+)"#));
static OLLAMA_ORIGINS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"OLLAMA_ORIGINS["']?\s*[=: ]\s*["']?([^"'\s]*,)?(https?://)?\*(["'\s,:]|$)"#));
static DANGEROUS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b(\w*DANGEROUSLY_\w+)["']?\s*[=: ]\s*["']?(true|1|yes|on)\b"#));
static NO_LOGIN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)\b(WEBUI_AUTH)["']?\s*[=: ]\s*["']?(false|0|no)\b"#));
static NO_TOKEN: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"--(NotebookApp|ServerApp|IdentityProvider)\.token(=|\s+)(''|""|\\"\\"|\s|"|$)"#));
static WIDE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:--(?:host|ip|bind|bind-all|address|dashboard-host|server-name|server\.address|listen-host|http-address)|-H)[ =]+[^\s]*(?:0\.0\.0\.0|\[?::\]?|\*)",
    )
});
static LISTEN: LazyLock<Regex> = LazyLock::new(|| pattern(r"--listen(\s|$|=0\.0\.0\.0|=\s*$)"));

/// `None` where the file has nothing to do with an LLM server.
pub(super) fn marks(file: &File<'_>) -> Option<Vec<Mark>> {
    let recipe = is_recipe(&file.base().to_lowercase());
    let lines = joined(file.text);
    let speaks = lines.iter().any(|(_, line)| program(line).is_some() || line.contains("OLLAMA_"));
    let mut marks = flags(file);
    for (number, line) in &lines {
        let number = Some(*number);
        marks.extend(published(file, number, line));
        let weight = |fault: Weight| if recipe { Weight::Note } else { fault };
        if OLLAMA_WIDE.is_match(line) {
            let what = "OLLAMA_HOST binds Ollama to every address";
            marks.push(file.published(number, weight(Weight::Fault), Reach::Private, what));
        }
        if let Some(product) = program(line)
            && (WIDE.is_match(line)
                || (LISTEN.is_match(line) && matches!(product.product.as_str(), "ComfyUI" | "text-generation-webui")))
        {
            let what = format!("{} is started on every address", product.product);
            marks.push(file.published(
                number,
                weight(weigh(product, std::slice::from_ref(line))),
                Reach::Private,
                what,
            ));
        }
    }
    (speaks || !marks.is_empty()).then_some(marks)
}

/// Switches that are wrong wherever they stand.
pub(super) fn flags(file: &File<'_>) -> Vec<Mark> {
    let lines = joined(file.text);
    lines.iter().flat_map(|(number, line)| switches(file, Some(*number), line)).collect()
}

/// The switches of one line, or of one `NAME=value` of a manifest.
pub(super) fn switches(file: &File<'_>, number: Option<u32>, line: &str) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut fault = |aspect: &str, what: String| marks.push(file.mark(number, Weight::Fault, aspect, what));
    if OLLAMA_ORIGINS.is_match(line) {
        fault("any-origin", "OLLAMA_ORIGINS lets every web page use Ollama".into());
    }
    if let Some(found) = DANGEROUS.captures(line).and_then(|found| found.get(1)) {
        fault("authentication-off", format!("{} is set", found.as_str()));
    }
    if NO_LOGIN.is_match(line) {
        fault("authentication-off", "WEBUI_AUTH turns Open WebUI's login off".into());
    }
    if NO_TOKEN.is_match(line) {
        fault("authentication-off", "Jupyter is started with an empty token".into());
    }
    marks
}

/// What `docker run` (or its relatives) publishes of an LLM server, in the short form of compose's `ports`.
fn published(file: &File<'_>, number: Option<u32>, line: &str) -> Vec<Mark> {
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['"', '\''])).collect();
    let runs = words.windows(2).any(|pair| {
        ["docker", "podman", "nerdctl"].contains(&base(pair[0])) && ["run", "create", "container"].contains(&pair[1])
    });
    let Some(product) = words.iter().filter(|_| runs).find_map(|word| by_image(word)) else { return Vec::new() };
    let settings: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    let mut marks = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let value = match *word {
            "-p" | "--publish" => words.get(at + 1).copied(),
            _ => word.strip_prefix("--publish=").or_else(|| word.strip_prefix("-p").filter(|rest| !rest.is_empty())),
        };
        if let Some(published) =
            value.and_then(Published::short).filter(|published| published.reach() > Reach::Loopback)
        {
            let what = format!("a container publishes {} on {}", product.product, published.shown_address());
            marks.push(file.published(number, weigh(product, &settings), published.reach(), what));
        }
    }
    let host = |pair: &[&str]| matches!(pair, ["--network" | "--net", "host"]);
    if words.windows(2).any(host) || words.iter().any(|word| ["--network=host", "--net=host"].contains(word)) {
        let what = format!("a container of {} shares the host's network, so its own bind decides", product.product);
        marks.push(file.published(number, Weight::Note, Reach::Private, what));
    }
    marks
}

/// Lines without comments, those that end in a backslash joined with the next, each with its first line's number.
fn joined(text: &str) -> Vec<(u32, String)> {
    let mut lines: Vec<(u32, String)> = Vec::new();
    let mut open = false;
    for (number, line) in (1u32..).zip(text.lines()) {
        let trimmed = line.trim();
        let continues = trimmed.ends_with('\\');
        let line = trimmed.trim_end_matches('\\');
        if trimmed.starts_with('#') || trimmed.starts_with("//") {
            continue;
        }
        match lines.last_mut().filter(|_| open) {
            Some((_, last)) => {
                last.push(' ');
                last.push_str(line);
            }
            None => lines.push((number, line.to_owned())),
        }
        open = continues;
    }
    lines
}

/// The LLM server that the line starts.
fn program(line: &str) -> Option<&'static Product> {
    let words: Vec<&str> = line
        .split(|character: char| character.is_whitespace() || "\"'`[](),;=&|".contains(character))
        .filter(|word| !word.is_empty())
        .map(base)
        .collect();
    catalogue::products().iter().find(|product| {
        product.programs.iter().any(|program| {
            // Names of everyday words count only where the line also serves something.
            let serves =
                program.len() > 4 || words.iter().any(|word| ["serve", "start", "server", "run", "lab"].contains(word));
            serves && words.iter().any(|word| *word == base(program))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Vec<Mark> {
        assert!(is(name), "{name}");
        marks(&File { name, text }).unwrap_or_default()
    }

    #[test]
    fn binds_on_every_address_are_found_with_their_line() {
        for (name, text) in [
            ("ollama.service", "[Service]\nEnvironment=\"OLLAMA_HOST=0.0.0.0:11434\""),
            ("run.sh", "#!/bin/sh\nexport OLLAMA_HOST=0.0.0.0"),
            ("run.sh", "set -e\nvllm serve model \\\n  --host 0.0.0.0 --port 8000"),
            ("run.sh", "\nllama-server -m x.gguf --host 0.0.0.0"),
            ("Makefile", "up:\n\tjupyter lab --ip=0.0.0.0 --ServerApp.token=''"),
        ] {
            let marks = read(name, text);
            assert!(!marks.is_empty(), "{text}");
            assert!(marks.iter().all(|mark| mark.line == Some(2)), "{marks:?}");
            assert!(marks.iter().any(|mark| mark.weight == Weight::Fault), "{marks:?}");
        }
    }

    #[test]
    fn loopback_keys_and_other_programs_are_no_fault() {
        for text in [
            "export OLLAMA_HOST=127.0.0.1:11434",
            "vllm serve model --host 127.0.0.1",
            "uvicorn app:app --host 0.0.0.0",
            "# OLLAMA_HOST=0.0.0.0",
            "vllm serve model --host 0.0.0.0 --api-key $KEY",
        ] {
            assert!(read("run.sh", text).iter().all(|mark| mark.weight == Weight::Note), "{text}");
        }
        assert_eq!(read("Dockerfile", "ENV OLLAMA_HOST=0.0.0.0")[0].weight, Weight::Note);
    }

    #[test]
    fn a_container_that_a_script_starts_is_seen() {
        let wide = read("run.sh", "docker run -d --gpus all \\\n  -p 11434:11434 ollama/ollama");
        assert_eq!((wide[0].weight, wide[0].line), (Weight::Fault, Some(1)), "{wide:?}");
        assert_eq!(read("run.sh", "podman run -p127.0.0.1:11434:11434 ollama/ollama"), []);
        assert_eq!(read("run.sh", "docker run --network host ollama/ollama")[0].weight, Weight::Note);
        assert_eq!(read("run.sh", "docker run -p 80:80 nginx"), []);
    }

    #[test]
    fn switches_that_turn_authentication_off_are_faults() {
        for text in ["OLLAMA_ORIGINS=*", "DANGEROUSLY_OMIT_AUTH=true npx inspector", "WEBUI_AUTH=False"] {
            assert_eq!(read("x.sh", text)[0].weight, Weight::Fault, "{text}");
        }
        assert_eq!(read("x.sh", "OLLAMA_ORIGINS=https://*.example.com"), []);
    }
}

//! Ways in which an env file leaves with an image or a package although git ignores it.

use std::path::Path;

use globset::GlobBuilder;

use super::folder::{self, Entry, Kind};
use crate::evidence::repo::{EnvFile, EnvKind, Shipping};

/// A Dockerfile or package.json is smaller.
const LARGEST: u64 = 1024 * 1024;
const MOST: usize = 100;

pub(super) fn find(root: &Path, entries: &[Entry], env: &[&EnvFile]) -> Vec<Shipping> {
    let mut found = Vec::new();
    let secret: Vec<&str> = env
        .iter()
        .filter(|file| matches!(file.kind, EnvKind::Real | EnvKind::Keys))
        .map(|file| file.path.as_str())
        .collect();
    if secret.is_empty() {
        return found;
    }
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File && !entry.below_ignored) {
        let (folder, name) = entry.name.rsplit_once('/').unwrap_or(("", &entry.name));
        let lower = name.to_ascii_lowercase();
        let read = || folder::read(&entry.path, LARGEST).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if lower == "dockerfile"
            || lower == "containerfile"
            || lower.starts_with("dockerfile.") && !lower.ends_with(".dockerignore")
            || lower.ends_with(".dockerfile")
        {
            if let Some(text) = read() {
                docker(root, entry, folder, &text, &secret, &mut found);
            }
        } else if lower == "package.json"
            && let Some(text) = read()
        {
            npm(root, entry, folder, &text, &secret, &mut found);
        } else if lower == "cargo.toml"
            && let Some(text) = read()
        {
            cargo(entry, folder, &text, &secret, &mut found);
        }
    }
    found.truncate(MOST);
    found
}

/// `name` relative to `folder`, if it lies below.
fn below<'a>(folder: &str, name: &'a str) -> Option<&'a str> {
    if folder.is_empty() { Some(name) } else { name.strip_prefix(folder)?.strip_prefix('/') }
}

fn docker(root: &Path, entry: &Entry, folder: &str, text: &str, env: &[&str], found: &mut Vec<Shipping>) {
    // The Dockerfile's own ignore file wins over the context's (Docker's documentation, "Filename and location").
    let ignored = [
        root.join(format!("{}.dockerignore", entry.name)),
        root.join(folder).join(".dockerignore"),
        root.join(".dockerignore"),
    ]
    .iter()
    .find_map(|path| folder::read(path, LARGEST).ok())
    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split_whitespace();
        let Some(instruction) = words.next() else { continue };
        if !instruction.eq_ignore_ascii_case("copy") && !instruction.eq_ignore_ascii_case("add") {
            continue;
        }
        let sources: Vec<&str> = words.filter(|word| !word.starts_with("--")).collect();
        if line.contains("--from=") {
            continue;
        }
        let Some((_, sources)) = sources.split_last() else { continue };
        for source in sources {
            let source = source
                .trim_matches(['"', '[', ']', ',', '\''])
                .trim_start_matches("./")
                .trim_start_matches('/')
                .trim_end_matches('/');
            for name in env {
                // The context is the Dockerfile's folder or the root.
                let copied = [below(folder, name), Some(*name)].into_iter().flatten().any(|name| match source {
                    "" | "." | "*" => !name.contains('/') || source != "*",
                    source => {
                        name == source
                            || name.strip_prefix(source).is_some_and(|rest| rest.starts_with('/'))
                            || matches(source, name)
                    }
                });
                let hidden = ignored
                    .as_deref()
                    .is_some_and(|rules| is_docker_ignored(rules, below(folder, name).unwrap_or(name)));
                if copied && !hidden {
                    let why = if ignored.is_some() {
                        "which .dockerignore does not leave out"
                    } else {
                        "without a .dockerignore"
                    };
                    found.push(Shipping {
                        file: entry.name.clone(),
                        line: u32::try_from(index + 1).unwrap_or(u32::MAX),
                        env_file: (*name).to_owned(),
                        how: format!(
                            "{} {} {why}",
                            instruction.to_ascii_uppercase(),
                            if source.is_empty() { "." } else { source }
                        ),
                    });
                }
            }
        }
    }
}

/// The last rule that fits decides; a rule fits a path or a folder above it.
fn is_docker_ignored(rules: &str, name: &str) -> bool {
    let mut ignored = false;
    for rule in rules.lines().map(str::trim).filter(|rule| !rule.is_empty() && !rule.starts_with('#')) {
        let (pattern, hides) = rule.strip_prefix('!').map_or((rule, true), |pattern| (pattern, false));
        let pattern = pattern.trim_start_matches("./").trim_matches('/');
        let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
        if std::iter::once(name).chain(above).any(|path| matches(pattern, path)) {
            ignored = hides;
        }
    }
    ignored
}

fn matches(glob: &str, name: &str) -> bool {
    GlobBuilder::new(glob).literal_separator(true).build().is_ok_and(|glob| glob.compile_matcher().is_match(name))
}

fn npm(root: &Path, entry: &Entry, folder: &str, text: &str, env: &[&str], found: &mut Vec<Shipping>) {
    let Ok(package) = serde_json::from_str::<serde_json::Value>(text) else { return };
    if package.get("private").and_then(serde_json::Value::as_bool) == Some(true) {
        return;
    }
    let listed: Option<Vec<&str>> = package
        .get("files")
        .and_then(|files| files.as_array())
        .map(|files| files.iter().filter_map(|file| file.as_str()).collect());
    let npmignore = folder::read(&root.join(folder).join(".npmignore"), LARGEST)
        .ok()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    for name in env {
        let Some(inside) = below(folder, name) else { continue };
        let how = match (&listed, &npmignore) {
            (Some(files), _) => {
                let shipped = files.iter().any(|file| {
                    let file = file.trim_start_matches("./").trim_end_matches('/');
                    file == inside
                        || file == "*"
                        || file == "**"
                        || matches(file, inside)
                        || inside.strip_prefix(file).is_some_and(|rest| rest.starts_with('/'))
                });
                if !shipped {
                    continue;
                }
                "the `files` of the package take it along"
            }
            // npm reads .npmignore instead of .gitignore, not beside it (npm documentation, "Keeping files out").
            (None, Some(rules)) if !is_docker_ignored(&unrooted(rules), inside) => {
                ".npmignore takes the place of .gitignore and does not leave it out"
            }
            (None, Some(_) | None) => continue,
        };
        found.push(Shipping { file: entry.name.clone(), line: 1, env_file: (*name).to_owned(), how: how.into() });
    }
}

/// `package.include` takes files along that git ignores (the Cargo book, "The `exclude` and `include` fields").
fn cargo(entry: &Entry, folder: &str, text: &str, env: &[&str], found: &mut Vec<Shipping>) {
    let Ok(manifest) = text.parse::<toml::Table>() else { return };
    let Some(package) = manifest.get("package").and_then(toml::Value::as_table) else { return };
    if package.get("publish").and_then(toml::Value::as_bool) == Some(false) {
        return;
    }
    let Some(include) = package.get("include").and_then(toml::Value::as_array) else { return };
    let rules: String = include.iter().filter_map(toml::Value::as_str).map(|rule| format!("{rule}\n")).collect();
    for name in env {
        if below(folder, name).is_some_and(|inside| is_docker_ignored(&unrooted(&rules), inside)) {
            found.push(Shipping {
                file: entry.name.clone(),
                line: 1,
                env_file: (*name).to_owned(),
                how: "`include` of the package takes it along".into(),
            });
        }
    }
}

/// Rules of .gitignore's kind fit at every depth unless they begin with a slash.
fn unrooted(rules: &str) -> String {
    rules
        .lines()
        .map(|rule| {
            let (mark, rule) = rule.strip_prefix('!').map_or(("", rule), |rule| ("!", rule));
            if rule.starts_with('/') || rule.is_empty() || rule.starts_with('#') {
                format!("{mark}{rule}\n")
            } else {
                format!("{mark}{rule}\n{mark}**/{rule}\n")
            }
        })
        .collect()
}

//! Ways in which an env file leaves with an image or a package although git ignores it.

use std::path::Path;

use globset::GlobBuilder;

use super::dockerfile;
use super::folder::{self, Entry, Kind};
use super::sum::shown;
use crate::evidence::repo::{EnvFile, EnvKind, Shipping};

/// A Dockerfile or package.json is smaller.
const LARGEST: u64 = 1024 * 1024;
const MOST: usize = 100;

/// What was found, and what cannot be told from the files alone.
#[derive(Debug, Default)]
pub(super) struct Shipped {
    pub(super) found: Vec<Shipping>,
    pub(super) unclear: Vec<String>,
}

pub(super) fn find(root: &Path, entries: &[Entry], env: &[(&str, &EnvFile)]) -> Shipped {
    let mut shipped = Shipped::default();
    let secret: Vec<&str> = env
        .iter()
        .filter(|(_, file)| matches!(file.kind, EnvKind::Real | EnvKind::Keys))
        .map(|(path, _)| *path)
        .collect();
    if secret.is_empty() {
        return shipped;
    }
    for entry in entries.iter().filter(|entry| entry.kind == Kind::File && !entry.below_ignored) {
        let (folder, name) = entry.name.rsplit_once('/').unwrap_or(("", &entry.name));
        let lower = name.to_ascii_lowercase();
        let is_docker = lower == "dockerfile"
            || lower == "containerfile"
            || lower.starts_with("dockerfile.") && !lower.ends_with(".dockerignore")
            || lower.ends_with(".dockerfile");
        if !is_docker && !matches!(lower.as_str(), "package.json" | "cargo.toml") {
            continue;
        }
        match text(&entry.path) {
            Ok(text) if is_docker => docker(root, entry, folder, &text, &secret, &mut shipped),
            Ok(text) if lower == "cargo.toml" => cargo(entry, folder, &text, &secret, &mut shipped.found),
            Ok(text) => npm(root, entry, folder, &text, &secret, &mut shipped.found),
            Err(why) => shipped.unclear.push(format!(
                "{} could not be read ({why}), so that it cannot be told what it takes along",
                shown(&entry.name, 300)
            )),
        }
    }
    shipped.found.truncate(MOST);
    shipped.unclear.dedup();
    shipped.unclear.truncate(MOST);
    for shipping in &mut shipped.found {
        shipping.file = shown(&shipping.file, 1000);
        shipping.env_file = shown(&shipping.env_file, 1000);
        shipping.how = shown(&shipping.how, 1000);
    }
    shipped
}

fn text(path: &Path) -> Result<String, String> {
    folder::read(path, LARGEST).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// `name` relative to `folder`, if it lies below.
fn below<'a>(folder: &str, name: &'a str) -> Option<&'a str> {
    if folder.is_empty() { Some(name) } else { name.strip_prefix(folder)?.strip_prefix('/') }
}

/// The files that keep others out of a build's context.
struct Kept {
    /// `Dockerfile.dockerignore`, which takes the place of the context's (Docker's documentation, "Filename and location").
    own: Option<String>,
    /// In the Dockerfile's folder: read where that folder is the context.
    folder: Option<String>,
    /// At the root: read where the root is the context.
    root: Option<String>,
}

impl Kept {
    fn of(root: &Path, entry: &Entry, folder: &str) -> Self {
        let read = |path: &Path| text(path).ok();
        Self {
            own: read(&root.join(format!("{}.dockerignore", entry.name))),
            folder: if folder.is_empty() { None } else { read(&root.join(folder).join(".dockerignore")) },
            root: read(&root.join(".dockerignore")),
        }
    }

    /// Whether a file of the Dockerfile's folder, or of the root alone, is kept out.
    fn hides(&self, name: &str, inside: Option<&str>) -> bool {
        let by = |rules: &Option<String>, name: &str| rules.as_deref().map(|rules| is_docker_ignored(rules, name));
        match inside {
            Some(inside) => by(&self.own, inside)
                .map(|hidden| hidden || by(&self.own, name) == Some(true))
                .or_else(|| by(&self.folder, inside)),
            None => by(&self.own, name),
        }
        .or_else(|| by(&self.root, name))
        .unwrap_or(false)
    }
}

fn docker(root: &Path, entry: &Entry, folder: &str, text: &str, env: &[&str], shipped: &mut Shipped) {
    let kept = Kept::of(root, entry, folder);
    for copy in dockerfile::copies(text) {
        let excluded = |name: &str| copy.excludes.iter().any(|pattern| fits(&dockerfile::cleaned(pattern), name));
        for name in env {
            let inside = if folder.is_empty() { None } else { below(folder, name) };
            if kept.hides(name, inside) || excluded(name) {
                continue;
            }
            for source in &copy.sources {
                let Some(source) = source else {
                    shipped.unclear.push(format!(
                        "{}:{}: which files {} takes depends on a build argument, and .dockerignore does not keep {} out",
                        shown(&entry.name, 300),
                        copy.line,
                        copy.instruction,
                        shown(name, 300)
                    ));
                    continue;
                };
                // The context is the root or the Dockerfile's folder.
                if ![Some(*name), inside].into_iter().flatten().any(|name| fits(source, name)) {
                    continue;
                }
                let told = format!("{} {}", copy.instruction, if source.is_empty() { "." } else { source });
                if inside.is_none() && kept.folder.is_some() {
                    // That folder has rules of its own, and so may be the context.
                    shipped.unclear.push(format!(
                        "{}:{}: {told} takes {} along where the root is the context, for which {folder}/.dockerignore is not read",
                        shown(&entry.name, 300),
                        copy.line,
                        shown(name, 300)
                    ));
                    continue;
                }
                let any = kept.own.is_some() || kept.root.is_some() || inside.is_some() && kept.folder.is_some();
                let why = if any { "which .dockerignore does not leave out" } else { "without a .dockerignore" };
                shipped.found.push(Shipping {
                    file: entry.name.clone(),
                    line: copy.line,
                    env_file: (*name).to_owned(),
                    how: format!("{told} {why}"),
                });
            }
        }
    }
}

/// Whether a pattern fits a path or a folder above it; the empty pattern is the whole context.
fn fits(pattern: &str, name: &str) -> bool {
    let above = name.match_indices('/').filter_map(|(at, _)| name.get(..at));
    // Go's filepath.Match knows no alternatives: braces are letters.
    let pattern = pattern.replace('{', "[{]").replace('}', "[}]").replace("[[{]]", "[{]").replace("[[}]]", "[}]");
    pattern.is_empty() || std::iter::once(name).chain(above).any(|path| path == pattern || matches(&pattern, path))
}

/// The last rule that fits decides.
fn is_docker_ignored(rules: &str, name: &str) -> bool {
    let mut ignored = false;
    let rules = rules.trim_start_matches('\u{feff}').lines().map(str::trim);
    for rule in rules.filter(|rule| !rule.is_empty() && !rule.starts_with('#')) {
        let (pattern, hides) = rule.strip_prefix('!').map_or((rule, true), |pattern| (pattern, false));
        let pattern = dockerfile::cleaned(pattern);
        // A rule for the context itself has no effect (Docker's documentation, ".dockerignore file").
        if !pattern.is_empty() && fits(&pattern, name) {
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
                let mut shipped = false;
                for file in files {
                    let (file, takes) = file.strip_prefix('!').map_or((*file, true), |file| (file, false));
                    let file = dockerfile::cleaned(file);
                    if file.is_empty()
                        || matches!(file.as_str(), "*" | "**")
                        || file == inside
                        || matches(&file, inside)
                        || inside.strip_prefix(file.as_str()).is_some_and(|rest| rest.starts_with('/'))
                    {
                        shipped = takes;
                    }
                }
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

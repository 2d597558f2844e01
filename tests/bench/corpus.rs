//! Writes the labelled corpus as real files, its labels as JSON, and our own findings, so that other tools can be run over
//! the same values: `cargo run --release --example corpus -- FOLDER`. See tests/bench/secrets.py.

#[path = "../corpus/fill.rs"]
mod fill;
#[path = "../corpus/reader.rs"]
mod reader;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use reader::Kind;
use watertight::detect::secrets;
use watertight::evidence::repo::Confidence;

fn main() -> anyhow::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).context("expected a folder to write into")?);
    let mut listing = Vec::new();
    for part in ["open", "sealed"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(part);
        for case in reader::read(&from, 1).map_err(anyhow::Error::msg)? {
            // A folder a case: paths of several cases may be the same.
            let path = folder.join(part).join(&case.name).join(&case.path);
            std::fs::create_dir_all(path.parent().context("a path without a folder")?)?;
            std::fs::write(&path, &case.text)?;
            // Lines as written become the lines of the filled text.
            let lines = |label: &reader::Label| -> Vec<usize> {
                let line = |(index, line): (usize, &usize)| label.lines.contains(line).then_some(index + 1);
                case.lines.iter().enumerate().filter_map(line).collect()
            };
            let of = |kind: Kind| -> Vec<Vec<usize>> {
                case.labels.iter().filter(|label| label.kind == kind).map(lines).collect()
            };
            let found: Vec<u32> = secrets::detect(&case.path, case.text.as_bytes())
                .iter()
                .filter(|hit| hit.confidence >= Confidence::default())
                .map(|hit| hit.line)
                .collect();
            listing.push(serde_json::json!({
                "part": part, "case": case.name, "path": case.path, "format": case.format,
                "secrets": of(Kind::Secret), "either": of(Kind::Either), "watertight": found,
            }));
        }
    }
    std::fs::write(folder.join("labels.json"), serde_json::to_vec(&listing)?)?;
    Ok(())
}

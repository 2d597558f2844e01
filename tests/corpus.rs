//! How many secrets of the labelled corpus are found, and how many findings are secrets: printed, and held to a floor.

#[path = "corpus/fill.rs"]
mod fill;
#[path = "corpus/reader.rs"]
mod reader;

use std::collections::BTreeMap;
use std::path::Path;

use reader::{Case, Kind};
use watertight::detect::secrets::{self, Hit};
use watertight::evidence::repo::Confidence;

/// Other values, the same files: a figure that depends on the dice is no figure.
const SEEDS: [u64; 3] = [1, 2, 3];

#[derive(Clone, Copy, Default)]
struct Score {
    found: u32,
    missed: u32,
    false_alarms: u32,
}

impl Score {
    fn add(&mut self, other: Self) {
        self.found += other.found;
        self.missed += other.missed;
        self.false_alarms += other.false_alarms;
    }

    fn recall(self) -> f64 {
        share(self.found, self.found + self.missed)
    }

    fn precision(self) -> f64 {
        share(self.found, self.found + self.false_alarms)
    }
}

fn share(part: u32, whole: u32) -> f64 {
    if whole == 0 { 1.0 } else { f64::from(part) / f64::from(whole) }
}

/// A secret is found if a hit of the default confidence begins in its lines; a hit on any other line is a false alarm.
fn score(case: &Case, wrong: &mut Vec<String>) -> Score {
    let hits: Vec<(usize, Hit)> = secrets::detect(&case.path, case.text.as_bytes())
        .into_iter()
        .filter(|hit| hit.confidence >= Confidence::default())
        .map(|hit| (case.lines[hit.line as usize - 1], hit))
        .collect();
    let mut score = Score::default();
    let mut used = vec![false; hits.len()];
    for label in case.labels.iter().filter(|label| label.kind == Kind::Secret) {
        // Two labels on one line want two hits.
        let hit = hits.iter().enumerate().find(|(index, (line, _))| !used[*index] && label.lines.contains(line));
        if let Some((index, _)) = hit {
            used[index] = true;
            score.found += 1;
        } else {
            score.missed += 1;
            let place = label.lines.start();
            wrong.push(format!("missed  {}:{place} ({})", case.name, case.path));
        }
    }
    for (line, hit) in &hits {
        let here = |kind: Kind| case.labels.iter().any(|label| label.kind == kind && label.lines.contains(line));
        if !here(Kind::Secret) && !here(Kind::Either) {
            score.false_alarms += 1;
            wrong.push(format!("alarm   {}:{line} ({}) {} {:?}", case.name, case.path, hit.rule, hit.name));
        }
    }
    score
}

fn measure(name: &str) -> (Vec<Case>, BTreeMap<String, Score>, Score) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    let (mut formats, mut all, mut wrong) = (BTreeMap::<String, Score>::new(), Score::default(), Vec::new());
    let mut first = Vec::new();
    for seed in SEEDS {
        let cases = reader::read(&folder, seed).unwrap_or_else(|why| panic!("{why}"));
        for case in &cases {
            let score = score(case, &mut wrong);
            formats.entry(case.format.clone()).or_default().add(score);
            all.add(score);
        }
        if first.is_empty() {
            first = cases;
        }
    }
    wrong.sort();
    wrong.dedup();
    println!("{} cases in {name}", first.len());
    println!("| format | secrets | found | false alarms | recall | precision |\n|---|---|---|---|---|---|");
    for (format, score) in formats.iter().map(|(format, score)| (format.as_str(), *score)).chain([("all", all)]) {
        println!(
            "| {format} | {} | {} | {} | {:.1}% | {:.1}% |",
            score.found + score.missed,
            score.found,
            score.false_alarms,
            100.0 * score.recall(),
            100.0 * score.precision()
        );
    }
    println!("(each case with {} sets of values)", SEEDS.len());
    for line in wrong {
        println!("{line}");
    }
    (first, formats, all)
}

#[test]
fn the_open_corpus_is_found_to_nine_tenths_and_nineteen_of_twenty_findings_are_right() {
    let (cases, formats, all) = measure("open");
    let labelled: usize = cases.iter().map(|case| case.labels.len()).sum();
    println!("{labelled} labelled lines, {} formats", formats.len());
    assert!(all.recall() >= 0.9, "recall {:.3}", all.recall());
    assert!(all.precision() >= 0.95, "precision {:.3}", all.precision());
}

/// Written by somebody who had not seen the detector, and opened since: its figures say that nothing broke, no more.
#[test]
fn the_first_part_by_a_stranger_opened_since_stays_found() {
    let (cases, _, all) = measure("sealed");
    assert!(cases.len() > 20, "{} cases", cases.len());
    assert!(
        all.recall() >= 0.9 && all.precision() >= 0.95,
        "recall {:.3}, precision {:.3}",
        all.recall(),
        all.precision()
    );
}

/// By another stranger to the detector: credential files, SQL, shell, containers, twenty languages. Opened since, too.
#[test]
fn the_second_part_by_a_stranger_opened_since_stays_found() {
    let (cases, _, all) = measure("second");
    assert!(cases.len() > 40, "{} cases", cases.len());
    assert!(
        all.recall() >= 0.9 && all.precision() >= 0.95,
        "recall {:.3}, precision {:.3}",
        all.recall(),
        all.precision()
    );
}

/// A third part by one more stranger to the detector: applications, infrastructure, data, documents. No floor.
#[test]
fn the_third_sealed_part_is_measured_apart() {
    let (cases, _, _) = measure("third");
    let labelled: usize = cases.iter().map(|case| case.labels.len()).sum();
    println!("{labelled} labelled lines");
    assert!(cases.len() >= 45 && labelled >= 180, "{} cases, {labelled} labelled lines", cases.len());
}

#[test]
fn templates_are_filled_in_and_everything_else_stays() {
    let mut filler = fill::Filler::new("case", 1);
    assert_eq!(
        filler.line("a {{join:x|y|1}} {{ .Values.a }} {{password}}").unwrap(),
        "a xy1 {{ .Values.a }} {{password}}"
    );
    assert_eq!(filler.line("{{b64:{{join:ab|c}}}}").unwrap(), "YWJj");
    let twice = filler.line("{{alnum:8@a}}-{{alnum:8@a}}").unwrap();
    assert_eq!(twice.split_once('-').map(|(one, two)| one == two && one.len() == 8), Some(true));
    assert_eq!(filler.line("{{pem:PRIVATE KEY:2}}\n").unwrap().lines().count(), 4);
    assert!(filler.line("{{alnum:x}}").is_err());
}

/// Cut short, spliced and with bytes that are no UTF-8: every reader gives spans inside its text, and none panics.
#[test]
fn broken_files_are_read_without_a_panic_and_every_span_lies_inside() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/open");
    let cases = reader::read(&folder, 1).unwrap_or_else(|why| panic!("{why}"));
    let mut tried = 0;
    for (index, case) in cases.iter().enumerate() {
        let bytes = case.text.as_bytes();
        let other = cases[(index * 7 + 3) % cases.len()].text.as_bytes();
        for cut in (0..bytes.len()).step_by(bytes.len() / 4 + 1) {
            let mut spliced = bytes[..cut].to_vec();
            spliced.extend(&other[other.len() / 2..]);
            let mut broken = bytes[..cut].to_vec();
            broken.extend([0xff, 0xc3, b'"', b'{', b'=']);
            broken.extend(&bytes[cut..]);
            for text in [&bytes[..cut], &bytes[cut..], &spliced, &broken] {
                // As its own form, and as every other one.
                for path in [case.path.as_str(), cases[(cut + index) % cases.len()].path.as_str()] {
                    for hit in secrets::detect(path, text) {
                        assert!(hit.span.start < hit.span.end && hit.span.end <= text.len(), "{path}: {hit:?}");
                        assert!(hit.line >= 1);
                    }
                    tried += 1;
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder("seeds").join(target.name)).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

#[test]
fn every_target_has_a_binary_and_seeds_and_nothing_else_has() {
    let known: BTreeSet<String> = ALL.iter().map(|target| target.name.to_owned()).collect();
    let named = |path: &str, suffix: &str| -> BTreeSet<String> {
        std::fs::read_dir(folder(path))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().replace(suffix, ""))
            .collect()
    };
    assert_eq!(named("fuzz_targets", ".rs"), known);
    assert_eq!(named("seeds", ""), known);
    assert!(named("dictionaries", ".dict").is_subset(&known));
    let manifest = std::fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in &known {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml names no binary {name}");
    }
    for target in ALL {
        assert!(!seeds(target).is_empty(), "{} has no seed", target.name);
    }
}

#[test]
fn every_seed_goes_through_its_target() {
    for target in ALL {
        for seed in seeds(target) {
            (target.run)(&seed);
        }
    }
}

/// How long each target is tried beyond its fixed share; `tests/fuzz` takes minutes where this takes a moment.
const MOMENT: Duration = Duration::from_millis(500);

/// Cuts, flips, doublings and splices of the seeds, in the same order on every run: what a fuzzer tries first.
#[test]
fn seeds_that_were_cut_or_changed_go_through_their_target() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % (below.max(1) as u64)).unwrap()
    };
    for target in ALL {
        let seeds = seeds(target);
        let began = Instant::now();
        let mut executions = 0;
        while executions < 20 * seeds.len() || began.elapsed() < MOMENT {
            let seed = &seeds[next(seeds.len())];
            let mut bytes = match next(3) {
                0 => seed[..next(seed.len() + 1)].to_vec(),
                1 => seed.clone(),
                _ => {
                    let other = &seeds[next(seeds.len())];
                    [&seed[..next(seed.len() + 1)], &other[next(other.len() + 1)..]].concat()
                }
            };
            for _ in 0..next(4) {
                let at = next(bytes.len());
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = u8::try_from(next(256)).unwrap();
                }
            }
            (target.run)(&bytes);
            executions += 1;
        }
        println!("{}: {executions} executions", target.name);
    }
}

#[test]
#[should_panic(expected = "no fuzz target")]
fn an_unknown_target_is_no_silent_success() {
    run("no-such-target", b"");
}

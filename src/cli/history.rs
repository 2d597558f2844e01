//! `history` and `diff`: stored runs, and what changed between two of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Error, OutputArguments, code, demo, emit};
use crate::history::store::{File, own_path};
use crate::history::{Failure, Line, Store};
use crate::report::Report;
use crate::report::checklist::BOXES;
use crate::report::drift::{Change, Ledger, State};
use crate::report::escape::terminal;

#[derive(Args, Debug)]
pub(super) struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Runs to list, newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    limit: u32,
    #[command(flatten)]
    file: FileArguments,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the report of a stored run again, in any format.
    Show(ShowArguments),
    /// Drop all but the newest runs.
    Prune(PruneArguments),
}

#[derive(Args, Debug)]
struct ShowArguments {
    /// The run's id, or an unambiguous beginning of it.
    #[arg(value_name = "RUN")]
    run: String,
    #[command(flatten)]
    output: OutputArguments,
}

#[derive(Args, Debug)]
struct PruneArguments {
    /// Runs to keep.
    #[arg(long, value_name = "COUNT")]
    keep: u32,
}

#[derive(Args, Clone, Debug)]
pub(super) struct FileArguments {
    /// Where runs are kept [default: watertight/history.sqlite under XDG_STATE_HOME or ~/.local/state].
    #[arg(long, value_name = "FILE", global = true)]
    history: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct DiffArguments {
    /// The older run [default: the last complete run of the whole checklist before the newer one, under the same policy].
    #[arg(value_name = "OLDER")]
    older: Option<String>,
    /// The newer run [default: the newest one that is complete].
    #[arg(value_name = "NEWER", requires = "older")]
    newer: Option<String>,
    /// Also list what stands as it did.
    #[arg(long)]
    all: bool,
    /// Print JSON: `{ older, newer, changes }`.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    file: FileArguments,
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, Error> {
    let runtime = demo::runtime()?;
    let file = runtime.block_on(open(&arguments.file))?;
    match &arguments.action {
        None => {
            let lines = runtime.block_on(file.runs(arguments.limit.max(1))).map_err(failed)?;
            emit::print(&list(&lines))?;
            Ok(0)
        }
        Some(Action::Show(show)) => {
            emit::agree(&show.output.formats, None)?;
            let report = runtime.block_on(file.report(&show.run)).map_err(failed)?;
            let fail_on = show.output.fail_on.into();
            let outcome = report.outcome(fail_on);
            let own = emit::report(&report, &show.output.formats, emit::Ending { outcome, fail_on })?;
            Ok(own.unwrap_or(code(outcome)))
        }
        Some(Action::Prune(prune)) => {
            let gone = runtime.block_on(file.prune(prune.keep)).map_err(failed)?;
            emit::print(&format!("{gone} runs dropped, the newest {} kept\n", prune.keep))?;
            Ok(0)
        }
    }
}

/// Exits 0 where nothing is new, 1 where something is.
pub(super) fn diff(arguments: &DiffArguments) -> Result<u8, Error> {
    let runtime = demo::runtime()?;
    let (older, newer, changes, news) = runtime.block_on(async {
        let file = open(&arguments.file).await?;
        let (older, newer) = pair(&file, arguments).await?;
        let ledgers = file.ledgers(older.run.id.data()).await.map_err(failed)?;
        let after = file.ledgers(newer.run.id.data()).await.map_err(failed)?;
        let changes = compared(&ledgers, &after, &newer)?;
        // What went together with its rule is told, and is no news to fail for.
        let stands: BTreeSet<&str> =
            newer.results.iter().flat_map(|result| &result.findings).map(|finding| finding.id.data()).collect();
        let news = changes.iter().any(|change| change.state.is_news() && stands.contains(change.id.data()));
        Ok::<_, Error>((older.run.clone(), newer.run.clone(), changes, news))
    })?;
    if arguments.json {
        let text = serde_json::json!({ "older": older, "newer": newer, "changes": changes });
        emit::print(&crate::report::json::pretty(&text).map_err(Error::json("the changes"))?)?;
    } else {
        let mut text = format!(
            "from run {} ({}) to run {} ({})\n",
            older.id.terminal(),
            older.started.format("%Y-%m-%d %H:%M UTC"),
            newer.id.terminal(),
            newer.started.format("%Y-%m-%d %H:%M UTC")
        );
        text.push_str(&shown(&changes, arguments.all));
        emit::print(&text)?;
    }
    Ok(u8::from(news))
}

async fn open(arguments: &FileArguments) -> Result<File, Error> {
    let path = arguments.history.clone().or_else(own_path).ok_or_else(|| {
        Error::Usage("no place for the history: name one with --history, or set XDG_STATE_HOME or HOME".into())
    })?;
    // Looking at a history that is not there must not make an empty one.
    if !path.exists() {
        return Err(Error::Usage(format!(
            "there is no history at {}: `watertight audit` keeps its runs there, or name another with --history",
            path.display()
        )));
    }
    File::open(&path).await.map_err(failed)
}

#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err takes")]
fn failed(failure: Failure) -> Error {
    Error::Usage(failure.to_string())
}

/// The two reports to compare.
async fn pair(file: &File, arguments: &DiffArguments) -> Result<(Report, Report), Error> {
    if let (Some(older), Some(newer)) = (&arguments.older, &arguments.newer) {
        return Ok((file.report(older).await.map_err(failed)?, file.report(newer).await.map_err(failed)?));
    }
    let lines = file.runs(LOOKED_THROUGH).await.map_err(failed)?;
    let newer = lines
        .iter()
        .find(|line| line.complete)
        .ok_or_else(|| Error::Usage("the history holds no complete run yet: `watertight audit` keeps one".into()))?;
    let after = file.ledgers(&newer.id).await.map_err(failed)?;
    let newer_report = file.report(&newer.id).await.map_err(failed)?;
    if let Some(older) = &arguments.older {
        return Ok((file.report(older).await.map_err(failed)?, newer_report));
    }
    let candidates =
        lines.iter().skip_while(|line| line.id != newer.id).skip(1).filter(|line| {
            line.complete && line.whole && line.policy == newer.policy && (line.trusted || !newer.trusted)
        });
    for line in candidates.take(CANDIDATES) {
        let before = file.ledgers(&line.id).await.map_err(failed)?;
        if after.iter().all(|(key, _)| before.iter().any(|(known, _)| known == key)) {
            return Ok((file.report(&line.id).await.map_err(failed)?, newer_report));
        }
    }
    Err(Error::Usage(format!(
        "no complete run of the whole checklist on the same targets under the policy `{}` is older than {}: name two runs",
        terminal(&newer.policy),
        terminal(&newer.id)
    )))
}

/// Runs whose targets are compared with the newer one's.
const CANDIDATES: usize = 50;

/// Runs that are looked through for the two newest of one policy.
const LOOKED_THROUGH: u32 = 1_000;

/// What changed from the older run's ledgers to the newer report. Targets go by their key, which both runs must have: the
/// same name under another address is another target.
fn compared(older: &[(String, Ledger)], newer: &[(String, Ledger)], report: &Report) -> Result<Vec<Change>, Error> {
    let mut changes = Vec::new();
    for (key, _) in newer {
        let Some((_, ledger)) = older.iter().find(|(known, _)| known == key) else {
            return Err(Error::Usage(format!(
                "the older run says nothing of `{}`, so nothing can be compared: name a run that audited it, too",
                terminal(key)
            )));
        };
        // A key is the target's name, a blank, and its address.
        let named = |target: &&str| key.strip_prefix(*target).is_some_and(|rest| rest.starts_with(' '));
        let targets = report.results.iter().map(|result| result.target.data());
        let Some(target) = targets.filter(named).max_by_key(|target| target.len()) else { continue };
        changes.extend(ledger.after(report, target).1);
    }
    for (_, ledger) in older.iter().filter(|(key, _)| newer.iter().all(|(known, _)| known != key)) {
        changes.extend(ledger.carried());
    }
    if newer.is_empty() {
        return Err(Error::Usage("the newer run was kept by an older version, which left nothing to compare".into()));
    }
    changes.sort_by_key(|change| State::ALL.iter().position(|known| *known == change.state));
    Ok(changes)
}

fn shown(changes: &[Change], all: bool) -> String {
    let mut out = String::new();
    for change in changes.iter().filter(|change| all || change.state != State::Still) {
        let _ = writeln!(
            out,
            "{:<14} {} on {}: {}\n{:15}at {}, since {}",
            change.state.word(),
            change.check.terminal(),
            change.target.terminal(),
            change.what.terminal(),
            "",
            change.place.terminal(),
            change.since.format("%Y-%m-%d")
        );
    }
    let still = changes.iter().filter(|change| change.state == State::Still).count();
    if changes.len() == still {
        out.push_str("nothing changed\n");
    }
    if !all && still > 0 {
        let _ = writeln!(out, "{still} findings stand as they did (--all lists them)");
    }
    out
}

/// The runs, and above them how each box stood in the listed ones, oldest first.
fn list(lines: &[Line]) -> String {
    let Some(newest) = lines.first() else { return "no runs are stored yet\n".into() };
    let mut out = String::new();
    // Other targets have a trend of their own: mixed, they would show changes that never were.
    let same: Vec<&Line> = lines.iter().rev().filter(|line| line.is_like(newest)).collect();
    if same.len() > 1 {
        let _ = writeln!(
            out,
            "boxes of {} under `{}`, oldest run first (█ holds, ▄ waived, ▂ not seen, ✗ fails)\n",
            terminal(&newest.targets.join(", ")),
            terminal(&newest.policy)
        );
        for (at, tick) in BOXES.iter().enumerate() {
            let sparks: String = same.iter().map(|line| spark(line.boxes.chars().nth(at))).collect();
            let _ = writeln!(out, "{:>2} {sparks} {}", tick.number, tick.text);
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{:<16}  {:<16}  fail unseen hold waived  policy", "run", "started (UTC)");
    for line in lines {
        let marks: Vec<&str> = [
            (!line.complete, "cut short"),
            (line.complete && !line.whole, "part of the checklist"),
            (line.scheduled, "scheduled"),
            (!line.trusted, "policy not trusted"),
        ]
        .into_iter()
        .filter_map(|(holds, word)| holds.then_some(word))
        .collect();
        let marks = if marks.is_empty() { String::new() } else { format!(" ({})", marks.join(", ")) };
        let _ = writeln!(
            out,
            "{:<16}  {}  {:>4} {:>6} {:>4} {:>6}  {}{marks}{}",
            terminal(&line.id),
            line.started.format("%Y-%m-%d %H:%M"),
            line.summary.fail,
            line.summary.inconclusive,
            line.summary.pass,
            line.summary.waived,
            terminal(&line.policy),
            if line.targets == newest.targets {
                String::new()
            } else {
                format!(", on {}", terminal(&line.targets.join(", ")))
            },
        );
    }
    out
}

fn spark(letter: Option<char>) -> char {
    match letter {
        Some('p') => '█',
        Some('w') => '▄',
        Some('i') => '▂',
        Some('f') => '✗',
        // Does not apply, or a run of a version that kept no boxes.
        Some(_) | None => '·',
    }
}

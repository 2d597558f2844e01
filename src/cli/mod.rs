//! The command line: clap's types, and one short file per command.

mod audit;
mod checks;
mod demo;
mod dumps;
mod emit;
mod fingerprint;
mod history;
mod init;
mod plan;
mod replay;
mod scan;
mod schema;
mod select;
mod setup;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::check::Severity;
use crate::period::Period;
use crate::report::Outcome;
use crate::target::{Endpoint, Environment, Host, Scope};

/// Audits a live deployment and its repository against a written security policy.
///
/// For every item of the checklist it says: it holds (and on what grounds), it does not (where, and the remedy), or it
/// could not be seen. What was not seen is never passed.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes of audit and replay:\n  \
        0    everything in scope holds or is waived, and at least one item was decided\n  \
        1    something fails (at or above --fail-on)\n  \
        2    the audit could not run: bad arguments or a bad policy\n  \
        3    nothing fails, but something could not be seen\n  \
        130  interrupted; the report is valid and partial\n\n\
        Begin with:\n  \
        watertight audit --demo\n  \
        watertight audit --repo . --scope repository\n  \
        watertight audit --url https://mcp.example.com --endpoint /mcp --token-env MCP_TOKEN --repo . --authorised-by NAME",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Audit the targets and report.
    #[command(after_help = "Examples:\n  \
            watertight audit --policy policy.yaml\n  \
            watertight audit --policy policy.yaml --target production --format table --format json=report.json\n  \
            watertight audit --url http://127.0.0.1:3000 --endpoint /mcp --endpoint 'GET /api/items' --token-env MCP_TOKEN\n  \
            watertight audit --repo . --scope repository\n\n\
            A token never stands on the command line: --token-env names the variable that holds it, a policy can name a \
            file or a command.")]
    Audit(Box<audit::Arguments>),
    /// Print what an audit would ask, where, and how much it may send at most; sends nothing.
    Plan(Box<plan::Arguments>),
    /// List the checks.
    Checks(checks::ListArguments),
    /// Explain one check: what it holds the target to, its knobs, the remedy.
    Explain(checks::ExplainArguments),
    /// Write a policy.yaml to begin with: from a written policy, sentence by sentence, or from what the repository shows.
    #[command(after_help = "Examples:\n  \
        watertight init --from SECURITY.md\n  \
        watertight init --from SECURITY.md --output -\n  \
        watertight init\n\n\
        Every sentence of the document is bound to the checks that judge it, with the knobs taken from the text, or listed \
        as not covered; each is quoted with its line. Proposals for the target stand as comments.")]
    Init(init::Arguments),
    /// Judge recorded evidence again, as of the day it was taken; sends nothing.
    #[command(after_help = "Example:\n  \
        watertight audit --policy policy.yaml --evidence evidence.json\n  \
        watertight replay evidence.json --policy stricter.yaml\n\n\
        Under another policy, what was never asked reads `not asked` and is not passed.")]
    Replay(replay::Arguments),
    /// Prove that the audit can fail: seed each known fault into the embedded deployment and repository, and show that
    /// exactly the items that it concerns fall. Exits 0 if they do, 1 if not.
    Selftest(demo::SelftestArguments),
    /// Print the keyed fingerprint of a secret, as the rotation register takes it. The secret is read from a variable, a
    /// file or the standard input, and never printed.
    #[command(after_help = "Examples:\n  \
        watertight fingerprint --env MCP_TOKEN\n  \
        watertight fingerprint --file /run/secrets/mcp-token\n  \
        pass show mcp-token | watertight fingerprint")]
    Fingerprint(fingerprint::Arguments),
    /// Audit the secrets of a repository or a folder alone: the work tree, the index and the whole history, env files,
    /// ignore rules, incident records; with --policy also rotation and reuse. Of one file, or with --staged of what the next
    /// commit would add, only the secrets.
    #[command(after_help = "Examples:\n  \
        watertight scan                      the repository here, whole\n  \
        watertight scan --staged             what the next commit would add: for a pre-commit hook\n  \
        watertight scan notes.txt            one file\n  \
        watertight scan . --format sarif=secrets.sarif")]
    Scan(scan::Arguments),
    /// List the stored runs and how the boxes stood; `history show RUN` prints a report again, `history prune` drops old ones.
    #[command(after_help = "Examples:\n  \
        watertight history\n  \
        watertight history show 0a1b --format html=report.html\n  \
        watertight history prune --keep 400")]
    History(history::Arguments),
    /// Say what changed between two stored runs: new, reopened, fixed, waived, not evaluated. Exits 1 where something is
    /// new, 0 where nothing is.
    #[command(after_help = "Examples:\n  \
        watertight diff                      the newest complete run, against the one before it\n  \
        watertight diff 0a1b 2c3d --json")]
    Diff(history::DiffArguments),
    /// Print the JSON Schema of the policy or of the report.
    Schema(schema::Arguments),
    /// Print the completions of a shell.
    Completions(schema::CompletionArguments),
}

/// Which policy holds.
#[derive(Args, Clone, Debug, Default)]
struct PolicyArguments {
    /// The policy. Naming it trusts it; without this ./policy.yaml is used but not trusted (no credential is sent, no
    /// command run, nothing outside its directory read, no waiver in effect), and without that the embedded one.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Refuse the policy unless its SHA-256 is this one.
    #[arg(long, value_name = "HEX", requires = "policy")]
    policy_sha256: Option<String>,
}

/// What is audited.
#[derive(Args, Clone, Debug, Default)]
struct TargetArguments {
    /// Audit the embedded deployment and repository instead: `leaky` breaks every box, `sound` keeps every one.
    #[arg(long, value_name = "KIND", num_args = 0..=1, require_equals = true, default_missing_value = "leaky",
          conflicts_with_all = ["policy", "targets", "url", "repo", "token_env", "ca", "system_roots", "origins", "endpoints", "hosts"])]
    demo: Option<demo::Kind>,
    /// Only this target of the policy (repeatable).
    #[arg(long = "target", value_name = "NAME")]
    targets: Vec<String>,
    /// The deployment's origin, instead of the policy's targets.
    #[arg(long)]
    url: Option<String>,
    /// An endpoint: `/mcp` or `GET /api/items` (repeatable).
    #[arg(long = "endpoint", value_name = "ENDPOINT", value_parser = crate::policy::deployment::parse_endpoint)]
    endpoints: Vec<Endpoint>,
    /// The environment variable that holds the token.
    #[arg(long, value_name = "NAME")]
    token_env: Option<String>,
    /// The token may be put where it can leak (a query, a suffix) and is replaced after the audit; without this
    /// `auth-enforced` cannot see everything.
    #[arg(long, requires = "token_env")]
    token_disposable: bool,
    /// An origin that browsers may call from (repeatable).
    #[arg(long = "origin", value_name = "ORIGIN")]
    origins: Vec<String>,
    /// The repository.
    #[arg(long, value_name = "DIRECTORY")]
    repo: Option<PathBuf>,
    /// A host whose ports are looked at, with its allowed reach: `HOST` or `HOST=none|loopback|private|public`
    /// (repeatable).
    #[arg(long = "host", value_name = "HOST[=REACH]", value_parser = crate::policy::deployment::parse_host)]
    hosts: Vec<Host>,
    /// A private root certificate (PEM) that becomes the only root.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Trust the roots of this machine instead of Mozilla's, which are embedded.
    #[arg(long, conflicts_with = "ca")]
    system_roots: bool,
    /// What is judged; the rest does not apply.
    #[arg(long)]
    scope: Option<Scope>,
    /// The environment of the target given by --url.
    #[arg(long, value_enum)]
    environment: Option<EnvironmentName>,
    /// Who allows the audit; needed for a public address.
    #[arg(long, value_name = "NAME")]
    authorised_by: Option<String>,
    /// How much of the repository is in question; `scan` alone asks for less than the whole.
    #[arg(skip)]
    extent: crate::target::Extent,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum EnvironmentName {
    Development,
    Staging,
    Production,
}

impl From<EnvironmentName> for Environment {
    fn from(name: EnvironmentName) -> Self {
        match name {
            EnvironmentName::Development => Self::Development,
            EnvironmentName::Staging => Self::Staging,
            EnvironmentName::Production => Self::Production,
        }
    }
}

/// Which checks run.
#[derive(Args, Clone, Debug, Default)]
struct CheckArguments {
    /// Only this check (repeatable).
    #[arg(long = "check", value_name = "ID")]
    only: Vec<String>,
    /// Without this check (repeatable).
    #[arg(long = "skip", value_name = "ID")]
    skip: Vec<String>,
}

/// What comes out.
#[derive(Args, Clone, Debug)]
struct OutputArguments {
    /// A format, and the file it goes to (repeatable): `table`, `json=report.json`, `sarif=report.sarif`. There are table,
    /// json, sarif, junit, markdown, html, oscal, csv, prometheus, nagios and checklist. Only one can go to the standard output.
    #[arg(long = "format", value_name = "FORMAT[=FILE]", default_value = "table", value_parser = emit::parse)]
    formats: Vec<emit::Format>,
    /// The least severity whose failure makes the exit code 1.
    #[arg(long, value_name = "SEVERITY", value_enum, default_value = "low")]
    fail_on: SeverityName,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SeverityName {
    Low,
    Medium,
    High,
    Critical,
}

impl From<SeverityName> for Severity {
    fn from(name: SeverityName) -> Self {
        match name {
            SeverityName::Low => Self::Low,
            SeverityName::Medium => Self::Medium,
            SeverityName::High => Self::High,
            SeverityName::Critical => Self::Critical,
        }
    }
}

/// Why a command could not run: exit code 2.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Policy(#[from] crate::policy::fault::Faults),
    #[error("{what}: {source}")]
    File { what: String, source: std::io::Error },
    #[error("{what}: {source}")]
    Json { what: String, source: serde_json::Error },
}

impl Error {
    fn file(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::File { what, source }
    }

    fn json(what: impl Into<String>) -> impl FnOnce(serde_json::Error) -> Self {
        let what = what.into();
        move |source| Self::Json { what, source }
    }
}

/// Parses, runs, and says how it ended. Bad arguments end the process with code 2 before this returns.
pub fn main() -> ExitCode {
    dumps::forbid();
    let result = match Cli::parse().command {
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Plan(arguments) => plan::run(&arguments),
        Command::Checks(arguments) => checks::list(&arguments),
        Command::Explain(arguments) => checks::explain(&arguments),
        Command::Init(arguments) => init::run(&arguments),
        Command::Replay(arguments) => replay::run(&arguments),
        Command::Selftest(arguments) => demo::selftest(&arguments),
        Command::Fingerprint(arguments) => fingerprint::run(&arguments),
        Command::Scan(arguments) => scan::run(&arguments),
        Command::History(arguments) => history::run(&arguments),
        Command::Diff(arguments) => history::diff(&arguments),
        Command::Schema(arguments) => schema::run(&arguments),
        Command::Completions(arguments) => schema::completions::<Cli>(&arguments),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            emit::complain(&format!("{error}"));
            ExitCode::from(2)
        }
    }
}

/// The exit code of an audit, which no format changes.
fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Holds => 0,
        Outcome::Fails => 1,
        Outcome::Inconclusive => 3,
    }
}

/// The exit code of an audit that the user interrupted: 128 + SIGINT, as shells have it.
const INTERRUPTED: u8 = 130;

/// How long an audit may take unless `--max-time` says otherwise.
const MAX_TIME: Period = Period::seconds(15 * 60);

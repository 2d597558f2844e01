//! Which policy holds, how far it is trusted, and what the flags change of its targets.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chrono::{NaiveDate, Utc};
use url::Url;

use super::{Error, PolicyArguments, TargetArguments, emit};
use crate::policy::deployment::add_own_host;
use crate::policy::file::{Trust, Written, read, sha256};
use crate::policy::source::{self, Links};
use crate::policy::{Policy, shipped};
use crate::target::{Authorised, Deployment, Limits, Repository, Scope, Target, Token, TokenSource, Writes};

/// The policy that is looked for where none is named.
const FOUND: &str = "policy.yaml";
/// The name of a target that only flags describe.
const FROM_FLAGS: &str = "command-line";
/// A policy may have 256 KiB; what is longer need not be read to be refused.
const READ_AT_MOST: u64 = 256 * 1024 + 1;

/// The policy of this run, its targets chosen and completed by the flags.
pub(super) fn policy(arguments: &PolicyArguments, targets: &TargetArguments) -> Result<Policy, Error> {
    let today = Utc::now().date_naive();
    let mut policy = match (&arguments.policy, names_a_target(targets)) {
        (Some(file), _) => named(file, arguments.policy_sha256.as_deref(), today)?,
        // Flags that name the target must not lend their token to a policy that merely lies around.
        (None, true) => {
            if Path::new(FOUND).symlink_metadata().is_ok() {
                emit::note("./policy.yaml is not used beside --url or --repo; name it with --policy to use it");
            }
            embedded(today)?
        }
        (None, false) => match found(today)? {
            Some(policy) => policy,
            None => embedded(today)?,
        },
    };
    choose(&mut policy, targets)?;
    complete(&mut policy, targets)?;
    let repositories: Vec<PathBuf> =
        policy.targets.iter().filter_map(|target| Some(target.repository.as_ref()?.path.clone())).collect();
    let repositories: Vec<&Path> = repositories.iter().map(PathBuf::as_path).collect();
    let withheld = crate::policy::exec::withhold(&mut policy.exec, policy.source.trusted, &repositories);
    policy.source.withheld.extend(withheld);
    Ok(policy)
}

/// The policy named by `--policy`, for `replay`.
pub(super) fn named(file: &Path, pin: Option<&str>, today: NaiveDate) -> Result<Policy, Error> {
    let source = text_of(file)?;
    if let Some(pin) = pin
        && !sha256(&source).eq_ignore_ascii_case(pin)
    {
        return Err(Error::Usage(format!(
            "{} is not the policy that --policy-sha256 pins: its SHA-256 is {}",
            file.display(),
            sha256(&source)
        )));
    }
    let shown = file.display().to_string();
    let directory = file.parent().unwrap_or(Path::new(""));
    let policy = read(&Written { source: &source, file: &shown, directory, trust: Trust::Full, today })?;
    if pin.is_some() && !policy.source.registers.is_empty() {
        let registers = policy.source.registers.join(", ");
        emit::note(&format!("--policy-sha256 pins the policy alone, not the registers that it names: {registers}"));
    }
    Ok(policy)
}

/// The policy that lies around. A symlink would have its author choose which file of this machine is read and shown.
fn found(today: NaiveDate) -> Result<Option<Policy>, Error> {
    let file = Path::new(FOUND);
    if file.symlink_metadata().is_err() {
        return Ok(None);
    }
    let source = source::text(file, Links::Refused, READ_AT_MOST).map_err(|error| {
        Error::Usage(format!("./{FOUND} was found and is not used: {error}; name the policy with --policy FILE"))
    })?;
    let trust = Trust::Found { root: PathBuf::from(".") };
    Ok(Some(read(&Written { source: &source, file: FOUND, directory: Path::new(""), trust, today })?))
}

fn embedded(today: NaiveDate) -> Result<Policy, Error> {
    let written =
        Written { source: shipped::TEXT, file: shipped::NAME, directory: Path::new(""), trust: Trust::Full, today };
    Ok(read(&written)?)
}

fn text_of(file: &Path) -> Result<String, Error> {
    let wrong = || Error::file(format!("the policy {} cannot be read", file.display()));
    let mut text = String::new();
    std::fs::File::open(file).map_err(wrong())?.take(READ_AT_MOST).read_to_string(&mut text).map_err(wrong())?;
    Ok(text)
}

fn names_a_target(targets: &TargetArguments) -> bool {
    targets.url.is_some() || targets.repo.is_some()
}

fn choose(policy: &mut Policy, arguments: &TargetArguments) -> Result<(), Error> {
    for name in &arguments.targets {
        if !policy.targets.iter().any(|target| target.name == *name) {
            let names: Vec<&str> = policy.targets.iter().map(|target| target.name.as_str()).collect();
            return Err(Error::Usage(format!(
                "the policy {} has no target `{}`; it has {}",
                policy.source.file,
                crate::report::escape::terminal(name),
                if names.is_empty() { "none".to_owned() } else { names.join(", ") }
            )));
        }
    }
    if !arguments.targets.is_empty() {
        policy.targets.retain(|target| arguments.targets.contains(&target.name));
    }
    let only_repository = policy.targets.is_empty() && arguments.repo.is_some();
    if arguments.url.is_some() || only_repository {
        if !arguments.targets.is_empty() {
            return Err(Error::Usage(
                "--target chooses one of the policy's targets, --url names another: give one".into(),
            ));
        }
        policy.targets = vec![Target {
            name: FROM_FLAGS.into(),
            environment: arguments.environment.map(Into::into).unwrap_or_default(),
            scope: Scope::default(),
            deployment: arguments.url.as_deref().map(deployment).transpose()?,
            repository: None,
            checks: common_knobs(policy),
        }];
    }
    if policy.targets.is_empty() {
        return Err(Error::Usage(
            "nothing to audit: name a policy with targets (--policy FILE), a deployment (--url URL) or a repository \
             (--repo DIRECTORY)"
                .into(),
        ));
    }
    Ok(())
}

/// The policy's own `checks:`, which hold for a target that only flags describe.
fn common_knobs(policy: &Policy) -> BTreeMap<String, serde_json::Value> {
    policy.checks.clone()
}

fn deployment(url: &str) -> Result<Deployment, Error> {
    let shown = || crate::report::escape::terminal(&crate::report::escape::bounded(url, 100));
    let parsed = Url::parse(url).map_err(|error| Error::Usage(format!("--url `{}`: {error}", shown())))?;
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Error::Usage("--url: leave user and password out; --token-env names the token".into()));
    }
    if !matches!(parsed.scheme(), "http" | "https") || parsed.host_str().is_none() {
        return Err(Error::Usage(format!("--url `{}`: give it as https://host or http://host", shown())));
    }
    if !matches!(parsed.path(), "" | "/") || parsed.query().is_some() || parsed.fragment().is_some() {
        return Err(Error::Usage(format!(
            "--url `{}` goes below the origin: give {} and the path with --endpoint",
            shown(),
            parsed.origin().ascii_serialization()
        )));
    }
    let mut hosts = Vec::new();
    add_own_host(&parsed, &mut hosts);
    Ok(Deployment {
        url: parsed,
        plain: None,
        authorised: None,
        endpoints: Vec::new(),
        openapi: None,
        token: None,
        client_cert: None,
        headers: BTreeMap::new(),
        proxy: None,
        resolve: BTreeMap::new(),
        origins: None,
        hosts,
        tools: None,
        ca: None,
        system_roots: false,
        pins: Vec::new(),
        logs: Vec::new(),
        monitoring: None,
        writes: Writes::Deny,
        limits: Limits::default(),
        never: Vec::new(),
        costly: Vec::new(),
        exempt: None,
    })
}

/// What the flags add to the chosen targets. What describes one deployment needs exactly one target.
fn complete(policy: &mut Policy, arguments: &TargetArguments) -> Result<(), Error> {
    for target in &mut policy.targets {
        if let Some(scope) = arguments.scope {
            target.scope = scope;
        }
        if let (Some(by), Some(deployment)) = (&arguments.authorised_by, &mut target.deployment) {
            deployment.authorised = Some(Authorised { by: by.clone(), until: None });
        }
    }
    let describes = arguments.repo.is_some()
        || arguments.token_env.is_some()
        || arguments.ca.is_some()
        || arguments.system_roots
        || !arguments.endpoints.is_empty()
        || !arguments.origins.is_empty()
        || !arguments.hosts.is_empty();
    if !describes {
        return Ok(());
    }
    if !policy.source.trusted {
        return Err(Error::Usage(
            "these flags would complete a policy that was found: name it with --policy, or the deployment with --url"
                .into(),
        ));
    }
    let [target] = policy.targets.as_mut_slice() else {
        return Err(Error::Usage("these flags describe one target: choose it with --target NAME".into()));
    };
    if let Some(repo) = &arguments.repo {
        // What the policy says of its repository, such as rules of one's own, holds for the one named here.
        match &mut target.repository {
            Some(known) => known.path.clone_from(repo),
            None => target.repository = Some(Repository::at(repo)),
        }
        if let Some(known) = &mut target.repository {
            known.extent = arguments.extent;
        }
    }
    let Some(deployment) = &mut target.deployment else {
        if arguments.token_env.is_none()
            && arguments.ca.is_none()
            && !arguments.system_roots
            && arguments.endpoints.is_empty()
            && arguments.origins.is_empty()
            && arguments.hosts.is_empty()
        {
            return Ok(());
        }
        return Err(Error::Usage(
            "--endpoint, --token-env, --origin, --host, --ca and --system-roots need a deployment: give --url".into(),
        ));
    };
    deployment.endpoints.extend(arguments.endpoints.iter().cloned());
    deployment.endpoints.sort();
    deployment.endpoints.dedup();
    if let Some(name) = &arguments.token_env {
        deployment.token = Some(Token {
            source: TokenSource::Env(name.clone()),
            header: "Authorization".into(),
            disposable: arguments.token_disposable,
        });
    }
    if !arguments.origins.is_empty() {
        deployment.origins =
            Some(arguments.origins.iter().map(|origin| browser_origin(origin)).collect::<Result<_, _>>()?);
    }
    for host in &arguments.hosts {
        deployment.hosts.retain(|known| known.name != host.name);
        deployment.hosts.push(host.clone());
    }
    if let Some(ca) = &arguments.ca {
        deployment.ca = Some(ca.clone());
        deployment.system_roots = false;
    }
    if arguments.system_roots {
        deployment.ca = None;
        deployment.system_roots = true;
    }
    Ok(())
}

fn browser_origin(text: &str) -> Result<String, Error> {
    let written = Url::parse(text).map(|url| url.origin().ascii_serialization()).unwrap_or_default();
    if written == text {
        return Ok(written);
    }
    let shown = crate::report::escape::terminal(&crate::report::escape::bounded(text, 100));
    Err(Error::Usage(format!(
        "--origin `{shown}` is not an origin as browsers send it, such as https://app.example.com"
    )))
}

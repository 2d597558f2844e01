//! Endpoints that only the repository knows: routes in its code and paths that its proxies pass on.

use crate::detect::routes::{self, Placed, Route};
use crate::evidence::repo::{Lines, Matches};
use crate::evidence::{Ask, Evidence, Unseen};
use crate::target::{Endpoint, Target};

/// What is asked of the repository, where there is one.
pub(super) fn asks(target: &Target) -> Vec<Ask> {
    if target.repository().is_err() {
        return Vec::new();
    }
    vec![in_code().into(), in_proxies().into()]
}

fn in_code() -> Lines {
    Lines { globs: routes::CODE.iter().map(|glob| (*glob).to_owned()).collect(), pattern: routes::in_code() }
}

fn in_proxies() -> Lines {
    Lines { globs: routes::PROXIES.iter().map(|glob| (*glob).to_owned()).collect(), pattern: routes::in_proxies() }
}

/// What the repository adds to the known endpoints.
#[derive(Default)]
pub(super) struct Added {
    /// With the route that names each.
    pub(super) endpoints: Vec<(Endpoint, Route)>,
    /// Routes of which the whole path is not known, so that they cannot be tried.
    pub(super) untried: Vec<Route>,
    pub(super) unseen: Vec<Unseen>,
}

pub(super) fn added(target: &Target, seen: &Evidence, known: &[Endpoint], elsewhere: &[String]) -> Added {
    let mut added = Added::default();
    if target.repository().is_err() {
        return added;
    }
    let mut found: Vec<Route> = Vec::new();
    for (ask, read) in
        [(in_code(), routes::routes as fn(&[Placed<'_>]) -> Vec<Route>), (in_proxies(), routes::passed_on)]
    {
        match seen.of(&ask) {
            Ok(matches) => {
                if matches.truncated {
                    added.unseen.push(Unseen::Partial("the repository's routes: too many lines".into()));
                }
                found.extend(read(&placed(matches)));
            }
            Err(why) => added.unseen.push(why),
        }
    }
    found.retain(|route| !elsewhere.iter().any(|folder| route.file.starts_with(folder.as_str())));
    for route in found {
        let method = route.method.clone();
        let is_served = |endpoint: &Endpoint| {
            // A bare path may be any method's, as that of an MCP server is.
            let asked =
                if endpoint.method_named { endpoint.method.as_str() } else { method.as_deref().unwrap_or("GET") };
            route.serves(asked, &endpoint.path)
        };
        let again = |other: &Route| other.method == route.method && other.path == route.path;
        if known.iter().any(is_served)
            || added.endpoints.iter().any(|(endpoint, _)| is_served(endpoint))
            || added.untried.iter().any(again)
        {
            continue;
        }
        match route.askable() {
            Some(path) => {
                let method = method.unwrap_or_else(|| "GET".into());
                added.endpoints.push((Endpoint { method, path, public: None, method_named: true }, route));
            }
            None => added.untried.push(route),
        }
    }
    added
}

fn placed(matches: &Matches) -> Vec<Placed<'_>> {
    matches.lines.iter().map(|line| (line.path.as_str(), line.line, line.text.as_str())).collect()
}

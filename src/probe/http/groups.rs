//! What is tried while the origin refuses, several variations in one request: refused, none of them gets around the count.
//!
//! Only what is independent rides together. A limiter may keep one count for whoever is denied and none for an endpoint,
//! so no endpoint rides with a credential, and no credential with an endpoint of another path than the measured one.

use std::net::{IpAddr, Ipv4Addr};

use super::burst::{Gunner, Line};
use super::client::{self, Route};
use super::shot;
use super::trust::Trust;
use super::vary::{self, SPOOFED, respelled, spoofed, spoofed_as};
use crate::evidence::http::{Credential, Listener, Request};
use crate::evidence::limit::{Subject, Varied};

/// An origin of nobody (RFC 2606): whether a refusal grants it.
pub(super) const FOREIGN: &str = "https://watertight-audit.example";

/// One request that varies several things at once.
#[derive(Clone)]
pub(super) struct Group {
    pub(super) request: Request,
    pub(super) route: Route,
    pub(super) parts: Vec<(Varied, Request)>,
    /// Whether it may go out before the limit is reached: it comes from the same client, and may be sent twice.
    pub(super) early: bool,
}

impl Group {
    fn of(request: Request, route: Route, varied: Varied) -> Self {
        Self { request: request.clone(), route, parts: vec![(varied, request)], early: true }
    }

    /// One more variation of the plain line in the same request: these headers are added to it.
    fn join(&mut self, varied: Varied, claimed: Request, line: &Line) {
        self.request.headers.extend(claimed.headers.iter().skip(line.request.headers.len()).cloned());
        self.parts.push((varied, claimed));
    }
}

pub(super) async fn groups(gunner: &Gunner<'_>, line: &Line, subjects: &[Subject]) -> Vec<Group> {
    let route = line.route;
    let mut groups = addresses(gunner, line).await;
    let mut claims = vec![
        (Varied::Spoofed("a group of client address headers".into()), spoofed(line, SPOOFED, 19)),
        (Varied::Spoofed("X-Forwarded-For: 127.0.0.1".into()), spoofed_as(line, "127.0.0.1")),
        (Varied::Spoofed(SPOOFED[0].into()), spoofed(line, &SPOOFED[..1], 7)),
    ];
    if line.request.credential == Credential::Valid {
        for (varied, credential) in [(Varied::Anonymous, Credential::None), (Varied::MadeUp, Credential::Wrong)] {
            let mut group = Group::of(line.request.clone().with(credential), route, varied);
            if let Some((claim, claimed)) = claims.pop() {
                group.join(claim, claimed, line);
            }
            groups.push(group);
        }
    }
    let (all, ways) = vary::disguised(&line.request, gunner.deployment);
    let mut disguise = Some((all, ways));
    for subject in subjects.iter().filter(|subject| **subject != line.subject) {
        let (request, in_words, stand_in) = shot::sibling(subject, &line.request.credential);
        let varied = Varied::Sibling { subject: subject.clone(), stand_in: stand_in.then_some(in_words) };
        let mut group = Group::of(request.clone(), route, varied);
        if subject.costly {
            group.early = false;
        } else if let Some((claim, claimed)) = claims.pop() {
            group.join(claim, claimed, line);
        } else if let Some((_, ways)) = disguise.take() {
            group.request = vary::disguised(&request, gunner.deployment).0;
            group.parts.extend(ways);
        } else if groups.iter().all(|group| group.request.origin.as_deref() != Some(FOREIGN)) {
            // What a refusal grants to a foreign origin, on the way.
            group.request.origin = Some(FOREIGN.into());
        }
        groups.push(group);
    }
    for (varied, claimed) in claims {
        groups.push(Group::of(claimed, route, varied));
    }
    if let Some((all, ways)) = disguise {
        groups.push(Group { request: all, route, parts: ways, early: true });
    }
    let told = groups.iter().any(|group| group.request.origin.as_deref() == Some(FOREIGN));
    let mut spelled = spelled(line);
    if let Some(headed) = vary::headed(&line.request) {
        let varied = Varied::Method(headed.method.clone());
        if told {
            spelled.request.method.clone_from(&headed.method);
            spelled.parts.push((varied, headed));
        } else {
            // What a refusal grants and tells is read off one that has a body.
            groups.push(Group::of(headed, route, varied));
        }
    }
    if !told {
        spelled.request.origin = Some(FOREIGN.into());
    }
    groups.push(spelled);
    groups
}

/// From another address of ours, and to the other ones of the host.
async fn addresses(gunner: &Gunner<'_>, line: &Line) -> Vec<Group> {
    let mut groups = Vec::new();
    let trust = Trust::of(&line.request.credential, gunner.deployment);
    let Ok(ready) = client::ready(&gunner.sender, gunner.deployment, Listener::Main, trust).await else {
        return groups;
    };
    let mine = ready.addresses.first().copied();
    let mut add = |varied, route| {
        groups.push(Group { early: false, ..Group::of(line.request.clone(), route, varied) });
    };
    // Linux has all of 127.0.0.0/8, and leaves the choice of the source address to us.
    if mine.is_some_and(|mine| mine.is_ipv4() && mine.ip().is_loopback()) {
        let source = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
        add(Varied::Source(source.to_string()), Route { source: Some(source), ..line.route });
    }
    for address in ready.addresses.iter().skip(1).copied() {
        let same_family = mine.is_some_and(|mine| mine.is_ipv4() == address.is_ipv4());
        let varied = Varied::Address { address: address.to_string(), same_family };
        add(varied, Route { address: Some(address), ..line.route });
    }
    groups
}

/// Other spellings of the path.
fn spelled(line: &Line) -> Group {
    let spelled = |path: &str| Request { path: path.to_owned(), exact: true, ..line.request.clone() };
    let (doubled, ended) = (format!("/{}", line.request.path), respelled(&line.request.path));
    let parts: Vec<_> = [doubled, ended.clone()].map(|path| (Varied::Spelled(path.clone()), spelled(&path))).into();
    Group { request: spelled(&format!("/{ended}")), route: line.route, parts, early: true }
}

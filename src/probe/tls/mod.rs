//! TLS without a TLS library: hellos of every age, and what came back in clear.

mod chain;
mod further;
mod line;
mod sweep;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use futures_util::stream::{self, StreamExt as _};

use crate::evidence::http::Listener;
use crate::evidence::tls::{
    ADDRESSES, Chain, Chosen, ChosenAt, Greeted, Greeting, Hello, Outcome, Presented, PresentedAt, Sent, Suites,
    Version,
};
use crate::evidence::{Ask, Unseen};
use crate::probe::{Sink, World, address, pick};
use crate::target::Target;
use line::Line;
use sweep::Sweep;

/// Addresses looked at side by side.
const ABREAST: usize = 4;

/// Answers every ask about TLS; one sweep over the versions serves the hellos and the chain.
pub(super) async fn answer(world: &World, target: &Target, asks: &BTreeSet<Ask>, sink: &Sink) {
    let asked = Asked {
        hello: pick(asks, |ask| if let Ask::Hello(hello) = ask { Some(hello) } else { None }).pop(),
        suites: pick(asks, |ask| if let Ask::Suites(suites) = ask { Some(suites) } else { None }),
        chain: pick(asks, |ask| if let Ask::Chain(chain) = ask { Some(chain) } else { None }).pop(),
    };
    if asked.hello.is_none() && asked.suites.is_empty() && asked.chain.is_none() {
        return;
    }
    if let Err(unseen) = look(world, target, &asked, sink).await {
        asked.refuse(&unseen, sink);
    }
}

/// What this round asks about TLS.
struct Asked {
    hello: Option<Hello>,
    suites: Vec<Suites>,
    chain: Option<Chain>,
}

impl Asked {
    fn refuse(&self, unseen: &Unseen, sink: &Sink) {
        if let Some(hello) = &self.hello {
            sink.put(hello, Err(unseen.clone()));
        }
        for suites in &self.suites {
            sink.put(suites, Err(unseen.clone()));
        }
        if let Some(chain) = &self.chain {
            sink.put(chain, Err(unseen.clone()));
        }
    }
}

async fn look(world: &World, target: &Target, asked: &Asked, sink: &Sink) -> Result<(), Unseen> {
    let deployment = target.deployment().map_err(|absent| Unseen::NotNamed(absent.to_string()))?;
    if deployment.proxy.is_some() {
        return Err(Unseen::NotComparable(
            "the target is reached through a proxy, and a TLS hello past it would judge another path".into(),
        ));
    }
    let mut addresses = address::addresses(world, target, deployment.host(), deployment.port()).await?;
    let left_out: Vec<String> =
        addresses.split_off(addresses.len().min(ADDRESSES as usize)).iter().map(ToString::to_string).collect();
    // RFC 6066 section 3: no address, and no dot at the end.
    let name = deployment.host().trim_end_matches('.');
    let name = name.parse::<IpAddr>().is_err().then_some(name);
    let host = Listener::Main.host(target).unwrap_or_default();
    let looked: Vec<Looked> = stream::iter(addresses)
        .map(|address| {
            let line = Line { world, target, name, host: &host, address };
            async move { look_at(&line, asked).await }
        })
        .buffered(ABREAST)
        .collect()
        .await;
    let mut greeting = Greeting { addresses: Vec::new(), left_out: left_out.clone() };
    let mut chosen: Vec<Chosen> = asked.suites.iter().map(|_| Chosen::default()).collect();
    let mut presented = Presented { left_out, ..Presented::default() };
    for at in looked {
        greeting.addresses.extend(at.greeted);
        for (chosen, at) in chosen.iter_mut().zip(at.chosen) {
            chosen.addresses.push(at);
        }
        presented.addresses.extend(at.presented);
    }
    if let Some(hello) = &asked.hello {
        sink.put(hello, Ok(greeting));
    }
    for (suites, chosen) in asked.suites.iter().zip(chosen) {
        sink.put(suites, Ok(chosen));
    }
    if let Some(chain) = &asked.chain {
        let of_the_system = deployment.system_roots && deployment.ca.is_none();
        let roots = match &deployment.ca {
            Some(path) => chain::roots(path).await.map(Some),
            None if of_the_system => chain::system_roots(&presented).map(Some),
            None => Ok(None),
        };
        sink.put(chain, roots.map(|roots| Presented { roots, of_the_system, ..presented }));
    }
    Ok(())
}

/// What one address showed.
struct Looked {
    greeted: Option<Greeted>,
    chosen: Vec<ChosenAt>,
    presented: Vec<PresentedAt>,
}

/// The versions, then what else the server takes, then the chain where it was not in clear, then a good hello.
async fn look_at(line: &Line<'_>, asked: &Asked) -> Looked {
    let address = line.address.to_string();
    let sweep = sweep::conduct(line, asked).await;
    if let Some(outcome) = sweep.mute() {
        let unseen = why_mute(&outcome, line.address);
        return Looked {
            greeted: asked.hello.is_some().then(|| sweep.greeted(&address, None)),
            chosen: asked.suites.iter().map(|suites| further::unasked(suites, &address, &outcome)).collect(),
            presented: asked
                .chain
                .iter()
                .map(|_| PresentedAt { address: address.clone(), chain: Err(unseen.clone()) })
                .collect(),
        };
    }
    let mut chains = Vec::new();
    let mut good = None;
    if asked.chain.is_some() {
        sweep.chains().into_iter().for_each(|sent| further::keep(&mut chains, sent));
    }
    let mut chosen = Vec::new();
    let mut unseen_chains = Vec::new();
    if sweep.speaks_up_to_1_2() {
        let looked = further::look(line, asked, &mut chains).await;
        chosen = looked.chosen;
        good = looked.good;
        unseen_chains.extend(looked.unseen_chain);
    } else {
        // Every suite of the version was offered and none taken: the forbidden ones among them.
        let refused = sweep.outcome(Version::Tls12).cloned().unwrap_or(Outcome::Closed);
        chosen.extend(asked.suites.iter().map(|suites| further::unasked(suites, &address, &refused)));
    }
    if let Some(ask) = &asked.chain
        && chains.is_empty()
        && unseen_chains.is_empty()
    {
        match encrypted(line, &ask.clone().into(), &sweep).await {
            Ok((sent, other)) => {
                good = sweep.outcome(Version::Tls13).filter(|outcome| outcome.is_accepted()).cloned();
                chains.extend(sent);
                unseen_chains.extend(other);
            }
            Err(unseen) => unseen_chains.push(unseen),
        }
    }
    let greeted = match &asked.hello {
        Some(hello) => {
            let control = match good {
                Some(good) => Some(good),
                None => sweep.control(line, &hello.clone().into()).await,
            };
            Some(sweep.greeted(&address, control))
        }
        None => None,
    };
    let seen = chains.into_iter().map(Ok).chain(unseen_chains.into_iter().map(Err));
    let presented = seen.map(|chain| PresentedAt { address: address.clone(), chain }).collect();
    Looked { greeted, chosen, presented }
}

/// The chains of a server that shows none in clear: one for each kind of key that it has, and what was not seen of the
/// second kind.
async fn encrypted(line: &Line<'_>, ask: &Ask, sweep: &Sweep) -> Result<(Vec<Sent>, Option<Unseen>), Unseen> {
    let why = |what: String| Unseen::Malformed(format!("no chain from {}: {what}", line.address));
    let in_clear = sweep.outcome(Version::Tls12).map_or("not asked".into(), ToString::to_string);
    match sweep.outcome(Version::Tls13) {
        Some(Outcome::Accepted { .. }) | None => {}
        Some(newest) => {
            return Err(why(format!("TLS 1.2 {in_clear}, without a certificate; TLS 1.3 {newest}")));
        }
    }
    let first = line.shake_hands(ask, chain::Keys::Any).await.map_err(|unseen| match unseen {
        Unseen::Malformed(what) => why(format!("TLS 1.2 {in_clear}; TLS 1.3: {what}")),
        other => other,
    })?;
    let Some(rsa) = chain::is_rsa(&first) else { return Ok((vec![first], None)) };
    let other = if rsa { chain::Keys::Curves } else { chain::Keys::Rsa };
    Ok(match line.shake_hands(ask, other).await {
        Ok(second) if second.certificates == first.certificates => (vec![first], None),
        Ok(second) => (vec![first, second], None),
        // Refused: it has no other key.
        Err(Unseen::Malformed(_)) => (vec![first], None),
        Err(unseen) => (vec![first], Some(unseen)),
    })
}

fn why_mute(outcome: &Outcome, address: SocketAddr) -> Unseen {
    let what = format!("{address}: {outcome}");
    match outcome {
        Outcome::Silent(_) => Unseen::TimedOut(what),
        Outcome::NotListening | Outcome::Unreachable(_) => Unseen::Unreachable(what),
        Outcome::Accepted { .. }
        | Outcome::Downgraded { .. }
        | Outcome::Alert(_)
        | Outcome::Closed
        | Outcome::Reset
        | Outcome::PlainHttp
        | Outcome::NotTls(_) => Unseen::Malformed(what),
    }
}

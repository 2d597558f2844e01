//! TLS without a TLS library: hellos of every age, and what came back in clear.

mod chain;
mod further;
mod line;
mod sweep;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::AtomicBool;

use futures_util::stream::{self, StreamExt as _};

use crate::evidence::http::Listener;
use crate::evidence::tls::{
    ADDRESSES, Chain, Chosen, ChosenAt, Greeted, Greeting, Hello, Outcome, Presented, PresentedAt, Sent, Suites,
    Version,
};
use crate::evidence::{Ask, Unseen};
use crate::probe::{Sink, World, address, pick};
use crate::target::Target;
use chain::Failed;
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
    /// On whose account a hello goes that serves all of them.
    fn first(&self) -> Option<Ask> {
        let hello = self.hello.iter().map(|hello| Ask::from(hello.clone()));
        let chain = self.chain.iter().map(|chain| Ask::from(chain.clone()));
        hello.chain(chain).chain(self.suites.iter().map(|suites| suites.clone().into())).next()
    }

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
            let line = Line { world, target, name, host: &host, address, slow: AtomicBool::new(false) };
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

/// The old versions, TLS 1.2, what else the server takes up to it, and TLS 1.3 last, with the chains on the way.
async fn look_at(line: &Line<'_>, asked: &Asked) -> Looked {
    let address = line.address.to_string();
    let Some(ask) = asked.first() else {
        return Looked { greeted: None, chosen: Vec::new(), presented: Vec::new() };
    };
    let mut sweep = Sweep::default();
    match &asked.hello {
        Some(hello) => sweep = sweep::up_to_1_2(line, &hello.clone().into()).await,
        None => sweep.ask(line, &ask, Version::Tls12).await,
    }
    let mut chains = Chains::default();
    if asked.chain.is_some() {
        sweep.chains().into_iter().for_each(|sent| chains.keep(sent));
    }
    let mut answered = true;
    let mut chosen = Vec::new();
    if sweep.speaks_up_to_1_2() {
        let further = further::look(line, asked, sweep.group(), &mut chains).await;
        answered = further.answered;
        chosen = further.chosen;
    } else {
        // Every suite of the version was offered and none taken: the forbidden ones among them.
        let refused = sweep.outcome(Version::Tls12).cloned().unwrap_or(Outcome::Closed);
        chosen.extend(asked.suites.iter().map(|suites| further::unasked(suites, &address, &refused)));
    }
    if sweep.mute().is_none_or(|outcome| outcome != Outcome::NotListening) {
        newest(line, asked, &mut sweep, &mut chains).await;
    }
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
    let greeted = match &asked.hello {
        Some(hello) => {
            let control = match sweep.last_good(answered) {
                Some(good) => Some(good),
                None => sweep.control(line, &hello.clone().into()).await,
            };
            Some(sweep.greeted(&address, control))
        }
        None => None,
    };
    let presented = if asked.chain.is_some() { chains.presented(&address) } else { Vec::new() };
    Looked { greeted, chosen, presented }
}

/// The chains of one address, and what was not seen of them.
#[derive(Default)]
struct Chains {
    sent: Vec<Sent>,
    unseen: Vec<Unseen>,
    /// Why a handshake of TLS 1.3 showed none.
    failed: Option<Unseen>,
}

impl Chains {
    /// Keeps a chain that is not there yet; of a response that comes with it the last one counts.
    fn keep(&mut self, sent: Sent) {
        match self.sent.iter_mut().find(|known| known.certificates == sent.certificates) {
            Some(known) if sent.stapled => (known.stapled, known.staple) = (true, sent.staple),
            Some(_) => {}
            None => self.sent.push(sent),
        }
    }

    /// What the failed handshake leaves open: everything, where nothing was in clear; where something was, the chain of TLS
    /// 1.3, unless that version is refused.
    fn conclude(&mut self, address: SocketAddr, sweep: &Sweep) {
        let Some(failed) = self.failed.take() else { return };
        let newest = sweep.outcome(Version::Tls13);
        let refused = match newest {
            None => matches!(failed, Unseen::Malformed(_)),
            Some(outcome) => !outcome.is_accepted(),
        };
        if !self.sent.is_empty() && refused {
            return;
        }
        self.unseen.push(match failed {
            Unseen::Malformed(what) => {
                let older = sweep.outcome(Version::Tls12).map_or("not asked".into(), ToString::to_string);
                Unseen::Malformed(format!("no chain over TLS 1.3 from {address}: TLS 1.2 {older}; TLS 1.3: {what}"))
            }
            other => other,
        });
    }

    fn presented(self, address: &str) -> Vec<PresentedAt> {
        let seen = self.sent.into_iter().map(Ok).chain(self.unseen.into_iter().map(Err));
        seen.map(|chain| PresentedAt { address: address.to_owned(), chain }).collect()
    }
}

/// TLS 1.3: through a handshake where its chain is wanted, for a server may show another one there than to older clients;
/// else by a hello.
async fn newest(line: &Line<'_>, asked: &Asked, sweep: &mut Sweep, chains: &mut Chains) {
    let by_hello = asked.hello.as_ref().map(|hello| Ask::from(hello.clone()));
    if let Some(chain) = &asked.chain
        && sweep.mute().is_none()
        && sweep.outcome(Version::Tls13).is_none_or(Outcome::is_accepted)
    {
        let ask = Ask::from(chain.clone());
        match line.shake_hands(&ask, chain::Keys::Any).await {
            Ok(shown) => {
                let in_clear = !chains.sent.is_empty();
                let rsa = chain::is_rsa(&shown.sent);
                if let (Some(suite), Some(_), None) = (shown.suite, &asked.hello, sweep.outcome(Version::Tls13)) {
                    sweep.met(Version::Tls13, Outcome::Accepted { suite });
                }
                chains.keep(shown.sent);
                // Where older versions are spoken, the second kind of key was looked for there.
                if let (false, Some(rsa)) = (in_clear, rsa) {
                    let other = if rsa { chain::Keys::Curves } else { chain::Keys::Rsa };
                    match line.shake_hands(&ask, other).await {
                        Ok(second) => chains.keep(second.sent),
                        // Refused: it has no other key.
                        Err(Failed { unseen: Unseen::Malformed(_), .. }) => {}
                        Err(Failed { unseen, .. }) => chains.unseen.push(unseen),
                    }
                }
            }
            Err(Failed { alert, unseen }) => {
                // protocol_version, the one word that is about nothing else (RFC 8446 section 6.2).
                if let (Some(70), Some(_), None) = (alert, &asked.hello, sweep.outcome(Version::Tls13)) {
                    sweep.met(Version::Tls13, Outcome::Alert(70));
                }
                chains.failed = Some(unseen);
            }
        }
    }
    if let Some(ask) = by_hello {
        sweep.ask(line, &ask, Version::Tls13).await;
    }
    chains.conclude(line.address, sweep);
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

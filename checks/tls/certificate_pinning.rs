//! Where the policy pins keys, the live key is among them, and a backup pin is ready.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Shown, chain, chains, plain_http};
use crate::certificate::Certificate;
use crate::check::{About, Check, DecidedFrom, Finding, Place, Severity, Verdict};
use crate::evidence::repo::{Line, Lines};
use crate::evidence::{Ask, Evidence};
use crate::target::{Deployment, Target};

#[derive(Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificatePinning {}

impl Check for CertificatePinning {
    const ABOUT: About = About {
        id: "certificate-pinning",
        title: "The pinned keys match the live one, and a backup pin is ready",
        statements: &["TLS-8"],
        severity: Severity::Medium,
        decided_from: DecidedFrom::Deployment,
        attestable: false,
        remediation: "List in the target's `pins:` the `sha256/...` of the live key and of one more key that is kept offline, \
                      and ship both to the clients before either key is changed: `openssl x509 -pubkey -noout | openssl \
                      pkey -pubin -outform der | openssl dgst -sha256 -binary | base64`.",
        references: &["RFC 7469 sections 2.4 and 4.3", "OWASP Pinning Cheat Sheet"],
    };

    fn asks(&self, target: &Target, evidence: &Evidence) -> Vec<Ask> {
        let mut asks = Vec::new();
        if let Ok(deployment) = target.deployment()
            && deployment.is_https()
        {
            if target.repository().is_ok() {
                asks.push(pins_of_clients().into());
            }
            if !deployment.pins.is_empty() || !client_pins(evidence).is_empty() {
                asks.push(chain());
            }
        }
        asks
    }

    fn judge(&self, target: &Target, evidence: &Evidence) -> Verdict {
        let deployment = match target.deployment() {
            Ok(deployment) => deployment,
            Err(absent) => return Verdict::absent(absent),
        };
        let clients = client_pins(evidence);
        if deployment.pins.is_empty() && clients.is_empty() {
            return match evidence.of(&pins_of_clients()) {
                Err(unseen) if deployment.is_https() && target.repository().is_ok() => {
                    let mut verdict = Verdict::default();
                    verdict.not_seen(unseen);
                    verdict
                }
                Ok(_) | Err(_) => Verdict::not_applicable(
                    "the policy asks for no pinning (no `pins:` in the target), and no client pins",
                ),
            };
        }
        if let Some(verdict) = plain_http(target, deployment, evidence) {
            return verdict;
        }
        let mut verdict = Verdict::default();
        let mut pins = BTreeSet::new();
        for pin in &deployment.pins {
            if let Some(key) = read(pin) {
                pins.insert(key);
            } else {
                let shown: String = pin.chars().take(60).collect();
                let what =
                    format!("the pin `{shown}` is malformed: `sha256/` and 44 characters of base64 are expected");
                let place = Place::policy(&evidence.declared.policy_file, None);
                verdict.finds(Finding::new(what, place).aspect("malformed"));
            }
        }
        match chains(deployment, evidence) {
            Ok(chains) => {
                for unseen in chains.unseen {
                    verdict.not_seen(unseen);
                }
                if !deployment.pins.is_empty() {
                    for shown in &chains.shown {
                        judge_chain(shown, &pins, evidence, &mut verdict);
                    }
                }
                if !chains.shown.is_empty() {
                    judge_clients(&chains.shown, &clients, deployment, &mut verdict);
                }
                if target.repository().is_ok()
                    && let Err(unseen) = evidence.of(&pins_of_clients())
                {
                    verdict.notes(format!("the pins of the repository's clients were not compared: {unseen}"));
                }
            }
            Err(unseen) => verdict.not_seen(unseen),
        }
        verdict
    }
}

fn judge_chain(shown: &Shown, pins: &BTreeSet<String>, evidence: &Evidence, verdict: &mut Verdict) {
    let path = keys(shown);
    let pinned: Vec<&Certificate> = path.iter().filter(|certificate| pins.contains(&certificate.pin)).collect();
    let Some(first) = pinned.first() else {
        let live = path.first().map_or("", |leaf| leaf.pin.as_str());
        let what = format!("no pin of the policy matches a key of the live chain; the server's own is sha256/{live}");
        verdict.finds(Finding::new(what, shown.place.clone()).aspect("mismatch"));
        return;
    };
    // RFC 7469 section 4.3: a backup pin is one that is in no certificate of the chain.
    let live: BTreeSet<&String> = path.iter().map(|certificate| &certificate.pin).collect();
    if pins.iter().all(|pin| live.contains(pin)) {
        let what = "no backup pin: every pin of the policy is a key of the live chain, and its loss locks clients out";
        let place = Place::policy(&evidence.declared.policy_file, None);
        verdict.finds(Finding::new(what, place).of_severity(Severity::Low).aspect("backup"));
        return;
    }
    verdict.holds(format!(
        "{}the key of `{}` is pinned, and {} of the {} pins is a backup",
        shown.addresses,
        first.subject,
        pins.iter().filter(|pin| !live.contains(pin)).count(),
        pins.len()
    ));
}

/// The keys that a client sees on the way to a root.
fn keys(shown: &Shown) -> &[Certificate] {
    shown.assessment.path.as_ref().unwrap_or(&shown.assessment.reached)
}

/// A pin in a client's code, and where.
struct ClientPin {
    pin: String,
    line: Line,
}

fn client_pins(evidence: &Evidence) -> Vec<ClientPin> {
    let Ok(matches) = evidence.of(&pins_of_clients()) else { return Vec::new() };
    let of_line = |line: &Line| {
        let marked = line.text.match_indices("sha256/").filter_map(|(at, _)| read(line.text.get(at..)?));
        // Android's network security configuration: `<pin digest="SHA-256">BASE64</pin>`.
        let tagged = line
            .text
            .match_indices("SHA-256\">")
            .filter_map(|(at, mark)| read(&format!("sha256/{}", line.text.get(at + mark.len()..)?.trim_start())));
        marked.chain(tagged).map(|pin| ClientPin { pin, line: line.clone() }).collect::<Vec<_>>()
    };
    matches.lines.iter().flat_map(of_line).collect()
}

/// A client that pins this very host locks itself out if none of its pins is live. A pin elsewhere may be for another
/// host, so that its mismatch is a note.
fn judge_clients(shown: &[Shown], clients: &[ClientPin], deployment: &Deployment, verdict: &mut Verdict) {
    let live: BTreeSet<&str> = shown.iter().flat_map(keys).map(|certificate| certificate.pin.as_str()).collect();
    let is_live = |client: &&ClientPin| live.contains(client.pin.as_str());
    let here = |client: &&ClientPin| client.line.text.contains(deployment.host());
    let (own, others): (Vec<&ClientPin>, Vec<&ClientPin>) = clients.iter().partition(here);
    if let Some(first) = own.first()
        && !own.iter().any(is_live)
    {
        let place = Place::file(&first.line.path, Some(first.line.line));
        let what = format!("a client pins {}, and none of its pins is a key of the live chain", deployment.host());
        verdict.finds(Finding::new(what, place).aspect("client-mismatch"));
    }
    for client in own.iter().copied().filter(is_live) {
        verdict.holds(format!("the pin at {}:{} is a key of the live chain", client.line.path, client.line.line));
    }
    for client in others {
        let matching = if is_live(&client) { "is a key of" } else { "matches no key of" };
        verdict.notes(format!("the pin at {}:{} {matching} the live chain", client.line.path, client.line.line));
    }
}

/// The hash in `sha256/BASE64`, or in curl's `sha256//BASE64`; what follows the hash is not looked at.
fn read(pin: &str) -> Option<String> {
    let rest = pin.trim().strip_prefix("sha256/")?;
    let rest = rest.strip_prefix('/').filter(|rest| rest.len() >= 44).unwrap_or(rest);
    let hash = rest.get(..44)?;
    let is_whole = rest.get(44..).is_none_or(|after| !after.starts_with(|char: char| char.is_ascii_alphanumeric()));
    let bytes = STANDARD.decode(hash).ok()?;
    (is_whole && bytes.len() == 32).then(|| hash.to_owned())
}

/// Pins in the repository's clients (OkHttp, curl, TrustKit).
fn pins_of_clients() -> Lines {
    const GLOBS: &[&str] = &[
        "*.kt", "*.java", "*.swift", "*.m", "*.ts", "*.js", "*.py", "*.go", "*.rs", "*.sh", "*.xml", "*.plist",
        "*.json",
    ];
    Lines {
        globs: GLOBS.iter().map(|glob| (*glob).to_owned()).collect(),
        pattern: r#"sha256//?[A-Za-z0-9+/]{43}=|<pin digest="SHA-256">\s*[A-Za-z0-9+/]{43}="#.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::made::Made;
    use crate::check::Status;
    use crate::checks::tls::testing::{evidence, target};

    fn judged(pins: impl FnOnce(&str) -> Vec<String>) -> Verdict {
        let made = Made::default().make();
        let live = Certificate::of_der(&made.leaf).unwrap().pin;
        let mut target = target("https://mcp.example.com");
        target.deployment.as_mut().unwrap().pins = pins(&live);
        CertificatePinning::default().judge(&target, &evidence(&[made.leaf, made.intermediate], &made.root))
    }

    fn other() -> String {
        format!("sha256/{}", STANDARD.encode([7; 32]))
    }

    #[test]
    fn a_matching_pin_with_a_backup_holds() {
        let verdict = judged(|live| vec![format!("sha256/{live}"), other()]);
        assert_eq!(verdict.status(), Status::Pass, "{verdict:?}");
        let curl = judged(|live| vec![format!("sha256//{live}"), other()]);
        assert_eq!(curl.status(), Status::Pass, "{curl:?}");
    }

    #[test]
    fn a_mismatch_a_missing_backup_and_a_malformed_pin_fail() {
        assert_eq!(judged(|_| vec![other()]).findings()[0].aspect, "mismatch");
        assert_eq!(judged(|live| vec![format!("sha256/{live}")]).findings()[0].aspect, "backup");
        let malformed = judged(|live| vec![format!("sha256/{live}"), other(), "sha1/AAAA".into()]);
        assert_eq!(malformed.findings()[0].aspect, "malformed");
        let short = judged(|live| vec![format!("sha256/{live}"), "sha256/AAAA".into()]);
        assert_eq!(short.findings()[0].aspect, "malformed");
    }

    #[test]
    fn a_client_s_pins_are_held_against_the_live_key() {
        let made = Made::default().make();
        let live = Certificate::of_der(&made.leaf).unwrap().pin;
        let judged = |text: &str| {
            let mut target = target("https://mcp.example.com");
            target.repository = Some(crate::target::Repository::at("."));
            let line = Line { path: "app/Api.kt".into(), line: 9, text: text.into() };
            let evidence = evidence(&[made.leaf.clone(), made.intermediate.clone()], &made.root).with(
                pins_of_clients(),
                crate::evidence::repo::Matches { lines: vec![line], files: 1, ..Default::default() },
            );
            assert!(CertificatePinning::default().asks(&target, &evidence).contains(&chain()));
            CertificatePinning::default().judge(&target, &evidence)
        };
        let good = judged(&format!(".add(\"mcp.example.com\", \"sha256/{live}\", \"{}\")", other()));
        assert_eq!(good.status(), Status::Pass, "{good:?}");
        let stale = judged(&format!(".add(\"mcp.example.com\", \"{}\")", other()));
        assert_eq!(stale.findings()[0].aspect, "client-mismatch");
        assert_eq!(stale.findings()[0].place, Place::file("app/Api.kt", Some(9)));
        // For whom it is does not show.
        let foreign = judged(&format!("<pin digest=\"SHA-256\">{}</pin>", STANDARD.encode([7; 32])));
        assert_eq!(foreign.status(), Status::Inconclusive, "{foreign:?}");
        assert!(foreign.all_notes()[0].contains("matches no key"), "{foreign:?}");
    }

    #[test]
    fn without_pins_it_does_not_apply() {
        assert_eq!(judged(|_| Vec::new()).status(), Status::NotApplicable);
    }
}

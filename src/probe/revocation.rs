//! Revocation lists, read from where a certificate says they are: only where the policy asks, and never nearer to this
//! machine than the target is, for the address is the audited server's to choose.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use super::address::{self, Class};
use super::meter::Kind;
use super::{Sink, World, fetch};
use crate::certificate::revocation::look_up;
use crate::evidence::revocation::{Listed, Revocation};
use crate::evidence::{Ask, Unseen};
use crate::target::Target;

/// The lists of large authorities have some megabytes.
const LARGEST: usize = 32 * 1024 * 1024;

pub(super) async fn answer(world: &World, target: &Target, asked: Vec<Revocation>, sink: &Sink) {
    for question in asked {
        let answer = look(world, target, &question).await;
        sink.put(&question, answer);
    }
}

async fn look(world: &World, target: &Target, question: &Revocation) -> Result<Listed, Unseen> {
    let ask: Ask = question.clone().into();
    let url = Url::parse(&question.url)
        .map_err(|error| Unseen::Malformed(format!("the address of the revocation list, {}: {error}", question.url)))?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let addresses = address::addresses(world, target, host, port).await?;
    let deployment = target.deployment().map_err(|absent| Unseen::NotNamed(absent.to_string()))?;
    let own = address::addresses(world, target, deployment.host(), deployment.port()).await?;
    let farthest = own.iter().map(|address| Class::of(address.ip())).max();
    if addresses.iter().any(|address| Some(Class::of(address.ip())) < farthest) {
        return Err(Unseen::NotAllowed(format!(
            "the revocation list at {url} is on an address that is nearer than the deployment's own"
        )));
    }
    world.meter.send(target, &ask, Kind::Request, &fetch::place(&url))?;
    let list = fetch::Client::new(host, &addresses)?.bytes(url.as_str(), LARGEST).await?;
    let issuer =
        STANDARD.decode(&question.issuer).map_err(|_| Unseen::Bug("the issuer in an ask is not base64".into()))?;
    look_up(&list, &question.serial, &issuer, world.run().taken_at)
}

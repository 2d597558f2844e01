//! Revocation lists, read from where a certificate says they are: only where the policy asks, and never nearer to this
//! machine than the target is, for the address is the audited server's to choose.

use url::Url;

use super::address::{self, Class};
use super::meter::Kind;
use super::{Sink, World, fetch};
use crate::certificate::revocation::look_up;
use crate::certificate::{Certificate, ocsp};
use crate::evidence::revocation::{Listed, Revocation, Source};
use crate::evidence::{Ask, Unseen};
use crate::target::Target;

/// The lists of large authorities have some megabytes.
const LARGEST: usize = 32 * 1024 * 1024;
/// A response has some kilobytes, the responder's certificate included.
const LARGEST_RESPONSE: usize = 64 * 1024;

pub(super) async fn answer(world: &World, target: &Target, asked: Vec<Revocation>, sink: &Sink) {
    for question in asked {
        let answer = look(world, target, &question).await;
        sink.put(&question, answer);
    }
}

async fn look(world: &World, target: &Target, question: &Revocation) -> Result<Listed, Unseen> {
    let ask: Ask = question.clone().into();
    let url = Url::parse(&question.url).map_err(|error| {
        Unseen::Malformed(format!("the address where revocations are told, {}: {error}", question.url))
    })?;
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let addresses = address::addresses(world, target, host, port).await?;
    let deployment = target.deployment().map_err(|absent| Unseen::NotNamed(absent.to_string()))?;
    let own = address::addresses(world, target, deployment.host(), deployment.port()).await?;
    let farthest = own.iter().map(|address| Class::of(address.ip())).max();
    if addresses.iter().any(|address| Some(Class::of(address.ip())) < farthest) {
        return Err(Unseen::NotAllowed(format!(
            "{url}, where revocations are told, is on an address that is nearer than the deployment's own"
        )));
    }
    world.meter.send(target, &ask, Kind::Request, &fetch::place(&url))?;
    let client = fetch::Client::new(host, &addresses)?;
    let certificate = |text: &str| {
        Certificate::of_base64(text).map_err(|error| Unseen::Bug(format!("a certificate in an ask: {error}")))
    };
    let issuer = certificate(&question.issuer)?;
    match (question.by, &question.certificate) {
        (Source::Responder, Some(own)) => {
            let own = certificate(own)?;
            let request = ocsp::request(&own, &issuer)
                .ok_or_else(|| Unseen::Malformed("no OCSP request can be made for the certificate".into()))?;
            let response = client.post(url.as_str(), "application/ocsp-request", request, LARGEST_RESPONSE).await?;
            ocsp::look_up(&response, &own, &issuer, world.run().taken_at)
        }
        (Source::List | Source::Responder, _) => {
            let list = client.bytes(url.as_str(), LARGEST).await?;
            look_up(&list, &question.serial, &issuer.der, world.run().taken_at)
        }
    }
}

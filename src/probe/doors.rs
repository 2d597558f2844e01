//! Which addresses of the deployment's host take connections on its port.

use std::net::SocketAddr;

use crate::evidence::address::{Addresses, Door, Doors, MOST};
use crate::evidence::http::Listener;
use crate::evidence::service::PortState;
use crate::evidence::{Ask, Unseen};
use crate::probe::meter::Kind;
use crate::probe::{Sink, World, address, tcp};
use crate::target::Target;

pub(super) async fn answer(world: &World, target: &Target, asked: Vec<Addresses>, sink: &Sink) {
    for ask in asked {
        sink.put(&ask, doors(world, target, &ask).await);
    }
}

async fn doors(world: &World, target: &Target, ask: &Addresses) -> Result<Doors, Unseen> {
    let Some(deployment) = &target.deployment else {
        return Err(Unseen::NotNamed("no deployment named".into()));
    };
    let found = address::addresses(world, target, deployment.host(), deployment.port()).await?;
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    let untried = u32::try_from(found.len().saturating_sub(most)).unwrap_or(u32::MAX);
    let [_, _, ..] = found.as_slice() else {
        // One address is the one that is asked: nothing needs to be tried.
        let doors = found.into_iter().map(|address| Door { address, state: PortState::Open }).collect();
        return Ok(Doors { doors, untried });
    };
    let host = Listener::Main.host(target).unwrap_or_default();
    let account = Ask::from(ask.clone());
    let mut doors = Vec::new();
    for address in found.into_iter().take(most) {
        doors.push(door(world, target, &account, &host, address).await?);
    }
    Ok(Doors { doors, untried })
}

async fn door(world: &World, target: &Target, ask: &Ask, host: &str, address: SocketAddr) -> Result<Door, Unseen> {
    world.meter.send(target, ask, Kind::Connection, host)?;
    Ok(Door { address, state: tcp::state(address).await })
}

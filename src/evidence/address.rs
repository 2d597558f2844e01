//! Questions about the addresses of the deployment's host: each may be a door of its own.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::Question;
use super::http::Listener;
use super::service::PortState;
use crate::seen_as;
use crate::target::Target;

/// Addresses of the host that are tried at most.
pub const MOST: u32 = 8;

/// Which addresses the host has, and which of them take connections on the deployment's port. Nothing is sent over them.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Addresses {}

impl Addresses {
    /// The question, where the host may have more than one address: no literal, nothing that `resolve` fixes, and no proxy,
    /// which resolves on its own.
    pub fn of(target: &Target) -> Option<Self> {
        let deployment = target.deployment().ok()?;
        let host = deployment.host().trim_matches(['[', ']']);
        let single = deployment.proxy.is_some()
            || deployment.resolve.contains_key(deployment.host())
            || host.parse::<IpAddr>().is_ok();
        (!single).then_some(Self {})
    }
}

impl Question for Addresses {
    seen_as!(Addresses => Doors);

    fn ceiling(&self, _target: &Target) -> u32 {
        MOST
    }

    fn hosts(&self, target: &Target) -> BTreeSet<String> {
        Listener::Main.host(target).into_iter().collect()
    }

    fn describe(&self) -> String {
        "which addresses of the host take connections".into()
    }
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Doors {
    pub doors: Vec<Door>,
    /// Addresses beyond those that are tried.
    #[serde(default)]
    pub untried: u32,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Door {
    pub address: SocketAddr,
    pub state: PortState,
}

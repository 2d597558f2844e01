//! The sockets that listen on this machine, from the kernel's own table.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Sink, World};
use crate::evidence::Unseen;
use crate::evidence::service::{Listener, LocalSockets, Sockets};

pub(super) async fn answer(_world: &World, asks: Vec<Sockets>, sink: &Sink) {
    if asks.is_empty() {
        return;
    }
    let seen = tokio::task::spawn_blocking(listening)
        .await
        .unwrap_or_else(|error| Err(Unseen::Bug(format!("the socket table could not be read: {error}"))));
    for ask in asks {
        sink.put(&ask, seen.clone());
    }
}

fn listening() -> Result<LocalSockets, Unseen> {
    let mut found = Vec::new();
    let mut read = 0;
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
        match std::fs::read_to_string(path) {
            Ok(table) => {
                read += 1;
                found.extend(parse(&table));
            }
            // A kernel without IPv6 has no tcp6.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(Unseen::Unreachable(format!("{path}: {error}"))),
        }
    }
    if read == 0 {
        return Err(Unseen::NotAllowed("listening sockets can be read on Linux only (/proc/net/tcp)".into()));
    }
    let owners = owners();
    let mut listeners: Vec<Listener> = found
        .into_iter()
        .map(|(address, port, inode)| Listener { address, port, process: owners.get(&inode).cloned() })
        .collect();
    listeners.sort();
    listeners.dedup();
    Ok(LocalSockets { listeners })
}

/// State 0A (listening) in the table that proc(5) describes: local address in host byte order, and the inode.
fn parse(table: &str) -> Vec<(IpAddr, u16, u64)> {
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, ..] = fields.as_slice() else { return None };
            if *state != "0A" {
                return None;
            }
            let (address, port) = local.split_once(':')?;
            Some((address_of(address)?, u16::from_str_radix(port, 16).ok()?, fields.get(9)?.parse().ok()?))
        })
        .collect()
}

fn address_of(hex: &str) -> Option<IpAddr> {
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(u32::from_str_radix(hex, 16).ok()?.to_ne_bytes()))),
        32 => {
            let mut octets = [0u8; 16];
            for (word, bytes) in octets.chunks_mut(4).enumerate() {
                let value = u32::from_str_radix(hex.get(word * 8..word * 8 + 8)?, 16).ok()?;
                bytes.copy_from_slice(&value.to_ne_bytes());
            }
            Some(IpAddr::V6(Ipv6Addr::from(octets)))
        }
        _ => None,
    }
}

/// The names of the processes that hold each socket, as far as this user may look.
fn owners() -> BTreeMap<u64, String> {
    let mut owners = BTreeMap::new();
    let Ok(processes) = std::fs::read_dir("/proc") else { return owners };
    // A machine with more processes than this is shown without the rest of the names.
    for process in processes.flatten().take(20_000) {
        let path = process.path();
        let Ok(files) = std::fs::read_dir(path.join("fd")) else { continue };
        for file in files.flatten().take(4_096) {
            let Ok(link) = std::fs::read_link(file.path()) else { continue };
            let inode = link
                .to_str()
                .and_then(|link| link.strip_prefix("socket:[")?.strip_suffix(']'))
                .and_then(|inode| inode.parse::<u64>().ok());
            if let Some(inode) = inode
                && let Ok(name) = std::fs::read_to_string(path.join("comm"))
            {
                owners.insert(inode, name.trim().to_owned());
            }
        }
    }
    owners
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_the_kernel_writes_it() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:2CAA 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0\n\
             1: 0100007F:1F90 0100007F:C001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100 0 0 10 0\n";
        assert_eq!(parse(table), [(IpAddr::V4(Ipv4Addr::LOCALHOST), 11434, 4711)]);
        assert_eq!(address_of("00000000000000000000000001000000"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
    }

    #[test]
    fn an_own_listener_is_found_with_its_process() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = listening().unwrap();
        let own = seen.listeners.iter().find(|seen| seen.port == port).unwrap();
        assert_eq!(own.address, IpAddr::V4(Ipv4Addr::LOCALHOST));
        assert!(own.process.is_some());
    }
}

//! TCP connects: open, closed or filtered, all ports at once.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpSocket;
use tokio::sync::Semaphore;

use crate::evidence::service::PortState;

/// One lost SYN is survived (Linux sends it again after about 1 s), two are not.
pub(super) const CONNECT: Duration = Duration::from_millis(1500);

/// So many connects run at once: half of the file descriptors that this process may open, 512 at most.
pub(super) fn connects() -> Arc<Semaphore> {
    let limit = std::fs::read_to_string("/proc/self/limits").ok().and_then(|limits| {
        let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
        line.split_whitespace().nth(3)?.parse::<usize>().ok()
    });
    Arc::new(Semaphore::new((limit.unwrap_or(256) / 2).clamp(8, 512)))
}

/// One connect. A full table of file descriptors is waited out, never read as a closed port.
pub(super) async fn state(address: SocketAddr) -> PortState {
    for attempt in 0..4u32 {
        match tokio::time::timeout(CONNECT, connect(address)).await {
            Err(_) => return PortState::Filtered,
            Ok(Ok(Connected::ToPeer)) => return PortState::Open,
            // A socket from the ephemeral range can meet itself on loopback (simultaneous open, RFC 9293 section
            // 3.5): nobody listens there, but the port was ours for a moment, so it is tried again.
            Ok(Ok(Connected::ToItself)) => {}
            Ok(Err(error)) if is_exhausted(&error) => {
                tokio::time::sleep(Duration::from_millis(50 << attempt)).await;
            }
            Ok(Err(error)) => return refused(address, &error),
        }
    }
    PortState::Unknown(format!("{address} could not be tried: no free socket on this machine"))
}

enum Connected {
    ToPeer,
    ToItself,
}

async fn connect(address: SocketAddr) -> io::Result<Connected> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Closed by reset: a scan leaves no thousand sockets in TIME_WAIT.
    socket.set_zero_linger()?;
    let stream = socket.connect(address).await?;
    let itself = stream.local_addr()? == stream.peer_addr()?;
    Ok(if itself { Connected::ToItself } else { Connected::ToPeer })
}

fn is_exhausted(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM, EAGAIN (no free local port).
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12 | 11))
}

fn refused(address: SocketAddr, error: &io::Error) -> PortState {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => PortState::Closed,
        // A machine without IPv6 has no ::1, so nothing can listen there.
        io::ErrorKind::AddrNotAvailable if address.ip().is_loopback() => PortState::Closed,
        // ICMP "host unreachable" and "administratively prohibited" are a filter's words.
        io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable | io::ErrorKind::PermissionDenied => {
            PortState::Filtered
        }
        _ => PortState::Unknown(format!("{address}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_is_open_and_nothing_is_closed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(state(address).await, PortState::Open);
        drop(listener);
        assert_eq!(state(address).await, PortState::Closed);
    }

    #[tokio::test]
    async fn no_port_of_the_ephemeral_range_opens_by_meeting_itself() {
        let semaphore = connects();
        let probing = (40_000..42_000u16).map(|port| {
            let semaphore = semaphore.clone();
            async move {
                let _permit = semaphore.acquire().await.unwrap();
                let address = SocketAddr::from(([127, 0, 0, 9], port));
                (port, state(address).await)
            }
        });
        for (port, state) in futures_util::future::join_all(probing).await {
            assert_ne!(state, PortState::Open, "{port}");
        }
    }
}

//! Requests whose exact bytes or whose own connection matters: written by hand, read by a bounded reader of HTTP/1.1
//! (RFC 9112) that tolerates what a strict parser would refuse to show.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use super::client::{CONNECT, Failure, Prepared, READ, Ready, Route};
use super::received::{BODY_CAP, Received};

/// Bytes of a status line and its headers at most, trailers and chunk lines included each.
const HEAD_CAP: usize = 64 * 1024;
/// What is said of bytes that are no HTTP/1 at all.
const NO_HTTP: &str = "the answer is not HTTP/1";
/// Interim (1xx) answers at most; an honest server sends one or two.
const INTERIM_CAP: usize = 16;

/// Sends the request over a connection of its own and reads the answer.
pub(super) async fn receive(ready: &Ready, prepared: &Prepared, route: Route) -> Result<Received, Failure> {
    let bytes = written(ready, prepared)?;
    let (stream, address) = tokio::time::timeout(CONNECT, connect(ready, route))
        .await
        .map_err(|_| Failure::TimedOut(format!("no connection in {} s", CONNECT.as_secs())))??;
    if ready.url.scheme() == "https" {
        let name = ready.url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = rustls::pki_types::ServerName::try_from(name)
            .map_err(|_| Failure::Unsendable("the host's name in TLS".into()))?;
        let handshake = tokio_rustls::TlsConnector::from(ready.tls.clone()).connect(name, stream);
        let stream = tokio::time::timeout(CONNECT, handshake)
            .await
            .map_err(|_| Failure::TimedOut(format!("no TLS handshake in {} s", CONNECT.as_secs())))?
            .map_err(|error| Failure::Unreachable(format!("TLS: {error}")))?;
        converse(stream, &bytes, &prepared.method, address).await
    } else {
        converse(stream, &bytes, &prepared.method, address).await
    }
}

async fn connect(ready: &Ready, route: Route) -> Result<(TcpStream, SocketAddr), Failure> {
    let mut failure = Failure::Unreachable("the host has no address".into());
    for address in ready.addresses.iter().filter(|address| route.address.is_none_or(|only| only == **address)) {
        let connecting = async {
            let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
            if let Some(source) = route.source {
                socket.bind(SocketAddr::new(source, 0))?;
            }
            socket.connect(*address).await
        };
        match connecting.await {
            Ok(stream) => {
                // Small writes must leave at once; failing to say so only costs time.
                let _ = stream.set_nodelay(true);
                return Ok((stream, *address));
            }
            Err(error) => failure = Failure::Unreachable(error.to_string()),
        }
    }
    Err(failure)
}

/// The request as bytes: the target and the headers exactly as given, nothing normalised.
fn written(ready: &Ready, prepared: &Prepared) -> Result<Vec<u8>, Failure> {
    let breaks = |text: &str| text.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    // A line break would make two requests of one, whatever the caller meant.
    if breaks(&prepared.method) || breaks(&prepared.target) || prepared.target.is_empty() {
        return Err(Failure::Unsendable("a method or path with a line break".into()));
    }
    let mut text = format!("{} {} HTTP/1.1\r\n", prepared.method, prepared.target);
    let asked = |name: &str| prepared.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut put = |name: &str, value: &str| {
        if breaks(name) || breaks(value) {
            return Err(Failure::Unsendable(format!("the header {name:?} with a line break")));
        }
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
        Ok(())
    };
    if !asked("host") {
        let host = ready.url.host_str().unwrap_or_default();
        match ready.url.port() {
            Some(port) => put("Host", &format!("{host}:{port}"))?,
            None => put("Host", host)?,
        }
    }
    for (name, value) in &prepared.headers {
        put(name, value)?;
    }
    if !asked("connection") {
        put("Connection", "close")?;
    }
    let framed = asked("content-length") || asked("transfer-encoding");
    let body = prepared.body.as_deref().unwrap_or_default();
    let takes_body = matches!(prepared.method.as_str(), "POST" | "PUT" | "PATCH");
    if !framed && (prepared.body.is_some() || takes_body) {
        put("Content-Length", &body.len().to_string())?;
    }
    text.push_str("\r\n");
    text.push_str(body);
    Ok(text.into_bytes())
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    bytes: &[u8],
    method: &str,
    address: SocketAddr,
) -> Result<Received, Failure> {
    // A server may answer and close before it has read everything: what it answered still counts.
    let sent = async {
        stream.write_all(bytes).await?;
        stream.flush().await
    }
    .await;
    let mut reader = Reader { stream, buffer: Vec::new(), ended: false };
    let answer = reader.answer(method).await;
    match (sent, answer) {
        (_, Ok((head, body, complete))) => {
            Ok(Received { status: head.status, headers: head.headers, body, complete, address: address.to_string() })
        }
        (Err(error), Err(_)) => Err(Failure::Unreachable(format!("while sending: {error}"))),
        (Ok(()), Err(failure)) => Err(failure),
    }
}

struct Head {
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let malformed = || Failure::Malformed(NO_HTTP.into());
        let mut lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let first = lines.next().ok_or_else(malformed)?;
        let rest = first.strip_prefix(b"HTTP/1.").ok_or_else(malformed)?;
        let status = rest
            .split(|byte| *byte == b' ')
            .nth(1)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .filter(|digits| digits.len() == 3)
            .and_then(|digits| digits.parse().ok())
            .filter(|status| (100..1000).contains(status))
            .ok_or_else(malformed)?;
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        for line in lines.filter(|line| !line.is_empty()) {
            // RFC 9112 section 5.2: a folded line continues the value before it.
            if matches!(line.first(), Some(b' ' | b'\t')) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(b' ');
                    value.extend(line.trim_ascii());
                }
                continue;
            }
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = line.split_at(colon);
            let name = String::from_utf8_lossy(name).trim().to_ascii_lowercase();
            headers.push((name, value.strip_prefix(b":").unwrap_or(value).trim_ascii().to_vec()));
        }
        Ok(Self { status, headers })
    }

    fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = std::borrow::Cow<'a, str>> {
        self.headers.iter().filter(move |(known, _)| known == name).map(|(_, value)| String::from_utf8_lossy(value))
    }

    /// How long the body is (RFC 9112 section 6.3).
    fn framing(&self, method: &str) -> Result<Framing, Failure> {
        if method == "HEAD" || self.status == 204 || self.status == 304 {
            return Ok(Framing::Length(0));
        }
        if self.values("transfer-encoding").any(|coding| coding.to_ascii_lowercase().contains("chunked")) {
            return Ok(Framing::Chunked);
        }
        let mut lengths: Vec<String> = self
            .values("content-length")
            .flat_map(|value| value.split(',').map(|length| length.trim().to_owned()).collect::<Vec<_>>())
            .collect();
        lengths.dedup();
        match lengths.as_slice() {
            [] => Ok(Framing::Close),
            [length] => length
                .parse()
                .map(Framing::Length)
                .map_err(|_| Failure::Malformed("its Content-Length is no length".into())),
            [_, _, ..] => Err(Failure::Malformed("it has several Content-Lengths that differ".into())),
        }
    }
}

enum Framing {
    Length(u64),
    Chunked,
    Close,
}

struct Reader<S> {
    stream: S,
    buffer: Vec<u8>,
    ended: bool,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    async fn answer(&mut self, method: &str) -> Result<(Head, Vec<u8>, bool), Failure> {
        for _ in 0..INTERIM_CAP {
            let head = Head::parse(&self.head().await?)?;
            if (100..200).contains(&head.status) && head.status != 101 {
                continue;
            }
            // What follows is another protocol (RFC 9110 section 15.2.2).
            if head.status == 101 {
                return Ok((head, Vec::new(), true));
            }
            let (body, complete) = match head.framing(method)? {
                Framing::Length(length) => self.sized(length).await?,
                Framing::Chunked => self.chunked().await?,
                Framing::Close => self.rest().await?,
            };
            return Ok((head, body, complete));
        }
        Err(Failure::Malformed(format!("over {INTERIM_CAP} interim (1xx) answers")))
    }

    /// Reads more; false at the end of the stream.
    async fn more(&mut self) -> Result<bool, Failure> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.reserve(8192);
        let read = tokio::time::timeout(READ, self.stream.read_buf(&mut self.buffer))
            .await
            .map_err(|_| Failure::TimedOut(format!("nothing more came in {} s", READ.as_secs())))?;
        match read {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            // Many servers end TLS without a close_notify. Whether the body was whole, its own length says.
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => self.ended = true,
            Err(error) if self.buffer.is_empty() => return Err(Failure::Unreachable(error.to_string())),
            Err(error) => return Err(Failure::Malformed(error.to_string())),
        }
        Ok(!self.ended)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count.min(self.buffer.len()));
        std::mem::replace(&mut self.buffer, rest)
    }

    /// The status line and the headers, without the blank line.
    async fn head(&mut self) -> Result<Vec<u8>, Failure> {
        let mut searched = 0_usize;
        loop {
            if let Some((end, blank)) = end_of_head(&self.buffer, searched.saturating_sub(4)) {
                let head = self.take(end);
                self.take(blank);
                return Ok(head);
            }
            searched = self.buffer.len();
            if searched > HEAD_CAP {
                return Err(Failure::Malformed(format!("its headers are over {HEAD_CAP} bytes")));
            }
            if !self.more().await? {
                return Err(if self.buffer.is_empty() {
                    Failure::Unreachable("the connection was closed without an answer".into())
                } else if !b"HTTP/1.".starts_with(self.buffer.get(..self.buffer.len().min(7)).unwrap_or_default()) {
                    Failure::Malformed(NO_HTTP.into())
                } else {
                    Failure::Malformed("the connection was closed within the headers".into())
                });
            }
        }
    }

    async fn sized(&mut self, length: u64) -> Result<(Vec<u8>, bool), Failure> {
        let wanted = usize::try_from(length).unwrap_or(usize::MAX).min(BODY_CAP);
        while self.buffer.len() < wanted {
            if !self.more().await? {
                return Err(Failure::Malformed(format!("{} of {length} bytes of the body came", self.buffer.len())));
            }
        }
        Ok((self.take(wanted), wanted as u64 == length))
    }

    async fn rest(&mut self) -> Result<(Vec<u8>, bool), Failure> {
        while self.buffer.len() <= BODY_CAP {
            if !self.more().await? {
                return Ok((std::mem::take(&mut self.buffer), true));
            }
        }
        Ok((self.take(BODY_CAP), false))
    }

    async fn line(&mut self) -> Result<Vec<u8>, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                return Ok(self.take(end + 1));
            }
            if self.buffer.len() > HEAD_CAP || !self.more().await? {
                return Err(Failure::Malformed("its chunks do not end".into()));
            }
        }
    }

    async fn chunked(&mut self) -> Result<(Vec<u8>, bool), Failure> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let digits: String =
                line.iter().map(|byte| char::from(*byte)).take_while(char::is_ascii_hexdigit).collect();
            let size =
                usize::from_str_radix(&digits, 16).map_err(|_| Failure::Malformed("a chunk has no size".into()))?;
            if size == 0 {
                // The body is whole. Trailers are not evidence, and the connection is closed anyway.
                return Ok((body, true));
            }
            #[cfg(feature = "planted")]
            assert_ne!(size, 0x1d, "the planted fault");
            let room = BODY_CAP - body.len();
            if size > room {
                let (piece, _) = self.sized(room as u64).await?;
                body.extend(piece);
                return Ok((body, false));
            }
            body.extend(self.sized(size as u64).await?.0);
            self.line().await?;
        }
    }
}

/// Where the headers end and how long the blank line is; a bare line feed is tolerated.
fn end_of_head(buffer: &[u8], from: usize) -> Option<(usize, usize)> {
    let tail = buffer.get(from..)?;
    tail.iter().enumerate().filter(|(_, byte)| **byte == b'\n').find_map(|(at, _)| match tail.get(at + 1..)? {
        [b'\n', ..] => Some((from + at, 2)),
        [b'\r', b'\n', ..] => Some((from + at, 3)),
        _ => None,
    })
}

#[cfg(any(test, feature = "fuzzing"))]
/// Whatever a server answers, the reader ends and keeps no more than its cap.
pub(crate) fn fuzz_answer(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
    let method = if first & 1 == 0 { "GET" } else { "HEAD" };
    let mut reader = Reader { stream: bytes, buffer: Vec::new(), ended: false };
    if let Ok((head, body, _)) = runtime.block_on(reader.answer(method)) {
        assert!(body.len() <= BODY_CAP && (100..1000).contains(&head.status));
    }
}

#[cfg(test)]
mod tests;

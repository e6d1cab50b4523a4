//! TCP: listening sockets and dialling, with the options that matter.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::HostPort;
use super::options::{self, BACKLOG, OptionsError, SocketOptions, SocketUse};
use crate::proto::machine::{DialError, DialErrorKind};

/// How long one address of a host may keep the next one waiting (RFC 8305, 5: "Connection Attempt Delay").
const NEXT_ADDRESS_AFTER: Duration = Duration::from_millis(250);

/// Listens on exactly `address`: an IPv6 address does not take IPv4 connections along.
///
/// With `reuse_port` another process may listen beside this one, and the system spreads new connections over both: so a server is
/// replaced without one moment in which nobody listens. Within one process a second socket for the port gains nothing here, since
/// one task accepts from all of them.
///
/// # Errors
/// What the system says, or that there is no such option; [`super::diagnose::listening`] puts it in words.
pub fn listen(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpListener> {
    let options = &SocketOptions { reuse_address: options.reuse_address.or(Some(true)), ..options.clone() };
    let socket = open(address, SocketUse::TcpListen, options)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(options.backlog.unwrap_or(BACKLOG)).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

/// Resolves the host and connects. Its addresses are tried in the resolver's order, each as soon as the one before has
/// failed or been silent for a moment; the first that answers wins. Has no deadline of its own.
///
/// # Errors
/// The most telling of the errors; [`dial_error`] says what kind it is.
pub async fn dial(host: &HostPort, options: &SocketOptions) -> io::Result<TcpStream> {
    let mut addresses = resolve(host).await?.into_iter();
    let mut attempts: JoinSet<io::Result<TcpStream>> = JoinSet::new();
    let mut failure: Option<io::Error> = None;
    loop {
        let another = addresses.next();
        let is_last = another.is_none();
        if let Some(address) = another {
            let options = options.clone();
            attempts.spawn(async move { connect(address, &options).await });
        }
        let ended = if is_last {
            attempts.join_next().await
        } else {
            match timeout(NEXT_ADDRESS_AFTER, attempts.join_next()).await {
                Ok(ended) => ended,
                Err(_elapsed) => continue,
            }
        };
        match ended {
            Some(Ok(Ok(stream))) => return Ok(stream),
            Some(Ok(Err(error))) => failure = Some(more_telling(failure, error)),
            Some(Err(panicked)) => return Err(io::Error::other(panicked)),
            None => return Err(failure.unwrap_or_else(|| name_not_found(host, "it has no address"))),
        }
    }
}

/// What a failure to dial means for whoever would try again.
pub fn dial_error(error: &io::Error) -> DialError {
    let kind = match error.kind() {
        _ if error.get_ref().is_some_and(|inner| inner.is::<NameNotFound>()) => DialErrorKind::NameNotFound,
        // A Unix socket whose file is not there: nobody listens yet.
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => DialErrorKind::Refused,
        io::ErrorKind::TimedOut => DialErrorKind::TimedOut,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkDown => {
            DialErrorKind::Unreachable
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::AddrNotAvailable => DialErrorKind::NotAllowed,
        // A path that leads through a file, and a socket of datagrams: neither gets better by itself.
        io::ErrorKind::NotADirectory => DialErrorKind::NotAllowed,
        // An option that the socket does not have, or a value that the system refuses.
        io::ErrorKind::InvalidInput => DialErrorKind::NotAllowed,
        _ if error.raw_os_error() == Some(Errno::PROTOTYPE.raw_os_error()) => DialErrorKind::NotAllowed,
        _ => DialErrorKind::Other,
    };
    let refused = error.get_ref().and_then(|inner| inner.downcast_ref());
    let os = match refused {
        Some(OptionsError::Refused { error, .. }) => error.raw_os_error(),
        Some(_) | None => error.raw_os_error(),
    };
    DialError { kind, os }
}

/// A socket that is neither bound nor connected.
fn open(address: SocketAddr, of: SocketUse, options: &SocketOptions) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    // Frames are written whole: waiting for more would only delay them. An accepted connection has it from its listener.
    let options = &SocketOptions { nodelay: options.nodelay.or(Some(true)), ..options.clone() };
    options::set(SockRef::from(&socket), of, options)?;
    if options.congestion.is_none() && address.ip().to_canonical().is_loopback() {
        use_loopback_congestion_control(&socket);
    }
    Ok(socket)
}

/// Pacing (bbr, where it is the system's default) makes loopback up to 2.7 times slower. It has to be set before the
/// connection stands: set after accept, it changes nothing. A system that refuses is slower, and works.
#[cfg(target_os = "linux")]
fn use_loopback_congestion_control(socket: &Socket) {
    let _refused = socket.set_tcp_congestion(b"reno");
}

#[cfg(not(target_os = "linux"))]
fn use_loopback_congestion_control(_socket: &Socket) {}

async fn connect(address: SocketAddr, options: &SocketOptions) -> io::Result<TcpStream> {
    let socket = open(address, SocketUse::TcpDial, options)?;
    TcpSocket::from_std_stream(socket.into()).connect(address).await
}

pub(super) async fn resolve(host: &HostPort) -> io::Result<Vec<SocketAddr>> {
    match tokio::net::lookup_host((host.host.as_str(), host.port)).await {
        Ok(addresses) => Ok(addresses.collect()),
        // With a number it is the system that failed (no file left, say), and not the name.
        Err(error) if error.raw_os_error().is_some() => Err(error),
        Err(error) => Err(name_not_found(host, error)),
    }
}

/// That one address family has no route says little when the other one was answered.
fn more_telling(old: Option<io::Error>, new: io::Error) -> io::Error {
    match old {
        Some(old) if dial_error(&new).kind == DialErrorKind::Unreachable => old,
        Some(old) if dial_error(&old).kind == DialErrorKind::Refused => old,
        Some(_) | None => new,
    }
}

/// The resolver's answer, which has no error number.
#[derive(Debug, thiserror::Error)]
#[error("{host} does not resolve: {said}")]
struct NameNotFound {
    host: String,
    said: String,
}

pub(super) fn name_not_found(host: &HostPort, said: impl ToString) -> io::Error {
    let host = host.host.clone();
    io::Error::new(io::ErrorKind::NotFound, NameNotFound { host, said: said.to_string() })
}

#[cfg(test)]
#[path = "tcp_test.rs"]
mod tests;

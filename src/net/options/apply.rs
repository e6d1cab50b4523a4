//! Setting options, and reading back what the system made of them.

use std::io;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

use super::{BACKLOG, Keepalive, OptionName, OptionsError, SocketOptions, SocketUse};

/// Sets what `options` asks of a socket that is neither bound nor connected. The backlog is a matter of `listen`.
///
/// # Errors
/// An [`OptionsError`] within, where the socket has no such option, or the system refuses the value.
pub fn set(socket: SockRef<'_>, of: SocketUse, options: &SocketOptions) -> io::Result<()> {
    options.check(&[of])?;
    for (name, value) in options.asked() {
        let done = set_one(&socket, options, name);
        done.map_err(|error| OptionsError::Refused { name, value, error })?;
    }
    Ok(())
}

fn set_one(socket: &Socket, options: &SocketOptions, name: OptionName) -> io::Result<()> {
    match name {
        OptionName::ReuseAddress => each(options.reuse_address, |on| socket.set_reuse_address(on)),
        OptionName::ReusePort => each(options.reuse_port, |on| socket.set_reuse_port(on)),
        OptionName::Nodelay => each(options.nodelay, |on| socket.set_tcp_nodelay(on)),
        OptionName::Keepalive => each(options.keepalive, |keepalive| match keepalive {
            Keepalive::Off => socket.set_keepalive(false),
            Keepalive::On => socket.set_keepalive(true),
            Keepalive::Times { idle, interval, probes } => socket.set_tcp_keepalive(
                &TcpKeepalive::new().with_time(idle).with_interval(interval).with_retries(probes),
            ),
        }),
        OptionName::ReceiveBuffer => {
            each(options.receive_buffer, |bytes| socket.set_recv_buffer_size(bytes as usize))
        }
        OptionName::SendBuffer => {
            each(options.send_buffer, |bytes| socket.set_send_buffer_size(bytes as usize))
        }
        OptionName::Backlog => Ok(()),
        OptionName::Congestion => each(options.congestion.as_deref(), |name| set_congestion(socket, name)),
        OptionName::Ttl => each(options.ttl, |ttl| match is_v6(socket)? {
            true => socket.set_unicast_hops_v6(ttl),
            false => socket.set_ttl_v4(ttl),
        }),
        OptionName::UserTimeout => each(options.user_timeout, |time| set_user_timeout(socket, time)),
    }
}

fn each<T>(value: Option<T>, set: impl FnOnce(T) -> io::Result<()>) -> io::Result<()> {
    value.map_or(Ok(()), set)
}

/// What holds of a socket: of every option that such a socket has its value, as the system tells it.
///
/// # Errors
/// What the system says.
pub fn in_force(socket: SockRef<'_>, of: SocketUse, asked: &SocketOptions) -> io::Result<SocketOptions> {
    let has = |name: OptionName| name.is_here() && name.sockets().contains(&of);
    let mut found = SocketOptions::default();
    if has(OptionName::ReuseAddress) {
        found.reuse_address = Some(socket.reuse_address()?);
    }
    if has(OptionName::ReusePort) {
        found.reuse_port = Some(socket.reuse_port()?);
    }
    if has(OptionName::Nodelay) {
        found.nodelay = Some(socket.tcp_nodelay()?);
    }
    if has(OptionName::Keepalive) {
        found.keepalive = Some(keepalive(&socket)?);
    }
    if has(OptionName::ReceiveBuffer) {
        found.receive_buffer = Some(narrow(socket.recv_buffer_size()?));
        found.send_buffer = Some(narrow(socket.send_buffer_size()?));
    }
    if has(OptionName::Backlog) {
        found.backlog = Some(asked.backlog.unwrap_or(BACKLOG).min(backlog_max()));
    }
    if has(OptionName::Congestion) {
        found.congestion = congestion(&socket)?;
        found.user_timeout = user_timeout(&socket)?;
    }
    if has(OptionName::Ttl) {
        let ttl = if is_v6(&socket)? { socket.unicast_hops_v6()? } else { socket.ttl_v4()? };
        found.ttl = Some(ttl);
    }
    Ok(found)
}

/// Sets `options` on a socket of that kind which is made for it, so that what is wrong with them is known before anything is
/// tried with them.
///
/// # Errors
/// As [`set`].
pub fn try_out(of: SocketUse, options: &SocketOptions) -> io::Result<()> {
    let (domain, kind) = match of {
        SocketUse::TcpListen | SocketUse::TcpDial => (Domain::IPV4, Type::STREAM),
        SocketUse::Udp => (Domain::IPV4, Type::DGRAM),
        SocketUse::UnixListen | SocketUse::UnixDial => (Domain::UNIX, Type::STREAM),
        SocketUse::Unixgram => (Domain::UNIX, Type::DGRAM),
    };
    let socket = Socket::new(domain, kind, None)?;
    set(SockRef::from(&socket), of, options)
}

fn keepalive(socket: &Socket) -> io::Result<Keepalive> {
    if !socket.keepalive()? {
        return Ok(Keepalive::Off);
    }
    let (idle, interval) = (socket.tcp_keepalive_time()?, socket.tcp_keepalive_interval()?);
    Ok(Keepalive::Times { idle, interval, probes: socket.tcp_keepalive_retries()? })
}

fn is_v6(socket: &Socket) -> io::Result<bool> {
    Ok(socket.local_addr()?.domain() == Domain::IPV6)
}

/// What `listen` takes at the most, without saying so: no call reads a backlog back.
fn backlog_max() -> u32 {
    let told = std::fs::read_to_string("/proc/sys/net/core/somaxconn");
    told.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(u32::MAX)
}

fn narrow(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

#[cfg(target_os = "linux")]
fn set_congestion(socket: &Socket, name: &str) -> io::Result<()> {
    socket.set_tcp_congestion(name.as_bytes())
}

#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &Socket, time: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(time))
}

#[cfg(target_os = "linux")]
fn congestion(socket: &Socket) -> io::Result<Option<String>> {
    let name = socket.tcp_congestion()?;
    let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
    Ok(Some(String::from_utf8_lossy(&name[..end]).into_owned()))
}

#[cfg(target_os = "linux")]
fn user_timeout(socket: &Socket) -> io::Result<Option<Duration>> {
    Ok(Some(socket.tcp_user_timeout()?.unwrap_or_default()))
}

// Elsewhere `check` has refused both before.
#[cfg(not(target_os = "linux"))]
fn set_congestion(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn congestion(_: &Socket) -> io::Result<Option<String>> {
    Ok(None)
}

#[cfg(not(target_os = "linux"))]
fn user_timeout(_: &Socket) -> io::Result<Option<Duration>> {
    Ok(None)
}

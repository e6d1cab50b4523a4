//! Listening sockets that another process has bound, as one that starts servers on demand does.

use std::io;
use std::os::fd::OwnedFd;

use socket2::{SockRef, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::options::{self, SocketOptions, SocketUse};
use super::{Listener, Place, SocketFile};

/// A socket that listens already.
#[derive(Debug)]
pub struct Inherited {
    socket: Socket,
    place: Place,
}

impl Inherited {
    /// Looks at what was handed over.
    ///
    /// # Errors
    /// `InvalidInput`, with what it is instead, unless it is a stream socket, TCP or Unix with a name in the file system, that listens;
    /// otherwise what the system says.
    pub fn new(descriptor: OwnedFd) -> io::Result<Inherited> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what);
        let socket = Socket::from(descriptor);
        if socket.r#type()? != Type::STREAM {
            return Err(wrong("it is no stream socket"));
        }
        if !listens(&socket)? {
            return Err(wrong("it does not listen: it is a connection, or was only bound"));
        }
        let address = socket.local_addr()?;
        let place = match (address.as_socket(), address.as_pathname()) {
            (Some(address), _) => Place::Tcp(address),
            (None, Some(path)) => Place::Unix(path.to_path_buf()),
            (None, None) => {
                return Err(wrong("it is neither TCP nor a Unix socket with a name in the file system"));
            }
        };
        // A process that this one would start is not to have it.
        socket.set_cloexec(true)?;
        socket.set_nonblocking(true)?;
        Ok(Inherited { socket, place })
    }

    /// Where it listens.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// A listener of the runtime that this is called in. The file of a Unix socket stays when it ends: it is not this process's.
    ///
    /// # Errors
    /// What the system says of the options.
    pub fn listener(self, options: &SocketOptions) -> io::Result<Listener> {
        match self.place {
            Place::Unix(path) => {
                options::set(SockRef::from(&self.socket), SocketUse::UnixListen, options)?;
                let socket = UnixListener::from_std(self.socket.into())?;
                Ok(Listener::Unix(socket, SocketFile::of_another(&path)))
            }
            Place::Tcp(_) | Place::Udp(_) | Place::Unixgram(_) => {
                // As of those that are bound here: each connection has it from its listener.
                let options = &SocketOptions { nodelay: options.nodelay.or(Some(true)), ..options.clone() };
                options::set(SockRef::from(&self.socket), SocketUse::TcpListen, options)?;
                TcpListener::from_std(self.socket.into()).map(Listener::Tcp)
            }
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn listens(socket: &Socket) -> io::Result<bool> {
    socket.is_listener()
}

/// The system does not tell; it shows when something is accepted.
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn listens(_socket: &Socket) -> io::Result<bool> {
    Ok(true)
}

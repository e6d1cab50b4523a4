//! Listening sockets and connections of either kind.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::options::{self, SocketOptions, SocketUse};
use super::{Endpoint, Peer, Place, SocketFile, dial, dial_unix, listen, listen_unix};

/// A socket that connections come to.
#[derive(Debug)]
pub enum Listener {
    /// TCP.
    Tcp(TcpListener),
    /// A Unix socket, and its file.
    Unix(UnixListener, SocketFile),
}

/// A connection.
#[derive(Debug)]
pub enum Stream {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// Connects to `endpoint`. Has no deadline of its own.
///
/// # Errors
/// What the system says; [`dial_error`](super::dial_error) says what kind it is, and
/// [`diagnose::dialing`](super::diagnose::dialing) puts it in words.
pub async fn connect(endpoint: &Endpoint, options: &SocketOptions) -> io::Result<Stream> {
    match endpoint {
        Endpoint::Tcp(host) => dial(host, options).await.map(Stream::Tcp),
        Endpoint::Unix(path) => dial_unix(path, options).map(Stream::Unix),
    }
}

impl Listener {
    /// Listens at a place of streams.
    ///
    /// # Errors
    /// `InvalidInput` for a place of datagrams; otherwise what the system says.
    pub fn bind(place: &Place, options: &SocketOptions) -> io::Result<Listener> {
        match place {
            Place::Tcp(address) => listen(*address, options).map(Listener::Tcp),
            Place::Unix(path) => {
                let (socket, file) = listen_unix(path, options)?;
                Ok(Listener::Unix(UnixListener::from_std(socket)?, file))
            }
            Place::Udp(_) | Place::Unixgram(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "datagrams have no connections to listen for",
            )),
        }
    }

    /// The same socket in the runtime that this is called in; that in which it was bound has to be there still.
    ///
    /// # Errors
    /// What the system says.
    pub fn adopted(self) -> io::Result<Listener> {
        Ok(match self {
            Listener::Tcp(socket) => Listener::Tcp(TcpListener::from_std(socket.into_std()?)?),
            Listener::Unix(socket, file) => Listener::Unix(UnixListener::from_std(socket.into_std()?)?, file),
        })
    }

    /// Where it listens (`getsockname`), with the port that the system has chosen.
    ///
    /// # Errors
    /// What the system says.
    pub fn local(&self) -> io::Result<Place> {
        match self {
            Listener::Tcp(socket) => socket.local_addr().map(Place::Tcp),
            Listener::Unix(_, file) => Ok(Place::Unix(file.path().to_path_buf())),
        }
    }

    /// What holds of it (`getsockopt`); `asked` is what it was bound with, since a backlog is not read back.
    ///
    /// # Errors
    /// What the system says.
    pub fn in_force(&self, asked: &SocketOptions) -> io::Result<SocketOptions> {
        match self {
            Listener::Tcp(socket) => options::in_force(SockRef::from(socket), SocketUse::TcpListen, asked),
            Listener::Unix(socket, _) => {
                options::in_force(SockRef::from(socket), SocketUse::UnixListen, asked)
            }
        }
    }

    /// The next connection, and who it is from.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Listener::Tcp(socket) => {
                socket.poll_accept(cx).map_ok(|(stream, peer)| (Stream::Tcp(stream), Peer::Ip(peer)))
            }
            Listener::Unix(socket, _) => socket.poll_accept(cx).map_ok(|(stream, _)| {
                // Of who has gone already the system may not tell; it counts as the superuser's, as good as any.
                let peer = stream.peer_cred().map_or(Peer::Local { pid: None, uid: 0 }, |peer| Peer::Local {
                    pid: peer.pid(),
                    uid: peer.uid(),
                });
                (Stream::Unix(stream), peer)
            }),
        }
    }
}

impl Stream {
    /// This end (`getsockname`); `None` where a Unix socket has no name.
    ///
    /// # Errors
    /// What the system says.
    pub fn local(&self) -> io::Result<Option<Place>> {
        match self {
            Stream::Tcp(stream) => stream.local_addr().map(|address| Some(Place::Tcp(address))),
            Stream::Unix(stream) => stream.local_addr().map(|address| name_of(&address)),
        }
    }

    /// The other end (`getpeername`); `None` where a Unix socket has no name, as most of those that connect have none.
    ///
    /// # Errors
    /// What the system says, such as that the other end is gone.
    pub fn peer(&self) -> io::Result<Option<Place>> {
        match self {
            Stream::Tcp(stream) => stream.peer_addr().map(|address| Some(Place::Tcp(address))),
            Stream::Unix(stream) => stream.peer_addr().map(|address| name_of(&address)),
        }
    }

    /// What holds of it (`getsockopt`).
    ///
    /// # Errors
    /// What the system says.
    pub fn in_force(&self) -> io::Result<SocketOptions> {
        let (socket, of) = match self {
            Stream::Tcp(stream) => (SockRef::from(stream), SocketUse::TcpDial),
            Stream::Unix(stream) => (SockRef::from(stream), SocketUse::UnixDial),
        };
        options::in_force(socket, of, &SocketOptions::default())
    }
}

fn name_of(address: &tokio::net::unix::SocketAddr) -> Option<Place> {
    address.as_pathname().map(|path| Place::Unix(path.to_path_buf()))
}

/// `fileno`.
impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Listener::Tcp(socket) => socket.as_fd(),
            Listener::Unix(socket, _) => socket.as_fd(),
        }
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buffer),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Stream::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

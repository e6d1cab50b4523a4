//! Listening sockets and connections of either kind.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::{Endpoint, Peer, Place, SocketFile, SocketOptions, dial, dial_unix, listen, listen_unix};

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
        Endpoint::Unix(path) => dial_unix(path).await.map(Stream::Unix),
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
                let (socket, file) = listen_unix(path, options.backlog)?;
                Ok(Listener::Unix(UnixListener::from_std(socket)?, file))
            }
            Place::Udp(_) | Place::Unixgram(_) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "datagrams have no connections to listen for",
            )),
        }
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

    /// The next connection, and who it is from.
    ///
    /// # Errors
    /// What the system says.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Peer)>> {
        match self {
            Listener::Tcp(socket) => socket.poll_accept(cx).map_ok(|(stream, peer)| {
                // Frames are written whole: waiting for more would only delay them. If it cannot be set, they are delayed.
                let _ = stream.set_nodelay(true);
                (Stream::Tcp(stream), Peer::Ip(peer))
            }),
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

//! TLS over a stream. The end of the stream is an end only where the peer said so (`close_notify`): otherwise it was cut, and that is
//! an error.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::records::{Records, Turn, broken};
use super::verify::key_of;
use super::{ALPN, ClientTls, ServerTls, TlsError};
use crate::identity::PublicKey;
use crate::wire::PREAMBLE;

/// The type of a record that a handshake begins with, and the one of what a server may say in place of that (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// TLS over a stream, once the handshake is done.
pub struct TlsStream<S> {
    stream: S,
    records: Records,
    peer: PublicKey,
}

impl<S> std::fmt::Debug for TlsStream<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsStream").field("peer", &self.peer).finish_non_exhaustive()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream<S> {
    /// The server's side of a handshake. Has no deadline of its own.
    ///
    /// # Errors
    /// See [`TlsError`]; the stream is given back, for what may be said over it all the same.
    pub async fn accept(stream: S, tls: &ServerTls) -> Result<TlsStream<S>, (TlsError, S)> {
        match tls.connection() {
            Ok(connection) => handshake(stream, Records::server(connection)).await,
            Err(error) => Err((error, stream)),
        }
    }

    /// The client's side of a handshake. Has no deadline of its own.
    ///
    /// # Errors
    /// See [`TlsError`]; the stream is given back.
    pub async fn connect(stream: S, tls: &ClientTls) -> Result<TlsStream<S>, (TlsError, S)> {
        match tls.connection() {
            Ok(connection) => handshake(stream, Records::client(connection)).await,
            Err(error) => Err((error, stream)),
        }
    }

    /// The key of whoever is at the other end.
    pub fn peer(&self) -> PublicKey {
        self.peer
    }

    /// What is below.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// What is below, as it is: what was read and not taken is lost.
    pub fn into_inner(self) -> S {
        self.stream
    }

    /// Sends what is encrypted.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        send(&mut self.stream, &mut self.records, cx)
    }
}

fn send<S: AsyncWrite + Unpin>(
    stream: &mut S,
    records: &mut Records,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while !records.outgoing().is_empty() {
        match ready!(Pin::new(&mut *stream).poll_write(cx, records.outgoing()))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => records.sent(count),
        }
    }
    Poll::Ready(Ok(()))
}

/// Reads once; nothing, at the end.
fn receive<S: AsyncRead + Unpin>(
    stream: &mut S,
    records: &mut Records,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let mut space = ReadBuf::new(records.space());
    let Poll::Ready(result) = Pin::new(stream).poll_read(cx, &mut space) else {
        records.idle();
        return Poll::Pending;
    };
    let count = space.filled().len();
    records.read(count);
    Poll::Ready(result.map(|()| count))
}

async fn handshake<S>(mut stream: S, mut records: Records) -> Result<TlsStream<S>, (TlsError, S)>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut is_begun = false;
    match poll_fn(|cx| poll_handshake(&mut stream, &mut records, &mut is_begun, cx)).await {
        Ok(peer) => Ok(TlsStream { stream, records, peer }),
        Err(error) => {
            // The peer is told why, if it still listens.
            let _unheard = poll_fn(|cx| send(&mut stream, &mut records, cx)).await;
            Err((error, stream))
        }
    }
}

fn poll_handshake<S>(
    stream: &mut S,
    records: &mut Records,
    is_begun: &mut bool,
    cx: &mut Context<'_>,
) -> Poll<Result<PublicKey, TlsError>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        let (Turn::Starved | Turn::Full, _) = records.turn(&mut [])?;
        let sent = send(stream, records, cx)?;
        if !records.state().is_handshaking() {
            ready!(sent);
            return Poll::Ready(met(records));
        }
        // Read all the same where nothing goes: both sides may have something to say.
        let count = match ready!(receive(stream, records, cx)) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return Poll::Ready(Err(TlsError::Cut));
            }
            Err(error) => return Poll::Ready(Err(error.into())),
        };
        if count == 0 {
            return Poll::Ready(Err(TlsError::Cut));
        }
        if !std::mem::replace(is_begun, true) {
            look_at_first(records.came())?;
        }
    }
}

/// What has come before anything was understood: whoever speaks something else is told apart by the first byte.
pub(super) fn look_at_first(came: &[u8]) -> Result<(), TlsError> {
    match came.first() {
        Some(first) if *first == PREAMBLE[0] => Err(TlsError::Plaintext),
        Some(&(HANDSHAKE | ALERT)) | None => Ok(()),
        Some(_) => Err(TlsError::Foreign),
    }
}

/// Both sides are done: who is there?
fn met(records: &Records) -> Result<PublicKey, TlsError> {
    let state = records.state();
    let shown = state.peer_certificates().and_then(|shown| shown.first());
    let peer = shown.and_then(key_of).ok_or(TlsError::NoKey)?;
    if state.alpn_protocol() == Some(ALPN) { Ok(peer) } else { Err(TlsError::NotTowline) }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            let space = buffer.initialize_unfilled();
            let taken = this.records.take(space);
            let turned = this.records.turn(&mut space[taken..]);
            buffer.advance(taken);
            let filled = match turned {
                Ok((Turn::Starved | Turn::Full, filled)) => filled,
                Err(error) => {
                    let _unheard = this.poll_send(cx);
                    return Poll::Ready(Err(broken(error)));
                }
            };
            buffer.advance(filled);
            if taken + filled > 0 || this.records.is_ended {
                return Poll::Ready(Ok(()));
            }
            // What the protocol itself has to say, such as that it takes a new key.
            if let Poll::Ready(Err(error)) = this.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
            if ready!(receive(&mut this.stream, &mut this.records, cx))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    /// No more than one batch is encrypted and not sent.
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        let count = this.records.encrypt(pieces)?;
        match this.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(count)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.records.close()?;
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}

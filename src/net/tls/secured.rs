//! A stream with TLS, or without it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::TlsStream;
use crate::identity::PublicKey;

/// A stream with TLS, or without it.
#[derive(Debug)]
pub enum Secured<S> {
    /// As it is.
    Plain(S),
    /// Encrypted, with a peer who has shown a key.
    Tls(Box<TlsStream<S>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Secured<S> {
    /// The key of whoever is at the other end, where that was shown.
    pub fn peer(&self) -> Option<PublicKey> {
        match self {
            Secured::Plain(_) => None,
            Secured::Tls(stream) => Some(stream.peer()),
        }
    }

    /// What is below.
    pub fn get_ref(&self) -> &S {
        match self {
            Secured::Plain(stream) => stream,
            Secured::Tls(stream) => stream.get_ref(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Secured<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Secured::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Secured::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Secured<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Secured::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Secured::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Secured::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
            Secured::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Secured::Plain(stream) => stream.is_write_vectored(),
            Secured::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Secured::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Secured::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Secured::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Secured::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

//! Streams that move little at once, and go off at the poll that was asked for.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use towline::drive::Dial;
use towline::proto::machine::DialError;

use super::help::Dialer;

/// What a stream moves at once, so that there are many points.
const PIECE: usize = 48 * 1024;

/// Goes off when streams were polled so often.
#[derive(Default)]
pub(crate) struct Fuse {
    pub(crate) left: AtomicU32,
    pub(crate) burnt: Notify,
}

impl Fuse {
    fn burn(&self) {
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1) {
            self.burnt.notify_one();
        }
    }
}

pub(crate) struct FusedDialer(pub(crate) Dialer, pub(crate) Arc<Fuse>);

impl Dial for FusedDialer {
    type Stream = FusedStream;

    fn dial(&self) -> impl Future<Output = Result<FusedStream, DialError>> + Send + 'static {
        let (dialing, fuse) = (self.0.dial(), Arc::clone(&self.1));
        async move { Ok(FusedStream(dialing.await?, fuse)) }
    }
}

pub(crate) struct FusedStream(TcpStream, Arc<Fuse>);

impl AsyncRead for FusedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.1.burn();
        let length = buffer.remaining().min(PIECE);
        let mut piece = ReadBuf::new(buffer.initialize_unfilled_to(length));
        let result = Pin::new(&mut self.0).poll_read(cx, &mut piece);
        let count = piece.filled().len();
        buffer.advance(count);
        result
    }
}

impl AsyncWrite for FusedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.1.burn();
        Pin::new(&mut self.0).poll_write(cx, &bytes[..bytes.len().min(PIECE)])
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

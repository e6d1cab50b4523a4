//! The conversation of a pair, over real sockets: what each side says is the same, byte for frame.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use towline::drive::Dial;
use towline::harness::{Side, Trace};
use towline::proto::machine::DialError;

use crate::help::{Dialer, World};

/// A dialler whose connections are written down.
struct Traced(Dialer, Arc<Mutex<Trace>>);

struct Recording(TcpStream, Arc<Mutex<Trace>>);

impl Dial for Traced {
    type Stream = Recording;

    fn dial(&self) -> impl Future<Output = Result<Recording, DialError>> + Send + 'static {
        let (dial, trace) = (self.0.dial(), Arc::clone(&self.1));
        async move { Ok(Recording(dial.await?, trace)) }
    }
}

impl Recording {
    fn note(&self, side: Side, bytes: &[u8]) {
        self.1.lock().expect("no panic").bytes(side, Bytes::copy_from_slice(bytes));
    }
}

impl AsyncRead for Recording {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.0).poll_read(cx, buf))?;
        self.note(Side::Server, &buf.filled()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Recording {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.0).poll_write(cx, bytes))?;
        self.note(Side::Client, &bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[tokio::test]
async fn handshake_echo_and_a_small_put_are_what_a_pair_says() {
    let world = World::new().await;
    world.local.put("file", b"a small file");
    let trace = Arc::new(Mutex::new(Trace::new()));
    let jobs = world.client_of(Traced(world.dialer(), Arc::clone(&trace)));
    assert!(matches!(jobs.carry_out(World::echo(b"Hello, world")).await, Ok(Ok(_))));
    assert!(matches!(jobs.carry_out(World::put("file")).await, Ok(Ok(_))));
    jobs.close().await;
    world.stop().await;
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let said = trace.lock().expect("no panic").by_side();
    settings.bind(|| insta::assert_snapshot!("conversation_handshake_echo_put", said));
}

//! The shim over a pair of streams in memory: what the script does to it, and that whoever is held is woken.

use std::io::{ErrorKind, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};
use towline::harness::Side;

use super::super::super::facts::{Dial, Place};
use super::super::super::script::Gate;
use super::super::state::{Shared, lock};
use super::{Addresses, Stream, Wire};
use crate::disk::Power;
use crate::plan::{Host, Plan};

const PLACE: Place = Place::Files(Dial { client: 0, number: 0 });

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection and who polls its ends.
struct Pair {
    shared: Shared,
    client: Stream<DuplexStream>,
    server: Stream<DuplexStream>,
    woken: Arc<Woken>,
}

impl Pair {
    fn new(window: usize) -> Pair {
        let mut plan = Plan::empty("a test", 1);
        plan.network.window = window;
        let shared = Shared::new(plan, None);
        let (one, other) = duplex(64 * 1024);
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let (here, there) =
            (Addresses { local: at(1), peer: at(2) }, Addresses { local: at(2), peer: at(1) });
        let of = |inner, addresses, side, place| {
            Stream::new(inner, addresses, shared.clone(), Power::new(), side, place, 0)
        };
        let client = of(one, here, Side::Client, Some(PLACE));
        let server = of(other, there, Side::Server, None);
        Pair { client, server, woken: Arc::default(), shared }
    }

    fn write(&mut self, bytes: &[u8]) -> Poll<Result<usize>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        Pin::new(&mut self.client).poll_write(&mut Context::from_waker(&waker), bytes)
    }

    fn read(&mut self) -> Poll<Result<Vec<u8>>> {
        read(&mut self.server, &self.woken)
    }

    /// Changes something that is not the ends' own; gives how many were woken.
    fn script(&self, does: impl FnOnce(&mut super::State)) -> usize {
        let before = self.woken.0.load(Ordering::Relaxed);
        let waiting = {
            let mut state = lock(&self.shared);
            does(&mut state);
            state.take_waiting()
        };
        waiting.into_iter().for_each(Waker::wake);
        self.woken.0.load(Ordering::Relaxed) - before
    }

    fn wire(&self, does: impl FnOnce(&mut Wire)) -> usize {
        self.script(|state| does(state.wires.get_mut(&PLACE).expect("it stands")))
    }
}

fn read(stream: &mut Stream<DuplexStream>, woken: &Arc<Woken>) -> Poll<Result<Vec<u8>>> {
    let waker = Waker::from(Arc::clone(woken));
    let mut space = [0; 1_000];
    let mut space = ReadBuf::new(&mut space);
    let polled = Pin::new(stream).poll_read(&mut Context::from_waker(&waker), &mut space);
    polled.map_ok(|()| space.filled().to_vec())
}

#[track_caller]
fn given(polled: Poll<Result<Vec<u8>>>) -> Vec<u8> {
    match polled {
        Poll::Ready(Ok(bytes)) => bytes,
        polled => panic!("{polled:?}"),
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(polled: Poll<Result<T>>) {
    let Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn bytes_stop_at_the_gate_and_go_on_with_the_script() {
    let mut pair = Pair::new(1_000);
    let Place::Files(dial) = PLACE else { unreachable!("a place of the protocol") };
    pair.script(|state| state.gates = vec![Gate { dial, side: Side::Client, byte: 3 }]);
    assert!(matches!(pair.write(b"hello"), Poll::Ready(Ok(5))));
    assert_eq!(given(pair.read()), b"hel");
    assert!(pair.read().is_pending());
    assert_eq!(lock(&pair.shared).wires[&PLACE].heard(Side::Client), 3);
    assert!(pair.script(|state| state.gates.clear()) > 0, "the reader is woken");
    assert_eq!(given(pair.read()), b"lo");
}

#[test]
fn a_gate_before_the_first_byte_holds_all() {
    let mut pair = Pair::new(1_000);
    let Place::Files(dial) = PLACE else { unreachable!("a place of the protocol") };
    pair.script(|state| state.gates = vec![Gate { dial, side: Side::Client, byte: 0 }]);
    assert!(matches!(pair.write(b"hello"), Poll::Ready(Ok(5))));
    assert!(pair.read().is_pending());
    assert_eq!(lock(&pair.shared).wires[&PLACE].heard(Side::Client), 0, "and is known to stand there");
}

#[test]
fn a_reset_is_told_to_both_ends_and_what_is_on_its_way_is_lost() {
    let mut pair = Pair::new(1_000);
    assert!(matches!(pair.write(b"one"), Poll::Ready(Ok(3))));
    assert_eq!(given(pair.read()), b"one");
    assert!(pair.read().is_pending());
    assert!(read(&mut pair.client, &pair.woken).is_pending());
    assert!(matches!(pair.write(b"two"), Poll::Ready(Ok(3))));
    assert!(pair.wire(Wire::reset) >= 2, "both readers are woken");
    refused(pair.read());
    refused(read(&mut pair.client, &pair.woken));
    refused(pair.write(b"three"));
    refused(pair.read());
}

#[test]
fn an_early_end_is_read_behind_what_was_heard_and_the_rest_is_dropped() {
    let mut pair = Pair::new(10);
    assert!(matches!(pair.write(b"one"), Poll::Ready(Ok(3))));
    assert_eq!(given(pair.read()), b"one");
    assert!(matches!(pair.write(b"two"), Poll::Ready(Ok(3))));
    pair.wire(|wire| wire.end(Side::Client));
    assert_eq!(given(pair.read()), b"", "the end");
    for _ in 0..5 {
        assert!(matches!(pair.write(b"three"), Poll::Ready(Ok(5))), "nobody is told, and no window fills");
    }
    assert_eq!(given(pair.read()), b"");
}

#[test]
fn a_mute_side_fills_the_window_and_nobody_hears() {
    let mut pair = Pair::new(8);
    assert!(pair.read().is_pending());
    assert!(pair.wire(|wire| wire.mute(Side::Client)) > 0);
    assert!(matches!(pair.write(b"four"), Poll::Ready(Ok(4))));
    assert!(matches!(pair.write(b"more"), Poll::Ready(Ok(4))));
    assert!(pair.write(b"again").is_pending(), "as a system that hears of nothing arriving");
    drop(pair.client);
    assert!(read(&mut pair.server, &pair.woken).is_pending(), "not even the end");
}

#[test]
fn a_process_that_does_not_read_is_woken_when_it_does_again() {
    let mut pair = Pair::new(1_000);
    pair.script(|state| assert!(state.not_reading.insert(Host::Server)));
    assert!(matches!(pair.write(b"hello"), Poll::Ready(Ok(5))));
    assert!(pair.read().is_pending());
    assert!(pair.script(|state| assert!(state.not_reading.remove(&Host::Server))) > 0);
    assert_eq!(given(pair.read()), b"hello");
}

#[test]
fn a_full_window_waits_for_the_reader() {
    let mut pair = Pair::new(4);
    assert!(matches!(pair.write(b"hello"), Poll::Ready(Ok(4))));
    assert!(pair.write(b"o").is_pending());
    let before = pair.woken.0.load(Ordering::Relaxed);
    assert_eq!(given(pair.read()), b"hell");
    assert!(pair.woken.0.load(Ordering::Relaxed) > before, "the writer is woken");
    assert!(matches!(pair.write(b"o"), Poll::Ready(Ok(1))));
}

#[test]
fn who_is_gone_keeps_no_writer_waiting() {
    let mut pair = Pair::new(4);
    assert!(matches!(pair.write(b"hello"), Poll::Ready(Ok(4))));
    assert_eq!(given(pair.read()), b"hell", "the server knows its place");
    assert!(matches!(pair.write(b"hello"), Poll::Ready(Ok(4))));
    assert!(pair.write(b"o").is_pending());
    let waker = Waker::from(Arc::clone(&pair.woken));
    drop(pair.server);
    let polled = Pin::new(&mut pair.client).poll_write(&mut Context::from_waker(&waker), b"o");
    let Poll::Ready(Err(error)) = polled else { panic!("{polled:?}") };
    assert_eq!(error.kind(), ErrorKind::BrokenPipe, "as the system says it");
}

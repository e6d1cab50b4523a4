//! Streams over turmoil's and over real ones, which seldom or never take or give a part of anything: here writes are
//! capped, reads are cut and joined anew, and a stream is at times not ready although it could be; all drawn from the plan's
//! stream `bytes`. What is heard stops at the script's gate until the script has gone on, and the script resets, ends and
//! mutes here.

mod polls;
mod wire;

#[cfg(test)]
#[path = "test.rs"]
mod tests;

use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use towline::harness::Side;
use towline::proto::machine::End;

pub(crate) use self::wire::Wire;
use self::wire::{Fate, other};
use super::super::facts::{Place, SERVER};
use super::super::script::allowed;
use super::super::tap::Tap;
use super::state::{Shared, State, lock};
use crate::disk::Power;
use crate::ledger::Rare;
use crate::plan::{Host, Plan, Shape};
use crate::plant::Plant;
use crate::streams::Streams;
use crate::trace::Recorded;

/// Bytes read ahead of what is given.
const STASH: usize = 64 * 1024;

/// One end of a connection.
pub(crate) struct Stream<I> {
    /// Dropped when the script breaks the connection.
    inner: Option<I>,
    shared: Shared,
    power: Power,
    /// Whose end it is.
    side: Side,
    peer: SocketAddr,
    place: Option<Place>,
    tap: Arc<Mutex<Tap>>,
    random: ChaCha8Rng,
    /// For flushes and signals, which move no other draw.
    flushes: ChaCha8Rng,
    shape: Shape,
    stash: BytesMut,
    /// What one read of the inner stream goes into.
    buffer: Vec<u8>,
    is_ended: bool,
    reading: Pace,
    writing: Pace,
    /// What was taken in this millisecond.
    taken: Taken,
    heard: u64,
}

/// The two ends' addresses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    pub(crate) local: SocketAddr,
    pub(crate) peer: SocketAddr,
}

/// A nap that a direction takes.
#[derive(Default)]
struct Pace {
    nap: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(nap) = &mut self.nap {
            ready!(nap.as_mut().poll(cx));
            self.nap = None;
        }
        Poll::Ready(())
    }

    /// Not ready before so many milliseconds have passed.
    fn sleep(&mut self, ms: u64, cx: &mut Context<'_>) {
        self.nap = Some(Box::pin(tokio::time::sleep(Duration::from_millis(ms))));
        if self.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// Writes and bytes that were taken in one millisecond.
#[derive(Default)]
struct Taken {
    ms: u64,
    writes: u32,
    bytes: u64,
}

/// What the script lets an end do.
enum Permit {
    /// So many bytes may be heard or said.
    Bytes(usize),
    /// The end is read; or, by a writer, what it says is dropped.
    Ended,
    /// What is said is lost.
    Lost,
    /// The connection is broken.
    Reset,
}

/// True if the other end is a peer that keeps no rules, and has no shim.
fn is_with_impostor(place: Place, plan: &Plan) -> bool {
    match place {
        Place::Files(dial) => plan.impostor_of(dial.client, dial.number).is_some(),
        Place::Echo(_) => false,
    }
}

fn broken() -> io::Error {
    ErrorKind::ConnectionReset.into()
}

impl<I: AsyncRead + AsyncWrite + Unpin> Stream<I> {
    /// `number` tells this end's random numbers from those of others; a client knows its place, a server learns it.
    pub(crate) fn new(
        inner: I,
        addresses: Addresses,
        shared: Shared,
        power: Power,
        side: Side,
        place: Option<Place>,
        number: u64,
    ) -> Stream<I> {
        let user = match side {
            Side::Client => "client",
            Side::Server => SERVER,
        };
        let random = Streams::new(shared.plan().seed).part(Streams::BYTES, user, number);
        let flushes = Streams::new(shared.plan().seed).part(Streams::MEDDLERS, user, number);
        let shape = shared.plan().shape;
        let tap = Arc::new(Mutex::new(Tap::new(place, side)));
        if let Some(place) = place {
            let mut state = lock(&shared);
            state.places.insert(addresses.local, place);
            let mut wire = Wire::default();
            if is_with_impostor(place, shared.plan()) {
                wire.has_no_peer();
            }
            state.wires.insert(place, wire);
            if place.keeps_rules(shared.plan()) {
                state.taps.push(Arc::clone(&tap));
            }
        }
        Stream {
            inner: Some(inner),
            shared,
            power,
            side,
            peer: addresses.peer,
            place,
            tap,
            random,
            flushes,
            shape,
            stash: BytesMut::new(),
            buffer: vec![0; STASH],
            is_ended: false,
            reading: Pace::default(),
            writing: Pace::default(),
            taken: Taken::default(),
            heard: 0,
        }
    }

    /// Draws whether this direction is not ready now.
    fn dawdles(&mut self, is_reading: bool, cx: &mut Context<'_>) -> bool {
        if self.random.random_ratio(self.shape.nap_permille, 1000) {
            let ms = self.random.random_range(1..=self.shape.nap_ms_max);
            let pace = if is_reading { &mut self.reading } else { &mut self.writing };
            pace.sleep(ms, cx);
            return true;
        }
        if self.random.random_ratio(self.shape.pending_percent, 100) {
            lock(&self.shared).facts.reach(Rare::SpuriousPending);
            cx.waker().wake_by_ref();
            return true;
        }
        false
    }

    /// Fills the stash with what has arrived; false if nothing has, and nothing more will.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let inner = self.inner.as_mut().ok_or_else(broken)?;
        while self.stash.len() < STASH && !self.is_ended {
            let mut space = ReadBuf::new(&mut self.buffer);
            match Pin::new(&mut *inner).poll_read(cx, &mut space) {
                Poll::Ready(Ok(())) if space.filled().is_empty() => self.is_ended = true,
                Poll::Ready(Ok(())) => self.stash.extend_from_slice(space.filled()),
                Poll::Ready(Err(_)) if !self.stash.is_empty() => break,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending if !self.stash.is_empty() => break,
                Poll::Pending => return Poll::Pending,
            }
        }
        Poll::Ready(Ok(!self.stash.is_empty()))
    }

    /// The server learns from the client's address whose connection it is.
    fn find_place(&mut self, state: &mut State) {
        if self.place.is_none() {
            self.place = state.places.get(&self.peer).copied();
        }
    }

    /// The host at this end.
    fn host(&self) -> Host {
        match (self.side, self.place) {
            (Side::Client, Some(place)) => Host::Client(place.client()),
            (Side::Client | Side::Server, _) => Host::Server,
        }
    }

    /// What may be heard now; who may not is woken when the script has gone on.
    fn may_hear(&mut self, cx: &Context<'_>) -> Poll<Permit> {
        let shared = self.shared.clone();
        let mut state = lock(&shared);
        self.find_place(&mut state);
        let is_stopped = state.not_reading.contains(&self.host());
        let state = &mut *state;
        // Who is at the other end of one that has none is a stranger.
        let known = self.place.and_then(|place| Some((place, state.wires.get_mut(&place)?)));
        let Some((place, wire)) = known else {
            if is_stopped {
                state.held.push(cx.waker().clone());
                return Poll::Pending;
            }
            return Poll::Ready(Permit::Bytes(usize::MAX));
        };
        wire.reader_waits(self.side, cx);
        let allowed = match place {
            Place::Files(dial) => allowed(&state.gates, dial, other(self.side)),
            Place::Echo(_) => u64::MAX,
        };
        if wire.is_reset() {
            return Poll::Ready(Permit::Reset);
        }
        if is_stopped {
            return Poll::Pending;
        }
        match wire.fate(other(self.side)) {
            Fate::Ended => Poll::Ready(Permit::Ended),
            Fate::Lost => Poll::Pending,
            Fate::Heard => match usize::try_from(allowed.saturating_sub(self.heard)).unwrap_or(usize::MAX) {
                0 => Poll::Pending,
                count => Poll::Ready(Permit::Bytes(count)),
            },
        }
    }

    /// What may be said now.
    fn may_say(&mut self, cx: &Context<'_>) -> Poll<Permit> {
        let shared = self.shared.clone();
        let mut state = lock(&shared);
        self.find_place(&mut state);
        let wire = self.place.and_then(|place| state.wires.get_mut(&place));
        let Some(wire) = wire else { return Poll::Ready(Permit::Bytes(usize::MAX)) };
        wire.writer_waits(self.side, cx);
        let fate = wire.fate(self.side);
        if wire.is_reset() {
            return Poll::Ready(Permit::Reset);
        }
        match (fate, wire.room(self.side, self.shared.plan().network.window)) {
            (Fate::Ended, _) => Poll::Ready(Permit::Ended),
            (Fate::Heard | Fate::Lost, 0) => Poll::Pending,
            (Fate::Lost, _) => Poll::Ready(Permit::Lost),
            (Fate::Heard, room) => Poll::Ready(Permit::Bytes(room)),
        }
    }

    /// How much one write takes now, at the pace of the shape and of the network; `None` after a while.
    fn pace(&mut self, length: usize, cx: &mut Context<'_>) -> Option<usize> {
        let ms = lock(&self.shared).facts.now_ms;
        if self.taken.ms != ms {
            self.taken = Taken { ms, writes: 0, bytes: 0 };
        }
        let carried = self.shared.plan().network.bytes_per_ms.unwrap_or(u64::MAX).max(1);
        let left = carried.saturating_sub(self.taken.bytes);
        if self.taken.writes >= Shape::WRITES_PER_MS || left == 0 {
            self.writing.sleep(1, cx);
            return None;
        }
        if self.dawdles(false, cx) {
            return None;
        }
        let most = self.shape.write_max;
        let drawn = if most == 0 { length } else { self.random.random_range(1..=most) };
        Some(drawn.min(length).min(usize::try_from(left).unwrap_or(usize::MAX)))
    }

    /// The inner stream takes bytes. A peer that was made mute cannot say that it takes no more of them either.
    fn poll_inner(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let inner = self.inner.as_mut().ok_or_else(broken)?;
        match ready!(Pin::new(inner).poll_write(cx, bytes)) {
            Ok(count) => Poll::Ready(Ok(count)),
            Err(error) => {
                let state = lock(&self.shared);
                let wire = self.place.and_then(|place| state.wires.get(&place));
                let is_unheard = wire.is_some_and(|wire| wire.fate(other(self.side)) == Fate::Lost);
                Poll::Ready(if is_unheard { Ok(bytes.len()) } else { Err(error) })
            }
        }
    }

    /// So much was heard here; gives whoever waited for it.
    fn hears(&mut self, count: usize) -> Option<Waker> {
        self.heard += count as u64;
        let mut state = lock(&self.shared);
        let wire = self.place.and_then(|place| state.wires.get_mut(&place))?;
        wire.hears(other(self.side), count)
    }

    /// Writes down what was said or heard here.
    fn note(&mut self, side: Side, bytes: &[u8]) {
        let mut state = lock(&self.shared);
        let Some(place) = self.place else { return };
        let bytes = Bytes::copy_from_slice(bytes);
        state.facts.keep(self.side, place.into(), || Recorded::Bytes(side, bytes.clone()));
        let Place::Files(_) = place else { return };
        let mut tap = self.tap.lock().unwrap_or_else(PoisonError::into_inner);
        let (frames, is_header_cut) = tap.bytes(side, bytes);
        state.facts.frames(self.side, place.into(), frames);
        if is_header_cut && side != self.side {
            state.facts.reach(Rare::HeaderCut);
        }
    }

    /// Tells the connection, once it is known which that is.
    fn passes(&self, what: impl FnOnce(&mut Wire, Side)) {
        let mut state = lock(&self.shared);
        if let Some(wire) = self.place.and_then(|place| state.wires.get_mut(&place)) {
            what(wire, self.side);
        }
    }

    /// Writes down that the stream of `by` is over, as seen here.
    fn keep_end(&self, by: Side, end: End) {
        if let Some(place) = self.place {
            lock(&self.shared).facts.keep(self.side, place.into(), || Recorded::Ended(by, end));
        }
    }

    /// A planted bug: takes a byte out of what is heard.
    fn spoil(&self, bytes: &mut BytesMut) {
        let plant = lock(&self.shared).facts.plant;
        let is_here = match (plant, self.place) {
            (Some(Plant::DropEchoByte), Some(Place::Echo(_))) => self.side == Side::Client,
            (Some(Plant::DropByte), Some(Place::Files(_))) => self.side == Side::Server,
            _ => false,
        };
        if is_here && self.heard <= 200 && self.heard + bytes.len() as u64 > 200 {
            let at = (200 - self.heard) as usize;
            let mut rest = bytes.split_off(at);
            rest.advance(1);
            bytes.unsplit(rest);
        }
    }
}

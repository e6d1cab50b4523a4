//! Streams over turmoil's, which never take or give a part of anything: here writes are capped, reads are cut and
//! joined anew, and a stream is at times not ready although it could be; all drawn from the plan's stream `bytes`.
//! What is heard stops at the script's gate until the script has gone on.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;
use towline::harness::Side;
use towline::proto::machine::End;

use super::super::facts::{Place, SERVER};
use super::super::script::allowed;
use super::super::tap::Tap;
use super::state::{Shared, State, lock};
use crate::disk::Power;
use crate::ledger::Rare;
use crate::plan::Shape;
use crate::plant::Plant;
use crate::streams::Streams;
use crate::trace::Recorded;

/// Bytes read ahead of what is given.
const STASH: usize = 64 * 1024;

/// One end of a connection.
pub(super) struct Stream {
    inner: turmoil::net::TcpStream,
    shared: Shared,
    power: Power,
    /// Whose end it is.
    side: Side,
    peer: SocketAddr,
    place: Option<Place>,
    tap: Arc<Mutex<Tap>>,
    random: ChaCha8Rng,
    shape: Shape,
    stash: BytesMut,
    /// What one read of turmoil's stream goes into.
    buffer: Vec<u8>,
    is_ended: bool,
    reading: Pace,
    writing: Pace,
    /// The millisecond in which so many writes were taken.
    taken: (u64, u32),
    heard: u64,
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

impl Stream {
    /// `number` tells this end's random numbers from those of others; a client knows its place, a server learns it.
    pub(super) fn new(
        inner: turmoil::net::TcpStream,
        shared: Shared,
        power: Power,
        side: Side,
        place: Option<Place>,
        number: u64,
    ) -> io::Result<Stream> {
        let peer = inner.peer_addr()?;
        let user = match side {
            Side::Client => "client",
            Side::Server => SERVER,
        };
        let random = Streams::new(shared.plan().seed).part(Streams::BYTES, user, number);
        let shape = shared.plan().shape;
        let name = place.map_or(String::new(), |place| place.to_string());
        let tap = Arc::new(Mutex::new(Tap::new(name, side)));
        if let Some(place) = place {
            let mut state = lock(&shared);
            state.places.insert(inner.local_addr()?, place);
            if place.keeps_rules(shared.plan()) {
                state.taps.push(Arc::clone(&tap));
            }
        }
        Ok(Stream {
            inner,
            shared,
            power,
            side,
            peer,
            place,
            tap,
            random,
            shape,
            stash: BytesMut::new(),
            buffer: vec![0; STASH],
            is_ended: false,
            reading: Pace::default(),
            writing: Pace::default(),
            taken: (0, 0),
            heard: 0,
        })
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
        while self.stash.len() < STASH && !self.is_ended {
            let mut space = ReadBuf::new(&mut self.buffer);
            match Pin::new(&mut self.inner).poll_read(cx, &mut space) {
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

    /// How many bytes may be heard now; the script is woken with the others when it has gone on.
    fn allowed(&mut self, state: &mut State, cx: &Context<'_>) -> u64 {
        let Some(Place::Files(dial)) = self.place else { return u64::MAX };
        let other = if self.side == Side::Client { Side::Server } else { Side::Client };
        let allowed = allowed(&state.gates, dial, other).saturating_sub(self.heard);
        if allowed == 0 {
            state.gate_wakers.push(cx.waker().clone());
        }
        allowed
    }

    /// Writes down what was said or heard here.
    fn note(&mut self, side: Side, bytes: &[u8]) {
        let shared = self.shared.clone();
        let mut state = lock(&shared);
        self.learn_place(&state);
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

    /// A server's end learns from its peer's address what it is an end of.
    fn learn_place(&mut self, state: &State) {
        if self.place.is_none() {
            self.place = state.places.get(&self.peer).copied();
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

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.power.is_on() {
            return Poll::Pending;
        }
        ready!(stream.reading.poll(cx));
        let other = if stream.side == Side::Client { Side::Server } else { Side::Client };
        let filled = ready!(stream.poll_fill(cx));
        match filled {
            Ok(true) => {}
            Ok(false) => {
                stream.keep_end(other, End::Orderly);
                return Poll::Ready(Ok(()));
            }
            Err(error) => {
                stream.keep_end(other, End::Reset);
                return Poll::Ready(Err(error));
            }
        }
        if stream.dawdles(true, cx) {
            return Poll::Pending;
        }
        let most = stream.shape.read_max;
        let drawn = if most == 0 { usize::MAX } else { stream.random.random_range(1..=most) };
        let shared = stream.shared.clone();
        let count = {
            let mut state = lock(&shared);
            stream.learn_place(&state);
            let allowed = usize::try_from(stream.allowed(&mut state, cx)).unwrap_or(usize::MAX);
            drawn.min(stream.stash.len()).min(into.remaining()).min(allowed)
        };
        if count == 0 {
            return Poll::Pending;
        }
        let mut bytes = stream.stash.split_to(count);
        stream.spoil(&mut bytes);
        stream.heard += count as u64;
        if let Some(Place::Files(dial)) = stream.place {
            lock(&shared).heard.insert((dial, other), stream.heard);
        }
        stream.note(other, &bytes);
        into.put_slice(&bytes);
        if bytes.is_empty() {
            // Nothing given would be the end.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if !stream.power.is_on() {
            return Poll::Pending;
        }
        ready!(stream.writing.poll(cx));
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let now = lock(&stream.shared).facts.now_ms;
        if stream.taken.0 != now {
            stream.taken = (now, 0);
        }
        if stream.taken.1 >= Shape::WRITES_PER_MS {
            stream.writing.sleep(1, cx);
            return Poll::Pending;
        }
        if stream.dawdles(false, cx) {
            return Poll::Pending;
        }
        let most = stream.shape.write_max;
        let drawn = if most == 0 { bytes.len() } else { stream.random.random_range(1..=most) };
        let count = ready!(Pin::new(&mut stream.inner).poll_write(cx, &bytes[..bytes.len().min(drawn)]))?;
        stream.taken.1 += 1;
        lock(&stream.shared).facts.wrote(stream.side, count);
        if count < bytes.len() {
            lock(&stream.shared).facts.reach(Rare::PartialWrite);
        }
        stream.note(stream.side, &bytes[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.power.is_on() {
            return Poll::Pending;
        }
        ready!(Pin::new(&mut stream.inner).poll_shutdown(cx))?;
        stream.keep_end(stream.side, End::Orderly);
        Poll::Ready(Ok(()))
    }
}

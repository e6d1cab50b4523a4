//! The shim as tokio polls it: reading, writing, and their ends.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rand::RngExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use towline::proto::machine::End;

use super::super::super::facts::Place;
use super::super::state::{State, lock};
use super::wire::{Fate, other};
use super::{Permit, Stream, broken};
use crate::ledger::Rare;

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncRead for Stream<I> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.power.is_on() {
            return Poll::Pending;
        }
        if stream.is_interrupted() {
            return Poll::Ready(Err(ErrorKind::Interrupted.into()));
        }
        let allowed = match ready!(stream.may_hear(cx)) {
            Permit::Bytes(count) => count,
            Permit::Ended => {
                stream.keep_end(other(stream.side), End::Orderly);
                return Poll::Ready(Ok(()));
            }
            Permit::Lost => return Poll::Pending,
            Permit::Reset => {
                stream.inner = None;
                stream.keep_end(other(stream.side), End::Reset);
                return Poll::Ready(Err(broken()));
            }
        };
        ready!(stream.reading.poll(cx));
        let is_more = match ready!(stream.poll_fill(cx)) {
            Ok(is_more) => is_more,
            Err(error) => {
                stream.keep_end(other(stream.side), End::Reset);
                return Poll::Ready(Err(error));
            }
        };
        if stream.dawdles(true, cx) {
            return Poll::Pending;
        }
        if !is_more {
            stream.keep_end(other(stream.side), End::Orderly);
            return Poll::Ready(Ok(()));
        }
        let most = stream.shape.read_max;
        let drawn = if most == 0 { usize::MAX } else { stream.random.random_range(1..=most) };
        let count = drawn.min(stream.stash.len()).min(into.remaining()).min(allowed);
        let mut bytes = stream.stash.split_to(count);
        stream.spoil(&mut bytes);
        stream.invert(&mut bytes);
        let waiting = stream.hears(count);
        stream.note(other(stream.side), &bytes);
        if let Some(waker) = waiting {
            waker.wake();
        }
        into.put_slice(&bytes);
        if bytes.is_empty() {
            // Nothing given would be the end.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Stream<I> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        if !stream.power.is_on() {
            return Poll::Pending;
        }
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        if stream.is_interrupted() {
            return Poll::Ready(Err(ErrorKind::Interrupted.into()));
        }
        stream.unless_broken()?;
        let permit = ready!(stream.may_say(cx));
        if let Permit::Reset = permit {
            stream.inner = None;
            return Poll::Ready(Err(broken()));
        }
        ready!(stream.writing.poll(cx));
        let Some(paced) = stream.pace(bytes.len(), cx) else { return Poll::Pending };
        // Said before it is: on another thread it is heard as soon as it is written.
        let most = if let Permit::Bytes(room) = permit { paced.min(room) } else { paced };
        stream.passes(|wire, side| wire.says(side, most));
        let written = match permit {
            Permit::Bytes(_) => stream.poll_inner(cx, &bytes[..most]),
            Permit::Ended | Permit::Lost | Permit::Reset => Poll::Ready(Ok(most)),
        };
        let taken = if let Poll::Ready(Ok(count)) = written { count } else { 0 };
        if taken < most {
            stream.passes(|wire, side| wire.takes_back(side, most - taken));
        }
        let count = ready!(written)?;
        stream.taken.writes += 1;
        stream.taken.bytes += count as u64;
        {
            let mut state = lock(&stream.shared);
            state.facts.wrote(stream.side, count);
            if count < bytes.len() {
                state.facts.reach(Rare::PartialWrite);
            }
        }
        stream.note(stream.side, &bytes[..count]);
        Poll::Ready(Ok(count))
    }

    /// What was written is on its way; at times the system says so later.
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.unless_broken()?;
        let permille = stream.shape.flush_permille;
        if permille > 0 && stream.flushes.random_ratio(permille, 1_000) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    /// The end may be late, as everything may.
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if !stream.power.is_on() {
            return Poll::Pending;
        }
        ready!(stream.writing.poll(cx));
        if stream.dawdles(false, cx) {
            return Poll::Pending;
        }
        stream.unless_broken()?;
        let fate = {
            let state = lock(&stream.shared);
            let wire = stream.place.and_then(|place| state.wires.get(&place));
            wire.map_or(Fate::Heard, |wire| wire.fate(stream.side))
        };
        match (fate, stream.inner.as_mut()) {
            (Fate::Heard | Fate::Ended, Some(inner)) => ready!(Pin::new(inner).poll_shutdown(cx))?,
            (Fate::Lost, _) => {}
            (Fate::Heard | Fate::Ended, None) => return Poll::Ready(Err(broken())),
        }
        stream.keep_end(stream.side, End::Orderly);
        Poll::Ready(Ok(()))
    }
}

impl<I> Drop for Stream<I> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = lock(&self.shared);
            self.place.and_then(|place| state.wires.get_mut(&place)).and_then(|wire| wire.goes(self.side))
        };
        if let Some(waker) = waiting {
            waker.wake();
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> Stream<I> {
    /// Draws whether a signal comes first. What the application reads and writes by itself is not interrupted: its own
    /// runtime tries again.
    fn is_interrupted(&mut self) -> bool {
        let permille = self.shape.interrupted_permille;
        matches!(self.place, Some(Place::Files(_)))
            && permille > 0
            && self.flushes.random_ratio(permille, 1_000)
    }

    /// The error of whoever writes where nothing is taken any more.
    fn unless_broken(&self) -> io::Result<()> {
        let state = lock(&self.shared);
        let wire = self.place.and_then(|place| state.wires.get(&place));
        match wire.is_some_and(|wire| wire.is_broken(self.side)) {
            true => Err(ErrorKind::BrokenPipe.into()),
            false => Ok(()),
        }
    }

    /// Inverts what is due of what is heard now.
    fn invert(&self, bytes: &mut [u8]) {
        let State { wires, facts, .. } = &mut *lock(&self.shared);
        let writer = other(self.side);
        if let Some(place) = self.place
            && let Some(wire) = wires.get_mut(&place)
        {
            wire.damage(writer).strike(facts, place, writer, self.heard, bytes);
        }
    }
}

//! One connection of a machine: a queue of bytes that go out, and pooled reads that come in.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Pool, Traffic};
use crate::probe::{Bug, planted};
use crate::proto::machine::{End, ROOM_MIN};

/// Bytes that may be queued to go out.
pub(super) const QUEUE: usize = crate::proto::QUEUE_MAX;
const _: () = assert!(QUEUE >= ROOM_MIN);
/// Pieces handed to the system at once.
const PIECES: usize = 64;
/// Reads shorter than this part of a buffer are copied, so that they do not pin it.
const COPY_BELOW: usize = 8;
/// After a read shorter than this no longer one is expected: it needs no buffer of the pool's.
const SHORT: usize = 4 * 1024;

/// A stream and what is under way on it.
#[derive(Debug)]
pub struct Link<S> {
    stream: S,
    queue: VecDeque<Bytes>,
    queued: usize,
    /// What the machine thinks there is room for.
    told: usize,
    write: Write,
    read: Read,
    /// The last read was a short one, or there was none.
    is_short: bool,
    traffic: Traffic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Write {
    Open,
    /// Half-close once the queue is empty.
    Finishing,
    Finished,
    /// The system takes nothing more; what the peer still says is read all the same.
    Broken,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    Open,
    Ended,
}

/// What a link has to say.
pub(super) enum Heard {
    Received(Bytes),
    Ended(End),
    /// There is room again.
    Room(usize),
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// A connection that stands; `traffic` counts its bytes.
    pub(super) fn new(stream: S, traffic: Traffic) -> Link<S> {
        let (write, read) = (Write::Open, Read::Open);
        Link { stream, queue: VecDeque::new(), queued: 0, told: 0, write, read, is_short: true, traffic }
    }

    pub(super) fn transmit(&mut self, bytes: Bytes) {
        self.told = self.told.saturating_sub(bytes.len());
        if self.write == Write::Open && !bytes.is_empty() {
            self.queued += bytes.len();
            if planted(Bug::CountQueued) {
                self.traffic.sent(bytes.len());
            }
            self.queue.push_back(bytes);
        }
    }

    pub(super) fn finish(&mut self) {
        if self.write == Write::Open {
            self.write = Write::Finishing;
        }
    }

    /// Writes what is queued, tells of room, and reads if `wants_read`. Writing comes first: it frees memory.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, pool: &Pool, wants_read: bool) -> Poll<Heard> {
        self.poll_write(cx);
        if let Some(room) = self.news_of_room() {
            return Poll::Ready(Heard::Room(room));
        }
        if !wants_read || self.read == Read::Ended {
            return Poll::Pending;
        }
        match ready!(self.poll_read(cx, pool)) {
            Ok(bytes) if bytes.is_empty() => {
                self.read = Read::Ended;
                Poll::Ready(Heard::Ended(End::Orderly))
            }
            Ok(bytes) => {
                self.traffic.received(bytes.len());
                Poll::Ready(Heard::Received(bytes))
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Err(_) => {
                self.read = Read::Ended;
                Poll::Ready(Heard::Ended(End::Reset))
            }
        }
    }

    /// Reads once; nothing, at the end.
    fn poll_read(&mut self, cx: &mut Context<'_>, pool: &Pool) -> Poll<io::Result<Bytes>> {
        let stream = Pin::new(&mut self.stream);
        if self.is_short {
            let mut space = [MaybeUninit::uninit(); SHORT];
            let mut space = ReadBuf::uninit(&mut space);
            ready!(stream.poll_read(cx, &mut space))?;
            self.is_short = space.remaining() > 0;
            return Poll::Ready(Ok(Bytes::copy_from_slice(space.filled())));
        }
        let mut buffer = pool.take();
        let mut space = ReadBuf::new(buffer.space());
        ready!(stream.poll_read(cx, &mut space))?;
        let count = space.filled().len();
        self.is_short = count < SHORT;
        Poll::Ready(Ok(match count < buffer.space().len() / COPY_BELOW {
            true => Bytes::copy_from_slice(&buffer.space()[..count]),
            false => buffer.freeze(count),
        }))
    }

    /// Ready once everything that can be written is.
    pub(super) fn poll_flush_all(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_write(cx);
        let is_done = match self.write {
            Write::Open => self.queue.is_empty(),
            Write::Finishing => false,
            Write::Finished | Write::Broken => true,
        };
        if is_done { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Room is told when the machine may be short of it: it believes in less than half of the queue.
    fn news_of_room(&mut self) -> Option<usize> {
        let room = QUEUE - self.queued.min(QUEUE);
        if self.told >= QUEUE / 2 || room <= self.told {
            return None;
        }
        self.told = room;
        Some(room)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) {
        if self.write == Write::Finishing && planted(Bug::EndBeforeQueue) {
            self.queue.clear();
        }
        while !self.queue.is_empty() {
            match self.poll_write_once(cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.written(count);
                    if planted(Bug::WriteOnce) {
                        return;
                    }
                }
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Poll::Ready(Ok(_) | Err(_)) => return self.break_write(),
            }
        }
        match Pin::new(&mut self.stream).poll_flush(cx) {
            Poll::Pending => return,
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return self.break_write(),
        }
        if self.write == Write::Finishing {
            match Pin::new(&mut self.stream).poll_shutdown(cx) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.write = Write::Finished,
                Poll::Ready(Err(_)) => self.break_write(),
            }
        }
    }

    /// A single piece goes without a list, which costs the system more.
    fn poll_write_once(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.stream);
        if let (Some(first), 1) = (self.queue.front(), self.queue.len()) {
            return stream.poll_write(cx, first);
        }
        let mut slices = [IoSlice::new(&[]); PIECES];
        let count =
            self.queue.iter().zip(&mut slices).map(|(bytes, slice)| *slice = IoSlice::new(bytes)).count();
        stream.poll_write_vectored(cx, &slices[..count])
    }

    fn written(&mut self, mut count: usize) {
        self.queued -= count;
        if !planted(Bug::CountQueued) {
            self.traffic.sent(count);
        }
        while let Some(front) = self.queue.front_mut() {
            if count < front.len() {
                front.advance(count);
                if planted(Bug::DropWrittenPiece) && count > 0 {
                    self.queue.pop_front();
                }
                return;
            }
            count -= front.len();
            self.queue.pop_front();
        }
        // A connection that waits holds no memory, and the next piece gets some that is still in the cache.
        self.queue = VecDeque::new();
    }

    /// What cannot be sent is dropped; that the connection broke is told by its reading side.
    fn break_write(&mut self) {
        self.write = Write::Broken;
        self.queue.clear();
        self.queued = 0;
    }
}

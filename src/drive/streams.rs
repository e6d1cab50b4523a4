//! Streams of the application's, such as standard input and output: each operation on a thread of its own, since it may
//! never come back, and must hold up neither the store nor the end of the process.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::inbox::Reply;
use super::{Mode, Pool};
use crate::proto::storage::{StoreError, Stored, StreamDone, StreamId, StreamOp, StreamResult, Ticket};
use crate::store::streams::{Pipe, Stream, fill};
use crate::store::{FileError, FileErrorKind};
use crate::wire::Code;

/// What an application reads from, or writes to.
pub enum AnyPipe {
    /// Read to its end.
    Input(Box<dyn Read + Send>),
    /// Written to, in order.
    Output(Box<dyn Write + Send>),
}

impl Pipe for AnyPipe {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, FileError> {
        let AnyPipe::Input(input) = self else { return Err(FileErrorKind::Other.into()) };
        loop {
            match input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| from(&error)),
            }
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let AnyPipe::Output(output) = self else { return Err(FileErrorKind::Other.into()) };
        output.write_all(bytes).and_then(|()| output.flush()).map_err(|error| from(&error))
    }
}

fn from(error: &io::Error) -> FileError {
    match error.raw_os_error() {
        Some(os) => rustix::io::Errno::from_raw_os_error(os).into(),
        None => FileErrorKind::Other.into(),
    }
}

/// The streams that a store's machines may use.
#[derive(Default)]
pub(super) struct Streams {
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u32,
    streams: BTreeMap<StreamId, Arc<Shared>>,
}

struct Shared {
    stream: Mutex<Stream<AnyPipe>>,
    /// The operation under way, until it is answered, by itself or because it was stopped.
    under_way: Mutex<Option<(Ticket, Reply)>>,
}

impl Streams {
    pub(super) fn add(&self, pipe: AnyPipe) -> StreamId {
        let mut open = lock(&self.open);
        let id = StreamId(open.next);
        open.next += 1;
        let (stream, under_way) = (Mutex::new(Stream::new(pipe)), Mutex::new(None));
        open.streams.insert(id, Arc::new(Shared { stream, under_way }));
        id
    }

    pub(super) fn remove(&self, id: StreamId) {
        let removed = lock(&self.open).streams.remove(&id);
        if let Some(shared) = removed {
            shared.answer(None, Err(StoreError::new(Code::CANCELLED, "")));
        }
    }

    /// Carries `op` out and answers with its completion, exactly once.
    pub(super) fn submit(&self, ticket: Ticket, op: StreamOp, reply: Reply, mode: Mode, buffers: &Pool) {
        let Some(shared) = lock(&self.open).streams.get(&op.stream()).cloned() else {
            return answer(ticket, &reply, Err(StoreError::new(Code::IO, "no such stream")));
        };
        if let StreamOp::Stop { .. } = op {
            shared.answer(None, Err(StoreError::new(Code::CANCELLED, "")));
            return answer(ticket, &reply, Ok(StreamDone::Stopped));
        }
        *lock(&shared.under_way) = Some((ticket, reply));
        let buffers = buffers.clone();
        let work = move || {
            let result = lock(&shared.stream).carry_out(op, |pipe| {
                let mut buffer = buffers.take();
                let count = fill(pipe, buffer.space())?;
                Ok(buffer.freeze(count))
            });
            shared.answer(Some(ticket), result);
        };
        match mode {
            Mode::Inline => work(),
            Mode::Threads => drop(std::thread::spawn(work)),
        }
    }
}

impl Shared {
    /// Answers what is under way; one that was stopped has nothing to answer any more, whatever is under way since.
    fn answer(&self, only: Option<Ticket>, result: StreamResult) {
        let answered = lock(&self.under_way).take_if(|(open, _)| only.is_none_or(|only| only == *open));
        if let Some((ticket, reply)) = answered {
            answer(ticket, &reply, result);
        }
    }
}

fn answer(ticket: Ticket, reply: &Reply, result: StreamResult) {
    // A machine that is gone needs no answer.
    let _ = reply.send(vec![(ticket, Stored::Stream(result))]);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

//! What an application writes to a client, and reads from it, in order: as pipes are, with an end that may fail.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// What the system says of an error of a device, and of no more room.
const IO: i32 = 5;
const NO_SPACE: i32 = 28;

/// What an application writes, to its end, or to where that fails.
pub(super) struct Source {
    rest: Vec<u8>,
    at: usize,
    fails: bool,
}

impl Source {
    pub(super) fn new(mut rest: Vec<u8>, fails_at: Option<u64>) -> Source {
        rest.truncate(fails_at.map_or(usize::MAX, |at| usize::try_from(at).unwrap_or(usize::MAX)));
        Source { rest, at: 0, fails: fails_at.is_some() }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.rest[self.at..];
        if self.fails && rest.is_empty() {
            return Err(io::Error::from_raw_os_error(IO));
        }
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

/// What an application has read. A clone is the same.
#[derive(Clone)]
pub(super) struct Sink {
    taken: Arc<Mutex<Vec<u8>>>,
    room: Option<u64>,
}

impl Sink {
    pub(super) fn new(room: Option<u64>) -> Sink {
        Sink { taken: Arc::default(), room }
    }

    pub(super) fn taken(&self) -> Vec<u8> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if self.room.is_some_and(|room| (taken.len() + bytes.len()) as u64 > room) {
            return Err(io::Error::from_raw_os_error(NO_SPACE));
        }
        taken.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

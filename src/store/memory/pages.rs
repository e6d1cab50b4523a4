//! The bytes of a file in memory: pages where something was written, holes elsewhere.

use std::collections::BTreeMap;
use std::ops::Range;

const PAGE: u64 = 4096;

#[derive(Clone, Debug, Default)]
pub(super) struct Pages {
    length: u64,
    /// Each as far as something was written in it, and zeros behind that: most files are short.
    pages: BTreeMap<u64, Vec<u8>>,
}

impl Pages {
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Bytes taken.
    pub(super) fn used(&self) -> u64 {
        self.pages.len() as u64 * PAGE
    }

    /// Bytes that a write would take in addition.
    pub(super) fn growth(&self, offset: u64, count: usize) -> u64 {
        spans(offset, count).filter(|(page, ..)| !self.pages.contains_key(page)).count() as u64 * PAGE
    }

    /// How many bytes there were, within `buffer`.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let count = self.length.saturating_sub(offset).min(buffer.len() as u64) as usize;
        for (page, within, range) in spans(offset, count) {
            match self.pages.get(&page) {
                Some(bytes) => {
                    let end = (within + range.len()).min(bytes.len());
                    let (written, rest) = buffer[range].split_at_mut(end.saturating_sub(within));
                    written.copy_from_slice(&bytes[end - written.len()..end]);
                    rest.fill(0);
                }
                None => buffer[range].fill(0),
            }
        }
        count
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) {
        for (page, within, range) in spans(offset, data.len()) {
            let bytes = self.pages.entry(page).or_default();
            if bytes.len() <= within {
                bytes.resize(within, 0);
                bytes.extend_from_slice(&data[range]);
            } else {
                grown(bytes, within + range.len())[within..within + range.len()]
                    .copy_from_slice(&data[range]);
            }
        }
        self.length = self.length.max(offset + data.len() as u64);
    }

    /// Where the first page from `offset` on is, or `offset` within it.
    pub(super) fn next_data(&self, offset: u64) -> Option<u64> {
        let mut pages = self.pages.range(offset / PAGE..);
        pages.next().map(|(page, _)| (page * PAGE).max(offset)).filter(|at| *at < self.length)
    }

    /// Inverts bits of a byte that was written; a hole has none.
    pub(super) fn invert(&mut self, offset: u64, mask: u8) -> bool {
        let page = self.pages.get_mut(&(offset / PAGE)).filter(|_| offset < self.length);
        page.is_some_and(|bytes| {
            let within = (offset % PAGE) as usize;
            grown(bytes, within + 1)[within] ^= mask;
            true
        })
    }

    pub(super) fn zero(&mut self, offset: u64, count: u64) {
        for (page, within, range) in spans(offset, count as usize) {
            if range.len() as u64 == PAGE {
                self.pages.remove(&page);
            } else if let Some(bytes) = self.pages.get_mut(&page) {
                let end = (within + range.len()).min(bytes.len());
                bytes[within.min(end)..end].fill(0);
            }
        }
    }

    pub(super) fn set_len(&mut self, length: u64) {
        let _beyond = self.pages.split_off(&length.div_ceil(PAGE));
        if let Some(bytes) = self.pages.get_mut(&(length / PAGE)) {
            bytes.truncate((length % PAGE) as usize);
        }
        self.length = length;
    }
}

/// At least so many bytes of a page.
fn grown(bytes: &mut Vec<u8>, length: usize) -> &mut [u8] {
    if bytes.len() < length {
        bytes.resize(length, 0);
    }
    bytes
}

/// The pages of a range of a file: the page, where in it, and which of the range's bytes.
fn spans(offset: u64, count: usize) -> impl Iterator<Item = (u64, usize, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done >= count {
            return None;
        }
        let at = offset + done as u64;
        let within = (at % PAGE) as usize;
        let length = (PAGE as usize - within).min(count - done);
        let range = done..done + length;
        done += length;
        Some((at / PAGE, within, range))
    })
}

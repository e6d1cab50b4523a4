//! Bits that are inverted on the way: which, the same in every world, and that they were. Streams hold them until the
//! byte is heard that they are of.

use rand::RngExt;
use towline::harness::Side;
use towline::wire::PREAMBLE_LEN;

use super::facts::{Facts, Place};
use crate::streams::Streams;
use crate::trace::{Connection, Kind};

/// What is to be inverted of one direction of a connection.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// A bit for each of the next bytes.
    masks: Vec<u8>,
}

impl Damage {
    /// A bit more of what `writer` sends, of which so many bytes were heard.
    pub(super) fn add(&mut self, seed: u64, place: Place, writer: Side, heard: u64) {
        let Place::Files(_) = place else { return };
        let user = format!("damage {place} {writer:?}");
        let bit = Streams::new(seed).part(Streams::FAULTS, &user, heard).random_range(0..8);
        self.masks.push(1 << bit);
    }

    /// True if it has something to invert.
    pub(super) fn is_due(&self) -> bool {
        !self.masks.is_empty()
    }

    /// Inverts what is due in bytes that are heard now, the first of which is the `start`th.
    pub(super) fn strike(
        &mut self,
        facts: &mut Facts,
        place: Place,
        writer: Side,
        start: u64,
        bytes: &mut [u8],
    ) {
        let count = self.masks.len().min(bytes.len());
        for ((at, byte), mask) in (start..).zip(bytes).zip(self.masks.drain(..count)) {
            *byte ^= mask;
            facts.damaged(place, writer, at);
        }
    }
}

impl Facts {
    /// A bit of the `at`th byte that `writer` sent was inverted.
    fn damaged(&mut self, place: Place, writer: Side, at: u64) {
        let reader = match writer {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        };
        let connection = Connection::from(place);
        let words = format!("a bit of byte {at} is inverted");
        self.record(connection.end(reader), Some(connection), Kind::Note(words));
        if at < PREAMBLE_LEN as u64 {
            self.outcome.strange_preambles.insert(place.client());
        }
    }
}

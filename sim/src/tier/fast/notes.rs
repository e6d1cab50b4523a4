//! What passes at a connection's ends, written down. Where nothing touches the bytes on their way, what is heard is known
//! from what was said, and is not taken apart a second time.

use std::sync::Mutex;

use bytes::Bytes;
use towline::harness::Side;

use super::super::byzantine::STRANGERS;
use super::super::facts::{Facts, Place};
use super::net::{Connection, other};
use super::world::{World, lock};
use crate::ledger::Rare;
use crate::plan::{Trick, What};
use crate::trace::{self, Kind, Recorded};

/// How what passes on a connection is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notes {
    /// By the side that is heard.
    hearing: [Hearing; 2],
    /// True if all bytes are kept.
    keeps_bytes: bool,
}

/// From what is known what is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hearing {
    /// What is heard is taken apart as it is.
    OfEach,
    /// What is heard is what was said.
    OfWhatWasSaid,
}

impl World {
    /// How to write down what passes there: in runs that are observed at every step, and wherever what is said may be
    /// no frame or not what is heard, each end for itself.
    pub(super) fn notes(&self, place: Place) -> Notes {
        let damages = |what: &What| matches!(what, What::Damage(..));
        let is_touched = self.plant.is_some()
            || self.plan.bug() != Ok(None)
            || self.plan.faults.iter().any(|fault| damages(&fault.what));
        let is_known = self.observed_one_in > 1 && !is_touched;
        let hearing =
            [Side::Client, Side::Server].map(|side| match is_known && self.says_frames(place, side) {
                true => Hearing::OfWhatWasSaid,
                false => Hearing::OfEach,
            });
        Notes { hearing, keeps_bytes: self.facts().outcome.trace.recording().is_some() }
    }

    /// True if all that is said at this end is frames: a flood is, and of the other tricks that is not to be told.
    fn says_frames(&self, place: Place, side: Side) -> bool {
        let Place::Files(dial) = place else { return false };
        let trick = match side {
            Side::Client => {
                let number =
                    dial.client.checked_sub(STRANGERS).and_then(|number| usize::try_from(number).ok());
                number.and_then(|number| self.plan.strangers.get(number)).map(|stranger| stranger.trick)
            }
            Side::Server => {
                self.plan.impostor_of(dial.client, dial.number).map(|(_, impostor)| impostor.trick)
            }
        };
        trick.is_none_or(|trick| trick == Trick::Flood)
    }
}

impl Connection {
    /// Its process at `side` has handed this over, to be said as it may.
    pub(super) fn will_say(&mut self, side: Side, bytes: &Bytes) {
        if self.notes.hearing[side as usize] == Hearing::OfWhatWasSaid {
            self.end_mut(side).tap.will_say(bytes.clone());
        }
    }

    /// Its process at `side` has said this.
    pub(super) fn said(&mut self, facts: &mut Facts, side: Side, bytes: &Bytes) {
        let place = self.place;
        facts.keep(side, place.into(), || Recorded::Bytes(side, bytes.clone()));
        if matches!(place, Place::Files(_)) {
            let (connection, hearing) = (trace::Connection::from(place), self.notes.hearing[side as usize]);
            let tap = &mut self.end_mut(side).tap;
            match hearing {
                Hearing::OfEach => facts.frames(side, connection, tap.bytes(side, bytes.clone()).0),
                Hearing::OfWhatWasSaid => {
                    tap.said(bytes.len(), |frame| {
                        facts.record(connection.end(side), Some(connection), Kind::Frame(frame));
                    });
                }
            }
        }
    }

    /// Its process at `side` has heard this.
    pub(super) fn has_heard(&mut self, facts: &Mutex<Facts>, side: Side, bytes: &Bytes) {
        let place = self.place;
        let (frames, is_header_cut) = match (place, self.notes.hearing[other(side) as usize]) {
            (Place::Echo(_), _) => Default::default(),
            (Place::Files(_), Hearing::OfEach) => self.end_mut(side).tap.bytes(other(side), bytes.clone()),
            (Place::Files(_), Hearing::OfWhatWasSaid) => {
                let [client, server] = &mut self.ends;
                let (here, there) = match side {
                    Side::Client => (client, server),
                    Side::Server => (server, client),
                };
                here.tap.heard(&mut there.tap, bytes.len())
            }
        };
        if !self.notes.keeps_bytes && frames.is_empty() && !is_header_cut {
            return;
        }
        let mut facts = lock(facts);
        facts.keep(side, place.into(), || Recorded::Bytes(other(side), bytes.clone()));
        facts.frames(side, place.into(), frames);
        if is_header_cut {
            facts.reach(Rare::HeaderCut);
        }
    }
}

//! What passes at a connection's ends, written down. Where nothing touches the bytes on their way, what is heard is known
//! from what was said, and is not taken apart a second time.

use std::sync::Mutex;

use bytes::Bytes;
use towline::harness::Side;

use super::super::facts::{Facts, Place};
use super::net::{Connection, other};
use super::world::{World, lock};
use crate::ledger::Rare;
use crate::plan::What;
use crate::trace::Recorded;

/// How what passes on a connection is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Notes {
    hearing: Hearing,
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
    /// How to write down what passes there: in runs that are observed at every step, and wherever somebody may say or
    /// hear what no frame is, each end for itself.
    pub(super) fn notes(&self, place: Place) -> Notes {
        let damages = |what: &What| matches!(what, What::Damage(..));
        let is_touched = self.plant.is_some()
            || self.plan.bug() != Ok(None)
            || self.plan.faults.iter().any(|fault| damages(&fault.what));
        let is_known = self.observed_one_in > 1 && !is_touched && place.keeps_rules(&self.plan);
        let hearing = if is_known { Hearing::OfWhatWasSaid } else { Hearing::OfEach };
        Notes { hearing, keeps_bytes: self.facts().outcome.trace.recording().is_some() }
    }
}

impl Connection {
    /// Its process at `side` has said this.
    pub(super) fn said(&mut self, facts: &mut Facts, side: Side, bytes: &Bytes) {
        let place = self.place;
        facts.keep(side, place.into(), || Recorded::Bytes(side, bytes.clone()));
        if matches!(place, Place::Files(_)) {
            let keeps = self.notes.hearing == Hearing::OfWhatWasSaid;
            let frames = self.end_mut(side).tap.said(bytes.clone(), keeps);
            facts.frames(side, place.into(), frames);
        }
    }

    /// Its process at `side` has heard this.
    pub(super) fn has_heard(&mut self, facts: &Mutex<Facts>, side: Side, bytes: &Bytes) {
        let place = self.place;
        let (frames, is_header_cut) = match (place, self.notes.hearing) {
            (Place::Echo(_), _) => Default::default(),
            (Place::Files(_), Hearing::OfEach) => {
                self.end_mut(side).tap.bytes(other(side), bytes.clone())
            }
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

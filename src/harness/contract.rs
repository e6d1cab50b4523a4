//! The contract of [`Machine`], asserted on every step of any machine.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use crate::proto::backoff::SplitMix;
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::storage::Ticket;
use crate::time::Time;

/// A machine under observation: panics where the contract is broken, by the machine or by its driver.
#[derive(Clone, Debug)]
pub struct Checked<M: Machine> {
    machine: M,
    now: Time,
    /// What each link's transport still takes, as last told, less what was sent since.
    room: BTreeMap<M::Link, i128>,
    finished: BTreeSet<M::Link>,
    open: BTreeSet<Ticket>,
    is_closed: bool,
    footprint_peak: usize,
    /// What it holds since its last step, and may hold.
    held: (usize, usize),
    care: Care,
}

/// How often the machine is stepped a second time, ticked early and hashed; all else is asserted at every step.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Care {
    Every,
    /// One step in so many, as drawn.
    Drawn(SplitMix, u64),
}

impl<M: Machine> Checked<M> {
    /// Observes `machine` from `now` on; `born` are the effects of its making.
    pub fn new(now: Time, machine: M, born: Out<M>) -> (Checked<M>, Vec<Effect<M>>) {
        let (room, finished, open) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let (is_closed, footprint_peak, care) = (false, 0, Care::Every);
        let held = (0, 0);
        let mut checked =
            Checked { machine, now, room, finished, open, is_closed, footprint_peak, held, care };
        let effects = checked.note(born);
        (checked, effects)
    }

    /// Steps the machine twice, ticks it early and hashes it at one step in `one_in`, drawn from `seed`: for campaigns
    /// of many runs, in which each kind of step is drawn often.
    #[must_use]
    pub fn drawn(mut self, seed: u64, one_in: u64) -> Checked<M> {
        self.care = Care::Drawn(SplitMix(seed), one_in.max(1));
        self
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// True once it has closed.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The most that it ever held, in bytes.
    pub fn footprint_peak(&self) -> usize {
        self.footprint_peak
    }

    /// The bytes that it holds since its last step, and the most that it may hold then.
    pub fn held(&self) -> (usize, usize) {
        self.held
    }

    /// Steps the machine and asserts.
    pub fn step(&mut self, now: Time, input: Input<M>) -> Vec<Effect<M>> {
        assert!(now >= self.now, "the driver turned time back: {:?} after {now:?}", self.now);
        self.now = now;
        self.check_driver(&input);
        let is_turn = self.is_turn();
        let twin = is_turn.then(|| self.twin());
        let is_elapsed = matches!(input, Input::Elapsed);
        let was_due = is_elapsed && self.machine.deadline().is_some_and(|deadline| deadline <= now);

        let mut out = Out::new();
        let twin = if let Some(mut twin) = twin {
            let mut twin_out = Out::new();
            self.machine.step(now, input.clone(), &mut out);
            twin.step(now, input, &mut twin_out);
            assert_eq!(out.effects(), twin_out.effects(), "the same input gave other effects");
            assert_eq!(self.machine, twin, "the same input gave another state");
            Some(twin)
        } else {
            self.machine.step(now, input, &mut out);
            None
        };

        if is_elapsed {
            assert!(
                self.machine.deadline().is_none_or(|deadline| deadline > now),
                "after Elapsed at {now:?} the deadline is {:?}",
                self.machine.deadline()
            );
            assert!(was_due || out.effects().is_empty(), "an early Elapsed did something");
        }
        // Hashing bulk at every step would take a test's whole time.
        if let Some(twin) = twin.filter(|twin| twin.footprint() < 64 * 1024) {
            check_fingerprint(now, twin);
        }
        self.note(out)
    }

    fn is_turn(&mut self) -> bool {
        match &mut self.care {
            Care::Every => true,
            Care::Drawn(random, one_in) => random.next_u64().is_multiple_of(*one_in),
        }
    }

    /// A machine in the same state. It was ticked before the deadline, which does nothing.
    fn twin(&self) -> M {
        let mut twin = self.machine.clone();
        if self.machine.deadline().is_none_or(|deadline| deadline > self.now) {
            let mut out = Out::new();
            twin.step(self.now, Input::Elapsed, &mut out);
            assert!(out.effects().is_empty(), "an early Elapsed did {:?}", out.effects());
            assert_eq!(twin, self.machine, "an early Elapsed changed the state");
        }
        twin
    }

    fn check_driver(&mut self, input: &Input<M>) {
        match input {
            Input::Room(link, room) => {
                self.room.insert(*link, *room as i128);
            }
            Input::Stored(ticket, _) => {
                assert!(self.open.remove(ticket), "the driver completed {ticket:?}, which is not open");
            }
            Input::Dialed(_) | Input::DialFailed(..) | Input::Received(..) | Input::Ended(..) => {}
            Input::Elapsed | Input::Command(_) => {}
        }
    }

    fn note(&mut self, out: Out<M>) -> Vec<Effect<M>> {
        let effects = out.into_effects();
        for effect in &effects {
            assert!(!self.is_closed, "{effect:?} after Close");
            match effect {
                Effect::Transmit(link, tx) => {
                    assert!(!self.finished.contains(link), "a transmission after Finish on {link:?}");
                    let room = self.room.entry(*link).or_default();
                    *room -= tx.bulk() as i128;
                    assert!(*room >= -(M::RESERVE as i128), "{} bytes beyond room and reserve", -*room);
                }
                Effect::Finish(link) => assert!(self.finished.insert(*link), "Finish twice on {link:?}"),
                Effect::Store(ticket, op) => assert!(self.open.insert(*ticket), "{ticket:?} twice: {op:?}"),
                Effect::Close(_) => {
                    assert!(self.open.is_empty(), "closed with {:?} open", self.open);
                    self.is_closed = true;
                }
                Effect::Dial(_) | Effect::Hangup(_) | Effect::Event(_) => {}
            }
        }
        if self.is_closed {
            assert_eq!(self.machine.deadline(), None, "a deadline after Close");
        }
        let (held, most) = (self.machine.footprint(), self.machine.footprint_max());
        assert!(held <= most, "{held} bytes held of {most}");
        self.footprint_peak = self.footprint_peak.max(held);
        self.held = (held, most);
        effects
    }
}

/// The canonical state is the same whenever it is looked at relative to the clock.
fn check_fingerprint<M: Machine>(now: Time, mut canonical: M) {
    // As `fingerprint` does, whose copies would be the dearest part of it.
    let mut print = |now| {
        canonical.rebase(now);
        let mut hasher = Print::default();
        canonical.hash(&mut hasher);
        hasher.finish()
    };
    assert_eq!(print(now), print(Time::ZERO), "rebase is not canonical");
}

/// Hashes a state quickly, for a comparison with its like on the spot: a multiplication for sixteen bytes. Nobody chooses
/// states to collide, and no print is kept.
#[derive(Default)]
struct Print(u64);

impl Print {
    fn mix(&mut self, word: u64) {
        self.mix_two(word, 0);
    }

    fn mix_two(&mut self, one: u64, other: u64) {
        let product =
            u128::from(self.0 ^ one ^ 0x9e37_79b9_7f4a_7c15) * u128::from(other ^ 0xd6e8_feb8_6659_fd93);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for Print {
    fn write(&mut self, bytes: &[u8]) {
        let (pairs, rest) = bytes.as_chunks::<16>();
        for pair in pairs {
            let pair = u128::from_le_bytes(*pair);
            self.mix_two(pair as u64, (pair >> 64) as u64);
        }
        let (words, rest) = rest.as_chunks::<8>();
        words.iter().for_each(|word| self.mix(u64::from_le_bytes(*word)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        // With its length, so that zeros at the end count.
        self.mix(u64::from_le_bytes(last));
        self.mix(bytes.len() as u64);
    }

    fn write_u8(&mut self, number: u8) {
        self.mix(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hasher;

    use super::Print;

    /// A state that is not the same has another print, wherever it differs.
    #[test]
    fn prints_tell_states_apart() {
        let print = |bytes: &[u8]| {
            let mut print = Print::default();
            print.write(bytes);
            print.finish()
        };
        let mut prints = std::collections::BTreeSet::new();
        for length in 0..40 {
            prints.insert(print(&vec![0; length]));
            for at in 0..length * 8 {
                let mut bytes = vec![0; length];
                bytes[at / 8] ^= 1 << (at % 8);
                prints.insert(print(&bytes));
            }
        }
        assert_eq!(prints.len(), 40 + (0..40).map(|length| length * 8).sum::<usize>());
    }
}

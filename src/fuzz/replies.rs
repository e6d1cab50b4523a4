//! The probe against whoever answers, and its conditions.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::harness::Checked;
use crate::proto::Prober;
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::proto::prober::verdict::FailIf;
use crate::proto::prober::{Carrier, Pace, ProbeCommand, Rate, Settings, Tally};
use crate::time::{Duration, Time};

/// The rest of the input is conditions.
const CONDITIONS: u8 = 0x80;
/// Probes go over a stream.
const STREAM: u8 = 0x40;

/// Any bytes as replies, between the right ones, in any order and at any time, under the contract's assertions: what is counted
/// adds up. With `CONDITIONS` the rest is conditions instead, which are read, or have a mistake within them.
///
/// The first byte says how (`STREAM`, the pace, the size); each that follows is a step: what happens, and how much of what.
pub fn replies(input: &[u8]) {
    let Some((&how, steps)) = input.split_first() else { return };
    if how & CONDITIONS != 0 {
        return conditions(&String::from_utf8_lossy(steps));
    }
    let carrier = if how & STREAM == 0 { Carrier::Datagrams } else { Carrier::Stream };
    let pace = match how & 3 {
        0 => Pace::Open(Rate::DEFAULT),
        1 => Pace::Closed(None),
        2 => Pace::Closed(Some(Rate::DEFAULT)),
        _ => Pace::Flood,
    };
    let settings = Settings {
        carrier,
        pace,
        size: carrier.size_min() + usize::from(how >> 2 & 0xf),
        warm_up: Duration::from_millis(u64::from(how & 4)),
        count: Some(40),
        duration: Some(Duration::from_millis(60)),
        timeout: Duration::from_millis(7),
        ..Settings::default()
    };
    let mut run = Run::new(&settings);
    let mut rest = steps;
    while let Some((&step, behind)) = rest.split_first() {
        rest = run.step(step, behind);
    }
    run.run_out();
    let counts = run.tally.counts;
    let settled = counts.received + counts.lost + counts.damaged + counts.abandoned;
    assert_eq!(counts.sent, settled, "{counts:?}");
    assert!(counts.late <= counts.lost && counts.reordered <= counts.received, "{counts:?}");
    assert!(counts.truncated <= counts.received && counts.damaged <= counts.corrupted, "{counts:?}");
}

struct Run {
    prober: Checked<Prober>,
    now: Time,
    sent: VecDeque<Bytes>,
    tally: Tally,
}

impl Run {
    fn new(settings: &Settings) -> Run {
        let prober = Prober::new(Time::ZERO, settings).expect("they make sense");
        let (prober, _nothing) = Checked::new(Time::ZERO, prober, Out::new());
        Run { prober, now: Time::ZERO, sent: VecDeque::new(), tally: Tally::default() }
    }

    /// Takes a step, and gives what is left of the steps.
    fn step<'a>(&mut self, step: u8, behind: &'a [u8]) -> &'a [u8] {
        let which = usize::from(step & 0x1f);
        match step >> 5 {
            0 => self.input(Input::Room((), Settings::SIZE_MAX)),
            1 => self.elapse(),
            2 => self.now = self.now + Duration::from_micros(100 << which.min(12)),
            3 => self.answer(which, |_| {}),
            4 => self.answer(which, |reply| {
                let at = usize::from(behind.first().copied().unwrap_or_default());
                let length = reply.len().max(1);
                reply.iter_mut().skip(at % length).take(1).for_each(|byte| *byte ^= 1 << (at % 8));
            }),
            5 => self.answer(which, |reply| reply.truncate(which)),
            6 => {
                let (bytes, behind) = behind.split_at(which.min(behind.len()));
                self.input(Input::Received((), Bytes::copy_from_slice(bytes)));
                return behind;
            }
            _ => self.input(match which {
                0 => Input::Ended((), End::Orderly),
                1 => Input::Ended((), End::Reset),
                2 => Input::Command(ProbeCommand::Stop),
                3 => Input::Command(ProbeCommand::Refused),
                _ => Input::Room((), which),
            }),
        }
        behind
    }

    /// A reply to one that was sent, of a stream to the oldest, changed.
    fn answer(&mut self, which: usize, change: impl FnOnce(&mut Vec<u8>)) {
        let Some(probe) = self.sent.get(which % self.sent.len().max(1)) else { return };
        let mut reply = probe.to_vec();
        change(&mut reply);
        self.input(Input::Received((), reply.into()));
    }

    fn elapse(&mut self) {
        if let Some(deadline) = self.prober.machine().deadline() {
            self.now = self.now.max(deadline);
            self.input(Input::Elapsed);
        }
    }

    fn input(&mut self, input: Input<Prober>) {
        if self.prober.is_closed() {
            return;
        }
        for effect in self.prober.step(self.now, input) {
            match effect {
                Effect::Transmit((), probe) => self.sent.push_back(probe),
                Effect::Event(event) => self.tally.note(&event),
                Effect::Finish(()) | Effect::Hangup(()) | Effect::Close(_) => {}
                Effect::Dial(()) | Effect::Store(..) => unreachable!("a probe does none of these"),
            }
        }
    }

    /// Whatever its transport does, it ends by the clock.
    fn run_out(&mut self) {
        while !self.prober.is_closed() {
            assert!(self.prober.machine().deadline().is_some(), "nothing will ever happen");
            self.elapse();
        }
    }
}

fn conditions(text: &str) {
    match FailIf::parse(text) {
        Ok(conditions) => assert!(conditions.breaches(&Tally::default()).len() <= text.len()),
        Err(error) => assert!(error.at <= text.chars().count(), "{error}"),
    }
}

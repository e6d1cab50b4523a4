//! The probe: sends payloads to an echo on a schedule, and tells what became of each. Any echo will do (RFC 862), over a stream or
//! over datagrams; nothing is asked of it but that what comes in goes out.
//!
//! By default the loop is open: probes leave when they are due, whatever became of those before, and carry the time at which
//! they were due. So a server that stands still for a while makes all those wait that are due meanwhile, and shows in as many
//! replies; a closed loop sends nothing meanwhile, and shows one ("coordinated omission": G. Tene, *How NOT to Measure Latency*).
//! From when a probe was due to its reply is the *response time*, from when it left the *service time*.
//!
//! One machine is one connection. It counts nothing: what happens it tells as events, which a [`Tally`] counts.
//!
//! | file | what |
//! |---|---|
//! | `schedule` | when probes leave |
//! | `payload` | what they carry, and whether that came back |
//! | `flight` | which are on their way, and which lately were |
//! | `settings` | what can be asked for |
//! | `event` | what it is told, and tells |
//! | [`tally`] | counts and histograms, of all connections together |
//! | [`verdict`] | conditions on what was measured, as text |

mod event;
mod flight;
mod payload;
mod schedule;
mod settings;
pub mod tally;
pub mod verdict;

use bytes::Bytes;

pub use self::event::{ProbeCommand, ProbeEnd, ProbeEvent};
use self::flight::{Fate, Flight, Probe};
use self::payload::Pattern;
pub use self::schedule::Rate;
use self::schedule::Schedule;
pub use self::settings::{Carrier, Pace, Settings, SettingsError};
pub use self::tally::{Counts, Percentile, Spread, Tally};
use super::machine::{Effect, Input, Machine, Out, earlier};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::states::state_names;
use crate::time::{Duration, Time};

/// Sends probes over one connection, or from one socket of datagrams.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Prober {
    carrier: Carrier,
    timeout: Duration,
    /// Of how many a reply is awaited at once, at the most.
    window: usize,
    schedule: Schedule,
    pattern: Pattern,
    flight: Flight,
    /// The highest number that was answered.
    highest: Option<u64>,
    /// Of a stream: bytes of the oldest probe's reply that came, and whether all of them were right.
    reply: (usize, bool),
    /// The transport takes a probe now. One at a time, so that none is thought to have left while it waits in a queue.
    is_ready: bool,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Sending,
    /// All have left; replies are awaited.
    Waiting,
    Closed,
}

state_names!(pub Prober, STATES, state_name, phase, Phase: Sending, Waiting, Closed);

impl Prober {
    /// Probes that a flood keeps on their way, on each connection.
    pub const FLOOD: usize = 64;

    /// A prober that begins at `start`.
    ///
    /// # Errors
    /// Where the settings make no sense.
    pub fn new(start: Time, settings: &Settings) -> Result<Prober, SettingsError> {
        settings.check()?;
        let window = match settings.pace {
            Pace::Open(_) => Flight::MOST,
            Pace::Closed(_) => 1,
            Pace::Flood => Prober::FLOOD,
        };
        Ok(Prober {
            carrier: settings.carrier,
            timeout: settings.timeout,
            window,
            schedule: Schedule::new(start, settings),
            pattern: Pattern::new(settings.size, settings.seed),
            flight: Flight::default(),
            highest: None,
            reply: (0, true),
            is_ready: false,
            phase: Phase::Sending,
        })
    }

    /// True if one more may be on its way.
    fn has_place(&self) -> bool {
        // A stream owes a reply to each, however late; of datagrams the oldest that is settled can be forgotten.
        let can_forget = || match self.carrier {
            Carrier::Stream => false,
            Carrier::Datagrams => {
                self.flight.oldest().is_some_and(|(_, oldest)| oldest.fate != Fate::Waiting)
            }
        };
        self.flight.waiting() < self.window && (self.flight.has_room() || can_forget())
    }

    /// Counts those as lost whose time was over `before` now.
    fn expire(&mut self, is_over: impl Fn(Time) -> bool, out: &mut Out<Prober>) {
        while let Some((number, probe)) = self.flight.oldest_waiting()
            && is_over(probe.sent + self.timeout)
        {
            self.flight.settle(number, Fate::Overdue);
            tell(&probe, ProbeEvent::Lost, out);
        }
    }

    /// The next one leaves, if it is due and may.
    fn send(&mut self, now: Time, out: &mut Out<Prober>) {
        if self.phase != Phase::Sending {
            return;
        }
        if self.schedule.gives_up(self.timeout).is_some_and(|at| at <= now) {
            out.event(ProbeEvent::Unsent(self.schedule.unsent()));
            self.phase = Phase::Waiting;
            return;
        }
        let Some(due) = self.schedule.due(now) else {
            self.phase = Phase::Waiting;
            return;
        };
        if due > now || !self.is_ready || !self.has_place() {
            return;
        }
        self.is_ready = false;
        let planned = self.schedule.take(due, now);
        if self.carrier == Carrier::Datagrams {
            // As long again as they were waited for: until then a second reply is told from a late one.
            self.flight.forget(now - self.timeout - self.timeout);
        }
        let payload = self.pattern.payload(self.flight.next(), planned.intended);
        let (intended, is_counted) = (planned.intended, planned.is_counted);
        self.flight.push(Probe { intended, sent: now, is_counted, fate: Fate::Waiting });
        out.push(Effect::Transmit((), payload));
        if is_counted {
            out.event(ProbeEvent::Sent { at: now, late: planned.late });
        }
        if self.schedule.due(now).is_none() {
            self.phase = Phase::Waiting;
        }
    }

    fn on_stream(&mut self, now: Time, mut bytes: &[u8], out: &mut Out<Prober>) {
        while !bytes.is_empty() {
            let Some((number, probe)) = self.flight.oldest() else {
                return self.close(ProbeEnd::Unasked, out);
            };
            let (at, is_right) = self.reply;
            let (first, rest) = bytes.split_at(bytes.len().min(self.pattern.size() - at));
            let is_right = is_right && self.pattern.matches(number, probe.intended, at, first);
            bytes = rest;
            self.reply = (at + first.len(), is_right);
            if self.reply.0 == self.pattern.size() {
                self.reply = (0, true);
                self.answered(now, number, if is_right { Fit::Whole } else { Fit::Wrong }, out);
                self.flight.forget_oldest();
            }
        }
    }

    fn on_datagram(&mut self, now: Time, bytes: &[u8], out: &mut Out<Prober>) {
        let unknown = ProbeEvent::Corrupted { is_answer: false };
        let Some((number, intended)) = Pattern::claim(bytes) else { return out.event(unknown) };
        if number >= self.flight.next() {
            return out.event(unknown);
        }
        let is_right = self.pattern.matches(number, intended, 0, bytes);
        let fit = match is_right {
            true if bytes.len() == self.pattern.size() => Fit::Whole,
            true => Fit::Cut(bytes.len()),
            false => Fit::Wrong,
        };
        if number < self.flight.first() {
            return out.event(if is_right { ProbeEvent::Stale } else { unknown });
        }
        match self.flight.get(number) {
            Some(probe) if probe.intended == intended => self.answered(now, number, fit, out),
            Some(_) | None => out.event(unknown),
        }
    }

    /// A reply to one that is remembered.
    fn answered(&mut self, now: Time, number: u64, fit: Fit, out: &mut Out<Prober>) {
        let Some(probe) = self.flight.get(number).copied() else { return };
        let is_forgotten = planted(Bug::AwaitAnswered);
        let before = self.flight.settle(number, if is_forgotten { probe.fate } else { Fate::Answered });
        let is_reordered = self.highest.is_some_and(|highest| number < highest);
        let wrong = |is_answer| ProbeEvent::Corrupted { is_answer };
        let cut = match fit {
            Fit::Whole => None,
            Fit::Cut(length) => Some(length),
            // Of the warm-up, nobody waits for it.
            Fit::Wrong => {
                return out.event(wrong(before == Some(Fate::Waiting) && probe.is_counted));
            }
        };
        let event = match before {
            Some(Fate::Waiting) => {
                let (service, response) = (now.since(probe.sent), now.since(probe.intended));
                ProbeEvent::Reply { at: now, service, response, is_reordered, cut }
            }
            Some(Fate::Overdue) => ProbeEvent::Late,
            Some(Fate::Answered) | None => ProbeEvent::Duplicate,
        };
        mark_if(Mark::ProbeOvertaken, || is_reordered);
        mark_if(Mark::ProbeDoubled, || event == ProbeEvent::Duplicate);
        let highest = if planted(Bug::ForgetHighest) { None } else { self.highest };
        self.highest = highest.max(Some(number));
        tell(&probe, event, out);
    }

    fn on_command(&mut self, command: ProbeCommand, out: &mut Out<Prober>) {
        match command {
            ProbeCommand::Refused => {
                out.event(ProbeEvent::Refused);
                if self.highest.is_none() {
                    self.give_up(ProbeEvent::Lost, ProbeEnd::Refused, out);
                }
            }
            ProbeCommand::Stop => self.give_up(ProbeEvent::Abandoned, ProbeEnd::Stopped, out),
        }
    }

    /// Those that are on their way are waited for no more.
    fn give_up(&mut self, event: ProbeEvent, end: ProbeEnd, out: &mut Out<Prober>) {
        while let Some((number, probe)) = self.flight.oldest_waiting() {
            self.flight.settle(number, Fate::Overdue);
            tell(&probe, event, out);
        }
        let is_cut_off = matches!(end, ProbeEnd::Ended(_)) && self.phase == Phase::Sending;
        if let unsent @ 1.. = if is_cut_off { self.schedule.unsent() } else { 0 } {
            out.event(ProbeEvent::Unsent(unsent));
        }
        self.close(end, out);
    }

    fn close(&mut self, end: ProbeEnd, out: &mut Out<Prober>) {
        self.phase = Phase::Closed;
        self.flight = Flight::default();
        match end {
            ProbeEnd::Done | ProbeEnd::Stopped => out.push(Effect::Finish(())),
            ProbeEnd::Ended(_) | ProbeEnd::Refused | ProbeEnd::Unasked => out.push(Effect::Hangup(())),
        }
        out.push(Effect::Close(end));
    }
}

/// How a reply is like what was sent.
#[derive(Clone, Copy)]
enum Fit {
    Whole,
    /// So many bytes of it.
    Cut(usize),
    Wrong,
}

fn tell(probe: &Probe, event: ProbeEvent, out: &mut Out<Prober>) {
    if probe.is_counted {
        out.event(event);
    }
}

impl Machine for Prober {
    type Link = ();
    /// A chunk of the stream, or a datagram.
    type Rx = Bytes;
    /// A probe.
    type Tx = Bytes;
    type Command = ProbeCommand;
    type Event = ProbeEvent;
    type Outcome = ProbeEnd;

    const RESERVE: usize = 0;

    fn step(&mut self, now: Time, input: Input<Prober>, out: &mut Out<Prober>) {
        let is_early =
            matches!(input, Input::Elapsed) && self.deadline().is_none_or(|deadline| deadline > now);
        if self.phase == Phase::Closed || is_early {
            return;
        }
        // What comes at the very end of its time comes in time.
        self.expire(|deadline| deadline < now, out);
        match input {
            Input::Received((), bytes) => match self.carrier {
                Carrier::Stream => self.on_stream(now, &bytes, out),
                Carrier::Datagrams => self.on_datagram(now, &bytes, out),
            },
            Input::Room((), room) => self.is_ready = room >= self.pattern.size(),
            Input::Ended((), end) => self.give_up(ProbeEvent::Lost, ProbeEnd::Ended(end), out),
            Input::Elapsed => self.expire(|deadline| deadline <= now, out),
            Input::Command(command) => self.on_command(command, out),
            Input::Dialed(()) | Input::DialFailed((), _) | Input::Stored(..) => {}
        }
        self.send(now, out);
        if self.phase == Phase::Waiting && self.flight.waiting() == 0 {
            self.close(ProbeEnd::Done, out);
        }
    }

    fn deadline(&self) -> Option<Time> {
        let timeout = self.flight.deadline(self.timeout);
        match self.phase {
            Phase::Sending => {
                let is_able = self.is_ready && self.has_place();
                let due = self.schedule.due(Time::ZERO).filter(|_| is_able);
                let end = earlier(self.schedule.ends(), self.schedule.gives_up(self.timeout));
                earlier(earlier(due, end), timeout)
            }
            Phase::Waiting => timeout,
            Phase::Closed => None,
        }
    }

    fn footprint(&self) -> usize {
        self.flight.footprint() + self.pattern.footprint()
    }

    fn footprint_max(&self) -> usize {
        Flight::footprint_max() + self.pattern.footprint()
    }

    // `rebase` does nothing: what it sends carries the time, so that no two times are alike to it.
}

//! Life signs: whatever comes puts off the deadlines that ask for the peer and give it up; a peer that sends much, and
//! whose own questions stand behind that, is told that it is heard.

use super::{Session, SessionEnd};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::limits::SPEAK_MIN;
use crate::proto::machine::{Effect, Out};
use crate::proto::timers::Timer;
use crate::time::{Duration, Time};
use crate::wire::{Body, Code, Failure, Hello};

/// Bytes after which a peer is owed a word: more than its pings, which must not be enough, or two sides that no longer
/// understand each other would keep each other alive.
const ENOUGH: usize = 256;

/// How long this side may say nothing to a peer that sends and has stated `hello`: a third of its idle time, so that one word may be late
/// and the next still comes before the peer has to ask, which it does at half; `None`: for ever.
pub(super) fn speak_after(hello: &Hello) -> Option<Duration> {
    let idle = Duration::from_millis(u64::from(hello.idle_ms));
    (!idle.is_zero()).then(|| (idle / 3).max(SPEAK_MIN))
}

impl Session {
    /// Every byte that comes is a sign of the peer's life; once there are enough of them, the peer is owed one of ours.
    pub(super) fn heard(&mut self, now: Time, bytes: usize) {
        if self.phase.is_alive() {
            if self.unanswered < ENOUGH {
                self.owe(now, self.unanswered.saturating_add(bytes));
            }
            if self.is_held_back() {
                return;
            }
            self.timers.set(Timer::Ping, self.limits.idle.map(|idle| now + idle / 2));
            if !planted(Bug::ForgetIdleDeadline) {
                self.timers.set(Timer::Idle, self.limits.idle.map(|idle| now + idle));
            }
        }
    }

    /// Every byte that leaves is a sign of this side's life; `behind` were heard behind what it answers.
    pub(super) fn note_said(&mut self, now: Time, behind: usize) {
        if self.channel.take_said() && self.phase.is_alive() {
            self.owe(now, behind);
        }
    }

    /// So many bytes are unanswered.
    fn owe(&mut self, now: Time, bytes: usize) {
        if let Some(after) = self.speak_after {
            self.unanswered = bytes.min(ENOUGH);
            let is_owed = bytes >= ENOUGH || self.is_held_back();
            self.timers.set(Timer::Speak, is_owed.then_some(now + after));
        }
    }

    /// Asks whether the peer is there.
    pub(super) fn ask(&mut self, out: &mut Out<Session>) {
        self.pings += 1;
        self.send(Body::Ping(self.pings), out);
    }

    /// Says something to a peer that was heard and has heard nothing for a while: the credit that it has anyway, which
    /// changes nothing and wants no answer. Not while the transport is full: what is queued there will be heard before.
    pub(super) fn speak(&mut self, now: Time, out: &mut Out<Session>) {
        if !self.phase.is_alive() || planted(Bug::StaySilent) {
            return;
        }
        if self.channel.is_quiet() {
            self.send(Body::Credit(self.channel.inbound.granted()), out);
        } else {
            self.owe(now, ENOUGH);
        }
    }

    /// The peer was silent for too long.
    pub(super) fn on_silence(&mut self, out: &mut Out<Session>) {
        mark(self.silence());
        let text = format!("nothing for {:?}", self.limits.idle.unwrap_or_default());
        out.push(Effect::Hangup(()));
        self.gone(SessionEnd::Broken(Failure::new(Code::IDLE_TIMEOUT, text)), out);
    }

    fn silence(&self) -> Mark {
        if self.phase.is_draining() {
            Mark::SilentInDrain
        } else if self.table.is_empty() {
            Mark::SilentWithoutWork
        } else {
            Mark::SilentWithWork
        }
    }
}

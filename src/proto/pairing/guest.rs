//! The client's side: one connection, one try.

use bytes::Bytes;

use super::exchange::{Exchange, Keys, Role, proves};
use super::{Introduction, PairCode, Terms, VERSIONS, refused};
use crate::proto::PairLimits;
use crate::proto::machine::{Effect, End, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::time::Time;
use crate::wire::{
    DecodeError, PairDecoder, PairMessage, PairName, PairReason, PairRefused, PairWelcome, PairingElement,
};

/// The client's side of a pairing, on a connection whose TLS handshake is done.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Guest {
    phase: Phase,
    decoder: PairDecoder,
    deadline: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// It has begun, and waits for the server's element.
    Asking {
        code: PairCode,
        met: Introduction,
        name: PairName,
    },
    /// It has made its guess, and waits for the server's proof.
    Proving {
        keys: Keys,
    },
    /// The server has the code: the application keeps its key.
    Keeping {
        terms: Terms,
    },
    Closed,
}

/// What a client's side is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GuestCommand {
    /// The server's key is kept.
    Kept,
    /// It could not be.
    NotKept,
}

/// What a client's side tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GuestEvent {
    /// The server has the code, and with it this machine's key: its own is to be kept.
    Proved(Terms),
}

/// How a client's side ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum GuestEnd {
    /// Both sides know each other.
    Paired(Terms),
    /// The server says why not.
    Refused(PairRefused),
    /// The other side has not proved that it has the code.
    Unproved,
    /// What it sent is not what the exchange consists of.
    Malformed(DecodeError),
    /// It took too long.
    TooSlow,
    /// The connection was lost; true where this side's proof had been sent by then, so that the server may have kept this machine's key.
    Lost(bool),
    /// The application could not keep the server's key.
    NotKept,
}

state_names!(pub Guest, STATES, state_name, phase, Phase: Asking, Proving, Keeping, Closed);

impl Guest {
    /// Begins at once. `name` is what this machine's user is to be called there, unless the server says otherwise.
    pub fn new(
        now: Time,
        (code, met): (PairCode, Introduction),
        name: PairName,
        limits: &PairLimits,
        out: &mut Out<Guest>,
    ) -> Guest {
        let element = Exchange::new(Role::Client, &code, &met).element();
        let deadline = Some(now + limits.patience);
        say(&PairMessage::Start(VERSIONS, element), out);
        Guest { phase: Phase::Asking { code, met, name }, decoder: PairDecoder::default(), deadline }
    }

    fn hear(&mut self, message: PairMessage, out: &mut Out<Guest>) {
        if let PairMessage::Refused(refused) = message {
            return self.close(GuestEnd::Refused(refused), out);
        }
        match (core::mem::replace(&mut self.phase, Phase::Closed), message) {
            (Phase::Asking { code, met, name }, PairMessage::Answer(version, element)) => {
                self.answered((code, met), &name, (version, element), out);
            }
            (Phase::Proving { keys }, PairMessage::Welcome(welcome)) => self.welcomed(&keys, welcome, out),
            (Phase::Asking { .. } | Phase::Proving { .. } | Phase::Keeping { .. } | Phase::Closed, _) => {
                self.break_off(DecodeError::Value("a message that does not follow here"), out);
            }
        }
    }

    fn answered(
        &mut self,
        (code, met): (PairCode, Introduction),
        name: &PairName,
        (version, element): (u16, PairingElement),
        out: &mut Out<Guest>,
    ) {
        if !(VERSIONS.lowest..=VERSIONS.highest).contains(&version) {
            return self.break_off(DecodeError::Value("a version that was not offered"), out);
        }
        let exchange = Exchange::new(Role::Client, &code, &met);
        let Some(keys) = exchange.finish(element, &met, (VERSIONS, version)) else {
            return self.break_off(DecodeError::Value("no element of the group"), out);
        };
        say(&PairMessage::Confirm(*keys.client_proof(name).as_bytes(), name.clone()), out);
        self.phase = Phase::Proving { keys };
    }

    fn welcomed(&mut self, keys: &Keys, welcome: PairWelcome, out: &mut Out<Guest>) {
        if !proves(welcome.mac, keys.server_proof(&welcome)) {
            return self.close(GuestEnd::Unproved, out);
        }
        let terms = Terms::of(&welcome);
        self.phase = Phase::Keeping { terms };
        out.event(GuestEvent::Proved(terms));
    }

    fn break_off(&mut self, error: DecodeError, out: &mut Out<Guest>) {
        say(&refused(PairReason::MALFORMED, 0), out);
        self.close(GuestEnd::Malformed(error), out);
    }

    fn close(&mut self, end: GuestEnd, out: &mut Out<Guest>) {
        (self.phase, self.deadline, self.decoder) = (Phase::Closed, None, PairDecoder::default());
        out.push(Effect::Finish(()));
        out.push(Effect::Close(end));
    }

    fn receive(&mut self, mut bytes: Bytes, out: &mut Out<Guest>) {
        while self.phase != Phase::Closed {
            match self.decoder.next(&mut bytes) {
                Ok(Some(message)) => self.hear(message, out),
                Ok(None) => return,
                Err(error) => self.break_off(error, out),
            }
        }
    }
}

fn say(message: &PairMessage, out: &mut Out<Guest>) {
    out.push(Effect::Transmit((), message.to_bytes()));
}

impl Machine for Guest {
    type Link = ();
    type Rx = Bytes;
    type Tx = Bytes;
    type Command = GuestCommand;
    type Event = GuestEvent;
    type Outcome = GuestEnd;

    /// All that it ever says.
    const RESERVE: usize = 4 * PairMessage::MAX;

    fn step(&mut self, now: Time, input: Input<Guest>, out: &mut Out<Guest>) {
        match (&self.phase, input) {
            (Phase::Closed, _) => {}
            (_, Input::Received((), bytes)) => self.receive(bytes, out),
            // The server has said all that it says.
            (Phase::Keeping { .. }, Input::Ended((), _)) => {}
            (
                phase @ (Phase::Asking { .. } | Phase::Proving { .. }),
                Input::Ended((), End::Orderly | End::Reset),
            ) => {
                let has_guessed = matches!(phase, Phase::Proving { .. });
                self.close(GuestEnd::Lost(has_guessed), out);
            }
            (_, Input::Elapsed) if self.deadline.is_some_and(|deadline| deadline <= now) => {
                say(&refused(PairReason::TOO_SLOW, 0), out);
                self.close(GuestEnd::TooSlow, out);
            }
            (Phase::Keeping { terms }, Input::Command(GuestCommand::Kept)) => {
                let terms = *terms;
                say(&PairMessage::Done, out);
                self.close(GuestEnd::Paired(terms), out);
            }
            (Phase::Keeping { .. }, Input::Command(GuestCommand::NotKept)) => {
                say(&refused(PairReason::NOT_KEPT, 0), out);
                self.close(GuestEnd::NotKept, out);
            }
            (_, Input::Elapsed | Input::Command(_) | Input::Room(..) | Input::Stored(..)) => {}
            (_, Input::Dialed(()) | Input::DialFailed((), _)) => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline
    }

    fn footprint(&self) -> usize {
        self.decoder.footprint()
    }

    fn footprint_max(&self) -> usize {
        PairMessage::MAX
    }

    fn rebase(&mut self, now: Time) {
        self.deadline = self.deadline.map(|deadline| Time::ZERO + deadline.since(now));
    }
}

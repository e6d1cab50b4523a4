//! The server's side: one code, any number of connections, one pairing.
//!
//! A guess is a proof that is wrong: only that uses up a try, since nothing else tells its sender anything about the code. Whoever stalls,
//! breaks off or sends rubbish is bounded by a deadline and by the cap on connections, where the address with the most gives way.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::exchange::{Exchange, Keys, Role, proves};
use super::{Introduction, PairCode, Terms, VERSIONS, refused};
use crate::proto::PairLimits;
use crate::proto::listener::{ConnectionId, Source};
use crate::proto::machine::{Effect, Input, Machine, Out, earlier};
use crate::proto::states::state_names;
use crate::time::Time;
use crate::wire::{
    DecodeError, Mac, PairDecoder, PairMessage, PairName, PairReason, PairingElement, VersionRange, agree,
};

/// The server's side of a pairing.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Host {
    phase: Phase,
    limits: PairLimits,
    links: BTreeMap<ConnectionId, Link>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The code is good until then, for so many wrong guesses less one.
    Open {
        code: PairCode,
        until: Time,
        left: u8,
    },
    /// This client has the code: the application keeps its key. No one else's guess counts any more.
    Keeping {
        link: ConnectionId,
        keys: Keys,
        is_gone: bool,
    },
    /// Its key is kept, and it has been told; it is to say that it has kept this one's.
    Welcomed {
        link: ConnectionId,
        decoder: PairDecoder,
        deadline: Time,
    },
    Closed,
}

/// A connection whose client has not proved anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Link {
    source: Source,
    deadline: Time,
    decoder: PairDecoder,
    stage: Stage,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// The TLS handshake is under way.
    Meeting,
    /// It is over: the client is to begin.
    Met(Introduction),
    /// The client has this side's element, and is to make its guess.
    Answered { theirs: [u8; 32], keys: Keys },
}

/// What a server's side is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostCommand {
    /// A connection has come. Each has an id of its own, above those before it.
    Accepted(ConnectionId, Source),
    /// Its TLS handshake is done.
    Met(ConnectionId, Introduction),
    /// The client's key is kept, on these terms.
    Kept(Terms),
    /// It could not be.
    NotKept,
}

/// What a server's side tells.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostEvent {
    /// A wrong guess over this connection; so many are left.
    Wrong(ConnectionId, u8),
    /// What came over this connection is not what the exchange consists of.
    Malformed(ConnectionId, DecodeError),
    /// The client speaks no version that is spoken here.
    OtherVersion(ConnectionId, VersionRange),
    /// The client on this connection has the code; this is its key, which is to be kept, and what it calls itself.
    Proved(ConnectionId, [u8; 32], PairName),
}

/// How a server's side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HostEnd {
    /// The client's key is kept; true if the client has said that it has kept this machine's, too.
    Paired(bool),
    /// The code was guessed at too often.
    UsedUp,
    /// The code is too old.
    Expired,
    /// The application could not keep the client's key.
    NotKept,
}

state_names!(pub Host, STATES, state_name, phase, Phase: Open, Keeping, Welcomed, Closed);

impl Host {
    /// The code is good from now on.
    pub fn new(now: Time, code: PairCode, limits: PairLimits) -> Host {
        let phase = Phase::Open { code, until: now + limits.life, left: limits.tries.max(1) };
        Host { phase, limits, links: BTreeMap::new() }
    }

    fn command(&mut self, now: Time, command: HostCommand, out: &mut Out<Host>) {
        match (&self.phase, command) {
            (Phase::Closed, _) => {}
            (Phase::Open { .. }, HostCommand::Accepted(id, source)) => self.accepted(now, id, source, out),
            // There is nothing to be had here any more.
            (Phase::Keeping { .. } | Phase::Welcomed { .. }, HostCommand::Accepted(id, _)) => {
                out.push(Effect::Hangup(id));
            }
            (_, HostCommand::Met(id, met)) => {
                if let Some(link) = self.links.get_mut(&id)
                    && link.stage == Stage::Meeting
                {
                    link.stage = Stage::Met(met);
                }
            }
            (Phase::Keeping { is_gone: true, .. }, HostCommand::Kept(_)) => {
                self.close(HostEnd::Paired(false), out);
            }
            (Phase::Keeping { link, keys, .. }, HostCommand::Kept(terms)) => {
                let (link, mut welcome) = (*link, terms.welcome());
                welcome.mac = *keys.server_proof(&welcome).as_bytes();
                say(link, &PairMessage::Welcome(welcome), out);
                let deadline = now + self.limits.patience;
                self.phase = Phase::Welcomed { link, decoder: PairDecoder::default(), deadline };
            }
            (Phase::Keeping { link, .. }, HostCommand::NotKept) => {
                say(*link, &refused(PairReason::NOT_KEPT, 0), out);
                out.push(Effect::Finish(*link));
                self.close(HostEnd::NotKept, out);
            }
            (Phase::Open { .. } | Phase::Welcomed { .. }, HostCommand::Kept(_) | HostCommand::NotKept) => {}
        }
    }

    fn accepted(&mut self, now: Time, id: ConnectionId, source: Source, out: &mut Out<Host>) {
        let deadline = now + self.limits.patience;
        let link = Link { source, deadline, decoder: PairDecoder::default(), stage: Stage::Meeting };
        self.links.insert(id, link);
        if self.links.len() <= self.limits.connections.max(1) {
            return;
        }
        let of = |source: Source| self.links.values().filter(|link| link.source == source).count();
        let most = self.links.values().map(|link| of(link.source)).max();
        let oldest = self.links.iter().find(|(_, link)| Some(of(link.source)) == most).map(|(id, _)| *id);
        if let Some(oldest) = oldest {
            self.links.remove(&oldest);
            out.push(Effect::Hangup(oldest));
        }
    }

    fn receive(&mut self, id: ConnectionId, mut bytes: Bytes, out: &mut Out<Host>) {
        loop {
            match &mut self.phase {
                Phase::Open { .. } => {}
                // It speaks before its turn: what it says is not waited for any more.
                Phase::Keeping { link, is_gone, .. } => {
                    *is_gone |= *link == id && !bytes.is_empty();
                    return;
                }
                Phase::Welcomed { link, decoder, .. } => {
                    if *link == id
                        && let Some(is_done) = match decoder.next(&mut bytes) {
                            Ok(None) => None,
                            Ok(Some(message)) => Some(message == PairMessage::Done),
                            Err(_) => Some(false),
                        }
                    {
                        self.finish(id, HostEnd::Paired(is_done), out);
                    }
                    return;
                }
                Phase::Closed => return,
            }
            let Some(link) = self.links.get_mut(&id) else { return };
            match link.decoder.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(message)) => self.hear(id, message, out),
                Err(error) => self.malformed(id, error, out),
            }
        }
    }

    fn hear(&mut self, id: ConnectionId, message: PairMessage, out: &mut Out<Host>) {
        let Some(Link { stage, .. }) = self.links.get(&id) else { return };
        match (stage, message) {
            (_, PairMessage::Refused(_)) => self.drop_link(id, None, out),
            (Stage::Met(met), PairMessage::Start(versions, element)) => {
                let met = met.clone();
                self.started(id, &met, (versions, element), out);
            }
            (Stage::Answered { theirs, keys }, PairMessage::Confirm(mac, name)) => {
                let (theirs, keys) = (*theirs, keys.clone());
                self.guessed(id, (theirs, keys), (mac, name), out);
            }
            (Stage::Meeting | Stage::Met(_) | Stage::Answered { .. }, _) => {
                self.malformed(id, DecodeError::Value("a message that does not follow here"), out);
            }
        }
    }

    fn started(
        &mut self,
        id: ConnectionId,
        met: &Introduction,
        (offered, element): (VersionRange, PairingElement),
        out: &mut Out<Host>,
    ) {
        let Phase::Open { code, .. } = &self.phase else { return };
        let ours = (VERSIONS.lowest, VERSIONS.highest);
        let Some(version) = agree(ours, (offered.lowest, offered.highest)) else {
            out.event(HostEvent::OtherVersion(id, offered));
            return self.drop_link(id, Some(PairReason::VERSION), out);
        };
        let exchange = Exchange::new(Role::Server, code, met);
        let answer = PairMessage::Answer(version, exchange.element());
        let Some(keys) = exchange.finish(element, met, (offered, version)) else {
            return self.malformed(id, DecodeError::Value("no element of the group"), out);
        };
        say(id, &answer, out);
        if let Some(link) = self.links.get_mut(&id) {
            link.stage = Stage::Answered { theirs: met.theirs, keys };
        }
    }

    /// The one place in which anybody learns anything about the code.
    fn guessed(
        &mut self,
        id: ConnectionId,
        (theirs, keys): ([u8; 32], Keys),
        (mac, name): (Mac, PairName),
        out: &mut Out<Host>,
    ) {
        let Phase::Open { left, .. } = &mut self.phase else { return };
        if proves(mac, keys.client_proof(&name)) {
            self.links.remove(&id);
            self.phase = Phase::Keeping { link: id, keys, is_gone: false };
            self.drop_all(out);
            out.event(HostEvent::Proved(id, theirs, name));
            return;
        }
        *left -= 1;
        let left = *left;
        out.event(HostEvent::Wrong(id, left));
        self.drop_link(id, Some(PairReason::WRONG_CODE), out);
        if left == 0 {
            self.close(HostEnd::UsedUp, out);
        }
    }

    fn malformed(&mut self, id: ConnectionId, error: DecodeError, out: &mut Out<Host>) {
        out.event(HostEvent::Malformed(id, error));
        self.drop_link(id, Some(PairReason::MALFORMED), out);
    }

    /// A connection is over, on this side's account; it is told why where that can be said.
    fn drop_link(&mut self, id: ConnectionId, reason: Option<PairReason>, out: &mut Out<Host>) {
        let Some(link) = self.links.remove(&id) else { return };
        match (link.stage, reason) {
            (Stage::Meeting, _) | (_, None) => out.push(Effect::Hangup(id)),
            (Stage::Met(_) | Stage::Answered { .. }, Some(reason)) => {
                let left = if let Phase::Open { left, .. } = &self.phase { *left } else { 0 };
                say(id, &refused(reason, left), out);
                out.push(Effect::Finish(id));
            }
        }
    }

    fn drop_all(&mut self, out: &mut Out<Host>) {
        while let Some(id) = self.links.keys().next().copied() {
            self.drop_link(id, Some(PairReason::OVER), out);
        }
    }

    fn finish(&mut self, id: ConnectionId, end: HostEnd, out: &mut Out<Host>) {
        out.push(Effect::Finish(id));
        self.close(end, out);
    }

    fn close(&mut self, end: HostEnd, out: &mut Out<Host>) {
        self.drop_all(out);
        self.phase = Phase::Closed;
        out.push(Effect::Close(end));
    }

    fn ended(&mut self, id: ConnectionId, out: &mut Out<Host>) {
        self.links.remove(&id);
        match &mut self.phase {
            Phase::Keeping { link, is_gone, .. } => *is_gone |= *link == id,
            Phase::Welcomed { link, .. } if *link == id => self.finish(id, HostEnd::Paired(false), out),
            Phase::Open { .. } | Phase::Welcomed { .. } | Phase::Closed => {}
        }
    }

    fn elapsed(&mut self, now: Time, out: &mut Out<Host>) {
        let overdue: Vec<ConnectionId> =
            self.links.iter().filter(|(_, link)| link.deadline <= now).map(|(id, _)| *id).collect();
        overdue.into_iter().for_each(|id| self.drop_link(id, Some(PairReason::TOO_SLOW), out));
        match &self.phase {
            Phase::Open { until, .. } if *until <= now => self.close(HostEnd::Expired, out),
            Phase::Welcomed { link, deadline, .. } if *deadline <= now => {
                self.finish(*link, HostEnd::Paired(false), out);
            }
            Phase::Open { .. } | Phase::Keeping { .. } | Phase::Welcomed { .. } | Phase::Closed => {}
        }
    }
}

fn say(link: ConnectionId, message: &PairMessage, out: &mut Out<Host>) {
    out.push(Effect::Transmit(link, message.to_bytes()));
}

impl Machine for Host {
    type Link = ConnectionId;
    type Rx = Bytes;
    type Tx = Bytes;
    type Command = HostCommand;
    type Event = HostEvent;
    type Outcome = HostEnd;

    /// All that it ever says on a connection.
    const RESERVE: usize = 4 * PairMessage::MAX;

    fn step(&mut self, now: Time, input: Input<Host>, out: &mut Out<Host>) {
        match input {
            Input::Command(command) => self.command(now, command, out),
            Input::Received(id, bytes) => self.receive(id, bytes, out),
            Input::Ended(id, _) => self.ended(id, out),
            Input::Elapsed => self.elapsed(now, out),
            Input::Dialed(_) | Input::DialFailed(..) | Input::Room(..) | Input::Stored(..) => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        let own = match &self.phase {
            Phase::Open { until, .. } => Some(*until),
            Phase::Welcomed { deadline, .. } => Some(*deadline),
            Phase::Keeping { .. } | Phase::Closed => None,
        };
        earlier(own, self.links.values().map(|link| link.deadline).min())
    }

    fn footprint(&self) -> usize {
        let own = if let Phase::Welcomed { decoder, .. } = &self.phase { decoder.footprint() } else { 0 };
        let links = self.links.values().map(|link| size_of::<Link>() + link.decoder.footprint());
        own + links.sum::<usize>()
    }

    fn footprint_max(&self) -> usize {
        self.limits.connections.max(1) * (size_of::<Link>() + PairMessage::MAX) + PairMessage::MAX
    }

    fn rebase(&mut self, now: Time) {
        let moved = |time: Time| Time::ZERO + time.since(now);
        match &mut self.phase {
            Phase::Open { until, .. } => *until = moved(*until),
            Phase::Welcomed { deadline, .. } => *deadline = moved(*deadline),
            Phase::Keeping { .. } | Phase::Closed => {}
        }
        self.links.values_mut().for_each(|link| link.deadline = moved(link.deadline));
    }
}

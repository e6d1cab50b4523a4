//! The sending side of a transfer, at the client for an upload and at the server for a download: offers a file, sends
//! the blocks that the receiver lacks, and commits with the file's root.

mod leaving;
mod sharing;
mod source;

use self::source::{Load, Source};
use super::assembly::Shape;
use super::handout::Handout;
use super::pipeline::Pipeline;
use super::{HEAD, Moved, OpDone, OpError, OpEvent, OpResult, Order, Party, ROUNDS_MAX, Stage, Tickets};
use crate::probe::{Bug, Mark, mark, planted};
use crate::proto::Limits;
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{
    BlockDone, FileDone, FileOp, Lease, NameDone, NameOp, RootId, StoreOp, Stored, Ticket,
};
use crate::proto::tree;
use crate::time::Time;
use crate::wire::limits::{EXTENT, FILE_MAX};
use crate::wire::{
    Attempt, Body, Capabilities, Code, Commit, Cv, Failure, FileKind, Get, HavePage, Metadata, Offer, Range,
    RelPath,
};

/// Sends one file.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Sender {
    root: RootId,
    source: RelPath,
    purpose: Purpose,
    ahead: usize,
    /// The peer takes holes as such.
    /// `None`: that is not known yet.
    takes_holes: Option<bool>,
    /// Its blocks may go over other connections as well.
    is_shared: bool,
    tickets: Tickets,
    state: State,
}

/// Why a file is sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Purpose {
    /// To stand at a path of the peer's.
    Upload(RelPath, Attempt),
    /// Because the peer asked.
    Download(Get),
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The source is being opened; a small one is read as well.
    Opening,
    /// The offer is out: blocks are read and sent, as far as it is known what the receiver holds. A small file does not
    /// wait for that.
    Sending(Outgoing),
    /// All is sent; is the source still what it was?
    Rechecking(Outgoing),
    /// The commit is out.
    Committing(Outgoing, Cv),
    /// Completions are awaited, the source is closed, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

/// A file on its way out.
#[derive(Clone, Debug, PartialEq, Hash)]
struct Outgoing {
    source: Source,
    version: u128,
    length: u64,
    blocks: u32,
    pipeline: Pipeline,
    /// What others send, if any do.
    handout: Option<Handout>,
    /// The first block that no page of `Have` was about.
    told_to: u32,
    /// The last page of `Have` has come.
    told: bool,
    rounds: u32,
    refused: u32,
}

state_names!(
    pub Sender, STATES, state_name, state, State: New, Opening, Sending, Rechecking, Committing, Leaving, Closed
);

impl Sender {
    /// Sends `source` to stand at the peer's `path`.
    pub fn upload(root: RootId, source: RelPath, path: RelPath, attempt: Attempt, limits: &Limits) -> Sender {
        Sender::new(root, source, Purpose::Upload(path, attempt), limits)
    }

    /// Sends what the peer asked for.
    pub fn download(root: RootId, get: Get, limits: &Limits) -> Sender {
        Sender::new(root, get.path.clone(), Purpose::Download(get), limits)
    }

    fn new(root: RootId, source: RelPath, purpose: Purpose, limits: &Limits) -> Sender {
        let ahead = limits.extents_ahead;
        let tickets = Tickets::default();
        let (takes_holes, is_shared) = (Some(false), false);
        Sender { root, source, purpose, ahead, takes_holes, is_shared, tickets, state: State::New }
    }

    /// What the peer can, if it has said so: before, nothing is read that may have holes; to one that takes them they are sent as
    /// such.
    pub(crate) fn peer_can(&mut self, capabilities: Option<Capabilities>) {
        self.takes_holes = capabilities.map(|capabilities| capabilities.has(Capabilities::HOLES));
    }

    /// Bytes of room that the next segment waits for; 0 if none is ready.
    pub(crate) fn wants_room(&self) -> usize {
        match &self.state {
            State::Sending(outgoing) => outgoing.pipeline.next_len().unwrap_or(0),
            State::New | State::Opening | State::Rechecking(_) => 0,
            State::Committing(..) | State::Leaving(..) | State::Closed => 0,
        }
    }

    /// What it waits for, while nothing is ready to be sent: what the receiver has, or what is read.
    pub(super) fn stage(&self) -> Option<Stage> {
        match &self.state {
            // Those who send know what they wait for.
            State::Sending(outgoing) if self.tickets.open == 0 && outgoing.handout.is_some() => None,
            State::Sending(_) if self.tickets.open == 0 => Some(Stage::Awaiting),
            State::Opening | State::Sending(_) | State::Rechecking(_) => Some(Stage::Reading),
            State::Committing(..) => Some(Stage::Awaiting),
            State::New | State::Leaving(..) | State::Closed => None,
        }
    }

    /// Bytes read and not sent yet.
    pub(crate) fn read_ahead(&self) -> usize {
        match &self.state {
            State::Sending(outgoing) => outgoing.pipeline.read_ahead(),
            State::New | State::Opening | State::Rechecking(_) => 0,
            State::Committing(..) | State::Leaving(..) | State::Closed => 0,
        }
    }

    /// True while part of an extent has been sent and part has not.
    pub(crate) fn is_within_extent(&self) -> bool {
        matches!(&self.state, State::Sending(outgoing) if outgoing.pipeline.is_within_extent())
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Sender>) {
        match (&mut self.state, body) {
            (State::Leaving(..) | State::Closed, _) => {}
            (_, Body::Cancel) => self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out),
            (_, Body::Failed(failure)) => self.leave(Err(OpError::peer(failure)), out),
            (
                State::Sending(outgoing) | State::Rechecking(outgoing) | State::Committing(outgoing, _),
                Body::Have(page),
            ) if !outgoing.told => self.on_have(page, out),
            (State::Committing(..), Body::Want(ranges)) => self.on_want(&ranges, out),
            (State::Committing(outgoing, root), Body::Committed(committed)) if committed == *root => {
                let (length, root) = (outgoing.length, *root);
                let (blocks_refused, skipped) = (outgoing.refused, outgoing.pipeline.skipped());
                self.leave(Ok(OpDone::Moved(Moved { length, root, blocks_refused, skipped })), out);
            }
            (_, body) => self.leave(Err(OpError::unexpected(format!("{:?} in sender", body.kind()))), out),
        }
    }

    fn on_have(&mut self, page: HavePage, out: &mut Out<Sender>) {
        let (State::Sending(outgoing) | State::Rechecking(outgoing) | State::Committing(outgoing, _)) =
            &mut self.state
        else {
            return;
        };
        let told = outgoing.told_to;
        if page.first != told || page.cvs.len() > (outgoing.blocks - told) as usize {
            return self.leave(Err(OpError::unexpected("a page of Have about other blocks")), out);
        }
        outgoing.told_to += u32::try_from(page.cvs.len()).expect("at most 1,024");
        outgoing.told = page.last;
        // A file that was sent in one breath is on its way already: what the receiver holds is of no use any more.
        if outgoing.length <= EXTENT {
            return;
        }
        outgoing.pipeline.receiver_has(page.cvs);
        if page.last {
            outgoing.pipeline.receiver_has_no_more();
            self.hand_out(page.upload, out);
        }
        self.advance(out);
    }

    fn on_want(&mut self, ranges: &[Range], out: &mut Out<Sender>) {
        let State::Committing(mut outgoing, _) = core::mem::replace(&mut self.state, State::Closed) else {
            return;
        };
        outgoing.rounds += 1;
        let known = ranges.iter().all(|range| range.first + range.count <= outgoing.blocks);
        let (rounds, count) = (outgoing.rounds, ranges.iter().map(|range| range.count).sum::<u32>());
        outgoing.refused = outgoing.refused.saturating_add(count);
        outgoing.pipeline.send_again(if known && !planted(Bug::IgnoreWant) { ranges } else { &[] });
        self.state = State::Sending(outgoing);
        if !known {
            return self
                .leave(Err(OpError::unexpected("a block is wanted that the file does not have")), out);
        }
        if rounds > ROUNDS_MAX {
            let text = format!("the receiver asked for blocks again {rounds} times");
            return self.leave(Err(OpError::us(Code::BLOCK_DAMAGED, text)), out);
        }
        self.advance(out);
    }

    fn on_stored(&mut self, ticket: Ticket, stored: Stored, out: &mut Out<Sender>) {
        self.tickets.completed();
        match (&mut self.state, stored) {
            (State::Leaving(_, lease), Stored::File(Ok(FileDone::Source { lease: opened, .. }))) => {
                *lease = Some(opened);
                self.go_on_leaving(out);
            }
            (State::Leaving(..), _) => self.go_on_leaving(out),
            (_, Stored::Name(Err(error)) | Stored::Block(Err(error)) | Stored::File(Err(error))) => {
                self.leave(Err(error.into()), out);
            }
            (State::Opening, Stored::File(Ok(FileDone::Source { lease, metadata, version }))) => {
                self.on_opened(Source::Open(lease), &metadata, version, out);
                self.advance(out);
            }
            (State::Opening, Stored::File(Ok(FileDone::Loaded { metadata, version, data, cvs }))) => {
                self.on_loaded(ticket, Load { metadata, version, data, cvs }, out);
            }
            (State::Sending(outgoing), Stored::File(Ok(FileDone::Loaded { version, data, cvs, .. })))
                if outgoing.source == Source::Loaded(version) =>
            {
                outgoing.pipeline.read(ticket, Some(data), cvs);
                self.advance(out);
            }
            (State::Sending(_), Stored::File(Ok(loaded))) => self.changed(loaded, out),
            (State::Sending(outgoing), Stored::Block(Ok(BlockDone::Read { data, cvs }))) => {
                outgoing.pipeline.read(ticket, Some(data), cvs);
                self.advance(out);
            }
            (State::Sending(outgoing), Stored::Block(Ok(BlockDone::Hole { cvs }))) => {
                mark(Mark::HoleSent);
                outgoing.pipeline.read(ticket, None, cvs);
                self.advance(out);
            }
            (State::Rechecking(_), Stored::Name(Ok(NameDone::Unchanged))) => self.commit(out),
            _ => {}
        }
    }

    fn on_opened(&mut self, source: Source, metadata: &Metadata, version: u128, out: &mut Out<Sender>) {
        let refusal = match &self.purpose {
            _ if metadata.kind != FileKind::File => Some((Code::NOT_A_FILE, "")),
            _ if metadata.length > FILE_MAX => Some((Code::FILE_TOO_LONG, "at most 2^47 bytes")),
            Purpose::Download(get) if get.version != 0 && get.version != version => {
                Some((Code::CHANGED, "the version that was asked for is gone"))
            }
            Purpose::Download(_) | Purpose::Upload(..) => None,
        };
        if let Some((code, text)) = refusal {
            self.state = State::Leaving(Err(OpError::us(code, text)), source.lease());
            return self.go_on_leaving(out);
        }
        let (path, offered, attempt) = match &self.purpose {
            Purpose::Upload(path, attempt) => (path.clone(), 0, *attempt),
            Purpose::Download(get) => (get.path.clone(), version, Attempt::default()),
        };
        let Metadata { length, mode, modified, .. } = *metadata;
        let offer = Offer { path, length, mode, modified, version: offered, attempt };
        let (blocks, shape) = (offer.blocks(), Shape::of(&offer));
        let is_shared = self.is_shared && length > EXTENT;
        let mut pipeline = if is_shared { Pipeline::withheld(shape) } else { Pipeline::new(shape) };
        out.event(OpEvent::Started { length });
        out.push(Effect::Transmit((), Body::Offer(offer)));
        if length <= EXTENT {
            pipeline.receiver_has_no_more();
        }
        self.state = State::Sending(Outgoing {
            source,
            version,
            length,
            blocks,
            pipeline,
            handout: None,
            told_to: 0,
            told: false,
            rounds: 0,
            refused: 0,
        });
    }

    /// Reads ahead; once all is sent, looks at the source again.
    fn advance(&mut self, out: &mut Out<Sender>) {
        let State::Sending(outgoing) = &mut self.state else { return };
        match outgoing.pipeline.take_passed() {
            0 => {}
            passed => out.event(OpEvent::Skipped(passed)),
        }
        let may_have_holes = outgoing.pipeline.takes_holes();
        if self.takes_holes.is_none() && may_have_holes {
            return;
        }
        let holes = may_have_holes && self.takes_holes == Some(true);
        while let Some(shape) = outgoing.pipeline.next_read(self.ahead) {
            let read = outgoing.source.read(self.root, &self.source, shape, holes);
            let ticket = self.tickets.issue(read, out);
            outgoing.pipeline.reading(ticket, shape);
        }
        if !outgoing.pipeline.is_done() || outgoing.handout.is_some() {
            return;
        }
        let lease = outgoing.source.lease();
        if let State::Sending(outgoing) = core::mem::replace(&mut self.state, State::Closed) {
            self.state = State::Rechecking(outgoing);
        }
        match lease {
            Some(lease) => drop(self.tickets.issue(StoreOp::Name(NameOp::Recheck { lease }), out)),
            // It was looked at again when it had been read.
            None => self.commit(out),
        }
    }

    fn commit(&mut self, out: &mut Out<Sender>) {
        let State::Rechecking(outgoing) = core::mem::replace(&mut self.state, State::Closed) else { return };
        let cvs = outgoing.pipeline.cvs().expect("a pipeline that is done has read every block");
        let root = tree::root_of(&cvs);
        self.state = State::Committing(outgoing, root);
        out.push(Effect::Transmit((), Body::Commit(Commit { root })));
    }

    /// Sends what fits, to the extent's end at most: there it is another sender's turn.
    fn on_room(&mut self, mut room: usize, out: &mut Out<Sender>) {
        let State::Sending(outgoing) = &mut self.state else { return };
        while outgoing.pipeline.next_len().is_some_and(|length| length <= room) {
            let Some((bytes, body)) = outgoing.pipeline.next_body() else { break };
            out.event(OpEvent::Progress(bytes));
            room = room.saturating_sub(body.bulk() + HEAD);
            out.push(Effect::Transmit((), body));
            if !outgoing.pipeline.is_within_extent() {
                break;
            }
        }
        self.advance(out);
    }
}

impl Machine for Sender {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Sender>, out: &mut Out<Sender>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => {
                self.state = State::Opening;
                let load = FileOp::Load { root: self.root, path: self.source.clone() };
                self.tickets.issue(StoreOp::File(load), out);
            }
            Input::Received((), body) => {
                if body.credit() > 0 {
                    out.event(OpEvent::Consumed(body.credit()));
                }
                self.on_frame(body, out);
            }
            Input::Stored(ticket, stored) => self.on_stored(ticket, stored, out),
            Input::Room((), room) => self.on_room(room, out),
            Input::Ended((), _) if !matches!(self.state, State::Leaving(..) | State::Closed) => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(Order::Share(order)) => self.on_share(order, out),
            Input::Command(Order::Cancel) => self.cancel(out),
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        match &self.state {
            State::Sending(outgoing) | State::Rechecking(outgoing) | State::Committing(outgoing, _) => {
                outgoing.pipeline.footprint() + outgoing.handout.as_ref().map_or(0, Handout::footprint)
            }
            State::New | State::Opening | State::Leaving(..) | State::Closed => 0,
        }
    }

    fn footprint_max(&self) -> usize {
        let blocks = crate::wire::limits::BLOCKS_MAX as usize;
        4 * blocks * size_of::<Option<Cv>>() + (self.ahead + 1) * EXTENT as usize + 64 * 1024
    }
}

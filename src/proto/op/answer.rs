//! The server's side of the simple questions: framed echo, stat, remove, and a folder's listing, page by page.

use bytes::Bytes;

use super::{OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::machine::{Bulk, Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{Lease, NameDone, NameOp, RootId, StoreOp, Stored};
use crate::time::Time;
use crate::wire::{Body, Code, Failure, MakeFolder, MakeLink, Page, RelPath, Remove, limits};

/// What is asked of the server.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// The same bytes back.
    Echo(Bytes),
    /// A path's metadata.
    Stat(RelPath),
    /// A name's removal.
    Remove(Remove),
    /// A folder's names.
    List(RelPath),
    /// A folder, with this mode and time.
    MakeFolder(MakeFolder),
    /// A symbolic link.
    MakeLink(MakeLink),
    /// Where a symbolic link leads.
    ReadLink(RelPath),
    /// The metadata of what a path leads to, over links.
    Resolve(RelPath),
}

impl Question {
    /// What it is, in a word, as a log says it.
    pub fn name(&self) -> &'static str {
        match self {
            Question::Echo(_) => "echo",
            Question::List(_) => "list",
            Question::Stat(_) => "stat",
            Question::Remove(_) => "remove",
            Question::MakeFolder(_) => "make folder",
            Question::MakeLink(_) => "make link",
            Question::ReadLink(_) => "read link",
            Question::Resolve(_) => "resolve",
        }
    }
}

impl Question {
    /// Bytes held.
    pub(super) fn footprint(&self) -> usize {
        match self {
            Question::Echo(bytes) => bytes.len(),
            Question::Stat(path) | Question::List(path) => path.as_bytes().len(),
            Question::ReadLink(path) | Question::Resolve(path) => path.as_bytes().len(),
            Question::Remove(remove) => remove.path.as_bytes().len(),
            Question::MakeFolder(folder) => folder.path.as_bytes().len(),
            Question::MakeLink(link) => link.path.as_bytes().len() + link.target.as_bytes().len(),
        }
    }

    /// What it is to the store of the side that answers; an echo is nothing to it.
    pub(crate) fn here(&self, root: RootId) -> Option<NameOp> {
        Some(match self {
            Question::Echo(_) => return None,
            Question::Stat(path) => NameOp::Stat { root, path: path.clone() },
            Question::List(path) => NameOp::OpenFolder { root, path: path.clone() },
            Question::Remove(Remove { request, path }) => {
                NameOp::Remove { root, path: path.clone(), request: *request }
            }
            Question::MakeFolder(folder) => NameOp::MakeFolder { root, folder: folder.clone() },
            Question::MakeLink(link) => NameOp::MakeLink { root, link: link.clone() },
            Question::ReadLink(path) => NameOp::ReadLink { root, path: path.clone() },
            Question::Resolve(path) => NameOp::Resolve { root, path: path.clone() },
        })
    }

    /// True if it changes something, so that it may win against its cancellation.
    fn changes(&self) -> bool {
        match self {
            Question::Remove(_) | Question::MakeFolder(_) | Question::MakeLink(_) => true,
            Question::Echo(_) | Question::Stat(_) | Question::List(_) => false,
            Question::ReadLink(_) | Question::Resolve(_) => false,
        }
    }
}

/// Answers one [`Question`].
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Answer {
    root: RootId,
    question: Question,
    tickets: Tickets,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// A store operation is under way.
    Asking,
    /// The next page is being read.
    Reading(Lease),
    /// A reply waits for room; a page that is not the last keeps its folder open.
    Replying(Body, Option<Lease>),
    /// The client has a page and may ask for the next.
    Paused(Lease),
    /// Completions are awaited, the folder is released, then it closes.
    Leaving(OpResult, Option<Lease>),
    Closed,
}

state_names!(pub Answer, STATES, state_name, state, State: New, Asking, Reading, Replying, Paused, Leaving, Closed);

impl Answer {
    /// Answers `question` from below `root`.
    pub fn new(root: RootId, question: Question) -> Answer {
        Answer { root, question, tickets: Tickets::default(), state: State::New }
    }

    /// True for an echo.
    pub(super) fn is_echo(&self) -> bool {
        matches!(self.question, Question::Echo(_))
    }

    /// Bytes of room that the reply waits for; 0 if none does.
    pub(crate) fn wants_room(&self) -> usize {
        match &self.state {
            State::Replying(body, _) => body.bulk(),
            State::New | State::Asking | State::Reading(_) | State::Paused(_) => 0,
            State::Leaving(..) | State::Closed => 0,
        }
    }

    fn begin(&mut self, out: &mut Out<Answer>) {
        if let Question::Echo(bytes) = &self.question {
            let cut = usize::from(planted(Bug::CutEchoReply));
            let reply = bytes.slice(..bytes.len().saturating_sub(cut));
            self.state = State::Replying(Body::EchoReply(reply), None);
        }
        let Some(op) = self.question.here(self.root) else { return };
        self.state = State::Asking;
        if matches!(op, NameOp::Remove { .. }) && planted(Bug::AnswerBeforeRemove) {
            out.push(Effect::Transmit((), Body::Done));
        }
        self.store(op, out);
    }

    fn store(&mut self, op: NameOp, out: &mut Out<Answer>) {
        self.tickets.issue(StoreOp::Name(op), out);
    }

    fn read(&mut self, lease: Lease, out: &mut Out<Answer>) {
        self.state = State::Reading(lease);
        self.store(NameOp::ReadFolder { lease, bytes: limits::PAGE_MAX }, out);
    }

    fn leave(&mut self, outcome: OpResult, out: &mut Out<Answer>) {
        let lease = match core::mem::replace(&mut self.state, State::Closed) {
            State::Reading(lease) | State::Paused(lease) | State::Replying(_, Some(lease)) => Some(lease),
            State::Leaving(_, lease) => lease,
            State::New | State::Asking | State::Replying(_, None) | State::Closed => None,
        };
        self.state = State::Leaving(outcome, lease);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Answer>) {
        let State::Leaving(_, lease) = &mut self.state else { return };
        if self.tickets.open > 0 {
            return;
        }
        if let Some(lease) = lease.take().filter(|_| !planted(Bug::KeepFolderOpen)) {
            return self.store(NameOp::Release { lease }, out);
        }
        if let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed) {
            out.push(Effect::Close(outcome));
        }
    }

    fn on_stored(&mut self, stored: Stored, out: &mut Out<Answer>) {
        self.tickets.completed();
        let done = match stored {
            Stored::Name(Ok(done)) => done,
            Stored::Name(Err(error)) | Stored::Block(Err(error)) => {
                return self.leave(Err(error.into()), out);
            }
            Stored::Block(Ok(_)) | Stored::File(_) | Stored::Stream(_) => return,
        };
        match (&mut self.state, done) {
            (State::Asking, NameDone::Metadata(metadata)) => {
                out.push(Effect::Transmit((), Body::Metadata(metadata)));
                self.leave(Ok(OpDone::Described(metadata)), out);
            }
            (State::Asking, NameDone::Removed) => self.leave(Ok(OpDone::Removed), out),
            (State::Asking, NameDone::Made) => self.leave(Ok(OpDone::Made), out),
            (State::Asking, NameDone::Target(target)) => {
                out.push(Effect::Transmit((), Body::LinkTarget(target.clone())));
                self.leave(Ok(OpDone::Target(target)), out);
            }
            (State::Asking, NameDone::Resolved(resolved)) => {
                out.push(Effect::Transmit((), Body::Resolved(resolved)));
                self.leave(Ok(OpDone::Resolved(resolved)), out);
            }
            (State::Asking, NameDone::Folder { lease }) => self.read(lease, out),
            (State::Reading(lease), NameDone::Entries { entries, last }) => {
                let lease = *lease;
                self.state = State::Replying(Body::Page(Page { entries, last }), Some(lease));
            }
            (State::Leaving(_, lease), NameDone::Folder { lease: opened }) => {
                *lease = Some(opened);
                self.go_on_leaving(out);
            }
            _ => self.go_on_leaving(out),
        }
    }

    fn on_room(&mut self, room: usize, out: &mut Out<Answer>) {
        let wanted = self.wants_room();
        if wanted == 0 || wanted > room {
            return;
        }
        let State::Replying(body, lease) = core::mem::replace(&mut self.state, State::Closed) else { return };
        let more = matches!(&body, Body::Page(page) if !page.last);
        let done = if lease.is_some() { OpDone::Listed } else { OpDone::Echoed };
        if let Body::EchoReply(bytes) = &body {
            out.event(OpEvent::Consumed(bytes.len() as u64));
        }
        out.push(Effect::Transmit((), body));
        match (lease, more) {
            (Some(lease), true) => self.state = State::Paused(lease),
            (lease, _) => {
                self.state = State::Leaving(Ok(done), lease);
                self.go_on_leaving(out);
            }
        }
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Answer>) {
        match (&self.state, body) {
            (State::Paused(lease), Body::Next) => {
                let lease = *lease;
                self.read(lease, out);
            }
            (State::Leaving(..) | State::Closed, _) => {}
            // A change under way may win against its cancellation.
            (State::Asking, Body::Cancel) if self.question.changes() => {}
            (_, Body::Cancel) => {
                self.give_back(out);
                self.leave(Err(OpError::peer(Failure::from(Code::CANCELLED))), out);
            }
            (_, body) => self.leave(Err(OpError::unexpected(format!("{:?} in answer", body.kind()))), out),
        }
    }

    /// The credit of an echo that is not answered.
    fn give_back(&self, out: &mut Out<Answer>) {
        if let (Question::Echo(bytes), State::New | State::Replying(..)) = (&self.question, &self.state) {
            out.event(OpEvent::Consumed(bytes.len() as u64));
        }
    }
}

impl Machine for Answer {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Answer>, out: &mut Out<Answer>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => self.begin(out),
            Input::Received((), body) => self.on_frame(body, out),
            Input::Stored(_, stored) => self.on_stored(stored, out),
            Input::Room((), room) => self.on_room(room, out),
            Input::Ended((), _) if !matches!(self.state, State::Leaving(..) | State::Closed) => {
                mark_if(Mark::LostInAnswer, || self.tickets.open > 0);
                self.give_back(out);
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        self.question.footprint() + self.wants_room()
    }

    fn footprint_max(&self) -> usize {
        2 * limits::CONTROL_MAX
    }
}

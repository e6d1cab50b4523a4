//! The client's side of the simple questions: asks, and hears the answer out.

use super::answer::Question;
use super::{OpDone, OpError, OpEvent, OpResult, Order, Party};
use crate::probe::{Bug, planted};
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::time::Time;
use crate::wire::{Body, Code, Entry, Failure, Page, RelPath, limits};

/// Asks one [`Question`].
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Ask {
    question: Question,
    /// Encoded bytes of entries that may still come.
    room: usize,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum State {
    New,
    /// An echo waits for room, since its bytes are data.
    Ready,
    Asked,
    Closed,
}

state_names!(pub Ask, STATES, state_name, state, State: New, Ready, Asked, Closed);

impl Ask {
    /// Asks `question`.
    pub fn new(question: Question) -> Ask {
        Ask { question, room: usize::MAX, state: State::New }
    }

    /// Asks for a folder's names, of at most `most` encoded bytes in all.
    pub fn listing(path: RelPath, most: usize) -> Ask {
        Ask { room: most, ..Ask::new(Question::List(path)) }
    }

    /// Bytes of room that the question waits for; 0 if it does not.
    pub(crate) fn wants_room(&self) -> usize {
        match (self.state, &self.question) {
            (State::Ready, Question::Echo(bytes)) => {
                bytes.len().max(usize::from(!planted(Bug::ForgetEmptyEcho)))
            }
            _ => 0,
        }
    }

    fn begin(&mut self, out: &mut Out<Ask>) {
        let body = match &self.question {
            Question::Echo(_) => {
                self.state = State::Ready;
                return;
            }
            Question::Stat(path) => Body::Stat(path.clone()),
            Question::List(path) => Body::List(path.clone()),
            Question::Remove(remove) => Body::Remove(remove.clone()),
            Question::MakeFolder(folder) => Body::MakeFolder(folder.clone()),
            Question::MakeLink(link) => Body::MakeLink(link.clone()),
            Question::ReadLink(path) => Body::ReadLink(path.clone()),
            Question::Resolve(path) => Body::Resolve(path.clone()),
        };
        self.state = State::Asked;
        out.push(Effect::Transmit((), body));
    }

    fn on_room(&mut self, room: usize, out: &mut Out<Ask>) {
        let wanted = self.wants_room();
        if let (1.., Question::Echo(bytes)) = (wanted, &self.question)
            && room >= wanted
        {
            out.push(Effect::Transmit((), Body::Echo(bytes.clone())));
            self.state = State::Asked;
        }
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Ask>) {
        if self.state == State::Closed {
            return;
        }
        let outcome = match (&self.question, body) {
            (_, Body::Failed(failure)) => Err(OpError::peer(failure)),
            (Question::Echo(sent), Body::EchoReply(bytes)) => {
                out.event(OpEvent::Consumed(bytes.len() as u64));
                if bytes == *sent {
                    Ok(OpDone::Echoed)
                } else {
                    Err(OpError::unexpected("the echo differs from what was sent"))
                }
            }
            (Question::Stat(_), Body::Metadata(metadata)) => Ok(OpDone::Described(metadata)),
            (Question::Remove(_), Body::Done) => Ok(OpDone::Removed),
            (Question::MakeFolder(_) | Question::MakeLink(_), Body::Done) => Ok(OpDone::Made),
            (Question::ReadLink(_), Body::LinkTarget(target)) => Ok(OpDone::Target(target)),
            (Question::Resolve(_), Body::Resolved(resolved)) => Ok(OpDone::Resolved(resolved)),
            (Question::List(_), Body::Page(page)) if encoded(&page) > self.room => {
                let text = "the server lists more names than are held here";
                Err(OpError::us(Code::LISTING_TOO_LONG, text))
            }
            (Question::List(_), Body::Page(page)) => {
                self.room -= encoded(&page);
                out.event(OpEvent::Entries(page.entries));
                if !page.last {
                    out.push(Effect::Transmit((), Body::Next));
                    return;
                }
                Ok(OpDone::Listed)
            }
            (_, body) => {
                if body.credit() > 0 {
                    out.event(OpEvent::Consumed(body.credit()));
                }
                Err(OpError::unexpected(format!("{:?} in reply", body.kind())))
            }
        };
        self.close(outcome, out);
    }

    fn cancel(&mut self, out: &mut Out<Ask>) {
        match self.state {
            State::New | State::Ready => self.close(Err(OpError::us(Code::CANCELLED, "")), out),
            State::Asked => out.push(Effect::Transmit((), Body::Cancel)),
            State::Closed => {}
        }
    }

    fn close(&mut self, outcome: OpResult, out: &mut Out<Ask>) {
        self.state = State::Closed;
        out.push(Effect::Close(outcome));
    }
}

/// Bytes of a page's entries.
fn encoded(page: &Page) -> usize {
    page.entries.iter().map(Entry::encoded_len).sum()
}

impl Machine for Ask {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Ask>, out: &mut Out<Ask>) {
        match input {
            Input::Command(Order::Begin) if self.state == State::New => self.begin(out),
            Input::Received((), body) => self.on_frame(body, out),
            Input::Room((), room) => self.on_room(room, out),
            Input::Ended((), _) if self.state != State::Closed => {
                let lost = OpError { by: Party::Link, failure: Failure::from(Code::LOST) };
                let outcome = if planted(Bug::LossIsSuccess) { Ok(OpDone::Listed) } else { Err(lost) };
                self.close(outcome, out);
            }
            Input::Command(Order::Cancel) => self.cancel(out),
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed | Input::Stored(..) => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        self.question.footprint()
    }

    fn footprint_max(&self) -> usize {
        limits::ECHO_MAX
    }
}

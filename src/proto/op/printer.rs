//! Receives bytes of a file in order and hands them to a stream of the application's, each block once it is verified. What
//! was handed over cannot be taken back: an attempt goes on where the one before it stopped, in the same version.

use std::collections::VecDeque;

use super::flow::{Block, Inflow};
use super::{OpDone, OpError, OpEvent, OpResult, Order, Party, Tickets};
use crate::probe::{Bug, Mark, mark_if, planted};
use crate::proto::Limits;
use crate::proto::machine::{Effect, Input, Machine, Out};
use crate::proto::states::state_names;
use crate::proto::storage::{StoreOp, Stored, StreamDone, StreamId, StreamOp};
use crate::proto::tree::Stack;
use crate::time::Time;
use crate::wire::limits::EXTENT;
use crate::wire::{Body, Code, Cv, Failure, Offer, Read, RelPath, Span};

/// Prints part of a file.
#[derive(Clone, Debug, PartialEq, Hash)]
pub struct Printer {
    stream: StreamId,
    path: RelPath,
    span: Span,
    printed: Printed,
    window: u64,
    tickets: Tickets,
    /// Data bytes received whose credit is not given back yet.
    held: u64,
    state: State,
}

/// How far the printing of a file is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Printed {
    /// Of which version; 0 as long as none is known.
    pub version: u128,
    /// Where the next byte to print stands in the file, and where the last one ends.
    pub next: u64,
    /// See `next`.
    pub end: u64,
    /// Bytes that were printed.
    pub bytes: u64,
    /// The blocks so far, where the whole file is meant.
    pub stack: Stack,
    /// Blocks that arrived damaged.
    pub blocks_refused: u32,
}

/// Bytes of a file that were printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PrintedPart {
    /// Bytes in the file.
    pub length: u64,
    /// Bytes of it that were printed.
    pub bytes: u64,
    /// The file's BLAKE3 hash, where the whole of it was meant.
    pub root: Option<Cv>,
    /// Blocks that arrived damaged, and came again on another connection.
    pub blocks_refused: u32,
}

#[derive(Clone, Debug, PartialEq, Hash)]
enum State {
    New,
    /// The bytes are asked for; what the file is, is awaited.
    Asked(Read),
    Printing(Box<Printing>),
    /// What is under way is awaited, then it closes.
    Leaving(OpResult, Option<Block>),
    Closed,
}

#[derive(Clone, Debug, PartialEq, Hash)]
struct Printing {
    /// Bytes in the file.
    length: u64,
    inflow: Inflow,
    /// Where the last block ends.
    last: u64,
    /// Whole blocks that wait to be printed; the first one is under way.
    blocks: VecDeque<Block>,
    /// The server has said all; with the root, where it is told.
    told: Option<Option<Cv>>,
}

state_names!(pub Printer, STATES, state_name, state, State: New, Asked, Printing, Leaving, Closed);

impl Printer {
    /// Prints `span` of the server's `path` to `stream`, from where `printed` is.
    pub fn new(stream: StreamId, path: RelPath, span: Span, printed: Printed, limits: &Limits) -> Printer {
        let (tickets, window) = (Tickets::default(), limits.window);
        Printer { stream, path, span, printed, window, tickets, held: 0, state: State::New }
    }

    /// It sends no bulk.
    pub(crate) fn wants_room(&self) -> usize {
        0
    }

    fn begin(&mut self, out: &mut Out<Printer>) {
        let Printed { version, next, end, .. } = self.printed;
        mark_if(Mark::PartGoesOn, || version != 0);
        let span = match self.span {
            span if version == 0 => span,
            Span::Rest { .. } => Span::Rest { first: next },
            // If all is printed and only the answer was lost, the last byte is asked for again, to hear it.
            Span::Range { .. } | Span::Last { .. } => Span::Range { first: next.min(end - 1), last: end - 1 },
        };
        let read = Read { path: self.path.clone(), version, span };
        out.push(Effect::Transmit((), Body::Read(read.clone())));
        self.state = State::Asked(read);
    }

    fn on_offer(&mut self, offer: &Offer, out: &mut Out<Printer>) {
        let State::Asked(read) = &self.state else { return };
        let is_answer = offer.path == read.path
            && offer.version != 0
            && (read.version == 0 || read.version == offer.version);
        let Some((start, end)) = read.span.within(offer.length).filter(|_| is_answer) else {
            return self.leave(Err(OpError::unexpected("another file than was asked for")), out);
        };
        if self.printed.version == 0 {
            self.printed = Printed { version: offer.version, next: start, end, ..Printed::default() };
            out.event(OpEvent::Started { length: end - start });
        }
        let first = if start == offer.length { start } else { start / EXTENT * EXTENT };
        let last = end.div_ceil(EXTENT).saturating_mul(EXTENT).min(offer.length);
        let inflow = Inflow::new(first, Some(last));
        let (length, blocks, told) = (offer.length, VecDeque::new(), None);
        self.state = State::Printing(Box::new(Printing { length, inflow, last, blocks, told }));
    }

    fn on_frame(&mut self, body: Body, out: &mut Out<Printer>) {
        let tells_root = matches!(self.span, Span::Rest { .. });
        match (&mut self.state, body) {
            (State::Leaving(..) | State::Closed, body) => super::incoming::give_back(&body, out),
            (_, Body::Failed(failure)) => self.leave(Err(OpError::peer(failure)), out),
            (State::Asked(_), Body::Offer(offer)) => self.on_offer(&offer, out),
            (State::Printing(printing), Body::Data(data)) if printing.told.is_none() => {
                self.held += data.payload.len() as u64;
                match printing.inflow.data(data) {
                    Ok(Some(block)) => {
                        printing.blocks.push_back(block);
                        if printing.blocks.len() == 1 {
                            self.print(out);
                        }
                    }
                    Ok(None) => {}
                    Err(rule) => self.leave(Err(OpError::unexpected(rule)), out),
                }
            }
            (State::Printing(printing), body @ (Body::Committed(_) | Body::Done))
                if printing.told.is_none() && printing.inflow.next() == printing.last =>
            {
                let root = if let Body::Committed(root) = body { Some(root) } else { None };
                if root.is_some() != tells_root {
                    return self.leave(Err(OpError::unexpected("another end than was asked for")), out);
                }
                printing.told = Some(root);
                self.try_end(out);
            }
            (_, body) => {
                super::incoming::give_back(&body, out);
                self.leave(Err(OpError::unexpected(format!("{:?} in printer", body.kind()))), out);
            }
        }
    }

    /// Hands the first block over. Of what was printed by an attempt before, nothing is printed again.
    fn print(&mut self, out: &mut Out<Printer>) {
        let State::Printing(printing) = &self.state else { return };
        let Some(block) = printing.blocks.front() else { return };
        let end = block.offset + block.data.len() as u64;
        let within = |place: u64| u32::try_from(place.clamp(block.offset, end) - block.offset).unwrap_or(0);
        let give = StreamOp::Give {
            stream: self.stream,
            shape: block.shape(printing.length <= EXTENT),
            data: block.data.clone(),
            claim: block.claim,
            from: if planted(Bug::PrintWholeBlock) { 0 } else { within(self.printed.next) },
            to: within(self.printed.end),
        };
        self.tickets.issue(StoreOp::Stream(give), out);
    }

    /// A block is printed, or was refused; that counts whatever the connection has come to meanwhile.
    fn note(&mut self, is_right: bool, block: &Block, out: &mut Out<Printer>) -> Result<(), OpError> {
        let end = block.offset + block.data.len() as u64;
        if !is_right {
            self.printed.blocks_refused += 1;
            out.event(OpEvent::Printed(Box::new(self.printed.clone())));
            let text = format!("the block at byte {} differs from what the server hashed", block.offset);
            return Err(OpError::us(Code::CHECKSUM, text));
        }
        let next = end.min(self.printed.end).max(self.printed.next);
        let bytes = next - self.printed.next;
        self.printed.next = next;
        self.printed.bytes += bytes;
        if matches!(self.span, Span::Rest { .. }) && self.printed.stack.units() == block.offset / EXTENT {
            self.printed.stack.push(block.claim);
        }
        out.event(OpEvent::Progress(bytes));
        out.event(OpEvent::Printed(Box::new(self.printed.clone())));
        Ok(())
    }

    fn on_stored(&mut self, stored: Stored, out: &mut Out<Printer>) {
        self.tickets.completed();
        let given = match stored {
            Stored::Stream(Ok(StreamDone::Given { is_right })) => Ok(Some(is_right)),
            Stored::Stream(Err(error)) => Err(error),
            Stored::Stream(Ok(_)) | Stored::Name(_) | Stored::Block(_) | Stored::File(_) => Ok(None),
        };
        match (&mut self.state, given) {
            (State::Printing(printing), Ok(Some(is_right))) => {
                let Some(block) = printing.blocks.pop_front() else { return };
                let length = block.data.len() as u64;
                self.held -= length;
                out.event(OpEvent::Consumed(length));
                match self.note(is_right, &block, out) {
                    Ok(()) => {
                        self.print(out);
                        self.try_end(out);
                    }
                    Err(error) => self.leave(Err(error), out),
                }
            }
            (State::Printing(_), Err(error)) => self.leave(Err(error.into()), out),
            (State::Leaving(_, block), Ok(Some(is_right))) => {
                if let Some(block) = block.take() {
                    let _the_outcome_stands = self.note(is_right, &block, out);
                }
                self.go_on_leaving(out);
            }
            (State::Leaving(outcome, block), Err(error)) => {
                // Part of the block may be printed: no attempt may go on behind it, or begin with another version.
                if block.take().is_some() && *outcome != Err(OpError::us(Code::CANCELLED, "")) {
                    *outcome = Err(error.into());
                }
                self.go_on_leaving(out);
            }
            _ => self.go_on_leaving(out),
        }
    }

    fn try_end(&mut self, out: &mut Out<Printer>) {
        let State::Printing(printing) = &self.state else { return };
        let Some(told) = printing.told.filter(|_| printing.blocks.is_empty()) else { return };
        let root = told.map(|_| self.printed.stack.root());
        let outcome = if root == told {
            let Printed { bytes, blocks_refused, .. } = self.printed;
            Ok(OpDone::Printed(PrintedPart { length: printing.length, bytes, root, blocks_refused }))
        } else {
            let text = "what was printed is not what the server names".to_owned();
            Err(OpError::us(Code::ROOT_MISMATCH, text))
        };
        self.leave(outcome, out);
    }

    /// What is being handed over is waited for, so that the next attempt knows how far this one was.
    fn leave(&mut self, outcome: OpResult, out: &mut Out<Printer>) {
        let block = match core::mem::replace(&mut self.state, State::Closed) {
            State::Printing(mut printing) if self.tickets.open > 0 => printing.blocks.pop_front(),
            State::Leaving(_, block) => block,
            State::New | State::Asked(_) | State::Printing(_) | State::Closed => None,
        };
        self.state = State::Leaving(outcome, block);
        self.go_on_leaving(out);
    }

    fn go_on_leaving(&mut self, out: &mut Out<Printer>) {
        if self.tickets.open > 0 || !matches!(self.state, State::Leaving(..)) {
            return;
        }
        if self.held > 0 {
            out.event(OpEvent::Consumed(core::mem::take(&mut self.held)));
        }
        if let State::Leaving(outcome, _) = core::mem::replace(&mut self.state, State::Closed) {
            out.push(Effect::Close(outcome));
        }
    }

    /// Whoever reads may never read on.
    fn cancel(&mut self, out: &mut Out<Printer>) {
        if self.tickets.open == 1 {
            self.tickets.issue(StoreOp::Stream(StreamOp::Stop { stream: self.stream }), out);
        }
        if !matches!(self.state, State::Leaving(..) | State::Closed) {
            self.leave(Err(OpError::us(Code::CANCELLED, "")), out);
        }
    }
}

impl Machine for Printer {
    type Link = ();
    type Rx = Body;
    type Tx = Body;
    type Command = Order;
    type Event = OpEvent;
    type Outcome = OpResult;

    const RESERVE: usize = 0;

    fn step(&mut self, _now: Time, input: Input<Printer>, out: &mut Out<Printer>) {
        let is_over = matches!(self.state, State::Leaving(..) | State::Closed);
        match input {
            Input::Command(Order::Begin) if self.state == State::New => self.begin(out),
            Input::Received((), body) => self.on_frame(body, out),
            Input::Stored(_, stored) => self.on_stored(stored, out),
            Input::Ended((), _) if !is_over => {
                self.leave(Err(OpError { by: Party::Link, failure: Failure::from(Code::LOST) }), out);
            }
            Input::Command(Order::Cancel) => self.cancel(out),
            Input::Command(_) | Input::Ended((), _) | Input::Elapsed | Input::Room(..) => {}
            Input::Dialed(()) | Input::DialFailed((), _) => {}
        }
    }

    fn footprint(&self) -> usize {
        let state = match &self.state {
            State::Printing(printing) => {
                let blocks: usize = printing.blocks.iter().map(|block| block.data.footprint()).sum();
                printing.inflow.footprint() + blocks
            }
            State::Leaving(_, Some(block)) => block.data.footprint(),
            State::New | State::Asked(_) | State::Leaving(_, None) | State::Closed => 0,
        };
        state + self.printed.stack.footprint()
    }

    fn footprint_max(&self) -> usize {
        2 * self.window as usize + 64 * 1024
    }
}

//! A client and a server that share a process: the real machines, so that what is left of a partial is used as they use it.

use std::collections::VecDeque;

use bytes::Bytes;
use towline::harness::{MemoryStreams, carry_out};
use towline::proto::client::{Client, Command, Event, JobId, RetryPolicy};
use towline::proto::machine::{Effect, Input, Machine, Out};
use towline::proto::op::{Moved, OpDone};
use towline::proto::session::{Request, Session};
use towline::proto::storage::RootId;
use towline::proto::{Limits, Rights};
use towline::store::memory::MemoryFiles;
use towline::store::{Files, Names};
use towline::time::Time;
use towline::wire::{Attempt, RequestId};

use crate::help::path;

const ROOM: usize = 1 << 40;

enum Due {
    ToClient(Input<Client>),
    ToServer(Input<Session>),
}

/// Sends `content` to `at` below the first root of `served`, at once; what the client was told of it.
pub(super) fn send<F: Files>(served: &mut Names<F>, at: &str, content: &[u8]) -> Result<Moved, String> {
    let root = RootId(0);
    let files = MemoryFiles::new();
    files.put(at, content);
    let mut local = Names::new(11);
    local.add_root(files).map_err(|error| error.to_string())?;
    let limits = Limits::default();
    let mut client = Client::new(limits.clone(), RetryPolicy::default(), 7);
    let mut server = Session::server(Time::ZERO, root, Rights::ALL, limits);
    let attempt = Attempt { number: 9, ..Attempt::new(RequestId(77)) };
    let request = Request::Put { root, source: path(at), path: path(at), attempt };
    let mut due = VecDeque::from([Due::ToClient(Input::Command(Command::Start(JobId(0), request)))]);
    let mut streams = MemoryStreams::new();
    while let Some(next) = due.pop_front() {
        match next {
            Due::ToClient(input) => {
                let mut out = Out::new();
                client.step(Time::ZERO, input, &mut out);
                for effect in out.into_effects() {
                    match effect {
                        Effect::Dial(link) => {
                            due.push_back(Due::ToClient(Input::Dialed(link)));
                            due.push_back(Due::ToClient(Input::Room(link, ROOM)));
                            due.push_back(Due::ToServer(Input::Room((), ROOM)));
                        }
                        Effect::Transmit(_, bytes) => due.push_back(Due::ToServer(received(bytes))),
                        Effect::Store(ticket, op) => {
                            let stored = carry_out(&mut local, &mut streams, op);
                            due.push_back(Due::ToClient(Input::Stored(ticket, stored)));
                        }
                        Effect::Event(Event::Finished(_, Ok(OpDone::Moved(moved)))) => return Ok(moved),
                        Effect::Event(Event::Finished(_, other)) => return Err(format!("{other:?}")),
                        Effect::Event(_) => {}
                        Effect::Finish(_) | Effect::Hangup(_) => return Err("the connection ended".into()),
                        Effect::Close(()) => return Err("the client closed".into()),
                    }
                }
            }
            Due::ToServer(input) => {
                let mut out = Out::new();
                server.step(Time::ZERO, input, &mut out);
                for effect in out.into_effects() {
                    match effect {
                        Effect::Transmit((), bytes) => {
                            let link = towline::proto::client::LinkId(0);
                            due.push_back(Due::ToClient(Input::Received(link, bytes)));
                        }
                        Effect::Store(ticket, op) => {
                            let stored = carry_out(served, &mut MemoryStreams::new(), op);
                            due.push_back(Due::ToServer(Input::Stored(ticket, stored)));
                        }
                        Effect::Event(_) => {}
                        Effect::Finish(()) | Effect::Hangup(()) => return Err("the server ended".into()),
                        Effect::Close(end) => return Err(format!("the server closed: {end:?}")),
                        Effect::Dial(()) => unreachable!("a server does not dial"),
                    }
                }
            }
        }
    }
    Err("nothing is left to happen, and it is not sent".into())
}

fn received(bytes: Bytes) -> Input<Session> {
    Input::Received((), bytes)
}

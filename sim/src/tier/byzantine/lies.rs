//! Peers that know what they talk about: servers that answer what they are asked, and clients that ask well, until they say
//! what cannot be so. None of it would be believed: a server that lies within the rules, no protocol helps against.

use bytes::Bytes;
use rand::RngExt;
use towline::harness::Side;
use towline::wire::{
    Body, Capabilities, Cv, Data, Get, Modified, Offer, Read, RelPath, RequestId, Rope, Span, Stream,
    StreamEnd,
};

use super::{Act, Actor};
use crate::plan::Plan;

impl Actor {
    pub(super) fn lies(&mut self, plan: &Plan) {
        match self.side {
            Side::Client => self.ask_in_vain(plan),
            Side::Server => {
                self.opens_able(true);
                self.acts.push_back(Act::Talk);
            }
        }
        self.parts();
    }

    /// With all that it may be able to do, or nothing of it.
    pub(super) fn opens_able(&mut self, is_able: bool) {
        let Body::Hello(mut hello) = self.hello() else { return };
        let all = Capabilities::HOLES.and(Capabilities::PULLS);
        hello.capabilities = if is_able { all } else { Capabilities::default() };
        self.greets(Body::Hello(hello));
    }

    fn ask_in_vain(&mut self, plan: &Plan) {
        let trick = self.random.random_range(0..14);
        self.opens_able(trick != 0);
        let served = plan.served.get(self.random.random_range(0..plan.served.len().max(1)));
        let path = RelPath::new(served.map_or("stranger-9", |(path, _)| path.as_str()));
        let path = path.expect("the plan's paths are good");
        let one = Bytes::from_static(b"one block");
        match trick {
            // Pulls are not what it is able to do.
            0 => self.frame(1, Body::Pull(Get { path, version: 5 })),
            1..6 => {
                // The server's offer says which version there is: blocks of that are pulled.
                self.frame(1, Body::Sum(path));
                self.acts.push_back(Act::Talk);
            }
            6 => self.frame(1, Body::Resolve(path)),
            7 => {
                let span = Span::Rest { first: 0 };
                self.frame(1, Body::Read(Read { path, version: 5, span }));
            }
            8 => {
                self.frame(1, Body::Read(Read { path, version: 0, span: Span::Rest { first: 0 } }));
                self.frame(1, Body::Next);
            }
            9 => {
                self.frame(1, Body::Sum(path));
                self.frame(1, Body::Next);
            }
            10 => {
                self.stream();
                self.frame(1, data(7, one));
            }
            11 => {
                self.stream();
                self.frame(1, Body::Next);
            }
            12 => {
                self.stream();
                self.frame(1, Body::End(StreamEnd { length: 0, root: Cv([3; 32]) }));
            }
            _ => self.open_too_many(plan),
        }
        self.waits();
    }

    fn stream(&mut self) {
        let path = RelPath::new("stranger-stream").expect("a good path");
        let modified = Modified { seconds: 1, nanoseconds: 0 };
        let request = RequestId(0);
        self.frame(1, Body::Stream(Stream { path, mode: 0o644, modified, request, attempt: 0 }));
    }

    /// Files of which nothing comes, one more than may be open.
    fn open_too_many(&mut self, plan: &Plan) {
        const MOST: u32 = 300;
        for operation in 1..=plan.limits.operations.min(MOST) + 1 {
            let offer = self.offer(10);
            self.frame(operation, offer);
        }
    }
}

pub(super) fn data(offset: u64, bytes: Bytes) -> Body {
    Body::Data(Data { offset, cv: None, payload: Rope::from(bytes) })
}

pub(super) fn offer(path: RelPath, length: u64, version: u128) -> Body {
    let modified = Modified { seconds: 1, nanoseconds: 0 };
    Body::Offer(Offer { path, length, mode: 0o644, modified, version, attempt: Default::default() })
}

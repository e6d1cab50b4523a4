//! Peers that begin as they should, and break a rule late: in a transfer that was opened well, in an answer that is awaited.
//! None of them completes anything: every root that they name is another file's.

use bytes::Bytes;
use rand::RngExt;
use towline::harness::Side;
use towline::proto::storage::Extent;
use towline::store::blocks;
use towline::wire::{
    Attempt, Body, Code, Cv, Data, Failure, Get, HavePage, Hole, Kind, Modified, Offer, Range, RelPath,
    Remove, RequestId, Rope, Tlv, UploadId, generate,
};

use super::{Act, Actor};
use crate::plan::{Operation, Plan};

/// A block and a bit: its last block is short, so that a good one is cheap to send.
const LENGTH: u64 = BLOCK + 464;
const BLOCK: u64 = 65_536;
/// More often than a transfer may begin a round.
const ROUNDS: usize = 18;

impl Actor {
    pub(super) fn breach(&mut self, plan: &Plan) {
        match self.side {
            Side::Client => self.breach_as_client(plan),
            Side::Server => self.breach_as_server(plan),
        }
        self.parts();
    }

    fn breach_as_client(&mut self, plan: &Plan) {
        match self.random.random_range(0..10) {
            0 => return self.strange_hello(),
            1..6 => {
                self.opens();
                let offer = self.offer(LENGTH);
                self.frame(1, offer);
                self.waits();
                self.spoil(1);
            }
            6 | 7 => {
                self.opens();
                self.ask_and_interrupt();
            }
            _ => {
                self.opens();
                self.get_and_spoil(plan);
            }
        }
        if self.flips() {
            // The operation is over at one end.
            let more = self.part_of(BLOCK, 464, true);
            self.frame(1, more);
        }
    }

    fn breach_as_server(&mut self, plan: &Plan) {
        if self.random.random_ratio(1, 12) {
            return self.strange_hello();
        }
        self.opens();
        // The client's hello, and the frame that begins an operation.
        self.acts.push_back(Act::Hear(90));
        if self.flips() {
            let got = plan.steps().filter_map(|step| match &step.operation {
                Operation::Get { path } => Some(path.clone()),
                _ => None,
            });
            let got: Vec<String> = got.collect();
            if let Some(path) = got.get(self.random.random_range(0..got.len().max(1))) {
                self.frame(1, offer_of(path));
                self.waits();
                return self.spoil(1);
            }
        }
        self.answer_wrongly();
    }

    /// Of another version, or with an extension that must be known and is not.
    fn strange_hello(&mut self) {
        let Body::Hello(mut hello) = self.hello() else { return };
        if self.flips() {
            (hello.lowest, hello.highest) = (7, 9);
        } else {
            let kind = (0..=u16::MAX).find(|kind| Tlv { kind: *kind, value: Vec::new() }.is_critical());
            hello.tlvs.extend(kind.map(|kind| Tlv { kind, value: vec![1, 2] }));
        }
        self.greets(Body::Hello(hello));
    }

    /// Breaks a rule of the sending side in a transfer that stands.
    fn spoil(&mut self, operation: u32) {
        let good = |this: &mut Actor| this.part_of(BLOCK, 464, true);
        let commit = self.commit();
        let bodies = match self.random.random_range(0..17) {
            0 => vec![self.part_of(BLOCK, 1_000, true)],
            1 => vec![self.part_of(BLOCK - 100, 200, false)],
            2 => vec![self.part_of(0, 100, true)],
            3 => vec![self.part_of(BLOCK, 464, false)],
            4 => vec![self.part_of(100, 100, false)],
            5 => vec![self.part_of(0, 100, false), good(self)],
            6 => vec![good(self), good(self), commit],
            7 => vec![hole(0, 1 << 30)],
            8 => vec![hole(0, 100)],
            9 => vec![self.part_of(0, 100, false), hole(BLOCK, 464)],
            10 => vec![hole(0, BLOCK), hole(BLOCK, 464), commit],
            11 => vec![hole(0, BLOCK), good(self), commit],
            12 => vec![self.part_of(0, 100, false), commit],
            13 => return self.rounds(operation, &[commit]),
            14 => {
                let bad = self.data(BLOCK, 464);
                return self.rounds(operation, &[bad, commit]);
            }
            15 => vec![good(self), Body::Cancel, good(self)],
            _ => vec![hole(0, BLOCK), hole(0, BLOCK), commit],
        };
        bodies.into_iter().for_each(|body| self.frame(operation, body));
    }

    /// The same again, each time when the last was heard.
    fn rounds(&mut self, operation: u32, bodies: &[Body]) {
        for _ in 0..ROUNDS {
            bodies.iter().for_each(|body| self.frame(operation, body.clone()));
            self.waits();
        }
    }

    /// Asks, and says something else before the answer can have come, or after it.
    fn ask_and_interrupt(&mut self) {
        let root = RelPath::ROOT;
        let nothing = RelPath::new("stranger-9").expect("a good path");
        let question = match self.random.random_range(0..5) {
            0 => Body::List(root),
            1 => Body::Stat(root),
            2 => Body::Remove(Remove { request: RequestId(self.random.random()), path: nothing }),
            3 => Body::Stat(nothing),
            _ => Body::Echo(Bytes::from_static(b"there and back")),
        };
        self.frame(1, question);
        if self.flips() {
            self.waits();
        }
        let next = [Body::Next, Body::Cancel, self.commit()];
        let next = next[self.random.random_range(0..3)].clone();
        self.frame(1, next);
    }

    /// Asks for a file, and breaks a rule of the receiving side.
    fn get_and_spoil(&mut self, plan: &Plan) {
        let served = plan.served.get(self.random.random_range(0..plan.served.len().max(1)));
        let path = served.map_or("stranger-9", |(path, _)| path.as_str());
        let path = RelPath::new(path).expect("the plan's paths are good");
        let version = if self.random.random_ratio(1, 6) { 5 } else { 0 };
        self.frame(1, Body::Get(Get { path, version }));
        if self.flips() {
            self.waits();
        }
        self.answer_wrongly();
    }

    /// What a receiver says, or a server, and not so.
    fn answer_wrongly(&mut self) {
        let want = |first, count| Body::Want(vec![Range { first, count }]);
        let body = match self.random.random_range(0..9) {
            0 => have(7, 0, true),
            1 => have(0, 900, true),
            2 => want(70_000, 1),
            3 => {
                self.frame(1, have(0, 0, true));
                self.waits();
                return self.rounds(1, &[want(0, 1)]);
            }
            4 => Body::Committed(Cv([3; 32])),
            5 => have(0, 0, false),
            6 if self.side == Side::Server => Body::Failed(Failure::new(Code::IO, "so it says")),
            6 => Body::Cancel,
            7 if self.side == Side::Server => Body::EchoReply(Bytes::from_static(b"another")),
            7 => Body::Next,
            _ => generate::frame_of(&mut self.random, Kind::Have).body,
        };
        self.frame(1, body);
    }

    pub(super) fn waits(&mut self) {
        let ms = self.random.random_range(10..60);
        self.acts.push_back(Act::Pause(ms));
    }

    /// Bytes of the file that it offers, with the value of the block that they end, if they are to have one.
    fn part_of(&mut self, offset: u64, length: usize, has_cv: bool) -> Body {
        let bytes = Bytes::from(vec![9; length]);
        let shape = Extent { offset, length: length as u32, unit: BLOCK as u32, whole: false };
        let is_block = offset.is_multiple_of(BLOCK);
        let cv = has_cv.then(|| {
            let known = is_block.then(|| blocks::cvs(shape, std::slice::from_ref(&bytes)).pop());
            known.flatten().unwrap_or(Cv([1; 32]))
        });
        Body::Data(Data { offset, cv, payload: Rope::from(bytes) })
    }
}

fn hole(offset: u64, length: u64) -> Body {
    Body::Hole(Hole { offset, length })
}

pub(super) fn have(first: u32, count: usize, last: bool) -> Body {
    Body::Have(HavePage { upload: UploadId(1), first, cvs: vec![None; count], last })
}

fn offer_of(path: &str) -> Body {
    let modified = Modified { seconds: 1, nanoseconds: 0 };
    let path = RelPath::new(path).expect("the plan's paths are good");
    Body::Offer(Offer {
        path,
        length: LENGTH,
        mode: 0o644,
        modified,
        version: 1,
        attempt: Attempt::default(),
    })
}

//! Peers that ask for what no client of ours asks for: the served folder as a file, what is too long to be had, blocks
//! that there are not.

use bytes::Bytes;
use rand::RngExt;
use towline::harness::Side;
use towline::wire::{
    Attempt, Body, Cv, Data, Get, HavePage, Modified, Offer, Range, RelPath, Remove, RequestId, Rope,
    UploadId, limits,
};

use super::breach::have;
use super::{Act, Actor};
use crate::plan::{Obstacle, Plan};

impl Actor {
    pub(super) fn oddity(&mut self, plan: &Plan) {
        self.opens();
        match self.side {
            Side::Client => self.ask_oddly(plan),
            Side::Server => {
                // The client's hello, and a file that it sends in one breath.
                self.acts.push_back(Act::Hear(90));
                self.waits();
                self.frame(1, have(0, 0, true));
                self.waits();
                self.frame(1, Body::Want(vec![Range { first: 70_000, count: 1 }]));
            }
        }
        self.parts();
    }

    fn ask_oddly(&mut self, plan: &Plan) {
        let hollow = plan.obstacles.iter().find(|(_, obstacle)| matches!(obstacle, Obstacle::Hollow(_)));
        let root = RelPath::ROOT.to_owned();
        match self.random.random_range(0..6) {
            _ if hollow.is_some() => {
                let path = path(&hollow.expect("looked").0);
                self.frame(1, Body::Get(Get { path, version: 0 }));
                self.waits();
                // It says that it has some of it, and that is not so.
                let cvs = vec![Some(Cv([5; 32])), None, Some(Cv([6; 32]))];
                self.frame(1, Body::Have(HavePage { upload: UploadId(1), first: 0, cvs, last: true }));
                self.waits();
                self.waits();
            }
            0 => {
                let offer = offer(root, 100);
                self.frame(1, offer);
            }
            1 => {
                let request = RequestId(self.random.random());
                self.frame(1, Body::Remove(Remove { request, path: root }));
            }
            2 => self.frame(1, offer(path("stranger-long"), limits::FILE_MAX + 1)),
            3 => self.frame(1, Body::Get(Get { path: root, version: 0 })),
            4 => {
                // Data, before it can have been told what is there already.
                self.frame(1, offer(path("stranger-early"), 3 << 20));
                let payload = Rope::from(Bytes::from(vec![9; 1_000]));
                self.frame(1, Body::Data(Data { offset: 0, cv: None, payload }));
            }
            _ => {
                // Shown to a person it is cut, and not within a letter.
                let folder = "\u{20ac}".repeat(80);
                let path = path(&[folder.as_str(); 4].join("/"));
                let mark = "x".repeat(self.random.random_range(1..4));
                let path = RelPath::new(format!("{path}/{mark}")).expect("a good path");
                self.frame(1, Body::Stat(path));
            }
        }
        self.waits();
    }
}

fn path(path: &str) -> RelPath {
    RelPath::new(path).expect("a good path")
}

fn offer(path: RelPath, length: u64) -> Body {
    let modified = Modified { seconds: 1, nanoseconds: 0 };
    Body::Offer(Offer { path, length, mode: 0o644, modified, version: 0, attempt: Attempt::default() })
}

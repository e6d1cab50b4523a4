//! What a peer says where that depends on what it hears: which version of a file was named, which blocks are wanted.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use towline::harness::Side;
use towline::probe;
use towline::proto::storage::Extent;
use towline::store::blocks;
use towline::wire::{
    Body, Cv, Data, Decoder, Entry, Failure, FileKind, Get, HavePage, Hole, LinkTarget, Metadata, Modified,
    Page, Range, Read, RelPath, Resolved, Rope, Span, UploadId, limits,
};

use super::frame;
use super::lies::{data, offer};
use crate::plan::Plan;

/// A block of a file that is not long.
const BLOCK: u64 = 65_536;
/// Pings in a row that it answers. Nobody is helped against a server that is there and has nothing more to say.
const PINGS: u32 = 12;
/// Questions about blocks that are more than may be asked at once.
const WANTS: usize = limits::WANT_MAX + 6;

/// One side of a conversation.
pub(in crate::tier) struct Talk {
    decoder: Decoder,
    random: ChaCha8Rng,
    side: Side,
    /// Of the files that a plan serves.
    lengths: BTreeMap<String, u64>,
    /// The file that is pulled, and its length.
    pulled: Option<(RelPath, u64)>,
    /// What its folders are like.
    folders: Folders,
    /// How often it answers before it falls silent.
    patience: u32,
    /// Pings since it was last asked for something.
    pings: u32,
    /// True if streams carry much.
    is_wide: bool,
    is_over: bool,
}

/// What is in the folders of a server that lies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folders {
    /// A folder, in each of them.
    Deep,
    /// Names without an end.
    Endless,
    /// Names that are kept, or doubled, or of what cannot be had.
    Strange,
    /// A name that is none.
    Wrong,
}

impl Talk {
    pub(super) fn new(plan: &Plan, mut random: ChaCha8Rng, side: Side) -> Talk {
        let lengths = plan.served.iter().map(|(path, content)| (path.clone(), content.length)).collect();
        let folders = [Folders::Deep, Folders::Endless, Folders::Strange, Folders::Wrong];
        let folders = folders[random.random_range(0..folders.len())];
        let patience = random.random_range(3..40);
        let is_wide = plan.shape.write_max.min(plan.shape.read_max) >= 9_000;
        let (decoder, pulled) = (Decoder::new(), None);
        Talk { decoder, random, side, lengths, pulled, folders, patience, pings: 0, is_wide, is_over: false }
    }

    /// True once it has said what it had to say.
    pub(in crate::tier) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Hears bytes, and says others.
    pub(in crate::tier) fn hears(&mut self, bytes: Bytes) -> Vec<u8> {
        let decoder = &mut self.decoder;
        decoder.push(bytes);
        let mut said = Vec::new();
        while !self.is_over
            && let Some(heard) = probe::aside(|| self.decoder.next().ok().flatten())
        {
            let operation = heard.operation.0;
            let answers = match self.side {
                Side::Server => self.as_server(operation, heard.body),
                Side::Client => self.as_client(operation, heard.body),
            };
            self.pings = if operation == 0 { self.pings + 1 } else { 0 };
            self.is_over |= self.pings > PINGS;
            if operation != 0 && !answers.is_empty() {
                self.patience -= 1;
                self.is_over |= self.patience == 0;
            }
            said.extend(answers.into_iter().flat_map(|(operation, body)| frame(operation, body)));
        }
        said
    }

    fn as_server(&mut self, operation: u32, body: Body) -> Vec<(u32, Body)> {
        let answers = match body {
            Body::Ping(number) => vec![Body::Pong(number)],
            Body::Pull(get) => self.supply(get),
            Body::Want(ranges) => self.bring(&ranges),
            Body::Stat(_) => vec![Body::Metadata(metadata(FileKind::Folder, 0))],
            Body::List(_) | Body::Next => vec![Body::Page(self.page())],
            Body::ReadLink(_) => {
                LinkTarget::new(b"there".to_vec()).map(Body::LinkTarget).into_iter().collect()
            }
            Body::Resolve(_) => {
                let identity = self.random.random_range(1..4);
                vec![Body::Resolved(Resolved { identity, metadata: metadata(FileKind::Folder, 0) })]
            }
            Body::Get(get) => vec![offer(get.path, u64::from(self.random.random::<u32>()), 7)],
            Body::Sum(path) => self.sum(path),
            Body::Read(read) => self.tell(read),
            Body::Offer(_) | Body::Stream(_) => vec![Body::Want(vec![Range { first: 70_000, count: 1 }])],
            Body::Echo(_) => vec![Body::EchoReply(Bytes::from_static(b"another"))],
            Body::Remove(_) | Body::MakeFolder(_) | Body::MakeLink(_) => {
                vec![Body::Metadata(metadata(FileKind::File, 9))]
            }
            _ => Vec::new(),
        };
        answers.into_iter().map(|body| (operation, body)).collect()
    }

    /// Another file than was asked for, or this one: and something of it, before anybody wants it.
    fn supply(&mut self, get: Get) -> Vec<Body> {
        let known = self.lengths.get(&get.path.to_string()).copied();
        let length = known.unwrap_or(3 * BLOCK);
        self.pulled = Some((get.path.clone(), length));
        let good = offer(get.path.clone(), length, get.version);
        let bodies = match self.random.random_range(0..8) {
            0 => vec![offer(get.path, length + 1, get.version)],
            1 => vec![good, data(0, Bytes::from_static(b"unasked"))],
            2 => vec![good, hole(0, BLOCK)],
            3 => vec![Body::Failed(Failure::new(towline::wire::Code::IO, "so it says"))],
            _ => return vec![good],
        };
        self.is_over = true;
        bodies
    }

    /// Blocks that are wanted, and not as they are.
    fn bring(&mut self, ranges: &[Range]) -> Vec<Body> {
        let (Some((_, length)), Some(range)) = (&self.pulled, ranges.first()) else { return Vec::new() };
        let start = u64::from(range.first) * BLOCK;
        // It may be wanted what it does not know of: who asked knows the file from another server.
        let end = if start + 1 < *length { (start + BLOCK).min(*length) } else { start + BLOCK };
        let bytes = |count: u64| Bytes::from(vec![9; count as usize]);
        let of = |offset, count: u64, cv: Option<Cv>| {
            Body::Data(Data { offset, cv, payload: Rope::from(bytes(count)) })
        };
        let some = Cv([4; 32]);
        self.is_over = true;
        match self.random.random_range(0..9) {
            0 => vec![of(start + 1, 9, None)],
            1 => vec![of(start, end - start + 1, Some(some))],
            2 => vec![of(start, 9.min(end - start - 1).max(1), Some(some))],
            3 => vec![hole(start + 1, BLOCK)],
            4 => vec![hole(start, 1 << 40)],
            5 => vec![hole(start, (BLOCK / 2).min(end - start - 1).max(1))],
            6 => vec![of(start, 9.min(end - start - 1).max(1), None), Body::Done],
            7 => {
                // Whole, and with the value of what it is not: nobody else has it so.
                let cv = value_of(start, &bytes(end - start), false);
                vec![of(start, end - start, Some(cv))]
            }
            _ => vec![Body::Have(page_of(0, Vec::new(), true))],
        }
    }

    /// A page of what its folders are like.
    fn page(&mut self) -> Page {
        let names = |kind: FileKind, names: &[&[u8]]| -> Vec<Entry> {
            names
                .iter()
                .map(|name| Entry { name: name.to_vec(), metadata: metadata(kind, u64::MAX) })
                .collect()
        };
        match self.folders {
            Folders::Deep => Page { entries: names(FileKind::Folder, &[&[b'd'; 255]]), last: true },
            Folders::Endless => {
                let name = |number: u32| format!("{number:08x}").into_bytes();
                let names: Vec<Vec<u8>> = (0..16).map(|_| name(self.random.random())).collect();
                let entry = |name| Entry { name, metadata: metadata(FileKind::File, 5) };
                Page { entries: names.into_iter().map(entry).collect(), last: false }
            }
            Folders::Strange => {
                let mut entries = names(FileKind::File, &[b"twice", b"long", b".towline", b"a"]);
                entries.extend(names(FileKind::Folder, &[b"twice", b".Towline"]));
                entries.extend(names(FileKind::Other, &[b"device"]));
                entries.extend(names(FileKind::Link, &[b"link", b"\x1b[31m"]));
                Page { entries, last: true }
            }
            Folders::Wrong => {
                let wrong: [&[u8]; 4] = [b"..", b"a/b", b"", b"a\0"];
                let wrong = wrong[self.random.random_range(0..wrong.len())];
                Page { entries: names(FileKind::File, &[b"good", wrong]), last: true }
            }
        }
    }

    /// What the blocks of a file are, and are not.
    fn sum(&mut self, path: RelPath) -> Vec<Body> {
        let cvs = |count: usize| vec![Some(Cv([7; 32])); count];
        let have = |first, cvs, last| Body::Have(page_of(first, cvs, last));
        let mut bodies = vec![offer(path, 2 * BLOCK, 1)];
        match self.random.random_range(0..7) {
            0 => bodies.push(have(1, cvs(1), true)),
            1 => bodies.push(have(0, cvs(5), true)),
            2 => bodies.push(have(0, vec![Some(Cv([7; 32])), None], true)),
            3 => bodies.push(have(0, cvs(1), true)),
            4 => bodies.extend([have(0, cvs(2), true), Body::Committed(Cv([8; 32]))]),
            5 => bodies.extend([have(0, cvs(2), true), have(2, cvs(1), true)]),
            _ => bodies.push(Body::Committed(Cv([8; 32]))),
        }
        self.is_over = true;
        bodies
    }

    /// Bytes of a file in order, and out of it.
    fn tell(&mut self, read: Read) -> Vec<Body> {
        const LENGTH: u64 = 500;
        let bytes = Bytes::from(vec![9; LENGTH as usize]);
        let version = if read.version == 0 { 1 } else { read.version };
        let cv = Some(value_of(0, &bytes, true));
        let of = |offset, bytes: Bytes, cv| Body::Data(Data { offset, cv, payload: Rope::from(bytes) });
        let mut bodies = vec![offer(read.path, LENGTH, version)];
        let is_rest = matches!(read.span, Span::Rest { .. });
        let other_end = if is_rest { Body::Done } else { Body::Committed(Cv([8; 32])) };
        match self.random.random_range(0..7) {
            0 => bodies.push(of(5, bytes, cv)),
            1 => bodies.push(Body::Done),
            2 => bodies.extend([of(0, bytes, cv), other_end]),
            3 => bodies.extend([of(0, bytes, cv), Body::Committed(Cv([8; 32]))]),
            4 => bodies.push(of(0, Bytes::from(vec![9; 501]), cv)),
            5 => bodies.push(of(0, bytes.slice(..9), cv)),
            _ => bodies.push(of(0, bytes, Some(Cv([5; 32])))),
        }
        self.is_over = true;
        bodies
    }

    /// A client that has heard of a version pulls it, and wants what there is not.
    fn as_client(&mut self, operation: u32, body: Body) -> Vec<(u32, Body)> {
        let Body::Offer(offer) = body else { return Vec::new() };
        if operation == 1 {
            let get = Get { path: offer.path, version: offer.version };
            return vec![(2, Body::Pull(get))];
        }
        self.is_over = true;
        let want = |first, count| Body::Want(vec![Range { first, count }]);
        let bodies = match self.random.random_range(0..6) {
            0 => vec![want(offer.blocks(), 1)],
            1 if self.is_wide => vec![want(0, 1); WANTS],
            2 => vec![Body::Next],
            3 => vec![Body::Done],
            4 => vec![want(0, 1), Body::Done],
            _ => vec![want(0, 1), Body::Cancel],
        };
        bodies.into_iter().map(|body| (operation, body)).collect()
    }
}

fn metadata(kind: FileKind, length: u64) -> Metadata {
    Metadata { kind, length, mode: 0o755, modified: Modified { seconds: 1, nanoseconds: 0 } }
}

fn hole(offset: u64, length: u64) -> Body {
    Body::Hole(Hole { offset, length })
}

fn page_of(first: u32, cvs: Vec<Option<Cv>>, last: bool) -> HavePage {
    HavePage { upload: UploadId(1), first, cvs, last }
}

/// The chaining value of a block, or the root of a file that is no longer.
fn value_of(offset: u64, bytes: &Bytes, whole: bool) -> Cv {
    let unit = if whole { limits::EXTENT } else { BLOCK } as u32;
    let shape = Extent { offset, length: bytes.len() as u32, unit, whole };
    blocks::cvs(shape, std::slice::from_ref(bytes)).pop().expect("it has a block")
}

//! Random values of every kind of frame, for tests, simulations and seeds of the fuzzer. Every value is valid: it
//! encodes, and decodes to itself. Boundary values are made likely, since that is where codecs are wrong. Pure: all
//! randomness comes in as an argument. Feature `harness`.

mod kinds;

use bytes::Bytes;
use rand::{Rng, RngExt};

pub use self::kinds::{link_target, push, span, stream};
use super::{
    Attempt, Body, Capabilities, Code, Commit, Cv, Data, Entry, Failure, FileKind, Frame, Get, HavePage,
    Hello, Hole, Kind, MakeFolder, MakeLink, Metadata, Modified, Offer, OperationId, Page, Range, Read,
    Refused, RelPath, Remove, RequestId, Resolved, Rope, Start, StreamEnd, Tlv, UploadId, block_size_for,
    limits,
};

/// A frame of any kind.
pub fn frame(rng: &mut impl Rng) -> Frame {
    let kind = *pick(rng, Kind::ALL);
    frame_of(rng, kind)
}

/// A frame of one kind, on an operation that the kind allows.
pub fn frame_of(rng: &mut impl Rng, kind: Kind) -> Frame {
    let body = body(rng, kind);
    match kind {
        Kind::Hello | Kind::Refused | Kind::Ping | Kind::Pong => Frame::connection(body),
        Kind::Credit | Kind::GoAway | Kind::Bye => Frame::connection(body),
        Kind::Failed if rng.random_ratio(1, 4) => Frame::connection(body),
        Kind::Failed | Kind::Echo | Kind::EchoReply | Kind::Cancel | Kind::Done => {
            Frame::of(operation(rng), body)
        }
        Kind::Offer | Kind::Get | Kind::Have | Kind::Data | Kind::Hole | Kind::Want => {
            Frame::of(operation(rng), body)
        }
        Kind::Commit | Kind::Committed | Kind::List | Kind::Next | Kind::Page | Kind::Stat => {
            Frame::of(operation(rng), body)
        }
        Kind::Metadata | Kind::Remove | Kind::MakeFolder | Kind::MakeLink | Kind::ReadLink => {
            Frame::of(operation(rng), body)
        }
        Kind::LinkTarget | Kind::Resolve | Kind::Resolved => Frame::of(operation(rng), body),
        Kind::Pull | Kind::Push => Frame::of(operation(rng), body),
        Kind::Sum | Kind::Read | Kind::Stream | Kind::End => Frame::of(operation(rng), body),
    }
}

/// A body of one kind.
pub fn body(rng: &mut impl Rng, kind: Kind) -> Body {
    match kind {
        Kind::Hello => Body::Hello(hello(rng)),
        Kind::Refused => Body::Refused(refused(rng)),
        Kind::Ping => Body::Ping(number(rng)),
        Kind::Pong => Body::Pong(number(rng)),
        Kind::Credit => Body::Credit(number(rng)),
        Kind::GoAway => Body::GoAway(OperationId(number(rng) as u32)),
        Kind::Bye => Body::Bye,
        Kind::Echo => Body::Echo(payload(rng, 0, limits::ECHO_MAX)),
        Kind::EchoReply => Body::EchoReply(payload(rng, 0, limits::ECHO_MAX)),
        Kind::Cancel => Body::Cancel,
        Kind::Failed => Body::Failed(failure(rng)),
        Kind::Done => Body::Done,
        Kind::Offer => Body::Offer(offer(rng)),
        Kind::Get => Body::Get(Get { path: file_path(rng), version: wide(rng) }),
        Kind::Have => Body::Have(have_page(rng)),
        Kind::Data => Body::Data(data(rng)),
        Kind::Hole => Body::Hole(hole(rng)),
        Kind::Want => Body::Want(ranges(rng)),
        Kind::Commit => Body::Commit(Commit { root: cv(rng) }),
        Kind::Committed => Body::Committed(cv(rng)),
        Kind::Pull => Body::Pull(Get { path: file_path(rng), version: wide(rng).max(1) }),
        Kind::Push => Body::Push(push(rng)),
        Kind::Sum => Body::Sum(file_path(rng)),
        Kind::Read => Body::Read(Read { path: file_path(rng), version: wide(rng), span: span(rng) }),
        Kind::Stream => Body::Stream(stream(rng)),
        Kind::End => Body::End(StreamEnd { length: between(rng, 0, limits::FILE_MAX), root: cv(rng) }),
        Kind::List => Body::List(rel_path(rng)),
        Kind::Next => Body::Next,
        Kind::Page => Body::Page(page(rng)),
        Kind::Stat => Body::Stat(rel_path(rng)),
        Kind::Metadata => Body::Metadata(metadata(rng)),
        Kind::Remove => Body::Remove(Remove { request: RequestId(wide(rng)), path: file_path(rng) }),
        Kind::MakeFolder => {
            let modified = rng.random::<bool>().then(|| modified(rng));
            Body::MakeFolder(MakeFolder { path: file_path(rng), mode: mode(rng), modified })
        }
        Kind::MakeLink => Body::MakeLink(MakeLink { path: file_path(rng), target: link_target(rng) }),
        Kind::ReadLink => Body::ReadLink(file_path(rng)),
        Kind::LinkTarget => Body::LinkTarget(link_target(rng)),
        Kind::Resolve => Body::Resolve(rel_path(rng)),
        Kind::Resolved => Body::Resolved(Resolved { identity: wide(rng), metadata: metadata(rng) }),
    }
}

/// An operation's id: never 0.
pub fn operation(rng: &mut impl Rng) -> OperationId {
    OperationId((number(rng) as u32).max(1))
}

/// Any `u64`; 0, the greatest, and their neighbours are likely.
pub fn number(rng: &mut impl Rng) -> u64 {
    match rng.random_range(0..6) {
        0 => 0,
        1 => 1,
        2 => u64::MAX,
        3 => u64::MAX - 1,
        4 => rng.random_range(0..1000),
        _ => rng.next_u64() >> rng.random_range(0..64),
    }
}

/// A number from `least` to `most`, both likely.
pub fn between(rng: &mut impl Rng, least: u64, most: u64) -> u64 {
    match rng.random_range(0..6) {
        0 => least,
        1 => most,
        2 => least.saturating_add(1).min(most),
        3 => most.saturating_sub(1).max(least),
        _ => rng.random_range(least..=most),
    }
}

/// Bytes, `least` to `most` of them. Most are short, so that a long run of frames stays cheap.
pub fn payload(rng: &mut impl Rng, least: usize, most: usize) -> Bytes {
    let length = length(rng, least, most);
    Bytes::from(random_bytes(rng, length))
}

/// A path, the root included.
pub fn rel_path(rng: &mut impl Rng) -> RelPath {
    if rng.random_ratio(1, 8) { RelPath::ROOT } else { file_path(rng) }
}

/// A path that is not the root.
pub fn file_path(rng: &mut impl Rng) -> RelPath {
    let bytes = match rng.random_range(0..16) {
        // The longest: seventeen names, 4,096 bytes with the strokes between them.
        0 => {
            let mut names = vec![vec![b'n'; limits::NAME_MAX]; 15];
            names.extend([name_of(rng, limits::NAME_MAX - 1), name_of(rng, 1)]);
            names.join(&b'/')
        }
        // The deepest.
        1 => vec![name_of(rng, 1); limits::DEPTH_MAX].join(&b'/'),
        2 => b"a/.towline".to_vec(),
        3 => b".towline.".to_vec(),
        _ => {
            let depth = rng.random_range(1..5);
            (0..depth).map(|_| name(rng)).collect::<Vec<_>>().join(&b'/')
        }
    };
    RelPath::new(&bytes).unwrap_or_else(|_| RelPath::new(b"plain").expect("a plain name"))
}

/// A name: one component, 1 to 255 bytes, often odd.
pub fn name(rng: &mut impl Rng) -> Vec<u8> {
    let odd: [&[u8]; 9] =
        [b"a", b"...", b".a", b" ", b"\x1b[2J", b"\xff\xfe", "\u{9b}31m".as_bytes(), b"a\nb", b"\\"];
    match rng.random_range(0..4) {
        0 => pick(rng, &odd).to_vec(),
        1 => name_of(rng, limits::NAME_MAX),
        _ => {
            let length = rng.random_range(1..20);
            name_of(rng, length)
        }
    }
}

fn name_of(rng: &mut impl Rng, length: usize) -> Vec<u8> {
    let mut name = random_bytes(rng, length);
    name.iter_mut().filter(|byte| matches!(**byte, 0 | b'/' | b'.')).for_each(|byte| *byte = b'x');
    name
}

/// A code: known, unknown in a known class, or of an unknown class.
pub fn code(rng: &mut impl Rng) -> Code {
    match rng.random_range(0..4) {
        0 => Code(rng.random()),
        1 => Code(rng.random_range(1..5) << 12 | 0xfff),
        _ => pick(rng, Code::ALL).0,
    }
}

/// Advisory text, at most 1 KiB, of characters of every width.
pub fn text(rng: &mut impl Rng) -> String {
    let most = *pick(rng, &[0, 1, 20, limits::TEXT_MAX]);
    let mut text = String::new();
    loop {
        let c = *pick(rng, &['a', 'ä', '☃', '🦀', '\n', '\u{1b}', '\u{202e}']);
        if text.len() + c.len_utf8() > most {
            return text;
        }
        text.push(c);
    }
}

/// A `Failed`'s body.
pub fn failure(rng: &mut impl Rng) -> Failure {
    Failure { code: code(rng), delay_ms: number(rng) as u32, text: text(rng) }
}

/// A `Hello` of any version, with any extensions.
pub fn hello(rng: &mut impl Rng) -> Hello {
    let lowest = between(rng, 1, u64::from(u16::MAX)) as u16;
    let tlv_count = length(rng, 0, limits::TLV_MAX);
    let kinds: std::collections::BTreeSet<u16> = (0..tlv_count).map(|_| number(rng) as u16).collect();
    Hello {
        lowest,
        highest: between(rng, u64::from(lowest), u64::from(u16::MAX)) as u16,
        capabilities: Capabilities(number(rng)),
        window: between(rng, limits::WINDOW_MIN, u64::MAX),
        operations: between(rng, 1, u64::from(u32::MAX)) as u32,
        idle_ms: number(rng) as u32,
        tlvs: kinds
            .into_iter()
            .map(|kind| Tlv { kind, value: payload(rng, 0, limits::TEXT_MAX).to_vec() })
            .collect(),
    }
}

/// A `Refused`.
pub fn refused(rng: &mut impl Rng) -> Refused {
    let [lowest, highest] = [number(rng) as u16, number(rng) as u16];
    Refused { code: code(rng), delay_ms: number(rng) as u32, lowest, highest, text: text(rng) }
}

/// Permission bits.
pub fn mode(rng: &mut impl Rng) -> u32 {
    between(rng, 0, 0o777) as u32
}

/// A modification time, before 1970 and at the ends of time too.
pub fn modified(rng: &mut impl Rng) -> Modified {
    let seconds = match rng.random_range(0..4) {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => rng.random_range(-1..=1),
        _ => rng.random_range(0..4_000_000_000),
    };
    Modified { seconds, nanoseconds: between(rng, 0, 999_999_999) as u32 }
}

/// What is known of a file or folder.
pub fn metadata(rng: &mut impl Rng) -> Metadata {
    let kind = *pick(rng, &[FileKind::File, FileKind::Folder, FileKind::Link, FileKind::Other]);
    let length = if kind == FileKind::File { number(rng) } else { 0 };
    Metadata { kind, length, mode: mode(rng), modified: modified(rng) }
}

/// A page of entries, up to 64 KiB of them.
pub fn page(rng: &mut impl Rng) -> Page {
    const PAGE_MAX: usize = 64 * 1024;
    let most = *pick(rng, &[0, 200, 200, PAGE_MAX]);
    let mut entries: Vec<Entry> = Vec::new();
    let mut total = 0;
    while total < most {
        let entry = Entry { name: name(rng), metadata: metadata(rng) };
        total += entry.encoded_len();
        if total > PAGE_MAX {
            break;
        }
        entries.push(entry);
    }
    Page { last: entries.is_empty() || rng.random(), entries }
}

/// A length of a file, near the limits of block sizes more often than not.
pub fn file_length(rng: &mut impl Rng) -> u64 {
    match rng.random_range(0..4) {
        0 => between(rng, 0, limits::FILE_MAX),
        1 => {
            let boundary = limits::BLOCK_MIN << rng.random_range(0..32u32);
            let around = rng.random_range(0..3);
            (boundary - 1 + around).min(limits::FILE_MAX)
        }
        _ => rng.random_range(0..1 << 20),
    }
}

/// An `Offer`.
pub fn offer(rng: &mut impl Rng) -> Offer {
    Offer {
        path: file_path(rng),
        length: file_length(rng),
        mode: mode(rng),
        modified: modified(rng),
        version: wide(rng),
        attempt: Attempt {
            request: RequestId(wide(rng)),
            number: number(rng) as u32,
            start: *pick(rng, &[Start::Resume, Start::Afresh]),
        },
    }
}

/// A page of what a receiver holds: 0 to 1,024 entries.
pub fn have_page(rng: &mut impl Rng) -> HavePage {
    let count = *pick(rng, &[0, 1, 7, 8, 9, 63, limits::HAVE_MAX]);
    let held = *pick(rng, &[0, 1, 2]);
    HavePage {
        upload: UploadId(number(rng)),
        first: between(rng, 0, limits::BLOCKS_MAX - count as u64) as u32,
        cvs: (0..count).map(|_| rng.random_ratio(held, 2).then(|| cv(rng))).collect(),
        last: count == 0 || rng.random(),
    }
}

/// A `Data` frame's body; its payload may be in several pieces.
pub fn data(rng: &mut impl Rng) -> Data {
    let bytes = payload(rng, 1, limits::DATA_MAX);
    let offset = between(rng, 0, limits::FILE_MAX - bytes.len() as u64);
    let cv = rng.random::<bool>().then(|| cv(rng));
    Data { offset, cv, payload: rope(rng, bytes) }
}

/// `bytes` as a rope of one piece or several.
pub fn rope(rng: &mut impl Rng, mut bytes: Bytes) -> Rope {
    let mut rope = Rope::new();
    for _ in 0..rng.random_range(0..3) {
        let cut = rng.random_range(0..=bytes.len());
        rope.push(bytes.split_to(cut));
    }
    rope.push(bytes);
    rope
}

/// A `Hole`.
pub fn hole(rng: &mut impl Rng) -> Hole {
    let length = between(rng, 1, limits::FILE_MAX);
    Hole { offset: between(rng, 0, limits::FILE_MAX - length), length }
}

/// Ranges of blocks that ascend and do not touch: 1 to 1,024 of them.
pub fn ranges(rng: &mut impl Rng) -> Vec<Range> {
    if rng.random_ratio(1, 8) {
        return (0..limits::WANT_MAX as u32).map(|i| Range { first: i * 64, count: 63 }).collect();
    }
    if rng.random_ratio(1, 8) {
        return vec![Range { first: 0, count: limits::BLOCKS_MAX as u32 }];
    }
    let mut ranges = Vec::new();
    let mut free = 0;
    for _ in 0..rng.random_range(1..10) {
        let first = free + rng.random_range(0..100);
        let most = block_count(rng);
        let count = between(rng, 1, most) as u32;
        if u64::from(first) + u64::from(count) > limits::BLOCKS_MAX {
            break;
        }
        ranges.push(Range { first, count });
        free = first + count + 1;
    }
    if ranges.is_empty() { vec![Range { first: limits::BLOCKS_MAX as u32 - 1, count: 1 }] } else { ranges }
}

/// A chaining value or root.
pub fn cv(rng: &mut impl Rng) -> Cv {
    Cv(rng.random())
}

/// How many blocks some file has: at least 1.
fn block_count(rng: &mut impl Rng) -> u64 {
    let length = file_length(rng).max(1);
    length.div_ceil(u64::from(block_size_for(length)))
}

fn wide(rng: &mut impl Rng) -> u128 {
    u128::from(number(rng)) << 64 | u128::from(number(rng))
}

fn length(rng: &mut impl Rng, least: usize, most: usize) -> usize {
    match rng.random_range(0..32) {
        0 => most,
        1 => most - 1,
        2 => rng.random_range(least..=most),
        3..8 => least,
        _ => rng.random_range(least..=most.min(100)),
    }
}

fn random_bytes(rng: &mut impl Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rng.fill_bytes(&mut bytes);
    bytes
}

fn pick<'a, T>(rng: &mut impl Rng, from: &'a [T]) -> &'a T {
    &from[rng.random_range(0..from.len())]
}

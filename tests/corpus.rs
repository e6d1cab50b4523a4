//! Replays the committed corpora of the fuzzer through the bodies of its targets, so that what it once found stays
//! found in the ordinary test run. What is ignored makes the first corpora: of `decode` from the test vectors, of `conn_bytes`
//! from conversations, of the others by hand.

use std::fs;
use std::path::PathBuf;

use towline::harness::{Lone, Pair, PairConfig};
use towline::proto::Limits;
use towline::proto::backoff::SplitMix;
use towline::proto::machine::Input;
use towline::proto::op::{Printed, Question};
use towline::proto::session::Request;
use towline::proto::storage::StreamId;
use towline::store::streams::{MemoryPipe, Stream};
use towline::wire::{
    self, Attempt, Body, Capabilities, Commit, Cv, Data, Frame, Get, Hello, Hole, LinkTarget, MakeFolder,
    MakeLink, Modified, Offer, OperationId, Push, Range, RelPath, Remove, RequestId, Rope, Span, Start,
};

/// What a target does with an input: panics where a law is broken.
type Target = fn(&[u8]);

/// Each target by its name, which is also that of its corpus.
const TARGETS: &[(&str, Target)] = &[
    ("decode", towline::fuzz::decode),
    ("conn_bytes", towline::fuzz::conn_bytes),
    ("replies", towline::fuzz::replies),
    ("authorized_keys", towline::fuzz::authorized_keys),
    ("known_hosts", towline::fuzz::known_hosts),
    ("key_file", towline::fuzz::key_file),
    ("handshake", towline::fuzz::handshake),
    ("operations", towline::fuzz::operations),
    ("pairing", towline::fuzz::pairing),
    ("paths", towline::fuzz::paths),
    ("records", towline::fuzz::records),
    ("store", towline::fuzz::store),
];

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

#[test]
fn every_input_of_the_corpora_passes() {
    for (target, body) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(corpus(target)).expect("a corpus for each target") {
            let path = entry.expect("an entry of a readable folder").path();
            let input = fs::read(&path).expect("a readable input");
            eprintln!("{}, {} bytes", path.display(), input.len());
            body(&input);
            count += 1;
        }
        assert!(count > 0, "the corpus of {target} is empty");
    }
}

#[test]
#[ignore = "writes fuzz/corpus/decode; see fuzz/README.md"]
fn write_seeds() {
    let folder = corpus("decode");
    fs::create_dir_all(&folder).expect("a folder for seeds");
    let mut all = Vec::new();
    let mut name = "";
    for line in include_str!("vectors.txt").lines() {
        match line.split_once(' ') {
            Some(("name", found)) => name = found,
            Some(("hex", hex)) => {
                let digits = (0..hex.len()).step_by(2).map(|at| &hex[at..at + 2]);
                let bytes: Vec<u8> =
                    digits.map(|two| u8::from_str_radix(two, 16).expect("hexadecimal")).collect();
                all.extend_from_slice(&bytes);
                // Frames without a preamble, checksums mended, pieces of 1, 3 and 17 bytes.
                let seed = [&[0xc3, 1, 3, 17], &bytes[..]].concat();
                fs::write(folder.join(name), seed).expect("a written seed");
            }
            _ => {}
        }
    }
    // A conversation of many frames, with its preamble and its own checksums, until the first wrong one.
    let seed = [&[0x02, 5, 0], &towline::wire::PREAMBLE[..], &all].concat();
    fs::write(folder.join("stream-of-all"), seed).expect("a written seed");
}

/// What a client sends for these jobs, one after another, without its preamble.
fn said(requests: Vec<Request>) -> Vec<u8> {
    let mut pair = Pair::new(PairConfig { record: true, ..PairConfig::default() });
    pair.local.put("small", b"another small file");
    pair.local.put("large", &[7; 65_600]);
    pair.served.put("small", b"a small file");
    let pipe = MemoryPipe { input: vec![7; 70_000].into(), ..MemoryPipe::default() };
    pair.streams_of_client.insert(StreamId(0), Stream::new(pipe));
    pair.served.put("folder/large", &[7; 150_000]);
    for request in requests {
        let _either_way = pair.carry_out(request);
    }
    pair.close();
    let mut said = Vec::new();
    for (_, input) in pair.server_logs.values().flatten() {
        if let Input::Received((), bytes) = input {
            said.extend_from_slice(bytes);
        }
    }
    said.split_off(towline::wire::PREAMBLE_LEN)
}

/// What a client sends that pulls blocks of what the target's server serves, in its version.
fn pulled() -> Vec<u8> {
    let hello = Hello {
        lowest: 1,
        highest: 1,
        capabilities: Capabilities::PULLS,
        window: 8 << 20,
        operations: 8,
        idle_ms: 0,
        tlvs: Vec::new(),
    };
    let path = RelPath::new("folder/large").expect("a good path");
    let mut lone = Lone::server(Limits::default());
    lone.files.put("small", b"a small file");
    lone.files.put("folder/large", &[7; 150_000]);
    lone.preamble();
    lone.hear(0, Body::Hello(hello.clone()));
    lone.hear(1, Body::Get(Get { path: path.clone(), version: 0 }));
    lone.settle();
    let version = lone.heard().into_iter().find_map(|frame| match frame.body {
        Body::Offer(offer) => Some(offer.version),
        _ => None,
    });
    let get = Get { path, version: version.expect("an offer") };
    let want = |first, count| Body::Want(vec![Range { first, count }]);
    let said = [Body::Pull(get), want(1, 2), want(0, 1), Body::Done, Body::Bye];
    let mut bytes = Vec::new();
    Frame::of(OperationId::CONNECTION, Body::Hello(hello)).encode(&mut bytes);
    for body in said {
        let operation = if body == Body::Bye { OperationId::CONNECTION } else { OperationId(1) };
        Frame::of(operation, body).encode(&mut bytes);
    }
    bytes
}

/// What a client sends that uploads a file, and brings blocks of it over the same connection: the first upload of a server that
/// begins as the target's does.
fn pushed() -> Vec<u8> {
    let hello = Hello {
        lowest: 1,
        highest: 1,
        capabilities: Capabilities::PUSHES.and(Capabilities::HOLES),
        window: 8 << 20,
        operations: 8,
        idle_ms: 0,
        tlvs: Vec::new(),
    };
    let (path, length) = (RelPath::new("pushed").expect("a good path"), 17 * 65_536 + 100);
    let attempt = Attempt::default();
    let offer =
        Offer { path: path.clone(), length, mode: 0o644, modified: Modified::default(), version: 0, attempt };
    let mut lone = Lone::server(Limits::default());
    lone.preamble();
    lone.hear(0, Body::Hello(hello.clone()));
    lone.hear(1, Body::Offer(offer.clone()));
    lone.settle();
    let upload = lone.heard().into_iter().find_map(|frame| match frame.body {
        Body::Have(page) => Some(page.upload),
        _ => None,
    });
    let push = Push { upload: upload.expect("a page"), length, path };
    let cv = Cv(*blake3::hash(b"another").as_bytes());
    let payload = Rope::from(bytes::Bytes::from(vec![7; 100]));
    let data = Body::Data(Data { offset: 17 * 65_536, cv: Some(cv), payload });
    let hole = |first: u64, count: u64| Body::Hole(Hole { offset: first * 65_536, length: count * 65_536 });
    let said = [
        (1, Body::Offer(offer)),
        (2, Body::Push(push.clone())),
        (2, hole(0, 16)),
        (2, data),
        (2, Body::Next),
        (3, Body::Push(push)),
        (3, hole(15, 2)),
        (3, Body::Done),
        (1, Body::Commit(Commit { root: cv })),
        (0, Body::Bye),
    ];
    let mut bytes = Vec::new();
    Frame::of(OperationId::CONNECTION, Body::Hello(hello)).encode(&mut bytes);
    for (operation, body) in said {
        bytes.extend_from_slice(&Frame::of(OperationId(operation), body).to_bytes());
    }
    bytes
}

#[test]
#[ignore = "writes fuzz/corpus/conn_bytes; see fuzz/README.md"]
fn write_conversations() {
    let path = |text: &str| RelPath::new(text).expect("a good path");
    let put = |name: &str| Request::Put {
        root: Pair::ROOT,
        source: path(name),
        path: path(name),
        attempt: Attempt::new(RequestId(9)),
    };
    let get = |name: &str| Request::Fetch {
        root: Pair::ROOT,
        at: path("got"),
        get: Get { path: path(name), version: 0 },
        start: Start::Resume,
    };
    let echo = Request::Ask(Question::Echo(bytes::Bytes::from_static(b"Hello, world")));
    let stat = Request::Ask(Question::Stat(path("small")));
    let list = Request::Ask(Question::List(path("")));
    let remove = Request::Ask(Question::Remove(Remove { request: RequestId(4), path: path("small") }));
    let ask = Request::Ask;
    let make_folder =
        MakeFolder { path: path("new/folder"), mode: 0o750, modified: Some(Modified::default()) };
    let target = LinkTarget::new(b"../small".to_vec()).expect("a target");
    let places = vec![
        ask(Question::MakeFolder(make_folder)),
        ask(Question::MakeLink(MakeLink { path: path("folder/link"), target })),
        ask(Question::ReadLink(path("folder/link"))),
        ask(Question::Resolve(path("folder/link"))),
    ];
    let compare = || Request::Compare { root: Pair::ROOT, source: path("large"), path: path("folder/large") };
    let print = |span| {
        let printed = Printed::default();
        Request::Print { stream: StreamId(0), path: path("folder/large"), span, printed }
    };
    let modified = Modified::default();
    let to = wire::Stream { path: path("poured"), mode: 0o644, modified, request: RequestId(5), attempt: 0 };
    let all = vec![echo.clone(), put("small"), get("small"), stat.clone(), list.clone(), remove.clone()];
    let seeds = [
        ("echo", vec![echo]),
        ("put-small", vec![put("small")]),
        ("put-large", vec![put("large")]),
        ("get-small", vec![get("small")]),
        ("get-large", vec![get("folder/large")]),
        ("list", vec![list]),
        ("stat", vec![stat]),
        ("remove", vec![remove]),
        ("places", places),
        ("all", all),
        ("sum", vec![compare()]),
        ("read-range", vec![print(Span::Range { first: 5, last: 70_000 })]),
        ("read-rest", vec![print(Span::Rest { first: 0 })]),
        ("stream", vec![Request::Pour { stream: StreamId(0), to }]),
    ];
    let folder = corpus("conn_bytes");
    fs::create_dir_all(&folder).expect("a folder for seeds");
    fs::write(folder.join("push"), [&[0xc3, 0xff, 0x42, 0x2e], &pushed()[..]].concat())
        .expect("a written seed");
    fs::write(folder.join("pull"), [&[0xc3, 0xff, 0x42, 0x2e], &pulled()[..]].concat())
        .expect("a written seed");
    for (name, requests) in seeds {
        // The preamble is put before it, checksums are mended; pieces of 64 KiB, of 3 bytes and of 48, and a store that
        // completes all, one, and nothing behind them.
        let seed = [&[0xc3, 0xff, 0x42, 0x2e], &said(requests)[..]].concat();
        fs::write(folder.join(name), seed).expect("a written seed");
    }
}

#[test]
#[ignore = "writes fuzz/corpus/{handshake,operations,paths,records,store}; see fuzz/README.md"]
fn write_scripts() {
    let write = |target: &str, name: String, seed: &[u8]| {
        fs::create_dir_all(corpus(target)).expect("a folder for seeds");
        fs::write(corpus(target).join(name), seed).expect("a written seed");
    };
    let mut random = SplitMix(5);
    for target in ["operations", "store"] {
        for number in 0..8 {
            let seed: Vec<u8> = (0..12).flat_map(|_| random.next_u64().to_le_bytes()).collect();
            write(target, format!("drawn-{number}"), &seed);
        }
    }
    for (number, two) in
        ["a/b\nc", "\n", "a\n..", "x/.towline\n.towline", "a//b\nc", "\u{1b}[2J\n\u{fe}"].iter().enumerate()
    {
        write("paths", format!("two-{number}"), two.as_bytes());
    }
    let hello = Hello {
        lowest: 1,
        highest: 3,
        capabilities: Capabilities::HOLES,
        window: 2 << 20,
        operations: 8,
        idle_ms: 1_000,
        tlvs: vec![wire::Tlv { kind: 7, value: b"unknown".to_vec() }],
    };
    let newer = Hello { lowest: 2, ..hello.clone() };
    let critical = Hello { tlvs: vec![wire::Tlv { kind: 0x8007, value: Vec::new() }], ..hello.clone() };
    for (name, hello) in [("known", hello), ("newer", newer), ("critical", critical)] {
        let frame = Frame::of(OperationId::CONNECTION, Body::Hello(hello)).to_bytes();
        for how in [0xa1, 0xe1] {
            write("handshake", format!("{name}-{how:x}"), &[&[how, 5], &frame[..]].concat());
        }
    }
    // Sequence, length, seconds, nanoseconds, length of the path, path, blocks.
    let note: [&[u8]; 6] =
        [&[1, 0, 0, 0, 0, 0, 0, 0], &[0, 0, 32, 0, 0, 0, 0, 0], &[9; 8], &[1; 4], &[1, 0], b"a\x0f"];
    write("records", "note".to_owned(), &[&[2], &note.concat()[..]].concat());
    // Kind, request, attempt, seconds, intent; of a publication device, inode, seconds, nanoseconds, path.
    let done: [&[u8]; 4] = [&[2], &[7; 16], &[1; 12], &[3; 32]];
    let publishes: [&[u8]; 6] = [&[0], &[7; 16], &[1; 12], &[3; 32], &[4; 28], b"folder/file"];
    let record = |body: Vec<u8>| [&(body.len() as u16).to_le_bytes()[..], &body].concat();
    let log = [record(publishes.concat()), record(done.concat())].concat();
    write("records", "log".to_owned(), &[&[3], &log[..]].concat());
}

/// Steps of every kind, drawn; the fuzzer draws better ones.
#[test]
fn drawn_replies_are_told_apart() {
    let mut random = SplitMix(17);
    for _ in 0..3_000 {
        let length = 1 + random.next_u64() % 200;
        let mut input: Vec<u8> = (0..length).map(|_| random.next_u64() as u8).collect();
        // Most often there is room, and time passes: else little is sent.
        for at in (1..input.len()).step_by(3) {
            input[at] = [0, 0x20][at % 2];
        }
        towline::fuzz::replies(&input);
    }
}

#[test]
#[ignore = "writes fuzz/corpus/replies; see fuzz/README.md"]
fn write_replies() {
    let folder = corpus("replies");
    fs::create_dir_all(&folder).expect("a folder for seeds");
    let round = |how: u8, steps: &[u8]| [&[how], &steps.repeat(12)[..]].concat();
    let seeds = [
        // Room, time, and the right reply; the same twice, wrong, cut, late; anything; an end.
        ("answered", round(0x20, &[0, 0x20, 0x60])),
        ("doubled", round(0x20, &[0, 0x20, 0x60, 0x60])),
        ("wrong", round(0x21, &[0, 0x20, 0x80, 9])),
        ("cut", round(0x20, &[0, 0x20, 0xb2])),
        ("late", round(0x20, &[0, 0x20, 0x4a, 0x60])),
        ("stream", round(0x60, &[0, 0x20, 0x60])),
        ("stream-flood", round(0x63, &[0, 0x60])),
        ("banner", [&[0x60, 0, 0x20, 0xd2][..], b"220 this is mail\r\n"].concat()),
        ("stopped", vec![0x20, 0, 0x20, 0, 0xe2]),
        ("refused", vec![0x20, 0, 0x20, 0, 0xe3]),
        ("conditions", [&[0x80][..], b"p99>2ms,loss>0.1%, service.max >= 1s,rate<10"].concat()),
        ("mistake", [&[0x80][..], "p99>2ms,µ>1".as_bytes()].concat()),
    ];
    for (name, seed) in seeds {
        fs::write(folder.join(name), seed).expect("a written seed");
    }
}

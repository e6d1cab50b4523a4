//! Reads `tests/vectors.txt` both ways. The file's head describes its format.

use std::collections::BTreeSet;
use std::fmt::Write;

use towline::wire::{
    Body, Cv, DecodeError, Decoder, Entry, Failure, Frame, Hello, Kind, LinkTarget, Metadata, Modified,
    Offer, PREAMBLE, Refused, RelPath, Span,
};

use crate::drain;

const VECTORS: &str = include_str!("../vectors.txt");

struct Vector<'a> {
    name: &'a str,
    from_preamble: bool,
    bytes: Vec<u8>,
    says: &'a str,
}

fn vectors() -> Vec<Vector<'static>> {
    let lines = VECTORS.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    lines
        .chunks(3)
        .map(|lines| {
            let [name, bytes, says] = lines else { panic!("a vector is three lines: {lines:?}") };
            let (key, hex) = bytes.split_once(' ').expect("a key and bytes");
            assert!(matches!(key, "hex" | "stream"), "{bytes}");
            Vector {
                name: name.strip_prefix("name ").expect("begins with its name"),
                from_preamble: key == "stream",
                bytes: bytes_of(hex),
                says,
            }
        })
        .collect()
}

fn bytes_of(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).expect("digits"));
    digits.map(|two| u8::from_str_radix(two, 16).expect("hexadecimal")).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes all");
        text
    })
}

#[test]
fn every_vector_decodes_to_what_it_says() {
    for vector in vectors() {
        let mut decoder = if vector.from_preamble { Decoder::new() } else { Decoder::after_preamble() };
        let says = match drain(&mut decoder, vector.bytes.into()) {
            (frames, None) if frames.is_empty() => {
                assert!(decoder.is_at_boundary(), "{} is not a whole frame", vector.name);
                "skipped".to_owned()
            }
            (frames, None) if frames.len() == 1 => format!("frame {}", frame(&frames[0])),
            (frames, Some(error_found)) if frames.is_empty() => format!("error {}", error(&error_found)),
            more => panic!("{}: {more:?}", vector.name),
        };
        assert_eq!(says, vector.says, "{}", vector.name);
    }
}

#[test]
fn every_frame_of_the_vectors_encodes_to_its_bytes() {
    for vector in vectors().iter().filter(|vector| vector.says.starts_with("frame ")) {
        let prefix = if vector.from_preamble { &PREAMBLE[..] } else { &[] };
        let frames = drain(&mut Decoder::after_preamble(), vector.bytes[prefix.len()..].to_vec().into()).0;
        assert_eq!(hex(&frames[0].to_bytes()), hex(&vector.bytes[prefix.len()..]), "{}", vector.name);
    }
}

#[test]
fn the_vectors_show_every_kind_and_every_error() {
    let mut words: BTreeSet<String> = vectors().iter().map(|vector| word(vector.says)).collect();
    words.remove("skipped");
    let kinds = Kind::ALL.iter().map(|kind| format!("frame {kind:?}"));
    let errors = ["Preamble", "Reserved", "Checksum", "TooLong", "Length", "Value", "Kind", "Operation"];
    let errors = errors.map(|error| format!("error {error}"));
    assert_eq!(words, kinds.chain(errors).collect());
    let names: BTreeSet<&str> = vectors().iter().map(|vector| vector.name).collect();
    assert_eq!(names.len(), vectors().len(), "names are given once");
}

/// `frame Ping` of `frame Ping #0 number=0`.
fn word(says: &str) -> String {
    says.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Exhaustive, so that a new error makes whoever adds it come by.
fn error(error: &DecodeError) -> String {
    match error {
        DecodeError::Preamble(bytes) => format!("Preamble {}", hex(bytes)),
        DecodeError::Reserved => "Reserved".to_owned(),
        DecodeError::Checksum => "Checksum".to_owned(),
        DecodeError::TooLong(length, limit) => format!("TooLong {length} {limit}"),
        DecodeError::Length(_) => "Length".to_owned(),
        DecodeError::Value(_) => "Value".to_owned(),
        DecodeError::Kind(kind) => format!("Kind {kind:#04x}"),
        DecodeError::Operation(kind) => format!("Operation {kind:#04x}"),
    }
}

fn frame(frame: &Frame) -> String {
    let fields = fields(&frame.body);
    let says = format!("{:?} #{} {fields}", frame.body.kind(), frame.operation.0);
    says.trim_end().to_owned()
}

fn failure(Failure { code, delay_ms, text }: &Failure) -> String {
    format!("code={:#06x} delay_ms={delay_ms} text=\"{text}\"", code.0)
}

fn fields(body: &Body) -> String {
    match body {
        Body::Hello(body) => hello(body),
        Body::Refused(Refused { code, delay_ms, lowest, highest, text }) => {
            format!("code={:#06x} delay_ms={delay_ms} versions={lowest}..{highest} text=\"{text}\"", code.0)
        }
        Body::Ping(number) | Body::Pong(number) => format!("number={number}"),
        Body::Credit(total) => format!("total={total}"),
        Body::GoAway(last) => format!("last=#{}", last.0),
        Body::Bye | Body::Cancel | Body::Done | Body::Next => String::new(),
        Body::Echo(payload) | Body::EchoReply(payload) => format!("payload={}", hex(payload)),
        Body::Failed(body) => failure(body),
        Body::Offer(body) => offer(body),
        Body::Get(get) | Body::Pull(get) => format!("{} version={:#x}", path(&get.path), get.version),
        Body::Push(push) => format!("{} upload={} length={}", path(&push.path), push.upload.0, push.length),
        Body::Have(page) => {
            let cvs: Vec<String> = page.cvs.iter().map(|cv| hash(*cv)).collect();
            let (upload, first, last) = (page.upload.0, page.first, page.last);
            let cvs = cvs.join(" ");
            format!("upload={upload} first={first} last={last} cvs=[{cvs}]")
        }
        Body::Data(data) => {
            let payload = hex(&data.payload.clone().into_bytes());
            format!("offset={} cv={} payload={payload}", data.offset, hash(data.cv))
        }
        Body::Hole(hole) => format!("offset={} length={}", hole.offset, hole.length),
        Body::Want(ranges) => {
            let ranges: Vec<_> =
                ranges.iter().map(|range| format!("{}+{}", range.first, range.count)).collect();
            format!("ranges=[{}]", ranges.join(" "))
        }
        Body::Commit(commit) => format!("root={}", commit.root),
        Body::Committed(root) => format!("root={root}"),
        Body::List(folder) => path(folder),
        Body::Page(page) => {
            let entries: Vec<String> = page.entries.iter().map(entry).collect();
            format!("last={} entries=[{}]", page.last, entries.join("; "))
        }
        Body::Stat(file) | Body::Sum(file) => path(file),
        Body::Read(read) => {
            let span = match read.span {
                Span::Range { first, last } => format!("range={first}..={last}"),
                Span::Last { count } => format!("last={count}"),
                Span::Rest { first } => format!("rest={first}"),
            };
            format!("{} version={:#x} {span}", path(&read.path), read.version)
        }
        Body::Stream(stream) => format!(
            "{} mode={:o} {} request={:#x} attempt={}",
            path(&stream.path),
            stream.mode,
            modified(stream.modified),
            stream.request.0,
            stream.attempt
        ),
        Body::End(end) => format!("length={} root={}", end.length, end.root),
        Body::Metadata(body) => metadata(body),
        Body::Remove(remove) => format!("{} request={:#x}", path(&remove.path), remove.request.0),
        Body::MakeFolder(folder) => {
            let time = folder.modified.map_or("modified=-".to_owned(), modified);
            format!("{} mode={:o} {time}", path(&folder.path), folder.mode)
        }
        Body::MakeLink(link) => format!("{} {}", path(&link.path), target(&link.target)),
        Body::ReadLink(link) => path(link),
        Body::LinkTarget(body) => target(body),
        Body::Resolve(file) => path(file),
        Body::Resolved(body) => format!("identity={:#x} {}", body.identity, metadata(&body.metadata)),
    }
}

fn offer(offer: &Offer) -> String {
    let (length, block, mode) = (offer.length, offer.block_size(), offer.mode);
    let (path, modified) = (path(&offer.path), modified(offer.modified));
    let (version, attempt) = (offer.version, offer.attempt);
    let (request, number, start) = (attempt.request.0, attempt.number, attempt.start as u8);
    let attempt = format!("request={request:#x} attempt={number} start={start}");
    format!("{path} length={length} block={block} mode={mode:o} {modified} version={version:#x} {attempt}")
}

fn hello(hello: &Hello) -> String {
    let Hello { lowest, highest, capabilities, window, operations, idle_ms, tlvs } = hello;
    let tlvs: Vec<_> = tlvs.iter().map(|tlv| format!("{:#06x}:{}", tlv.kind, hex(&tlv.value))).collect();
    format!(
        "versions={lowest}..{highest} capabilities={:#x} window={window} operations={operations} \
         idle_ms={idle_ms} tlvs=[{}]",
        capabilities.0,
        tlvs.join(" ")
    )
}

fn hash(cv: Option<Cv>) -> String {
    cv.map_or("-".to_owned(), |cv| cv.to_string())
}

fn path(path: &RelPath) -> String {
    format!("path=\"{}\"", path.as_bytes().escape_ascii())
}

fn target(target: &LinkTarget) -> String {
    format!("target=\"{}\"", target.as_bytes().escape_ascii())
}

fn entry(entry: &Entry) -> String {
    format!("\"{}\" {}", entry.name.escape_ascii(), metadata(&entry.metadata))
}

fn metadata(metadata: &Metadata) -> String {
    let Metadata { kind, length, mode, modified: time } = metadata;
    format!("{kind:?} length={length} mode={mode:o} {}", modified(*time))
}

fn modified(modified: Modified) -> String {
    format!("modified={}.{:09}", modified.seconds, modified.nanoseconds)
}

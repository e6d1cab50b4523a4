//! The connection breaks at every byte of what goes in order, and of a comparison: nothing is printed twice or in part wrong, a
//! stream becomes a file once, and two files are found to be equal.

use towline::harness::{Fault, Pair, PairConfig, Side};
use towline::proto::client::LinkId;
use towline::proto::op::{OpDone, Printed};
use towline::proto::session::Request;
use towline::proto::storage::StreamId;
use towline::store::memory::Primitive;
use towline::store::streams::{MemoryPipe, Stream};
use towline::wire::{self, Modified, RequestId, Span};

use crate::help::*;

const STREAM: StreamId = StreamId(0);
const OLD: &[u8] = b"the old file";

fn content() -> Vec<u8> {
    noise(60)
}

fn print(span: Span) -> Request {
    Request::Print { stream: STREAM, path: path("file"), span, printed: Printed::default() }
}

fn compare() -> Request {
    Request::Compare { root: Pair::ROOT, source: path("file"), path: path("file") }
}

fn pour() -> Request {
    let (mode, modified, request) = (0o644, Modified::default(), RequestId(3));
    Request::Pour {
        stream: STREAM,
        to: wire::Stream { path: path("poured"), mode, modified, request, attempt: 0 },
    }
}

/// Runs `request` with each fault at every byte of each side's stream; `check` looks at how it ended.
fn break_everywhere(request: &Request, check: impl Fn(&Pair, OpDone)) {
    let prepared = |faults| {
        let mut pair = Pair::new(PairConfig { faults, ..PairConfig::default() });
        pair.served.put("file", &content());
        pair.local.put("file", &content());
        pair.served.put("poured", OLD);
        let pipe = MemoryPipe { input: content().into(), ..MemoryPipe::default() };
        pair.streams_of_client.insert(STREAM, Stream::new(pipe));
        pair
    };
    let mut clean = prepared(vec![]);
    clean.carry_out(request.clone()).expect("it goes well");
    clean.close();
    for side in [Side::Client, Side::Server] {
        for byte in 0..clean.sent(LinkId(0), side) {
            for fault in [Fault::Reset, Fault::CutShort, Fault::Silence] {
                let mut pair = prepared(vec![fault(0, side, byte)]);
                let job = pair.start(request.clone());
                while pair.result(job).is_none() {
                    assert!(pair.advance(), "byte {byte}: it hangs:\n{}", pair.trace.text());
                    let there = pair.served.get("poured").expect("a file, old or new");
                    assert!(there == OLD || there == content(), "byte {byte}: a mixture");
                    assert!(
                        content().starts_with(&pair.streams_of_client[&STREAM].pipe().output),
                        "byte {byte}"
                    );
                }
                let done = pair.result(job).expect("over");
                check(&pair, done.unwrap_or_else(|error| panic!("{side:?}, byte {byte}: {error}")));
                pair.close();
            }
        }
    }
}

#[test]
fn what_is_printed_is_printed_once() {
    for span in [Span::Rest { first: 0 }, Span::Range { first: 0, last: 49 }] {
        let (_, end) = span.within(60).expect("within");
        break_everywhere(&print(span), |pair, done| {
            let OpDone::Printed(part) = done else { panic!("{done:?}") };
            assert_eq!(part.bytes, end);
            assert_eq!(pair.streams_of_client[&STREAM].pipe().output, content()[..end as usize]);
        });
    }
}

#[test]
fn a_stream_becomes_a_file_once() {
    break_everywhere(&pour(), |pair, done| {
        assert_eq!(done, moved(&content(), 0));
        assert_eq!(pair.served.get("poured"), Some(content()));
        let log = pair.served.take_log();
        let published =
            log.iter().filter(|step| step.primitive == Primitive::Rename && step.path == "poured");
        assert_eq!(published.count(), 1);
    });
}

#[test]
fn equal_files_are_found_to_be_equal() {
    break_everywhere(&compare(), |_, done| {
        let OpDone::Compared(compared) = done else { panic!("{done:?}") };
        assert!(compared.is_equal());
    });
}

//! Streams of the application's: read in extents, kept for a while, written only where they are right.

use bytes::Bytes;
use towline::proto::storage::{Extent, REPLAY_MAX, StreamDone, StreamId, StreamOp};
use towline::proto::tree::Stack;
use towline::store::streams::{MemoryPipe, Stream};
use towline::wire::{Code, Cv, Rope};

const MIB: usize = 1 << 20;
const STREAM: StreamId = StreamId(0);

fn bytes(length: usize) -> Bytes {
    (0..length).map(|i| (i / 251 + i % 251) as u8).collect::<Vec<u8>>().into()
}

fn input(length: usize) -> Stream<MemoryPipe> {
    Stream::new(MemoryPipe { input: bytes(length), ..MemoryPipe::default() })
}

fn take(stream: &mut Stream<MemoryPipe>, offset: usize) -> Result<(Bytes, Option<Cv>, Option<Cv>), Code> {
    let op = StreamOp::Take { stream: STREAM, offset: offset as u64 };
    match stream.carry_out_in_memory(op) {
        Ok(StreamDone::Taken { data, cv, root }) => Ok((data, cv, root)),
        Ok(other) => panic!("{other:?}"),
        Err(error) => Err(error.code),
    }
}

#[test]
fn an_input_is_read_in_extents_that_merge_to_its_hash() {
    for length in [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB, 3 * MIB + 7] {
        let (mut stream, mut stack, mut all, mut root) = (input(length), Stack::default(), Vec::new(), None);
        loop {
            let (data, cv, whole) = take(&mut stream, all.len()).expect("it can be read");
            cv.into_iter().for_each(|cv| stack.push(cv));
            all.extend_from_slice(&data);
            root = root.or(whole);
            if data.len() < MIB {
                break;
            }
        }
        assert!(all == bytes(length));
        assert_eq!(root.is_some(), length <= MIB, "{length}");
        assert_eq!(root.unwrap_or_else(|| stack.root()).0, *blake3::hash(&all).as_bytes(), "{length}");
    }
}

#[test]
fn the_beginning_can_be_read_again_as_long_as_no_more_was_read() {
    let most = usize::try_from(REPLAY_MAX).expect("a few extents");
    let mut stream = input(most + 5);
    let first = take(&mut stream, 0);
    for offset in (MIB..most).step_by(MIB) {
        take(&mut stream, offset).expect("it goes on");
    }
    assert_eq!(take(&mut stream, 0), first, "kept");
    assert_eq!(take(&mut stream, most - MIB).map(|(data, ..)| data.len()), Ok(MIB));
    assert_eq!(take(&mut stream, most + MIB), Err(Code::LOST), "not read yet");
    assert_eq!(take(&mut stream, most).map(|(data, ..)| data.len()), Ok(5));
    assert_eq!(take(&mut stream, 0), Err(Code::LOST), "no more");
    assert_eq!(take(&mut stream, most + 5).map(|(data, ..)| data.len()), Ok(0), "the end stays the end");
}

#[test]
fn only_what_is_right_is_written_and_only_the_part_that_is_asked_for() {
    let mut stream = Stream::new(MemoryPipe { capacity: Some(10), ..MemoryPipe::default() });
    let (left, right) = (bytes(30), bytes(100).slice(30..));
    let mut data = Rope::from(left);
    data.push(right);
    let claim = Cv(*blake3::hash(&bytes(100)).as_bytes());
    let shape = Extent { offset: 0, length: 100, unit: MIB as u32, whole: true };
    let give = |data: &Rope, claim, from, to| StreamOp::Give {
        stream: STREAM,
        shape,
        data: data.clone(),
        claim,
        from,
        to,
    };
    let wrong = stream.carry_out_in_memory(give(&data, Cv([0; 32]), 0, 100));
    assert_eq!(wrong, Ok(StreamDone::Given { is_right: false }));
    assert!(stream.pipe().output.is_empty());
    for (from, to, total) in [(25, 31, 6), (40, 40, 6), (98, 100, 8)] {
        let given = stream.carry_out_in_memory(give(&data, claim, from, to));
        assert_eq!(given, Ok(StreamDone::Given { is_right: true }));
        assert_eq!(stream.pipe().output.len(), total);
    }
    assert_eq!(stream.pipe().output, [&bytes(100)[25..31], &bytes(100)[98..]].concat());
    let full = stream.carry_out_in_memory(give(&data, claim, 0, 100)).expect_err("it is full");
    assert_eq!(full.code, Code::NO_SPACE);
    let behind = stream.carry_out_in_memory(give(&data, claim, 0, 1));
    assert_eq!(behind, Err(full), "how much of the block was written is not known");
    let short = Extent { length: 99, ..shape };
    let op = StreamOp::Give { stream: STREAM, shape: short, data, claim, from: 0, to: 99 };
    assert_eq!(stream.carry_out_in_memory(op).expect_err("it is not that").code, Code::IO);
}

//! Transfers that go on where they broke off, and those that send only what differs from the version that stands there.

use bytes::Bytes;
use towline::harness::{Fault, Lone, Pair, PairConfig, Side};
use towline::proto::Limits;
use towline::proto::client::LinkId;
use towline::proto::op::{Moved, OpDone};
use towline::proto::session::{Request, SessionEnd};
use towline::store::memory::MemoryFiles;
use towline::store::{Files, Links};
use towline::wire::{Attempt, Body, Code, Commit, Data, RESERVED, RequestId, Rope, Start};

use crate::help::*;

const BLOCK: usize = 64 * 1024;
/// 21 blocks, the last one short: more than what is sent in one breath.
const LENGTH: usize = 20 * BLOCK + 1_000;

fn request(is_put: bool, start: Start) -> Request {
    let request = if is_put { put("file") } else { fetch("file") };
    match request {
        Request::Put { root, source, path, attempt } => {
            Request::Put { root, source, path, attempt: Attempt { start, ..attempt } }
        }
        Request::Fetch { root, at, get, .. } => Request::Fetch { root, at, get, start },
        Request::Ask(_) | Request::List(_) | Request::Compare { .. } | Request::Print { .. } => request,
        Request::Pour { .. } | Request::Pull { .. } | Request::Push(_) => request,
    }
}

/// A pair whose source has `content`, the files of its receiving side, and which side sends.
fn prepared(is_put: bool, config: PairConfig, content: &[u8]) -> (Pair, MemoryFiles, Side) {
    let pair = Pair::new(config);
    let (source, target) = if is_put { (&pair.local, &pair.served) } else { (&pair.served, &pair.local) };
    source.put("file", content);
    let target = target.clone();
    (pair, target, if is_put { Side::Client } else { Side::Server })
}

fn broken(faults: Vec<Fault>) -> PairConfig {
    PairConfig { faults, ..PairConfig::default() }
}

fn skipped(done: &OpDone, content: &[u8]) -> u64 {
    let OpDone::Moved(Moved { length, root: hash, blocks_refused: 0, skipped }) = done else {
        panic!("{done:?}")
    };
    assert_eq!((*length, *hash), (content.len() as u64, root(content)));
    *skipped
}

/// The files in the reserved folder that end in `end`.
fn reserved(files: &MemoryFiles, end: &str) -> Vec<String> {
    let top = files.root().expect("a root");
    let Ok(folder) = files.open_folder(&top, RESERVED, Links::None) else { return Vec::new() };
    let mut listing = files.list(&folder).expect("memory can be read");
    let names = files.next_names(&mut listing, usize::MAX).expect("memory can be read");
    let names = names.iter().map(|name| format!(".towline/{}", name.escape_ascii()));
    names.filter(|name| name.ends_with(end)).collect()
}

/// Wherever it breaks, what the receiver had verified is not sent again.
fn break_everywhere(is_put: bool) {
    let content = noise(LENGTH);
    for at in (60..LENGTH as u64 + 1_200).step_by(40_009) {
        let sender = if is_put { Side::Client } else { Side::Server };
        let config = broken(vec![Fault::Reset(0, sender, at)]);
        let (mut pair, target, sender) = prepared(is_put, config, &content);
        let done = pair.carry_out(request(is_put, Start::Resume)).expect("the second attempt succeeds");
        let skipped = skipped(&done, &content);
        assert!(target.get("file").as_deref() == Some(&content[..]), "byte {at}");
        // What arrived is 56 bytes a block and some frames more than whole blocks; one block may have been cut, and
        // what arrived last may not have been written when the connection broke.
        let arrived = at.saturating_sub(400) / (BLOCK as u64 + 56) * BLOCK as u64;
        assert!(skipped <= arrived + BLOCK as u64, "byte {at}: {skipped} of {arrived}");
        assert!(skipped + (1 << 20) + BLOCK as u64 >= arrived, "byte {at}: {skipped} of {arrived}");
        let again = pair.sent(LinkId(1), sender);
        assert!(again < LENGTH as u64 - skipped + 4_000, "byte {at}: {again} bytes again, {skipped} skipped");
        pair.close();
    }
}

#[test]
fn a_put_that_breaks_anywhere_goes_on() {
    break_everywhere(true);
}

#[test]
fn a_get_that_breaks_anywhere_goes_on() {
    break_everywhere(false);
}

#[test]
fn what_was_verified_is_not_sent_again() {
    for is_put in [true, false] {
        let content = noise(3 << 20);
        let sender = if is_put { Side::Client } else { Side::Server };
        let (mut pair, _, sender) =
            prepared(is_put, broken(vec![Fault::Reset(0, sender, 5 << 19)]), &content);
        let done = pair.carry_out(request(is_put, Start::Resume)).expect("the second attempt succeeds");
        assert_eq!(skipped(&done, &content), 2 << 20, "two extents had been stored");
        assert!(pair.sent(LinkId(1), sender) < (1 << 20) + 4_000);
        pair.close();
    }
}

#[test]
fn afresh_is_from_nothing() {
    for is_put in [true, false] {
        let content = noise(3 << 20);
        let sender = if is_put { Side::Client } else { Side::Server };
        let (mut pair, target, sender) =
            prepared(is_put, broken(vec![Fault::Reset(0, sender, 5 << 19)]), &content);
        target.put("file", &content);
        let done = pair.carry_out(request(is_put, Start::Afresh)).expect("the second attempt succeeds");
        assert_eq!(skipped(&done, &content), 0);
        assert!(pair.sent(LinkId(1), sender) > 3 << 20);
        pair.close();
    }
}

/// Only the blocks that differ are sent, whether the old version is longer, shorter or as long.
#[test]
fn only_the_blocks_that_differ_from_the_version_that_stands_there_are_sent() {
    for is_put in [true, false] {
        for old_length in [LENGTH, LENGTH + 100_000, LENGTH - 3 * BLOCK] {
            let mut old = noise(LENGTH + 100_000);
            let mut content = old.clone();
            old.truncate(old_length);
            content.truncate(LENGTH);
            content[5 * BLOCK + 7] ^= 1;
            content[11 * BLOCK] ^= 1;
            let (mut pair, target, sender) = prepared(is_put, PairConfig::default(), &content);
            target.put("file", &old);
            let done = pair.carry_out(request(is_put, Start::Resume)).expect("it goes well");
            // Two blocks were changed; the last three or four are beyond a shorter version's end.
            let sent = if old_length < LENGTH { 2 * BLOCK + 3 * BLOCK + 1_000 - 1_000 } else { 2 * BLOCK };
            let short = if old_length < LENGTH { 1_000 } else { 0 };
            let same = (LENGTH - sent - short) as u64;
            assert_eq!(skipped(&done, &content), same, "{old_length}");
            assert!(pair.sent(LinkId(0), sender) < (sent + short + 4_000) as u64);
            assert!(target.get("file").as_deref() == Some(&content[..]));
            pair.close();
        }
    }
}

/// The partial is damaged while nobody looks: what it claims is hashed again, and what differs is sent.
#[test]
fn a_partial_that_was_damaged_is_not_believed() {
    for is_put in [true, false] {
        let content = noise(3 << 20);
        let sender = if is_put { Side::Client } else { Side::Server };
        let (mut pair, target, _) =
            prepared(is_put, broken(vec![Fault::Reset(0, sender, 5 << 19)]), &content);
        let job = pair.start(request(is_put, Start::Resume));
        pair.run_until(|_| !reserved(&target, ".journal").is_empty());
        let partial = reserved(&target, ".partial").pop().expect("it is kept");
        assert!(target.rot(&partial, 3 * BLOCK as u64 + 5, 1), "a bit of it is another");
        pair.run_until(|pair| pair.result(job).is_some());
        let done = pair.result(job).expect("over").expect("the second attempt succeeds");
        assert_eq!(skipped(&done, &content), (2 << 20) - BLOCK as u64);
        assert!(target.get("file").as_deref() == Some(&content[..]));
        pair.close();
    }
}

/// A connection that is dead, which its server does not know yet: the next attempt copies what the first one noted.
#[test]
fn a_partial_that_is_still_held_is_copied() {
    let content = noise(6 << 20);
    let limits = Limits { note_every: 1 << 20, ..Limits::default() };
    let serves = Limits { idle: None, ..limits.clone() };
    let faults = vec![Fault::Silence(0, Side::Client, 11 << 19)];
    let config = PairConfig { limits, serves: Some(serves), faults, ..PairConfig::default() };
    let (mut pair, target, _) = prepared(true, config, &content);
    let done = pair.carry_out(request(true, Start::Resume)).expect("the second attempt succeeds");
    assert!(skipped(&done, &content) >= 4 << 20, "{done:?}");
    assert!(target.get("file").as_deref() == Some(&content[..]));
    assert_eq!(reserved(&target, ".partial").len(), 1, "the first one still has its own");
    let failure = towline::wire::Failure::from(Code::CANCELLED);
    pair.command_server(towline::proto::session::Command::Abort(failure));
    pair.close();
}

/// A file above 1 MiB is told of before it comes.
#[test]
fn a_block_before_the_page_that_tells_of_it_is_a_breach() {
    let content = noise(3 << 20);
    let mut lone = served();
    lone.hear(1, Body::Offer(offer("file", content.len() as u64)));
    let payload = Rope::from(bytes::Bytes::copy_from_slice(&content[..1000]));
    lone.hear(1, Body::Data(Data { offset: 0, cv: None, payload }));
    lone.settle();
    let SessionEnd::Broken(failure) = lone.run_out() else { panic!("{:?}", lone.end) };
    assert_eq!(failure.code, Code::UNEXPECTED, "{failure}");
}

/// The sender begins when the first page is there, though the receiver still looks at the rest.
#[test]
fn the_sender_does_not_wait_for_the_last_page() {
    let old = noise(16 << 20);
    let mut content = old.clone();
    content[7] ^= 1;
    let (mut pair, target, _) = prepared(true, PairConfig::default(), &content);
    target.put("file", &old);
    pair.carry_out(request(true, Start::Resume)).expect("it goes well");
    let text = pair.trace.text();
    let data = text.find("Data").expect("the first block is sent");
    assert!(text[data..].contains("Have"), "the first block went out before the last page:\n{text}");
    pair.close();
}

/// Nothing that comes late from an attempt that was given up takes the place of its successor: not when its offer comes,
/// and of a small file, whose store is asked once, not when all of it is there.
#[test]
fn an_attempt_that_was_given_up_is_superseded() {
    let at = |number, content: &[u8]| {
        let attempt = Attempt { number, ..Attempt::new(RequestId(5)) };
        Body::Offer(towline::wire::Offer { attempt, ..offer("file", content.len() as u64) })
    };
    let refused = |lone: &mut Lone| {
        let said = bodies(lone);
        said.into_iter().find_map(|body| match body {
            Body::Failed(failure) => Some(failure.code),
            _ => None,
        })
    };
    let mut lone = served();
    let older = noise(100_000);
    lone.hear(1, at(2, &older));
    lone.settle();
    lone.hear(2, at(1, &older));
    lone.settle();
    assert_eq!(refused(&mut lone), Some(Code::SUPERSEDED));

    let mut lone = served();
    let (newer, older) = (noise(100), noise(99));
    for (id, number, content) in [(1, 2, &newer), (2, 1, &older)] {
        let data =
            Data { offset: 0, cv: Some(root(content)), payload: Rope::from(Bytes::from(content.clone())) };
        lone.hear(id, at(number, content));
        lone.hear(id, Body::Data(data));
        lone.hear(id, Body::Commit(Commit { root: root(content) }));
        lone.settle();
    }
    assert_eq!(refused(&mut lone), Some(Code::SUPERSEDED));
    assert_eq!(lone.files.get("file"), Some(newer));
}

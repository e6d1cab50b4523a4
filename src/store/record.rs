//! The records of the log of requests, as bytes. A record: length of the body `u16`, body, BLAKE3 over the hash before it
//! and those two. Chained like that, what stands behind a record that was written over is never taken for what follows.
//!
//! The body: kind `u8`, request `u128`, attempt `u32`, seconds `i64`, intent 32 bytes; of a change to come also device
//! `u64`, inode `u64`, seconds `i64` and nanoseconds `u32` of its modification, and the path. All little-endian.

use bytes::{Buf, BufMut};

use super::Status;
use super::requests::Intent;
use crate::probe::{Mark, mark};
use crate::wire::{Modified, RelPath, RequestId};

const HEAD: usize = 2;
/// Bytes of a record but for the path in it, at most.
const FIXED: usize = HEAD + 29 + 2 * HASH + 28;
/// Bytes of a hash.
pub(super) const HASH: usize = 32;

/// The hash of what was written before.
pub(super) type Chain = [u8; HASH];

/// What is before the first record.
pub(super) const START: Chain = *b"towline log of requests, version";

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) request: RequestId,
    /// The number of its attempt.
    pub(super) attempt: u32,
    /// When it was written, in seconds.
    pub(super) at: i64,
    pub(super) intent: Intent,
    pub(super) what: What,
}

/// What was to happen, or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// This file is about to get its name at its path.
    Publishes(Target),
    /// What stands at this path is about to lose its name.
    Removes(Target),
    /// It is done, and durable.
    Done,
    /// It has failed, or has not happened.
    Dropped,
}

/// What is about to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) path: RelPath,
    pub(super) identity: (u64, u64),
    /// When its content was modified last: a number may be given again. Its last change of any kind says less: the
    /// removal itself is one, whether a crash takes that back or not.
    pub(super) modified: Modified,
}

impl Target {
    pub(super) fn new(path: &RelPath, status: &Status) -> Target {
        Target { path: path.clone(), identity: status.identity(), modified: status.modified }
    }
}

/// The record as bytes, and the hash that they end with.
pub(super) fn encode(record: &Record, chain: &Chain) -> (Vec<u8>, Chain) {
    let (kind, target) = match &record.what {
        What::Publishes(target) => (0, Some(target)),
        What::Removes(target) => (1, Some(target)),
        What::Done => (2, None),
        What::Dropped => (3, None),
    };
    let path = target.map_or(0, |target| target.path.as_bytes().len());
    let mut bytes = Vec::with_capacity(FIXED + path);
    bytes.put_u16_le(0);
    bytes.put_u8(kind);
    bytes.put_u128_le(record.request.0);
    bytes.put_u32_le(record.attempt);
    bytes.put_i64_le(record.at);
    bytes.put_slice(&record.intent.0);
    if let Some(target) = target {
        bytes.put_u64_le(target.identity.0);
        bytes.put_u64_le(target.identity.1);
        bytes.put_i64_le(target.modified.seconds);
        bytes.put_u32_le(target.modified.nanoseconds);
        bytes.put_slice(target.path.as_bytes());
    }
    let length = u16::try_from(bytes.len() - HEAD).expect("a path has at most 4,096 bytes");
    bytes[..HEAD].copy_from_slice(&length.to_le_bytes());
    let next = link(chain, &bytes);
    bytes.put_slice(&next);
    (bytes, next)
}

/// The first record in `bytes`, how many of them it takes, and its hash; `None` where none is whole.
pub(super) fn decode(bytes: &[u8], chain: &Chain) -> Option<(Record, usize, Chain)> {
    let mut head = bytes.get(..HEAD)?;
    let end = HEAD + usize::from(head.get_u16_le());
    let hash = bytes.get(end..end + HASH)?;
    let next = link(chain, &bytes[..end]);
    if next != hash {
        mark(Mark::LogDamaged);
        return None;
    }
    Some((decode_body(&bytes[HEAD..end])?, end + HASH, next))
}

fn decode_body(mut body: &[u8]) -> Option<Record> {
    let kind = body.try_get_u8().ok()?;
    let request = RequestId(body.try_get_u128_le().ok()?);
    let attempt = body.try_get_u32_le().ok()?;
    let at = body.try_get_i64_le().ok()?;
    let intent = Intent(body.get(..HASH)?.try_into().ok()?);
    body.advance(HASH);
    let what = match kind {
        0 => What::Publishes(decode_target(body)?),
        1 => What::Removes(decode_target(body)?),
        2 if body.is_empty() => What::Done,
        3 if body.is_empty() => What::Dropped,
        _ => return None,
    };
    Some(Record { request, attempt, at, intent, what })
}

fn decode_target(mut body: &[u8]) -> Option<Target> {
    let identity = (body.try_get_u64_le().ok()?, body.try_get_u64_le().ok()?);
    let modified =
        Modified { seconds: body.try_get_i64_le().ok()?, nanoseconds: body.try_get_u32_le().ok()? };
    Some(Target { path: RelPath::new(body).ok()?, identity, modified })
}

fn link(chain: &Chain, bytes: &[u8]) -> Chain {
    let mut hasher = blake3::Hasher::new();
    hasher.update(chain).update(bytes);
    hasher.finalize().into()
}

/// Whatever is read as a log has one encoding, record by record. For fuzzers: `bytes` are a log, or with `is_mended` one whose
/// checksums are put right first.
#[cfg(feature = "harness")]
pub(crate) fn check_log(bytes: &[u8], is_mended: bool) {
    let mended = || {
        let (mut log, mut rest, mut chain) = (Vec::new(), bytes, START);
        while let Some((mut head, behind)) = rest.split_at_checked(HEAD) {
            let length = usize::from(head.get_u16_le()).min(behind.len());
            let mut record = u16::try_from(length).expect("it was one").to_le_bytes().to_vec();
            record.extend_from_slice(&behind[..length]);
            chain = link(&chain, &record);
            record.extend_from_slice(&chain);
            log.append(&mut record);
            rest = &behind[length..];
        }
        log
    };
    let log = if is_mended { mended() } else { bytes.to_vec() };
    let (mut rest, mut chain) = (&log[..], START);
    while let Some((record, length, next)) = decode(rest, &chain) {
        let (encoded, again) = encode(&record, &chain);
        assert!(encoded == rest[..length] && again == next, "{record:?} has a second encoding");
        (rest, chain) = (&rest[length..], next);
    }
}

//! Bodies of their own modules.

use rand::{Rng, RngExt};

use super::{between, file_path, length, mode, modified, number, random_bytes, wide};
use crate::wire::{LinkTarget, Push, RequestId, Span, Stream, UploadId, limits};

/// Where a link leads: any bytes but NUL.
pub fn link_target(rng: &mut impl Rng) -> LinkTarget {
    let length = length(rng, 1, limits::TARGET_MAX);
    let bytes = random_bytes(rng, length).into_iter().map(|byte| byte.max(1)).collect();
    LinkTarget::new(bytes).expect("of a length that fits, without NUL")
}

/// Which bytes of a file.
pub fn span(rng: &mut impl Rng) -> Span {
    let first = number(rng);
    match rng.random_range(0..3) {
        0 => Span::Range { first, last: between(rng, first, u64::MAX) },
        1 => Span::Last { count: number(rng).max(1) },
        _ => Span::Rest { first },
    }
}

/// The beginning of an upload of unknown length.
pub fn stream(rng: &mut impl Rng) -> Stream {
    let (path, mode, modified) = (file_path(rng), mode(rng), modified(rng));
    Stream { path, mode, modified, request: RequestId(wide(rng)), attempt: number(rng) as u32 }
}

/// One more connection for an upload.
pub fn push(rng: &mut impl Rng) -> Push {
    let (upload, length) = (UploadId(number(rng).max(1)), between(rng, 0, limits::FILE_MAX));
    Push { upload, length, path: file_path(rng) }
}

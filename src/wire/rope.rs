//! [`Rope`]: bytes in several shared pieces, so that a payload is never copied on its way from socket to disk.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Pieces shorter than this are copied together, so that a drip of bytes costs neither an allocation a byte nor pins
/// the large buffers that it came in.
const COALESCE: usize = 4096;

/// A sequence of bytes held as shared slices. Compared by content.
#[derive(Clone, Default)]
pub struct Rope {
    pieces: VecDeque<Bytes>,
    /// Short pieces, gathered; logically after `pieces`.
    tail: BytesMut,
    len: usize,
}

impl Rope {
    /// No bytes.
    pub fn new() -> Rope {
        Rope::default()
    }

    /// How many bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Memory held, in bytes: the contents, the list of pieces, and the room in the buffer for short ones. What else
    /// the shared buffers hold is not seen from here: a piece of at least 4 KiB may be a slice of a larger buffer.
    pub fn footprint(&self) -> usize {
        self.len - self.tail.len() + self.tail.capacity() + self.pieces.capacity() * size_of::<Bytes>()
    }

    /// Appends; short pieces are copied, long ones shared.
    pub fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        if bytes.len() < COALESCE {
            self.tail.extend_from_slice(&bytes);
            if self.tail.len() >= COALESCE {
                self.seal();
            }
        } else {
            self.seal();
            self.pieces.push_back(bytes);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    /// Removes the first `count` bytes (all, if there are fewer) and gives them as a rope.
    pub fn split_to(&mut self, count: usize) -> Rope {
        self.seal();
        let mut head = Rope::new();
        while head.len < count {
            let Some(mut piece) = self.pieces.pop_front() else { break };
            let missing = count - head.len;
            if piece.len() > missing {
                self.pieces.push_front(piece.split_off(missing));
            }
            head.len += piece.len();
            head.pieces.push_back(piece);
        }
        self.len -= head.len;
        head
    }

    /// Removes the first `count` bytes (all, if there are fewer) in one piece; copied only where they are in several.
    pub fn take(&mut self, count: usize) -> Bytes {
        if self.pieces.is_empty() {
            self.seal();
        }
        // The most frequent cases, and no list of pieces is made for them.
        match self.pieces.front_mut() {
            Some(front) if front.len() > count => {
                self.len -= count;
                front.split_to(count)
            }
            Some(front) if front.len() == count => {
                self.len -= count;
                self.pieces.pop_front().expect("one piece")
            }
            Some(_) | None => self.split_to(count).into_bytes(),
        }
    }

    /// Copies the first `out.len()` bytes without removing them; false if there are fewer.
    pub fn peek(&self, out: &mut [u8]) -> bool {
        if self.len < out.len() {
            return false;
        }
        let mut filled = 0;
        for piece in self.pieces.iter().map(|piece| &piece[..]).chain([&self.tail[..]]) {
            let count = piece.len().min(out.len() - filled);
            out[filled..filled + count].copy_from_slice(&piece[..count]);
            filled += count;
            if filled == out.len() {
                break;
            }
        }
        true
    }

    /// All bytes in one piece; copied only where they are in several.
    pub fn into_bytes(mut self) -> Bytes {
        self.seal();
        match self.pieces.len() {
            0 => Bytes::new(),
            1 => self.pieces.pop_front().expect("one piece"),
            _ => {
                let mut joined = BytesMut::with_capacity(self.len);
                self.pieces.iter().for_each(|piece| joined.extend_from_slice(piece));
                joined.freeze()
            }
        }
    }

    /// The pieces, first to last.
    pub fn into_pieces(mut self) -> impl Iterator<Item = Bytes> {
        self.seal();
        self.pieces.into_iter()
    }

    /// Copies what is left of a long piece once it is short, so that it does not pin the buffer that it came in. Only
    /// a rope's sole piece is looked at: the cost is within that of the push which brought it.
    pub(super) fn settle(&mut self) {
        if self.tail.is_empty() && self.pieces.len() == 1 && self.pieces[0].len() < COALESCE {
            let piece = self.pieces.pop_front().expect("one piece");
            self.tail.extend_from_slice(&piece);
        }
    }

    /// The same bytes with all short pieces copied, for a rope that will be kept.
    pub(super) fn settled(self) -> Rope {
        let mut rope = Rope::new();
        rope.append(self);
        rope
    }

    fn slices(&self) -> impl Iterator<Item = &[u8]> {
        self.pieces.iter().map(|piece| &piece[..]).chain([&self.tail[..]])
    }

    /// Appends another rope's pieces.
    pub fn append(&mut self, other: Rope) {
        other.into_pieces().for_each(|piece| self.push(piece));
    }
}

impl From<Bytes> for Rope {
    fn from(bytes: Bytes) -> Rope {
        let len = bytes.len();
        let pieces = if len == 0 { VecDeque::new() } else { VecDeque::from([bytes]) };
        Rope { pieces, tail: BytesMut::new(), len }
    }
}

impl PartialEq for Rope {
    fn eq(&self, other: &Rope) -> bool {
        if self.len != other.len {
            return false;
        }
        let (mut ours, mut theirs) = (self.slices(), other.slices());
        let (mut a, mut b): (&[u8], &[u8]) = (&[], &[]);
        loop {
            if a.is_empty() {
                let Some(next) = ours.next() else { return true };
                a = next;
            }
            if b.is_empty() {
                let Some(next) = theirs.next() else { return true };
                b = next;
            }
            let count = a.len().min(b.len());
            // Clones share their pieces.
            if !std::ptr::eq(a.as_ptr(), b.as_ptr()) && a[..count] != b[..count] {
                return false;
            }
            (a, b) = (&a[count..], &b[count..]);
        }
    }
}

impl Eq for Rope {}

/// By content, as equality is.
impl Hash for Rope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_usize(self.len);
        self.slices().for_each(|piece| state.write(piece));
    }
}

impl fmt::Debug for Rope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.len)
    }
}

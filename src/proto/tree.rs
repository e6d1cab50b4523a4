//! Merges chaining values into a file's root, so that a machine compares hashes without having the bytes.
//!
//! BLAKE3 is a binary tree whose left side is always a full power of two. Units of equal power-of-two size, the last one
//! short, are subtrees of it wherever they stand, so that their chaining values merge into what `b3sum` prints.

use blake3::hazmat::{Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::wire::Cv;

/// The file's root from the chaining values of its units, first to last. With one unit the value is the root already
/// (it was hashed as the whole file); with none it is the hash of the empty file.
pub fn merge_root(cvs: &[Cv]) -> Cv {
    match cvs {
        [] => Cv(blake3::hash(b"").into()),
        [root] => *root,
        [_, _, ..] => {
            let (left, right) = cvs.split_at(left_units(cvs.len()));
            let (left, right) = (merge_block(left), merge_block(right));
            Cv(merge_subtrees_root(&left.0, &right.0, Mode::Hash).into())
        }
    }
}

/// The chaining value of a block from those of its units, first to last, where the block is not the whole file.
///
/// # Panics
/// If there are none: a block has at least one byte.
pub fn merge_block(cvs: &[Cv]) -> Cv {
    match cvs {
        [] => panic!("a block has at least one unit"),
        [cv] => *cv,
        [_, _, ..] => {
            let (left, right) = cvs.split_at(left_units(cvs.len()));
            let (left, right) = (merge_block(left), merge_block(right));
            Cv(merge_subtrees_non_root(&left.0, &right.0, Mode::Hash))
        }
    }
}

/// Merges units one after another as they become known, in memory that grows with the logarithm of their number: each
/// subtree that is complete is one value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stack {
    subtrees: Vec<Cv>,
    units: u64,
}

impl Stack {
    /// The next unit. What is complete is merged only now, since the last merge of all is another one.
    pub fn push(&mut self, cv: Cv) {
        while self.subtrees.len() > self.units.count_ones() as usize {
            let [.., left, right] = self.subtrees[..] else { break };
            self.subtrees.truncate(self.subtrees.len() - 2);
            self.subtrees.push(merge_block(&[left, right]));
        }
        self.subtrees.push(cv);
        self.units += 1;
    }

    /// How many units there were.
    pub fn units(&self) -> u64 {
        self.units
    }

    /// The root of all: of one unit its own value, of none the hash of nothing (as [`merge_root`] has it).
    pub fn root(&self) -> Cv {
        let [first, rest @ ..] = &self.subtrees[..] else { return merge_root(&[]) };
        let Some((last, between)) = rest.split_last() else { return *first };
        let right = between.iter().rev().fold(*last, |right, left| merge_block(&[*left, right]));
        merge_root(&[*first, right])
    }

    /// Bytes held.
    pub(crate) fn footprint(&self) -> usize {
        self.subtrees.capacity() * size_of::<Cv>()
    }
}

/// How many of `count` units (at least 2) are in the left subtree: the largest power of two that leaves something for
/// the right. Each level halves, so that merging recurses at most 64 deep.
fn left_units(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// A block's chaining value from its units'.
pub(crate) fn block_of(units: &[Cv]) -> Cv {
    match units {
        [one] => *one,
        several => merge_block(several),
    }
}

/// A file's root from its blocks' chaining values; that of a file of one block is its root already.
pub(crate) fn root_of(blocks: &[Cv]) -> Cv {
    match blocks {
        [one] => *one,
        several => merge_root(several),
    }
}

#[cfg(test)]
mod tests {
    use blake3::Hasher;
    use blake3::hazmat::HasherExt;

    use super::{Stack, merge_block, merge_root};
    use crate::wire::Cv;

    const KIB: usize = 1024;

    fn units(data: &[u8], offset: usize, unit: usize, whole: bool) -> Vec<Cv> {
        let hash = |(i, bytes): (usize, &[u8])| {
            if whole {
                return Cv(blake3::hash(bytes).into());
            }
            let mut hasher = Hasher::new();
            hasher.set_input_offset((offset + i * unit) as u64).update(bytes);
            Cv(hasher.finalize_non_root())
        };
        data.chunks(unit).enumerate().map(hash).collect()
    }

    fn lengths(up_to: usize) -> Vec<usize> {
        let mut lengths = vec![0, 1, 1023, 1024, 1025];
        for k in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 47, 48, 49] {
            lengths.extend([64 * KIB * k - 1, 64 * KIB * k, 64 * KIB * k + 1, 64 * KIB * k + 1025]);
        }
        lengths.retain(|length| *length <= up_to);
        lengths
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i / 251 + i % 251) as u8).collect()
    }

    #[test]
    fn merged_units_are_the_files_hash() {
        let data = bytes(3 * 1024 * KIB + 4 * KIB);
        for length in lengths(data.len()) {
            let data = &data[..length];
            for unit in [64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB, 1024 * KIB] {
                let cvs = units(data, 0, unit, length <= unit);
                assert_eq!(
                    merge_root(&cvs).0,
                    *blake3::hash(data).as_bytes(),
                    "{length} bytes, units of {unit}"
                );
            }
        }
    }

    #[test]
    fn units_one_after_another_merge_into_the_same() {
        let data = bytes(3 * 1024 * KIB + 4 * KIB);
        for length in lengths(data.len()) {
            let (mut stack, data) = (Stack::default(), &data[..length]);
            let cvs = units(data, 0, 64 * KIB, length <= 64 * KIB);
            cvs.iter().for_each(|cv| stack.push(*cv));
            assert_eq!(stack.root().0, *blake3::hash(data).as_bytes(), "{length} bytes");
            assert_eq!(stack.units(), cvs.len() as u64);
            assert!(stack.subtrees.len() <= 8);
        }
    }

    #[test]
    fn units_merge_into_blocks_and_blocks_into_the_files_hash() {
        let data = bytes(1024 * KIB + 4 * KIB);
        for length in lengths(data.len()) {
            let data = &data[..length];
            for (unit, block) in [(64 * KIB, 128 * KIB), (64 * KIB, 1024 * KIB), (128 * KIB, 512 * KIB)] {
                if length <= block {
                    continue;
                }
                let merge = |(i, bytes): (usize, &[u8])| merge_block(&units(bytes, i * block, unit, false));
                let blocks: Vec<Cv> = data.chunks(block).enumerate().map(merge).collect();
                let expected = *blake3::hash(data).as_bytes();
                assert_eq!(merge_root(&blocks).0, expected, "{length} bytes, {unit} in {block}");
            }
        }
    }
}

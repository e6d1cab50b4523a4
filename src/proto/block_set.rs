//! [`BlockSet`]: which blocks of a file, a bit each.

/// A set of blocks of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct BlockSet(Vec<u8>);

impl BlockSet {
    /// From a bit a block, the least of the first byte being block 0.
    pub fn from_bytes(mut bytes: Vec<u8>) -> BlockSet {
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        BlockSet(bytes)
    }

    /// A bit a block, up to the last byte with one.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Adds a block.
    pub fn insert(&mut self, block: u32) {
        let byte = block as usize / 8;
        if self.0.len() <= byte {
            self.0.resize(byte + 1, 0);
        }
        self.0[byte] |= 1 << (block % 8);
    }

    /// True if `block` is in it.
    pub fn contains(&self, block: u32) -> bool {
        self.0.get(block as usize / 8).is_some_and(|byte| byte & (1 << (block % 8)) != 0)
    }

    /// True if no block is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many blocks are in it.
    pub fn len(&self) -> usize {
        self.0.iter().map(|byte| byte.count_ones() as usize).sum()
    }
}

impl FromIterator<u32> for BlockSet {
    fn from_iter<I: IntoIterator<Item = u32>>(blocks: I) -> BlockSet {
        let mut set = BlockSet::default();
        blocks.into_iter().for_each(|block| set.insert(block));
        set
    }
}

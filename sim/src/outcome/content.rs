//! What contents are known by.

/// What a content is known by: its length and BLAKE3 hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentId {
    length: u64,
    hash: [u8; 32],
}

impl ContentId {
    /// Of these bytes.
    pub fn of(bytes: &[u8]) -> ContentId {
        ContentId { length: bytes.len() as u64, hash: *blake3::hash(bytes).as_bytes() }
    }

    /// Of what is known by its length and its BLAKE3 hash alone.
    pub fn named(length: u64, hash: [u8; 32]) -> ContentId {
        ContentId { length, hash }
    }

    /// How many bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Appends it as bytes.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.length.to_le_bytes());
        out.extend_from_slice(&self.hash);
    }
}

impl std::fmt::Debug for ContentId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start: String = self.hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        write!(f, "{} bytes {start}", self.length)
    }
}

//! The 16 bytes before each body. Frozen: every version of the protocol has this header.

use super::DecodeError;

/// Length of a header on the wire, in bytes.
pub const HEADER_LEN: usize = 16;
/// How much of the header the checksum covers: all before the checksum itself.
const COVERED: usize = 12;

/// A frame's header: `length u32 · kind u8 · flags u8 · reserved u16 = 0 · operation u32 · crc u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// Bytes of body that follow.
    pub length: u32,
    /// What the body is; kinds with the top bit set may be ignored where they are not known.
    pub kind: u8,
    /// Bits whose meaning depends on the kind; the others are 0.
    pub flags: u8,
    /// The operation the frame belongs to; 0 is the connection.
    pub operation: u32,
    /// CRC-32C over the 12 bytes before and the covered part of the body.
    pub crc: u32,
}

impl Header {
    /// Reads 16 bytes. The checksum is not checked here, since the covered part of the body comes later.
    pub fn decode(bytes: &[u8; HEADER_LEN]) -> Result<Header, DecodeError> {
        let [l0, l1, l2, l3, kind, flags, r0, r1, o0, o1, o2, o3, c0, c1, c2, c3] = *bytes;
        if [r0, r1] != [0, 0] {
            return Err(DecodeError::Reserved);
        }
        Ok(Header {
            length: u32::from_le_bytes([l0, l1, l2, l3]),
            kind,
            flags,
            operation: u32::from_le_bytes([o0, o1, o2, o3]),
            crc: u32::from_le_bytes([c0, c1, c2, c3]),
        })
    }

    /// The header as bytes, with the checksum over itself and `covered` put in.
    pub fn encode(&self, covered: &[u8]) -> [u8; HEADER_LEN] {
        let mut bytes = self.fields();
        bytes[COVERED..].copy_from_slice(&self.checksum(covered).to_le_bytes());
        bytes
    }

    /// CRC-32C (Castagnoli, RFC 3720 appendix B.4) over the header's first 12 bytes and `covered`.
    pub fn checksum(&self, covered: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&self.fields()[..COVERED]), covered)
    }

    fn fields(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = self.kind;
        bytes[5] = self.flags;
        bytes[8..12].copy_from_slice(&self.operation.to_le_bytes());
        bytes
    }
}

//! The beginning of a connection: the preamble, `Hello`, `Refused`, and how a version is agreed. Frozen: a peer of any
//! version can read these, so that the refusal of a version is understood by the refused.

use super::codec::{Put, Reader};
use super::{Code, DecodeError, limits};

/// Length of the preamble, in bytes.
pub const PREAMBLE_LEN: usize = 8;
/// What each side sends first. Its first byte is neither ASCII nor a TLS record type; CR LF, ^Z and LF show a
/// connection that rewrites line ends (as PNG's signature does).
pub const PREAMBLE: [u8; PREAMBLE_LEN] = [0xd7, b'T', b'O', b'W', 0x0d, 0x0a, 0x1a, 0x0a];
/// The version of the protocol that this crate speaks.
pub const VERSION: u16 = 1;

/// What a side can do beyond its version; what both have is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Capabilities(pub u64);

impl Capabilities {
    /// Bit 0: `Hole` frames are understood.
    pub const HOLES: Capabilities = Capabilities(1);
    /// Bit 1 is reserved for content-defined chunks.
    pub const CHUNKS: Capabilities = Capabilities(2);
    /// Bit 2: blocks of a file may be pulled over further connections.
    pub const PULLS: Capabilities = Capabilities(4);
    /// Bit 3: blocks of a file may be pushed over further connections.
    pub const PUSHES: Capabilities = Capabilities(8);

    /// What either has.
    pub const fn and(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 | other.0)
    }

    /// What both sides have.
    pub const fn both(self, other: Capabilities) -> Capabilities {
        Capabilities(self.0 & other.0)
    }

    /// True if all of `other` is in `self`.
    pub const fn has(self, other: Capabilities) -> bool {
        self.0 & other.0 == other.0
    }
}

/// An extension of `Hello`: a type whose top bit says "refuse me if you do not know this", and a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tlv {
    /// The type; `0x8000` and above are critical.
    pub kind: u16,
    /// The value, at most 1 KiB.
    pub value: Vec<u8>,
}

impl Tlv {
    /// True if a peer that does not know this type must refuse the connection.
    pub const fn is_critical(&self) -> bool {
        self.kind & 0x8000 != 0
    }
}

/// The first frame of each side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hello {
    /// The lowest version that this side speaks.
    pub lowest: u16,
    /// The highest version that this side speaks.
    pub highest: u16,
    /// What this side can do beyond its version.
    pub capabilities: Capabilities,
    /// Data bytes that the other side may send before the first `Credit`; at least 2 MiB.
    pub window: u64,
    /// Operations that the other side may have open at once; at least 1.
    pub operations: u32,
    /// How long this side waits for a byte before it takes the other for dead, in milliseconds; 0: for ever.
    pub idle_ms: u32,
    /// Extensions, in ascending order of type, each type once.
    pub tlvs: Vec<Tlv>,
}

impl Hello {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.lowest);
        out.put_u16(self.highest);
        out.put_u64(self.capabilities.0);
        out.put_u64(self.window);
        out.put_u32(self.operations);
        out.put_u32(self.idle_ms);
        for tlv in &self.tlvs {
            out.put_u16(tlv.kind);
            out.put_short(&tlv.value);
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Hello, DecodeError> {
        let mut hello = Hello {
            lowest: reader.u16("lowest version")?,
            highest: reader.u16("highest version")?,
            capabilities: Capabilities(reader.u64("capabilities")?),
            window: reader.u64("window")?,
            operations: reader.u32("operations")?,
            idle_ms: reader.u32("idle")?,
            tlvs: Vec::new(),
        };
        while reader.remaining() > 0 {
            let kind = reader.u16("TLV type")?;
            let value = reader.short(limits::TEXT_MAX, "TLV value")?.to_vec();
            if hello.tlvs.last().is_some_and(|last| last.kind >= kind) {
                return Err(DecodeError::Value("TLV types do not ascend"));
            }
            if hello.tlvs.len() == limits::TLV_MAX {
                return Err(DecodeError::Value("too many TLVs"));
            }
            hello.tlvs.push(Tlv { kind, value });
        }
        if hello.lowest > hello.highest || hello.lowest == 0 {
            return Err(DecodeError::Value("version range"));
        }
        if hello.window < limits::WINDOW_MIN {
            return Err(DecodeError::Value("window below 2 MiB"));
        }
        if hello.operations < limits::OPERATIONS_MIN {
            return Err(DecodeError::Value("no operations"));
        }
        Ok(hello)
    }

    /// The first critical extension that this crate does not know (it knows none so far).
    pub fn unknown_critical(&self) -> Option<u16> {
        self.tlvs.iter().find(|tlv| tlv.is_critical()).map(|tlv| tlv.kind)
    }
}

/// The version that two ranges `(lowest, highest)` agree on: the highest in both.
pub fn agree(ours: (u16, u16), theirs: (u16, u16)) -> Option<u16> {
    let highest = ours.1.min(theirs.1);
    (highest >= ours.0.max(theirs.0)).then_some(highest)
}

/// Sent instead of `Hello` by a side that will not go on; the connection ends after it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Refused {
    /// Why.
    pub code: Code,
    /// How long to wait before trying again, in milliseconds; 0 where it would not help.
    pub delay_ms: u32,
    /// The lowest version that the refusing side speaks.
    pub lowest: u16,
    /// The highest version that the refusing side speaks.
    pub highest: u16,
    /// For a person; at most 1 KiB.
    pub text: String,
}

impl Refused {
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u16(self.code.0);
        out.put_u32(self.delay_ms);
        out.put_u16(self.lowest);
        out.put_u16(self.highest);
        out.put_text(&self.text);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Refused, DecodeError> {
        Ok(Refused {
            code: Code(reader.u16("code")?),
            delay_ms: reader.u32("delay")?,
            lowest: reader.u16("lowest version")?,
            highest: reader.u16("highest version")?,
            text: reader.text()?,
        })
    }
}

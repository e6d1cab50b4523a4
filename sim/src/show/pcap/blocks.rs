//! The blocks of pcapng (draft-ietf-opsawg-pcapng), in little-endian order, times in nanoseconds.

/// Packets begin with their IP header (LINKTYPE_RAW).
const RAW_IP: u16 = 101;
/// Option codes.
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const NANOSECONDS: u8 = 9;

/// A file that grows.
pub(super) struct Blocks {
    bytes: Vec<u8>,
    interfaces: u32,
}

impl Blocks {
    /// A file with its section's header.
    pub(super) fn new() -> Blocks {
        let mut blocks = Blocks { bytes: Vec::new(), interfaces: 0 };
        let mut body = Vec::new();
        body.extend_from_slice(&0x1a2b_3c4d_u32.to_le_bytes());
        body.extend_from_slice(&1_u16.to_le_bytes());
        body.extend_from_slice(&0_u16.to_le_bytes());
        // The section's length is not told.
        body.extend_from_slice(&(-1_i64).to_le_bytes());
        blocks.block(0x0a0d_0d0a, &body);
        blocks
    }

    /// Another interface; gives its number.
    pub(super) fn interface(&mut self, name: &str) -> u32 {
        let mut body = Vec::new();
        body.extend_from_slice(&RAW_IP.to_le_bytes());
        body.extend_from_slice(&[0, 0]);
        // No limit of a packet's length.
        body.extend_from_slice(&0_u32.to_le_bytes());
        option(&mut body, IF_NAME, name.as_bytes());
        option(&mut body, IF_TSRESOL, &[NANOSECONDS]);
        option(&mut body, 0, &[]);
        self.block(1, &body);
        self.interfaces += 1;
        self.interfaces - 1
    }

    /// A packet.
    pub(super) fn packet(&mut self, interface: u32, at_nanos: u64, bytes: &[u8]) {
        let mut body = Vec::with_capacity(20 + bytes.len() + 3);
        let length = bytes.len() as u32;
        for word in [interface, (at_nanos >> 32) as u32, at_nanos as u32, length, length] {
            body.extend_from_slice(&word.to_le_bytes());
        }
        body.extend_from_slice(bytes);
        pad(&mut body);
        self.block(6, &body);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    fn block(&mut self, kind: u32, body: &[u8]) {
        let length = (12 + body.len()) as u32;
        self.bytes.extend_from_slice(&kind.to_le_bytes());
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.bytes.extend_from_slice(body);
        self.bytes.extend_from_slice(&length.to_le_bytes());
    }
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend_from_slice(&code.to_le_bytes());
    body.extend_from_slice(&(value.len() as u16).to_le_bytes());
    body.extend_from_slice(value);
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

//! A packet's bytes: IPv4 (RFC 791) and TCP (RFC 9293) headers with their checksums, and the payload.

pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RESET: u8 = 0x04;
pub(super) const PUSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

const IP: usize = 20;
const TCP: usize = 20;
/// On SYN: the largest segment, a no-operation, and a window scale of 14, so that no window is ever full.
const OPTIONS: [u8; 8] = [2, 4, 0xff, 0xd7, 1, 3, 3, 14];

/// An address and a port.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) ip: [u8; 4],
    pub(super) port: u16,
}

/// What a packet says.
#[derive(Debug)]
pub(super) struct Packet<'a> {
    pub(super) from: End,
    pub(super) to: End,
    pub(super) sequence: u32,
    pub(super) acknowledged: u32,
    pub(super) flags: u8,
    pub(super) payload: &'a [u8],
}

impl Packet<'_> {
    /// The packet from its IPv4 header on.
    pub(super) fn encode(&self) -> Vec<u8> {
        let segment = self.segment();
        let mut bytes = Vec::with_capacity(IP + segment.len());
        let length = (IP + segment.len()) as u16;
        bytes.extend_from_slice(&[0x45, 0]);
        bytes.extend_from_slice(&length.to_be_bytes());
        // No identification, may not be cut, 64 hops, TCP.
        bytes.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
        bytes.extend_from_slice(&self.from.ip);
        bytes.extend_from_slice(&self.to.ip);
        let sum = checksum(&[&bytes]);
        bytes[10..12].copy_from_slice(&sum);
        bytes.extend_from_slice(&segment);
        bytes
    }

    fn segment(&self) -> Vec<u8> {
        let options: &[u8] = if self.flags & SYN != 0 { &OPTIONS } else { &[] };
        let words = ((TCP + options.len()) / 4) as u8;
        let mut bytes = Vec::with_capacity(TCP + options.len() + self.payload.len());
        bytes.extend_from_slice(&self.from.port.to_be_bytes());
        bytes.extend_from_slice(&self.to.port.to_be_bytes());
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&self.acknowledged.to_be_bytes());
        bytes.extend_from_slice(&[words << 4, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        bytes.extend_from_slice(options);
        bytes.extend_from_slice(self.payload);
        let [high, low] = (bytes.len() as u16).to_be_bytes();
        let sum = checksum(&[&self.from.ip, &self.to.ip, &[0, 6, high, low], &bytes]);
        bytes[16..18].copy_from_slice(&sum);
        bytes
    }
}

/// The Internet checksum (RFC 1071) over pieces, of which all but the last are of even length.
fn checksum(pieces: &[&[u8]]) -> [u8; 2] {
    let mut sum = 0u64;
    for piece in pieces {
        for pair in piece.chunks(2) {
            sum += u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::checksum;

    /// The example of RFC 1071, section 3.
    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        assert_eq!(checksum(&[&[0x00, 0x01, 0xf2, 0x03], &[0xf4, 0xf5, 0xf6, 0xf7]]), [0x22, 0x0d]);
        assert_eq!(checksum(&[&[0xff, 0xff], &[0x01]]), [0xfe, 0xff]);
    }
}

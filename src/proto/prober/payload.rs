//! What a probe carries: its number, the time at which it should have left, and bytes that tell whether all came back.

use bytes::Bytes;

use crate::proto::backoff::SplitMix;
use crate::time::Time;

/// The number (u64) and the intended time (u64, nanoseconds of the prober's clock), both little-endian.
pub(super) const HEADER: usize = 16;

/// Every probe takes its bytes from another place in the pattern, so that a reply with those of another one shows.
const SHIFTS: usize = 251;

/// The bytes of all probes of one size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Pattern {
    size: usize,
    noise: Bytes,
}

impl Pattern {
    pub(super) fn new(size: usize, seed: u64) -> Pattern {
        let length = size.saturating_sub(HEADER) + SHIFTS;
        let (mut random, mut noise) = (SplitMix(seed), Vec::with_capacity(length + 8));
        while noise.len() < length {
            noise.extend_from_slice(&random.next_u64().to_le_bytes());
        }
        noise.truncate(length);
        Pattern { size, noise: noise.into() }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The whole of a probe. One that is shorter than a header carries what fits of it.
    pub(super) fn payload(&self, number: u64, intended: Time) -> Bytes {
        let header = header(number, intended);
        let mut payload = Vec::with_capacity(self.size);
        payload.extend_from_slice(&header[..self.size.min(HEADER)]);
        payload.extend_from_slice(self.body(number));
        payload.into()
    }

    /// True if `bytes` are what the probe carries from `at` on; false also where they go beyond it.
    pub(super) fn matches(&self, number: u64, intended: Time, at: usize, bytes: &[u8]) -> bool {
        let header = header(number, intended);
        let (header, body) = (&header[..self.size.min(HEADER)], self.body(number));
        let in_header = header.len().saturating_sub(at).min(bytes.len());
        let (first, rest) = bytes.split_at(in_header);
        let begins = header.get(at..at + in_header).is_none_or(|header| header == first);
        let from = at.saturating_sub(header.len()).min(body.len());
        begins && body[from..].starts_with(rest)
    }

    /// The number and the intended time that a datagram claims; `None` where it is too short for them.
    pub(super) fn claim(bytes: &[u8]) -> Option<(u64, Time)> {
        let (number, rest) = bytes.split_first_chunk::<8>()?;
        let (intended, _) = rest.split_first_chunk::<8>()?;
        Some((u64::from_le_bytes(*number), Time::from_nanos(u64::from_le_bytes(*intended))))
    }

    fn body(&self, number: u64) -> &[u8] {
        let shift = (number % SHIFTS as u64) as usize;
        &self.noise[shift..shift + self.size.saturating_sub(HEADER)]
    }

    pub(super) fn footprint(&self) -> usize {
        self.noise.len()
    }
}

fn header(number: u64, intended: Time) -> [u8; HEADER] {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(&number.to_le_bytes());
    header[8..].copy_from_slice(&intended.as_nanos().to_le_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_of_every_size_counts_wherever_it_is_cut() {
        for size in [1, 7, 8, 15, 16, 17, 64, 300] {
            let pattern = Pattern::new(size, 7);
            for number in [0, 1, 250, 251, u64::MAX] {
                let intended = Time::from_nanos(number ^ 12_345);
                let right = pattern.payload(number, intended);
                assert_eq!(right.len(), size);
                for cut in 0..=size {
                    assert!(pattern.matches(number, intended, 0, &right[..cut]), "{size} {number} {cut}");
                    assert!(pattern.matches(number, intended, cut, &right[cut..]), "{size} {number} {cut}");
                }
                for bit in 0..size * 8 {
                    let mut wrong = right.to_vec();
                    wrong[bit / 8] ^= 1 << (bit % 8);
                    assert!(!pattern.matches(number, intended, 0, &wrong), "{size} {number} {bit}");
                }
                let longer = [&right[..], &[0]].concat();
                assert!(!pattern.matches(number, intended, 0, &longer), "{size}: one byte more");
                if size >= HEADER {
                    assert_eq!(Pattern::claim(&right), Some((number, intended)));
                }
            }
        }
        assert_eq!(Pattern::claim(&[0; HEADER - 1]), None);
    }

    #[test]
    fn neighbours_differ_beyond_their_headers() {
        let pattern = Pattern::new(64, 1);
        let at = Time::from_nanos(5);
        assert_ne!(pattern.payload(1, at)[HEADER..], pattern.payload(2, at)[HEADER..]);
        assert_ne!(pattern.payload(1, at), Pattern::new(64, 2).payload(1, at), "the seed counts");
    }
}

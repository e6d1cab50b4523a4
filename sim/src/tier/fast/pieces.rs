//! Bytes that wait in a system's buffers, in the pieces in which they came: nothing is copied but what is taken across pieces.

use std::collections::VecDeque;

use bytes::Bytes;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Pieces {
    pieces: VecDeque<Bytes>,
    len: usize,
}

impl Pieces {
    /// How many bytes.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends.
    pub(super) fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.len += bytes.len();
            self.pieces.push_back(bytes);
        }
    }

    /// Removes the first `count` bytes (all, if there are fewer).
    pub(super) fn take(&mut self, count: usize) -> Bytes {
        let count = count.min(self.len);
        self.len -= count;
        match self.pieces.front_mut() {
            Some(front) if front.len() > count => front.split_to(count),
            Some(front) if front.len() == count => self.pieces.pop_front().unwrap_or_default(),
            Some(_) => self.join(count),
            None => Bytes::new(),
        }
    }

    fn join(&mut self, count: usize) -> Bytes {
        let mut joined = Vec::with_capacity(count);
        while joined.len() < count
            && let Some(front) = self.pieces.front_mut()
        {
            let missing = count - joined.len();
            if front.len() > missing {
                joined.extend_from_slice(&front.split_to(missing));
            } else {
                joined.extend_from_slice(front);
                self.pieces.pop_front();
            }
        }
        Bytes::from(joined)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Pieces;

    /// Whatever is taken, and however it came, all comes out in its order.
    #[test]
    fn bytes_come_out_as_they_came_in() {
        let mut random = towline::proto::backoff::SplitMix(3);
        let (mut pieces, mut given, mut taken) = (Pieces::default(), Vec::new(), Vec::new());
        for number in 0..2_000_u32 {
            let came = number.to_le_bytes().repeat(random.next_u64() as usize % 4);
            given.extend_from_slice(&came);
            pieces.push(Bytes::from(came));
            if random.next_u64().is_multiple_of(2) {
                taken.extend_from_slice(&pieces.take(random.next_u64() as usize % 40));
            }
            assert_eq!(pieces.len(), given.len() - taken.len());
        }
        taken.extend_from_slice(&pieces.take(usize::MAX));
        assert_eq!(taken, given);
        assert!(pieces.is_empty() && pieces.take(1).is_empty());
    }
}

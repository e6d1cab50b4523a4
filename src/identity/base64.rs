//! 32 bytes in the alphabet of RFC 4648, section 5 (URLs and names of files), without padding. There is one encoding of everything.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// Characters of 32 bytes.
pub(super) const LENGTH: usize = 43;

/// Why characters are not 32 bytes, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bad {
    /// This one is not of the alphabet.
    Character(usize),
    /// There are so many, and not [`LENGTH`].
    Length(usize),
    /// The last one has bits that mean nothing.
    LeftOver,
}

pub(super) fn encode(bytes: &[u8; 32]) -> String {
    let mut text = String::with_capacity(LENGTH);
    for three in bytes.chunks(3) {
        let group =
            three.iter().enumerate().fold(0, |group, (at, byte)| group | u32::from(*byte) << (16 - 8 * at));
        let digit = |at: usize| char::from(ALPHABET[(group >> (18 - 6 * at)) as usize & 63]);
        text.extend((0..=three.len()).map(digit));
    }
    text
}

pub(super) fn decode(text: &[u8]) -> Result<[u8; 32], Bad> {
    let value = |(at, character): (usize, &u8)| {
        let found = ALPHABET.iter().position(|known| known == character);
        found.map(|value| value as u32).ok_or(Bad::Character(at))
    };
    let values = text.iter().enumerate().map(value).collect::<Result<Vec<u32>, Bad>>()?;
    if values.len() != LENGTH {
        return Err(Bad::Length(values.len()));
    }
    let mut bytes = [0; 32];
    for (three, four) in bytes.chunks_mut(3).zip(values.chunks(4)) {
        let group = four.iter().enumerate().fold(0, |group, (at, value)| group | value << (18 - 6 * at));
        three.iter_mut().enumerate().for_each(|(at, byte)| *byte = (group >> (16 - 8 * at)) as u8);
    }
    // 43 characters have 258 bits.
    match values[LENGTH - 1] & 3 {
        0 => Ok(bytes),
        _ => Err(Bad::LeftOver),
    }
}

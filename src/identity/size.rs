//! Numbers of bytes as people write them.

/// What a number may be followed by, and what that multiplies it by, as a power of two.
const UNITS: [(&str, u32); 4] = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];

/// Bytes, with K, M, G or T behind them for powers of 1,024.
pub fn parse_size(text: &str) -> Option<u64> {
    let found = UNITS.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
    let (digits, shift) = found.unwrap_or((text, 0));
    let number: u64 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    number.checked_mul(1 << shift)
}

/// The same number of bytes, in the largest unit that it is a multiple of.
pub fn write_size(bytes: u64) -> String {
    let fits = |(_, shift): &&(&str, u32)| bytes > 0 && bytes.trailing_zeros() >= *shift;
    match UNITS.iter().rev().find(fits) {
        Some((unit, shift)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for bytes in [0, 1, 1023, 1024, 1025, 3 << 20, 5 << 30, 7 << 40, u64::MAX, 1 << 63] {
            assert_eq!(parse_size(&write_size(bytes)), Some(bytes), "{bytes}");
        }
        assert_eq!((write_size(1536), write_size(10 << 30)), ("1536".to_owned(), "10G".to_owned()));
        for text in ["", "K", "-1", "+1", "1k", "1 K", "1.5G", "16777216T", "1KK"] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}

//! The code that a person carries from one machine to the other.

use core::fmt;

/// Crockford's base 32: no `i`, `l`, `o` and `u`; the first three are read as what they look like.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters that are drawn, of five bits each.
const DRAWN: usize = 7;
/// With the one that shows a mistake.
const LENGTH: usize = DRAWN + 1;

/// Seven characters that are drawn (35 bits), and an eighth that shows a mistake in typing. Shown in two groups, `k7mf-2qxr`. `Debug`
/// does not show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PairCode([u8; DRAWN]);

/// Why something is no code. None of its characters are told, so that a mistake shows nothing of a code in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadCode {
    /// It has so many characters, and not 8.
    Length(usize),
    /// The character at this place, from 1, is in no code.
    Character(usize),
    /// Each is one that codes have, and together they are none.
    Mistyped,
}

impl PairCode {
    /// Of random bytes, 35 bits of which are used.
    pub fn drawn(random: [u8; 5]) -> PairCode {
        let bits = random.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
        PairCode(core::array::from_fn(|at| (bits >> (5 * at)) as u8 & 31))
    }

    /// What was typed: capitals, blanks, `-`, `_` and `.` are forgiven, and `o`, `i`, `l` are read as `0`, `1`, `1`.
    ///
    /// # Errors
    /// See [`BadCode`].
    pub fn parse(text: &str) -> Result<PairCode, BadCode> {
        let mut found = Vec::new();
        for (at, c) in text.chars().filter(|c| !c.is_whitespace() && !"-_.".contains(*c)).enumerate() {
            // What is longer than any code is not looked at to its end.
            if at == 4 * LENGTH {
                break;
            }
            let c = match c.to_ascii_lowercase() {
                'o' => '0',
                'i' | 'l' => '1',
                c => c,
            };
            let value = ALPHABET.iter().position(|known| char::from(*known) == c);
            found.push(value.ok_or(BadCode::Character(at + 1))? as u8);
        }
        let all: [u8; LENGTH] = found.try_into().map_err(|found: Vec<u8>| BadCode::Length(found.len()))?;
        let code = PairCode(core::array::from_fn(|at| all[at]));
        if check(code.0) == all[DRAWN] { Ok(code) } else { Err(BadCode::Mistyped) }
    }

    /// As it is shown. Only for whoever is to type it.
    pub fn shown(&self) -> String {
        let all = self.0.into_iter().chain([check(self.0)]);
        let all: String = all.map(|value| char::from(ALPHABET[usize::from(value)])).collect();
        format!("{}-{}", &all[..LENGTH / 2], &all[LENGTH / 2..])
    }

    /// The password of the exchange: the characters that were drawn, as they are shown.
    pub(super) fn password(&self) -> [u8; DRAWN] {
        self.0.map(|value| ALPHABET[usize::from(value)])
    }
}

/// The sum of c_i * x^(i+1) in GF(32), modulo x^5 + x^2 + 1: it is another one wherever one character is, or two neighbours have changed
/// places, since all powers of x up to the 31st differ.
fn check(drawn: [u8; DRAWN]) -> u8 {
    drawn.into_iter().rev().fold(0, |sum, value| times_x(sum ^ value))
}

fn times_x(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 32 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

impl fmt::Debug for PairCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairCode(..)")
    }
}

impl fmt::Display for BadCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadCode::Length(length) => write!(f, "a code has {LENGTH} characters, and this has {length}"),
            BadCode::Character(at) => write!(
                f,
                "character {at} is in no code: they have digits, and letters other than i, l, o and u"
            ),
            BadCode::Mistyped => {
                write!(f, "a character is another one than was shown, or two changed places")
            }
        }
    }
}

impl core::error::Error for BadCode {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_however_it_is_typed() {
        let code = PairCode::drawn([0xff, 0x12, 0x80, 0x01, 0xa7]);
        let shown = code.shown();
        assert_eq!((shown.len(), &shown[4..5]), (LENGTH + 1, "-"));
        for typed in [
            shown.clone(),
            shown.to_uppercase(),
            shown.replace('-', ""),
            shown.replace('-', " "),
            format!(" {}\n", shown.replace('0', "O").replace('1', "l")),
        ] {
            assert_eq!(PairCode::parse(&typed), Ok(code), "{typed}");
        }
        assert!(PairCode::drawn([0; 5]).shown().starts_with("0000-000"));
        assert_eq!(PairCode::parse("oOo0 ooo0"), Ok(PairCode::drawn([0; 5])));
    }

    #[test]
    fn each_single_mistake_and_each_swap_of_neighbours_is_seen() {
        for seed in 0..40u8 {
            let code = PairCode::drawn([seed, seed.wrapping_mul(7), 91, seed ^ 0x5a, 200 - seed]);
            let shown: Vec<u8> = code.shown().bytes().filter(|byte| *byte != b'-').collect();
            for at in 0..LENGTH {
                for other in ALPHABET.iter().filter(|other| **other != shown[at]) {
                    let mut typed = shown.clone();
                    typed[at] = *other;
                    assert_eq!(PairCode::parse(&String::from_utf8_lossy(&typed)), Err(BadCode::Mistyped));
                }
                let mut typed = shown.clone();
                typed.swap(at, (at + 1).min(LENGTH - 1));
                let read = PairCode::parse(&String::from_utf8_lossy(&typed));
                assert!(typed == shown || read == Err(BadCode::Mistyped), "{at}");
            }
        }
    }

    #[test]
    fn what_is_no_code_is_told_without_showing_it() {
        let said = |typed: &str| PairCode::parse(typed).expect_err("no code").to_string();
        assert!(said("").contains("this has 0"));
        assert!(said("k7mf-2qx").contains("this has 7"));
        assert!(said("k7mu-2qxr").contains("character 4"));
        assert!(said("k7m\u{e9}-2qxr").contains("character 4"));
        assert!(said(&"9".repeat(1 << 20)).contains("this has 32"));
        assert_eq!(format!("{:?}", PairCode::drawn([9; 5])), "PairCode(..)");
    }
}

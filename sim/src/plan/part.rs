//! Which bytes of a file somebody wants in order.

use serde::{Deserialize, Serialize};
use towline::wire::Span;

/// Bytes of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Part {
    /// From `first` to the file's end; of a file that is so long that is nothing.
    Rest {
        /// The first byte, counted from 0.
        first: u64,
    },
    /// From `first` to `last`, both included, as far as the file goes.
    Range {
        /// The first byte.
        first: u64,
        /// The last byte; at least `first`.
        last: u64,
    },
    /// The last ones, or all if there are fewer.
    Last {
        /// How many; at least 1.
        count: u64,
    },
}

impl Part {
    /// As the protocol has it.
    pub fn span(self) -> Span {
        match self {
            Part::Rest { first } => Span::Rest { first },
            Part::Range { first, last } => Span::Range { first, last },
            Part::Last { count } => Span::Last { count },
        }
    }

    /// True if somebody can ask for it.
    pub(super) fn is_one(self) -> bool {
        match self {
            Part::Rest { .. } => true,
            Part::Range { first, last } => first <= last,
            Part::Last { count } => count > 0,
        }
    }

    /// These bytes of a file; `None` where there are none to ask for.
    pub fn of(self, file: &[u8]) -> Option<&[u8]> {
        // By itself, and not as the protocol does it, which is what is judged.
        let length = file.len() as u64;
        let (start, end) = match self {
            Part::Rest { first } => (first, length),
            Part::Range { first, last } => (first, last.saturating_add(1).min(length)),
            Part::Last { count } => (length.saturating_sub(count), length),
        };
        let is_one = start < length || matches!(self, Part::Rest { first } if first == length);
        is_one.then(|| &file[start as usize..end as usize])
    }
}

//! An input of a fuzzer as a script: choices, one byte or two each, and 0 once it is used up.

/// What is left of it.
pub(super) struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    pub(super) fn new(input: &'a [u8]) -> Script<'a> {
        Script(input)
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// One of `choices`, by number.
    pub(super) fn below(&mut self, choices: usize) -> usize {
        usize::from(self.byte()) % choices
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(super) fn two_bytes(&mut self) -> u16 {
        u16::from_le_bytes([self.byte(), self.byte()])
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.0
    }
}

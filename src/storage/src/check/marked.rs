//! A set of sequences, at a bit each.

use std::collections::HashMap;

/// The set, in words of 64 sequences.
#[derive(Debug, Default)]
pub(super) struct Marked(HashMap<u64, u64>);

impl Marked {
    pub(super) fn mark(&mut self, sequence: u64) {
        *self.0.entry(sequence / 64).or_default() |= 1 << (sequence % 64);
    }

    /// Takes a sequence out; whether it was in.
    pub(super) fn take(&mut self, sequence: u64) -> bool {
        let Some(word) = self.0.get_mut(&(sequence / 64)) else { return false };
        let bit = 1 << (sequence % 64);
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }

    pub(super) fn has(&self, sequence: u64) -> bool {
        self.0.get(&(sequence / 64)).is_some_and(|word| word & (1 << (sequence % 64)) != 0)
    }
}

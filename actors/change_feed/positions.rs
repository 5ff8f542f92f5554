//! Counts the rows of a changes feed behind a sequence without a scan: one bit for each sequence
//! number that holds a row, in sparse blocks. Derived from the rows and never stored.

use std::collections::BTreeMap;

/// Sequence numbers in one block.
const BLOCK_SEQUENCES: u64 = 1024;
const WORDS: usize = 16;

#[derive(Clone, Debug)]
struct Block {
    rows: u32,
    bits: [u64; WORDS],
}

/// Which sequence numbers hold a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions {
    blocks: BTreeMap<u64, Block>,
}

impl Positions {
    /// Notes a row at `sequence`.
    pub(crate) fn add(&mut self, sequence: u64) {
        let block = self
            .blocks
            .entry(sequence / BLOCK_SEQUENCES)
            .or_insert_with(|| Block { rows: 0, bits: [0; WORDS] });
        let (word, bit) = place(sequence);
        if let Some(word) = block.bits.get_mut(word)
            && *word & bit == 0
        {
            *word |= bit;
            block.rows += 1;
        }
    }

    /// Notes that the row at `sequence` is gone.
    pub(crate) fn remove(&mut self, sequence: u64) {
        let key = sequence / BLOCK_SEQUENCES;
        let Some(block) = self.blocks.get_mut(&key) else {
            return;
        };
        let (word, bit) = place(sequence);
        if let Some(word) = block.bits.get_mut(word)
            && *word & bit != 0
        {
            *word &= !bit;
            block.rows -= 1;
        }
        if block.rows == 0 {
            self.blocks.remove(&key);
        }
    }

    /// Rows at sequences above `sequence`.
    pub(crate) fn after(&self, sequence: u64) -> u64 {
        let key = sequence / BLOCK_SEQUENCES;
        let inside = self.blocks.get(&key).map_or(0, |block| {
            let first = sequence % BLOCK_SEQUENCES + 1;
            (first..BLOCK_SEQUENCES)
                .filter(|&offset| {
                    let (word, bit) = place(offset);
                    block.bits.get(word).is_some_and(|word| word & bit != 0)
                })
                .count() as u64
        });
        let behind: u64 =
            self.blocks.range(key + 1..).map(|(_, block)| u64::from(block.rows)).sum();
        inside + behind
    }
}

impl Positions {
    /// All rows.
    pub(crate) fn rows(&self) -> u64 {
        self.blocks.values().map(|block| u64::from(block.rows)).sum()
    }

    /// The sequence of the row before which `number` others stand.
    pub(crate) fn row(&self, mut number: u64) -> Option<u64> {
        for (key, block) in &self.blocks {
            let rows = u64::from(block.rows);
            if number >= rows {
                number -= rows;
                continue;
            }
            for (word, bits) in (0u64..).zip(block.bits) {
                let ones = u64::from(bits.count_ones());
                if number >= ones {
                    number -= ones;
                    continue;
                }
                let bit = (0..64).filter(|bit| bits & (1 << bit) != 0).nth(number as usize)?;
                return Some(key * BLOCK_SEQUENCES + word * 64 + bit);
            }
        }
        None
    }
}

fn place(sequence: u64) -> (usize, u64) {
    let offset = sequence % BLOCK_SEQUENCES;
    ((offset / 64) as usize, 1 << (offset % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rows_behind_a_sequence() {
        let mut positions = Positions::default();
        for sequence in 1..=5000 {
            positions.add(sequence);
        }
        assert_eq!(positions.after(0), 5000);
        assert_eq!(positions.after(1023), 3977);
        assert_eq!(positions.after(5000), 0);
        for sequence in (1..=5000).step_by(2) {
            positions.remove(sequence);
            positions.remove(sequence);
        }
        assert_eq!(positions.after(0), 2500);
        assert_eq!(positions.after(4998), 1);
    }

    #[test]
    fn rows_are_found_by_their_number() {
        let mut positions = Positions::default();
        assert_eq!((positions.rows(), positions.row(0)), (0, None));
        let sequences: Vec<u64> = (1..4000).filter(|number| number % 7 == 3).collect();
        for &sequence in &sequences {
            positions.add(sequence);
        }
        assert_eq!(positions.rows(), sequences.len() as u64);
        let found: Vec<u64> = (0..).map_while(|number| positions.row(number)).collect();
        assert_eq!(found, sequences);
    }

    #[test]
    fn forgets_empty_blocks() {
        let mut positions = Positions::default();
        positions.add(7);
        positions.remove(7);
        assert!(positions.blocks.is_empty());
    }
}

//! The shape of the tree: which row begins a node of which level, and where a node's page stands.

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The level of the lowest nodes that have pages.
pub(super) const LOWEST_PAGE: u8 = 2;

/// The key of the root's record; pages' keys begin with higher bytes.
const ROOT: u8 = 0;

/// What a tree's shape depends on beside its keys. It stands in the index's header and never changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The key of the hash; secret, since whoever knew it could choose document ids that make one
    /// long node.
    pub seed: u64,
    /// Zero bits of the hash for one level: 4 makes nodes of 16 on average.
    pub bits: u8,
}

impl Shape {
    /// Bits for one level in new indexes: of nodes of 16, 32 and 64 those of 16 were read fastest and
    /// cheapest to keep up, and take 6.5 % more room than the rows alone.
    pub const BITS: u8 = 4;

    /// A new index's shape.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, bits: Self::BITS }
    }

    /// The highest level at which the row with this key begins a node; 0 for most.
    pub(super) fn level(&self, row_key: &[u8]) -> u8 {
        let zeros = xxh3_64_with_seed(row_key, self.seed).trailing_zeros();
        // At most 64.
        (zeros / u32::from(self.bits.max(1))) as u8
    }

    /// Whether a node of `level` begins at this key. The first node begins at the empty key.
    pub(super) fn begins(&self, row_key: &[u8], level: u8) -> bool {
        row_key.is_empty() || self.level(row_key) >= level
    }
}

/// The key of the root's record.
pub(super) fn root_key() -> Vec<u8> {
    vec![ROOT]
}

/// The key of the page of the node of `level` that begins at the row key `start`, or before all rows.
pub(super) fn page_key(level: u8, start: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(start.len() + 1);
    key.push(u8::MAX - level);
    key.extend_from_slice(start);
    key
}

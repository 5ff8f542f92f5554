//! Tables that were large and are small again give their memory back: ten thousand actors that lived at the same
//! time would otherwise leave their empty places behind.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};

/// Smaller tables stay as they are.
const WORTH: usize = 1024;

/// To be called when something was removed. A table that is an eighth full is made to fit twice what it holds, so
/// that many removals pay for one move of what is left.
pub(crate) fn shrink<K: Eq + Hash, V, S: BuildHasher>(table: &mut HashMap<K, V, S>) {
    if table.capacity() > WORTH && table.len() < table.capacity() / 8 {
        table.shrink_to(table.len() * 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_was_large_fits_what_it_holds() {
        let mut table: HashMap<u32, u32> = (0..100_000).map(|number| (number, number)).collect();
        for number in 10..100_000 {
            table.remove(&number);
            shrink(&mut table);
        }
        assert!(table.capacity() <= 2 * WORTH, "{}", table.capacity());
        assert!((0..10).all(|number| table.get(&number) == Some(&number)));
        assert_eq!(table.len(), 10);
    }
}

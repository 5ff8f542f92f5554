//! A few things that are kept open, the least lately used of which goes first.

use std::collections::VecDeque;

/// At most so many, the latest first.
pub(super) struct Cache<K, V> {
    kept: VecDeque<(K, V)>,
    most: usize,
}

impl<K: PartialEq, V> Cache<K, V> {
    /// Keeps up to `most`, which is not 0.
    pub(super) fn new(most: usize) -> Self {
        Self { kept: VecDeque::with_capacity(most), most }
    }

    /// Does something with the one that has this key, opened now where it is not yet.
    pub(super) fn with<E>(
        &mut self,
        key: K,
        open: impl FnOnce() -> Result<V, E>,
        work: impl FnOnce(Result<&mut V, E>),
    ) {
        let place = self.kept.iter().position(|(kept, _)| *kept == key);
        let kept = place.and_then(|place| self.kept.remove(place));
        let mut value = match kept {
            Some((_, value)) => value,
            None => match open() {
                Ok(value) => value,
                Err(error) => return work(Err(error)),
            },
        };
        work(Ok(&mut value));
        self.kept.truncate(self.most.saturating_sub(1));
        self.kept.push_front((key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_lately_used_goes_first() {
        let mut cache: Cache<u8, u8> = Cache::new(2);
        let mut opened = Vec::new();
        for key in [1, 2, 1, 3, 1, 2] {
            let open = || {
                opened.push(key);
                Ok::<u8, ()>(key * 10)
            };
            cache.with(key, open, |value| assert_eq!(value, Ok(&mut (key * 10))));
        }
        assert_eq!(opened, [1, 2, 3, 2]);
    }

    #[test]
    fn what_does_not_open_is_not_kept() {
        let mut cache: Cache<u8, u8> = Cache::new(2);
        cache.with(1, || Err("closed"), |value| assert_eq!(value, Err("closed")));
        cache.with(1, || Ok::<u8, &str>(5), |value| assert_eq!(value, Ok(&mut 5)));
    }
}

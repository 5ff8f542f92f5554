//! The messages that came and are kept, found by number, by sender and by age: whatever is asked when another
//! comes is answered without a look at all of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use refuge_mesh::NodeId;

use super::rows::Kept;

/// How many, and how much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amount {
    pub(super) count: usize,
    pub(super) bytes: usize,
}

impl Amount {
    pub(super) const fn add(&mut self, bytes: usize) {
        self.count += 1;
        self.bytes += bytes;
    }

    pub(super) const fn take(&mut self, bytes: usize) {
        self.count -= 1;
        self.bytes -= bytes;
    }

    /// Without another that is a part of it.
    pub(super) const fn without(self, part: Self) -> Self {
        Self { count: self.count - part.count, bytes: self.bytes - part.bytes }
    }

    /// Whether one more of `bytes` fits.
    pub(super) const fn has_room(self, most: Self, bytes: usize) -> bool {
        self.count < most.count && self.bytes + bytes <= most.bytes
    }
}

/// Those of one sender.
#[derive(Default)]
struct OfOne {
    amount: Amount,
    numbers: BTreeSet<u64>,
}

/// All of them.
#[derive(Default)]
pub(super) struct KeptMessages {
    rows: BTreeMap<u64, Kept>,
    all: Amount,
    senders: HashMap<NodeId, OfOne>,
    /// When each came, and its number.
    ages: BTreeSet<(u64, u64)>,
}

impl KeptMessages {
    pub(super) fn insert(&mut self, number: u64, kept: Kept) {
        self.remove(number);
        self.all.add(kept.bytes);
        let of_one = self.senders.entry(kept.from).or_default();
        of_one.amount.add(kept.bytes);
        of_one.numbers.insert(number);
        self.ages.insert((kept.came_ms, number));
        self.rows.insert(number, kept);
    }

    pub(super) fn remove(&mut self, number: u64) {
        let Some(kept) = self.rows.remove(&number) else { return };
        self.all.take(kept.bytes);
        self.ages.remove(&(kept.came_ms, number));
        if let Some(of_one) = self.senders.get_mut(&kept.from) {
            of_one.amount.take(kept.bytes);
            of_one.numbers.remove(&number);
            if of_one.numbers.is_empty() {
                self.senders.remove(&kept.from);
            }
        }
    }

    /// By their numbers.
    pub(super) const fn rows(&self) -> &BTreeMap<u64, Kept> {
        &self.rows
    }

    pub(super) const fn all(&self) -> Amount {
        self.all
    }

    /// What is kept of one sender.
    pub(super) fn amount(&self, sender: &NodeId) -> Amount {
        self.senders.get(sender).map(|of_one| of_one.amount).unwrap_or_default()
    }

    /// Those of whom something is kept.
    pub(super) fn senders(&self) -> impl Iterator<Item = &NodeId> {
        self.senders.keys()
    }

    /// Those of one sender, oldest first.
    pub(super) fn of(&self, sender: &NodeId) -> impl Iterator<Item = (u64, &Kept)> {
        let numbers = self.senders.get(sender).into_iter().flat_map(|of_one| &of_one.numbers);
        numbers.filter_map(|number| Some((*number, self.rows.get(number)?)))
    }

    /// The numbers of those that came until then.
    pub(super) fn came_until(&self, time_ms: u64) -> impl Iterator<Item = u64> {
        self.ages.range(..=(time_ms, u64::MAX)).map(|(_, number)| *number)
    }
}

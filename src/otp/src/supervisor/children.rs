//! The children of one supervisor in start order, found by key, by name and by incarnation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use ractor::ActorId;

use crate::life::Life;
use crate::shrinking::shrink;
use crate::specification::ChildSpecification;
use crate::table::Place;

/// A child's number in start order; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key(u64);

/// A child as its supervisor knows it.
pub(crate) struct Child {
    pub(crate) specification: Arc<ChildSpecification>,
    pub(crate) place: Place,
    /// Not in the supervisor's own list.
    pub(crate) added: bool,
    /// The incarnation that runs.
    pub(crate) life: Option<Arc<Life>>,
}

#[derive(Default)]
pub(crate) struct Children {
    last: u64,
    ordered: BTreeMap<Key, Child>,
    names: HashMap<String, Key>,
    incarnations: HashMap<ActorId, Key>,
}

impl Children {
    pub(crate) fn push(&mut self, child: Child) -> Key {
        self.last += 1;
        let key = Key(self.last);
        self.names.insert(child.specification.name.clone(), key);
        self.ordered.insert(key, child);
        key
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<Child> {
        self.end(key);
        let child = self.ordered.remove(&key)?;
        self.names.remove(&child.specification.name);
        shrink(&mut self.names);
        Some(child)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Child> {
        self.ordered.get(&key)
    }

    pub(crate) fn named(&self, name: &str) -> Option<Key> {
        self.names.get(name).copied()
    }

    pub(crate) fn incarnation(&self, actor: ActorId) -> Option<Key> {
        self.incarnations.get(&actor).copied()
    }

    /// In start order.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (Key, &Child)> {
        self.ordered.iter().map(|(key, child)| (*key, child))
    }

    /// Notes the incarnation that runs now.
    pub(crate) fn begin(&mut self, key: Key, life: Arc<Life>) {
        self.end(key);
        if let Some(child) = self.ordered.get_mut(&key) {
            self.incarnations.insert(life.cell().get_id(), key);
            child.life = Some(life);
        }
    }

    /// Forgets the incarnation; later news of it is old.
    pub(crate) fn end(&mut self, key: Key) -> Option<Arc<Life>> {
        let life = self.ordered.get_mut(&key)?.life.take()?;
        self.incarnations.remove(&life.cell().get_id());
        shrink(&mut self.incarnations);
        Some(life)
    }
}

//! The names that one actor holds, so that they go with it. Most have one or two, and there may be thousands
//! of such actors; a few, like a directory of databases, have thousands.

use std::collections::HashSet;
use std::sync::Arc;

/// Up to so many a list is as quick, and much smaller.
const FEW: usize = 8;

/// The names of one actor.
pub(crate) enum OwnedNames {
    Few(Vec<Arc<str>>),
    Many(HashSet<Arc<str>>),
}

impl Default for OwnedNames {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl OwnedNames {
    /// The name as it is kept here.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<str>> {
        match self {
            Self::Few(names) => names.iter().find(|other| &***other == name),
            Self::Many(names) => names.get(name),
        }
    }

    /// Adds one that is not here.
    pub(crate) fn add(&mut self, name: Arc<str>) {
        match self {
            Self::Few(names) if names.len() < FEW => {
                names.reserve_exact(1);
                names.push(name);
            }
            Self::Few(names) => {
                let all = std::mem::take(names).into_iter().chain([name]);
                *self = Self::Many(all.collect());
            }
            Self::Many(names) => drop(names.insert(name)),
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        match self {
            Self::Few(names) => names.retain(|other| &**other != name),
            Self::Many(names) => drop(names.remove(name)),
        }
    }

    pub(crate) fn into_names(self) -> Vec<Arc<str>> {
        match self {
            Self::Few(names) => names,
            Self::Many(names) => names.into_iter().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_and_many_are_found_and_go() {
        let mut owned = OwnedNames::default();
        let name = |number: usize| Arc::<str>::from(format!("name {number}"));
        for number in 0..3 * FEW {
            assert!(owned.get(&name(number)).is_none());
            owned.add(name(number));
            assert!((0..=number).all(|known| owned.get(&name(known)).is_some()));
        }
        for number in 0..FEW {
            owned.remove(&name(number));
            assert!(owned.get(&name(number)).is_none());
        }
        assert_eq!(owned.into_names().len(), 2 * FEW);
        let mut one = OwnedNames::default();
        one.add(name(1));
        one.remove("another");
        assert_eq!(one.into_names(), [name(1)]);
    }
}

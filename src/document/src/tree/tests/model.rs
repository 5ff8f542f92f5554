//! Trees against a small model: a set of revisions and who descends from whom.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// One revision of an imagined history of a document, with the place of its body.
#[derive(Clone, Debug)]
struct Imagined {
    revision: Revision,
    parent: Option<usize>,
    deleted: bool,
    place: BodyPlace,
}

/// A replicated edit: a revision with so many of its ancestors.
#[derive(Clone, Debug)]
struct Arrival {
    which: usize,
    ancestors: usize,
}

fn universe() -> impl Strategy<Value = Vec<Imagined>> {
    prop::collection::vec((any::<prop::sample::Index>(), 0..10_u8, any::<bool>()), 1..24).prop_map(
        |choices| {
            let mut history: Vec<Imagined> = Vec::new();
            for (number, (parent, root, deleted)) in choices.into_iter().enumerate() {
                let parent = (root > 0 && number > 0).then(|| parent.index(number));
                let depth = parent.map_or(1, |parent| history[parent].revision.depth + 1);
                // Hashes of both kinds, in an order that has nothing to do with the numbers.
                let mixed = (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                let text =
                    if number % 3 == 0 { format!("{mixed:x}") } else { format!("{mixed:032x}") };
                history.push(Imagined {
                    revision: format!("{depth}-{text}").parse().unwrap(),
                    parent,
                    deleted,
                    place: BodyPlace::At(number as u64 + 1),
                });
            }
            history
        },
    )
}

fn arrivals() -> impl Strategy<Value = (Vec<Imagined>, Vec<Arrival>, Vec<Arrival>)> {
    universe().prop_flat_map(|history| {
        let one = (0..history.len(), prop_oneof![Just(usize::MAX), 0..5_usize]);
        let some = prop::collection::vec(one, 1..30).prop_map(|chosen| {
            chosen
                .into_iter()
                .map(|(which, ancestors)| Arrival { which, ancestors })
                .collect::<Vec<_>>()
        });
        some.prop_flat_map(move |arrivals| {
            let shuffled = Just(arrivals.clone()).prop_shuffle();
            (Just(history.clone()), Just(arrivals), shuffled)
        })
    })
}

fn line(history: &[Imagined], arrival: &Arrival) -> Vec<usize> {
    std::iter::successors(Some(arrival.which), |number| history[*number].parent)
        .take(arrival.ancestors.saturating_add(1))
        .collect()
}

fn tree_after(history: &[Imagined], arrivals: &[Arrival]) -> RevisionTree {
    let mut tree = RevisionTree::default();
    for arrival in arrivals {
        let newest = &history[arrival.which];
        let path =
            line(history, arrival).iter().map(|number| history[*number].revision.clone()).collect();
        let edit = edit(EditKind::Replicated { path, beside: None }, newest.deleted);
        let before = tree.clone();
        let applied = tree.apply(&edit, newest.place, LIMIT).unwrap();
        assert_eq!(applied.revision(), &newest.revision);
        assert_eq!(matches!(applied, Applied::Known { .. }), tree == before);
    }
    tree
}

/// What the model knows after the same edits.
#[derive(Default)]
struct Model {
    known: BTreeSet<usize>,
    with_body: BTreeSet<usize>,
    parents: BTreeMap<usize, usize>,
}

impl Model {
    fn after(history: &[Imagined], arrivals: &[Arrival]) -> Self {
        let mut model = Self::default();
        for arrival in arrivals {
            let line = line(history, arrival);
            model.with_body.insert(arrival.which);
            model.parents.extend(line.windows(2).map(|pair| (pair[0], pair[1])));
            model.known.extend(line);
        }
        model
    }

    /// Leaves in the order of precedence.
    fn leaves(&self, history: &[Imagined]) -> Vec<usize> {
        let inner: BTreeSet<usize> = self.parents.values().copied().collect();
        let mut leaves: Vec<usize> = self.known.difference(&inner).copied().collect();
        leaves.sort_by_key(|number| {
            let one = &history[*number];
            std::cmp::Reverse((
                !one.deleted,
                one.revision.depth,
                one.revision.hash.as_bytes().to_vec(),
            ))
        });
        leaves
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_the_same_edits_gives_the_same_tree((history, arrivals, shuffled) in arrivals()) {
        let one = tree_after(&history, &arrivals);
        let other = tree_after(&history, &shuffled);
        prop_assert_eq!(one.winner(), other.winner());
        prop_assert_eq!(one.leaves(), other.leaves());
        prop_assert_eq!(&one, &other);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        one.encode(&mut left, &mut Vec::new());
        other.encode(&mut right, &mut Vec::new());
        prop_assert_eq!(left, right);
    }

    #[test]
    fn a_tree_knows_what_the_model_knows((history, arrivals, _) in arrivals()) {
        let tree = tree_after(&history, &arrivals);
        let model = Model::after(&history, &arrivals);
        let leaves = model.leaves(&history);
        let expected: Vec<Leaf> = leaves
            .iter()
            .map(|number| Leaf {
                revision: history[*number].revision.clone(),
                deleted: history[*number].deleted,
                place: history[*number].place,
            })
            .collect();
        prop_assert_eq!(tree.leaves(), expected);
        prop_assert_eq!(tree.all().count(), model.known.len());
        for number in &model.known {
            let one = &history[*number];
            let node = tree.find(&one.revision).unwrap();
            let has_body = model.with_body.contains(number);
            prop_assert_eq!(node.leaf, leaves.contains(number));
            prop_assert_eq!(node.place, if has_body { one.place } else { BodyPlace::Missing });
            prop_assert_eq!(node.deleted, has_body && one.deleted);
            let ancestors: Vec<Revision> = std::iter::successors(Some(*number), |n| model.parents.get(n).copied())
                .map(|n| history[n].revision.clone())
                .collect();
            prop_assert_eq!(tree.history(&one.revision), Some(ancestors));
        }
    }

    #[test]
    fn missing_and_possible_ancestors_agree_with_the_model((history, arrivals, asked) in arrivals()) {
        let kept = &arrivals[..arrivals.len().div_ceil(2)];
        let tree = tree_after(&history, kept);
        let model = Model::after(&history, kept);
        let asked: Vec<Revision> = asked.iter().map(|arrival| history[arrival.which].revision.clone()).collect();
        let known: BTreeSet<&Revision> = model.known.iter().map(|number| &history[*number].revision).collect();
        let missing: Vec<Revision> = asked.iter().filter(|one| !known.contains(one)).cloned().collect();
        prop_assert_eq!(tree.missing(&asked), missing.clone());
        let mut ancestors: Vec<Revision> = model
            .leaves(&history)
            .iter()
            .map(|number| history[*number].revision.clone())
            .filter(|leaf| missing.iter().any(|one| leaf.depth < one.depth))
            .collect();
        ancestors.reverse();
        prop_assert_eq!(tree.possible_ancestors(&missing), ancestors);
    }

    #[test]
    fn the_stored_form_comes_back((history, arrivals, _) in arrivals()) {
        let tree = tree_after(&history, &arrivals);
        let mut bytes = Vec::new();
        tree.encode(&mut bytes, &mut Vec::new());
        let back = RevisionTree::decode(&bytes).unwrap();
        prop_assert_eq!(&back, &tree);
        prop_assert_eq!(RevisionTree::decode_leaves(&bytes), Ok(tree.leaves()));
        prop_assert_eq!(RevisionTree::decode_winner(&bytes).ok(), tree.winner());
        let mut again = Vec::new();
        back.encode(&mut again, &mut Vec::new());
        prop_assert_eq!(again, bytes);
    }

    #[test]
    fn stemming_keeps_every_leaf_and_the_newest_of_each_line((history, arrivals, _) in arrivals(), limit in 1..6_u32) {
        let whole = tree_after(&history, &arrivals);
        let mut stemmed = whole.clone();
        stemmed.stem(limit);
        prop_assert_eq!(stemmed.leaves(), whole.leaves());
        for leaf in whole.leaves() {
            let before = whole.history(&leaf.revision).unwrap();
            let after = stemmed.history(&leaf.revision).unwrap();
            prop_assert!(after.len() >= before.len().min(limit as usize));
            prop_assert_eq!(&before[..after.len()], &after[..]);
        }
        let again = { let mut tree = stemmed.clone(); tree.stem(limit); tree };
        prop_assert_eq!(again, stemmed);
    }

    #[test]
    fn a_purge_leaves_the_lines_of_the_leaves_that_stay(
        (history, arrivals, _) in arrivals(),
        chosen in prop::collection::vec(any::<bool>(), 24),
        others in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
    ) {
        let whole = tree_after(&history, &arrivals);
        let leaves: Vec<(Leaf, bool)> = whole.leaves().into_iter().zip(chosen).collect();
        let revisions = |wanted: bool| -> Vec<Revision> {
            let some = leaves.iter().filter(|(_, gone)| *gone == wanted);
            some.map(|(leaf, _)| leaf.revision.clone()).collect()
        };
        let (gone, staying) = (revisions(true), revisions(false));
        // Inner and unknown revisions beside them change nothing.
        let inner = others.iter().map(|index| history[index.index(history.len())].revision.clone());
        let inner = inner.filter(|one| whole.find(one).is_none_or(|node| !node.leaf));
        let named: Vec<Revision> = inner.chain(gone.iter().cloned()).collect();

        let mut tree = whole.clone();
        let purged = tree.purge(&named);

        prop_assert_eq!(purged.leaves, gone);
        let left: Vec<Revision> = tree.leaves().into_iter().map(|leaf| leaf.revision).collect();
        prop_assert_eq!(&left, &staying);
        for leaf in &staying {
            prop_assert_eq!(tree.history(leaf), whole.history(leaf));
        }
        let lines: BTreeSet<Revision> =
            staying.iter().flat_map(|leaf| whole.history(leaf).unwrap()).collect();
        prop_assert_eq!(tree.all().count(), lines.len());
        let mut bodies: Vec<u64> = whole
            .all()
            .filter(|(revision, node)| node.leaf && !lines.contains(revision))
            .filter_map(|(_, node)| match node.place {
                BodyPlace::At(sequence) => Some(sequence),
                _ => None,
            })
            .collect();
        bodies.sort_unstable();
        prop_assert_eq!(purged.bodies, bodies);
        prop_assert_eq!(tree.clone().purge(&named), Purged::default());
    }

    #[test]
    fn damaged_bytes_never_make_it_panic(
        (history, arrivals, _) in arrivals(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = Vec::new();
        tree_after(&history, &arrivals).encode(&mut bytes, &mut Vec::new());
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(tree) = RevisionTree::decode(&bytes) {
            let mut again = Vec::new();
            tree.encode(&mut again, &mut Vec::new());
            let _ = (tree.leaves(), tree.all().count());
        }
        let _ = RevisionTree::decode_leaves(&bytes);
    }
}

//! Revision trees: damaged ones are an error and no panic, whole ones come back as they were, and
//! edits keep them in order.
//!
//! The input: a byte with the length of a stored tree, the tree, and edits, each a byte with the
//! number of its revisions and, newest first, a byte for each.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_document::{Body, BodyPlace, Edit, EditKind, Revision, RevisionTree};

/// Most revisions of one edit: enough for stemming.
const LONGEST_PATH: usize = 12;

fuzz_target!(|input: &[u8]| {
    let Some((length, rest)) = input.split_first() else { return };
    let (stored, mut edits) = rest.split_at(usize::from(*length).min(rest.len()));
    let mut tree = stored_tree(stored);
    let mut number = 0;
    while let Some((length, rest)) = edits.split_first() {
        let (path, behind) = rest.split_at((usize::from(*length) % LONGEST_PATH).min(rest.len()));
        number += 1;
        let _ = tree.apply(&edit(number, path), BodyPlace::At(number), 5);
        edits = behind;
    }
    comes_back(&tree);
});

fn stored_tree(stored: &[u8]) -> RevisionTree {
    let winner = RevisionTree::decode_winner(stored);
    let leaves = RevisionTree::decode_leaves(stored);
    let Ok(tree) = RevisionTree::decode(stored) else { return RevisionTree::default() };
    assert_eq!(leaves.expect("the leaves of a tree").first(), winner.ok().as_ref());
    tree
}

fn edit(number: u64, hashes: &[u8]) -> Edit {
    let depths = (1..=hashes.len()).rev();
    let path: Vec<Revision> = depths
        .zip(hashes)
        .filter_map(|(depth, hash)| format!("{depth}-{:032x}", hash % 8).parse().ok())
        .collect();
    Edit {
        deleted: number.is_multiple_of(3),
        body: Body::from_stored(b"{}".as_slice().into()),
        attachments: Vec::new(),
        kind: EditKind::Replicated { path, beside: None },
    }
}

/// What is written is read as it was, whole or in part.
fn comes_back(tree: &RevisionTree) {
    let (mut encoded, mut pending) = (Vec::new(), Vec::new());
    tree.encode(&mut encoded, &mut pending);
    assert!(pending.is_empty());
    let again = RevisionTree::decode(&encoded).expect("what was encoded is decoded");
    assert_eq!(tree.leaves(), again.leaves());
    assert_eq!(Ok(tree.leaves()), RevisionTree::decode_leaves(&encoded));
    assert_eq!(tree.winner(), RevisionTree::decode_winner(&encoded).ok());
    assert_eq!(tree.winner(), tree.leaves().first().cloned());
    let mut second = Vec::new();
    again.encode(&mut second, &mut pending);
    assert_eq!(encoded, second);
}

//! Revision trees: damaged ones are an error and no panic, whole ones come back as they were, and
//! edits keep them in order.
#![no_main]

use libfuzzer_sys::fuzz_target;
use refuge_document::{Body, BodyPlace, Edit, EditKind, Revision, RevisionTree};

fuzz_target!(|input: (&[u8], Vec<Vec<u8>>)| {
    let (stored, edits) = input;
    let mut tree = RevisionTree::decode(stored).unwrap_or_default();
    let _ = (RevisionTree::decode_winner(stored), RevisionTree::decode_leaves(stored));
    for (number, edit) in edits.iter().enumerate() {
        let path: Vec<Revision> = edit
            .iter()
            .enumerate()
            .filter_map(|(age, hash)| {
                let depth = edit.len() - age;
                format!("{depth}-{:032x}", hash % 8).parse().ok()
            })
            .collect();
        let edit = Edit {
            deleted: number % 3 == 0,
            body: Body::from_stored(b"{}".as_slice().into()),
            attachments: Vec::new(),
            kind: EditKind::Replicated { path },
        };
        let _ = tree.apply(&edit, BodyPlace::At(number as u64 + 1), 5);
    }
    let (mut encoded, mut pending) = (Vec::new(), Vec::new());
    tree.encode(&mut encoded, &mut pending);
    let again = RevisionTree::decode(&encoded).expect("what was encoded is decoded");
    assert_eq!(tree.leaves(), again.leaves());
    assert_eq!(tree.winner(), tree.leaves().first().cloned());
});

//! Tests of revision trees: CouchDB's rules told as stories, and a small model.

use std::sync::Arc;

use super::*;
use crate::attachment::Attachment;
use crate::body::Body;
use crate::edit::{Applied, Conflict, Edit, EditKind};

mod model;

const LIMIT: u32 = 1000;

fn revision(text: &str) -> Revision {
    text.parse().unwrap()
}

fn path(text: &str) -> Vec<Revision> {
    text.split(' ').map(revision).collect()
}

fn edit(kind: EditKind, deleted: bool) -> Edit {
    Edit { deleted, body: Body::empty(), attachments: Vec::<Attachment>::new(), kind }
}

fn write(
    tree: &mut RevisionTree,
    parent: Option<&Revision>,
    deleted: bool,
) -> Result<Revision, Conflict> {
    let parent = parent.cloned();
    let edit = edit(EditKind::Interactive { parent }, deleted);
    let place = BodyPlace::At(tree.nodes.len() as u64 + 1);
    tree.apply(&edit, place, LIMIT).map(|applied| {
        assert!(matches!(applied, Applied::Added { .. }));
        applied.revision().clone()
    })
}

fn replicate(tree: &mut RevisionTree, newest_first: &str, limit: u32) -> Applied {
    let path = path(newest_first);
    let sequence = u64::from(path[0].depth) * 1000 + path[0].hash.as_bytes().len() as u64;
    let edit = edit(EditKind::Replicated { path, beside: None }, newest_first.contains("gone"));
    tree.apply(&edit, BodyPlace::At(sequence), limit).unwrap()
}

fn tree_of(paths: &[&str]) -> RevisionTree {
    let mut tree = RevisionTree::default();
    for path in paths {
        replicate(&mut tree, path, LIMIT);
    }
    tree
}

fn leaves(tree: &RevisionTree) -> String {
    let names: Vec<String> = tree.leaves().iter().map(|leaf| leaf.revision.to_string()).collect();
    names.join(" ")
}

fn history(tree: &RevisionTree, text: &str) -> String {
    let names: Vec<String> =
        tree.history(&revision(text)).unwrap().iter().map(Revision::to_string).collect();
    names.join(" ")
}

#[test]
fn an_edit_extends_the_leaf_that_it_names() {
    let mut tree = RevisionTree::default();
    assert!(tree.is_empty() && tree.winner().is_none());
    let first = write(&mut tree, None, false).unwrap();
    assert_eq!(first, revision("1-967a00dff5e02add41819138abb3284d"));
    let second = write(&mut tree, Some(&first), false).unwrap();
    assert_eq!(second.depth, 2);
    assert_eq!(write(&mut tree, Some(&first), false), Err(Conflict));
    assert_eq!(write(&mut tree, None, false), Err(Conflict));
    assert_eq!(write(&mut tree, Some(&revision("2-a")), false), Err(Conflict));
    assert_eq!(tree.history(&second), Some(vec![second.clone(), first.clone()]));
    assert_eq!(
        tree.find(&first).unwrap(),
        NodeView { deleted: false, place: BodyPlace::At(1), leaf: false }
    );
    assert_eq!(
        tree.winner().unwrap(),
        Leaf { revision: second, deleted: false, place: BodyPlace::At(2) }
    );
}

#[test]
fn the_first_edit_of_a_document_names_no_parent() {
    let mut tree = RevisionTree::default();
    assert_eq!(write(&mut tree, Some(&revision("1-a")), false), Err(Conflict));
    assert!(tree.is_empty());
    assert!(write(&mut tree, None, true).unwrap().depth == 1 && tree.winner().unwrap().deleted);
}

#[test]
fn a_deleted_document_is_made_anew_on_its_tombstone() {
    let mut tree = RevisionTree::default();
    let first = write(&mut tree, None, false).unwrap();
    let tombstone = write(&mut tree, Some(&first), true).unwrap();
    assert!(tree.winner().unwrap().deleted);
    assert_eq!(write(&mut tree, None, true), Err(Conflict));
    assert_eq!(write(&mut tree, Some(&tombstone), false), Err(Conflict));
    assert_eq!(write(&mut tree, Some(&first), false), Err(Conflict));
    let anew = write(&mut tree, None, false).unwrap();
    assert_eq!(anew.depth, 3);
    assert_eq!(tree.history(&anew), Some(vec![anew, tombstone, first]));
}

#[test]
fn a_first_edit_is_a_conflict_wherever_something_is_known() {
    let first = |tree: &mut RevisionTree| {
        tree.apply(&edit(EditKind::First, false), BodyPlace::At(1), LIMIT)
    };
    let mut tree = RevisionTree::default();
    let revision = revision("1-967a00dff5e02add41819138abb3284d");
    assert_eq!(first(&mut tree), Ok(Applied::Added { revision: revision.clone() }));
    assert_eq!(first(&mut tree), Err(Conflict));
    write(&mut tree, Some(&revision), true).unwrap();
    assert_eq!(first(&mut tree), Err(Conflict), "it was deleted");
    assert_eq!(first(&mut tree_of(&["2-gone 1-a"])), Err(Conflict));
}

#[test]
fn what_was_fetched_is_a_conflict_where_something_else_became_known_meanwhile() {
    let beside: Arc<[Revision]> = path("2-b 2-c").into();
    let fetch = |tree: &mut RevisionTree, newest_first: &str| {
        let (path, beside) = (path(newest_first), Some(Arc::clone(&beside)));
        tree.apply(&edit(EditKind::Replicated { path, beside }, false), BodyPlace::At(1), LIMIT)
    };
    let mut tree = RevisionTree::default();
    assert!(fetch(&mut tree, "2-b 1-a").is_ok());
    assert!(fetch(&mut tree, "2-c 1-a").is_ok(), "its own leaves do not hinder it");
    for known in ["1-d", "2-gone 1-d", "2-gone 1-a", "3-gone 2-b 1-a"] {
        assert_eq!(fetch(&mut tree_of(&[known]), "2-c 1-a"), Err(Conflict), "{known}");
    }
}

#[test]
fn a_tombstone_beside_a_live_leaf_can_be_edited() {
    let mut tree = tree_of(&["2-gone 1-a", "2-b 1-a"]);
    let anew = write(&mut tree, Some(&revision("2-gone")), false).unwrap();
    assert_eq!(tree.winner().unwrap().revision, anew);
    assert_eq!(tree.leaves().len(), 2);
}

#[test]
fn deleting_the_winner_shows_the_next_leaf() {
    let mut tree = tree_of(&["2-b 1-a", "2-c 1-a"]);
    assert_eq!(leaves(&tree), "2-c 2-b");
    let tombstone = write(&mut tree, Some(&revision("2-c")), true).unwrap();
    assert_eq!(leaves(&tree), format!("2-b {tombstone}"));
}

#[test]
fn live_wins_over_deleted_then_depth_then_the_hash() {
    let tree =
        tree_of(&["4-gone 3-x 2-x 1-a", "2-z 1-a", "3-c 2-c 1-a", "3-d 2-c", "9-gone", "1-zz"]);
    assert_eq!(leaves(&tree), "3-d 3-c 2-z 1-zz 9-gone 4-gone");
    assert_eq!(tree.leaf_summaries()[0].revision, tree.winner().unwrap().revision);
    assert_eq!(tree.leaf_summaries().len(), 6);
}

#[test]
fn a_replicated_revision_that_is_there_changes_nothing() {
    let mut tree = tree_of(&["3-c 2-b 1-a"]);
    let before = tree.clone();
    assert!(matches!(replicate(&mut tree, "3-c 2-b 1-a", LIMIT), Applied::Known { .. }));
    assert!(matches!(replicate(&mut tree, "3-c 2-b", LIMIT), Applied::Known { .. }));
    assert!(matches!(replicate(&mut tree, "3-c", LIMIT), Applied::Known { .. }));
    assert_eq!(tree, before);
}

#[test]
fn a_revision_known_only_as_an_ancestor_gets_its_body_later() {
    let mut tree = tree_of(&["3-c 2-b 1-a"]);
    assert_eq!(tree.find(&revision("2-b")).unwrap().place, BodyPlace::Missing);
    assert!(matches!(replicate(&mut tree, "2-b 1-a", LIMIT), Applied::Added { .. }));
    assert_ne!(tree.find(&revision("2-b")).unwrap().place, BodyPlace::Missing);
    assert_eq!(leaves(&tree), "3-c");
}

#[test]
fn branches_that_were_cut_apart_join_when_a_path_connects_them() {
    let mut tree = tree_of(&["6-f 5-e", "2-b 1-a"]);
    assert_eq!(leaves(&tree), "6-f 2-b");
    assert!(matches!(replicate(&mut tree, "6-f 5-e 4-d 3-c 2-b", LIMIT), Applied::Added { .. }));
    assert_eq!(leaves(&tree), "6-f");
    assert_eq!(history(&tree, "6-f"), "6-f 5-e 4-d 3-c 2-b 1-a");
}

#[test]
fn one_path_joins_several_branches() {
    let mut tree = tree_of(&["7-g", "5-e", "3-c", "1-a"]);
    replicate(&mut tree, "8-h 7-g 6-f 5-e 4-d 3-c 2-b 1-a", LIMIT);
    assert_eq!(history(&tree, "8-h"), "8-h 7-g 6-f 5-e 4-d 3-c 2-b 1-a");
    assert_eq!(leaves(&tree), "8-h");
}

#[test]
fn an_older_beginning_is_put_in_front() {
    let mut tree = tree_of(&["3-c 2-b", "3-d 2-b"]);
    replicate(&mut tree, "2-b 1-a", LIMIT);
    assert_eq!(history(&tree, "3-d"), "3-d 2-b 1-a");
    assert_eq!(leaves(&tree), "3-d 3-c");
}

#[test]
fn one_revision_may_stand_in_two_branches() {
    let one = tree_of(&["2-x 1-a", "2-x 1-b"]);
    let other = tree_of(&["2-x 1-b", "2-x 1-a"]);
    assert_eq!(leaves(&one), "2-x 2-x");
    assert_eq!(one, other);
    let mut bytes = Vec::new();
    one.encode(&mut bytes, &mut Vec::new());
    assert_eq!(RevisionTree::decode(&bytes).unwrap(), one);
}

#[test]
fn a_path_ends_where_its_depths_do_not_follow() {
    let tree = tree_of(&["5-e 4-d 2-b 1-a"]);
    assert_eq!(history(&tree, "5-e"), "5-e 4-d");
    assert_eq!(tree.nodes.len(), 2);
}

#[test]
fn stemming_cuts_what_is_old() {
    let mut tree = RevisionTree::default();
    for depth in 1..=10 {
        let line: Vec<String> = (1..=depth).rev().map(|depth| format!("{depth}-r")).collect();
        replicate(&mut tree, &line.join(" "), 3);
    }
    assert_eq!(history(&tree, "10-r"), "10-r 9-r 8-r");
    assert_eq!(tree.nodes.len(), 3);
    assert!(tree.find(&revision("7-r")).is_none());
}

#[test]
fn stemming_keeps_the_leaves_and_what_any_of_them_needs() {
    let mut tree = tree_of(&["3-b 2-a 1-a", "6-f 5-e 4-d 3-c 2-a 1-a"]);
    tree.stem(2);
    assert_eq!(leaves(&tree), "6-f 3-b");
    assert_eq!(history(&tree, "6-f"), "6-f 5-e");
    assert_eq!(history(&tree, "3-b"), "3-b 2-a");
    tree.stem(0);
    assert_eq!(tree.nodes.len(), 2);
    assert_eq!(leaves(&tree), "6-f 3-b");
}

#[test]
fn descending_leads_to_the_leaves_below() {
    let tree = tree_of(&["3-c 2-b 1-a", "3-d 2-b 1-a", "2-e 1-a", "1-z"]);
    let below = |text: &str| -> Vec<String> {
        tree.descend(&revision(text)).iter().map(|leaf| leaf.revision.to_string()).collect()
    };
    assert_eq!(below("1-a"), ["3-d", "3-c", "2-e"]);
    assert_eq!(below("2-b"), ["3-d", "3-c"]);
    assert_eq!(below("2-e"), ["2-e"]);
    assert!(below("9-x").is_empty());
}

#[test]
fn missing_revisions_and_their_possible_ancestors_are_told() {
    let tree = tree_of(&["3-c 2-b 1-a", "3-d 2-b 1-a", "5-gone"]);
    let missing = tree.missing(&path("3-c 9-x 1-a 4-y"));
    assert_eq!(missing, path("9-x 4-y"));
    assert_eq!(tree.possible_ancestors(&missing), path("5-gone 3-c 3-d"));
    assert_eq!(tree.possible_ancestors(&path("4-y")), path("3-c 3-d"));
    assert_eq!(tree.possible_ancestors(&[]), []);
    assert_eq!(RevisionTree::default().missing(&path("1-a")), path("1-a"));
}

#[test]
fn all_revisions_are_listed() {
    let tree = tree_of(&["3-c 2-b 1-a", "2-e 1-a"]);
    let mut all: Vec<(String, bool)> =
        tree.all().map(|(revision, node)| (revision.to_string(), node.leaf)).collect();
    all.sort();
    let expected = [("1-a", false), ("2-b", false), ("2-e", true), ("3-c", true)];
    assert_eq!(all, expected.map(|(name, leaf)| (name.to_owned(), leaf)));
}

#[test]
fn pending_places_are_reported_where_they_stand() {
    let mut tree = RevisionTree::default();
    let mut parent = None;
    for ordinal in 0..2 {
        let edit = edit(EditKind::Interactive { parent: parent.clone() }, false);
        let applied = tree.apply(&edit, BodyPlace::Pending(ordinal), LIMIT).unwrap();
        parent = Some(applied.revision().clone());
    }
    let mut bytes = b"prefix".to_vec();
    let mut pending = Vec::new();
    tree.encode(&mut bytes, &mut pending);
    let ordinals: Vec<u16> = pending.iter().map(|place| place.ordinal).collect();
    assert_eq!(ordinals, [1, 0]);
    for place in pending {
        let sequence = 70 + u64::from(place.ordinal);
        bytes[place.offset..place.offset + 8].copy_from_slice(&sequence.to_be_bytes());
    }
    tree.settle(70);
    assert_eq!(RevisionTree::decode(&bytes[6..]).unwrap(), tree);
    assert_eq!(tree.winner().unwrap().place, BodyPlace::At(71));
    assert_eq!(RevisionTree::decode_winner(&bytes[6..]), Ok(tree.winner().unwrap()));
}

#[test]
fn the_stored_form_of_version_1_stays_readable() {
    let stored = [
        &[1, 2][..],
        &[6, 2, 1, b'b', 0, 0, 0, 0, 0, 0, 0, 9],
        &[5, 2],
        &[0xab; 16],
        &[0, 0, 0, 0, 0, 0, 0, 8],
        &[1, 6, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 7, 0],
        &[0, 3],
    ]
    .concat();
    let tree = RevisionTree::decode(&stored).unwrap();
    let tombstone = format!("2-{}", "ab".repeat(16));
    assert_eq!(leaves(&tree), format!("2-b {tombstone}"));
    assert_eq!(history(&tree, &tombstone), format!("{tombstone} 1-a"));
    assert_eq!(history(&tree, "2-b"), "2-b 1-a");
    assert_eq!(tree.find(&revision("1-a")).unwrap().place, BodyPlace::At(7));
    let mut again = Vec::new();
    tree.encode(&mut again, &mut Vec::new());
    assert_eq!(again, stored);
}

#[test]
fn what_is_no_stored_tree_is_refused() {
    assert_eq!(RevisionTree::decode(&[2, 0]), Err(DecodeError::Version(2)));
    assert_eq!(RevisionTree::decode_winner(&[1, 0]), Err(DecodeError::Damaged));
    assert_eq!(RevisionTree::decode_leaves(&[1, 0]), Ok(Vec::new()));
    let mut stored = Vec::new();
    tree_of(&["3-c 2-b 1-a", "2-e 1-a"]).encode(&mut stored, &mut Vec::new());
    for length in 0..stored.len() {
        assert_eq!(RevisionTree::decode(&stored[..length]), Err(DecodeError::Damaged), "{length}");
    }
    stored.push(0);
    assert_eq!(RevisionTree::decode(&stored), Err(DecodeError::Damaged));
}

#[test]
fn a_purged_winner_gives_way_to_the_next_leaf_and_takes_its_branch_along() {
    let mut tree = tree_of(&["3-c 2-b 1-a", "2-d 1-a"]);
    let purged = tree.purge(&[revision("3-c"), revision("1-a"), revision("9-z")]);
    assert_eq!(purged.leaves, [revision("3-c")]);
    assert_eq!(leaves(&tree), "2-d");
    assert_eq!(history(&tree, "2-d"), "2-d 1-a");
    assert!(tree.find(&revision("2-b")).is_none());
}

#[test]
fn a_document_whose_last_leaf_is_purged_never_was() {
    let mut tree = tree_of(&["2-b 1-a", "2-c 1-a"]);
    tree.purge(&[revision("2-b"), revision("2-c")]);
    assert!(tree.is_empty());
    assert_eq!(tree, RevisionTree::default());
}

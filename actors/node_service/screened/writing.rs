//! Edits of somebody whom functions hide documents from: whoever cannot read a document cannot write it either, or
//! an edit could put another revision in the place of what is hidden, and take its attachments along. Functions
//! that are asked about edits are asked behind that, since they see what is stored.

use std::sync::Arc;

use refuge_document::{BodyPlace, EditKind, Leaf, Revision, RevisionTree};
use refuge_http::{Database as _, Failure, Update, UpdateFailure, UpdateVerdicts, User};

use super::ScreenedDatabase;
use super::asking::Asked;
use crate::node_service::seen::writing::{ask_about_permitted, told};
use crate::shard::readers::Denied;

/// What is said where another leaf is hidden than the winner.
const LEAF: &str = "You are not allowed to read every current revision of this document.";

pub(super) async fn validate(
    database: &ScreenedDatabase,
    user: &User,
    updates: &mut [Update],
) -> Result<Option<UpdateVerdicts>, Failure> {
    let verdicts = permits(database, updates).await?;
    let verdicts = told(database.seen.as_ref(), user, updates, verdicts).await?;
    ask_about_permitted(database.seen.as_ref(), user, (updates.to_vec(), verdicts), updates).await
}

/// Whether what each edit builds on or stands beside is seen.
async fn permits(
    database: &ScreenedDatabase,
    updates: &[Update],
) -> Result<Vec<Result<(), Denied>>, Failure> {
    let ids = updates.iter().map(|update| update.id.clone()).collect();
    let trees = database.seen.trees(ids).await?;
    let (mut asked, mut counts) = (Vec::new(), Vec::with_capacity(updates.len()));
    for (update, tree) in updates.iter().zip(trees) {
        let concerned = match tree {
            Some(found) => concerned(database, update, &found.tree).await?,
            None => Vec::new(),
        };
        counts.push(concerned.len());
        asked.extend(concerned.iter().map(|leaf| Asked::of(&update.id, leaf, None)));
    }
    let mut admitted = database.screen.admits(asked).await?.into_iter();
    let verdicts = counts.into_iter().map(|count| {
        let admitted: Vec<bool> = admitted.by_ref().take(count).collect();
        match admitted.split_first() {
            Some((false, _)) => Err(Denied::Hidden),
            Some((true, others)) if others.contains(&false) => Err(Denied::Told(refused(LEAF))),
            _ => Ok(()),
        }
    });
    Ok(verdicts.collect())
}

/// The revisions that an edit concerns, the winner first: the winner and what the edit builds on, deleted or not,
/// since a tombstone may hold contents and attachments too, and the other leaves that are no tombstones.
async fn concerned(
    database: &ScreenedDatabase,
    update: &Update,
    tree: &RevisionTree,
) -> Result<Vec<Leaf>, Failure> {
    let mut leaves = tree.leaves().into_iter();
    let mut concerned: Vec<Leaf> = leaves.next().into_iter().collect();
    concerned.extend(leaves.filter(|leaf| !leaf.deleted));
    let ancestors: &[Revision] = match &update.kind {
        EditKind::Interactive { parent } => parent.as_slice(),
        EditKind::First => &[],
        EditKind::Replicated { path, .. } => path.get(1..).unwrap_or_default(),
    };
    for ancestor in ancestors {
        let Some(node) = tree.find(ancestor) else { continue };
        let is_leaf = node.leaf && node.place != BodyPlace::Missing;
        if is_leaf || database.open.bodies(vec![node.place]).await?.pop().flatten().is_some() {
            if !concerned.iter().any(|leaf| leaf.revision == *ancestor) {
                let (revision, deleted, place) = (ancestor.clone(), node.deleted, node.place);
                concerned.push(Leaf { revision, deleted, place });
            }
            break;
        }
    }
    Ok(concerned)
}

fn refused(reason: &str) -> UpdateFailure {
    UpdateFailure::Refused(Arc::new(Failure::Forbidden(reason.to_owned())))
}

//! Edits of somebody who is no admin, before they are handed to the shards: functions of design documents are
//! asked about those alone that permissions let through, since they see what is stored. The shards decide
//! once more, where no other edit comes in between. Edits of hidden documents are judged as though there were none,
//! so that whatever refuses them would refuse a new document in the same words: only who would have made one hears
//! that its id is taken.

use refuge_http::{
    Database, Failure, Update, UpdateAttachment, UpdateFailure, UpdateVerdicts, User,
};
use refuge_storage::Snapshot;

use super::SeenDatabase;
use crate::node_service::reading::Reading;
use crate::shard;
use crate::shard::readers::{Denied, Principals, permit_new};

pub(in crate::node_service) async fn validate(
    database: &SeenDatabase,
    user: &User,
    updates: &mut [Update],
) -> Result<Option<UpdateVerdicts>, Failure> {
    let (id, principals) = (database.open.record.id, Principals::clone(&database.principals));
    let mut asked = updates.to_vec();
    let job = move |snapshot: &Snapshot| {
        let verdicts = shard::permit(snapshot, id, &mut asked, &principals)?;
        Ok((asked, verdicts))
    };
    let (asked, verdicts) = database.open.read(Reading::Scan, job).await?;
    let verdicts = told(database, user, updates, verdicts).await?;
    ask_about_permitted(database.open.as_ref(), user, (asked, verdicts), updates).await
}

/// Asks about edits as though nothing were stored under their ids: permissions first, then the functions.
pub(super) async fn validate_as_new(
    database: &SeenDatabase,
    user: &User,
    updates: &[Update],
) -> Result<UpdateVerdicts, Failure> {
    let permit = |update: &Update| {
        let permitted = permit_new(update, &database.principals);
        permitted.map_err(|denied| denied.told(&update.kind))
    };
    let verdicts = updates.iter().map(permit).collect();
    let mut asked = updates.to_vec();
    let (places, permitted) = permitted(&mut asked, &verdicts);
    let told = database.open.validate_as_new(user, &permitted).await?;
    Ok(put(verdicts, places.into_iter().zip(told)))
}

/// What is said of edits that are denied: of hidden documents what would be said of new ones, and where nothing would
/// be said against these, that their ids are taken.
pub(in crate::node_service) async fn told(
    database: &dyn Database,
    user: &User,
    updates: &[Update],
    verdicts: Vec<Result<(), Denied>>,
) -> Result<UpdateVerdicts, Failure> {
    let of_hidden = updates.iter().zip(&verdicts).filter(|(_, verdict)| is_hidden(verdict));
    let of_hidden: Vec<Update> = of_hidden.map(|(update, _)| update.clone()).collect();
    let mut as_new = match of_hidden.is_empty() {
        true => Vec::new(),
        false => database.validate_as_new(user, &of_hidden).await?,
    }
    .into_iter();
    let told = updates.iter().zip(verdicts).map(|(update, verdict)| match verdict {
        Err(Denied::Hidden) => Err(match as_new.next() {
            Some(Err(failure)) => failure,
            _ => taken(update),
        }),
        verdict => verdict.map_err(|denied| denied.told(&update.kind)),
    });
    Ok(told.collect())
}

fn is_hidden(verdict: &Result<(), Denied>) -> bool {
    matches!(verdict, Err(Denied::Hidden))
}

/// What the shard would say of a new document with a stub, and else that the id is taken.
fn taken(update: &Update) -> UpdateFailure {
    let stub = update.attachments.iter().find_map(|attachment| match attachment {
        UpdateAttachment::Stub { name, .. } => Some(name.clone()),
        UpdateAttachment::New(_) => None,
    });
    match stub {
        Some(name) => UpdateFailure::MissingStub { id: update.id.clone(), name },
        None => Denied::Hidden.told(&update.kind),
    }
}

/// Those of some edits that nothing was said against, with their places.
fn permitted(asked: &mut Vec<Update>, verdicts: &UpdateVerdicts) -> (Vec<usize>, Vec<Update>) {
    let asked = std::mem::take(asked).into_iter().enumerate().zip(verdicts);
    asked.filter_map(|(update, verdict)| verdict.is_ok().then_some(update)).unzip()
}

/// Puts verdicts to their places.
fn put(
    mut verdicts: UpdateVerdicts,
    told: impl Iterator<Item = (usize, Result<(), UpdateFailure>)>,
) -> UpdateVerdicts {
    for (place, verdict) in told {
        if let Some(slot) = verdicts.get_mut(place) {
            *slot = verdict;
        }
    }
    verdicts
}

/// Asks the database about those edits alone that its reader may make: of `asked`, what `verdicts` let through.
/// What it makes of them stands in `updates` then.
pub(in crate::node_service) async fn ask_about_permitted(
    database: &dyn Database,
    user: &User,
    (mut asked, verdicts): (Vec<Update>, UpdateVerdicts),
    updates: &mut [Update],
) -> Result<Option<UpdateVerdicts>, Failure> {
    let (places, mut allowed) = permitted(&mut asked, &verdicts);
    let told = match allowed.is_empty() {
        true => None,
        false => database.validate(user, &mut allowed).await?,
    };
    let is_asked = told.is_some();
    for (place, update) in places.iter().zip(allowed) {
        if let Some(slot) = updates.get_mut(*place) {
            *slot = update;
        }
    }
    let verdicts = put(verdicts, places.into_iter().zip(told.unwrap_or_default()));
    let is_refused = verdicts.iter().any(Result::is_err);
    Ok((is_asked || is_refused).then_some(verdicts))
}

//! Edits of somebody who is no admin, before they are handed to the shards: functions of design documents are
//! asked about those alone that permissions let through, since they see what is stored. The shards decide
//! once more, where no other edit comes in between.

use refuge_http::{Database, Failure, Update, UpdateVerdicts, User};
use refuge_storage::Snapshot;

use crate::node_service::database::OpenDatabase;
use crate::node_service::reading::Reading;
use crate::shard;
use crate::shard::readers::Principals;

pub(in crate::node_service) async fn validate(
    open: &OpenDatabase,
    (user, principals): (&User, &Principals),
    updates: &mut [Update],
) -> Result<Option<UpdateVerdicts>, Failure> {
    let (database, principals) = (open.record.id, Principals::clone(principals));
    let mut asked = updates.to_vec();
    let job = move |snapshot: &Snapshot| {
        let verdicts = shard::permit(snapshot, database, &mut asked, &principals)?;
        Ok((asked, verdicts))
    };
    let (asked, verdicts) = open.read(Reading::Scan, job).await?;
    ask_about_permitted(open, user, (asked, verdicts), updates).await
}

/// Asks the database about those edits alone that its reader may make: of `asked`, what `verdicts` let through.
/// What it makes of them stands in `updates` then.
pub(in crate::node_service) async fn ask_about_permitted(
    database: &dyn Database,
    user: &User,
    (asked, mut verdicts): (Vec<Update>, UpdateVerdicts),
    updates: &mut [Update],
) -> Result<Option<UpdateVerdicts>, Failure> {
    let (places, mut allowed): (Vec<usize>, Vec<Update>) = asked
        .into_iter()
        .enumerate()
        .zip(&verdicts)
        .filter_map(|(update, verdict)| verdict.is_ok().then_some(update))
        .unzip();
    let told = match allowed.is_empty() {
        true => None,
        false => database.validate(user, &mut allowed).await?,
    };
    let is_asked = told.is_some();
    let mut told = told.unwrap_or_default().into_iter();
    for (place, update) in places.into_iter().zip(allowed) {
        if let Some(slot) = updates.get_mut(place) {
            *slot = update;
        }
        if let (Some(slot), Some(verdict)) = (verdicts.get_mut(place), told.next()) {
            *slot = verdict;
        }
    }
    let is_refused = verdicts.iter().any(Result::is_err);
    Ok((is_asked || is_refused).then_some(verdicts))
}

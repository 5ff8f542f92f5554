//! Edits on their way to a database: the functions of its design documents are asked first. What they are
//! asked, and how, is the database's.

use crate::failure::Failure;
use crate::node::{Database, Update, UpdateFailure, UpdateResult, UpdateVerdicts};
use crate::user::User;

/// Applies the edits of `user` that the design documents of the database allow; results in the order of
/// `updates`.
///
/// # Errors
/// Where nothing was stored for a reason that concerns all of them.
pub async fn update_as(
    database: &dyn Database,
    user: &User,
    mut updates: Vec<Update>,
) -> Result<Vec<UpdateResult>, Failure> {
    let Some(verdicts) = database.validate(user, &mut updates).await? else {
        return database.update(updates).await;
    };
    let (allowed, refusals) = part(updates, verdicts);
    let mut stored = match allowed.is_empty() {
        true => Vec::new(),
        false => database.update(allowed).await?,
    }
    .into_iter();
    let results = refusals.into_iter().map(|refusal| match refusal {
        Some(failure) => Err(failure),
        None => stored.next().unwrap_or_else(|| Err(unanswered())),
    });
    Ok(results.collect())
}

/// Hands one edit of `user` over that the design documents of the database allow, and does not wait for its
/// commit.
pub(crate) async fn update_later_as(
    database: &dyn Database,
    user: &User,
    update: Update,
) -> Result<(), Failure> {
    let mut updates = vec![update];
    if let Some(verdicts) = database.validate(user, &mut updates).await? {
        verdicts.into_iter().collect::<Result<(), UpdateFailure>>()?;
    }
    database.update_later(updates).await
}

/// The edits that are allowed, and for each edit why it is not.
fn part(
    updates: Vec<Update>,
    verdicts: UpdateVerdicts,
) -> (Vec<Update>, Vec<Option<UpdateFailure>>) {
    let mut verdicts = verdicts.into_iter();
    let (mut allowed, mut refusals) = (Vec::new(), Vec::with_capacity(updates.len()));
    for update in updates {
        match verdicts.next().unwrap_or_else(|| Err(unanswered())) {
            Ok(()) => {
                allowed.push(update);
                refusals.push(None);
            }
            Err(failure) => refusals.push(Some(failure)),
        }
    }
    (allowed, refusals)
}

fn unanswered() -> UpdateFailure {
    let reason = "the database gave no answer to an edit";
    UpdateFailure::Failed(std::sync::Arc::new(Failure::Internal(reason.to_owned())))
}

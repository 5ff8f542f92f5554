//! What no node has is made: the function `on_demand` of the design document that is set for the database
//! is called with the id and the request, and what it returns is stored as a new edit of the one who asked.

use std::sync::Arc;

use refuge_http::{Database as _, Failure, User, made_update, update_as};
use refuge_mesh::WantedDocument;
use refuge_otp::Names;

use super::{AskOutcome, Making};
use crate::node_service::{self, OpenDatabase};

/// What came of it. Whatever went wrong is logged; who asked hears that the document is missing.
pub(super) async fn make(
    names: &Names,
    (name, document): (&str, &WantedDocument),
    (function, making): (&str, Making),
) -> AskOutcome {
    let design = format!("_design/{function}");
    let made = match call(names, (name, document), (&design, &making.request)).await {
        Ok(Some((open, text))) => {
            let user = User { name: making.asker.name, roles: making.asker.roles };
            let stored = store(names, open, &user, (&document.id, text)).await;
            stored.map_err(|failure| (if_not_stored(&failure), failure))
        }
        Ok(None) => Ok(AskOutcome::Missed),
        Err(failure) => Err((if_not_called(&failure), failure)),
    };
    made.unwrap_or_else(|(outcome, failure)| {
        let id = &document.id;
        tracing::info!(database = name, id, design, %failure, "no document was made on demand");
        outcome
    })
}

/// The database, and what the function returns, if it returns something.
async fn call(
    names: &Names,
    (name, document): (&str, &WantedDocument),
    (design, request): (&str, &str),
) -> Result<Option<(Arc<OpenDatabase>, String)>, Failure> {
    let open = node_service::open(names, name).await?;
    if open.instance() != document.database {
        return Err(Failure::NoDatabase);
    }
    let made = node_service::make_document(&open, design, (&document.id, request)).await?;
    Ok(made.map(|text| (open, text)))
}

async fn store(
    names: &Names,
    open: Arc<OpenDatabase>,
    user: &User,
    (id, text): (&str, String),
) -> Result<AskOutcome, Failure> {
    // Nodes and the function took a while: what became known here meanwhile, a deletion above all, counts more.
    if let Some(known) = known(&open, id).await? {
        return Ok(known);
    }
    if !open.security().is_member(user) {
        let reason = "who asked for it is no member of the database any more";
        return Err(Failure::Forbidden(reason.to_owned()));
    }
    let database = Arc::clone(&open).seen_by(user).await?;
    let limits = &node_service::rules(names).limits;
    let update = made_update(database.as_ref(), limits, user, (id, text)).await?;
    for stored in update_as(database.as_ref(), user, vec![update]).await? {
        match stored.map_err(Failure::from) {
            Ok(_) => {}
            // Somebody else wrote it in this moment, or wrote and deleted it: nothing was stored.
            Err(Failure::Conflict) => {
                return Ok(known(&open, id).await?.unwrap_or(AskOutcome::Unanswered));
            }
            Err(failure) => return Err(failure),
        }
    }
    Ok(AskOutcome::Here)
}

/// What there is to say of a document of which something is known here.
async fn known(open: &OpenDatabase, id: &str) -> Result<Option<AskOutcome>, Failure> {
    let known = open.winner(id).await?;
    let told = |deleted| if deleted { AskOutcome::Unwanted } else { AskOutcome::Here };
    Ok(known.map(|known| told(known.leaf.deleted)))
}

/// A function that refuses somebody may make it for another.
fn if_not_called(failure: &Failure) -> AskOutcome {
    match failure {
        Failure::NoDatabase => AskOutcome::Unwanted,
        Failure::Forbidden(_) | Failure::Unauthorized(_) => AskOutcome::Unanswered,
        failure if failure.passes() => AskOutcome::Unanswered,
        _ => AskOutcome::Missed,
    }
}

/// As with what another node has: whoever asks next may be allowed to store it. What is no document is none for
/// anybody.
fn if_not_stored(failure: &Failure) -> AskOutcome {
    match failure {
        Failure::NoDatabase => AskOutcome::Unwanted,
        Failure::BadRequest(_)
        | Failure::Invalid { .. }
        | Failure::TooLarge { .. }
        | Failure::MissingStub(_) => AskOutcome::Missed,
        _ => AskOutcome::Unanswered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(status: u16) -> Failure {
        Failure::Function { status, error: "timeout".to_owned(), reason: "it loops".to_owned() }
    }

    #[test]
    fn a_function_that_fails_is_a_miss_and_one_that_refuses_is_none() {
        let missing = Failure::NotFound("missing".to_owned());
        for failure in [failed(500), missing, Failure::BadRequest("no function".to_owned())] {
            assert_eq!(if_not_called(&failure), AskOutcome::Missed, "{failure}");
        }
        for failure in [
            Failure::Forbidden("not for you".to_owned()),
            Failure::Unauthorized("who are you?".to_owned()),
            crate::unavailable(),
        ] {
            assert_eq!(if_not_called(&failure), AskOutcome::Unanswered, "{failure}");
        }
    }

    #[test]
    fn a_document_that_is_refused_is_no_miss_and_what_is_no_document_is_one() {
        for failure in [Failure::Forbidden("no".to_owned()), failed(500), crate::unavailable()] {
            assert_eq!(if_not_stored(&failure), AskOutcome::Unanswered, "{failure}");
        }
        let nonsense = Failure::BadRequest("Document must be a JSON object".to_owned());
        assert_eq!(if_not_stored(&nonsense), AskOutcome::Missed);
        assert_eq!(if_not_stored(&Failure::NoDatabase), AskOutcome::Unwanted);
    }
}

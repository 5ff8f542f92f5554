//! The edit that stores a document which a function of a design document made because somebody asked for it.
//! When that is done is not decided here.

use refuge_document::{EditKind, Incoming, check_document_id};

use crate::access::check_write;
use crate::failure::Failure;
use crate::limits::Limits;
use crate::node::{Database, Update};
use crate::partitions;
use crate::update::{self, Edits};
use crate::user::User;

/// The edit that puts `text`, a document as a function returned it for the id, where nothing is yet. `_id` is
/// absent or the id; attachments come with their bytes. It is a conflict where anything is known of the id when
/// it is stored: a deletion is not undone by it.
///
/// # Errors
/// Where the text is no such document, or the user may not write it.
pub async fn made_update(
    database: &dyn Database,
    limits: &Limits,
    user: &User,
    (id, text): (&str, String),
) -> Result<Update, Failure> {
    check_document_id(id)?;
    partitions::check_id(database, id)?;
    check_write(database, user, id)?;
    let mut incoming = update::parse(text.into()).await?;
    check(id, &incoming)?;
    incoming.id = None;
    let id = id.to_owned();
    let update = update::prepare(database, limits, id, incoming, Edits::New, Vec::new()).await?;
    Ok(Update { kind: EditKind::First, ..update })
}

fn check(id: &str, incoming: &Incoming) -> Result<(), Failure> {
    let wrong = |reason: &str| Err(Failure::BadRequest(reason.to_owned()));
    if incoming.id.as_ref().is_some_and(|told| told != id) {
        return wrong("the `_id` of what is made is absent, or the id that was asked for");
    }
    if incoming.revision.is_some() || incoming.revisions.is_some() {
        return wrong("what is made is new: it has neither `_rev` nor `_revisions`");
    }
    if incoming.deleted {
        return wrong("what is made is not `_deleted`: return null to make nothing");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use refuge_document::parse_document;

    use super::*;

    #[test]
    fn what_is_made_is_new_and_has_the_id_that_was_asked_for() {
        let told = |text: &str| check("a", &parse_document(text.as_bytes()).expect("a document"));
        for good in [r#"{"n":1}"#, r#"{"_id":"a"}"#, r#"{"_deleted":false}"#] {
            assert_eq!(told(good), Ok(()), "{good}");
        }
        for wrong in [
            r#"{"_id":"b"}"#,
            r#"{"_rev":"1-967a00dff5e02add41819138abb3284d"}"#,
            r#"{"_revisions":{"start":1,"ids":["967a00dff5e02add41819138abb3284d"]}}"#,
            r#"{"_deleted":true}"#,
        ] {
            assert!(matches!(told(wrong), Err(Failure::BadRequest(_))), "{wrong}");
        }
    }
}

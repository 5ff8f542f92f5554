//! The results of `_bulk_get` in one JSON object.

use refuge_document::Leaf;
use refuge_document::json::write_string;

use super::wish::{Wish, write_bad, write_missing};
use super::{Answer, Bodies, Found, LookedUp, shown};
use crate::failure::Failure;
use crate::show::show_in_stream;
use crate::stream::ReplySender;

/// What stands before all results.
pub(super) const BEGINNING: &[u8] = b"{\"results\":[";

/// What stands behind them.
pub(super) const END: &[u8] = b"]}\n";

/// Sends the result of one wish.
pub(super) async fn write(
    answer: &Answer,
    sender: &mut ReplySender,
    one: LookedUp,
    bodies: &mut Bodies,
    first: bool,
) -> Result<(), Failure> {
    let LookedUp { wish, tree, found } = one;
    let out = sender.buffer();
    if !first {
        out.push(b',');
    }
    let (id, attachments_since) = match &wish {
        Wish::Document { id, attachments_since, .. } => (id, attachments_since),
        Wish::Bad(bad) => {
            write_bad(out, bad);
            return Ok(());
        }
    };
    out.extend_from_slice(b"{\"id\":");
    write_string(out, id);
    out.extend_from_slice(b",\"docs\":[");
    let options = answer.options(attachments_since);
    for (number, found) in found.into_iter().enumerate() {
        if number > 0 {
            sender.buffer().push(b',');
        }
        let database = answer.database.as_ref();
        match (found, bodies.next(database).await?, &tree) {
            (Found::Leaf(leaf), Some(content), Some(tree)) => {
                sender.buffer().extend_from_slice(b"{\"ok\":");
                let shown = shown(id, &leaf, &content, tree);
                show_in_stream(sender, database, shown, &options).await?;
                sender.buffer().push(b'}');
            }
            (Found::Leaf(Leaf { revision, .. }) | Found::Missing(revision), _, _) => {
                write_missing(sender.buffer(), id, &revision.to_string());
            }
            (Found::Unknown, _, _) => write_missing(sender.buffer(), id, "undefined"),
        }
    }
    sender.buffer().extend_from_slice(b"]}");
    Ok(())
}

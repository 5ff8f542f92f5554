//! `_peers`, the database of the nodes that this one knows, is no end of a replication: whom to trust
//! is decided on each node. What its documents say is not looked at here.

use hyper::Method;

use crate::failure::Failure;
use crate::node::Database;
use crate::request::Request;
use crate::router::Part;

/// Its name.
pub(crate) const PEERS: &str = "_peers";

/// Refuses what only replicators ask of it; any other database is let through.
pub(crate) fn check(request: &Request, name: &str, part: &Part<'_>) -> Result<(), Failure> {
    if name != PEERS {
        return Ok(());
    }
    if *part == Part::Purge {
        return Err(Failure::Forbidden(
            "documents of _peers are not purged: delete them instead".to_owned(),
        ));
    }
    if *part == Part::Options && request.method == Method::PUT {
        return Err(Failure::Forbidden("_peers has no options: peers do not expire".to_owned()));
    }
    if matches!(part, Part::Uploads { .. }) {
        return Err(Failure::Forbidden("documents of _peers have no attachments".to_owned()));
    }
    let refused = match part {
        Part::BulkGet | Part::RevisionsDifference | Part::MissingRevisions => true,
        Part::Local { .. } => !matches!(request.method, Method::GET | Method::HEAD),
        Part::Changes => {
            let is_style = |name: &str| name.eq_ignore_ascii_case("style");
            request.query.iter().any(|(name, value)| is_style(name) && value == "all_docs")
        }
        _ => false,
    };
    if refused { Err(refusal()) } else { Ok(()) }
}

/// Refuses to write what a replicator writes: edits that were made elsewhere, and checkpoints.
pub(crate) fn check_replicated(database: &dyn Database) -> Result<(), Failure> {
    if database.name() == PEERS { Err(refusal()) } else { Ok(()) }
}

fn refusal() -> Failure {
    Failure::Forbidden("_peers is no end of a replication".to_owned())
}

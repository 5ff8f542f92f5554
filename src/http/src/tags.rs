//! Entity tags (RFC 9110, sections 8.8.3 and 13.1.2): those of answers about a whole database, and
//! `If-None-Match`. Those of documents are their revisions and stand elsewhere.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use hyper::header::{ETAG, HeaderValue, IF_NONE_MATCH};

use crate::failure::Failure;
use crate::node::Database;
use crate::reply::Reply;
use crate::request::Request;

/// The tag of an answer that changes with the database's documents alone.
pub(crate) async fn of_database(database: &Arc<dyn Database>) -> Result<String, Failure> {
    let sequence = database.outline().await?.update_sequence;
    Ok(of_sequence(database.as_ref(), sequence))
}

/// The same where the update sequence is known.
pub(crate) fn of_sequence(database: &dyn Database, sequence: u64) -> String {
    format!("\"{sequence}-{}\"", database.instance())
}

/// The tag of an answer whose text is at hand.
pub(crate) fn of_text(text: &[u8]) -> String {
    // Keys that stay the same: a tag outlives the node's process.
    let mut hasher = DefaultHasher::new();
    hasher.write(text);
    format!("\"{:016x}\"", hasher.finish())
}

/// Whether the client says that it has the answer of this tag already.
pub(crate) fn is_known(request: &Request, tag: &str) -> bool {
    request.header(IF_NONE_MATCH).is_some_and(|header| names(header, tag))
}

/// Puts a tag on an answer.
pub(crate) fn tagged(mut reply: Reply, tag: &str) -> Reply {
    if let Ok(value) = HeaderValue::from_str(tag) {
        reply.headers_mut().insert(ETAG, value);
    }
    reply
}

/// Whether the header names `tag` (with its quotes); weak tags are compared as strong ones.
pub(crate) fn names(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn tags_are_found_in_lists() {
        assert!(names("\"1-a\"", "\"1-a\""));
        assert!(names("\"2-b\", W/\"1-a\"", "\"1-a\""));
        assert!(names("*", "\"1-a\""));
        assert!(!names("\"1-ab\"", "\"1-a\""));
    }
}

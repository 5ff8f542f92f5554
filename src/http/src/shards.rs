//! `GET /{db}/_shards`, `GET /{db}/_shards/{docid}` and `POST /{db}/_sync_shards`: how a database is
//! divided (CouchDB documentation, "api/database/shard"). Which document goes where is the database's.

use std::ops::RangeInclusive;

use hyper::{Method, StatusCode};
use refuge_document::json::write_string;

use crate::failure::Failure;
use crate::node::{Database, NODE_NAME};
use crate::reply::{self, Reply, allow};
use crate::request::Request;

/// `GET /{db}/_shards`.
pub(crate) async fn all(request: &Request, database: &dyn Database) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let shards = database.outline().await?.shards;
    let mut text = b"{\"shards\":{".to_vec();
    for number in 0..shards {
        if number > 0 {
            text.push(b',');
        }
        write_string(&mut text, &range_text(number, shards));
        text.push(b':');
        write_nodes(&mut text);
    }
    text.extend_from_slice(b"}}");
    Ok(reply::json(StatusCode::OK, text))
}

/// `GET /{db}/_shards/{docid}`.
pub(crate) async fn of_document(
    request: &Request,
    database: &dyn Database,
    id: &str,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let shards = database.outline().await?.shards;
    let mut text = b"{\"range\":".to_vec();
    write_string(&mut text, &range_text(database.shard_of(id), shards));
    text.extend_from_slice(b",\"nodes\":");
    write_nodes(&mut text);
    text.push(b'}');
    Ok(reply::json(StatusCode::OK, text))
}

/// `POST /{db}/_sync_shards`: all of a database is on this node, so its shards are in step.
pub(crate) fn synchronise(request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::POST], "POST")?;
    Ok(reply::ok(StatusCode::ACCEPTED))
}

fn write_nodes(out: &mut Vec<u8>) {
    out.push(b'[');
    write_string(out, NODE_NAME);
    out.push(b']');
}

fn range_text(number: u16, shards: u16) -> String {
    let range = range(number, shards);
    format!("{:08x}-{:08x}", range.start(), range.end())
}

/// The part of 32-bit hashes that a shard has: as many equal parts as there are shards, as CouchDB
/// cuts them.
fn range(number: u16, shards: u16) -> RangeInclusive<u32> {
    let step = (u64::from(u32::MAX) + 1) / u64::from(shards.max(1));
    let begin = step * u64::from(number);
    let end = if number + 1 >= shards { u64::from(u32::MAX) } else { begin + step - 1 };
    u32::try_from(begin).unwrap_or(u32::MAX)..=u32::try_from(end).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ranges_cover_all_hashes() {
        assert_eq!(range_text(0, 1), "00000000-ffffffff");
        assert_eq!(range_text(0, 2), "00000000-7fffffff");
        assert_eq!(range_text(1, 2), "80000000-ffffffff");
        for shards in 1..=64 {
            let mut next = 0;
            for number in 0..shards {
                let range = range(number, shards);
                assert_eq!(u64::from(*range.start()), next, "{number} of {shards}");
                next = u64::from(*range.end()) + 1;
            }
            assert_eq!(next, 1 << 32);
        }
    }
}

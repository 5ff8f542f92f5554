//! `GET` and `PUT /{db}/_options`: what refuge lets be set for a database beside CouchDB's settings.
//!
//! `{"ttl": false, "tombstone_days": null}`: whether documents may have `_expires`, and after how many
//! days a tombstone is purged (a fraction is good, 0 is never, `null` is as the node does). `PUT` replaces
//! the whole object; what is left out gets its default.

use hyper::{Method, StatusCode};

use crate::access::check_admin;
use crate::failure::Failure;
use crate::limits;
use crate::node::{Database, DatabaseOptions};
use crate::reply::{self, Reply};
use crate::request::Request;

/// Longer than anybody keeps anything, and far from the end of what the storage can count.
const MOST_DAYS: f64 = 100_000.0;

/// Answers with the options, or replaces them; they are in force at once.
pub(crate) async fn options(
    request: &mut Request,
    database: &dyn Database,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => reply::json_value(StatusCode::OK, &database.options()),
        Method::PUT => {
            check_admin(&database.security(), &request.user)?;
            let text = request.json_bytes(limits::SMALL_JSON_BYTES).await?;
            database.set_options(parse(&text)?).await?;
            Ok(reply::ok(StatusCode::OK))
        }
        _ => Err(Failure::MethodNotAllowed("GET,HEAD,PUT")),
    }
}

fn parse(text: &[u8]) -> Result<DatabaseOptions, Failure> {
    // An array would be read as the members in their order.
    if !text.trim_ascii_start().starts_with(b"{") {
        return Err(Failure::BadRequest("Request body must be a JSON object".to_owned()));
    }
    let options: DatabaseOptions =
        serde_json::from_slice(text).map_err(|error| Failure::BadRequest(error.to_string()))?;
    let days = options.tombstone_days.unwrap_or_default();
    if !(0.0..=MOST_DAYS).contains(&days) {
        return Err(Failure::BadRequest(format!(
            "`tombstone_days` is a number from 0 (never) to {MOST_DAYS}"
        )));
    }
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_gets_its_default() {
        assert_eq!(parse(b"{}"), Ok(DatabaseOptions::default()));
        let options = parse(br#"{"ttl": true, "tombstone_days": 0.5}"#).expect("good");
        assert_eq!(options, DatabaseOptions { ttl: true, tombstone_days: Some(0.5) });
        assert_eq!(parse(br#"{"tombstone_days": null}"#), Ok(DatabaseOptions::default()));
    }

    #[test]
    fn what_is_not_known_or_not_of_its_kind_is_refused() {
        for text in [
            r#"{"tll": true}"#,
            r#"{"ttl": 1}"#,
            r#"{"tombstone_days": -1}"#,
            r#"{"tombstone_days": 1e9}"#,
            "[]",
            "{",
        ] {
            let failure = parse(text.as_bytes()).expect_err(text);
            assert_eq!(failure.status().0.as_u16(), 400, "{text}");
        }
    }
}

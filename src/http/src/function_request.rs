//! A request as functions of design documents see it, in CouchDB's shape (CouchDB documentation,
//! "json-structure", "Request object"). Credentials are left out: whoever writes a design document is not
//! to learn the passwords of those who ask.

use std::collections::BTreeMap;

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HeaderName, PROXY_AUTHORIZATION};
use refuge_document::sequence_text;
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::node::Database;
use crate::query::{Query, decode_component};
use crate::request::{Request, path_segments};
use crate::user::User;

/// What is told beside the request itself.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told<'a> {
    /// Id of the document that is asked for.
    pub(crate) id: Option<&'a str>,
    /// A new identifier.
    pub(crate) uuid: Option<&'a str>,
    /// The request's body, where it was read.
    pub(crate) body: Option<&'a [u8]>,
}

/// The request as JSON.
pub(crate) async fn describe(
    request: &Request,
    database: &dyn Database,
    told: Told<'_>,
) -> Result<String, Failure> {
    let path = path_segments(&request.uri, request.limits())?;
    let raw = request.uri.path_and_query().map_or("/", |path| path.as_str());
    let requested = path_before_rewrites(request);
    let requested = requested.split('?').next().unwrap_or_default().split('/');
    let requested: Vec<_> =
        requested.filter(|part| !part.is_empty()).map(decode_component).collect();
    let form = match (request.content_type().as_str(), told.body) {
        ("application/x-www-form-urlencoded", Some(body)) => {
            pairs(Query::parse(Some(&String::from_utf8_lossy(body))).iter())
        }
        _ => Map::new(),
    };
    let body = told.body.filter(|body| !body.is_empty());
    let described = json!({
        "info": info(database).await?,
        "id": told.id,
        "uuid": told.uuid,
        "method": request.method.as_str(),
        "requested_path": requested,
        "path": path,
        "raw_path": raw,
        "query": pairs(request.query.iter()),
        "headers": headers(&request.headers, &request.rules.authentication.proxy.token),
        "body": body.map_or_else(|| "undefined".into(), String::from_utf8_lossy),
        "peer": request.session.peer().address.ip().to_string(),
        "form": form,
        "cookie": cookies(&request.headers),
        "userCtx": user_context(database, &request.user),
        "secObj": database.security().as_ref(),
    });
    Ok(described.to_string())
}

/// The request for the feed of changes that a reader of this process would send, were it a client.
pub(crate) async fn of_changes(
    database: &dyn Database,
    parameters: &BTreeMap<String, String>,
    user: &User,
) -> Result<String, Failure> {
    let path = [database.name(), "_changes"];
    let query = parameters.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let described = json!({
        "info": info(database).await?,
        "id": null,
        "uuid": null,
        "method": "GET",
        "requested_path": path,
        "path": path,
        "raw_path": format!("/{}", path.join("/")),
        "query": pairs(query),
        "headers": {},
        "body": "undefined",
        "peer": "127.0.0.1",
        "form": {},
        "cookie": {},
        "userCtx": user_context(database, user),
        "secObj": database.security().as_ref(),
    });
    Ok(described.to_string())
}

async fn info(database: &dyn Database) -> Result<Value, Failure> {
    let information = database.information().await?;
    let sequence = |number| sequence_text(number, database.instance());
    let counted = |count: u64| (!information.uncounted).then_some(count);
    Ok(json!({
        "db_name": database.name(),
        "update_seq": sequence(information.update_sequence),
        "purge_seq": sequence(information.purge_sequence),
        "doc_count": counted(information.documents),
        "doc_del_count": counted(information.deleted_documents),
        "instance_start_time": information.instance_start_seconds.to_string(),
    }))
}

fn user_context(database: &dyn Database, user: &User) -> Value {
    json!({ "db": database.name(), "name": user.name, "roles": user.roles })
}

/// The path and the parameters of a request as its client sent it, before virtual hosts and rewrites changed
/// them.
pub(crate) fn path_before_rewrites(request: &Request) -> &str {
    let vhost = request.header("x-couchdb-vhost-path");
    let told = vhost.or_else(|| request.header("x-couchdb-requested-path"));
    told.unwrap_or_else(|| request.uri.path_and_query().map_or("/", |path| path.as_str()))
}

fn pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Map<String, Value> {
    pairs.map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// Headers under the names that CouchDB gives them: `Content-Type`. What a proxy proves itself with is as
/// good as a password.
fn headers(headers: &HeaderMap, token: &HeaderName) -> Map<String, Value> {
    let hidden = [&AUTHORIZATION, &PROXY_AUTHORIZATION, &COOKIE, token];
    let shown = headers.iter().filter(|(name, _)| !hidden.contains(name));
    shown
        .filter_map(|(name, value)| {
            let value = value.to_str().ok()?;
            Some((capitalised(name.as_str()), value.into()))
        })
        .collect()
}

fn capitalised(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// Cookies but the one that is a credential.
fn cookies(headers: &HeaderMap) -> Map<String, Value> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let cookies =
        lines.flat_map(|line| line.split(';')).filter_map(|cookie| cookie.split_once('='));
    let cookies = cookies.map(|(name, value)| (name.trim(), decode_component(value.trim())));
    cookies
        .filter(|(name, _)| *name != "AuthSession")
        .map(|(name, value)| (name.to_owned(), value.into()))
        .collect()
}

#[cfg(test)]
mod tests {
    use hyper::header::CONTENT_TYPE;

    use super::*;

    #[test]
    fn headers_have_couchdbs_names_and_credentials_are_left_out() {
        let mut given = HeaderMap::new();
        for (name, value) in [
            ("x-my-header", "1"),
            ("accept", "*/*"),
            ("authorization", "Basic x"),
            ("x-token", "secret"),
        ] {
            given.insert(name, value.parse().expect("a value"));
        }
        given.insert(CONTENT_TYPE, "text/plain".parse().expect("a value"));
        let expected = json!({"X-My-Header": "1", "Accept": "*/*", "Content-Type": "text/plain"});
        let token = HeaderName::from_static("x-token");
        assert_eq!(Value::Object(headers(&given, &token)), expected);
    }

    #[test]
    fn cookies_are_told_but_the_session() {
        let mut given = HeaderMap::new();
        given.insert(COOKIE, "a=1; AuthSession=secret; b=x%20y".parse().expect("a value"));
        assert_eq!(Value::Object(cookies(&given)), json!({"a": "1", "b": "x y"}));
    }
}

//! `/{db}/_design/{ddoc}/_rewrite/{path}`: a design document leads a request to another path, by a list of rules
//! or by a function (CouchDB documentation, "api/ddoc/rewrites"). The request is changed in place and goes
//! through the router again: with the same user, so a rewrite reaches nothing that its sender could not ask for.

mod rules;

use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, COOKIE, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, TRANSFER_ENCODING,
};
use hyper::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::Value;

use self::rules::{insecure, rewrite_error};
use crate::access::check_member;
use crate::databases;
use crate::failure::Failure;
use crate::function_request::{self, Told, path_before_rewrites};
use crate::functions::answered;
use crate::node::{Database, FunctionAnswer, FunctionRewrite, Node};
use crate::query::{Query, encode_segment};
use crate::reply::Reply;
use crate::request::{Request, with_path};

/// The names in the path of a rewrite.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RewritePath<'a> {
    /// Name of the database.
    pub(crate) database: &'a str,
    /// Name of the design document, without `_design/`.
    pub(crate) design: &'a str,
    /// What stands behind `_rewrite`, decoded.
    pub(crate) rest: &'a [String],
}

/// What of a design document is looked at here.
#[derive(Deserialize)]
struct Design {
    rewrites: Option<Value>,
}

/// Leads a request on, which has then to be routed anew; or answers it, where a function does.
pub(crate) async fn rewrite(
    node: &Arc<dyn Node>,
    request: &mut Request,
    path: RewritePath<'_>,
) -> Result<Option<Reply>, Failure> {
    let database = databases::open(node.as_ref(), path.database).await?;
    check_member(&database.security(), &request.user)?;
    let database = database.seen_by(&request.user).await?;
    let secure = request.rules.rewrites.secure;
    match rewrites_of(database.as_ref(), path.design).await? {
        Some(Value::Array(rules)) => {
            // As in CouchDB the rules of GET are those of HEAD.
            let head = request.method == Method::HEAD;
            let method = if head { Method::GET } else { request.method.clone() };
            let asked = (method.as_str(), path.rest, &request.query);
            let target = rules::apply(&rules, asked, secure)?;
            let target = target.ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
            lead(request, path, &target, secure)?;
            Ok(None)
        }
        Some(Value::String(_)) => by_function(request, database.as_ref(), path, secure).await,
        _ => Err(no_rewrite()),
    }
}

async fn rewrites_of(database: &dyn Database, design: &str) -> Result<Option<Value>, Failure> {
    let missing = |reason: &str| Failure::NotFound(reason.to_owned());
    let found = database.winner(&format!("_design/{design}")).await?;
    let found = found.ok_or_else(|| missing("missing"))?;
    if found.leaf.deleted {
        return Err(missing("deleted"));
    }
    let content = found.content.ok_or_else(|| missing("missing"))?;
    let design: Design = serde_json::from_slice(content.body.as_bytes())
        .map_err(|error| Failure::Internal(error.to_string()))?;
    Ok(design.rewrites)
}

fn no_rewrite() -> Failure {
    Failure::Function {
        status: 404,
        error: "rewrite_error".to_owned(),
        reason: "Invalid path.".to_owned(),
    }
}

async fn by_function(
    request: &mut Request,
    database: &dyn Database,
    path: RewritePath<'_>,
    secure: bool,
) -> Result<Option<Reply>, Failure> {
    // The function sees the body; the request that it makes has it as it was sent.
    let most = request.limits().max_json_size;
    let body = request.body.collect(&HeaderMap::new(), most).await?;
    request.body.put_back(body.clone());
    let told = Told { id: None, uuid: None, body: Some(&body) };
    let described = function_request::describe(request, database, told).await?;
    let design = format!("_design/{}", path.design);
    let made = database.rewrite(&design, described).await?.ok_or_else(no_rewrite)?;
    if let Some(status) = made.code {
        let body = made.body.map_or_else(|| body.to_vec(), String::into_bytes);
        return Ok(Some(answered(FunctionAnswer { status, headers: made.headers, body })));
    }
    take(request, path, made, secure)?;
    Ok(None)
}

/// Makes the request that a function wants.
fn take(
    request: &mut Request,
    path: RewritePath<'_>,
    made: FunctionRewrite,
    secure: bool,
) -> Result<(), Failure> {
    let target =
        made.path.ok_or_else(|| rewrite_error("Rewrite result must produce a new path."))?;
    let target = match made.query {
        Some(query) => {
            let pair = |(name, value): &(String, String)| {
                format!("{}={}", encode_segment(name), encode_segment(value))
            };
            let query = query.iter().map(pair).collect::<Vec<_>>().join("&");
            if query.is_empty() { target } else { format!("{target}?{query}") }
        }
        None => match request.uri.query() {
            Some(query) => format!("{target}?{query}"),
            None => target,
        },
    };
    lead(request, path, &target, secure)?;
    if let Some(method) = made.method {
        let method = Method::from_bytes(method.to_ascii_uppercase().as_bytes());
        request.method = method.map_err(|_| rewrite_error("bad method"))?;
    }
    for (name, value) in made.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) else { continue };
        if !KEPT_HEADERS.contains(&name) {
            request.headers.insert(name, value);
        }
    }
    if let Some(body) = made.body {
        request.headers.remove(CONTENT_ENCODING);
        request.headers.insert(CONTENT_LENGTH, body.len().into());
        request.body.put_back(Bytes::from(body));
    }
    Ok(())
}

/// Headers that no function changes: they say who asks, or how the body is framed.
const KEPT_HEADERS: [HeaderName; 6] =
    [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING];

/// Changes where a request leads.
fn lead(
    request: &mut Request,
    path: RewritePath<'_>,
    target: &str,
    secure: bool,
) -> Result<(), Failure> {
    let before = path_before_rewrites(request).to_owned();
    let target = resolved(path, target, secure)?;
    let uri = with_path(&request.uri, &target);
    let uri = uri.ok_or_else(|| rewrite_error("Rewrite result is no path."))?;
    request.query = Query::parse(uri.query());
    request.uri = uri;
    if let Ok(value) = HeaderValue::from_str(&before) {
        let name = HeaderName::from_static("x-couchdb-requested-path");
        request.headers.entry(name).or_insert(value);
    }
    Ok(())
}

/// A target relative to its design document as a path from the root, without `.` and `..`.
fn resolved(path: RewritePath<'_>, target: &str, secure: bool) -> Result<String, Failure> {
    let (target, query) = match target.split_once('?') {
        Some((target, query)) => (target, Some(query)),
        None => (target, None),
    };
    let database = encode_segment(path.database);
    let design = encode_segment(path.design);
    let mut segments = vec![database.as_str(), "_design", &design];
    for segment in target.split('/') {
        // Segments are decoded behind this, but only once.
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
        if secure && segments.is_empty() {
            return Err(insecure());
        }
    }
    let mut text = format!("/{}", segments.join("/"));
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    // What a function made may hold anything.
    Ok(percent_encoding::utf8_percent_encode(&text, NOT_IN_URI).to_string())
}

/// What a URI cannot hold as it is.
const NOT_IN_URI: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests {
    use super::*;

    fn at(target: &str, secure: bool) -> Option<String> {
        let path = RewritePath { database: "db/x", design: "app", rest: &[] };
        resolved(path, target, secure).ok()
    }

    #[test]
    fn targets_are_relative_to_their_design_document() {
        assert_eq!(at("index.html", true).as_deref(), Some("/db%2Fx/_design/app/index.html"));
        assert_eq!(at("/a//./b?c=%20", true).as_deref(), Some("/db%2Fx/_design/app/a/b?c=%20"));
        assert_eq!(at("../../_all_docs?x=1", true).as_deref(), Some("/db%2Fx/_all_docs?x=1"));
        assert_eq!(at("../..", true).as_deref(), Some("/db%2Fx"));
        assert_eq!(at("a b/ü{", true).as_deref(), Some("/db%2Fx/_design/app/a%20b/%C3%BC%7B"));
    }

    #[test]
    fn nothing_leads_out_of_a_database_unless_that_is_allowed() {
        for target in ["../../../other", "a/../../../../other", "../../../db%2Fx/doc"] {
            assert_eq!(at(target, true), None, "{target}");
        }
        assert_eq!(at("../../../other/doc", false).as_deref(), Some("/other/doc"));
        assert_eq!(at("../../../../../other", false).as_deref(), Some("/other"));
    }
}

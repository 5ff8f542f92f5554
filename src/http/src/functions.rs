//! Functions of design documents that answer a request about one document: shows at
//! `/{db}/_design/{ddoc}/_show/{function}[/{docid}]` and updates at `…/_update/{function}[/{docid}]`
//! (CouchDB documentation, "api/ddoc/render").

use hyper::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use hyper::{Method, Response, StatusCode};
use refuge_document::{Rendering, check_document_id, render_document};

use crate::access::check_write;
use crate::failure::Failure;
use crate::function_request::{self, Told};
use crate::node::{Database, FunctionAnswer, FunctionCall, Node};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::stream::ReplyBody;
use crate::update::{self, Edits};

/// The names in the path of a function.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FunctionPath<'a> {
    /// Name of the design document, without `_design/`.
    pub(crate) design: &'a str,
    /// Name of the function.
    pub(crate) function: &'a str,
    /// Id of the document, where one is named.
    pub(crate) id: Option<&'a str>,
}

/// Answers with what a show makes of a document.
pub(crate) async fn show(
    node: &dyn Node,
    request: &mut Request,
    database: &dyn Database,
    path: FunctionPath<'_>,
) -> Result<Reply, Failure> {
    let allowed = [Method::GET, Method::HEAD, Method::POST];
    reply::allow(&request.method, &allowed, "GET,HEAD,POST")?;
    let call = call(node, request, database, path).await?;
    let mut reply = answered(database.show(call).await?);
    secure(&mut reply, request);
    Ok(reply)
}

/// Puts on what browsers are told of what functions make, unless the function says it itself.
pub(crate) fn secure(reply: &mut Reply, request: &Request) {
    if let Some(policy) = &request.rules.content_security.functions {
        reply.headers_mut().entry(CONTENT_SECURITY_POLICY).or_insert(policy.clone());
    }
}

/// Stores what an update makes of a document, and answers with what it says.
pub(crate) async fn update(
    node: &dyn Node,
    request: &mut Request,
    database: &dyn Database,
    path: FunctionPath<'_>,
) -> Result<Reply, Failure> {
    let call = call(node, request, database, path).await?;
    let made = database.make_update(call).await?;
    let Some(document) = made.document else {
        let mut reply = answered(made.answer);
        secure(&mut reply, request);
        return Ok(reply);
    };
    let mut incoming = update::parse(document.into()).await?;
    let id = incoming.id.take().unwrap_or_default();
    check_document_id(&id)?;
    crate::partitions::check_id(database, &id)?;
    check_write(database, &request.user, &id)?;
    let limits = request.limits();
    let edit =
        update::prepare(database, limits, id.clone(), incoming, Edits::New, Vec::new()).await?;
    let revision = update::apply(database, &request.user, edit).await?;
    let mut reply = answered(made.answer);
    secure(&mut reply, request);
    if reply.status() == StatusCode::OK {
        *reply.status_mut() = StatusCode::CREATED;
    }
    let name = HeaderName::from_static("x-couch-update-newrev");
    reply::set_text(&mut reply, name, &revision.to_string());
    reply::set_text(&mut reply, HeaderName::from_static("x-couch-id"), &id);
    Ok(reply)
}

async fn call(
    node: &dyn Node,
    request: &mut Request,
    database: &dyn Database,
    path: FunctionPath<'_>,
) -> Result<FunctionCall, Failure> {
    let body = request.bytes(request.limits().max_json_size).await?;
    let document = match path.id {
        Some(id) => document(database, id).await?,
        None => None,
    };
    let uuid = node.new_identifiers(1).pop();
    let told = Told { id: path.id, uuid: uuid.as_deref(), body: Some(&body) };
    Ok(FunctionCall {
        design: format!("_design/{}", path.design),
        function: path.function.to_owned(),
        document,
        request: function_request::describe(request, database, told).await?,
    })
}

/// The live winner as JSON; `None` where there is none.
async fn document(database: &dyn Database, id: &str) -> Result<Option<String>, Failure> {
    let Some(found) = database.winner(id).await?.filter(|found| !found.leaf.deleted) else {
        return Ok(None);
    };
    let Some(content) = found.content else { return Ok(None) };
    let mut text = Vec::new();
    let rendering = Rendering {
        attachments: &content.attachments,
        ..Rendering::new(id, &found.leaf.revision, &content.body)
    };
    render_document(&mut text, &rendering);
    Ok(String::from_utf8(text).ok())
}

/// What a function answered.
pub(crate) fn answered(answer: FunctionAnswer) -> Reply {
    let body = ReplyBody::full(answer.body.into());
    with_head(Response::new(body), answer.status, answer.headers)
}

/// The same with the status and the headers that a function gave. Headers that are none are left out, and those
/// by which HTTP frames bodies.
pub(crate) fn with_head(mut reply: Reply, status: u16, headers: Vec<(String, String)>) -> Reply {
    let status = StatusCode::from_u16(status).ok().filter(|one| !one.is_informational());
    *reply.status_mut() = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) else { continue };
        if ![CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING].contains(&name) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}

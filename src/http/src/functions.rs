//! Functions of design documents that answer a request about one document: shows at
//! `/{db}/_design/{ddoc}/_show/{function}[/{docid}]` and updates at `…/_update/{function}[/{docid}]`
//! (CouchDB documentation, "api/ddoc/render").

use hyper::header::{
    ACCEPT, CONNECTION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, ETAG, HeaderName, HeaderValue,
    TRANSFER_ENCODING, VARY,
};
use hyper::{Method, Response, StatusCode};
use refuge_document::check_document_id;

use crate::access::check_write;
use crate::failure::Failure;
use crate::function_request::{self, Told};
use crate::node::{Database, FunctionAnswer, FunctionCall, Node};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::show::{self, AttachmentBytes, ShowOptions, Shown};
use crate::stream::ReplyBody;
use crate::tags;
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
    let document = document(database, path.id).await?;
    let tag = tag_of(request, database, path, document.as_ref()).await?;
    if let Some(tag) = &tag
        && tags::is_known(request, tag)
    {
        return Ok(tags::tagged(reply::empty(StatusCode::NOT_MODIFIED), tag));
    }
    let call = call(node, request, database, (path, document)).await?;
    let mut reply = answered(database.show(call).await?);
    if let Some(tag) = &tag
        && reply.status() == StatusCode::OK
        && !reply.headers().contains_key(ETAG)
    {
        reply.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
        reply = tags::tagged(reply, tag);
    }
    secure(&mut reply, request);
    Ok(reply)
}

/// Names all that CouchDB lets a show's answer depend on; none where the request has a body, or where not all
/// documents are seen.
async fn tag_of(
    request: &Request,
    database: &dyn Database,
    path: FunctionPath<'_>,
    document: Option<&String>,
) -> Result<Option<String>, Failure> {
    if request.method == Method::POST || database.is_partial() {
        return Ok(None);
    }
    let design = database.winner(&format!("_design/{}", path.design)).await?;
    let Some(design) = design.filter(|found| !found.leaf.deleted) else { return Ok(None) };
    let (revision, accept) = (design.leaf.revision.to_string(), request.header(ACCEPT));
    let (query, user) = (request.uri.query(), &request.user);
    let document = document.map_or("", String::as_str);
    // The document's text is the last, whole: nothing else can be taken for a part of it.
    let text = format!(
        "{revision}-{path:?}-{query:?}-{accept:?}-{:?}-{:?}-{document}",
        user.name, user.roles
    );
    Ok(Some(tags::of_text(text.as_bytes())))
}

/// What is said of a path that names no function.
pub(crate) fn invalid_path(error: &str) -> Failure {
    Failure::Function { status: 404, error: error.to_owned(), reason: "Invalid path.".to_owned() }
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
    let document = document(database, path.id).await?;
    let call = call(node, request, database, (path, document)).await?;
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
    (path, document): (FunctionPath<'_>, Option<String>),
) -> Result<FunctionCall, Failure> {
    let body = request.bytes(request.limits().max_json_size).await?;
    let uuid = node.new_identifiers(1).pop();
    let told = Told { id: path.id, uuid: uuid.as_deref(), body: Some(&body) };
    Ok(FunctionCall {
        design: format!("_design/{}", path.design),
        function: path.function.to_owned(),
        document,
        request: function_request::describe(request, database, told).await?,
    })
}

/// The live winner as JSON with `_revisions` and, where there are others, `_conflicts`; `None` where there is
/// none.
async fn document(database: &dyn Database, id: Option<&str>) -> Result<Option<String>, Failure> {
    let Some(id) = id else { return Ok(None) };
    let Some(found) = database.winner(id).await?.filter(|found| !found.leaf.deleted) else {
        return Ok(None);
    };
    let Some(content) = found.content else { return Ok(None) };
    let tree = database.trees(vec![id.to_owned()]).await?.pop().flatten();
    let shown = Shown {
        id,
        revision: &found.leaf.revision,
        deleted: false,
        content: &content,
        sequence: tree.as_ref().map_or(0, |tree| tree.sequence),
        tree: tree.as_ref(),
    };
    let options = ShowOptions { revs: true, conflicts: true, ..ShowOptions::default() };
    let mut text = Vec::new();
    show::show(&mut text, database, shown, &options, AttachmentBytes::Later).await?;
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

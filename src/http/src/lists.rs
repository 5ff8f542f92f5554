//! Lists: `GET` and `POST /{db}/_design/{ddoc}/_list/{function}/{view}`, and with the view of another design
//! document `…/_list/{function}/{other-ddoc}/{view}` (CouchDB documentation, "api/ddoc/render"). A function
//! takes the rows of a view and sends pieces of an answer, and both stream: this page joins the view's pages
//! with the function and the function with the client. How the function runs is not known here.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::header::{ETAG, HeaderValue, VARY};
use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use crate::all_documents::{AskedDocuments, DocumentSource};
use crate::failure::Failure;
use crate::function_request::{self, Told};
use crate::functions::{answered, secure, with_head};
use crate::given;
use crate::node::{Database, ListCall, ListPiece, Node};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::row_sink::Handed;
use crate::stream::ReplyBody;
use crate::tags;
use crate::views::{AskedView, RowSource, ViewName};

/// Batches of rows that wait for the function.
const BATCHES_WAITING: usize = 2;
/// Pieces of the answer that wait for the client.
const PIECES_WAITING: usize = 4;

/// The names in the path of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListPath<'a> {
    /// Name of the design document that holds the function, without `_design/`.
    pub(crate) design: &'a str,
    /// Name of the function.
    pub(crate) function: &'a str,
    /// The view.
    pub(crate) view: ViewName<'a>,
}

/// What is said of a path that names no view.
pub(crate) fn invalid_path(request: &Request) -> Failure {
    match reply::allow(&request.method, &METHODS, METHOD_NAMES) {
        Err(failure) => failure,
        Ok(()) => Failure::Function {
            status: 404,
            error: "list_error".to_owned(),
            reason: "Invalid path.".to_owned(),
        },
    }
}

const METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];
const METHOD_NAMES: &str = "GET,POST,HEAD";

/// Answers with what a function makes of the rows that are asked for.
pub(crate) async fn list(
    node: &dyn Node,
    request: &mut Request,
    database: &Arc<dyn Database>,
    path: ListPath<'_>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &METHODS, METHOD_NAMES)?;
    let posted = request.method == Method::POST;
    if posted {
        request.check_json()?;
    }
    let body = request.bytes(request.limits().max_json_size).await?;
    let parameters = match posted && !body.is_empty() {
        true => given::object(&body)?,
        false => Map::new(),
    };
    let asked = Asked::open(database, path.view, &parameters, &request.query).await?;
    let tag = match posted || database.is_partial() {
        true => None,
        false => Some(tag_of(request, database.as_ref(), path, &asked).await?),
    };
    if let Some(tag) = &tag
        && tags::is_known(request, tag)
    {
        return Ok(tags::tagged(reply::empty(StatusCode::NOT_MODIFIED), tag));
    }
    let rows = asked.rows().await?;
    let uuid = node.new_identifiers(1).pop();
    let told = Told { id: None, uuid: uuid.as_deref(), body: Some(&body) };
    let described = function_request::describe(request, database.as_ref(), told).await?;
    let running = Running::begin(request, database.as_ref(), path, (rows, described)).await?;
    let mut reply = running.answer(tag.as_deref()).await?;
    secure(&mut reply, request);
    Ok(reply)
}

/// Whose rows are asked for: a view's, or under a name that no view has all documents.
enum Asked {
    View(AskedView),
    Documents(AskedDocuments),
}

impl Asked {
    async fn open(
        database: &Arc<dyn Database>,
        name: ViewName<'_>,
        body: &Map<String, Value>,
        query: &Query,
    ) -> Result<Self, Failure> {
        match name.view {
            "_all_docs" => AskedDocuments::parse(database, body, query).map(Self::Documents),
            _ => AskedView::open(database, name, body, query).await.map(Self::View),
        }
    }

    async fn state(&self) -> Result<String, Failure> {
        match self {
            Self::View(view) => view.state().await,
            Self::Documents(documents) => documents.state().await,
        }
    }

    async fn rows(self) -> Result<Source, Failure> {
        match self {
            Self::View(view) => view.rows().await.map(Source::View),
            Self::Documents(documents) => {
                documents.rows().await.map(Box::new).map(Source::Documents)
            }
        }
    }
}

/// Rows whose first are known.
enum Source {
    View(RowSource),
    Documents(Box<DocumentSource>),
}

impl Source {
    fn head(&self) -> String {
        match self {
            Self::View(rows) => rows.head(),
            Self::Documents(rows) => rows.head(),
        }
    }

    /// Hands all of them over; ends early where nobody takes them any more.
    async fn hand_over(self, mut to: Handed) -> Result<(), Failure> {
        let walked = match self {
            Self::View(rows) => rows.hand_over(&mut to).await,
            Self::Documents(rows) => rows.hand_over(&mut to).await,
        };
        let handed = match walked {
            Ok(()) => to.finish().await,
            failed => failed,
        };
        if to.is_closed() { Ok(()) } else { handed }
    }
}

/// The tag of an answer: what it shows of the view, and what its function sees of the request. As in CouchDB
/// the headers beside `Accept` do not count.
async fn tag_of(
    request: &Request,
    database: &dyn Database,
    path: ListPath<'_>,
    asked: &Asked,
) -> Result<String, Failure> {
    let design = database.winner(&format!("_design/{}", path.design)).await?;
    let design = design.filter(|found| !found.leaf.deleted);
    let design = design.ok_or_else(|| Failure::NotFound("missing".to_owned()))?;
    let revision = design.leaf.revision.to_string();
    let (state, accept) = (asked.state().await?, request.header(hyper::header::ACCEPT));
    let (query, user) = (request.uri.query(), &request.user);
    let text = format!(
        "{revision}-{}-{query:?}-{accept:?}-{:?}-{:?}-{state}",
        path.function, user.name, user.roles
    );
    Ok(tags::of_text(text.as_bytes()))
}

/// A list that runs: rows go to it while pieces come from it.
struct Running {
    /// Hands rows over until all are taken.
    rows: Option<BoxFuture<'static, Result<(), Failure>>>,
    pieces: mpsc::Receiver<ListPiece>,
}

impl Running {
    async fn begin(
        request: &Request,
        database: &dyn Database,
        path: ListPath<'_>,
        (source, described): (Source, String),
    ) -> Result<Self, Failure> {
        let (to_function, rows) = mpsc::channel(BATCHES_WAITING);
        let (from_function, pieces) = mpsc::channel(PIECES_WAITING);
        let call = ListCall {
            design: format!("_design/{}", path.design),
            function: path.function.to_owned(),
            head: source.head(),
            request: described,
            rows,
            pieces: from_function,
            patience: request.limits().list_patience,
        };
        database.list(call).await?;
        let rows = Box::pin(source.hand_over(Handed::new(to_function)));
        Ok(Self { rows: Some(rows), pieces })
    }

    /// What comes next; rows are handed over meanwhile.
    async fn next(&mut self) -> Result<ListPiece, Failure> {
        poll_fn(|context| {
            if let Some(rows) = &mut self.rows
                && let Poll::Ready(handed) = rows.as_mut().poll(context)
            {
                self.rows = None;
                handed?;
            }
            self.pieces.poll_recv(context).map(|piece| piece.ok_or_else(ended_early))
        })
        .await
    }

    /// The answer. What fails before there is anything of its body is told as any failure.
    async fn answer(mut self, tag: Option<&str>) -> Result<Reply, Failure> {
        let mut head = None;
        loop {
            match self.next().await? {
                ListPiece::Head(status, headers) => head = Some((status, headers)),
                ListPiece::Answer(answer) => return Ok(answered(answer)),
                ListPiece::Failed(failure) => return Err(failure),
                ListPiece::End => return with_tag(head, ReplyBody::empty(), tag),
                ListPiece::Text(first) => {
                    return with_tag(head, self.into_body(first), tag);
                }
            }
        }
    }

    fn into_body(mut self, first: String) -> ReplyBody {
        let body = ReplyBody::produced(None, |mut sender| async move {
            sender.send(Bytes::from(first)).await?;
            loop {
                match self.next().await? {
                    ListPiece::Text(text) => sender.send(Bytes::from(text)).await?,
                    ListPiece::End => return Ok(()),
                    ListPiece::Failed(failure) => return Err(failure),
                    ListPiece::Head(..) | ListPiece::Answer(_) => return Err(ended_early()),
                }
            }
        });
        body.packable()
    }
}

fn with_tag(
    head: Option<(u16, Vec<(String, String)>)>,
    body: ReplyBody,
    tag: Option<&str>,
) -> Result<Reply, Failure> {
    let (status, headers) = head.ok_or_else(ended_early)?;
    let mut reply = with_head(Response::new(body), status, headers);
    if let Some(tag) = tag
        && reply.status() == StatusCode::OK
        && !reply.headers().contains_key(ETAG)
    {
        reply.headers_mut().append(VARY, HeaderValue::from_static("Accept"));
        return Ok(tags::tagged(reply, tag));
    }
    Ok(reply)
}

/// The function's thread is gone, or the client did not read for too long.
fn ended_early() -> Failure {
    Failure::Unavailable("the list was ended before it came to its end".to_owned())
}

//! Map/reduce views: `GET` and `POST /{db}/_design/{ddoc}/_view/{view}`, several questions at once at
//! `…/queries`, `…/_info`, and `POST /{db}/_view_cleanup` (CouchDB documentation, "api/ddoc/views").
//! This page opens the view and decides what is answered; the answers are written in `rows` and `reduced`.

mod information;
mod parameters;
mod queries;
mod reduced;
mod rows;

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::Map;

use self::parameters::Parameters;
use self::reduced::Reduced;
use self::rows::Rows;
use crate::answers::{self, Answer};
use crate::failure::Failure;
use crate::given::parameters_body;
use crate::node::{Database, Freshness, View, ViewRequest};
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::stream::ReplySender;
use crate::tags;

pub(crate) use self::information::{clean_up, information};
#[cfg(feature = "fuzzing")]
pub(crate) use self::parameters::part_for_fuzzing;
pub(crate) use self::queries::queries;

/// The names in the path of a view.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ViewName<'a> {
    /// Name of the design document, without `_design/`.
    pub(crate) design: &'a str,
    /// Name of the view.
    pub(crate) view: &'a str,
}

impl ViewName<'_> {
    fn request(&self, freshness: Freshness) -> ViewRequest {
        ViewRequest {
            design: format!("_design/{}", self.design),
            view: self.view.to_owned(),
            freshness,
            partition: None,
        }
    }
}

/// Answers with the rows or the reductions that are asked for.
pub(crate) async fn view(
    request: &mut Request,
    database: &Arc<dyn Database>,
    name: ViewName<'_>,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD, Method::POST], "GET,HEAD,POST")?;
    let posted = request.method == Method::POST;
    let body = if posted { parameters_body(request).await? } else { Map::new() };
    let parameters = Parameters::parse(&body, &request.query)?;
    let partition = parameters.partition.clone();
    let asked = ViewRequest { partition, ..name.request(parameters.freshness) };
    let view = database.view(asked.clone()).await?;
    let tag = match posted {
        true => None,
        false => Some(tag_of(database.as_ref(), &asked, view.as_ref(), &parameters).await?),
    };
    if let Some(tag) = &tag
        && tags::is_known(request, tag)
    {
        return Ok(tags::tagged(reply::empty(StatusCode::NOT_MODIFIED), tag));
    }
    let question = Question { database: database.clone(), view, parameters };
    let reply = answers::one::<Found>(question).await?;
    Ok(match &tag {
        Some(tag) => tags::tagged(reply, tag),
        None => reply,
    })
}

/// The tag of an answer: which view is asked, how fresh it has to be, what it is made of, and all parameters.
/// Documents that are included may be newer than rows that need not be fresh.
async fn tag_of(
    database: &dyn Database,
    asked: &ViewRequest,
    view: &dyn View,
    parameters: &Parameters,
) -> Result<String, Failure> {
    let documents = match parameters.include_docs {
        true => database.information().await?.update_sequence,
        false => 0,
    };
    let (signature, rows) = (view.signature(), view.update_sequence());
    let instance = database.instance();
    let text = format!("{instance}-{asked:?}-{signature}-{rows}-{documents}-{parameters:?}");
    Ok(tags::of_text(text.as_bytes()))
}

/// What is asked of a view.
struct Question {
    database: Arc<dyn Database>,
    view: Arc<dyn View>,
    parameters: Parameters,
}

/// One answer whose first rows are known.
enum Found {
    Rows(Box<Rows>),
    Reduced(Box<Reduced>),
}

impl Answer for Found {
    type Question = Question;

    async fn begin(question: Question) -> Result<Self, Failure> {
        let Question { database, view, parameters } = question;
        let reduced = parameters.check(view.as_ref())?;
        Ok(if reduced {
            Self::Reduced(Box::new(Reduced::begin(database, view, parameters).await?))
        } else {
            Self::Rows(Box::new(Rows::begin(database, view, parameters).await?))
        })
    }

    async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        match self {
            Self::Rows(rows) => rows.run(sender).await,
            Self::Reduced(reduced) => reduced.run(sender).await,
        }
    }
}

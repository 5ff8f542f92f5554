//! `GET` and `POST /{db}/_all_docs`, `_design_docs` and `_local_docs`: all documents by id, a range of
//! them, or those of listed ids; and several such lists at once at `…/queries` (CouchDB documentation,
//! "api/database/bulk-api"); and the documents
//! with conflicts at `_conflicts`, which CouchDB does not have. This page reads the request; the answers are written in `listing`,
//! `keyed` and `local`.

mod bounds;
mod conflicts;
mod keyed;
mod listing;
mod local;
mod parameters;
mod queries;
mod row;

use std::sync::Arc;

use hyper::{Method, StatusCode};
use serde_json::{Map, Value};

use self::keyed::Keyed;
use self::listing::Listing;
use self::local::LocalListing;
use self::parameters::Parameters;
use crate::answers::{self, Answer};
use crate::failure::Failure;
use crate::given::parameters_body;
use crate::locals;
use crate::node::Database;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::row_sink::{Handed, object_of};
use crate::stream::ReplySender;
use crate::tags;

pub(crate) use self::conflicts::conflicts;
pub(crate) use self::queries::queries;

/// Which documents a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listed {
    /// All but local ones.
    All,
    /// Design documents.
    Design,
    /// Local documents.
    Local,
}

/// Answers with the rows that are asked for.
pub(crate) async fn all_documents(
    request: &mut Request,
    database: &Arc<dyn Database>,
    listed: Listed,
) -> Result<Reply, Failure> {
    reply::allow(&request.method, &[Method::GET, Method::HEAD, Method::POST], "GET,HEAD,POST")?;
    let posted = request.method == Method::POST;
    let body = if posted { parameters_body(request).await? } else { Map::new() };
    let parameters = Parameters::parse(&body, &request.query)?;
    // Local documents change without the sequence that the tag is made of, and what somebody sees of a part
    // of the documents does so by a purge.
    let tag = match listed {
        Listed::All | Listed::Design if !posted && !database.is_partial() => {
            Some(tags::of_database(database).await?)
        }
        _ => None,
    };
    if let Some(tag) = &tag
        && tags::is_known(request, tag)
    {
        return Ok(tags::tagged(reply::empty(StatusCode::NOT_MODIFIED), tag));
    }
    let without = locals::kept_from(database.as_ref(), &request.user);
    let question = Question { database: database.clone(), listed, parameters, without };
    let reply = answers::one::<List>(question).await?;
    Ok(match &tag {
        Some(tag) => tags::tagged(reply, tag),
        None => reply,
    })
}

/// All documents for somebody who takes their rows one by one, asked for by a body (an empty object where there
/// is none) and a URL.
pub(crate) struct AskedDocuments(Question);

impl AskedDocuments {
    /// Reads the parameters.
    pub(crate) fn parse(
        database: &Arc<dyn Database>,
        body: &Map<String, Value>,
        query: &Query,
    ) -> Result<Self, Failure> {
        let parameters = Parameters::parse(body, query)?;
        let (database, listed) = (database.clone(), Listed::All);
        Ok(Self(Question { database, listed, parameters, without: None }))
    }

    /// All that an answer depends on beside the parameters, as a text.
    pub(crate) async fn state(&self) -> Result<String, Failure> {
        tags::of_database(&self.0.database).await
    }

    /// Reads up to the first rows.
    pub(crate) async fn rows(self) -> Result<DocumentSource, Failure> {
        List::begin(self.0).await.map(DocumentSource)
    }
}

/// Rows of documents for somebody who takes them one by one.
pub(crate) struct DocumentSource(List);

impl DocumentSource {
    /// What is told before the first of them, as a JSON object.
    pub(crate) fn head(&self) -> String {
        let mut members = Vec::new();
        match &self.0 {
            List::Keyed(answer) => answer.heading().write_members(&mut members),
            List::Listing(answer) => answer.heading().write_members(&mut members),
            List::Local(_) => {}
        }
        object_of(&members)
    }

    /// Hands all of them over.
    pub(crate) async fn hand_over(self, to: &mut Handed) -> Result<(), Failure> {
        match self.0 {
            List::Keyed(answer) => answer.walk(to).await,
            List::Listing(answer) => answer.walk(to).await,
            // Nobody asks for these so.
            List::Local(_) => Ok(()),
        }
    }
}

/// What one list is to tell.
struct Question {
    database: Arc<dyn Database>,
    listed: Listed,
    parameters: Parameters,
    /// What the ids of local documents begin with that whoever asks does not see.
    without: Option<&'static str>,
}

/// One list whose first rows are known.
enum List {
    /// Documents of listed ids.
    Keyed(Keyed),
    /// A range of documents.
    Listing(Listing),
    /// Local documents.
    Local(LocalListing),
}

impl Answer for List {
    type Question = Question;

    async fn begin(question: Question) -> Result<Self, Failure> {
        let Question { database, listed, mut parameters, without } = question;
        parameters.check_partition(database.is_partitioned() && listed == Listed::All)?;
        if listed == Listed::Local {
            return LocalListing::begin(database, parameters, without).await.map(Self::Local);
        }
        match parameters.keys.take() {
            Some(keys) => Keyed::begin(database, listed, parameters, keys).await.map(Self::Keyed),
            None => Listing::begin(database, listed, parameters).await.map(Self::Listing),
        }
    }

    async fn run(self, sender: &mut ReplySender) -> Result<(), Failure> {
        match self {
            Self::Keyed(answer) => answer.run(sender).await,
            Self::Listing(answer) => answer.run(sender).await,
            Self::Local(answer) => answer.run(sender).await,
        }
    }
}

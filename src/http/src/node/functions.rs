//! Functions of design documents as HTTP has them run: which, and with what. Documents and requests are
//! JSON text; how the functions are run is not known here.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::failure::Failure;

/// A function that says which documents a feed of changes tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionFilter {
    /// Id of the design document, `_design/` included.
    pub design: String,
    /// Which of its functions.
    pub function: FilterFunction,
    /// The request as the function sees it.
    pub request: String,
}

/// The function of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilterFunction {
    /// This one of `filters`.
    Filter(String),
    /// The map function of this view: documents pass for which it emits anything.
    View(String),
}

/// A call of a function that answers a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionCall {
    /// Id of the design document, `_design/` included.
    pub design: String,
    /// Name of the function.
    pub function: String,
    /// The document that it is called with, where there is one.
    pub document: Option<String>,
    /// The request as the function sees it.
    pub request: String,
}

/// What a function answers a request with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionAnswer {
    /// The status, 200 to 599.
    pub status: u16,
    /// Names and values as the function gave them, not checked.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What an update function decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionUpdate {
    /// The document to store.
    pub document: Option<String>,
    /// The answer once it is stored.
    pub answer: FunctionAnswer,
}

/// A list that is to be run. Its function takes rows and gives pieces while it runs; both ends wait for each
/// other, so neither rows nor pieces pile up.
#[derive(Debug)]
pub struct ListCall {
    /// Id of the design document, `_design/` included.
    pub design: String,
    /// Name of the function.
    pub function: String,
    /// What it is told before the first row: `{"total_rows", "offset", …}`.
    pub head: String,
    /// The request as the function sees it.
    pub request: String,
    /// Rows as JSON, some at a time; closed behind the last.
    pub rows: mpsc::Receiver<Vec<String>>,
    /// Takes what the function answers; closed where nobody wants it any more.
    pub pieces: mpsc::Sender<ListPiece>,
    /// How long the function stands still for rows or for somebody who reads before it is ended.
    pub patience: Duration,
}

/// What comes of a list, in this order: the head, texts, and one of the others.
#[derive(Debug)]
pub enum ListPiece {
    /// The beginning of the answer: the status, 200 to 599, and names and values of headers as the
    /// function gave them, not checked.
    Head(u16, Vec<(String, String)>),
    /// A piece of the body.
    Text(String),
    /// The function came to its end.
    End,
    /// The function threw a whole answer.
    Answer(FunctionAnswer),
    /// The function failed.
    Failed(Failure),
}

/// Where a function of `rewrites` leads a request, or what it answers. What is absent stays as the request
/// has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionRewrite {
    /// The new path, relative to the design document's own.
    pub path: Option<String>,
    /// The new method.
    pub method: Option<String>,
    /// The new parameters, instead of the old ones.
    pub query: Option<Vec<(String, String)>>,
    /// Headers to set in the new request, or of the answer; not checked.
    pub headers: Vec<(String, String)>,
    /// The new body, or the answer's.
    pub body: Option<String>,
    /// Present where this is the answer itself, 200 to 599.
    pub code: Option<u16>,
}

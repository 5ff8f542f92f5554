//! Functions of design documents as HTTP has them run: which, and with what. Documents and requests are
//! JSON text; how the functions are run is not known here.

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

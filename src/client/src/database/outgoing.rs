//! A request to a database, before the database's own parts are added.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;
use hyper::header::HeaderName;

use crate::exchange::ANSWER_DEADLINE;

/// A request before the database's own parts are added.
pub(super) struct Outgoing<'a> {
    pub(super) method: Method,
    /// Behind the database's URL, with the slash and the query, percent-encoded.
    pub(super) path: &'a str,
    pub(super) json: Option<Bytes>,
    /// Instead of JSON.
    pub(super) accept: Option<&'static str>,
    /// Further ones.
    pub(super) headers: Vec<(HeaderName, String)>,
    /// Until the head of the answer.
    pub(super) deadline: Duration,
    pub(super) kind: Kind,
}

/// How a request is counted among those under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Usual,
    /// It waits for something to happen, and is not counted.
    Waiting,
    /// Its answer is a document that is carried: these are counted by themselves.
    Carriage,
    /// Its answer goes on with such a document. It is counted already as far as its carriage is under way, and
    /// two that waited for each other's place would wait for ever.
    GoingOn,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(method: Method, path: &'a str) -> Self {
        Self {
            method,
            path,
            json: None,
            accept: None,
            headers: Vec::new(),
            deadline: ANSWER_DEADLINE,
            kind: Kind::Usual,
        }
    }

    pub(super) fn get(path: &'a str) -> Self {
        Self::new(Method::GET, path)
    }

    pub(super) fn json(self, json: Vec<u8>) -> Self {
        Self { json: Some(Bytes::from(json)), ..self }
    }

    pub(super) fn accept(self, accept: &'static str) -> Self {
        Self { accept: Some(accept), ..self }
    }

    pub(super) fn headers(self, headers: Vec<(HeaderName, String)>) -> Self {
        Self { headers, ..self }
    }

    /// It waits for so long.
    pub(super) fn waiting(self, deadline: Duration) -> Self {
        Self { deadline, kind: Kind::Waiting, ..self }
    }

    /// Its answer is carried elsewhere while it comes.
    pub(super) fn carriage(self) -> Self {
        Self { kind: Kind::Carriage, ..self }
    }

    /// Its answer goes on with a document that is being carried.
    pub(super) fn going_on(self) -> Self {
        Self { kind: Kind::GoingOn, ..self }
    }
}

//! One HTTP exchange: a request goes out, its answer's status and headers are awaited as long as bytes
//! move, its body is read piece by piece with a deadline for each piece and a bound for all. What is
//! packed is unpacked here, and how long bodies took is told to the link.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName,
};
use hyper::{Request, Response, StatusCode};
use refuge_packing::{Coding, Unpacker};
use refuge_replication::EndFailure;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::carriage::{CarriedDocument, Progress, StreamBody, StreamError, Watched};
use crate::connections::Connections;
use crate::failure::{ErrorAnswer, unanswered, unreadable};
use crate::link::{Limited, Link, Paces};

/// Until the first byte of an answer: a target may have 4 MiB of documents to store first.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
/// Between two pieces of a body. Slow links send slowly, but they send.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);
/// Where whoever makes a request's body was silent for so long, a 400 says no more than that: an end that
/// dislikes what came says so at once.
const STARVED: Duration = Duration::from_secs(5);
/// Of an error's body more is not read.
pub(crate) const ERROR_BODY_BYTES: usize = 64 << 10;

/// Why an exchange brought no success.
#[derive(Debug)]
pub(crate) enum ExchangeFailure {
    /// There was an answer, and it is an error.
    Answer(ErrorAnswer),
    /// There was none.
    Unanswered(EndFailure),
    /// The body is larger than its bound.
    TooLarge,
}

impl From<ExchangeFailure> for EndFailure {
    fn from(failure: ExchangeFailure) -> Self {
        match failure {
            ExchangeFailure::Answer(answer) => answer.into(),
            ExchangeFailure::Unanswered(failure) => failure,
            ExchangeFailure::TooLarge => {
                Self::permanent("its answer is larger than anything it should send")
            }
        }
    }
}

impl ExchangeFailure {
    /// For requests that only a missing database can answer with 404.
    pub(crate) fn of_database(self) -> EndFailure {
        match self {
            Self::Answer(answer) => answer.of_database(),
            other => other.into(),
        }
    }

    /// Status of the answer, where there was one.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(answer) => Some(answer.status.as_u16()),
            _ => None,
        }
    }
}

/// How a request gets to its database.
pub(crate) struct Way<'a> {
    pub(crate) connections: &'a Connections,
    pub(crate) link: &'a Arc<Link>,
    /// Whether the time that its bodies take tells of the link: not where they are made while they are
    /// sent, or stored while they come.
    pub(crate) timed: bool,
}

impl Way<'_> {
    /// Sends a request. A success is returned with its body yet to be read. A body may take any time to
    /// go out, as long as it moves; where nothing does, the answer has to begin within the deadline.
    pub(crate) async fn send(
        &self,
        request: Request<StreamBody>,
        deadline: Duration,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Body, ExchangeFailure> {
        let (head, body) = request.into_parts();
        let bytes = body.size_hint().exact().unwrap_or(0);
        let paces = self.link.outward();
        let body = match paces.is_empty() {
            true => body,
            false => Limited::new(body, paces).boxed_unsync(),
        };
        let (body, progress) = Watched::over(body);
        let begun = Instant::now();
        let mut sent = pin!(self.connections.client().request(Request::from_parts(head, body)));
        let mut seen = 0;
        let response = loop {
            match tokio::time::timeout(deadline, &mut sent).await {
                Ok(Ok(response)) => break response,
                Ok(Err(error)) => return Err(ExchangeFailure::Unanswered(unanswered(&error))),
                Err(_) if moved(&progress, &mut seen) => {}
                Err(_) => return Err(overdue(deadline)),
            }
        };
        if self.timed {
            self.link.sent(bytes, begun.elapsed());
        }
        self.link.heard(response.headers());
        let silence = progress.silence();
        self.success(response, permit).await.map_err(|failure| blamed(failure, silence))
    }

    /// The body of an answer that is a success.
    async fn success(
        &self,
        response: Response<Incoming>,
        permit: Option<OwnedSemaphorePermit>,
    ) -> Result<Body, ExchangeFailure> {
        let (head, incoming) = Response::into_parts(response);
        let body = Body {
            incoming,
            status: head.status,
            unpacker: unpacker_of(&head.headers)?,
            headers: head.headers,
            received: 0,
            timed: self.timed,
            begun: Instant::now(),
            link: Arc::clone(self.link),
            paces: self.link.inward(),
            _permit: permit,
        };
        if head.status.is_success() {
            return Ok(body);
        }
        // What came of an error's body, whole or not, is good enough.
        let headers = body.headers.clone();
        let text = body.read_up_to(ERROR_BODY_BYTES).await;
        Err(ExchangeFailure::Answer(ErrorAnswer::new(head.status, &headers, &text)))
    }
}

/// What unpacks the body of an answer.
fn unpacker_of(headers: &HeaderMap) -> Result<Option<Unpacker>, ExchangeFailure> {
    let wrong = |reason: String| ExchangeFailure::Unanswered(unreadable("the request", reason));
    let Some(name) = headers.get(CONTENT_ENCODING) else { return Ok(None) };
    let name = name.to_str().unwrap_or_default();
    if matches!(name, "" | "identity") {
        return Ok(None);
    }
    let Some(coding) = Coding::named(name) else {
        return Err(wrong(format!("its Content-Encoding `{name}` is not known")));
    };
    Unpacker::new(coding).map(Some).map_err(|error| wrong(error.to_string()))
}

fn moved(progress: &Progress, seen: &mut u64) -> bool {
    let now = progress.pieces();
    std::mem::replace(seen, now) != now
}

/// A failure as what it is where the body of its request had fallen silent: none of whoever answered.
fn blamed(failure: ExchangeFailure, silence: Duration) -> ExchangeFailure {
    match failure {
        ExchangeFailure::Answer(answer) if silence >= STARVED && answer.status == 400 => {
            let reason = format!("what was to be sent fell silent, and {}", answer.reason());
            ExchangeFailure::Unanswered(EndFailure::transient(reason))
        }
        failure => failure,
    }
}

/// A body that is being received. Dropping it closes its connection.
pub(crate) struct Body {
    incoming: Incoming,
    status: StatusCode,
    headers: HeaderMap,
    unpacker: Option<Unpacker>,
    /// Bytes that came over the wire, since the head.
    received: u64,
    timed: bool,
    begun: Instant,
    link: Arc<Link>,
    paces: Paces,
    /// Its place among the requests under way.
    _permit: Option<OwnedSemaphorePermit>,
}

impl Body {
    /// The status of its answer.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers of its answer.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The next piece, unpacked; `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ExchangeFailure> {
        loop {
            if let Some(unpacker) = &mut self.unpacker
                && let Some(plain) = unpacker.next_piece().map_err(|error| not_packed(&error))?
            {
                return Ok(Some(plain));
            }
            let Some(data) = self.data().await? else { break };
            match &mut self.unpacker {
                Some(unpacker) => unpacker.push(data),
                None => return Ok(Some(data)),
            }
        }
        if self.timed {
            self.link.received(self.received, self.begun.elapsed());
        }
        match &self.unpacker {
            Some(unpacker) if !unpacker.is_complete() && self.received > 0 => {
                Err(not_packed(&"it broke off"))
            }
            _ => Ok(None),
        }
    }

    /// The next bytes as they came.
    async fn data(&mut self) -> Result<Option<Bytes>, ExchangeFailure> {
        let patience = self.link.patience(PIECE_DEADLINE);
        loop {
            let frame = match tokio::time::timeout(patience, self.incoming.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => {
                    return Err(ExchangeFailure::Unanswered(unanswered(&error)));
                }
                Err(_) => return Err(overdue(patience)),
            };
            // Trailers are nothing to us.
            if let Ok(data) = frame.into_data() {
                self.received += data.len() as u64;
                self.paces.paid(data.len()).await;
                return Ok(Some(data));
            }
        }
    }

    /// Hands it on, unread, to whoever stores it.
    pub(crate) fn carried(self) -> CarriedDocument {
        let content_type = header(&self.headers, CONTENT_TYPE).unwrap_or_default().to_owned();
        let whole = match header(&self.headers, CONTENT_RANGE) {
            Some(range) => range.rsplit('/').next().and_then(|length| length.parse().ok()),
            None => self.incoming.size_hint().exact(),
        };
        let goes_on = header(&self.headers, ACCEPT_RANGES) == Some("bytes");
        let resumable_length = whole.filter(|_| goes_on && self.unpacker.is_none());
        CarriedDocument { content_type, resumable_length, body: self.into_stream() }
    }

    /// Its bytes as they come, packed where they are.
    pub(crate) fn into_stream_as_sent(mut self) -> StreamBody {
        self.unpacker = None;
        self.into_stream()
    }

    /// Its pieces as a body to be sent.
    fn into_stream(mut self) -> StreamBody {
        self.timed = false;
        let pieces = futures_util::stream::unfold(Some(self), |body| async {
            let mut body = body?;
            match body.piece().await {
                Ok(Some(data)) => Some((Ok(Frame::data(data)), Some(body))),
                Ok(None) => None,
                Err(failure) => {
                    let failure: StreamError = EndFailure::from(failure).into();
                    Some((Err(failure), None))
                }
            }
        });
        http_body_util::StreamBody::new(pieces).boxed_unsync()
    }

    /// All of it, at most `limit_bytes`.
    pub(crate) async fn read(mut self, limit_bytes: usize) -> Result<Bytes, ExchangeFailure> {
        let mut whole = BytesMut::new();
        while let Some(piece) = self.piece().await? {
            if whole.len() + piece.len() > limit_bytes {
                return Err(ExchangeFailure::TooLarge);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    async fn read_up_to(mut self, limit_bytes: usize) -> Bytes {
        let mut whole = BytesMut::new();
        while whole.len() < limit_bytes
            && let Ok(Some(piece)) = self.piece().await
        {
            whole.extend_from_slice(&piece);
        }
        whole.freeze()
    }
}

/// The text of a header.
pub(crate) fn header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn not_packed(error: &dyn std::fmt::Display) -> ExchangeFailure {
    ExchangeFailure::Unanswered(unreadable("a request", error))
}

fn overdue(deadline: Duration) -> ExchangeFailure {
    let seconds = deadline.as_secs_f64();
    let reason = format!("no answer within {seconds} s");
    ExchangeFailure::Unanswered(EndFailure::transient(reason))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_not_blamed_for_a_body_that_fell_silent() {
        let answered = |status: StatusCode, silence: u64| {
            let answer = ErrorAnswer::new(status, &HeaderMap::new(), b"{}");
            let failure = blamed(ExchangeFailure::Answer(answer), Duration::from_secs(silence));
            EndFailure::from(failure).is_transient()
        };
        assert!(answered(StatusCode::BAD_REQUEST, 20));
        assert!(!answered(StatusCode::BAD_REQUEST, 1), "what came was refused");
        assert!(!answered(StatusCode::PAYLOAD_TOO_LARGE, 20), "that is no matter of time");
        assert!(answered(StatusCode::REQUEST_TIMEOUT, 0));
    }
}

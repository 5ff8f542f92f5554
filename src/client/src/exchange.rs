//! One HTTP exchange: a request goes out, its answer's status and headers are awaited within a
//! deadline, its body is read piece by piece with a deadline for each piece and a bound for all.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::{Request, Response};
use refuge_replication::EndFailure;

use crate::carriage::{CarriedDocument, StreamBody, Watched};
use crate::connections::Connections;
use crate::failure::{ErrorAnswer, unanswered};

/// Until the first byte of an answer: a target may have 4 MiB of documents to store first.
pub(crate) const ANSWER_DEADLINE: Duration = Duration::from_secs(120);
/// Between two pieces of a body. Slow links send slowly, but they send.
const PIECE_DEADLINE: Duration = Duration::from_secs(60);
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

/// Sends a request. A success is returned with its body yet to be read.
pub(crate) async fn send(
    connections: &Connections,
    request: Request<StreamBody>,
    deadline: Duration,
) -> Result<Body, ExchangeFailure> {
    let sent = connections.client().request(request);
    match tokio::time::timeout(deadline, sent).await {
        Ok(Ok(response)) => success(response).await,
        Ok(Err(error)) => Err(ExchangeFailure::Unanswered(unanswered(&error))),
        Err(_) => Err(overdue(deadline)),
    }
}

/// Sends a request whose body may take any time, as long as it moves.
pub(crate) async fn send_stream(
    connections: &Connections,
    request: Request<StreamBody>,
) -> Result<Body, ExchangeFailure> {
    let (head, body) = request.into_parts();
    let (body, progress) = Watched::over(body);
    let mut sent = pin!(connections.client().request(Request::from_parts(head, body)));
    let mut seen = 0;
    loop {
        match tokio::time::timeout(ANSWER_DEADLINE, &mut sent).await {
            Ok(Ok(response)) => return success(response).await,
            Ok(Err(error)) => return Err(ExchangeFailure::Unanswered(unanswered(&error))),
            Err(_) if moved(&progress, &mut seen) => {}
            Err(_) => return Err(overdue(ANSWER_DEADLINE)),
        }
    }
}

fn moved(progress: &AtomicU64, seen: &mut u64) -> bool {
    let now = progress.load(Ordering::Relaxed);
    std::mem::replace(seen, now) != now
}

/// The body of an answer that is a success.
async fn success(response: Response<Incoming>) -> Result<Body, ExchangeFailure> {
    let (head, incoming) = Response::into_parts(response);
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = Body { incoming, content_type };
    if head.status.is_success() {
        return Ok(body);
    }
    // What came of an error's body, whole or not, is good enough.
    let text = body.read_up_to(ERROR_BODY_BYTES).await;
    Err(ExchangeFailure::Answer(ErrorAnswer::new(head.status, &head.headers, &text)))
}

/// A body that is being received. Dropping it closes its connection.
#[derive(Debug)]
pub(crate) struct Body {
    incoming: Incoming,
    content_type: String,
}

impl Body {
    /// The next piece, `None` at the end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, ExchangeFailure> {
        loop {
            let frame = tokio::time::timeout(PIECE_DEADLINE, self.incoming.frame());
            match frame.await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => {
                    // Trailers are nothing to us.
                    if let Ok(data) = frame.into_data() {
                        return Ok(Some(data));
                    }
                }
                Ok(Some(Err(error))) => {
                    return Err(ExchangeFailure::Unanswered(unanswered(&error)));
                }
                Err(_) => return Err(overdue(PIECE_DEADLINE)),
            }
        }
    }

    /// Hands it on, unread, to whoever stores it.
    pub(crate) fn carried(self) -> CarriedDocument {
        let body = self.incoming.map_err(Into::into).boxed_unsync();
        CarriedDocument { content_type: self.content_type, body }
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

fn overdue(deadline: Duration) -> ExchangeFailure {
    let seconds = deadline.as_secs();
    let reason = format!("no answer within {seconds} s");
    ExchangeFailure::Unanswered(EndFailure::transient(reason))
}

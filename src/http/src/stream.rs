//! The body of an answer, whole or produced piece by piece. A producer is a future inside the body:
//! it runs only while the connection asks for more, at most a few pieces ahead, and is dropped with
//! the connection. What it produces is not known here.

mod packed;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::body::{Body, Frame, SizeHint};
use refuge_packing::Packer;
use tokio::sync::mpsc;

use self::packed::{PACKED_AT_ONCE_BYTES, Packed};
use crate::failure::Failure;
use crate::limits;

/// A body that could not be produced to its end; the connection is broken off.
#[derive(Debug, thiserror::Error)]
#[error("the answer broke off: {0}")]
pub(crate) struct BrokenStream(#[source] Failure);

/// The body of an answer.
pub(crate) struct ReplyBody(Inner);

/// Two kinds and no more: with a third it would no longer be as small as [`Bytes`], and it lies in
/// every request's future several times.
enum Inner {
    Full(Bytes),
    Streamed(Box<Streamed>),
}

enum Streamed {
    Produced(Produced),
    Packed(Packed),
}

struct Produced {
    producer: Option<BoxFuture<'static, Result<(), Failure>>>,
    pieces: mpsc::Receiver<Bytes>,
    failure: Option<Failure>,
    remaining: Option<u64>,
    /// Whether it may be packed on its way out.
    packable: bool,
    /// A piece that was waited for before anybody asked.
    first: Option<Bytes>,
}

impl ReplyBody {
    /// Nothing.
    pub(crate) fn empty() -> Self {
        Self::full(Bytes::new())
    }

    /// All bytes at once.
    pub(crate) fn full(bytes: Bytes) -> Self {
        Self(Inner::Full(bytes))
    }

    /// The same; what is produced may be packed on its way out.
    pub(crate) fn packable(self) -> Self {
        self.with_packable(true)
    }

    /// The same; what is produced goes out as it is.
    pub(crate) fn unpackable(self) -> Self {
        self.with_packable(false)
    }

    fn with_packable(mut self, packable: bool) -> Self {
        if let Inner::Streamed(streamed) = &mut self.0
            && let Streamed::Produced(produced) = streamed.as_mut()
        {
            produced.packable = packable;
        }
        self
    }

    /// Whether it may be packed on its way out: what is known as a whole is none of the attachments,
    /// which have an encoding of their own.
    pub(crate) fn is_packable(&self) -> bool {
        match &self.0 {
            Inner::Full(_) => true,
            Inner::Streamed(streamed) => match streamed.as_ref() {
                Streamed::Produced(produced) => produced.packable,
                Streamed::Packed(_) => false,
            },
        }
    }

    /// The same once its first piece is there, or its end: what fails before that can be told by a status.
    pub(crate) async fn begun(mut self) -> Result<Self, Failure> {
        if let Inner::Streamed(streamed) = &mut self.0
            && let Streamed::Produced(produced) = streamed.as_mut()
        {
            produced.first = poll_fn(|context| produced.poll_piece(context)).await?;
        }
        Ok(self)
    }

    /// The same, packed: a short one at once, any other piece by piece.
    pub(crate) fn packed(self, mut packer: Packer) -> Self {
        if let Inner::Full(bytes) = &self.0
            && bytes.len() <= PACKED_AT_ONCE_BYTES
        {
            return Self::full(packer.finish(bytes));
        }
        let packed = Streamed::Packed(Packed::new(self.0, packer));
        Self(Inner::Streamed(Box::new(packed)))
    }

    /// Bytes that `produce` writes into the sender it is given. `length` is the number of all bytes
    /// where it is known before.
    pub(crate) fn produced<F, P>(length: Option<u64>, produce: P) -> Self
    where
        P: FnOnce(ReplySender) -> F,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let (sender, pieces) = mpsc::channel(limits::CHUNKS_WAITING);
        let target = Target::Body(sender);
        let producer = produce(ReplySender { target, buffer: Vec::new(), has_sent: false });
        let produced = Produced {
            producer: Some(Box::pin(producer)),
            pieces,
            failure: None,
            remaining: length,
            packable: false,
            first: None,
        };
        Self(Inner::Streamed(Box::new(Streamed::Produced(produced))))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = BrokenStream;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenStream>>> {
        self.0.poll(context).map(|polled| polled.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Inner::Full(bytes) => bytes.is_empty(),
            Inner::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Streamed(streamed) => match streamed.as_ref() {
                Streamed::Produced(Produced { remaining: Some(remaining), .. }) => {
                    SizeHint::with_exact(*remaining)
                }
                Streamed::Produced(_) | Streamed::Packed(_) => SizeHint::default(),
            },
        }
    }
}

/// The next piece of a body; `None` at its end.
type Piece = Option<Result<Bytes, BrokenStream>>;

impl Inner {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        match self {
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(std::mem::take(bytes)))),
            Self::Streamed(streamed) => match streamed.as_mut() {
                Streamed::Produced(produced) => produced.poll(context),
                Streamed::Packed(packed) => packed.poll(context),
            },
        }
    }
}

impl Produced {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(self.hand_out(first))));
        }
        self.poll_piece(context).map(|piece| match piece {
            Ok(piece) => piece.map(|piece| Ok(self.hand_out(piece))),
            Err(failure) => Some(Err(BrokenStream(failure))),
        })
    }

    /// What is produced next; `None` at the end, and behind a failure.
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            // Not `poll_recv`: when the task's budget is used up that one says "pending" over a full
            // channel, and so would the producer.
            if let Ok(piece) = self.pieces.try_recv() {
                return Poll::Ready(Ok(Some(piece)));
            }
            let Some(producer) = &mut self.producer else {
                // The sender went with the producer, so nothing can be left in the channel.
                return Poll::Ready(self.failure.take().map_or(Ok(None), Err));
            };
            match producer.as_mut().poll(context) {
                Poll::Ready(result) => {
                    self.producer = None;
                    self.failure = result.err();
                }
                Poll::Pending => {
                    return match self.pieces.poll_recv(context) {
                        Poll::Ready(Some(piece)) => Poll::Ready(Ok(Some(piece))),
                        Poll::Ready(None) | Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    fn hand_out(&mut self, piece: Bytes) -> Bytes {
        if let Some(remaining) = &mut self.remaining {
            *remaining = remaining.saturating_sub(piece.len() as u64);
        }
        piece
    }
}

/// Where a producer writes its answer. Small writes gather in a buffer.
pub(crate) struct ReplySender {
    target: Target,
    buffer: Vec<u8>,
    /// Whether anything has left for the body.
    has_sent: bool,
}

/// Where it goes when enough has gathered.
enum Target {
    /// Into a body.
    Body(mpsc::Sender<Bytes>),
    /// Nowhere: at most so many bytes are kept in the buffer, for whoever takes them out.
    Kept(usize),
}

impl ReplySender {
    /// One that belongs to no body: up to `most` bytes are kept in its buffer.
    pub(crate) fn keeping(most: usize) -> Self {
        Self { target: Target::Kept(most), buffer: Vec::new(), has_sent: false }
    }

    /// The buffer that waits to be sent; append to it and call [`Self::flush_when_full`] now and
    /// then.
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether anything has left for the body, so that its status stands.
    pub(crate) fn has_sent(&self) -> bool {
        self.has_sent
    }

    /// Sends the buffer when enough has gathered in it.
    pub(crate) async fn flush_when_full(&mut self) -> Result<(), Failure> {
        if self.buffer.len() >= limits::CHUNK_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Sends what is in the buffer now, waiting while the client is slow.
    pub(crate) async fn flush(&mut self) -> Result<(), Failure> {
        if let Target::Kept(most) = self.target {
            return if self.buffer.len() > most { Err(too_much(most)) } else { Ok(()) };
        }
        if self.buffer.is_empty() {
            return Ok(());
        }
        let piece = Bytes::from(std::mem::take(&mut self.buffer));
        self.pass_on(piece).await
    }

    /// Sends bytes as they are, after what is in the buffer.
    pub(crate) async fn send(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.flush().await?;
        if bytes.is_empty() { Ok(()) } else { self.pass_on(bytes).await }
    }

    async fn pass_on(&mut self, piece: Bytes) -> Result<(), Failure> {
        self.has_sent = true;
        match &self.target {
            // The receiver lives in the same body as the producer, so it cannot be gone before it.
            Target::Body(sender) => sender
                .send(piece)
                .await
                .map_err(|_| Failure::Internal("the client went away".to_owned())),
            Target::Kept(most) if self.buffer.len().saturating_add(piece.len()) > *most => {
                Err(too_much(*most))
            }
            Target::Kept(_) => {
                self.buffer.extend_from_slice(&piece);
                Ok(())
            }
        }
    }
}

fn too_much(most: usize) -> Failure {
    Failure::Internal(format!("a row of more than {most} bytes cannot be handed to a function"))
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_producer_is_driven_by_its_reader() {
        let body = ReplyBody::produced(None, |mut sender| async move {
            for number in 0..10_000_u32 {
                sender.buffer().extend_from_slice(format!("{number},").as_bytes());
                sender.flush_when_full().await?;
            }
            sender.send(Bytes::from_static(b"end")).await
        });
        let text = body.collect().await.expect("a whole body").to_bytes();
        assert!(text.starts_with(b"0,1,2,"));
        assert!(text.ends_with(b"9999,end"));
    }

    #[tokio::test]
    async fn a_failure_breaks_the_body_off_after_what_was_sent() {
        let mut body = ReplyBody::produced(None, |mut sender| async move {
            sender.send(Bytes::from_static(b"begin")).await?;
            Err(Failure::Internal("lost".to_owned()))
        });
        let frame = body.frame().await.expect("a frame").expect("data");
        assert_eq!(frame.into_data().expect("data"), Bytes::from_static(b"begin"));
        assert!(body.frame().await.expect("an end").is_err());
    }

    #[tokio::test]
    async fn what_fails_before_the_first_piece_is_known_before_the_status() {
        let failing = ReplyBody::produced(None, |mut sender| async move {
            sender.buffer().extend_from_slice(b"never sent");
            Err(Failure::Forbidden("no".to_owned()))
        });
        assert_eq!(failing.begun().await.err(), Some(Failure::Forbidden("no".to_owned())));
        let body = ReplyBody::produced(Some(5), |mut sender| async move {
            sender.send(Bytes::from_static(b"123")).await?;
            sender.send(Bytes::from_static(b"45")).await
        });
        let body = body.begun().await.expect("a beginning");
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.expect("whole").to_bytes(), "12345");
        let nothing = ReplyBody::produced(None, |_| async { Ok(()) });
        assert!(nothing.begun().await.is_ok_and(|body| !body.is_end_stream()));
    }

    #[tokio::test]
    async fn a_known_length_is_told() {
        let body = ReplyBody::produced(Some(5), |mut sender| async move {
            sender.send(Bytes::from_static(b"12345")).await
        });
        assert_eq!(body.size_hint().exact(), Some(5));
        assert_eq!(body.collect().await.expect("whole").to_bytes().len(), 5);
    }
}

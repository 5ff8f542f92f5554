//! One stream of a link: frames in, frames out. What they mean is the machine's.

use std::time::Duration;

use ractor::ActorRef;
use refuge_client::{Duplex, StreamRequest, TunnelError, open_stream};
use refuge_mesh::{CarrierId, Frame, FrameReader, NodeId, shown_text};
use refuge_otp::Names;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

use super::window::Window;
use super::{Opened, PeerLinkMessage};
use crate::task::OwnedTask;
use crate::{pairing, peer_dial};

/// Frames that wait to be written; a link that does not take so many is as good as dead.
const FRAMES_WAITING: usize = 64;
/// How long a stream may take to end in order.
const PARTING: Duration = Duration::from_secs(1);
/// What a node answers that does not trust this one.
const NOT_TRUSTED: u16 = 403;
/// Characters of what it says with that, for the log.
const MOST_SHOWN: usize = 256;
/// Read at once; frames of a link are small.
const READ_BYTES: usize = 1024;
/// Reads that the actor has not dealt with yet; it is seldom behind by more than one.
const READS_WAITING: usize = 16;

/// An open stream. Dropping it cuts it; [`Carrier::close`] lets it write what waits first.
pub(super) struct Carrier {
    /// Where it leads to or comes from.
    pub(super) address: Option<String>,
    out: mpsc::Sender<Vec<u8>>,
    writing: OwnedTask,
    reading: OwnedTask,
}

impl Carrier {
    pub(super) fn new(
        stream: impl Duplex + 'static,
        address: Option<String>,
        (carrier, link): (CarrierId, &ActorRef<PeerLinkMessage>),
    ) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        let (out, frames) = mpsc::channel(FRAMES_WAITING);
        let link = link.clone();
        Self {
            address,
            out,
            writing: OwnedTask::spawn(write(writer, frames)),
            reading: OwnedTask::spawn(async move {
                read(reader, carrier, &link).await;
                let _ = link.cast(PeerLinkMessage::Closed { carrier });
            }),
        }
    }

    /// Queues a frame; false when the queue is full or its writer is gone.
    pub(super) fn send(&self, frame: &Frame) -> bool {
        self.out.try_send(frame.encode()).is_ok()
    }

    /// Writes what waits, lets the other side end as well, then cuts the stream: one that is cut at
    /// once may take its last words along.
    pub(super) fn close(self) {
        let Self { address: _, out, writing, reading } = self;
        drop(out);
        crate::task::spawn(async move {
            let parting = async {
                writing.finished().await;
                reading.finished().await;
            };
            let _ = tokio::time::timeout(PARTING, parting).await;
        });
    }
}

async fn write(mut writer: WriteHalf<impl Duplex>, mut frames: mpsc::Receiver<Vec<u8>>) {
    while let Some(bytes) = frames.recv().await {
        let written = async {
            writer.write_all(&bytes).await?;
            writer.flush().await
        };
        if written.await.is_err() {
            return;
        }
    }
    let _ = writer.shutdown().await;
}

/// Reads until the stream ends or holds what is no frame.
async fn read(
    mut reader: ReadHalf<impl Duplex>,
    carrier: CarrierId,
    link: &ActorRef<PeerLinkMessage>,
) {
    let mut frames = FrameReader::new();
    let mut bytes = vec![0; READ_BYTES];
    let window = Window::of(READS_WAITING);
    loop {
        // What is not read fills TCP's own window: a peer that sends more than is dealt with has to wait.
        let Some(place) = window.enter_in_turn().await else { return };
        let count = match reader.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        frames.push(bytes.get(..count).unwrap_or_default());
        let mut whole = Vec::new();
        loop {
            match frames.next() {
                Ok(Some(frame)) => whole.push(frame),
                Ok(None) => break,
                Err(error) => {
                    tracing::info!(%error, "a link was cut: what came over it is no frame");
                    return;
                }
            }
        }
        let received = PeerLinkMessage::Received { carrier, frames: whole, place };
        if link.cast(received).is_err() {
            return;
        }
    }
}

/// Opens a stream to the peer.
pub(super) async fn open(names: &Names, peer: NodeId) -> Result<Opened, String> {
    let reached = peer_dial::dial(names, peer).await?;
    let request = StreamRequest { authority: peer.to_string(), path: "/_mesh/link".to_owned() };
    let opening = open_stream(Box::new(reached.stream), request);
    let opened = tokio::time::timeout(peer_dial::ANSWER_DEADLINE, opening).await;
    match opened {
        Ok(Ok(tunnel)) => Ok(Opened { stream: Box::new(tunnel), address: reached.address }),
        Ok(Err(error)) => {
            if matches!(error, TunnelError::Refused { status: NOT_TRUSTED, .. }) {
                // Where it takes this node for its peer the next dial succeeds.
                if !pairing::present_rotations(names, peer, &reached.address).await {
                    pairing::knock(names, peer, reached.address.clone()).await;
                }
            }
            let said = shown_text(&error.to_string(), MOST_SHOWN);
            Err(format!("{}: {said}", reached.address))
        }
        Err(_) => Err(format!("{}: no answer to the link", reached.address)),
    }
}

#[cfg(test)]
mod tests;

//! A peer that sends more than its link deals with has to wait.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr};
use tokio::sync::Semaphore;

use super::*;

const FRAMES: usize = 10_000;

/// Stands for a link that deals with nothing before its door is open.
struct Busy;

/// The door, and who is told how many frames were dealt with.
type Work = (Arc<Semaphore>, mpsc::UnboundedSender<usize>);

impl Actor for Busy {
    type Msg = PeerLinkMessage;
    type State = Work;
    type Arguments = Work;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        work: Work,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(work)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        (door, dealt): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        drop(door.acquire().await?);
        if let PeerLinkMessage::Received { frames, .. } = &message {
            dealt.send(frames.len())?;
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_floods_waits_until_its_link_has_dealt_with_what_came() {
    let (door, (dealt, mut dealt_with)) = (Arc::new(Semaphore::new(0)), mpsc::unbounded_channel());
    let (link, _) = Actor::spawn(None, Busy, (Arc::clone(&door), dealt)).await.unwrap();
    let (mut peer, stream) = tokio::io::duplex(READ_BYTES);
    let _carrier = Carrier::new(stream, None, (1, &link));
    let flood = Frame::Probe { dial: false }.encode().repeat(FRAMES);
    let mut taken = 0;
    // Time stands still while anything goes on.
    let moment = Duration::from_secs(1);
    while let Ok(written) = tokio::time::timeout(moment, peer.write(&flood[taken..])).await {
        taken += written.unwrap();
        assert!(taken < flood.len(), "all of it was taken");
    }
    // What was read and what is in the pipe.
    assert!(taken <= (READS_WAITING + 1) * READ_BYTES, "{taken}");
    door.add_permits(1);
    peer.write_all(&flood[taken..]).await.unwrap();
    let mut came = 0;
    while came < FRAMES {
        came += dealt_with.recv().await.unwrap();
    }
    assert_eq!(came, FRAMES);
}

//! Watching the board of peers for the monitor.

use std::sync::Arc;

use ractor::ActorRef;
use refuge_otp::Names;

use super::{NodeMonitorMessage, told};
use crate::names;
use crate::peer_directory::PeerBoard;
use crate::task::OwnedTask;

/// Tells the monitor of the peers as soon as there can be links, and of every change.
pub(super) fn watch(names: Names, monitor: ActorRef<NodeMonitorMessage>) -> OwnedTask {
    OwnedTask::spawn(async move {
        if let Some(told) = told::up(&names).await {
            let _ = monitor.cast(NodeMonitorMessage::ToldUp(told));
        }
        crate::peer_dial::identity(&names).await;
        // However long it takes: without the peers there would never be a link.
        let mut watch = loop {
            let board = crate::published::<PeerBoard>(&names, names::PEER_DIRECTORY).await;
            if let Ok(board) = board {
                break board.watch();
            }
        };
        loop {
            let peers = Arc::clone(&watch.borrow_and_update());
            // Without the directory this actor is restarted as well.
            if monitor.cast(NodeMonitorMessage::Peers(peers)).is_err()
                || watch.changed().await.is_err()
            {
                return;
            }
        }
    })
}

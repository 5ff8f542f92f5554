//! Which nodes the log of events calls up.

use std::collections::BTreeMap;

use refuge_http::NodeEventsRequest;
use refuge_mesh::{NodeEventKind, NodeId};
use refuge_otp::Names;

use crate::names;
use crate::node_events::NodeEventsMessage;

/// Events of a page.
const PAGE: usize = 1_000;

/// The nodes with their names; none when the log cannot be read.
pub(super) async fn up(names: &Names) -> Option<Vec<(NodeId, String)>> {
    let mut up = BTreeMap::new();
    let mut after = 0;
    loop {
        let request = NodeEventsRequest { after, limit: PAGE };
        let ask = |reply| NodeEventsMessage::Page { request, reply };
        let page = crate::call(names, names::NODE_EVENTS, ask).await.ok()?.ok()?;
        let Some(last) = page.events.last() else { break };
        after = last.number;
        for event in page.events {
            match event.kind {
                NodeEventKind::NodeUp => drop(up.insert(event.node, event.name)),
                NodeEventKind::NodeDown => drop(up.remove(&event.node)),
                _ => {}
            }
        }
    }
    Some(up.into_iter().collect())
}

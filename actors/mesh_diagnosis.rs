//! Finds out why a node is up or not: all its addresses are tried anew, it is asked whom it takes this node
//! for, and hubs and the link are asked what they know. What follows from that is told by [`Diagnosis`].

mod hubs;

use std::time::SystemTime;

use futures_util::future::join_all;
use refuge_client::{Answered, Question, ask};
use refuge_http::Failure;
use refuge_identity::Certificate;
use refuge_mesh::{
    AddressSource, Diagnosis, LinkFindings, NodeId, PeerRecord, Peers, SourceState, TriedAddress,
    TriedOutcome, Trust,
};
use refuge_otp::Names;
use serde_json::Value;

use crate::configuration::CurrentSettings;
use crate::node_monitor::NodesUp;
use crate::peer_link::PeerLinkMessage;
use crate::{
    address_book, local_discovery, mesh_commands, mesh_listener, metered_link, names, peer_dial,
    peer_directory, port_mapping, unavailable,
};

/// Diagnoses one node that is known.
pub(crate) async fn diagnose(names: &Names, node: &str) -> Result<Value, Failure> {
    let peers = peer_directory::peers(names).ok_or_else(unavailable)?;
    let record = mesh_commands::find(&peers, node)?;
    let id = record.id;
    let up = names.value::<NodesUp>(names::NODE_MONITOR);
    let (tried, hubs, link) =
        tokio::join!(try_all(names, &peers, record), hubs::asked(names, record), link(names, id));
    let answered = asked(names, id, &tried).await;
    let diagnosis = Diagnosis {
        id,
        name: record.name.clone(),
        trust: record.trust,
        certificate: proved(record),
        up: up.is_some_and(|nodes| nodes.up.iter().any(|node| node.id == id)),
        link,
        listening: mesh_listener::port(names),
        outer_address: port_mapping::outer_address(names).map(|address| address.to_string()),
        sources: sources(names),
        hubs,
        foreign: local_discovery::foreign_version(names, &id),
        trusts_us: answered.as_ref().map(|answered| takes_us_for_a_peer(&answered.body)),
        clock_off_seconds: answered.and_then(|answered| answered.date).map(seconds_ahead),
        tried,
        replication_waits: metered_link::keeps_off(names, &id).map(|reason| reason.to_string()),
        last_seen: record.last_seen.clone(),
    };
    Ok(diagnosis.to_json())
}

/// What comes of each address that is known.
async fn try_all(names: &Names, peers: &Peers, record: &PeerRecord) -> Vec<TriedAddress> {
    let id = record.id;
    // A blocked node is not spoken to, not even for this.
    let addresses = match record.trust {
        Trust::Blocked => Vec::new(),
        Trust::Trusted | Trust::Neither => peer_dial::addresses(names, &id),
    };
    let found = address_book::found(names, &id);
    let tries = addresses.into_iter().map(|address| {
        let is_written = record.addresses.contains(&address);
        let told = found.iter().find(|one| !is_written && one.address == address).cloned();
        async move {
            let outcome = peer_dial::try_address(names, id, &address).await;
            let other_name = match &outcome {
                TriedOutcome::OtherNode(other) => peers.get(other).map(|other| other.name.clone()),
                TriedOutcome::Reached | TriedOutcome::Failed(_) => None,
            };
            TriedAddress { address, told, outcome, other_name }
        }
    });
    join_all(tries).await
}

/// Whom the certificate proves that is written down.
fn proved(record: &PeerRecord) -> Option<NodeId> {
    let certificate = Certificate::from_pem(record.certificate.as_ref()?.as_bytes());
    certificate.ok()?.check_peer().ok()
}

/// How far the link is; a node that is not trusted has none.
async fn link(names: &Names, id: NodeId) -> Option<LinkFindings> {
    let observed =
        crate::call(names, &names::peer_link(id), PeerLinkMessage::Observe).await.ok()?;
    Some(LinkFindings {
        standing: observed.state.standing,
        failed_dials: observed.state.failed_dials,
        last_failure: observed.last_failure,
    })
}

/// The ways in which nodes are found, as they are set.
fn sources(names: &Names) -> Vec<SourceState> {
    let Some(current) = names.value::<CurrentSettings>(names::CONFIGURATION) else {
        return Vec::new();
    };
    let mesh = &current.settings.mesh;
    // As it was bound, whatever the settings say since.
    let bound = mesh_listener::address(names).map_or(mesh.bind, |address| address.ip());
    let on_all_addresses = bound.is_unspecified();
    let state = |source, setting, is_on| SourceState { source, setting, is_on, speaker: None };
    let has_hubs = !current.settings.hub.hubs.trim().is_empty();
    let local = mesh.local_discovery && on_all_addresses;
    let local = state(AddressSource::LocalNetwork.as_str(), "mesh.local_discovery", local);
    vec![
        SourceState { speaker: local_discovery::speaker(names), ..local },
        state(AddressSource::Table.as_str(), "mesh.dht", mesh.dht),
        state(AddressSource::Hub.as_str(), "hub.hubs", has_hubs),
        state("upnp", "mesh.upnp", mesh.upnp && on_all_addresses),
    ]
}

/// Whom it takes this node for, at the first address that leads to it.
async fn asked(names: &Names, id: NodeId, tried: &[TriedAddress]) -> Option<Answered> {
    let reached = tried.iter().find(|one| one.outcome == TriedOutcome::Reached)?;
    let asking = async {
        let reached = peer_dial::reach(names, id, vec![reached.address.clone()]).await.ok()?;
        let authority = id.to_string();
        let question = Question { authority, path: "/_session", body: None };
        ask(Box::new(reached.stream), question).await.ok()
    };
    tokio::time::timeout(peer_dial::ANSWER_DEADLINE, asking).await.ok().flatten()
}

/// A node has the name `node:<id>` where it is trusted, and none elsewhere.
fn takes_us_for_a_peer(session: &Value) -> bool {
    let name = session.pointer("/userCtx/name").and_then(Value::as_str);
    name.is_some_and(|name| name.starts_with("node:"))
}

fn seconds_ahead(there: SystemTime) -> i64 {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(0);
    match there.duration_since(SystemTime::now()) {
        Ok(ahead) => seconds(ahead),
        Err(behind) => -seconds(behind.duration()),
    }
}

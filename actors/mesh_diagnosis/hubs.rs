//! Whether the hubs of the settings answer, and whether they know where a node is.

use futures_util::future::join_all;
use refuge_client::{AskError, Question, ask};
use refuge_mesh::{
    AskedHub, HubAddress, HubAnswer, NodeId, PeerRecord, Statement, Trust, shown_text,
};
use refuge_otp::Names;

use crate::configuration::CurrentSettings;
use crate::hub_client::{self, MOST_HUBS, UNKNOWN};
use crate::{names, peer_dial};

/// Characters of what a hub says that are shown.
const MOST_SHOWN: usize = 256;

/// Asks all hubs side by side. Of whom this node does not trust they are told nothing.
pub(super) async fn asked(names: &Names, record: &PeerRecord) -> Vec<AskedHub> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION);
    let Some(current) = current.filter(|_| record.trust == Trust::Trusted) else {
        return Vec::new();
    };
    let hubs = HubAddress::texts(&current.settings.hub.hubs);
    join_all(hubs.iter().take(MOST_HUBS).map(|hub| answer(names, hub, record.id))).await
}

async fn answer(names: &Names, hub: &str, node: NodeId) -> AskedHub {
    let asking = tokio::time::timeout(peer_dial::ANSWER_DEADLINE, knows(names, hub, node)).await;
    let answer = match asking {
        Ok(Ok(true)) => HubAnswer::Knows,
        Ok(Ok(false)) => HubAnswer::KnowsNothing,
        Ok(Err(reason)) => HubAnswer::Failed(shown_text(&reason, MOST_SHOWN)),
        Err(_) => HubAnswer::Failed(format!("nothing within {:?}", peer_dial::ANSWER_DEADLINE)),
    };
    AskedHub { hub: hub.to_owned(), answer }
}

/// Whether a hub, as the settings name it, tells where a node is.
async fn knows(names: &Names, hub: &str, node: NodeId) -> Result<bool, String> {
    let hub = hub.parse::<HubAddress>().map_err(|error| error.to_string())?;
    let (id, reached) = hub_client::reach(names, &hub).await?;
    let path = format!("/_mesh/hub/nodes/{node}");
    let question = Question { authority: id.to_string(), path: &path, body: None };
    match ask(Box::new(reached.stream), question).await {
        Ok(answered) => match Statement::from_json(&answered.body) {
            Ok(_) => Ok(true),
            Err(error) => Err(error.to_string()),
        },
        Err(AskError::Refused { status: UNKNOWN, .. }) => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

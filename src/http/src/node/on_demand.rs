//! Whether a database asks other nodes for documents that it lacks.

use serde::{Deserialize, Serialize};

/// How long who asks for a document waits for other nodes, where nobody says otherwise.
const DEFAULT_TIMEOUT_MS: u64 = 2_000;

/// What is set for a database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnDemand {
    /// Whether other nodes are asked.
    pub enabled: bool,
    /// Which: an id or a name here, `group:<name>` or `*`; of these the trusted ones that are up.
    pub nodes: String,
    /// How long who asks for a document waits.
    pub timeout_ms: u64,
    /// Name of the design document, without `_design/`, whose function `on_demand` may make an ordinary
    /// document that no node has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
}

impl Default for OnDemand {
    fn default() -> Self {
        let nodes = "*".to_owned();
        Self { enabled: false, nodes, timeout_ms: DEFAULT_TIMEOUT_MS, function: None }
    }
}

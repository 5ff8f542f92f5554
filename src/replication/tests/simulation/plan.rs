//! What a run is made of: which faults happen, and what is replicated.

use refuge_replication::{Choice, Selection};
use serde_json::json;

#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) continuous: bool,
    pub(crate) faults: bool,
    pub(crate) target_made_anew: bool,
    pub(crate) refusals: bool,
    /// Answers take up to half a minute.
    pub(crate) slow: bool,
    pub(crate) chosen: Chosen,
}

/// What is replicated.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chosen {
    All,
    /// A few documents by their ids.
    Listed,
    /// Those that match a selector.
    Matching,
}

impl Chosen {
    pub(crate) fn selection(self) -> Selection {
        let choice = match self {
            Self::All => Choice::All,
            Self::Listed => {
                Choice::Documents((0..6).map(|number| format!("document-{number}")).collect())
            }
            Self::Matching => Choice::Selector(json!({"number": {"$lt": 100}})),
        };
        Selection { choice, winners_only: false }
    }
}

impl Plan {
    pub(crate) const CALM: Self = Self {
        continuous: false,
        faults: false,
        target_made_anew: false,
        refusals: false,
        slow: false,
        chosen: Chosen::All,
    };
}

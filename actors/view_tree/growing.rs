//! What becomes of reductions that collect rather than reduce: CouchDB's `reduce_limit`. From where on they
//! do is `refuge-query`'s.

use refuge_otp::Names;
use refuge_query::reduction;
use refuge_sandbox::{ReduceBound, ReduceLimit};

use crate::configuration::CurrentSettings;
use crate::names;

/// What becomes of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Growing {
    /// They are errors.
    #[default]
    Refused,
    /// They are kept, and those of functions in JavaScript are told in the log.
    Told,
    /// They are kept.
    Kept,
}

impl Growing {
    /// As the settings say now.
    pub(crate) fn now(names: &Names) -> Self {
        let current = names.value::<CurrentSettings>(names::CONFIGURATION);
        match current.as_ref().map(|current| current.settings.views.reduce_limit.as_str()) {
            Some("log") => Self::Told,
            Some("false") => Self::Kept,
            _ => Self::Refused,
        }
    }

    /// As the sandbox is told.
    pub(super) fn in_sandbox(self) -> ReduceLimit {
        let bound = reduction::ReduceLimit::default();
        let bound = ReduceBound { threshold_bytes: bound.threshold_bytes, ratio: bound.ratio };
        match self {
            Self::Refused => ReduceLimit::Refuse(bound),
            Self::Told => ReduceLimit::Log(bound),
            Self::Kept => ReduceLimit::Allow,
        }
    }
}

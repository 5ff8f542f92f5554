//! A function of the source that filters: its code names the checkpoints, so it is read before they are,
//! and looked at again while the replication runs.

use serde_json::Value;

use super::{Purpose, Replication};
use crate::exchange::{End, Request};
use crate::failure::Failure;
use crate::selection::FilterFunction;

/// Why a replication begins anew when its function is another.
const CHANGED: &str = "its filter function was changed";

impl Replication {
    /// Reads the function where there is one; tells whether there is.
    pub(super) fn read_filter(&mut self) -> bool {
        self.ask_for_filter(Purpose::ReadFilter)
    }

    /// Looks whether the function is still the same.
    pub(super) fn look_at_filter(&mut self) {
        if !self.requests.holds(Purpose::LookAtFilter) {
            self.ask_for_filter(Purpose::LookAtFilter);
        }
    }

    fn ask_for_filter(&mut self, purpose: Purpose) -> bool {
        let Some(name) = self.settings.selection.function().map(|one| one.design.clone()) else {
            return false;
        };
        self.ask(End::Source, purpose, Request::DesignDocument { name });
        true
    }

    pub(super) fn filter_read(&mut self, design: Option<Value>) {
        if let Some(local_id) = self.local_id_of(design) {
            self.local_id = local_id;
            self.compare_checkpoints();
        }
    }

    pub(super) fn filter_looked(&mut self, design: Option<Value>) {
        if let Some(local_id) = self.local_id_of(design)
            && local_id != self.local_id
        {
            self.begin_anew(End::Source, CHANGED);
        }
    }

    /// The checkpoints' id by the code in the design document; without it the replication fails.
    fn local_id_of(&mut self, design: Option<Value>) -> Option<String> {
        let function = self.settings.selection.function()?;
        match code(function, design.as_ref()) {
            Ok(code) => Some(self.settings.id.local_id_with(&code)),
            Err(reason) => {
                let name = self.settings.source_name.clone();
                self.fail(Failure::FilterMissing { name, reason });
                None
            }
        }
    }
}

fn code(function: &FilterFunction, design: Option<&Value>) -> Result<String, String> {
    let (document, name) = (&function.design, &function.name);
    let Some(design) = design else {
        return Err(format!("no design document `_design/{document}`"));
    };
    let kind = if function.is_view { "view" } else { "filter" };
    function.code(design).ok_or_else(|| format!("no {kind} `{name}` in `_design/{document}`"))
}

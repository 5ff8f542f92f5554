//! What has to be true: of each request, of each checkpoint, and at the end.

use refuge_replication::Request;
use serde_json::Value;

use super::{REFUSED, World};
use crate::database::Database;
use crate::plan::Chosen;

impl World {
    /// A machine asks for nothing that stands before the checkpoint it found, nor before what it
    /// has read.
    pub(super) fn check_request(&mut self, from: usize, request: &Request) {
        if let Request::Changes { since, .. } = request {
            let since = Database::number(since);
            let direction = &mut self.directions[from];
            assert!(
                self.plan.target_made_anew || since >= direction.floor,
                "asks behind {since}, and stood at {}",
                direction.floor
            );
            direction.floor = since;
        }
    }

    /// All that stands up to the recorded sequence on the source is on the target.
    pub(super) fn check_checkpoint(&self, from: usize, body: &Value) {
        if self.plan.target_made_anew {
            // Between the commit and the write the target may have gone: found at the next one.
            return;
        }
        let recorded = body["source_last_seq"].as_str().unwrap();
        let recorded = Database::number(recorded);
        let passing = self.databases[from].passing(&self.selection);
        for (id, leaves) in self.databases[from].leaves_up_to(recorded) {
            if !passing.contains(&id) {
                continue;
            }
            let missing = self.databases[1 - from].missing(&id, &leaves);
            let refused = self.plan.refusals && id.starts_with(REFUSED);
            assert!(refused || missing.is_empty(), "checkpoint {recorded} claims {id} {missing:?}");
        }
    }

    /// What passes is on the other side with all its leaves, and nothing is there that never passed.
    pub(super) fn check_what_was_chosen(&self) {
        for from in [0, 1] {
            let passing = self.databases[from].passing(&self.selection);
            for (id, leaves) in self.databases[from].leaves_up_to(u64::MAX) {
                let missing = self.databases[1 - from].missing(&id, &leaves);
                assert!(!passing.contains(&id) || missing.is_empty(), "{id} lacks {missing:?}");
            }
        }
        for id in self.databases[1].picture().keys() {
            assert!(self.passed.contains(id), "{id} never passed");
        }
    }

    pub(super) fn check_the_end(&self) {
        if self.plan.chosen != Chosen::All {
            return self.check_what_was_chosen();
        }
        let mut pictures = [self.databases[0].picture(), self.databases[1].picture()];
        if self.plan.refusals {
            for picture in &mut pictures {
                picture.retain(|id, _| !id.starts_with(REFUSED));
            }
        }
        let [one, other] = &pictures;
        for id in one.keys().chain(other.keys()) {
            assert_eq!(one.get(id), other.get(id), "{id}");
        }
        assert!(pictures[0].values().any(|(nodes, _)| nodes.len() > 2));
        for direction in &self.directions {
            if let Some(machine) = &direction.machine {
                let status = machine.status();
                assert!(status.caught_up, "{status:?}");
                if !self.plan.target_made_anew {
                    assert_eq!(status.waiting_to_retry, 0);
                }
            }
        }
        if self.plan.refusals {
            let status = self.directions[0].machine.as_ref().unwrap().status();
            assert!(status.statistics.doc_write_failures > 0);
        }
    }
}

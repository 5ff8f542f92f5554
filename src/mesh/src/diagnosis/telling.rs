//! A diagnosis as it is told to clients.

use serde_json::{Value, json};

use super::{AskedHub, Diagnosis, HubAnswer, TriedOutcome};

impl Diagnosis {
    /// As it is told to clients.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tried = self.tried.iter().map(|one| {
            let source = one.told.as_ref().map_or("written", |told| told.source.as_str());
            let (outcome, reason) = match &one.outcome {
                TriedOutcome::Reached => ("reached", None),
                TriedOutcome::OtherNode(id) => ("other_node", Some(id.to_string())),
                TriedOutcome::Failed(reason) => ("failed", Some(reason.clone())),
            };
            json!({
                "address": one.address,
                "source": source,
                "told_ms": one.told.as_ref().map(|told| told.told_ms),
                "failures": one.told.as_ref().map(|told| told.failures),
                "outcome": outcome,
                "reason": reason,
                "other_name": one.other_name,
            })
        });
        let sources = self.sources.iter().map(|one| {
            json!({
                "source": one.source,
                "setting": one.setting,
                "on": one.is_on,
                "speaker": one.speaker,
            })
        });
        let hubs = self.hubs.iter().map(|AskedHub { hub, answer }| {
            let (answer, reason) = match answer {
                HubAnswer::Knows => ("knows", None),
                HubAnswer::KnowsNothing => ("knows_nothing", None),
                HubAnswer::Failed(reason) => ("failed", Some(reason)),
            };
            json!({ "hub": hub, "answer": answer, "reason": reason })
        });
        json!({
            "id": self.id.to_string(),
            "name": self.name,
            "trust": self.trust.as_str(),
            "certificate": self.certificate.map(|id| json!({ "proves": id.to_string() })),
            "up": self.up,
            "link": self.link.as_ref().map(|link| json!({
                "standing": link.standing,
                "failed_dials": link.failed_dials,
                "last_failure": link.last_failure,
            })),
            "listening": self.listening,
            "outer_address": self.outer_address,
            "addresses": tried.collect::<Vec<_>>(),
            "sources": sources.collect::<Vec<_>>(),
            "hubs": hubs.collect::<Vec<_>>(),
            "foreign_version": self.foreign.as_ref().map(|foreign| &foreign.theirs),
            "trusts_us": self.trusts_us,
            "clock_off_seconds": self.clock_off_seconds,
            "replication_waits": self.replication_waits,
            "last_seen": self.last_seen,
            "advice": self.advice(),
        })
    }
}

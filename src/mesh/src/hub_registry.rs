//! What a hub keeps: the latest record of each node that registered, as the node signed it. The hub
//! believes nothing of it and cannot forge it; whoever reads one checks it. Signatures were checked before
//! a record comes here.

use std::collections::BTreeMap;

use crate::node_id::NodeId;
use crate::statement::{
    Judgement, Statement, StatementContent, StatementContext, StatementRefusal, judge,
};

/// A record past its expiry is a hint for so long: a node that is away comes back to where it was.
const HINT_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// The records.
#[derive(Debug)]
pub struct HubRegistry {
    records: BTreeMap<NodeId, Statement>,
    most: usize,
}

/// Why a record is not kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HubRefusal {
    /// Another kind of statement.
    #[error("a hub keeps hub records alone")]
    Kind,
    /// The node that brings it is another than the one that signed it.
    #[error("a node registers itself alone")]
    OtherNode,
    /// It does not count.
    #[error(transparent)]
    Statement(#[from] StatementRefusal),
    /// There are as many as there may be.
    #[error("the hub is full: try again later, or another one")]
    Full,
}

impl HubRegistry {
    /// An empty one for at most so many nodes.
    #[must_use]
    pub const fn new(most: usize) -> Self {
        Self { records: BTreeMap::new(), most }
    }

    /// From now on for at most so many nodes. What is beyond that leaves only where it is a hint, and not before
    /// another node needs its room.
    pub const fn keep_at_most(&mut self, most: usize) {
        self.most = most;
    }

    /// A node brings its record.
    ///
    /// # Errors
    /// [`HubRefusal`]; what was kept stays.
    pub fn register(
        &mut self,
        (us, now_ms): (NodeId, u64),
        bringer: &NodeId,
        record: Statement,
    ) -> Result<Judgement, HubRefusal> {
        let claims = record.claims();
        if !matches!(claims.content, StatementContent::HubRecord { .. }) {
            return Err(HubRefusal::Kind);
        }
        if claims.issuer != *bringer {
            return Err(HubRefusal::OtherNode);
        }
        let last_serial = self.records.get(bringer).map(|kept| kept.claims().serial);
        let judged = judge(claims, &StatementContext { us, now_ms, last_serial })?;
        if judged == Judgement::New {
            self.make_room(now_ms, bringer)?;
            self.records.insert(*bringer, record);
        }
        Ok(judged)
    }

    /// A full registry gives up hints, the oldest first, and never a record that holds.
    fn make_room(&mut self, now_ms: u64, bringer: &NodeId) -> Result<(), HubRefusal> {
        if self.records.len() < self.most || self.records.contains_key(bringer) {
            return Ok(());
        }
        self.forget_old(now_ms);
        while self.records.len() >= self.most {
            let expiry = |(_, kept): &(&NodeId, &Statement)| kept.claims().expires_ms;
            let oldest = self.records.iter().min_by_key(expiry);
            let hint = oldest.filter(|(_, kept)| kept.claims().expires_ms <= now_ms);
            let Some(id) = hint.map(|(id, _)| *id) else { return Err(HubRefusal::Full) };
            self.records.remove(&id);
        }
        Ok(())
    }

    /// Forgets what is no hint any more.
    pub fn forget_old(&mut self, now_ms: u64) {
        self.records.retain(|_, kept| kept.claims().expires_ms.saturating_add(HINT_MS) > now_ms);
    }

    /// The record of a node, listed or not, past its expiry or not: whoever asks knows its id.
    #[must_use]
    pub fn get(&self, id: &NodeId) -> Option<&Statement> {
        self.records.get(id)
    }

    /// Records that want to be listed and hold now, in the order of their ids, behind `after`.
    pub fn listed(&self, now_ms: u64, after: Option<NodeId>) -> impl Iterator<Item = &Statement> {
        let is_listed = |kept: &&Statement| {
            matches!(kept.claims().content, StatementContent::HubRecord { listed: true, .. })
        };
        let all = self.records.iter().filter(move |(id, _)| after.is_none_or(|after| **id > after));
        let all = all.map(|(_, kept)| kept).filter(is_listed);
        all.filter(move |kept| kept.claims().expires_ms > now_ms)
    }
}

#[cfg(test)]
mod tests;

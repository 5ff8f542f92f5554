//! Nodes that come to be trusted otherwise than by `refuge peer add`: by an invitation, an approval, an
//! introduction; and how they cease to be. Whether they may is decided by whoever asks.

use std::time::Duration;

use refuge_http::Failure;
use refuge_mesh::{
    ChangedIntroducer, NodeId, PeerRecord, PeerRule, Trust, next_word_over, rfc3339,
    trusted_on_lost_words,
};
use serde_json::{Map, Value};

use super::{Directory, PeerDirectoryMessage, commands};
use crate::pairing;
use crate::task::OwnedTask;

/// Between two looks at words that are over: it cannot be written that they are, or the clock is set.
const LEAST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);

/// What a node is to be called.
#[derive(Clone, Debug)]
pub enum AdmittedName {
    /// By an admin of this node.
    Given(String),
    /// By itself or another node: taken where it is free and imitates no other.
    Claimed(String),
}

/// A node that is trusted from now on.
#[derive(Clone, Debug)]
pub struct Admission {
    pub(crate) id: NodeId,
    pub(crate) name: AdmittedName,
    /// Groups beside those that it has.
    pub(crate) groups: Vec<String>,
    /// Where it says that it listens, or another node.
    pub(crate) told_addresses: Vec<String>,
    /// On whose word.
    pub(crate) word: Word,
}

/// On whose word a node is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An admin's: it stays trusted whatever becomes of the node that vouched for it, if one did.
    Admin {
        /// The one that vouched.
        introducer: Option<NodeId>,
    },
    /// A trusted node's: as long as that is trusted, and no longer than it says.
    Introducer {
        /// The one that vouches.
        introducer: NodeId,
        /// Until when, in milliseconds since 1970.
        until_ms: u64,
    },
}

/// A change of a peer that is known.
#[derive(Clone, Debug)]
pub enum PeerChange {
    /// It is trusted no more, and stays known.
    Revoke,
    /// Whether it may vouch for others.
    Introducer(ChangedIntroducer),
    /// How it is replicated with.
    Rule(PeerRule),
}

/// The peer that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    pub(crate) id: NodeId,
    pub(crate) name: String,
}

impl Directory {
    /// Trusts a node.
    pub(super) async fn admit(&mut self, admission: Admission) -> Result<Changed, Failure> {
        let id = admission.id;
        let body = self.admitted(admission)?;
        self.put(id, Some(body)).await
    }

    /// Whether [`Self::admit`] would trust a node, with nothing written: before another node is told anything
    /// that it cannot take back.
    pub(super) fn check_admission(&self, admission: Admission) -> Result<(), Failure> {
        let id = admission.id;
        let body = self.admitted(admission)?;
        self.known.check(&self.names, id, &body).map_err(super::documents::failure)
    }

    /// The body of a node's document once it is trusted.
    fn admitted(&self, admission: Admission) -> Result<Map<String, Value>, Failure> {
        let id = admission.id;
        if self.known.trust(&id) == Trust::Blocked {
            return Err(Failure::Forbidden(format!(
                "node {id} is blocked here: `refuge peer trust {id}` lifts that"
            )));
        }
        if let Word::Introducer { introducer, .. } = admission.word {
            self.check_word(id, introducer)?;
        }
        let mut body = commands::body_of(self, &id);
        body.insert("trust".to_owned(), "trusted".into());
        self.name(&mut body, &admission);
        commands::extend(&mut body, "groups", admission.groups);
        self.tell_addresses(&mut body, &id, admission.told_addresses);
        let by = |introducer: NodeId| introducer.to_string().into();
        match admission.word {
            Word::Admin { introducer } => {
                body.extend(introducer.map(|it| ("introduced_by".to_owned(), by(it))));
                confirm(&mut body);
            }
            Word::Introducer { introducer, until_ms } => {
                body.insert("introduced_by".to_owned(), by(introducer));
                body.insert("introduced_until".to_owned(), rfc3339(until_ms).into());
            }
        }
        Ok(body)
    }

    /// Whether somebody's word is enough: much may have changed since it was heard.
    fn check_word(&self, id: NodeId, introducer: NodeId) -> Result<(), Failure> {
        if let Some(known) = self.known.get(&id) {
            check_renewal(&known.record, introducer)?;
        }
        let refused = |reason: &str| Err(Failure::Forbidden(format!("node {id} {reason}")));
        if pairing::is_rejected(&self.names, &id) == Some(true) {
            return refused("was rejected here by an admin");
        }
        if self.known.view().heir(&id).is_some() {
            return refused("has a new identity");
        }
        Ok(())
    }

    fn tell_addresses(&self, body: &mut Map<String, Value>, id: &NodeId, told: Vec<String>) {
        let known = self.known.get(id).map(|known| known.record.clone());
        let mut record = known.unwrap_or_else(|| PeerRecord::new(*id));
        record.tell_addresses(told);
        if !record.told_addresses.is_empty() {
            body.insert("told_addresses".to_owned(), record.told_addresses.into());
        }
    }

    fn name(&self, body: &mut Map<String, Value>, admission: &Admission) {
        let (id, default) = (admission.id, PeerRecord::default_name(&admission.id));
        let known = body.get("name").and_then(Value::as_str);
        let chosen = match &admission.name {
            AdmittedName::Given(name) => name.clone(),
            // What an admin called it once stays.
            AdmittedName::Claimed(_) if known.is_some_and(|known| known != default) => return,
            AdmittedName::Claimed(name) => self.known.view().name_for_claimed(name, &id),
        };
        body.insert("name".to_owned(), chosen.into());
    }

    /// Changes a peer that is known.
    pub(super) async fn change(
        &mut self,
        node: &str,
        change: PeerChange,
    ) -> Result<Changed, Failure> {
        let unknown = || {
            let reason = format!("no node is known as {node:?}: `refuge peer list` shows them");
            Failure::NotFound(reason)
        };
        let id = self.find(node).ok_or_else(unknown)?;
        let mut body = commands::body_of(self, &id);
        match change {
            PeerChange::Revoke => {
                // With its introducer it would still be pending.
                for member in ["trust", "confirmed", "introduced_by", "introduced_until"] {
                    body.remove(member);
                }
            }
            PeerChange::Introducer(changed) => {
                body.insert("introducer".to_owned(), changed.introducer.into());
                body.insert("may_confer".to_owned(), changed.may_confer.into());
                if let Some(policy) = changed.introductions {
                    body.insert("introductions".to_owned(), policy.into());
                }
            }
            PeerChange::Rule(rule) => {
                // What is as it is without a rule has none.
                let (member, value) = match rule {
                    PeerRule::Bandwidth(bytes) => ("bandwidth", bytes.map(Value::from)),
                    PeerRule::Metered(goes_on) => {
                        ("metered", (!goes_on).then_some(Value::Bool(false)))
                    }
                };
                body.remove(member);
                body.extend(value.map(|value| (member.to_owned(), value)));
            }
        }
        self.put(id, Some(body)).await
    }

    /// Writes a document, shows it, and takes trust from those who had it on the word of somebody who
    /// has it no more.
    pub(super) async fn put(
        &mut self,
        id: NodeId,
        body: Option<Map<String, Value>>,
    ) -> Result<Changed, Failure> {
        let before = self.known.trust(&id);
        let names = self.names.clone();
        self.known.write(&names, id, body).await.map_err(super::documents::failure)?;
        self.show(id, before);
        self.take_lost_words_back().await;
        let name = self.known.get(&id).map(|known| known.record.name.clone());
        Ok(Changed { id, name: name.unwrap_or_else(|| PeerRecord::default_name(&id)) })
    }

    /// Takes trust from those who have it on the word of somebody who has it no more, or whose word is over.
    pub(super) async fn take_lost_words_back(&mut self) {
        self.end_trust_on_lost_words().await;
        let next = next_word_over(self.known.records());
        self.alarm = next.map(|at_ms| {
            let left = Duration::from_millis(at_ms.saturating_sub(crate::now_ms()));
            let (wait, myself) = (left.clamp(LEAST_WAIT, LONGEST_WAIT), self.myself.clone());
            OwnedTask::spawn(async move {
                tokio::time::sleep(wait).await;
                let _ = myself.cast(PeerDirectoryMessage::WordsOver);
            })
        });
    }

    /// Each round may find those whom the last one's were introducing.
    async fn end_trust_on_lost_words(&mut self) {
        loop {
            let lost = trusted_on_lost_words(self.known.records(), crate::now_ms());
            if lost.is_empty() {
                return;
            }
            for id in lost {
                let mut body = commands::body_of(self, &id);
                body.remove("trust");
                let names = self.names.clone();
                if let Err(failure) = self.known.write(&names, id, Some(body)).await {
                    // It is tried again at the next change of trust and at the next start.
                    tracing::error!(peer = %id, %failure, "trust was not taken back");
                    return;
                }
                tracing::info!(peer = %id, "trusted no more: its introducer is not, or its word is over");
                self.show(id, Trust::Trusted);
            }
        }
    }
}

/// Of a node that is known another says no more than that its own word goes on: an admin may have said
/// something since it was heard.
fn check_renewal(known: &PeerRecord, introducer: NodeId) -> Result<(), Failure> {
    let by_it = known.introduced_by == Some(introducer.to_string());
    if known.trust == Trust::Trusted && by_it && !known.confirmed {
        return Ok(());
    }
    Err(Failure::Forbidden(format!(
        "an admin decides about node {}, which is known here",
        known.id
    )))
}

/// An admin trusts the node: whoever vouched for it, its trust is not that one's any more.
pub(super) fn confirm(body: &mut Map<String, Value>) {
    if body.get("introduced_by").is_some_and(|introducer| !introducer.is_null()) {
        body.insert("confirmed".to_owned(), true.into());
        body.remove("introduced_until");
    }
}

//! What others state: whether it is proved, whether it counts, and what follows from it.

use refuge_http::Failure;
use refuge_identity::{Certificate, NodeIdentity, check_statement};
use refuge_mesh::{
    Claims, Introduced, IntroductionOutcome, Judgement, NodeId, PendingPeer, Statement,
    StatementContext, StatementKind, introduction_outcome, judge,
};
use serde_json::{Value, json};

use super::rows::Heard;
use super::{IntroductionsState, rows};
use crate::pairing::{self, PairingMessage};
use crate::peer_directory::{self, Admission, AdmittedName, PeerDirectoryMessage, Word};
use crate::{names, unavailable};

/// Subjects of whom one issuer is heard: a peer that vouches for more knows too many.
const MOST_OF_ONE: usize = 1_000;
/// How long a serial is remembered: as long as an earlier statement may hold, and a day for clocks.
const KEPT_MS: u64 = (StatementKind::Introduction.most_days() + 1) * 24 * 60 * 60 * 1_000;

impl IntroductionsState {
    /// Does what follows from a statement; in words why nothing does.
    pub(super) async fn hear(&mut self, statement: &Statement) -> Result<Value, Failure> {
        let forbidden = |reason: String| Failure::Forbidden(reason);
        let claims = statement.claims();
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let own = self.names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(unavailable)?;
        let rejected =
            pairing::is_rejected(&self.names, &claims.subject).ok_or_else(unavailable)?;
        // Before the signature: of strangers not even that is looked at.
        let outcome = introduction_outcome(&peers, &own.id, claims, rejected);
        let outcome = outcome.map_err(|refusal| forbidden(refusal.to_string()))?;
        let issuer = peers.get(&claims.issuer).and_then(|issuer| issuer.certificate.clone());
        prove(statement, issuer)?;
        let place = (claims.issuer, claims.subject);
        let before = self.heard.get(&place).copied();
        let context = StatementContext {
            us: own.id,
            now_ms: crate::now_ms(),
            last_serial: before.map(|heard| heard.serial),
        };
        let judged = judge(claims, &context).map_err(|refusal| forbidden(refusal.to_string()))?;
        if judged == Judgement::New {
            let (serial, issued_ms) = (claims.serial, claims.issued_ms);
            let heard = Heard { serial, decided: false, done: false, issued_ms };
            self.note(place, heard).await?;
        }
        // What was broken off between the row and what follows from it is done now.
        let first = judged == Judgement::New || before.is_some_and(|heard| !heard.done);
        let decided = judged == Judgement::Again && before.is_some_and(|heard| heard.decided);
        let known = peers.get(&claims.subject).is_some();
        let followed = self.follow(outcome, claims, (first && !known, first, decided)).await?;
        if let Some(heard) = self.heard.get(&place).copied().filter(|heard| !heard.done) {
            self.note(place, Heard { done: true, ..heard }).await?;
        }
        Ok(followed)
    }

    async fn follow(
        &self,
        outcome: IntroductionOutcome,
        claims: &Claims,
        (of_a_stranger, first, decided): (bool, bool, bool),
    ) -> Result<Value, Failure> {
        match outcome {
            IntroductionOutcome::Renew(introduced) if first => {
                self.accept(introduced, claims.expires_ms).await
            }
            IntroductionOutcome::Known | IntroductionOutcome::Renew(_) => {
                Ok(json!({ "outcome": "known" }))
            }
            _ if decided => Ok(json!({ "outcome": "decided" })),
            // Whom an admin knows and does not trust is not trusted on somebody's word.
            IntroductionOutcome::Accept(introduced) if of_a_stranger => {
                self.accept(introduced, claims.expires_ms).await
            }
            IntroductionOutcome::Accept(introduced) | IntroductionOutcome::Ask(introduced) => {
                self.ask(introduced, claims).await
            }
        }
    }

    async fn accept(&self, introduced: Introduced, until_ms: u64) -> Result<Value, Failure> {
        let Introduced { id, introducer, name, groups, addresses } = introduced;
        let admission = Admission {
            id,
            name: AdmittedName::Claimed(name),
            groups,
            told_addresses: addresses,
            word: Word::Introducer { introducer, until_ms },
        };
        let admit = |reply| PeerDirectoryMessage::Admit { admission, reply };
        let changed = crate::call(&self.names, names::PEER_DIRECTORY, admit).await??;
        tracing::info!(peer = %id, name = changed.name, %introducer, "trusted on another's word");
        Ok(json!({ "outcome": "trusted", "id": id.to_string(), "name": changed.name }))
    }

    async fn ask(&self, introduced: Introduced, claims: &Claims) -> Result<Value, Failure> {
        let Introduced { id, introducer, name, groups, addresses } = introduced;
        let pending = PendingPeer {
            id,
            name,
            addresses,
            from: None,
            introducer: Some(introducer),
            groups,
            since_ms: claims.issued_ms,
        };
        let pend = |reply| PairingMessage::Pend { introduced: Box::new(pending), reply };
        crate::call(&self.names, names::PAIRING, pend).await??;
        Ok(json!({ "outcome": "pending", "id": id.to_string() }))
    }

    /// An admin said what becomes of a subject.
    pub(super) async fn decide(&mut self, place: (NodeId, NodeId)) -> Result<(), Failure> {
        match self.heard.get(&place).copied() {
            Some(heard) => self.note(place, Heard { decided: true, ..heard }).await,
            None => Ok(()),
        }
    }

    /// What was stated so long ago that nothing from before it can hold any more is forgotten, once an issuer
    /// states much.
    async fn forget_old(&mut self, issuer: &NodeId) -> Result<(), Failure> {
        let of_issuer = self.heard.iter().filter(|((by, _), _)| by == issuer);
        if of_issuer.clone().count() < MOST_OF_ONE {
            return Ok(());
        }
        let now_ms = crate::now_ms();
        let old = of_issuer.filter(|(_, heard)| heard.issued_ms.saturating_add(KEPT_MS) < now_ms);
        for place in old.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.store(rows::heard_key(place), None).await?;
            self.heard.remove(&place);
        }
        Ok(())
    }

    async fn note(&mut self, place: (NodeId, NodeId), heard: Heard) -> Result<(), Failure> {
        self.forget_old(&place.0).await?;
        let of_issuer = || self.heard.keys().filter(|(issuer, _)| *issuer == place.0).count();
        if !self.heard.contains_key(&place) && of_issuer() >= MOST_OF_ONE {
            let reason = format!("one node vouches for {MOST_OF_ONE} others at most");
            let error = "too_many_introductions";
            return Err(Failure::TooMany { error, reason, retry_after: None });
        }
        self.store(rows::heard_key(place), Some(rows::heard_row(heard))).await?;
        self.heard.insert(place, heard);
        Ok(())
    }
}

/// Whether the issuer signed it, by the certificate that it showed here.
fn prove(statement: &Statement, certificate: Option<String>) -> Result<(), Failure> {
    let forbidden = |reason: String| Failure::Forbidden(reason);
    let certificate = certificate.ok_or_else(|| {
        forbidden("the node that signed this has not shown its certificate here yet".to_owned())
    })?;
    let certificate = Certificate::from_pem(certificate.as_bytes())
        .map_err(|error| forbidden(error.to_string()))?;
    let key = certificate.public_key().map_err(|error| forbidden(error.to_string()))?;
    check_statement(statement, &key).map_err(|error| forbidden(error.to_string()))
}

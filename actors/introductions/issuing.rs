//! Vouching for peers: signing, keeping, and telling those for whom it is meant.

use std::sync::Arc;

use refuge_http::Failure;
use refuge_identity::{NodeIdentity, sign_statement};
use refuge_mesh::{
    Claims, Frame, NewIntroduction, NodeId, PeerRecord, Peers, Selector, StatementContent,
    next_serial, rfc3339,
};
use serde_json::{Value, json};

use super::{IntroductionsState, rows};
use crate::peer_directory;
use crate::peer_link::PeerLinkMessage;
use crate::{names, unavailable};

/// How long an introduction holds where nobody says otherwise.
const DEFAULT_DAYS: u64 = 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Introductions that are kept: each is signed, which takes milliseconds.
const MOST_MADE: usize = 10_000;

impl IntroductionsState {
    /// Vouches for a node towards one or more others, and for each of them towards it.
    pub(super) async fn introduce(&mut self, wish: NewIntroduction) -> Result<Value, Failure> {
        let days = wish.days.unwrap_or(DEFAULT_DAYS);
        let most = refuge_mesh::StatementKind::Introduction.most_days();
        if !(1..=most).contains(&days) {
            let reason = format!("an introduction holds for 1 to {most} days");
            return Err(Failure::BadRequest(reason));
        }
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let own = self.names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(unavailable)?;
        let pairs = pairs(&peers, &wish)?;
        let mut told = Vec::new();
        for (subject, audience) in pairs {
            let subject = peers.get(&subject).ok_or_else(unavailable)?;
            told.push(self.vouch(&own, subject, (audience, &wish.groups, days)).await?);
            self.tell(&audience);
        }
        Ok(json!({ "introductions": told }))
    }

    async fn vouch(
        &mut self,
        own: &Arc<NodeIdentity>,
        subject: &PeerRecord,
        (audience, groups, days): (NodeId, &[String], u64),
    ) -> Result<Value, Failure> {
        let place = (audience, subject.id);
        self.forget_expired().await?;
        if self.made.len() >= MOST_MADE && !self.made.contains_key(&place) {
            let reason = format!("{MOST_MADE} introductions hold already: wait until some expire");
            let error = "too_many_introductions";
            return Err(Failure::TooMany { error, reason, retry_after: None });
        }
        let now_ms = crate::now_ms();
        let last = self.made.get(&place).map(|made| made.claims().serial);
        let claims = Claims {
            issuer: own.id,
            subject: subject.id,
            audience: Some(audience),
            serial: next_serial(last, now_ms),
            issued_ms: now_ms,
            expires_ms: now_ms + days * DAY_MS,
            content: StatementContent::Introduction {
                name: subject.name.clone(),
                groups: groups.to_vec(),
                addresses: subject.addresses.clone(),
            },
        };
        let expires = rfc3339(claims.expires_ms);
        let signer = Arc::clone(own);
        let signed = move || sign_statement(signer.key(), &claims);
        let signed = tokio::task::spawn_blocking(signed).await.map_err(|_| unavailable())?;
        let statement = signed.map_err(|error| Failure::Internal(error.to_string()))?;
        self.store(rows::made_key(place), Some(rows::made_row(&statement))).await?;
        let told = json!({
            "subject": subject.id.to_string(),
            "audience": audience.to_string(),
            "expires": expires,
            "statement": statement.to_json(),
        });
        self.made.insert(place, statement);
        Ok(told)
    }

    async fn forget_expired(&mut self) -> Result<(), Failure> {
        let now_ms = crate::now_ms();
        let over = self.made.iter().filter(|(_, made)| made.claims().expires_ms <= now_ms);
        for place in over.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.store(rows::made_key(place), None).await?;
            self.made.remove(&place);
        }
        Ok(())
    }

    /// Tells a node all that is meant for it and that still holds of nodes that are still trusted; one
    /// that has heard it passes over it.
    pub(super) fn tell(&self, audience: &NodeId) {
        let Some(peers) = peer_directory::peers(&self.names) else { return };
        let now_ms = crate::now_ms();
        let least = NodeId::from_digest([0; 32]);
        let of_audience = self.made.range((*audience, least)..);
        let of_audience = of_audience.take_while(|((meant, _), _)| meant == audience);
        for ((_, subject), statement) in of_audience {
            if peers.is_trusted(subject) && statement.claims().expires_ms > now_ms {
                let frame = Frame::Statement(Box::new(statement.clone()));
                // A link that is not there tells when it is.
                let told = PeerLinkMessage::Tell(frame);
                let _ = self.names.cast(&names::peer_link(*audience), told);
            }
        }
    }

    /// What was made and heard.
    pub(super) fn told(&self) -> Value {
        let made = self.made.iter().map(|((audience, subject), statement)| {
            json!({
                "subject": subject.to_string(),
                "audience": audience.to_string(),
                "expires": rfc3339(statement.claims().expires_ms),
                "statement": statement.to_json(),
            })
        });
        let heard = self.heard.iter().map(|((issuer, subject), heard)| {
            json!({
                "issuer": issuer.to_string(),
                "subject": subject.to_string(),
                "serial": heard.serial,
                "decided": heard.decided,
            })
        });
        json!({ "made": made.collect::<Vec<_>>(), "heard": heard.collect::<Vec<_>>() })
    }
}

/// Each subject with its audience, both ways.
fn pairs(peers: &Peers, wish: &NewIntroduction) -> Result<Vec<(NodeId, NodeId)>, Failure> {
    let unknown = |text: &str| Failure::NotFound(format!("no trusted node is known as {text:?}"));
    let bad = |error: refuge_mesh::BadSelector| Failure::BadRequest(error.to_string());
    let one = Selector::parse(&wish.node).map_err(bad)?;
    let Selector::Node(_) = one else {
        return Err(Failure::BadRequest("one node is introduced to others".to_owned()));
    };
    let one = peers.resolve(&one).first().copied().ok_or_else(|| unknown(&wish.node))?;
    let others = peers.resolve(&Selector::parse(&wish.to).map_err(bad)?);
    let others: Vec<NodeId> = others.into_iter().filter(|other| *other != one).collect();
    if others.is_empty() {
        return Err(unknown(&wish.to));
    }
    Ok(others.into_iter().flat_map(|other| [(one, other), (other, one)]).collect())
}

//! Vouching for peers: signing, keeping, and telling those for whom it is meant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use refuge_http::Failure;
use refuge_identity::{NodeIdentity, sign_statement};
use refuge_mesh::{
    BadPeer, Claims, Frame, NewIntroduction, NodeId, PeerRecord, Peers, Selector, Statement,
    StatementContent, addresses_to_tell, is_group, next_serial, rfc3339,
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::{IntroductionsMessage, IntroductionsState, rows};
use crate::peer_link::PeerLinkMessage;
use crate::{address_book, names, peer_directory, unavailable};

/// How long an introduction holds where nobody says otherwise.
const DEFAULT_DAYS: u64 = 30;
const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// Introductions that are kept: each is signed, which takes milliseconds.
const MOST_MADE: usize = 10_000;

/// The pace at which one peer is told: slower than it hears, and never more than its link takes.
const PACE: Duration = Duration::from_millis(100);

impl IntroductionsState {
    /// Vouches for a node towards one or more others, and for each of them towards it. Signing takes
    /// milliseconds each, for which nobody else waits.
    pub(super) async fn introduce(
        &mut self,
        myself: ActorRef<IntroductionsMessage>,
        wish: NewIntroduction,
        reply: oneshot::Sender<Result<Value, Failure>>,
    ) {
        let (own, all) = match self.prepare(&wish).await {
            Ok(prepared) => prepared,
            Err(failure) => return drop(reply.send(Err(failure))),
        };
        crate::task::spawn(async move {
            let sign = move || all.iter().map(|claims| sign_statement(own.key(), claims)).collect();
            let signed = crate::blocking(sign).await.map_err(|_| unavailable());
            let signed = signed.and_then(|signed: Result<Vec<_>, _>| {
                signed.map_err(|error| Failure::Internal(error.to_string()))
            });
            match signed {
                // Whoever asked hears of an actor that is gone by the reply that is gone with it.
                Ok(statements) => {
                    drop(myself.cast(IntroductionsMessage::Signed { statements, reply }));
                }
                Err(failure) => drop(reply.send(Err(failure))),
            }
        });
    }

    /// What is to be signed.
    async fn prepare(
        &mut self,
        wish: &NewIntroduction,
    ) -> Result<(Arc<NodeIdentity>, Vec<Claims>), Failure> {
        let days = wish.days.unwrap_or(DEFAULT_DAYS);
        let most = refuge_mesh::StatementKind::Introduction.most_days();
        if !(1..=most).contains(&days) {
            let reason = format!("an introduction holds for 1 to {most} days");
            return Err(Failure::BadRequest(reason));
        }
        if let Some(wrong) = wish.groups.iter().find(|group| !is_group(group)) {
            let reason = BadPeer::Group(wrong.clone()).to_string();
            return Err(Failure::BadRequest(reason));
        }
        let peers = peer_directory::peers(&self.names).ok_or_else(unavailable)?;
        let own = self.names.value::<NodeIdentity>(names::NODE_IDENTITY).ok_or_else(unavailable)?;
        let pairs = pairs(&peers, wish)?;
        self.forget_expired().await?;
        let fresh = pairs
            .iter()
            .filter(|(subject, audience)| !self.made.contains_key(&(*audience, *subject)));
        if self.made.len() + fresh.count() > MOST_MADE {
            let reason = format!("{MOST_MADE} introductions hold at most: wait until some expire");
            let error = "too_many_introductions";
            return Err(Failure::TooMany { error, reason, retry_after: None });
        }
        let claims = |(subject, audience): (NodeId, NodeId)| {
            let subject = peers.get(&subject).ok_or_else(unavailable)?;
            Ok(self.claims(own.id, subject, (audience, &wish.groups, days)))
        };
        let all = pairs.into_iter().map(claims).collect::<Result<_, Failure>>()?;
        Ok((own, all))
    }

    fn claims(
        &self,
        issuer: NodeId,
        subject: &PeerRecord,
        (audience, groups, days): (NodeId, &[String], u64),
    ) -> Claims {
        let now_ms = crate::now_ms();
        let last = self.made.get(&(audience, subject.id)).map(|made| made.claims().serial);
        Claims {
            issuer,
            subject: subject.id,
            audience: Some(audience),
            serial: next_serial(last, now_ms),
            issued_ms: now_ms,
            expires_ms: now_ms + days * DAY_MS,
            content: StatementContent::Introduction {
                name: subject.name.clone(),
                groups: groups.to_vec(),
                addresses: addresses_to_tell(
                    subject,
                    &address_book::found(&self.names, &subject.id),
                ),
            },
        }
    }

    /// Keeps what was signed, and tells it to those for whom it is meant.
    pub(super) async fn signed(
        &mut self,
        myself: &ActorRef<IntroductionsMessage>,
        statements: Vec<Statement>,
    ) -> Result<Value, Failure> {
        let peers = peer_directory::peers(&self.names).unwrap_or_default();
        let mut told = Vec::with_capacity(statements.len());
        for statement in statements {
            let (subject, serial) = (statement.claims().subject, statement.claims().serial);
            let Some(audience) = statement.claims().audience else { continue };
            let place = (audience, subject);
            told.push(shown(&peers, place, &statement));
            // Of two that were signed side by side the later counts.
            if self.made.get(&place).is_some_and(|made| made.claims().serial >= serial) {
                continue;
            }
            self.store(rows::made_key(place), Some(rows::made_row(&statement))).await?;
            self.made.insert(place, statement);
            self.tell(myself, audience, [subject]);
        }
        Ok(json!({ "introductions": told }))
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

    /// Tells a node all that is meant for it: its link is new, and what was told over the last one may have
    /// been lost. One that has heard it passes over it.
    pub(super) fn tell_all(&mut self, myself: &ActorRef<IntroductionsMessage>, audience: NodeId) {
        let least = NodeId::from_digest([0; 32]);
        let of_audience = self.made.range((audience, least)..);
        let of_audience = of_audience.take_while(|((meant, _), _)| *meant == audience);
        let subjects: Vec<_> = of_audience.map(|((_, subject), _)| *subject).collect();
        self.tell(myself, audience, subjects);
    }

    fn tell(
        &mut self,
        myself: &ActorRef<IntroductionsMessage>,
        audience: NodeId,
        subjects: impl IntoIterator<Item = NodeId>,
    ) {
        let mut subjects = subjects.into_iter().peekable();
        if subjects.peek().is_none() {
            return;
        }
        let goes_on = self.telling.contains_key(&audience);
        self.telling.entry(audience).or_default().extend(subjects);
        if !goes_on {
            self.tell_next(myself, audience);
        }
    }

    /// Tells of one node, where that still holds and the node is still trusted, and goes on.
    pub(super) fn tell_next(&mut self, myself: &ActorRef<IntroductionsMessage>, audience: NodeId) {
        let Some(subject) = self.telling.get_mut(&audience).and_then(BTreeSet::pop_first) else {
            self.telling.remove(&audience);
            return;
        };
        let trusted = peer_directory::peers(&self.names).is_some_and(|it| it.is_trusted(&subject));
        let made = self.made.get(&(audience, subject));
        let made = made.filter(|made| trusted && made.claims().expires_ms > crate::now_ms());
        if let Some(statement) = made {
            let told = PeerLinkMessage::Tell(Frame::Statement(Box::new(statement.clone())));
            // A link that is not there is told all when it is.
            let _ = self.names.cast(&names::peer_link(audience), told);
        }
        myself.send_after(PACE, move || IntroductionsMessage::TellNext(audience));
    }

    /// What was made and heard.
    pub(super) fn told(&self) -> Value {
        let peers = peer_directory::peers(&self.names).unwrap_or_default();
        let made = self.made.iter().map(|(place, statement)| shown(&peers, *place, statement));
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

/// With the names of both here, while they are known.
fn shown(peers: &Peers, (audience, subject): (NodeId, NodeId), statement: &Statement) -> Value {
    let name = |id: &NodeId| peers.get(id).map(|peer| peer.name.clone());
    json!({
        "subject": subject.to_string(),
        "subject_name": name(&subject),
        "audience": audience.to_string(),
        "audience_name": name(&audience),
        "expires": rfc3339(statement.claims().expires_ms),
        "statement": statement.to_json(),
    })
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
    let mut others = peers.resolve(&Selector::parse(&wish.to).map_err(bad)?);
    if others == [one] {
        let NewIntroduction { node, to, .. } = wish;
        let reason = format!("{to:?} means no other node than {node:?} itself: name another one");
        return Err(Failure::BadRequest(reason));
    }
    others.retain(|other| *other != one);
    if others.is_empty() {
        return Err(unknown(&wish.to));
    }
    Ok(others.into_iter().flat_map(|other| [(one, other), (other, one)]).collect())
}

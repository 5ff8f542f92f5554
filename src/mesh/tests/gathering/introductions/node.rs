//! A node that hears introductions, its admin and its disk. What a statement leads to is decided by the functions
//! of the crate; here is what the node does with their answers.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use refuge_mesh::{
    Claims, Introduced, IntroductionOutcome, Judgement, NodeId, PeerRecord, Peers, Rejections,
    Statement, StatementContext, Trust, introduction_outcome, judge, next_word_over,
    trusted_on_lost_words,
};

/// What a node hears and what its admin decides.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Heard(Rc<Statement>),
    /// An introducer is trusted no more.
    Distrust(NodeId),
    /// It is trusted again.
    Trust(NodeId),
    Block(NodeId),
    Reject(NodeId),
    Confirm(NodeId),
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) up: bool,
    pub(super) off_ms: i64,
    pub(super) records: BTreeMap<NodeId, PeerRecord>,
    /// The records as they are shown.
    pub(super) peers: Peers,
    /// The highest serial by issuer and subject.
    pub(super) heard: HashMap<(NodeId, NodeId), u64>,
    pub(super) rejections: Rejections,
    /// Those that tell it something: three introducers, and a friend that is none.
    pub(super) tellers: Vec<usize>,
    pub(super) subjects: Vec<usize>,
    /// What it was told of its tellers at the beginning.
    pub(super) introducers: Vec<PeerRecord>,
    /// All that happened, each by its clock.
    pub(super) history: Vec<(u64, Event)>,
}

impl Node {
    /// What its clock shows.
    pub(super) const fn clock(&self, right_ms: u64) -> u64 {
        right_ms.saturating_add_signed(self.off_ms)
    }

    /// Its admin decides.
    pub(super) fn decide(&mut self, right_ms: u64, event: Event) {
        self.end_words(right_ms);
        let now_ms = self.clock(right_ms);
        self.follow(now_ms, &event);
        self.history.push((now_ms, event));
        self.show();
        self.end_words(right_ms);
    }

    /// Takes trust back from those whose word is over or whose introducer is trusted no more.
    pub(super) fn end_words(&mut self, right_ms: u64) {
        let now_ms = self.clock(right_ms);
        if !self.up {
            return;
        }
        loop {
            let lost = trusted_on_lost_words(self.records.values(), now_ms);
            if lost.is_empty() {
                break;
            }
            for id in lost {
                self.records.get_mut(&id).unwrap().trust = Trust::Neither;
            }
            self.show();
        }
        assert!(next_word_over(self.records.values()).is_none_or(|over_ms| over_ms > now_ms));
    }

    /// Somebody says something, or says it again.
    pub(super) fn hear(&mut self, right_ms: u64, statement: &Rc<Statement>) {
        self.end_words(right_ms);
        let now_ms = self.clock(right_ms);
        let claims = statement.claims();
        self.history.push((now_ms, Event::Heard(Rc::clone(statement))));
        let rejected = self.rejections.contains(&claims.subject);
        let Ok(outcome) = introduction_outcome(&self.peers, &self.id, claims, rejected) else {
            return;
        };
        let place = (claims.issuer, claims.subject);
        let last_serial = self.heard.get(&place).copied();
        let context = StatementContext { us: self.id, now_ms, last_serial };
        if judge(claims, &context) != Ok(Judgement::New) {
            return;
        }
        self.heard.insert(place, claims.serial);
        match outcome {
            IntroductionOutcome::Renew(introduced) => self.admit(introduced, claims),
            IntroductionOutcome::Accept(introduced)
                if self.peers.get(&claims.subject).is_none() =>
            {
                self.admit(introduced, claims);
            }
            _ => {}
        }
    }

    /// Does as its admin says; who is rejected or confirmed stands in the records where a word put it there.
    fn follow(&mut self, now_ms: u64, event: &Event) {
        let (Event::Distrust(id)
        | Event::Trust(id)
        | Event::Block(id)
        | Event::Reject(id)
        | Event::Confirm(id)) = event
        else {
            return;
        };
        if let Event::Block(_) = event {
            self.records.entry(*id).or_insert_with(|| PeerRecord::new(*id));
        }
        if let Event::Reject(_) = event {
            self.rejections.reject(now_ms, *id);
        }
        let Some(record) = self.records.get_mut(id) else { return };
        let is_trusted = record.trust == Trust::Trusted;
        match event {
            Event::Trust(_) => record.trust = Trust::Trusted,
            Event::Block(_) => record.trust = Trust::Blocked,
            Event::Distrust(_) => record.trust = Trust::Neither,
            Event::Reject(_) if is_trusted => {
                (record.trust, record.confirmed) = (Trust::Neither, false);
                (record.introduced_by, record.introduced_until_ms) = (None, None);
            }
            Event::Confirm(_) if is_trusted => {
                (record.confirmed, record.introduced_until_ms) = (true, None);
            }
            _ => {}
        }
    }

    fn show(&mut self) {
        self.peers = Peers::new(self.records.values().cloned());
    }

    fn admit(&mut self, introduced: Introduced, claims: &Claims) {
        let Introduced { id, introducer, name, groups, addresses } = introduced;
        let record = self.records.entry(id).or_insert_with(|| PeerRecord {
            name: self.peers.name_for_claimed(&name, &id),
            ..PeerRecord::new(id)
        });
        record.trust = Trust::Trusted;
        let further = groups.into_iter().filter(|group| !record.groups.contains(group));
        let further: Vec<String> = further.collect();
        record.groups.extend(further);
        record.tell_addresses(addresses);
        record.introduced_by = Some(introducer.to_string());
        record.introduced_until_ms = Some(claims.expires_ms);
        self.show();
    }
}

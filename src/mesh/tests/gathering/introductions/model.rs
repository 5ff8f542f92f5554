//! Who is trusted on whose word, told of one subject from all that a node heard and its admin decided, by nothing
//! but the rules as a person would say them.

use std::collections::{BTreeSet, HashMap};

use refuge_mesh::{Claims, IntroductionPolicy, NodeId, PeerRecord, StatementContent};

use super::node::Event;
use super::world::DAY_MS;

/// On whose word a subject is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) introducer: NodeId,
    /// None where an admin confirmed it.
    pub(super) until_ms: Option<u64>,
    pub(super) groups: BTreeSet<String>,
}

struct Subject<'a> {
    us: NodeId,
    introducers: &'a [PeerRecord],
    distrusted: BTreeSet<NodeId>,
    serials: HashMap<NodeId, u64>,
    /// It stood in the peers once: on nobody's word will it be trusted anew.
    known: bool,
    blocked: bool,
    rejected: bool,
    word: Option<Word>,
}

/// What a node has to think of a subject after all that happened.
pub(super) fn word_for(
    (us, subject): (NodeId, NodeId),
    introducers: &[PeerRecord],
    (history, end_ms): (&[(u64, Event)], u64),
) -> Option<Word> {
    let mut state = Subject {
        us,
        introducers,
        distrusted: BTreeSet::new(),
        serials: HashMap::new(),
        known: false,
        blocked: false,
        rejected: false,
        word: None,
    };
    for (at_ms, event) in history {
        state.forget_what_is_over(*at_ms);
        match event {
            Event::Heard(word) if word.claims().subject == subject => {
                state.hear(*at_ms, word.claims());
            }
            Event::Distrust(introducer) => state.distrust(*introducer),
            Event::Trust(introducer) => {
                state.distrusted.remove(introducer);
            }
            Event::Block(id) if *id == subject => {
                (state.blocked, state.known, state.word) = (true, true, None);
            }
            Event::Reject(id) if *id == subject => (state.rejected, state.word) = (true, None),
            Event::Confirm(id) if *id == subject => {
                state.word.iter_mut().for_each(|word| word.until_ms = None);
            }
            _ => {}
        }
    }
    state.forget_what_is_over(end_ms);
    state.word
}

impl Subject<'_> {
    fn forget_what_is_over(&mut self, now_ms: u64) {
        self.word.take_if(|word| word.until_ms.is_some_and(|until_ms| until_ms <= now_ms));
    }

    fn distrust(&mut self, introducer: NodeId) {
        self.distrusted.insert(introducer);
        self.word.take_if(|word| word.introducer == introducer && word.until_ms.is_some());
    }

    fn hear(&mut self, now_ms: u64, claims: &Claims) {
        let its = self.introducers.iter().find(|one| one.id == claims.issuer && one.introducer);
        let Some(introducer) = its.filter(|one| !self.distrusted.contains(&one.id)) else { return };
        let StatementContent::Introduction { groups, .. } = &claims.content else { return };
        let is_heard = introducer.introductions != IntroductionPolicy::Off && !self.blocked;
        let is_for_us = claims.audience == Some(self.us) && claims.subject != self.us;
        let is_now = now_ms < claims.expires_ms && claims.issued_ms <= now_ms + DAY_MS;
        let is_newer = self.serials.get(&introducer.id).is_none_or(|last| *last < claims.serial);
        if !(is_heard && is_for_us && is_now && is_newer) {
            return;
        }
        self.serials.insert(introducer.id, claims.serial);
        if introducer.introductions == IntroductionPolicy::Ask {
            return;
        }
        let conferred = groups.iter().filter(|group| introducer.may_confer.contains(group));
        match &mut self.word {
            Some(word) if word.introducer == introducer.id && word.until_ms.is_some() => {
                word.until_ms = Some(claims.expires_ms);
                word.groups.extend(conferred.cloned());
            }
            None if !self.known && !self.rejected => {
                self.known = true;
                self.word = Some(Word {
                    introducer: introducer.id,
                    until_ms: Some(claims.expires_ms),
                    groups: conferred.cloned().collect(),
                });
            }
            _ => {}
        }
    }
}

//! Whom of the nodes that are up to ask for a document, and what follows from their answers.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use refuge_http::{Database as _, Failure};
use refuge_mesh::{Asker, NodeId, Selector, WantedAnswer, WantedDocument};
use refuge_otp::Names;
use refuge_replication::UserContext;
use tokio::sync::oneshot;

use super::places::{Who, Work, too_many_asks};
use super::{
    AskOutcome, Asking, DocumentsOnDemandMessage, DocumentsOnDemandState, Making, OnDemandSetting,
    making,
};
use crate::node_monitor::NodesUp;
use crate::replication_job;
use crate::{names, node_service, peer_directory};

/// Nodes that are asked side by side.
const ASKED_AT_ONCE: usize = 8;
/// All of asking for one document: large attachments go on for so long when nobody waits any more.
const ASKING_DEADLINE: Duration = Duration::from_secs(60);
/// What waits to be asked of nodes that came up.
const MOST_QUEUED: usize = 10_000;
/// Between two looks at what waits.
const QUEUE_REST: Duration = Duration::from_millis(100);

impl DocumentsOnDemandState {
    /// Somebody asks for a document that is not here.
    pub(super) fn want(
        &mut self,
        document: WantedDocument,
        (asker, request): (Asker, Option<String>),
        reply: oneshot::Sender<Result<bool, Failure>>,
    ) {
        let making = request.map(|request| Making { asker: asker.clone(), request });
        if let Some(asking) = self.asking.get_mut(&document) {
            asking.waiting.retain(|reply| !reply.is_closed());
            asking.waiting.push(reply);
            asking.making = asking.making.take().or(making);
            return;
        }
        let Some(setting) = self.setting(&document).cloned() else {
            let _ = reply.send(Ok(false));
            return;
        };
        let answer = self.wanted.want(self.now_ms(), &document, asker);
        let nodes = self.nodes(&setting);
        let is_nobody_there = nodes.is_empty() && making.is_none();
        if answer == WantedAnswer::Missed || is_nobody_there {
            let _ = reply.send(Ok(false));
            return;
        }
        let place = match answer {
            // Nobody was asked, so nobody is said not to have it.
            WantedAnswer::TooMany => Err(too_many_asks()),
            _ => self.asking.check(&document.database, Who::Somebody),
        };
        if let Err(failure) = place {
            let _ = reply.send(Err(failure));
            return;
        }
        let asked = Asked { nodes, are_all: true };
        let asking = Asking { waiting: vec![reply], making, asked_with: None };
        self.ask(document, (setting, asked), asking);
    }

    /// Those that are meant and are up.
    fn nodes(&self, setting: &OnDemandSetting) -> Vec<NodeId> {
        let up = self.names.value::<NodesUp>(names::NODE_MONITOR);
        let peers = peer_directory::peers(&self.names);
        let (Some(up), Some(peers)) = (up, peers) else { return Vec::new() };
        let Ok(selector) = Selector::parse(&setting.wish.nodes) else { return Vec::new() };
        let mut meant = peers.resolve(&selector);
        meant.retain(|node| up.up.iter().any(|one| one.id == *node));
        meant
    }

    fn ask(
        &mut self,
        document: WantedDocument,
        (setting, asked): (OnDemandSetting, Asked),
        asking: Asking,
    ) {
        let asked_with = Some(setting.clone());
        self.asking.take(document.clone(), Asking { asked_with, ..asking });
        let asker = self.wanted.asker(&document).cloned().unwrap_or_default();
        let user = UserContext { name: asker.name, roles: asker.roles };
        let names = self.names.clone();
        let told = |document, outcome| DocumentsOnDemandMessage::Asked { document, outcome };
        let work = Work::new(document, told, self.myself.clone());
        crate::task::spawn(async move {
            let Asked { nodes, are_all } = asked;
            let asked = ask_nodes(&names, (&setting.name, &work.document), (nodes, &user));
            let asked = tokio::time::timeout(ASKING_DEADLINE, asked).await;
            work.ended(match asked.unwrap_or(AskOutcome::Unanswered) {
                AskOutcome::Missed if !are_all => AskOutcome::Unanswered,
                outcome => outcome,
            });
        });
    }

    /// What no node has a function makes, where one is set. That is done for somebody who asked: where nobody
    /// did, the next who asks has the function asked.
    pub(super) fn asked(&mut self, document: WantedDocument, outcome: AskOutcome) {
        let function = self.function(&document).filter(|_| outcome == AskOutcome::Missed);
        let Some(function) = function else { return self.answer(&document, outcome) };
        let asking = self.asking.get_mut(&document);
        match asking.and_then(|asking| asking.making.take()) {
            Some(making) => self.make(document, function, making),
            None => self.answer(&document, AskOutcome::Unanswered),
        }
    }

    /// The name of the database, and of the design document whose function may make a document there.
    fn function(&self, document: &WantedDocument) -> Option<(String, String)> {
        let setting = self.setting(document).filter(|_| !document.id.starts_with("_design/"))?;
        Some((setting.name.clone(), setting.wish.function.clone()?))
    }

    fn make(&self, document: WantedDocument, (name, function): (String, String), making: Making) {
        let names = self.names.clone();
        let told = |document, outcome| DocumentsOnDemandMessage::Made { document, outcome };
        let work = Work::new(document, told, self.myself.clone());
        crate::task::spawn(async move {
            let made = making::make(&names, (&name, &work.document), (&function, making));
            let made = tokio::time::timeout(ASKING_DEADLINE, made).await;
            work.ended(made.unwrap_or(AskOutcome::Unanswered));
        });
    }

    /// Tells those who wait what came of it.
    pub(super) fn answer(&mut self, document: &WantedDocument, outcome: AskOutcome) {
        let Asking { waiting, asked_with, .. } = self.asking.free(document);
        match outcome {
            // What others had to say is no answer of those who are meant since.
            AskOutcome::Missed if asked_with.as_ref() != self.setting(document) => {}
            AskOutcome::Missed => self.wanted.missed(self.now_ms(), document),
            AskOutcome::Unanswered => {}
            AskOutcome::Here | AskOutcome::Unwanted => self.wanted.forget(document),
        }
        for reply in waiting {
            let _ = reply.send(Ok(outcome == AskOutcome::Here));
        }
    }

    /// A node is asked for all that is wanted of it, one after another.
    pub(super) fn came_up(&mut self, node: NodeId) {
        let was_empty = self.queue.is_empty();
        let mut meant: HashMap<String, bool> = HashMap::new();
        for document in self.wanted.all() {
            // Once for each database: it is a look at all peers.
            let is_meant = *meant.entry(document.database.clone()).or_insert_with(|| {
                self.setting(&document).is_some_and(|setting| self.nodes(setting).contains(&node))
            });
            let place = (document, node);
            if is_meant && self.queue.len() < MOST_QUEUED && self.queued.insert(place.clone()) {
                self.queue.push_back(place);
            }
        }
        if was_empty {
            self.ask_next();
        }
    }

    /// Asks for what waits, as much as may be asked for within a second. What is of a database whose places are
    /// taken lets others pass, and what others are being asked for, who may not have it.
    pub(super) fn ask_next(&mut self) {
        let mut passed = VecDeque::new();
        // Once for each database: it is a look at all peers.
        let mut meant = HashMap::new();
        while self.asking.has_any(Who::Nobody)
            && let Some(place) = self.queue.pop_front()
        {
            let document = &place.0;
            let is_asked_for = self.asking.contains(document);
            if is_asked_for || !self.asking.has_one_of(&document.database, Who::Nobody) {
                passed.push_back(place);
                continue;
            }
            let Some((setting, asked)) = self.still_meant(&place, &mut meant) else {
                self.queued.remove(&place);
                continue;
            };
            if !self.wanted.may_ask_unasked(self.now_ms()) {
                passed.push_back(place);
                break;
            }
            self.queued.remove(&place);
            self.ask(place.0, (setting, asked), Asking::default());
        }
        passed.append(&mut self.queue);
        self.queue = passed;
        if !self.queue.is_empty() {
            self.myself.send_after(QUEUE_REST, || DocumentsOnDemandMessage::Next);
        }
    }

    /// What is set, and who is asked for what waits; none where it is not wanted any more, or not of that node.
    fn still_meant(
        &self,
        (document, node): &(WantedDocument, NodeId),
        meant: &mut HashMap<String, Vec<NodeId>>,
    ) -> Option<(OnDemandSetting, Asked)> {
        self.wanted.asker(document)?;
        let setting = self.setting(document)?;
        let nodes = meant.entry(document.database.clone()).or_insert_with(|| self.nodes(setting));
        let asked = Asked { nodes: vec![*node], are_all: nodes.len() == 1 };
        nodes.contains(node).then(|| (setting.clone(), asked))
    }
}

/// Who is asked for a document.
struct Asked {
    nodes: Vec<NodeId>,
    /// Whether these are all that are meant and are up.
    are_all: bool,
}

/// The first that has it is enough.
async fn ask_nodes(
    names: &Names,
    (name, document): (&str, &WantedDocument),
    (nodes, user): (Vec<NodeId>, &UserContext),
) -> AskOutcome {
    match is_unknown(names, name, document).await {
        Ok(true) => {}
        Ok(false) => return AskOutcome::Unwanted,
        Err(failure) => {
            tracing::debug!(database = name, %failure, "other nodes are not asked for a document");
            return AskOutcome::Unanswered;
        }
    }
    let asks = nodes.into_iter().map(|node| async move {
        let brought = replication_job::bring(names, node, (name, &document.id), user).await;
        brought.inspect_err(|failure| {
            let reason = &failure.reason;
            tracing::debug!(peer = %node, database = name, reason, "a node gave no document");
        })
    });
    let mut answers = stream::iter(asks).buffer_unordered(ASKED_AT_ONCE);
    let mut outcome = AskOutcome::Missed;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(true) => return AskOutcome::Here,
            Ok(false) => {}
            Err(_) => outcome = AskOutcome::Unanswered,
        }
    }
    outcome
}

/// Whether nothing is known here of the document: one that was deleted here stays deleted. A database that was
/// made anew is another.
async fn is_unknown(names: &Names, name: &str, document: &WantedDocument) -> Result<bool, Failure> {
    let open = match node_service::open(names, name).await {
        Err(Failure::NoDatabase) => return Ok(false),
        open => open?,
    };
    Ok(open.instance() == document.database && open.winner(&document.id).await?.is_none())
}

#[cfg(test)]
mod tests;

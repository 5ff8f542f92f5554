//! Whom the actor asks of those that come up, and which answer is a miss; the nodes themselves are not there.

use std::sync::Arc;
use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::OnDemand;
use refuge_mesh::{PeerRecord, Peers, Trust, WantedDocuments};

use super::*;
use crate::documents_on_demand::OnDemandBoard;
use crate::documents_on_demand::places::Places;
use crate::node_monitor::UpNode;
use crate::peer_directory::PeerBoard;

/// Hears everything.
struct Listener;

impl Actor for Listener {
    type Msg = DocumentsOnDemandMessage;
    type State = ();
    type Arguments = ();

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        (): (),
    ) -> Result<(), ActorProcessingErr> {
        Ok(())
    }
}

fn node(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

fn document() -> WantedDocument {
    WantedDocument { database: "instance".to_owned(), id: "a".to_owned() }
}

fn meaning(nodes: &str) -> OnDemandSetting {
    let wish = OnDemand { enabled: true, nodes: nodes.to_owned(), ..OnDemand::default() };
    OnDemandSetting { name: "work".to_owned(), wish }
}

impl DocumentsOnDemandState {
    /// `two` and `three` are up, and all are meant.
    async fn of_two_peers() -> Self {
        let names = Names::new("test");
        let (myself, _) = Actor::spawn(None, Listener, ()).await.unwrap();
        let peers = [(2, "two"), (3, "three")].map(|(byte, name)| {
            let mut peer = PeerRecord::new(node(byte));
            (peer.name, peer.trust) = (name.to_owned(), Trust::Trusted);
            peer
        });
        let up = NodesUp { up: peers.iter().map(UpNode::from).collect() };
        let board = PeerBoard::of(Peers::new(peers));
        names.publish(&myself.get_cell(), names::PEER_DIRECTORY, Arc::new(board));
        names.publish(&myself.get_cell(), names::NODE_MONITOR, Arc::new(up));
        let mut state = Self {
            names,
            myself,
            board: Arc::new(OnDemandBoard(HashMap::new())),
            wanted: WantedDocuments::default(),
            started: Instant::now(),
            asking: Places::default(),
            queue: VecDeque::new(),
            queued: std::collections::HashSet::new(),
        };
        state.is_set(meaning("*"));
        assert_eq!(state.wanted.want(0, &document(), Asker::default()), WantedAnswer::Ask);
        state
    }

    fn is_set(&mut self, setting: OnDemandSetting) {
        self.board = Arc::new(OnDemandBoard([("instance".to_owned(), setting)].into()));
    }

    fn is_asked_with(&mut self, setting: &OnDemandSetting) {
        let asking = Asking { asked_with: Some(setting.clone()), ..Asking::default() };
        self.asking.take(document(), asking);
    }
}

#[tokio::test]
async fn a_node_that_comes_up_while_others_are_asked_is_asked_afterwards() {
    let mut state = DocumentsOnDemandState::of_two_peers().await;
    state.is_asked_with(&meaning("*"));
    state.came_up(node(2));
    assert_eq!(state.queue, [(document(), node(2))]);
    state.answer(&document(), AskOutcome::Missed);
    state.ask_next();
    assert!(state.asking.contains(&document()) && state.queue.is_empty());
}

#[tokio::test]
async fn a_node_that_is_not_meant_any_more_is_not_asked_for_what_waited() {
    let mut state = DocumentsOnDemandState::of_two_peers().await;
    state.is_asked_with(&meaning("*"));
    state.came_up(node(2));
    state.is_set(meaning("three"));
    state.answer(&document(), AskOutcome::Unanswered);
    state.ask_next();
    assert!(!state.asking.contains(&document()));
    assert!(state.queue.is_empty() && state.queued.is_empty());
}

#[tokio::test]
async fn a_miss_of_those_who_were_meant_before_is_none_of_those_who_are_meant_now() {
    let mut state = DocumentsOnDemandState::of_two_peers().await;
    for (now, answer) in [("three", WantedAnswer::Ask), ("two", WantedAnswer::Missed)] {
        state.is_asked_with(&meaning("two"));
        state.is_set(meaning(now));
        state.answer(&document(), AskOutcome::Missed);
        assert_eq!(state.wanted.want(state.now_ms(), &document(), Asker::default()), answer);
    }
}

#[tokio::test]
async fn who_asks_for_too_much_within_a_second_hears_so_and_not_that_nobody_has_it() {
    const LATER_MS: u64 = 50_000;
    let mut state = DocumentsOnDemandState::of_two_peers().await;
    let want = async |state: &mut DocumentsOnDemandState| {
        let (reply, answer) = oneshot::channel();
        state.want(document(), (Asker::default(), None), reply);
        answer.await.unwrap()
    };
    // However long the test takes, these are of the last second.
    for number in 0..10 {
        let other = WantedDocument { id: number.to_string(), ..document() };
        let answer = state.wanted.want(LATER_MS, &other, Asker::default());
        assert_eq!(answer, WantedAnswer::Ask, "{number}");
    }
    let Err(Failure::TooMany { error, retry_after, .. }) = want(&mut state).await else {
        panic!("it was not refused")
    };
    assert_eq!((error, retry_after), ("too_many_on_demand", Some(Duration::from_secs(1))));
    assert!(!state.asking.contains(&document()));
    state.is_set(meaning("nobody"));
    assert_eq!(want(&mut state).await, Ok(false), "there is nobody to ask");
    let answer = state.wanted.want(LATER_MS + 1_000, &document(), Asker::default());
    assert_eq!(answer, WantedAnswer::Ask, "it is no miss");
}

//! The actor over a real engine that is there late, and peers that are known late.

use std::path::Path;
use std::sync::Arc;

use refuge_mesh::{Frame, PeerRecord, Peers, Trust};
use refuge_storage::Options;
use tempfile::TempDir;

use super::*;
use crate::engine::{EngineActor, EngineArguments, EngineMessage, StorageDoors};
use crate::node_monitor::{NodesUp, UpNode};
use crate::peer_directory::PeerBoard;
use crate::peer_link::PeerLinkMessage;
use tokio::sync::mpsc;

struct Stage {
    names: Names,
    root: TempDir,
    messages: ActorRef<MessagesMessage>,
}

async fn engine(names: &Names, root: &Path) -> ActorRef<EngineMessage> {
    let arguments =
        EngineArguments { names: names.clone(), options: Options::new(root.join("data")) };
    Actor::spawn(None, EngineActor, arguments).await.unwrap().0
}

fn node(byte: u8) -> NodeId {
    NodeId::from_digest([byte; 32])
}

impl Stage {
    async fn new() -> Self {
        let (names, root) = (Names::new("test"), tempfile::tempdir().unwrap());
        let (messages, _) = Actor::spawn(None, MessagesActor, names.clone()).await.unwrap();
        Self { names, root, messages }
    }

    fn send(&self, body: usize) -> oneshot::Receiver<Result<Value, Failure>> {
        let (reply, answer) = oneshot::channel();
        let (to, application) = ("two".to_owned(), "chat".to_owned());
        let wish = NewMessage { to, application, body: body.to_string() };
        self.messages.cast(MessagesMessage::Send { wish, reply }).unwrap();
        answer
    }

    fn page(&self) -> oneshot::Receiver<Result<MessagesPage, Failure>> {
        let (reply, answer) = oneshot::channel();
        let request = MessagesRequest { application: None, after: 0, limit: 10 };
        self.messages.cast(MessagesMessage::Page { request, reply }).unwrap();
        answer
    }

    fn know_peers(&self) {
        let mut two = PeerRecord::new(node(2));
        (two.name, two.trust) = ("two".to_owned(), Trust::Trusted);
        let board = PeerBoard::of(Peers::new([two]));
        self.names.publish(&self.messages.get_cell(), names::PEER_DIRECTORY, Arc::new(board));
    }

    /// A message of the node 2 comes.
    fn came(&self, message: Message) {
        let (from, message, place) = (node(2), Box::new(message), Place::alone());
        self.messages.cast(MessagesMessage::Came { from, message, place }).unwrap();
    }

    /// What is said to the node 2 from now on, as over its link.
    async fn link(&self) -> mpsc::UnboundedReceiver<Said> {
        let (told, hears) = mpsc::unbounded_channel();
        let (link, _) = Actor::spawn(None, Link, told).await.unwrap();
        self.names.register(&names::peer_link(node(2)), &link);
        hears
    }

    /// The node 2 is up.
    fn is_up(&self) {
        let two =
            UpNode { earlier: Vec::new(), id: node(2), name: "two".to_owned(), groups: Vec::new() };
        let up = NodesUp { up: vec![two] };
        self.names.publish(&self.messages.get_cell(), names::NODE_MONITOR, Arc::new(up));
    }

    fn has_link(&self, link: u64) {
        self.messages.cast(MessagesMessage::LinkMade { node: node(2), link }).unwrap();
    }

    /// What waits on disk, in its order.
    fn waiting(&self) -> Vec<String> {
        let doors = self.names.value::<StorageDoors>(names::ENGINE).unwrap();
        rows::waiting(&doors.store).unwrap().into_iter().map(|row| row.message.body).collect()
    }
}

#[tokio::test]
async fn what_is_sent_before_the_peers_are_known_waits_in_its_order_and_the_feed_goes_on() {
    let stage = Stage::new().await;
    let _engine = engine(&stage.names, stage.root.path()).await;
    // Else whatever comes is held until the rows are read, and the feed with it.
    assert!(stage.page().await.unwrap().is_ok());
    let sent: Vec<_> = (0..=held::MOST_HELD).map(|body| stage.send(body)).collect();
    // Not before the actor has all of them is the last answered, and the feed is not held by them.
    let mut sent = sent.into_iter();
    let last = sent.next_back().unwrap();
    assert!(matches!(last.await.unwrap(), Err(Failure::Unavailable(_))), "there is no room for it");
    assert!(stage.page().await.unwrap().is_ok());
    stage.know_peers();
    for answer in sent {
        assert_eq!(answer.await.unwrap().unwrap()["to"], serde_json::json!([node(2).to_string()]));
    }
    let bodies: Vec<String> = (0..held::MOST_HELD).map(|body| body.to_string()).collect();
    assert_eq!(stage.waiting(), bodies);
}

/// Stands for the link of a peer.
struct Link;

/// A frame and the link that it is for, 0 where it is for any.
type Said = (u64, Frame);

impl Actor for Link {
    type Msg = PeerLinkMessage;
    type State = mpsc::UnboundedSender<Said>;
    type Arguments = mpsc::UnboundedSender<Said>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        told: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(told)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        told: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PeerLinkMessage::Tell(frame) => told.send((0, frame))?,
            PeerLinkMessage::TellOver { link, frame } => told.send((link, frame))?,
            _ => {}
        }
        Ok(())
    }
}

fn sent(id: u8, sent_ms: u64) -> Message {
    Message { id: [id; 16], application: "chat".to_owned(), body: id.to_string(), sent_ms }
}

#[tokio::test]
async fn a_message_of_a_clock_that_is_days_off_is_not_kept_and_gets_no_receipt() {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let stage = Stage::new().await;
    let _engine = engine(&stage.names, stage.root.path()).await;
    stage.know_peers();
    let mut said = stage.link().await;
    let now_ms = crate::now_ms();
    let (ahead, behind) = (sent(1, now_ms + 4 * DAY_MS), sent(2, now_ms - 8 * DAY_MS));
    // The sender has no receipt and so sends them again; what comes after them does not wait for that.
    for message in [&ahead, &behind, &sent(3, now_ms), &ahead, &behind, &sent(4, now_ms + DAY_MS)] {
        stage.came(message.clone());
    }
    for id in [3, 4] {
        let receipt = Receipt { id: [id; 16], refused: None };
        assert_eq!(said.recv().await, Some((0, Frame::Receipt(receipt))));
    }
    let page = stage.page().await.unwrap().unwrap();
    let kept: Vec<_> = page.messages.iter().map(|(_, told)| told["body"].to_string()).collect();
    assert_eq!(kept, ["3", "4"]);
    assert!(said.try_recv().is_err(), "nothing is said of the others");
    // With a clock that is right it would be taken: it is not remembered as one that came.
    stage.came(Message { sent_ms: now_ms, ..ahead });
    let receipt = Receipt { id: [1; 16], refused: None };
    assert_eq!(said.recv().await, Some((0, Frame::Receipt(receipt))));
}

#[tokio::test]
async fn a_new_link_gets_what_was_under_way_over_the_one_before_and_in_its_order() {
    let stage = Stage::new().await;
    let _engine = engine(&stage.names, stage.root.path()).await;
    stage.know_peers();
    stage.is_up();
    let mut said = stage.link().await;
    let mut next = async || match said.recv().await {
        Some((link, Frame::Message(message))) => (link, message.body),
        other => panic!("{other:?}"),
    };
    stage.has_link(7);
    for body in [1, 2] {
        assert!(stage.send(body).await.unwrap().is_ok());
        assert_eq!(next().await, (7, body.to_string()));
    }
    // That link is dead, and the next is there: nobody knows of it yet.
    assert!(stage.send(3).await.unwrap().is_ok());
    assert_eq!(next().await, (7, "3".to_owned()), "where it is passed over");
    stage.has_link(8);
    assert!(stage.send(4).await.unwrap().is_ok());
    for body in ["1", "2", "3", "4"] {
        assert_eq!(next().await, (8, body.to_owned()));
    }
    // What is told once more is no new link.
    stage.has_link(8);
    assert!(stage.send(5).await.unwrap().is_ok());
    assert_eq!(next().await, (8, "5".to_owned()));
}

#[tokio::test]
async fn whoever_asks_before_the_rows_are_read_is_answered_afterwards() {
    let stage = Stage::new().await;
    stage.know_peers();
    let (page, first, second) = (stage.page(), stage.send(1), stage.send(2));
    // Who waits for more is no reason to wait.
    let (reply, more) = oneshot::channel();
    let beyond = MessagesMessage::Beyond { application: None, number: 0, reply };
    stage.messages.cast(beyond).unwrap();
    let _engine = engine(&stage.names, stage.root.path()).await;
    assert_eq!(page.await.unwrap().unwrap().last, 0);
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    assert_eq!(stage.waiting(), ["1", "2"]);
    drop(stage);
    drop(more);
}

//! Children that come and go at run time, and those who watch them.

use std::sync::atomic::Ordering;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef};
use refuge_otp::{
    CallError, ChildSpecification, DynamicSupervisor, End, Exit, Restart, Shutdown, StartError,
    StopError, SupervisorSpecification, supervisor, worker,
};
use tokio::sync::mpsc;

use crate::stage::{Cue, Stage, only, within};

async fn guests(stage: &Stage) -> (refuge_otp::SupervisorHandle, DynamicSupervisor) {
    let guests = SupervisorSpecification::dynamic("guests").intensity(2, Duration::from_secs(60));
    let tree = SupervisorSpecification::one_for_one("root").child(supervisor(guests));
    (stage.start(tree).await, DynamicSupervisor::new(&stage.names, "guests"))
}

#[tokio::test]
async fn a_child_is_started_found_by_name_and_stopped() {
    let mut stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    let cell = guests.start_child(stage.player("guest").temporary()).await.unwrap();
    assert_eq!(stage.actor("guest").get_cell(), cell);
    let node = stage.names.tree().unwrap().find("guest").cloned().unwrap();
    assert_eq!((node.path.as_str(), node.added), ("root/guests/guest", true));
    guests.stop_child("guest").await.unwrap();
    assert_eq!(stage.heard(), ["start guest", "stop guest", "gone guest"]);
    assert!(stage.names.tree().unwrap().find("guest").is_none());
    let again = guests.stop_child("guest").await;
    assert!(matches!(again, Err(StopError::NoSuchChild { .. })));
}

#[tokio::test]
async fn a_name_is_taken_once() {
    let stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    let first = guests.start_child(stage.player("guest").temporary()).await.unwrap();
    match guests.start_child(stage.player("guest").temporary()).await {
        Err(StartError::AlreadyStarted { running, .. }) => assert_eq!(running, first),
        other => panic!("it answered {other:?}"),
    }
}

#[tokio::test]
async fn a_child_that_does_not_start_is_an_error_and_leaves_nothing() {
    let stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    for attempt in 0..10 {
        stage.script("guest").failing_starts.store(1, Ordering::SeqCst);
        let error = guests.start_child(stage.player("guest")).await.unwrap_err();
        assert!(error.to_string().contains("told not to start"), "{attempt}: {error}");
        assert!(stage.names.tree().unwrap().find("guest").is_none());
    }
    assert_eq!(stage.restarts("guests"), 0, "the failure is the caller's, not the supervisor's");
    guests.start_child(stage.player("guest")).await.expect("the name is free");
}

#[tokio::test]
async fn a_temporary_child_that_dies_is_gone_and_its_name_is_free_at_once() {
    let mut stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    for round in 1..=20_u64 {
        let cell = guests.start_child(stage.player("guest").temporary()).await.unwrap();
        let end = stage.names.monitor(&cell);
        if round % 2 == 0 {
            stage.tell("guest", Cue::Fail("gone"));
            assert_eq!(within(end).await, Exit::Failed("gone".to_owned()));
        } else {
            stage.tell("guest", Cue::Stop);
            assert_eq!(within(end).await, Exit::Stopped);
        }
        assert!(stage.names.lookup::<Cue>("guest").is_none());
    }
    assert_eq!(stage.restarts("guests"), 0);
    assert!(only("locked out", &stage.heard()).is_empty());
}

#[tokio::test]
async fn a_permanent_child_restarts_and_its_failures_count() {
    let stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    guests.start_child(stage.player("guest")).await.unwrap();
    guests.start_child(stage.player("other")).await.unwrap();
    for failure in 1..=2 {
        stage.names.kill("guest").unwrap();
        stage.restarted("guest", failure).await;
    }
    stage.names.kill("guest").unwrap();
    stage.restarted("guests", 1).await;
    let tree = stage.names.tree().unwrap();
    assert!(tree.find("guests").unwrap().children.is_empty(), "who was added does not come back");
}

fn database(stage: &Stage, name: &str) -> ChildSpecification {
    let shards = [format!("{name} 0"), format!("{name} 1")];
    let shards = shards.each_ref().map(|shard| stage.player(shard));
    let database = SupervisorSpecification::rest_for_one(format!("database {name}"))
        .intensity(1, Duration::from_secs(60))
        .children(shards);
    supervisor(database).temporary()
}

#[tokio::test]
async fn a_temporary_supervisor_that_gives_up_ends_alone() {
    let stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    let cities = guests.start_child(database(&stage, "cities")).await.unwrap();
    guests.start_child(database(&stage, "people")).await.unwrap();
    let end = stage.names.monitor(&cities);
    stage.names.kill("cities 0").unwrap();
    stage.restarted("cities 1", 1).await;
    assert_eq!(stage.restarts("cities 0"), 1);
    stage.names.kill("cities 1").unwrap();
    assert!(matches!(within(end).await, Exit::GaveUp(_)));
    // Its owner opens it again, at once if it likes.
    guests.start_child(database(&stage, "cities")).await.expect("the names are free");
    assert_eq!(stage.ping("people 1").await, 1);
    assert_eq!(stage.ping("cities 1").await, 3);
    assert_eq!(stage.restarts("guests"), 0);
}

#[tokio::test]
async fn a_killed_temporary_supervisor_takes_its_children_with_it() {
    let mut stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    for round in 1..=10 {
        let cities = guests.start_child(database(&stage, "cities")).await.unwrap();
        let end = stage.names.monitor(&cities);
        stage.names.kill("database cities").unwrap();
        assert_eq!(within(end).await, Exit::Killed, "round {round}");
    }
    assert!(only("locked out", &stage.heard()).is_empty());
}

#[tokio::test]
async fn a_supervisor_with_a_list_takes_temporary_guests_only() {
    let mut stage = Stage::new();
    let tree = SupervisorSpecification::rest_for_one("root").child(stage.player("listener"));
    let node = stage.start(tree).await;
    let refused = node.dynamic().start_child(stage.player("session")).await;
    assert!(matches!(refused, Err(StartError::NotTemporary { .. })));
    node.dynamic().start_child(stage.player("session").temporary()).await.unwrap();
    stage.heard();
    stage.names.kill("listener").unwrap();
    stage.restarted("listener", 1).await;
    assert_eq!(stage.heard(), ["gone listener", "stop session", "gone session", "start listener"]);
    assert!(stage.names.tree().unwrap().find("session").is_none());
    let missing = node.dynamic().stop_child("listener").await;
    assert!(matches!(missing, Err(StopError::NoSuchChild { .. })), "the list is not for guests");
}

#[tokio::test]
async fn nobody_to_ask_is_an_error() {
    let stage = Stage::new();
    let (node, guests) = guests(&stage).await;
    assert_eq!(node.shutdown().await, End::Shutdown);
    let start = guests.start_child(stage.player("guest")).await;
    assert!(matches!(start, Err(StartError::SupervisorDown { .. })));
    let stop = guests.stop_child("guest").await;
    assert!(matches!(stop, Err(StopError::Call { source: CallError::Down, .. })));
}

#[tokio::test(start_paused = true)]
async fn a_start_that_takes_too_long_is_an_error_too() {
    let stage = Stage::new();
    let (_node, guests) = guests(&stage).await;
    stage.script("guest").hanging_starts.store(1, Ordering::SeqCst);
    let guests = guests.deadline(Duration::from_secs(3));
    let start = guests.start_child(stage.player("guest")).await;
    assert!(matches!(start, Err(StartError::Deadline { .. })));
}

/// Opens guests without waiting and hears of their ends.
#[derive(Default)]
struct Owner;

enum OwnerMessage {
    Open(DynamicSupervisor, Box<ChildSpecification>),
    Opened(Result<ActorCell, StartError>),
    Closed(Exit),
}

struct OwnerState {
    names: refuge_otp::Names,
    news: mpsc::UnboundedSender<String>,
}

impl Actor for Owner {
    type Msg = OwnerMessage;
    type State = OwnerState;
    type Arguments = OwnerState;

    async fn pre_start(
        &self,
        _: ActorRef<OwnerMessage>,
        state: OwnerState,
    ) -> Result<OwnerState, ActorProcessingErr> {
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<OwnerMessage>,
        message: OwnerMessage,
        state: &mut OwnerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            OwnerMessage::Open(guests, child) => {
                guests.start_child_then(*child, &myself, OwnerMessage::Opened)?;
            }
            OwnerMessage::Opened(outcome) => match outcome {
                Ok(guest) => {
                    state.names.monitor_into(&guest, &myself, OwnerMessage::Closed);
                    state.news.send("opened".to_owned())?;
                }
                Err(error) => state.news.send(format!("not opened: {error}"))?,
            },
            OwnerMessage::Closed(exit) => state.news.send(format!("closed: {exit}"))?,
        }
        Ok(())
    }
}

#[tokio::test]
async fn an_owner_hears_of_starts_and_ends_as_messages() {
    let stage = Stage::new();
    let (sender, mut news) = mpsc::unbounded_channel();
    let owner = worker::<Owner>("owner", Restart::Permanent, Shutdown::Kill, move |context| {
        OwnerState { names: context.names, news: sender.clone() }
    });
    let tree = SupervisorSpecification::rest_for_one("root")
        .child(owner)
        .child(supervisor(SupervisorSpecification::dynamic("guests")));
    let _node = stage.start(tree).await;
    let guests = DynamicSupervisor::new(&stage.names, "guests");
    let child = Box::new(stage.player("guest").temporary());
    stage.names.cast("owner", OwnerMessage::Open(guests, child)).unwrap();
    assert_eq!(within(news.recv()).await.unwrap(), "opened");
    let gone = stage.actor("guest").get_cell();
    stage.names.kill("guest").unwrap();
    assert_eq!(within(news.recv()).await.unwrap(), "closed: killed");
    // One who asks too late hears at once.
    let owner = stage.names.lookup::<OwnerMessage>("owner").unwrap();
    stage.names.monitor_into(&gone, &owner, OwnerMessage::Closed);
    assert_eq!(within(news.recv()).await.unwrap(), "closed: was not running");
    assert_eq!(within(stage.names.monitor(&gone)).await, Exit::Unknown);
}

#[tokio::test]
async fn an_owner_hears_also_when_the_supervisor_is_killed_during_a_start() {
    let mut stage = Stage::new();
    let (sender, mut news) = mpsc::unbounded_channel();
    let owner = worker::<Owner>("owner", Restart::Permanent, Shutdown::Kill, move |context| {
        OwnerState { names: context.names, news: sender.clone() }
    });
    let tree = SupervisorSpecification::rest_for_one("root")
        .child(owner)
        .child(supervisor(SupervisorSpecification::dynamic("guests")));
    let _node = stage.start(tree).await;
    stage.script("guest").hanging_starts.store(1, Ordering::SeqCst);
    let guests = DynamicSupervisor::new(&stage.names, "guests");
    for name in ["guest", "late guest"] {
        let child = Box::new(stage.player(name).temporary());
        stage.names.cast("owner", OwnerMessage::Open(guests.clone(), child)).unwrap();
    }
    stage.until("start guest").await;
    stage.names.kill("guests").unwrap();
    for _ in 0..2 {
        let told = within(news.recv()).await.unwrap();
        assert!(told.starts_with("not opened: "), "{told}");
    }
}

//! A stage for trees of players: actors that say what happens to them and do what they are told.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
use refuge_otp::{
    ChildSpecification, Context, Names, Restart, Shutdown, SupervisorHandle,
    SupervisorSpecification, TreeNode, call, start, worker,
};
use tokio::sync::{mpsc, oneshot};

/// Longer than anything here takes on the busiest machine; only a fault waits that long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Ample for a player to stop.
pub(crate) const BUDGET: Duration = Duration::from_secs(5);

/// What a player is told.
pub(crate) enum Cue {
    Ping(RpcReplyPort<u64>),
    Fail(&'static str),
    Panic(&'static str),
    Stop,
    /// Wait inside the handler until released; tells when it has begun.
    Hold(oneshot::Sender<()>, oneshot::Receiver<()>),
    /// Block the thread until released, as no handler should.
    Block(oneshot::Sender<()>, std::sync::mpsc::Receiver<()>),
    /// Keep the reply port and never answer.
    Keep(RpcReplyPort<u64>),
}

/// What is particular about the players of one name, over all incarnations.
#[derive(Default)]
pub(crate) struct Script {
    pub(crate) failing_starts: AtomicUsize,
    pub(crate) panicking_starts: AtomicUsize,
    pub(crate) hanging_starts: AtomicUsize,
    pub(crate) hangs_in_post_stop: AtomicBool,
    pub(crate) fails_after_start: AtomicUsize,
    /// Held by each incarnation's state, like the lock of a data directory.
    lock: AtomicBool,
    incarnations: AtomicUsize,
}

fn take(counter: &AtomicUsize) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

#[derive(Default)]
pub(crate) struct Player;

pub(crate) struct PlayerArguments {
    context: Context,
    log: mpsc::UnboundedSender<String>,
    script: Arc<Script>,
}

pub(crate) struct PlayerState {
    name: Arc<str>,
    log: mpsc::UnboundedSender<String>,
    script: Arc<Script>,
    incarnation: u64,
    kept: Vec<RpcReplyPort<u64>>,
}

impl PlayerState {
    fn say(&self, what: &str) {
        let _ = self.log.send(format!("{what} {}", self.name));
    }
}

impl Drop for PlayerState {
    fn drop(&mut self) {
        self.script.lock.store(false, Ordering::SeqCst);
        self.say("gone");
    }
}

impl Actor for Player {
    type Msg = Cue;
    type State = PlayerState;
    type Arguments = PlayerArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Cue>,
        arguments: PlayerArguments,
    ) -> Result<PlayerState, ActorProcessingErr> {
        let PlayerArguments { context, log, script } = arguments;
        let _ = log.send(format!("start {}", context.name));
        if take(&script.hanging_starts) {
            std::future::pending::<()>().await;
        }
        if take(&script.failing_starts) {
            return Err("it was told not to start".into());
        }
        assert!(!take(&script.panicking_starts), "it was told to panic");
        if script.lock.swap(true, Ordering::SeqCst) {
            let _ = log.send(format!("locked out {}", context.name));
            return Err("the earlier incarnation still holds the lock".into());
        }
        let incarnation = script.incarnations.fetch_add(1, Ordering::SeqCst) as u64 + 1;
        Ok(PlayerState { name: context.name, log, script, incarnation, kept: Vec::new() })
    }

    async fn post_start(
        &self,
        _myself: ActorRef<Cue>,
        state: &mut PlayerState,
    ) -> Result<(), ActorProcessingErr> {
        if take(&state.script.fails_after_start) {
            return Err("it was told to fail at once".into());
        }
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Cue>,
        cue: Cue,
        state: &mut PlayerState,
    ) -> Result<(), ActorProcessingErr> {
        match cue {
            Cue::Ping(reply) => drop(reply.send(state.incarnation)),
            Cue::Fail(reason) => return Err(reason.into()),
            Cue::Panic(reason) => panic!("{reason}"),
            Cue::Stop => myself.stop(None),
            Cue::Hold(begun, release) => {
                let _ = begun.send(());
                let _ = release.await;
            }
            Cue::Block(begun, release) => {
                let _ = begun.send(());
                let _ = release.recv_timeout(DEADLINE);
            }
            Cue::Keep(reply) => state.kept.push(reply),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Cue>,
        state: &mut PlayerState,
    ) -> Result<(), ActorProcessingErr> {
        if state.script.hangs_in_post_stop.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        state.say("stop");
        Ok(())
    }
}

/// One node's worth of players.
pub(crate) struct Stage {
    pub(crate) names: Names,
    log: mpsc::UnboundedSender<String>,
    events: mpsc::UnboundedReceiver<String>,
    scripts: Mutex<HashMap<String, Arc<Script>>>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let (log, events) = mpsc::unbounded_channel();
        Self { names: Names::new("stage"), log, events, scripts: Mutex::default() }
    }

    pub(crate) fn script(&self, name: &str) -> Arc<Script> {
        Arc::clone(self.scripts.lock().unwrap().entry(name.to_owned()).or_default())
    }

    pub(crate) fn player(&self, name: &str) -> ChildSpecification {
        let (log, script) = (self.log.clone(), self.script(name));
        worker::<Player>(name, Restart::Permanent, Shutdown::Timeout(BUDGET), move |context| {
            PlayerArguments { context, log: log.clone(), script: Arc::clone(&script) }
        })
    }

    pub(crate) fn players<'a>(
        &'a self,
        names: &'a [&str],
    ) -> impl Iterator<Item = ChildSpecification> + 'a {
        names.iter().map(|name| self.player(name))
    }

    pub(crate) async fn start(&self, specification: SupervisorSpecification) -> SupervisorHandle {
        within(start(specification, self.names.clone())).await.expect("every player starts")
    }

    /// Whatever was said so far.
    pub(crate) fn heard(&mut self) -> Vec<String> {
        let mut heard = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            heard.push(event);
        }
        heard
    }

    /// Everything said until the awaited event, which is the last of it.
    pub(crate) async fn until(&mut self, awaited: &str) -> Vec<String> {
        let mut heard = Vec::new();
        loop {
            let next = tokio::time::timeout(DEADLINE, self.events.recv()).await;
            let next = next.unwrap_or_else(|_| panic!("no {awaited:?} after {heard:?}")).unwrap();
            heard.push(next);
            if heard.last().is_some_and(|last| last == awaited) {
                return heard;
            }
        }
    }

    pub(crate) fn actor(&self, name: &str) -> ActorRef<Cue> {
        self.names.lookup(name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    pub(crate) fn tell(&self, name: &str, cue: Cue) {
        self.names.cast(name, cue).unwrap_or_else(|_| panic!("nobody is called {name}"));
    }

    /// The number of the incarnation that answers.
    pub(crate) async fn ping(&self, name: &str) -> u64 {
        call(&self.actor(name), Cue::Ping, DEADLINE).await.expect("it answers")
    }

    /// Makes a player wait inside its handler until what is returned is dropped.
    pub(crate) async fn hold(&self, name: &str) -> oneshot::Sender<()> {
        let (begun, has_begun) = oneshot::channel();
        let (release, released) = oneshot::channel();
        self.tell(name, Cue::Hold(begun, released));
        within(has_begun).await.expect("it begins");
        release
    }

    /// Waits until the tree is as wished, and returns it.
    pub(crate) async fn tree_when(&self, wished: impl Fn(&TreeNode) -> bool) -> TreeNode {
        let watch = async {
            loop {
                let tree = self.names.tree().expect("there is a tree");
                if wished(&tree) {
                    return tree;
                }
                tokio::task::yield_now().await;
            }
        };
        match tokio::time::timeout(DEADLINE, watch).await {
            Ok(tree) => tree,
            Err(_) => panic!("the tree stays as it is: {:#?}", self.names.tree()),
        }
    }

    /// Waits until an actor has been restarted this often and runs.
    pub(crate) async fn restarted(&self, name: &str, restarts: u64) {
        self.tree_when(|tree| {
            tree.find(name).is_some_and(|node| {
                node.restarts == restarts && node.state == refuge_otp::ChildState::Running
            })
        })
        .await;
    }

    pub(crate) fn restarts(&self, name: &str) -> u64 {
        self.names.tree().unwrap().find(name).unwrap_or_else(|| panic!("no {name}")).restarts
    }
}

/// A future that a fault could make wait for ever.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(DEADLINE, future).await.expect("it ends in time")
}

/// The events that say `word`, without it.
pub(crate) fn only<'a>(word: &str, heard: &'a [String]) -> Vec<&'a str> {
    heard.iter().filter_map(|event| event.strip_prefix(word)?.strip_prefix(' ')).collect()
}

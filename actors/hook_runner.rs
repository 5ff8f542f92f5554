//! Runs the executables in `etc/hooks/<event>.d/` at node events: in the order of their names, one after
//! the other for one node, for a few nodes at once. Their bounds are in [`HookLimits`].
//!
//! Told by: the event bus. Called by: the console (the last runs). A restart ends the hooks that run and
//! loses the events that wait and the record of runs: a hook hears of an event at most once.

mod folder;
mod process;
mod queue;
mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::{NodeEvent, NodeId};
use refuge_otp::Names;
use tokio::sync::oneshot;

use crate::task::OwnedTask;
use crate::{names, now_ms};
use folder::Found;
pub use process::ProcessLimits;
use process::{Ended, Hook, Outcome};
pub use queue::QueueLimits;
use queue::{Pushed, Queue};
use report::{History, Span};
pub use report::{HookRun, HookRuns};

/// Messages of the hook runner.
pub enum HookRunnerMessage {
    /// An event took place.
    Event(Arc<NodeEvent>),
    /// A hook has run.
    Ran(HookRun),
    /// All hooks of an event of this node have run.
    Finished(NodeId),
    /// What do you know?
    Runs {
        /// Gets the last runs and what waits.
        reply: oneshot::Sender<HookRuns>,
    },
}

/// The bounds within which hooks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookLimits {
    /// Of one run.
    pub process: ProcessLimits,
    /// Of all of them.
    pub queue: QueueLimits,
}

impl Default for HookLimits {
    /// As the mesh's contract has them: enough for a mail or a `curl`, little enough that a hook that
    /// hangs holds nobody up for long.
    fn default() -> Self {
        Self {
            process: ProcessLimits { time: Duration::from_secs(30), output_bytes: 4 * 1024 },
            queue: QueueLimits { waiting: 1_000, at_once: 4 },
        }
    }
}

/// What the hook runner is started with.
#[derive(Clone, Debug)]
pub struct HookRunnerArguments {
    /// The folder that holds `<event>.d`.
    pub hooks: PathBuf,
    /// Where hooks run: the node's root.
    pub directory: PathBuf,
    /// The bounds.
    pub limits: HookLimits,
}

/// The actor.
#[derive(Default)]
pub struct HookRunnerActor;

/// What waits, what runs, and what ran.
pub struct HookRunnerState {
    arguments: HookRunnerArguments,
    queue: Queue,
    /// The task that runs the hooks of a node's event.
    running: HashMap<NodeId, OwnedTask>,
    history: History,
}

/// Hands an event to the hook runner.
pub fn deliver(names: &Names, event: &Arc<NodeEvent>) {
    if names.cast(names::HOOK_RUNNER, HookRunnerMessage::Event(Arc::clone(event))).is_err() {
        tracing::warn!(number = event.number, "hooks missed an event: the hook runner is down");
    }
}

impl Actor for HookRunnerActor {
    type Msg = HookRunnerMessage;
    type State = HookRunnerState;
    type Arguments = HookRunnerArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let queue = Queue::new(arguments.limits.queue);
        let (running, history) = (HashMap::new(), History::default());
        Ok(HookRunnerState { arguments, queue, running, history })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            HookRunnerMessage::Event(event) => {
                state.take(event);
                state.start(&myself);
            }
            HookRunnerMessage::Ran(run) => {
                run.log();
                state.history.add(run);
            }
            HookRunnerMessage::Finished(node) => {
                state.running.remove(&node);
                state.queue.finished(&node);
                state.start(&myself);
            }
            HookRunnerMessage::Runs { reply } => {
                let _ = reply.send(state.runs());
            }
        }
        Ok(())
    }
}

impl HookRunnerState {
    fn take(&mut self, event: Arc<NodeEvent>) {
        let number = event.number;
        if self.queue.push(event) == (Pushed::Refused { first: true }) {
            let waiting = self.queue.waiting();
            tracing::warn!(
                number,
                waiting,
                "too many events wait for their hooks; new ones are left out"
            );
        }
    }

    fn start(&mut self, myself: &ActorRef<HookRunnerMessage>) {
        while let Some(event) = self.queue.next() {
            let node = event.node;
            let turn = Turn { event, arguments: self.arguments.clone(), runner: myself.clone() };
            self.running.insert(node, OwnedTask::spawn(turn.run()));
        }
    }

    fn runs(&self) -> HookRuns {
        HookRuns {
            waiting: self.queue.waiting(),
            at_work: self.queue.at_work(),
            refused: self.queue.refused(),
            runs: self.history.runs(),
        }
    }
}

/// The running of one event's hooks; the runner hears of its end however it ends.
struct Turn {
    event: Arc<NodeEvent>,
    arguments: HookRunnerArguments,
    runner: ActorRef<HookRunnerMessage>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.runner.cast(HookRunnerMessage::Finished(self.event.node));
    }
}

impl Turn {
    async fn run(self) {
        let folder = self.arguments.hooks.join(format!("{}.d", self.event.kind.as_str()));
        let path = folder.clone();
        let found = match tokio::task::spawn_blocking(move || folder::hooks(&path)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                let folder = folder.display();
                tracing::warn!(%folder, %error, "the hooks of an event could not be listed");
                return;
            }
            Err(_) => return,
        };
        for hook in found {
            let run = self.run_one(&hook).await;
            let _ = self.runner.cast(HookRunnerMessage::Ran(run));
        }
    }

    async fn run_one(&self, hook: &Found) -> HookRun {
        let (started_ms, begun) = (now_ms(), Instant::now());
        let ended = match hook.refused {
            Some(reason) => Ended { outcome: Outcome::Refused(reason), output: String::new() },
            None => process::run(self.hook(&hook.program)).await,
        };
        let span = Span { started_ms, took: begun.elapsed() };
        HookRun::new(&self.event, &hook.program, span, ended)
    }

    fn hook(&self, program: &Path) -> Hook {
        let event = &self.event;
        Hook {
            program: program.to_owned(),
            directory: self.arguments.directory.clone(),
            environment: vec![
                ("REFUGE_EVENT", event.kind.as_str().to_owned()),
                ("REFUGE_NODE_ID", event.node.to_string()),
                ("REFUGE_NODE_NAME", event.name.clone()),
                ("REFUGE_NODE_ADDRESS", event.address.clone().unwrap_or_default()),
            ],
            input: format!("{}\n", event.to_json()),
            limits: self.arguments.limits.process,
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

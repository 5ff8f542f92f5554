//! Runs the executables in `etc/hooks/<event>.d/` at events of other nodes and of this one: in the order of their names, one after
//! the other for one subject (a node, a database), for a few at once. Their bounds are in [`HookLimits`].
//!
//! Told by: the event bus, the notice of own events. Called by: the console (the last runs). A restart ends the hooks that run and
//! loses the events that wait and the record of runs: a hook hears of an event at most once.

mod event;
mod folder;
mod process;
mod queue;
mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_mesh::NodeEvent;
use refuge_otp::{CallError, Names};
use tokio::sync::oneshot;

use crate::own_events::OwnEventKind;
use crate::task::OwnedTask;
use crate::{names, now_ms};
pub use event::{HookEvent, names_of_node_events};
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
    Event(Arc<HookEvent>),
    /// A hook has run.
    Ran(HookRun),
    /// All hooks of an event about this have run.
    Finished(Arc<str>),
    /// Tell me when no event waits and no hook runs.
    Settle {
        /// Answered then.
        reply: oneshot::Sender<()>,
    },
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
    /// How long a run for `stopping` may take: somebody waits for the node to end.
    pub stopping: Duration,
    /// Of all of them.
    pub queue: QueueLimits,
}

impl Default for HookLimits {
    /// As the mesh's contract has them: enough for a mail or a `curl`, little enough that a hook that
    /// hangs holds nobody up for long.
    fn default() -> Self {
        Self {
            process: ProcessLimits { time: Duration::from_secs(30), output_bytes: 4 * 1024 },
            stopping: Duration::from_secs(2),
            queue: QueueLimits { waiting: 1_000, at_once: 4 },
        }
    }
}

impl HookLimits {
    /// Of one run for an event of this name.
    fn of(&self, event: &str) -> ProcessLimits {
        let time = if event == OwnEventKind::Stopping.as_str() {
            self.stopping
        } else {
            self.process.time
        };
        ProcessLimits { time, ..self.process }
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
    /// The task that runs the hooks of an event, by what it is about.
    running: HashMap<Arc<str>, OwnedTask>,
    history: History,
    /// Who waits until nothing is left to do.
    settling: Vec<oneshot::Sender<()>>,
}

/// Has the hooks of an event run.
///
/// # Errors
/// When the hook runner is down.
pub(crate) fn tell(names: &Names, event: HookEvent) -> Result<(), CallError> {
    names.cast(names::HOOK_RUNNER, HookRunnerMessage::Event(Arc::new(event)))
}

/// Hands an event to the hook runner.
pub fn deliver(names: &Names, event: &Arc<NodeEvent>) {
    if tell(names, HookEvent::from(&**event)).is_err() {
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
        let (running, history, settling) = (HashMap::new(), History::default(), Vec::new());
        Ok(HookRunnerState { arguments, queue, running, history, settling })
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
            HookRunnerMessage::Finished(subject) => {
                state.running.remove(&subject);
                state.queue.finished(&subject);
                state.start(&myself);
                state.settle();
            }
            HookRunnerMessage::Settle { reply } => {
                state.settling.push(reply);
                state.settle();
            }
            HookRunnerMessage::Runs { reply } => {
                let _ = reply.send(state.runs());
            }
        }
        Ok(())
    }
}

impl HookRunnerState {
    fn take(&mut self, event: Arc<HookEvent>) {
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
            let subject = Arc::clone(&event.subject);
            let turn = Turn { event, arguments: self.arguments.clone(), runner: myself.clone() };
            self.running.insert(subject, OwnedTask::spawn(turn.run()));
        }
    }

    fn settle(&mut self) {
        if self.queue.waiting() == 0 && self.queue.at_work() == 0 {
            for reply in self.settling.drain(..) {
                let _ = reply.send(());
            }
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
    event: Arc<HookEvent>,
    arguments: HookRunnerArguments,
    runner: ActorRef<HookRunnerMessage>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = self.runner.cast(HookRunnerMessage::Finished(Arc::clone(&self.event.subject)));
    }
}

impl Turn {
    async fn run(self) {
        let folder = self.arguments.hooks.join(format!("{}.d", self.event.event));
        let path = folder.clone();
        let found = match crate::blocking(move || folder::hooks(&path)).await {
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
            environment: event.environment.clone(),
            input: format!("{}\n", event.json),
            limits: self.arguments.limits.of(event.event),
        }
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

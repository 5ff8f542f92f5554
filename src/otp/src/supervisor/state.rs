//! What a supervisor knows, and the carrying out of decisions.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use ractor::{ActorCell, ActorProcessingErr};
use tokio::time::Instant;

use crate::child::StartError;
use crate::context::Context;
use crate::decision::{Action, ChildView, Decision, Event, ExitKind, Situation, decide};
use crate::life::{Exit, Life};
use crate::names::Names;
use crate::specification::{
    ChildSpecification, Restart, Shutdown, Strategy, SupervisorSpecification,
};
use crate::supervisor::children::{Child, Children, Key};
use crate::supervisor::launch::{clear, end, launch};
use crate::supervisor::parking::Parked;
use crate::supervisor::{GaveUp, SupervisorArguments};
use crate::table::{Description, Place};
use crate::tree::ChildState;

/// The state of one incarnation of a supervisor.
pub(crate) struct SupervisorState {
    pub(super) specification: Arc<SupervisorSpecification>,
    pub(super) context: Context,
    pub(super) children: Children,
    pub(super) parked: Option<Parked>,
    /// The supervisor itself.
    pub(super) life: Arc<Life>,
    place: Place,
    /// Counted restarts, since `origin`.
    failures: Vec<Duration>,
    origin: Instant,
}

/// What remains to be done.
pub(super) enum Task {
    /// Decide about this event of this child.
    Decide(Key, Incident),
    /// Take these steps.
    Act(Vec<Step>),
}

/// An event with what is to be logged of it.
pub(super) enum Incident {
    Exited(Exit),
    StartFailed(StartError),
}

impl Incident {
    fn text(&self) -> String {
        match self {
            Self::Exited(exit) => exit.to_string(),
            Self::StartFailed(error) => error.to_string(),
        }
    }
}

/// An action, with the child's key in place of its index.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Stop(Key),
    Start(Key),
    Leave(Key),
    Park(Key),
    GiveUp,
}

impl SupervisorState {
    pub(crate) fn new(
        myself: &ActorCell,
        arguments: SupervisorArguments,
    ) -> Result<Self, ActorProcessingErr> {
        let SupervisorArguments { specification, context, place } = arguments;
        let life = context.names.table().life(myself.get_id());
        let life = life.ok_or("a supervisor must be started through its child specification")?;
        let mut state = Self {
            specification,
            context,
            children: Children::default(),
            parked: None,
            life,
            place,
            failures: Vec::new(),
            origin: Instant::now(),
        };
        state.names().table().remove_added(place);
        for child in state.specification.clone().children.iter().cloned() {
            state.push(Arc::new(child), false);
        }
        Ok(state)
    }

    pub(super) fn names(&self) -> &Names {
        &self.context.names
    }

    pub(super) fn push(&mut self, specification: Arc<ChildSpecification>, added: bool) -> Key {
        let description = Description::of(&specification, added);
        let place = self.names().table().place(Some(self.place), &description);
        self.children.push(Child { specification, place, added, life: None })
    }

    /// Starts the listed children in order; when one fails, those before it are stopped in reverse.
    pub(crate) async fn start_listed(&mut self) -> Result<(), StartError> {
        let keys: Vec<Key> = self.children.iter().map(|(key, _)| key).collect();
        for key in keys {
            if let Err(error) = self.start(key).await {
                self.stop_all().await;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Starts a child, unless the supervisor is asked to stop meanwhile.
    pub(super) async fn start(&mut self, key: Key) -> Result<ActorCell, StartError> {
        let down = || StartError::SupervisorDown { supervisor: self.context.name.to_string() };
        let Some(child) = self.children.get(key) else { return Err(down()) };
        let place = child.place;
        let names = &self.context.names;
        let supervisor = Some(self.life.cell().clone());
        let started = tokio::select! {
            biased;
            () = self.life.stop_requested() => Err(down()),
            started = launch(names, &child.specification, place, supervisor) => started,
        };
        match started {
            Ok(life) => {
                let cell = life.cell().clone();
                self.children.begin(key, life);
                self.unpark(key).await;
                Ok(cell)
            }
            Err(error) => {
                clear(names, place).await;
                names.table().set_state(place, ChildState::Stopped);
                Err(error)
            }
        }
    }

    pub(super) async fn stop(&mut self, key: Key) {
        let Some(life) = self.children.end(key) else { return };
        let shutdown = self.children.get(key).map(|child| child.specification.shutdown);
        end(self.names(), &life, shutdown.unwrap_or(Shutdown::Kill)).await;
    }

    /// Takes a child that was added out of the supervisor's knowledge and of the tree.
    pub(super) fn forget(&mut self, key: Key) {
        if self.children.get(key).is_some_and(|child| child.added)
            && let Some(child) = self.children.remove(key)
        {
            self.names().table().remove(child.place);
        }
    }

    /// Stops all children: in reverse, or side by side where there is no order.
    pub(crate) async fn stop_all(&mut self) {
        let keys: Vec<Key> = self.children.iter().rev().map(|(key, _)| key).collect();
        if self.specification.strategy == Strategy::Dynamic {
            let lives: Vec<_> = keys
                .into_iter()
                .filter_map(|key| {
                    let shutdown = self.children.get(key)?.specification.shutdown;
                    Some((self.children.end(key)?, shutdown))
                })
                .collect();
            let names = self.names();
            join_all(lives.iter().map(|(life, shutdown)| end(names, life, *shutdown))).await;
        } else {
            for key in keys {
                self.stop(key).await;
            }
        }
    }

    /// Starts a child that is not in the list.
    pub(crate) async fn add(&mut self, child: ChildSpecification) -> Result<ActorCell, StartError> {
        if self.specification.strategy != Strategy::Dynamic && child.restart != Restart::Temporary {
            let supervisor = self.context.name.to_string();
            return Err(StartError::NotTemporary { name: child.name, supervisor });
        }
        if let Some(nested) = &child.specification {
            nested.check()?;
        }
        self.make_room(&child.name).await?;
        let key = self.push(Arc::new(child), true);
        let started = self.start(key).await;
        if started.is_err() {
            self.forget(key);
        }
        started
    }

    /// Frees the name of a temporary child that has ended although its exit was not heard yet.
    async fn make_room(&mut self, name: &str) -> Result<(), StartError> {
        let Some(key) = self.children.named(name) else { return Ok(()) };
        let Some(child) = self.children.get(key) else { return Ok(()) };
        let place = child.place;
        let gone = child.life.as_ref().is_none_or(|life| life.ended().is_some());
        if gone && child.added && child.specification.restart == Restart::Temporary {
            clear(self.names(), place).await;
            self.forget(key);
            return Ok(());
        }
        let running = child.life.as_ref().map_or_else(|| self.life.cell(), |life| life.cell());
        Err(StartError::AlreadyStarted { name: name.to_owned(), running: running.clone() })
    }

    /// Stops a child that was added; false when there is none of that name.
    pub(crate) async fn stop_added(&mut self, name: &str) -> bool {
        let key = self.children.named(name);
        let key = key.filter(|key| self.children.get(*key).is_some_and(|child| child.added));
        let Some(key) = key else { return false };
        self.stop(key).await;
        self.forget(key);
        true
    }

    /// A child ended. News of an incarnation that is not the current one is old.
    pub(crate) async fn exited(
        &mut self,
        actor: &ActorCell,
        reported: Exit,
    ) -> Result<(), ActorProcessingErr> {
        let Some(key) = self.children.incarnation(actor.get_id()) else { return Ok(()) };
        let Some(life) = self.children.end(key) else { return Ok(()) };
        clear(self.names(), life.place()).await;
        // The actor's own note says more than ractor's event, where there is one.
        let exit = life.ended().filter(|exit| *exit != Exit::Unknown).unwrap_or(reported);
        self.settle(Task::Decide(key, Incident::Exited(exit))).await
    }

    /// Decides and acts until all is quiet.
    pub(super) async fn settle(&mut self, mut task: Task) -> Result<(), ActorProcessingErr> {
        let mut last = String::new();
        while !self.life.is_stop_requested() {
            let steps = match task {
                Task::Decide(key, incident) => {
                    last = incident.text();
                    self.decide(key, &incident)
                }
                Task::Act(steps) => steps,
            };
            task = match self.act(steps, &last).await? {
                Some((key, error)) => Task::Decide(key, Incident::StartFailed(error)),
                None => break,
            };
        }
        Ok(())
    }

    fn decide(&mut self, key: Key, incident: &Incident) -> Vec<Step> {
        // In a dynamic supervisor nobody but the child itself is concerned, and there may be
        // thousands of the others.
        let alone = self.specification.strategy == Strategy::Dynamic;
        let concerned = self.children.iter().filter(|(other, _)| !alone || *other == key);
        let (keys, views): (Vec<Key>, Vec<ChildView>) =
            concerned.map(|(other, child)| (other, view(child))).unzip();
        let Some(child) = keys.iter().position(|other| *other == key) else { return Vec::new() };
        let situation = Situation {
            strategy: self.specification.strategy,
            intensity: self.specification.intensity,
            period: self.specification.period,
            children: &views,
            failures: &self.failures,
            now: self.origin.elapsed(),
        };
        let event = match incident {
            Incident::Exited(exit) => Event::Exited { child, how: kind(exit) },
            Incident::StartFailed(_) => Event::StartFailed { child },
        };
        let Decision { actions, failures } = decide(&situation, event);
        self.failures = failures;
        let steps: Vec<Step> = actions.iter().filter_map(|action| step(*action, &keys)).collect();
        self.announce(key, incident, &steps);
        steps
    }

    /// Logs the decision and shows it in the tree.
    fn announce(&self, key: Key, incident: &Incident, steps: &[Step]) {
        let path = |key: Key| {
            let place = self.children.get(key).map(|child| child.place)?;
            self.names().table().labels(place).map(|(_, path)| path)
        };
        let child = path(key).unwrap_or_default();
        let reason = incident.text();
        let node = self.context.node();
        for step in steps {
            match step {
                Step::Start(other) => {
                    tracing::warn!(
                        node,
                        child = path(*other).as_deref(),
                        because = &*child,
                        reason,
                        "restarting"
                    );
                    if let Some(child) = self.children.get(*other) {
                        self.names().table().set_state(child.place, ChildState::Restarting);
                    }
                }
                Step::Leave(other) if *other == key => {
                    let failed = !matches!(incident, Incident::Exited(Exit::Stopped));
                    if failed {
                        tracing::warn!(node, child = &*child, reason, "ended and is not restarted");
                    } else {
                        tracing::debug!(node, child = &*child, reason, "ended");
                    }
                }
                Step::Park(_) => tracing::error!(node, child = &*child, reason, "parked"),
                Step::GiveUp => {
                    tracing::error!(
                        node,
                        supervisor = &*self.context.path,
                        child = &*child,
                        reason,
                        "gives up"
                    );
                }
                Step::Stop(_) | Step::Leave(_) => {}
            }
        }
    }

    /// Takes the steps; when a start fails, the rest is void and the failure is the answer.
    async fn act(
        &mut self,
        steps: Vec<Step>,
        reason: &str,
    ) -> Result<Option<(Key, StartError)>, GaveUp> {
        for step in steps {
            match step {
                Step::Stop(key) => self.stop(key).await,
                Step::Leave(key) => {
                    if let Some(child) = self.children.get(key) {
                        self.names().table().set_state(child.place, ChildState::Stopped);
                    }
                    self.forget(key);
                }
                Step::Start(key) => {
                    if let Err(error) = self.start(key).await {
                        return Ok(Some((key, error)));
                    }
                }
                Step::Park(key) => self.park(key, reason).await?,
                Step::GiveUp => {
                    let SupervisorSpecification { intensity, period, .. } = &*self.specification;
                    let text =
                        format!("more than {intensity} restarts in {period:?}; the last: {reason}");
                    return Err(self.give_up(text).await);
                }
            }
        }
        Ok(None)
    }

    /// Stops all children in order; what is returned is the supervisor's own failure.
    pub(super) async fn give_up(&mut self, reason: String) -> GaveUp {
        self.stop_all().await;
        GaveUp { supervisor: self.context.name.to_string(), reason }
    }
}

fn view(child: &Child) -> ChildView {
    ChildView {
        restart: child.specification.restart,
        running: child.life.is_some(),
        parks: child.specification.park().is_some(),
    }
}

fn kind(exit: &Exit) -> ExitKind {
    match exit {
        Exit::Stopped => ExitKind::Normal,
        Exit::GaveUp(_) => ExitKind::GaveUp,
        Exit::Failed(_) | Exit::Killed | Exit::Unknown => ExitKind::Abnormal,
    }
}

fn step(action: Action, keys: &[Key]) -> Option<Step> {
    let key = |index: usize| keys.get(index).copied();
    Some(match action {
        Action::Stop(index) => Step::Stop(key(index)?),
        Action::Start(index) => Step::Start(key(index)?),
        Action::Leave(index) => Step::Leave(key(index)?),
        Action::Park(index) => Step::Park(key(index)?),
        Action::GiveUp => Step::GiveUp,
    })
}

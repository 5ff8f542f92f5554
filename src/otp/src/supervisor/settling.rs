//! Deciding about an event and carrying the decision out, until all is quiet.

use std::sync::Arc;

use ractor::ActorProcessingErr;

use crate::child::StartError;
use crate::decision::{Action, ChildView, Decision, Event, ExitKind, Situation, decide};
use crate::life::Exit;
use crate::names::Restarted;
use crate::specification::{Strategy, SupervisorSpecification};
use crate::supervisor::GaveUp;
use crate::supervisor::children::{Child, Key};
use crate::supervisor::state::SupervisorState;
use crate::tree::ChildState;

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
                Some((key, error)) => self.cause(key, error).await,
                None => break,
            };
        }
        Ok(())
    }

    /// What is to be decided after a start that failed: first of all that a sibling ended which the child
    /// stands on. Without it the child would be started again and again, on something that is gone.
    async fn cause(&mut self, key: Key, error: StartError) -> Task {
        let ended = self.foundations(key).into_iter().find_map(|(key, life)| {
            let exit = life.ended()?;
            Some((key, exit))
        });
        match ended {
            Some((sibling, exit)) => {
                self.note_end(sibling).await;
                Task::Decide(sibling, Incident::Exited(exit))
            }
            None => Task::Decide(key, Incident::StartFailed(error)),
        }
    }

    fn decide(&mut self, key: Key, incident: &Incident) -> Vec<Step> {
        // In a dynamic supervisor nobody but the child itself is concerned, and there may be
        // thousands of the others.
        let (keys, views): (Vec<Key>, Vec<ChildView>) = match self.specification.strategy {
            Strategy::Dynamic => {
                self.children.get(key).map(|child| (key, view(child))).into_iter().unzip()
            }
            _ => self.children.iter().map(|(other, child)| (other, view(child))).unzip(),
        };
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
                    self.names().tell_restart(Restarted {
                        path: path(*other).unwrap_or_default(),
                        because: Arc::clone(&child),
                        reason: reason.clone(),
                    });
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
                    if let Err(error) = self.start_again(key).await {
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

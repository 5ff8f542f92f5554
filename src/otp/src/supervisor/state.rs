//! What a supervisor knows, and how its children are started, stopped, added and heard of. What is done
//! about an exit is in `settling`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use ractor::{ActorCell, ActorProcessingErr};
use tokio::time::Instant;

use crate::child::StartError;
use crate::context::Context;
use crate::life::{Exit, Life};
use crate::names::Names;
use crate::specification::{
    ChildSpecification, Restart, Shutdown, Strategy, SupervisorSpecification,
};
use crate::supervisor::SupervisorArguments;
use crate::supervisor::children::{Child, Children, Key};
use crate::supervisor::launch::{clear, end, launch};
use crate::supervisor::parking::Parked;
use crate::supervisor::settling::{Incident, Task};
use crate::table::{Description, Place};
use crate::tree::ChildState;

/// The state of one incarnation of a supervisor.
pub(crate) struct SupervisorState {
    pub(super) specification: Arc<SupervisorSpecification>,
    pub(super) context: Context,
    pub(super) children: Children,
    pub(super) parked: Option<Parked>,
    /// Attempts at parked children so far.
    pub(super) attempts: u64,
    /// The supervisor itself.
    pub(super) life: Arc<Life>,
    place: Place,
    /// Counted restarts, since `origin`.
    pub(super) failures: Vec<Duration>,
    pub(super) origin: Instant,
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
            attempts: 0,
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
        let place = self.names().table().place(self.place, &description);
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

    /// Starts a child anew, unless a sibling that it stands on ends meanwhile: it may be what the child
    /// waits for, and is started again by whoever called this.
    pub(super) async fn start_again(&mut self, key: Key) -> Result<(), StartError> {
        let foundations = self.foundations(key);
        let ended = async {
            let gone = foundations.iter().map(|(key, life)| {
                Box::pin(async move {
                    life.gone().await;
                    *key
                })
            });
            match foundations.is_empty() {
                true => std::future::pending().await,
                false => select_all(gone).await.0,
            }
        };
        let sibling = tokio::select! {
            biased;
            sibling = ended => sibling,
            started = self.start(key) => return started.map(drop),
        };
        self.note_end(key).await;
        let name = |key: Key| self.children.get(key).map(|child| child.specification.name.clone());
        Err(StartError::SiblingEnded {
            name: name(key).unwrap_or_default(),
            sibling: name(sibling).unwrap_or_default(),
        })
    }

    /// The siblings that run and without which a child does not.
    pub(super) fn foundations(&self, key: Key) -> Vec<(Key, Arc<Life>)> {
        let strategy = self.specification.strategy;
        let others = self.children.iter().filter(|(other, _)| match strategy {
            Strategy::RestForOne => *other < key,
            Strategy::OneForAll => *other != key,
            Strategy::OneForOne | Strategy::Dynamic => false,
        });
        others
            .filter_map(|(other, child)| Some((other, Arc::clone(child.life.as_ref()?))))
            .collect()
    }

    /// Forgets an incarnation that is over, with whatever of it is left.
    pub(super) async fn note_end(&mut self, key: Key) {
        self.children.end(key);
        if let Some(place) = self.children.get(key).map(|child| child.place) {
            clear(self.names(), place).await;
            self.names().table().set_state(place, ChildState::Stopped);
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
}

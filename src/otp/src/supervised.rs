//! The shell around every actor in the tree. It gives the actor its name before the start counts as
//! done, notes how it ended, and makes sure that its state is dropped as soon as it has. ractor would
//! hand the state of an actor that stopped or was killed while idle to its supervisor's mailbox; there
//! it would keep files open and locks held while a busy supervisor starts the next incarnation. So the
//! state does not live where ractor keeps states, but here, and goes with the actor's task.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::child::StartContext;
use crate::life::{Exit, Life};
use crate::names::Names;
use crate::supervisor::GaveUp;
use crate::table::Place;
use crate::work::Work;

/// The actor `A` in its shell.
pub(crate) struct Supervised<A: Actor> {
    actor: A,
    /// Taken out while a handler runs, so that a kill drops it with the handler.
    living: Mutex<Option<Box<Living<A::State>>>>,
}

impl<A: Actor> Supervised<A> {
    pub(crate) fn new(actor: A) -> Self {
        Self { actor, living: Mutex::new(None) }
    }

    fn take(&self) -> Option<Box<Living<A::State>>> {
        self.living.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, living: Box<Living<A::State>>) {
        *self.living.lock().unwrap_or_else(PoisonError::into_inner) = Some(living);
    }
}

/// What the shell needs besides the actor's own arguments.
pub(crate) struct SupervisedArguments<T> {
    arguments: T,
    names: Names,
    name: Arc<str>,
    place: Place,
}

impl<T> SupervisedArguments<T> {
    pub(crate) fn new(arguments: T, context: &StartContext) -> Self {
        let names = context.names().clone();
        Self { arguments, names, name: context.context().name, place: context.place() }
    }
}

/// Ends the incarnation when it is dropped.
struct Ending {
    names: Names,
    life: Arc<Life>,
    exit: Exit,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.names.leave(&self.life, &self.exit);
    }
}

/// The actor's state. The order of the fields matters: the state is dropped first.
pub(crate) struct Living<S> {
    state: S,
    work: Arc<Work>,
    ending: Ending,
}

impl<S> Living<S> {
    /// Keeps the reason of a failure, for those who watch.
    fn note(&mut self, outcome: Outcome) -> Result<(), ActorProcessingErr> {
        if matches!(outcome, Ok(Ok(()))) {
            return Ok(());
        }
        let result = outcome.unwrap_or_else(|panic| Err(panic_text(&*panic).into()));
        if let Err(error) = &result {
            self.ending.exit = match error.downcast_ref::<GaveUp>() {
                Some(gave_up) => Exit::GaveUp(gave_up.to_string()),
                None => Exit::Failed(error.to_string()),
            };
        }
        result
    }
}

type Outcome = Result<Result<(), ActorProcessingErr>, Box<dyn std::any::Any + Send>>;

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("no text"))
}

impl<A: Actor> Actor for Supervised<A> {
    type Msg = A::Msg;
    type State = ();
    type Arguments = SupervisedArguments<A::Arguments>;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<(), ActorProcessingErr> {
        let SupervisedArguments { arguments, names, name, place } = arguments;
        let life = Life::new(myself.get_cell(), place);
        names.enter(&life);
        // From here on a dropped future is a kill.
        let ending = Ending { names, life, exit: Exit::Killed };
        let state = self.actor.pre_start(myself.clone(), arguments).await?;
        ending.names.register_cell(&name, myself.get_cell());
        let work = ending.names.work(place);
        self.put(Box::new(Living { state, work, ending }));
        Ok(())
    }

    async fn post_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Some(mut living) = self.take() else { return Ok(()) };
        let started = self.actor.post_start(myself, &mut living.state);
        let outcome = AssertUnwindSafe(started).catch_unwind().await;
        living.note(outcome)?;
        self.put(living);
        Ok(())
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Some(mut living) = self.take() else { return Ok(()) };
        let begun = living.work.begin(&message);
        let handled = self.actor.handle(myself, message, &mut living.state);
        let outcome = AssertUnwindSafe(handled).catch_unwind().await;
        living.work.note(begun, matches!(outcome, Ok(Ok(()))));
        living.note(outcome)?;
        self.put(living);
        Ok(())
    }

    /// On the heap: an actor keeps room for the largest of its futures while it lives, and few ever supervise.
    fn handle_supervisor_evt(
        &self,
        myself: ActorRef<Self::Msg>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> impl Future<Output = Result<(), ActorProcessingErr>> + Send {
        Box::pin(async move {
            let Some(mut living) = self.take() else { return Ok(()) };
            let handled = self.actor.handle_supervisor_evt(myself, event, &mut living.state);
            let outcome = AssertUnwindSafe(handled).catch_unwind().await;
            living.note(outcome)?;
            self.put(living);
            Ok(())
        })
    }

    async fn post_stop(
        &self,
        myself: ActorRef<Self::Msg>,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        let Some(mut living) = self.take() else { return Ok(()) };
        let stopped = self.actor.post_stop(myself, &mut living.state);
        let outcome = AssertUnwindSafe(stopped).catch_unwind().await;
        living.note(outcome)?;
        living.ending.exit = Exit::Stopped;
        Ok(())
    }
}

/// Watches over an incarnation whose start function did not use the shell.
pub(crate) fn adopt(names: &Names, cell: &ActorCell, place: Place) -> Arc<Life> {
    let life = Life::new(cell.clone(), place);
    names.enter(&life);
    let ending = Ending { names: names.clone(), life: Arc::clone(&life), exit: Exit::Unknown };
    let cell = cell.clone();
    tokio::spawn(async move {
        // Without a time limit this cannot fail.
        let _ = cell.wait(None).await;
        drop(ending);
    });
    life
}

//! Adding children to a running supervisor, and taking them out again.

use std::time::Duration;

use ractor::{ActorCell, ActorRef, Message};
use tokio::sync::oneshot;

use crate::call::CallError;
use crate::child::StartError;
use crate::name::Name;
use crate::names::Names;
use crate::specification::ChildSpecification;
use crate::supervisor::{Request, StartReply, SupervisorMessage};

/// How long a start or a stop may take when the caller does not say: longer than any child needs, so
/// that it ends only waits on a supervisor that hangs.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(30);

/// A supervisor by name, for those who add children to it; cheap to clone. The name is looked up for
/// every request, so it stays good over the supervisor's restarts (which lose the children).
#[derive(Clone, Debug)]
pub struct DynamicSupervisor {
    names: Names,
    name: Name<SupervisorMessage>,
    deadline: Duration,
}

/// Why a child was not stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// No child of that name was added to the supervisor.
    #[error("{supervisor} has no added child called {name}")]
    NoSuchChild {
        /// The supervisor's name.
        supervisor: String,
        /// The child's name.
        name: String,
    },
    /// The supervisor did not answer.
    #[error("supervisor {supervisor} did not answer: {source}")]
    Call {
        /// The supervisor's name.
        supervisor: String,
        /// Why.
        source: CallError,
    },
}

impl DynamicSupervisor {
    /// The supervisor that has the name when something is asked.
    #[must_use]
    pub fn new(names: &Names, name: impl Into<Name<SupervisorMessage>>) -> Self {
        Self { names: names.clone(), name: name.into(), deadline: DEFAULT_DEADLINE }
    }

    /// Waits at most this long for an answer.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts a child and waits until it has started. A supervisor that is not dynamic takes only
    /// temporary ones. An actor may wait only for what was started before it (or deadlocks are
    /// possible); others use [`DynamicSupervisor::start_child_then`].
    ///
    /// # Errors
    /// Any [`StartError`]. After [`StartError::Deadline`] the child may yet start.
    pub async fn start_child(&self, child: ChildSpecification) -> Result<ActorCell, StartError> {
        let (reply, answer) = oneshot::channel();
        let name = child.name.clone();
        self.send(
            child,
            Box::new(move |outcome| {
                // A caller that no longer waits finds the child by its name.
                let _ = reply.send(outcome);
            }),
        )?;
        let supervisor = self.name.to_string();
        match tokio::time::timeout(self.deadline, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(StartError::SupervisorDown { supervisor }),
            Err(_) => Err(StartError::Deadline { supervisor, name }),
        }
    }

    /// Starts a child without waiting; the outcome comes to `receiver` as a message, also when the
    /// supervisor ends before it is known.
    ///
    /// # Errors
    /// [`StartError::SupervisorDown`] when the supervisor does not run.
    pub fn start_child_then<M: Message>(
        &self,
        child: ChildSpecification,
        receiver: &ActorRef<M>,
        message: impl FnOnce(Result<ActorCell, StartError>) -> M + Send + 'static,
    ) -> Result<(), StartError> {
        let (receiver, supervisor) = (receiver.clone(), self.name.to_string());
        let tell = move |outcome| {
            // A receiver that is gone does not mind.
            let _ = receiver.send_message(message(outcome));
        };
        let told = Told { supervisor, tell: Some(Box::new(tell)) };
        self.send(child, Box::new(move |outcome| told.tell(outcome)))
    }

    /// Stops a child that was added, within its budget, and waits for it.
    ///
    /// # Errors
    /// [`StopError`].
    pub async fn stop_child(&self, name: &str) -> Result<(), StopError> {
        let stop = |reply| SupervisorMessage(Request::StopChild { name: name.to_owned(), reply });
        let supervisor = self.name.to_string();
        match self.name.call(&self.names, stop, self.deadline).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(StopError::NoSuchChild { supervisor, name: name.to_owned() }),
            Err(source) => Err(StopError::Call { supervisor, source }),
        }
    }

    fn send(&self, child: ChildSpecification, reply: StartReply) -> Result<(), StartError> {
        let request = Request::StartChild { child: Box::new(child), reply };
        let down = |_| StartError::SupervisorDown { supervisor: self.name.to_string() };
        self.name.cast(&self.names, SupervisorMessage(request)).map_err(down)
    }
}

/// Tells an outcome once, whatever happens to whom it was to come from.
struct Told {
    supervisor: String,
    tell: Option<StartReply>,
}

impl Told {
    fn tell(mut self, outcome: Result<ActorCell, StartError>) {
        if let Some(tell) = self.tell.take() {
            tell(outcome);
        }
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // The supervisor was killed, its mailbox dropped with this in it.
        if let Some(tell) = self.tell.take() {
            tell(Err(StartError::SupervisorDown { supervisor: self.supervisor.clone() }));
        }
    }
}

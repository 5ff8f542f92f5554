//! Starting one incarnation of a child: what a start function is given, what it answers, and the two
//! ready-made children, `worker` and `supervisor`.

use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use ractor::{Actor, ActorCell, ActorProcessingErr, SpawnErr};

use crate::context::Context;
use crate::name::Name;
use crate::names::Names;
use crate::specification::{
    ChildKind, ChildSpecification, Restart, Shutdown, SupervisorSpecification,
};
use crate::supervised::{Supervised, SupervisedArguments};
use crate::supervisor::{Supervisor, SupervisorArguments};
use crate::table::Place;

/// Starts one incarnation of a child, linked to the supervisor in the context; it is done when the
/// child's `pre_start` is.
pub type StartFunction =
    Arc<dyn Fn(StartContext) -> BoxFuture<'static, Result<ActorCell, StartError>> + Send + Sync>;

/// Why a child, or a whole tree, did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Its `pre_start` failed or panicked, or that of one of its children did.
    #[error("{name} did not start: {source}")]
    Failed {
        /// The child's name.
        name: String,
        /// What it said.
        source: ActorProcessingErr,
    },
    /// A child of that name runs under this supervisor, or a tree of that name in this node.
    #[error("{name} is running already")]
    AlreadyStarted {
        /// The child's name.
        name: String,
        /// The one that runs.
        running: ActorCell,
    },
    /// Two children in one specification have one name.
    #[error("two children are called {name}; names are unique in a node")]
    DuplicateName {
        /// The name.
        name: String,
    },
    /// Only temporary children may be added to a supervisor that has a list of its own.
    #[error(
        "{name} cannot be added to {supervisor}: only its own list may hold permanent children"
    )]
    NotTemporary {
        /// The child's name.
        name: String,
        /// The supervisor's name.
        supervisor: String,
    },
    /// The supervisor that should start it does not run, or ended before it answered.
    #[error("supervisor {supervisor} is not running; try again after its restart")]
    SupervisorDown {
        /// The supervisor's name.
        supervisor: String,
    },
    /// A sibling that it stands on ended while it was being started anew: that one comes first.
    #[error("{name} was not started: {sibling}, which it stands on, ended meanwhile")]
    SiblingEnded {
        /// The child's name.
        name: String,
        /// The sibling's name.
        sibling: String,
    },
    /// The supervisor did not answer in time. The child may yet start.
    #[error("supervisor {supervisor} did not start {name} in time")]
    Deadline {
        /// The supervisor's name.
        supervisor: String,
        /// The child's name.
        name: String,
    },
}

/// What a start function is given.
#[derive(Clone)]
pub struct StartContext {
    context: Context,
    supervisor: Option<ActorCell>,
    place: Place,
}

impl StartContext {
    pub(crate) fn new(context: Context, supervisor: Option<ActorCell>, place: Place) -> Self {
        Self { context, supervisor, place }
    }

    /// The node's names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.context.names
    }

    /// What the actor to be started gets to know about its place.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.clone()
    }

    /// The supervisor to link to; none for the root.
    #[must_use]
    pub fn supervisor(&self) -> Option<&ActorCell> {
        self.supervisor.as_ref()
    }

    pub(crate) fn place(&self) -> Place {
        self.place
    }

    /// Spawns `actor` linked to the supervisor and registered under the child's name, which is done
    /// before this returns. This is what [`worker`] does; use it for an actor without a default value.
    ///
    /// # Errors
    /// [`StartError::Failed`] when its `pre_start` fails or panics.
    pub async fn spawn<A: Actor>(
        &self,
        actor: A,
        arguments: A::Arguments,
    ) -> Result<ActorCell, StartError> {
        let arguments = SupervisedArguments::new(arguments, self);
        let actor = Supervised::new(actor);
        let spawned = match &self.supervisor {
            Some(supervisor) => {
                Actor::spawn_linked(None, actor, arguments, supervisor.clone()).await
            }
            None => Actor::spawn(None, actor, arguments).await,
        };
        match spawned {
            Ok((actor, _)) => Ok(actor.get_cell()),
            Err(SpawnErr::StartupFailed(source)) => Err(self.failed(source)),
            Err(other) => Err(self.failed(other.into())),
        }
    }

    /// The error of a start that failed for a reason of its own.
    pub fn failed(&self, source: ActorProcessingErr) -> StartError {
        StartError::Failed { name: self.context.name.to_string(), source }
    }
}

/// A worker: an actor `A`, spawned afresh for every incarnation with the arguments that `arguments`
/// makes, linked to its supervisor and registered as `ActorRef<A::Msg>` under `name` before its start
/// counts as done.
pub fn worker<A: Actor + Default>(
    name: impl Into<Name<A::Msg>>,
    restart: Restart,
    shutdown: Shutdown,
    arguments: impl Fn(Context) -> A::Arguments + Send + Sync + 'static,
) -> ChildSpecification {
    let arguments = Arc::new(arguments);
    let start: StartFunction = Arc::new(move |context: StartContext| {
        let arguments = Arc::clone(&arguments);
        async move {
            let arguments = arguments(context.context());
            context.spawn(A::default(), arguments).await
        }
        .boxed()
    });
    ChildSpecification {
        restart,
        shutdown,
        ..ChildSpecification::new(name.into().into_text(), start)
    }
}

/// A supervisor as a child: permanent, with a budget above that of its children.
#[must_use]
pub fn supervisor(specification: SupervisorSpecification) -> ChildSpecification {
    let specification = Arc::new(specification);
    let started = Arc::clone(&specification);
    let start: StartFunction = Arc::new(move |context: StartContext| {
        let arguments = SupervisorArguments::new(Arc::clone(&started), &context);
        async move { context.spawn(Supervisor, arguments).await }.boxed()
    });
    ChildSpecification {
        kind: ChildKind::Supervisor,
        shutdown: specification.budget(),
        specification: Some(Arc::clone(&specification)),
        ..ChildSpecification::new(specification.name.clone(), start)
    }
}

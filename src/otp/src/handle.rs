//! A running tree from outside: started, watched, shut down.

use std::fmt;
use std::sync::Arc;

use ractor::ActorCell;

use crate::child::{StartError, supervisor};
use crate::dynamic::DynamicSupervisor;
use crate::life::{Exit, Life};
use crate::names::{Names, NoSuchActor};
use crate::specification::{Shutdown, SupervisorSpecification};
use crate::supervisor::launch::{clear, end, launch};
use crate::table::{Description, Place};
use crate::tree::{ChildState, TreeNode};

/// Why a tree ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to.
    Shutdown,
    /// Its children failed more often than the root bears; the text says which and why.
    IntensityReached(String),
    /// The root itself was killed.
    Killed,
    /// The root itself failed.
    Failed(String),
}

impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Stopped => Self::Shutdown,
            Exit::GaveUp(reason) => Self::IntensityReached(reason),
            Exit::Killed => Self::Killed,
            Exit::Failed(reason) => Self::Failed(reason),
            Exit::Unknown => Self::Failed("it ended unseen".to_owned()),
        }
    }
}

/// A running tree; cheap to clone. Dropping it changes nothing.
#[derive(Clone)]
pub struct SupervisorHandle {
    names: Names,
    life: Arc<Life>,
    name: Arc<str>,
    budget: Shutdown,
}

/// Starts a tree: every child in order, each after the one before it is done. When one fails, those
/// that run are stopped in reverse before this returns.
///
/// # Errors
/// That of the child that did not start; [`StartError::AlreadyStarted`] when a tree of this name runs
/// in this node.
pub async fn start(
    specification: SupervisorSpecification,
    names: Names,
) -> Result<SupervisorHandle, StartError> {
    specification.check()?;
    let child = supervisor(specification);
    let place = names.table().place_root(&Description::of(&child, false));
    let place = place.map_err(|life| StartError::AlreadyStarted {
        name: child.name.clone(),
        running: life.cell().clone(),
    })?;
    match launch(&names, &child, place, None).await {
        Ok(life) => {
            let name = child.name.as_str().into();
            Ok(SupervisorHandle { names, life, name, budget: child.shutdown })
        }
        Err(error) => {
            names.table().set_state(place, ChildState::Stopped);
            Err(error)
        }
    }
}

impl SupervisorHandle {
    /// The node's names.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The root supervisor.
    #[must_use]
    pub fn cell(&self) -> &ActorCell {
        self.life.cell()
    }

    /// Waits until the tree has ended and nothing of it is left, and tells why it ended.
    pub async fn wait(&self) -> End {
        let exit = self.life.gone().await;
        clear(&self.names, self.place()).await;
        exit.into()
    }

    /// Shuts the tree down in reverse order, each child within its budget, and waits for it.
    pub async fn shutdown(&self) -> End {
        end(&self.names, &self.life, self.budget).await;
        self.wait().await
    }

    /// The longest that [`SupervisorHandle::shutdown`] takes by the specifications.
    #[must_use]
    pub fn budget(&self) -> Shutdown {
        self.budget
    }

    /// The live tree; waits for nobody. None once a later tree of this name took the place.
    #[must_use]
    pub fn tree(&self) -> Option<TreeNode> {
        self.names.tree_of(self.place())
    }

    /// Kills an actor of the node by name or path.
    ///
    /// # Errors
    /// [`NoSuchActor`] when there is none.
    pub fn kill(&self, name: &str) -> Result<(), NoSuchActor> {
        self.names.kill(name)
    }

    /// For adding children to the root itself.
    #[must_use]
    pub fn dynamic(&self) -> DynamicSupervisor {
        DynamicSupervisor::new(&self.names, &*self.name)
    }

    fn place(&self) -> Place {
        self.life.place()
    }
}

impl fmt::Debug for SupervisorHandle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SupervisorHandle({})", self.name)
    }
}

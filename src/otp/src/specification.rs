//! What a supervision tree is made of, as data: children, how they restart, how they are shut down,
//! and the strategy that watches them. Nothing here runs; starting is in `child`, deciding in `decision`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::child::{StartError, StartFunction};
use crate::outline::Outline;

/// How long a worker may take to stop when its specification does not say: short, because the whole
/// node has to be down within a few seconds of a SIGTERM.
pub const DEFAULT_SHUTDOWN: Duration = Duration::from_secs(2);

/// What a supervisor's budget adds to the sum of its children's, so that a child that uses up its own
/// is still killed by its own supervisor and not by the one above.
const SUPERVISOR_MARGIN: Duration = Duration::from_millis(500);

/// Restarts allowed within [`DEFAULT_PERIOD`] when a supervisor does not say.
pub const DEFAULT_INTENSITY: u32 = 5;

/// The window in which restarts are counted when a supervisor does not say.
pub const DEFAULT_PERIOD: Duration = Duration::from_secs(60);

/// When a child that ended is started again (OTP's `restart`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only when it ended by a failure or a kill; a stop is its normal end.
    Transient,
    /// Never.
    Temporary,
}

/// How a child is made to end (OTP's `shutdown`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// At once, without `post_stop`.
    Kill,
    /// Asked to stop (the message under way is finished, `post_stop` runs), killed when the time is up.
    Timeout(Duration),
    /// Asked to stop and waited for without limit.
    Infinity,
}

impl Shutdown {
    /// The longest that a stop takes; `None` for one without a limit.
    #[must_use]
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::Kill => Some(Duration::ZERO),
            Self::Timeout(limit) => Some(limit),
            Self::Infinity => None,
        }
    }

    fn from_limit(limit: Option<Duration>) -> Self {
        limit.map_or(Self::Infinity, Self::Timeout)
    }
}

/// What a child is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChildKind {
    /// An actor that does work.
    Worker,
    /// A supervisor with children of its own.
    Supervisor,
}

/// Who else restarts when one child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// All its siblings.
    OneForAll,
    /// The siblings that were started after it.
    RestForOne,
    /// Nobody; the children are all added at run time, have no order, and are stopped side by side
    /// (OTP's `DynamicSupervisor`).
    Dynamic,
}

/// What happens when a supervisor sees more failures than its intensity allows.
#[derive(Clone)]
pub enum OnIntensity {
    /// It ends, and that is a failure of its parent's child like any other.
    Escalate,
    /// It ends, and its parent parks it. See [`Park`].
    Park(Park),
}

/// Instead of failing with a child whose intensity is reached, its supervisor stops what stands on
/// the child (by its strategy), starts a stand-in, and tries the child again every `retry` until
/// `limit` has passed; then the supervisor itself gives up.
#[derive(Clone)]
pub struct Park {
    /// Time between two attempts.
    pub retry: Duration,
    /// Time from the parking to the end of patience.
    pub limit: Duration,
    /// A child that runs while the other is parked, such as a listener that answers 503 to all.
    pub stand_in: Option<Box<ChildSpecification>>,
}

/// One child of a supervisor. Made by [`worker`](crate::worker), [`supervisor`](crate::supervisor),
/// or, for anything else, by [`ChildSpecification::new`].
#[derive(Clone)]
pub struct ChildSpecification {
    /// The name it is registered under; unique in the node while it runs.
    pub name: String,
    /// When it is started again.
    pub restart: Restart,
    /// How it is stopped.
    pub shutdown: Shutdown,
    /// Worker or supervisor.
    pub kind: ChildKind,
    /// Starts one incarnation of it.
    pub start: StartFunction,
    /// What the child supervises, when it is a supervisor.
    pub specification: Option<Arc<SupervisorSpecification>>,
    /// Why the child is here and in this place, in a few words; shown in the tree's picture.
    pub because: Option<String>,
}

impl ChildSpecification {
    /// A permanent worker with the default budget that is started by `start`.
    pub fn new(name: impl Into<String>, start: StartFunction) -> Self {
        Self {
            name: name.into(),
            restart: Restart::Permanent,
            shutdown: Shutdown::Timeout(DEFAULT_SHUTDOWN),
            kind: ChildKind::Worker,
            start,
            specification: None,
            because: None,
        }
    }

    /// Restarted only after a failure or a kill.
    #[must_use]
    pub fn transient(mut self) -> Self {
        self.restart = Restart::Transient;
        self
    }

    /// Never restarted.
    #[must_use]
    pub fn temporary(mut self) -> Self {
        self.restart = Restart::Temporary;
        self
    }

    /// Stopped in this way. For a supervisor this replaces the budget computed from its children.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Says why the child is here; part of the tree's picture.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.because = Some(reason.into());
        self
    }

    /// What its parent does when this child, a supervisor, reaches its intensity.
    pub(crate) fn park(&self) -> Option<&Park> {
        match &self.specification.as_ref()?.on_intensity {
            OnIntensity::Park(park) => Some(park),
            OnIntensity::Escalate => None,
        }
    }
}

/// One supervisor: its strategy, how many failures it bears, and its children in start order.
#[derive(Clone)]
pub struct SupervisorSpecification {
    /// The name it is registered under; unique in the node while it runs.
    pub name: String,
    /// Who else restarts when one child does.
    pub strategy: Strategy,
    /// Restarts allowed within `period`; one more and the supervisor gives up.
    pub intensity: u32,
    /// The window in which restarts are counted.
    pub period: Duration,
    /// The children in start order; they are stopped in reverse.
    pub children: Vec<ChildSpecification>,
    /// What giving up means.
    pub on_intensity: OnIntensity,
    /// Examples of the children that are added at run time; for the picture and the stop budget only.
    pub holds: Vec<Outline>,
}

impl SupervisorSpecification {
    /// A supervisor without children yet, with the default intensity.
    pub fn new(name: impl Into<String>, strategy: Strategy) -> Self {
        Self {
            name: name.into(),
            strategy,
            intensity: DEFAULT_INTENSITY,
            period: DEFAULT_PERIOD,
            children: Vec::new(),
            on_intensity: OnIntensity::Escalate,
            holds: Vec::new(),
        }
    }

    /// A supervisor whose children restart alone.
    pub fn one_for_one(name: impl Into<String>) -> Self {
        Self::new(name, Strategy::OneForOne)
    }

    /// A supervisor whose children restart together.
    pub fn one_for_all(name: impl Into<String>) -> Self {
        Self::new(name, Strategy::OneForAll)
    }

    /// A supervisor whose later children restart with an earlier one.
    pub fn rest_for_one(name: impl Into<String>) -> Self {
        Self::new(name, Strategy::RestForOne)
    }

    /// A supervisor whose children are all added at run time.
    pub fn dynamic(name: impl Into<String>) -> Self {
        Self::new(name, Strategy::Dynamic)
    }

    /// Bears `restarts` within `period`; the next failure makes it give up.
    #[must_use]
    pub fn intensity(mut self, restarts: u32, period: Duration) -> Self {
        self.intensity = restarts;
        self.period = period;
        self
    }

    /// Adds the next child in start order.
    #[must_use]
    pub fn child(mut self, child: ChildSpecification) -> Self {
        self.children.push(child);
        self
    }

    /// Adds several children in start order.
    #[must_use]
    pub fn children(mut self, children: impl IntoIterator<Item = ChildSpecification>) -> Self {
        self.children.extend(children);
        self
    }

    /// Parked by its parent, instead of failing it, when its intensity is reached.
    #[must_use]
    pub fn parked(mut self, park: Park) -> Self {
        self.on_intensity = OnIntensity::Park(park);
        self
    }

    /// Describes a kind of child that is added at run time. The name of such an example usually holds
    /// a placeholder: `connection <number>`.
    #[must_use]
    pub fn holds(mut self, example: impl Into<Outline>) -> Self {
        self.holds.push(example.into());
        self
    }

    /// Refuses a tree in which two children have one name.
    pub(crate) fn check(&self) -> Result<(), StartError> {
        let mut names = HashSet::from([self.name.as_str()]);
        let mut pending = vec![self];
        while let Some(supervisor) = pending.pop() {
            for child in &supervisor.children {
                if !names.insert(&child.name) {
                    return Err(StartError::DuplicateName { name: child.name.clone() });
                }
                pending.extend(child.specification.as_deref());
            }
        }
        Ok(())
    }

    /// The time its ordered stop may take: the sum over its children (the longest of them where they
    /// are stopped side by side) and a margin.
    #[must_use]
    pub fn budget(&self) -> Shutdown {
        let listed = self.children.iter().map(|child| child.shutdown.limit());
        let mut examples = self.holds.iter().map(|example| example.budget.limit());
        let together = if self.strategy == Strategy::Dynamic {
            let first = if self.holds.is_empty() { DEFAULT_SHUTDOWN } else { Duration::ZERO };
            listed.chain(examples).try_fold(first, |longest, limit| Some(longest.max(limit?)))
        } else {
            let added =
                examples.try_fold(Duration::ZERO, |longest, limit| Some(longest.max(limit?)));
            listed.chain([added]).try_fold(Duration::ZERO, |sum, limit| Some(sum + limit?))
        };
        Shutdown::from_limit(together.map(|limit| limit + SUPERVISOR_MARGIN))
    }
}

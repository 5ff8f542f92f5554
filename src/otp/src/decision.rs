//! What a supervisor does about an exit: a pure function of its specification, the state of its
//! children, the event and the time. The supervisor's actor carries the answer out.

use std::time::Duration;

use crate::specification::{Restart, Strategy};

/// What a supervisor knows when something happens.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// Its strategy.
    pub strategy: Strategy,
    /// Restarts allowed within `period`.
    pub intensity: u32,
    /// The window in which restarts are counted.
    pub period: Duration,
    /// The children in start order.
    pub children: &'a [ChildView],
    /// When restarts were counted before, oldest first, since any fixed moment.
    pub failures: &'a [Duration],
    /// The time since that moment.
    pub now: Duration,
}

/// What matters of a child for a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildView {
    /// When it is started again.
    pub restart: Restart,
    /// Whether it runs. The child of the event does not.
    pub running: bool,
    /// Whether it is parked when its intensity is reached.
    pub parks: bool,
}

/// What happened to the child with this index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It ended.
    Exited {
        /// Its index in start order.
        child: usize,
        /// How.
        how: ExitKind,
    },
    /// It was started again and that failed.
    StartFailed {
        /// Its index in start order.
        child: usize,
    },
}

/// How a child ended, as far as a decision depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitKind {
    /// It stopped.
    Normal,
    /// It failed or was killed.
    Abnormal,
    /// It is a supervisor whose intensity was reached.
    GaveUp,
}

/// One step; the steps of a decision are taken in order. Indexes are those of the situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Stop a running child.
    Stop(usize),
    /// Start a child. When that fails, the steps after it are void and the failure is a new event.
    Start(usize),
    /// Leave it down; a child that was added at run time is forgotten.
    Leave(usize),
    /// Leave it down and try again later.
    Park(usize),
    /// Stop all children in reverse and fail.
    GiveUp,
}

/// What to do, and what to remember.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The steps, in order.
    pub actions: Vec<Action>,
    /// The counted restarts still in the window, oldest first.
    pub failures: Vec<Duration>,
}

/// Decides what to do about `event`.
#[must_use]
pub fn decide(situation: &Situation<'_>, event: Event) -> Decision {
    let (child, how) = match event {
        Event::Exited { child, how } => (child, Some(how)),
        Event::StartFailed { child } => (child, None),
    };
    let failures = recent(situation);
    let Some(view) = situation.children.get(child).copied() else {
        return Decision { actions: Vec::new(), failures };
    };
    if !restarts(view.restart, how) {
        return Decision { actions: vec![Action::Leave(child)], failures };
    }
    if view.parks && matches!(how, Some(ExitKind::GaveUp) | None) {
        let mut actions = stops(situation, child);
        actions.push(Action::Park(child));
        return Decision { actions, failures };
    }
    let mut failures = failures;
    failures.push(situation.now);
    if failures.len() > situation.intensity as usize {
        return Decision { actions: vec![Action::GiveUp], failures };
    }
    let mut actions = stops(situation, child);
    actions.extend(starts(situation, child));
    Decision { actions, failures }
}

/// The counted restarts that are still in the window.
fn recent(situation: &Situation<'_>) -> Vec<Duration> {
    let in_window = |moment: &&Duration| situation.now.saturating_sub(**moment) <= situation.period;
    situation.failures.iter().filter(in_window).copied().collect()
}

fn restarts(restart: Restart, how: Option<ExitKind>) -> bool {
    match restart {
        Restart::Permanent => true,
        Restart::Transient => how != Some(ExitKind::Normal),
        Restart::Temporary => false,
    }
}

/// Whether `other` restarts because `child` does.
pub(crate) fn is_affected(strategy: Strategy, child: usize, other: usize) -> bool {
    match strategy {
        Strategy::OneForOne | Strategy::Dynamic => other == child,
        Strategy::OneForAll => true,
        Strategy::RestForOne => other >= child,
    }
}

/// The affected siblings that run, in reverse; temporary ones do not come back.
fn stops(situation: &Situation<'_>, child: usize) -> Vec<Action> {
    let mut actions = Vec::new();
    for (index, view) in situation.children.iter().enumerate().rev() {
        if index == child || !view.running || !is_affected(situation.strategy, child, index) {
            continue;
        }
        actions.push(Action::Stop(index));
        if view.restart == Restart::Temporary {
            actions.push(Action::Leave(index));
        }
    }
    actions
}

/// The affected children in order. As in OTP a transient one that had come to its end runs again.
fn starts<'a>(situation: &'a Situation<'_>, child: usize) -> impl Iterator<Item = Action> + 'a {
    let affected = situation.children.iter().enumerate().filter(move |(index, view)| {
        is_affected(situation.strategy, child, *index) && view.restart != Restart::Temporary
    });
    affected.map(|(index, _)| Action::Start(index))
}

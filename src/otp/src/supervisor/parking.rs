//! The one exception to "restart at once": a child whose supervisor asked to be parked is tried again
//! from time to time, with a stand-in in its place, until the patience of its parent ends.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::time::Instant;

use crate::decision::is_affected;
use crate::specification::{Park, Restart};
use crate::supervisor::children::Key;
use crate::supervisor::settling::{Step, Task};
use crate::supervisor::state::SupervisorState;
use crate::supervisor::{GaveUp, Request, SupervisorMessage};
use crate::tree::ChildState;

/// A child that is tried again later.
pub(super) struct Parked {
    key: Key,
    since: Instant,
    /// Number of the attempt that is due; a timer set for another one is void.
    attempt: u64,
}

impl SupervisorState {
    /// Parks a child, or keeps it parked after another attempt has failed.
    pub(super) async fn park(&mut self, key: Key, reason: &str) -> Result<(), GaveUp> {
        let Some(child) = self.children.get(key) else { return Ok(()) };
        let Some(park) = child.specification.park().cloned() else { return Ok(()) };
        self.names().table().set_state(child.place, ChildState::Parked);
        let earlier = self.parked.take().filter(|parked| parked.key == key);
        let since = earlier.map_or_else(Instant::now, |parked| parked.since);
        // Counted over all parkings: a timer left from an earlier one must not match.
        self.attempts += 1;
        let attempt = self.attempts;
        if since.elapsed() >= park.limit {
            let text = format!("not recovered after {:?}; the last: {reason}", park.limit);
            return Err(self.give_up(text).await);
        }
        self.parked = Some(Parked { key, since, attempt });
        self.start_stand_in(&park).await;
        let myself: ActorRef<SupervisorMessage> = self.life.cell().clone().into();
        tokio::spawn(async move {
            tokio::time::sleep(park.retry).await;
            // A supervisor that is gone has no more attempts.
            let _ = myself.send_message(SupervisorMessage(Request::RetryParked { attempt }));
        });
        Ok(())
    }

    /// The time for another attempt has come; on success what stood on the child starts again too.
    pub(super) async fn retry_parked(
        &mut self,
        attempt: u64,
    ) -> Result<(), ractor::ActorProcessingErr> {
        let due = self.parked.as_ref().filter(|parked| parked.attempt == attempt);
        let Some(key) = due.map(|parked| parked.key) else { return Ok(()) };
        // What stands on the child is down already, so a failure changes nothing but the time.
        if let Err(error) = self.start(key).await {
            if self.life.is_stop_requested() {
                return Ok(());
            }
            return Ok(self.park(key, &error.to_string()).await?);
        }
        let steps = self.waiting_for(key).into_iter().map(Step::Start).collect();
        self.settle(Task::Act(steps)).await
    }

    /// The children that were stopped when this one was parked, in start order.
    fn waiting_for(&self, key: Key) -> Vec<Key> {
        let keys: Vec<Key> = self.children.iter().map(|(key, _)| key).collect();
        let Some(parked) = keys.iter().position(|other| *other == key) else { return Vec::new() };
        let strategy = self.specification.strategy;
        let affected = keys.into_iter().enumerate().filter(|(index, other)| {
            let down = self.children.get(*other).is_some_and(|child| {
                child.life.is_none() && child.specification.restart != Restart::Temporary
            });
            down && is_affected(strategy, parked, *index)
        });
        affected.map(|(_, other)| other).collect()
    }

    /// The child runs again: its stand-in goes.
    pub(super) async fn unpark(&mut self, key: Key) {
        if self.parked.take_if(|parked| parked.key == key).is_none() {
            return;
        }
        let park = self.children.get(key).and_then(|child| child.specification.park());
        let stand_in = park.and_then(|park| park.stand_in.as_ref()).map(|child| child.name.clone());
        tracing::info!(
            node = self.context.node(),
            supervisor = &*self.context.path,
            "no longer parked"
        );
        if let Some(name) = stand_in {
            self.stop_added(&name).await;
        }
    }

    async fn start_stand_in(&mut self, park: &Park) {
        let Some(stand_in) = &park.stand_in else { return };
        if self.children.named(&stand_in.name).is_some() {
            return;
        }
        let mut stand_in = stand_in.as_ref().clone();
        // It never outlives the parking, so its own end is no failure of the supervisor's.
        stand_in.restart = Restart::Temporary;
        let key = self.push(Arc::new(stand_in), true);
        if let Err(error) = Box::pin(self.start(key)).await {
            tracing::warn!(node = self.context.node(), %error, "no stand-in while parked");
            self.forget(key);
        }
    }
}

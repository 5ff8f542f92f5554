//! A mailbox with a limit, for the edges of the node where work comes from outside. ractor's mailboxes
//! have no limit and no length; here each message carries a slot that counts while it waits.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ractor::{ActorRef, Message, RpcReplyPort};
use tokio::sync::oneshot;

use crate::call::CallError;
use crate::name::Name;
use crate::names::Names;

/// How many messages wait for one actor. It belongs to the name, so it outlives a restart.
#[derive(Debug, Default)]
pub struct Gauge {
    waiting: AtomicUsize,
}

impl Gauge {
    /// Messages that were sent and not yet taken.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes a place unless `limit` are taken.
    fn enter(self: &Arc<Self>, limit: usize) -> Option<Slot> {
        self.waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < limit).then_some(waiting + 1)
            })
            .ok()
            .map(|_| Slot { gauge: Arc::clone(self) })
    }
}

/// One place in a bounded queue. It travels inside the message and is free again when it is dropped:
/// by the handler as soon as it takes the message, or by whoever drops the message unread.
pub struct Slot {
    gauge: Arc<Gauge>,
}

impl Slot {
    /// Says that the message has been taken out of the queue; the same as dropping the slot.
    pub fn taken(self) {}
}

impl fmt::Debug for Slot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Slot({} waiting)", self.gauge.waiting())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.gauge.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

enum Receiver<M> {
    Actor(ActorRef<M>),
    Named(Names, Name<M>),
}

/// A way to an actor that refuses messages when `limit` of them wait.
pub struct Bounded<M> {
    receiver: Receiver<M>,
    gauge: Arc<Gauge>,
    limit: usize,
}

impl<M: Message> Bounded<M> {
    /// To one incarnation of an actor, with a count of its own.
    #[must_use]
    pub fn new(actor: ActorRef<M>, limit: usize) -> Self {
        Self { receiver: Receiver::Actor(actor), gauge: Arc::default(), limit }
    }

    /// To whoever has the name when a message is sent. All bounded ways to one name share one count,
    /// which the tree shows as the actor's mailbox.
    #[must_use]
    pub fn named(names: &Names, name: impl Into<Name<M>>, limit: usize) -> Self {
        let name = name.into();
        let gauge = names.gauge(name.text());
        Self { receiver: Receiver::Named(names.clone(), name), gauge, limit }
    }

    /// Messages that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.gauge.waiting()
    }

    /// Sends the message that `message` builds around its slot.
    ///
    /// # Errors
    /// [`CallError::Overloaded`] when the queue is full, [`CallError::Down`] when the actor does not run.
    pub fn try_send(&self, message: impl FnOnce(Slot) -> M) -> Result<(), CallError> {
        let slot = self.gauge.enter(self.limit).ok_or(CallError::Overloaded)?;
        let message = message(slot);
        match &self.receiver {
            Receiver::Actor(actor) => actor.send_message(message).map_err(|_| CallError::Down),
            Receiver::Named(names, name) => name.cast(names, message),
        }
    }

    /// Sends and waits for the reply, at most until `deadline` from now.
    ///
    /// # Errors
    /// As [`Bounded::try_send`], and [`CallError::Deadline`] when the time is up.
    pub async fn call<R: Send + 'static>(
        &self,
        message: impl FnOnce(Slot, RpcReplyPort<R>) -> M,
        deadline: Duration,
    ) -> Result<R, CallError> {
        let (reply, answer) = oneshot::channel();
        let port = RpcReplyPort::from((reply, deadline));
        self.try_send(|slot| message(slot, port))?;
        match tokio::time::timeout(deadline, answer).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(CallError::Down),
            Err(_) => Err(CallError::Deadline),
        }
    }
}

impl<M> Clone for Bounded<M> {
    fn clone(&self) -> Self {
        let receiver = match &self.receiver {
            Receiver::Actor(actor) => Receiver::Actor(actor.clone()),
            Receiver::Named(names, name) => Receiver::Named(names.clone(), name.clone()),
        };
        Self { receiver, gauge: Arc::clone(&self.gauge), limit: self.limit }
    }
}

impl<M> fmt::Debug for Bounded<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Bounded({} of {} waiting)", self.gauge.waiting(), self.limit)
    }
}

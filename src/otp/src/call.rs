//! Asking an actor and waiting, never without a deadline.

use std::time::Duration;

use ractor::{ActorRef, Message, RpcReplyPort};
use tokio::sync::oneshot;

/// Why a call has no reply, or a message was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CallError {
    /// The actor does not run, or ended before it replied. What it was asked to do may be done.
    #[error("the actor is down; look its name up again")]
    Down,
    /// No reply came in time. What it was asked to do may still be done.
    #[error("no reply before the deadline; the outcome is unknown")]
    Deadline,
    /// Its queue is full; nothing was sent.
    #[error("the actor's queue is full; try again later")]
    Overloaded,
}

/// Sends the message that `message` builds around a reply port, and waits for the reply at most until
/// `deadline` from now.
///
/// # Errors
/// [`CallError::Down`] when the actor does not run or ends without a reply, [`CallError::Deadline`]
/// when the time is up.
pub async fn call<M: Message, R: Send + 'static>(
    actor: &ActorRef<M>,
    message: impl FnOnce(RpcReplyPort<R>) -> M,
    deadline: Duration,
) -> Result<R, CallError> {
    let (reply, answer) = oneshot::channel();
    let port = RpcReplyPort::from((reply, deadline));
    actor.send_message(message(port)).map_err(|_| CallError::Down)?;
    match tokio::time::timeout(deadline, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(CallError::Down),
        Err(_) => Err(CallError::Deadline),
    }
}

/// Sends without waiting.
///
/// # Errors
/// [`CallError::Down`] when the actor does not run.
pub fn cast<M: Message>(actor: &ActorRef<M>, message: M) -> Result<(), CallError> {
    actor.send_message(message).map_err(|_| CallError::Down)
}

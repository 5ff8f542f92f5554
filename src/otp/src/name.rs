//! A registered name that knows what messages its actor takes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use ractor::{ActorRef, Message, RpcReplyPort};

use crate::call::CallError;
use crate::names::Names;

/// A name for an actor that takes messages of type `M`:
/// `pub const ENGINE: Name<EngineMessage> = Name::new("engine");`
pub struct Name<M> {
    text: Cow<'static, str>,
    messages: PhantomData<fn() -> M>,
}

impl<M> Name<M> {
    /// A name known when the program is written.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), messages: PhantomData }
    }

    /// A name made at run time, such as that of one shard.
    #[must_use]
    pub const fn owned(text: String) -> Self {
        Self { text: Cow::Owned(text), messages: PhantomData }
    }

    /// The name as text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_text(self) -> String {
        self.text.into_owned()
    }
}

impl<M: Message> Name<M> {
    /// The actor that has the name now.
    #[must_use]
    pub fn lookup(&self, names: &Names) -> Option<ActorRef<M>> {
        names.lookup(&self.text)
    }

    /// Sends without waiting.
    ///
    /// # Errors
    /// [`CallError::Down`] when nobody has the name.
    pub fn cast(&self, names: &Names, message: M) -> Result<(), CallError> {
        names.cast(&self.text, message)
    }

    /// Sends and waits for the reply, at most until `deadline` from now.
    ///
    /// # Errors
    /// As [`call`](crate::call).
    pub async fn call<R: Send + 'static>(
        &self,
        names: &Names,
        message: impl FnOnce(RpcReplyPort<R>) -> M,
        deadline: Duration,
    ) -> Result<R, CallError> {
        names.call(&self.text, message, deadline).await
    }
}

impl<M> Clone for Name<M> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), messages: PhantomData }
    }
}

impl<M> fmt::Debug for Name<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Name({:?})", self.text)
    }
}

impl<M> fmt::Display for Name<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl<M> From<&str> for Name<M> {
    fn from(text: &str) -> Self {
        Self::owned(text.to_owned())
    }
}

impl<M> From<String> for Name<M> {
    fn from(text: String) -> Self {
        Self::owned(text)
    }
}

impl<M> From<&Self> for Name<M> {
    fn from(name: &Self) -> Self {
        name.clone()
    }
}

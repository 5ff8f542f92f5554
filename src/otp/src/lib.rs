//! Supervision in OTP's words, on ractor: child specifications, strategies, ordered start and
//! shutdown, names, calls with deadlines, bounded queues. It knows nothing of what the actors do, and
//! nothing in it is global to the process: all of a node hangs on its [`Names`].
//!
//! An actor is an ordinary ractor [`Actor`](ractor::Actor); a supervisor file is a list of children
//! with the reasons for their order.
//!
//! ```
//! use std::time::Duration;
//!
//! use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};
//! use refuge_otp::{
//!     CallError, ChildSpecification, Context, DynamicSupervisor, End, Exit, Name, Names, Outline, Restart,
//!     Shutdown, SupervisorSpecification, start, supervisor, worker,
//! };
//!
//! // (a) An actor of ours. Its name says which messages it takes.
//! pub const COUNTER: Name<CounterMessage> = Name::new("counter");
//!
//! pub enum CounterMessage {
//!     Add(u64),
//!     Total(RpcReplyPort<u64>),
//! }
//!
//! pub struct CounterArguments {
//!     pub context: Context,
//!     pub first: u64,
//! }
//!
//! #[derive(Default)]
//! pub struct Counter;
//!
//! impl Actor for Counter {
//!     type Msg = CounterMessage;
//!     type State = u64;
//!     type Arguments = CounterArguments;
//!
//!     async fn pre_start(
//!         &self,
//!         _myself: ActorRef<CounterMessage>,
//!         arguments: CounterArguments,
//!     ) -> Result<u64, ActorProcessingErr> {
//!         assert_eq!(&*arguments.context.path, "root/counter");
//!         Ok(arguments.first)
//!     }
//!
//!     async fn handle(
//!         &self,
//!         _myself: ActorRef<CounterMessage>,
//!         message: CounterMessage,
//!         total: &mut u64,
//!     ) -> Result<(), ActorProcessingErr> {
//!         match message {
//!             CounterMessage::Add(number) => *total += number,
//!             CounterMessage::Total(reply) => {
//!                 let _ = reply.send(*total);
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//! # #[derive(Default)]
//! # pub struct Session;
//! # impl Actor for Session {
//! #     type Msg = ();
//! #     type State = ();
//! #     type Arguments = u64;
//! #     async fn pre_start(&self, _: ActorRef<()>, _: u64) -> Result<(), ActorProcessingErr> { Ok(()) }
//! # }
//!
//! // (b) A supervisor: its children in start order, and why.
//! fn root() -> SupervisorSpecification {
//!     SupervisorSpecification::rest_for_one("root")
//!         .intensity(5, Duration::from_secs(60))
//!         .child(
//!             worker::<Counter>(COUNTER, Restart::Permanent, Shutdown::Timeout(Duration::from_secs(1)), |context| {
//!                 CounterArguments { context, first: 40 }
//!             })
//!             .because("the sessions count with it"),
//!         )
//!         .child(supervisor(sessions()))
//! }
//!
//! fn sessions() -> SupervisorSpecification {
//!     SupervisorSpecification::dynamic("sessions")
//!         .holds(Outline::worker("session <number>", Restart::Temporary, Shutdown::Kill))
//! }
//!
//! fn session(number: u64) -> ChildSpecification {
//!     worker::<Session>(format!("session {number}"), Restart::Temporary, Shutdown::Kill, move |_| number)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let names = Names::new("node 1");
//! let node = start(root(), names.clone()).await?;
//!
//! // (c) A temporary child of a dynamic supervisor, and news of its end.
//! let sessions = DynamicSupervisor::new(&names, "sessions");
//! let first = sessions.start_child(session(1)).await?;
//! let end = names.monitor(&first);
//! names.kill("session 1")?;
//! assert_eq!(end.await, Exit::Killed);
//!
//! // (d) A cast, and a call with its deadline.
//! COUNTER.cast(&names, CounterMessage::Add(2))?;
//! let total = COUNTER.call(&names, CounterMessage::Total, Duration::from_secs(5)).await?;
//! assert_eq!(total, 42);
//!
//! assert_eq!(node.tree().map(|tree| tree.children.len()), Some(2));
//! assert_eq!(node.shutdown().await, End::Shutdown);
//! let late = COUNTER.call(&names, CounterMessage::Total, Duration::from_secs(5)).await;
//! assert_eq!(late, Err(CallError::Down));
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! What ractor does that a user should know: a handler's error or panic ends the actor without
//! `post_stop`, and messages still queued are lost, which a waiting caller hears as
//! [`CallError::Down`]; a kill acts at the next `await`, so a handler must not block; a stop is taken
//! after the message under way and before those that wait. `myself.stop(…)` is a normal end whatever
//! the reason says (save ractor's own word "killed"); to fail, return an error.

mod bounded;
mod call;
mod child;
mod context;
mod decision;
mod dynamic;
mod handle;
mod life;
mod name;
mod names;
mod outline;
mod owned;
mod shrinking;
mod specification;
mod supervised;
mod supervisor;
mod table;
mod tree;
mod work;

pub use bounded::{Bounded, Gauge, Slot};
pub use call::{CallError, call, cast};
pub use child::{StartContext, StartError, StartFunction, supervisor, worker};
pub use context::Context;
pub use decision::{Action, ChildView, Decision, Event, ExitKind, Situation, decide};
pub use dynamic::{DynamicSupervisor, StopError};
pub use handle::{End, SupervisorHandle, start};
pub use life::Exit;
pub use name::Name;
pub use names::{Names, NoSuchActor, Restarted};
pub use outline::{Outline, picture, restart_set};
pub use specification::{
    ChildKind, ChildSpecification, DEFAULT_INTENSITY, DEFAULT_PERIOD, DEFAULT_SHUTDOWN,
    OnIntensity, Park, Restart, Shutdown, Strategy, SupervisorSpecification,
};
pub use supervisor::SupervisorMessage;
pub use tree::{ChildState, TreeNode};
pub use work::Passed;

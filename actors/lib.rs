//! The actors of a node: one file (or folder) each, with its messages on the first page. Which of them
//! are watched by whom is told in `supervisors`; what they know of documents, storage, HTTP and
//! replication is told in the libraries under `src`.

mod accepting;
pub mod address_book;
mod authentication;
pub mod authenticator;
mod background_thread;
pub mod backup_snapshots;
mod blocking;
pub mod change_feed;
pub mod configuration;
pub mod console_listener;
pub mod console_session;
pub mod database_directory;
pub mod database_updates;
pub mod designs;
pub mod documents_on_demand;
pub mod engine;
pub mod event_bus;
pub mod expiry;
pub mod hash_table;
pub mod hook_runner;
pub mod http_connection;
pub mod http_listener;
pub mod hub;
pub mod hub_client;
pub mod index_design;
pub mod index_directory;
pub mod index_engine;
pub mod indexer;
pub mod introductions;
pub mod javascript;
pub mod local_discovery;
pub mod maintenance;
pub mod merger;
mod mesh_commands;
mod mesh_diagnosis;
pub mod mesh_listener;
pub mod messages;
pub mod metered_link;
pub mod metrics;
pub mod names;
pub mod node_events;
pub mod node_identity;
pub mod node_monitor;
pub mod node_service;
pub mod outgoing_connections;
pub mod own_events;
pub mod pairing;
pub mod peer_connections;
mod peer_dial;
pub mod peer_directory;
pub mod peer_link;
pub mod port_mapping;
pub mod replication_job;
pub mod replication_scheduler;
pub mod replicator_documents;
pub mod shard;
pub mod stand_in_listener;
mod task;
pub mod task_board;
pub mod tls_listener;
pub mod tombstones;
pub mod user_databases;
mod view_tree;

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ractor::{ActorRef, Message};
use refuge_http::Failure;
pub(crate) use refuge_identity::hexadecimal;
use refuge_otp::{CallError, Names};
use tokio::sync::oneshot;

pub(crate) use blocking::blocking;

/// How long an actor is waited for; its work behind a call is short, or it answers early.
const CALL_DEADLINE: Duration = Duration::from_secs(60);

/// How long an actor's restart is waited for: an engine opens within it unless something is wrong.
const RESTART_PATIENCE: Duration = Duration::from_secs(15);
/// Between two looks at an actor that is being restarted.
const RESTART_POLL: Duration = Duration::from_millis(10);

/// What a client hears while a part of the node is being restarted.
pub(crate) fn unavailable() -> Failure {
    Failure::Unavailable("a part of the node is being restarted; try again in a moment".to_owned())
}

/// Waits for what an actor started earlier publishes: it may be in the middle of a restart.
///
/// # Errors
/// When it does not come in time.
pub(crate) async fn published<T: Send + Sync + 'static>(
    names: &Names,
    name: &str,
) -> Result<Arc<T>, Failure> {
    after_restart(|| names.value::<T>(name)).await
}

/// Waits for an actor: it may be in the middle of a restart.
///
/// # Errors
/// When it does not come in time.
pub(crate) async fn running<M: Message>(names: &Names, name: &str) -> Result<ActorRef<M>, Failure> {
    after_restart(|| names.lookup::<M>(name)).await
}

async fn after_restart<T>(look: impl Fn() -> Option<T>) -> Result<T, Failure> {
    let deadline = tokio::time::Instant::now() + RESTART_PATIENCE;
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if tokio::time::Instant::now() >= deadline {
            return Err(unavailable());
        }
        tokio::time::sleep(RESTART_POLL).await;
    }
}

/// Sends to whoever has the name and waits for the answer, with a deadline.
pub(crate) async fn call<M: Message, R>(
    names: &Names,
    name: &str,
    message: impl FnOnce(oneshot::Sender<R>) -> M,
) -> Result<R, Failure> {
    let (reply, answer) = oneshot::channel();
    names.cast(name, message(reply)).map_err(|error| call_failure(&error))?;
    match tokio::time::timeout(CALL_DEADLINE, answer).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) => Err(unavailable()),
        Err(_) => Err(call_failure(&CallError::Deadline)),
    }
}

/// How a call without an answer is told to clients.
pub(crate) fn call_failure(error: &CallError) -> Failure {
    match error {
        CallError::Down => unavailable(),
        CallError::Deadline => Failure::Unavailable(
            "the node took too long; whether it was done is unknown".to_owned(),
        ),
        CallError::Overloaded => Failure::Busy {
            reason: "too many writes wait; try again later".to_owned(),
            retry_after: Duration::from_secs(1),
        },
    }
}

/// What this node calls itself towards others.
pub(crate) fn own_name(names: &Names) -> String {
    names
        .value::<configuration::CurrentSettings>(names::CONFIGURATION)
        .map_or_else(String::new, |current| node_identity::own_name(&current.settings))
}

/// Milliseconds of one clock that never goes back, for actors that have to do things at the same time.
pub(crate) fn clock_ms() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

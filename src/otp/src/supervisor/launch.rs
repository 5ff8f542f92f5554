//! Starting one child and ending one child, with nothing left over.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use ractor::ActorCell;
use tokio::time::Instant;

use crate::child::{StartContext, StartError};
use crate::context::Context;
use crate::life::Life;
use crate::names::Names;
use crate::specification::{ChildSpecification, Shutdown};
use crate::supervised::adopt;
use crate::table::Place;
use crate::tree::ChildState;

/// How long a killed actor may take to be gone. A kill acts at the next await; a handler that blocks
/// longer than this is a fault, and the next incarnation is then tried all the same, to fail on the
/// names or locks that are still held rather than to hang without a word.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// Starts one incarnation of `child` at `place`. When it fails, nothing of it is left.
pub(crate) async fn launch(
    names: &Names,
    child: &ChildSpecification,
    place: Place,
    supervisor: Option<ActorCell>,
) -> Result<Arc<Life>, StartError> {
    let fallback = || (child.name.as_str().into(), child.name.as_str().into());
    let (name, path) = names.table().labels(place).unwrap_or_else(fallback);
    let context = Context { names: names.clone(), name, path };
    let context = StartContext::new(context, supervisor, place);
    // The start function itself may panic too, before it has made its future.
    let started = async { (child.start)(context.clone()).await };
    let started = match AssertUnwindSafe(started).catch_unwind().await {
        Ok(started) => started,
        Err(_) => Err(context.failed("its start function panicked".into())),
    };
    match started {
        Ok(cell) => {
            let life = names.table().life(cell.get_id());
            let life = life.unwrap_or_else(|| adopt(names, &cell, place));
            if names.table().started(place) {
                let labels = [("node", names.node().to_owned()), ("child", child.name.clone())];
                metrics::counter!("refuge_restarts_total", &labels).increment(1);
            }
            Ok(life)
        }
        Err(error) => {
            clear(names, place).await;
            Err(error)
        }
    }
}

/// Ends an incarnation in the given way and waits until nothing of it and of what it started is left.
pub(crate) async fn end(names: &Names, life: &Life, shutdown: Shutdown) {
    let path = names.table().labels(life.place()).map(|(_, path)| path).unwrap_or_default();
    names.table().set_state(life.place(), ChildState::Stopped);
    match shutdown {
        Shutdown::Kill => life.cell().kill(),
        Shutdown::Timeout(limit) => {
            life.request_stop();
            if tokio::time::timeout(limit, life.gone()).await.is_err() {
                tracing::warn!(
                    node = names.node(),
                    child = &*path,
                    ?limit,
                    "did not stop within its budget and is killed"
                );
                life.cell().kill();
            }
        }
        Shutdown::Infinity => {
            life.request_stop();
            life.gone().await;
        }
    }
    clear(names, life.place()).await;
}

/// Kills whatever still lives at a place and below it, and waits until it is gone.
pub(crate) async fn clear(names: &Names, place: Place) {
    let patience = Instant::now() + KILL_PATIENCE;
    loop {
        // A supervisor that is being killed may still bring a child to life, hence the loop.
        let left = names.table().lives_below(place);
        if left.is_empty() {
            return;
        }
        for life in &left {
            life.cell().kill();
        }
        for life in &left {
            if tokio::time::timeout_at(patience, life.gone()).await.is_err() {
                let path = names.table().labels(life.place()).map(|(_, path)| path);
                tracing::error!(
                    node = names.node(),
                    child = path.as_deref().unwrap_or_default(),
                    "still there after a kill: a handler blocks; going on without waiting longer"
                );
                return;
            }
        }
    }
}

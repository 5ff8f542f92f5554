//! The names of one node: who is registered, what values actors publish, how full their queues are,
//! and where everyone stands in the tree. Like the table of registered names in Erlang it is the one
//! thing that actors share; it belongs to the node, not to the process, so two nodes never meet in it.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ractor::{ActorCell, ActorId, ActorRef, ActorStatus, Message, RpcReplyPort};
use tokio::sync::broadcast;
use tokio::sync::mpsc::Receiver;

use crate::bounded::Gauge;
use crate::call::{CallError, call, cast};
use crate::life::{Exit, Life};
use crate::owned::OwnedNames;
use crate::shrinking::shrink;
use crate::table::Table;
use crate::tree::TreeNode;
use crate::work::{Passed, Work};

/// Enough that two cores seldom meet on one lock.
const SHARDS: usize = 16;

/// A published value and whose it is.
struct Published {
    owner: ActorCell,
    value: Arc<dyn Any + Send + Sync>,
}

/// All that is known under one name.
#[derive(Default)]
struct Entry {
    actor: Option<ActorCell>,
    published: Option<Published>,
    gauge: Option<Arc<Gauge>>,
}

impl Entry {
    fn is_empty(&self) -> bool {
        // A gauge that only the table holds counts nothing any more.
        let counted = self.gauge.as_ref().is_some_and(|gauge| Arc::strong_count(gauge) > 1);
        self.actor.is_none() && self.published.is_none() && !counted
    }
}

type Shard = RwLock<HashMap<Arc<str>, Entry>>;

struct Shared {
    node: Arc<str>,
    shards: [Shard; SHARDS],
    table: Mutex<Table>,
    /// Names that each tracked actor holds.
    owned: Mutex<HashMap<ActorId, OwnedNames>>,
    restarts: broadcast::Sender<Restarted>,
}

/// The table of names of one node; cheap to clone.
#[derive(Clone)]
pub struct Names {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Names {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Names({})", self.shared.node)
    }
}

/// An actor is being started again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restarted {
    /// Its path in the tree.
    pub path: Arc<str>,
    /// The path of the one that ended; itself, or one that it stood on.
    pub because: Arc<str>,
    /// How that one ended.
    pub reason: String,
}

/// Restarts that somebody who listens may be behind by.
const RESTARTS_HELD: usize = 256;

/// Nobody of that name is in the tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no actor called {name} is running; the tree shows the names")]
pub struct NoSuchActor {
    /// The name or path asked for.
    pub name: String,
}

impl Names {
    /// An empty table for the node with this label, which logs and metrics carry.
    #[must_use]
    pub fn new(node: impl Into<Arc<str>>) -> Self {
        let shared = Shared {
            node: node.into(),
            shards: Default::default(),
            table: Mutex::default(),
            owned: Mutex::default(),
            restarts: broadcast::Sender::new(RESTARTS_HELD),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The node's label.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.shared.node
    }

    /// Gives `actor` a name. The newest wins; the name goes when the actor does. Children of a
    /// supervisor have theirs from the start, so this is for second names.
    pub fn register<M: Message>(&self, name: &str, actor: &ActorRef<M>) {
        self.register_cell(name, actor.get_cell());
    }

    pub(crate) fn register_cell(&self, name: &str, cell: ActorCell) {
        let name = self.own(&cell, name);
        let replaced = self.change(&name, |entry| entry.actor.replace(cell));
        drop(replaced);
    }

    /// The actor that has the name and takes messages of type `M`; none once it stops.
    #[must_use]
    pub fn lookup<M: Message>(&self, name: &str) -> Option<ActorRef<M>> {
        let shard = self.shard(name).read().unwrap_or_else(PoisonError::into_inner);
        let cell = shard.get(name)?.actor.as_ref()?;
        let takes = cell.is_message_type_of::<M>() == Some(true);
        (takes && is_up(cell)).then(|| cell.clone().into())
    }

    /// Publishes a value under a name, as long as its owner lives. The newest wins.
    pub fn publish<T: Send + Sync + 'static>(&self, owner: &ActorCell, name: &str, value: Arc<T>) {
        let name = self.own(owner, name);
        let published = Published { owner: owner.clone(), value };
        let replaced = self.change(&name, |entry| entry.published.replace(published));
        drop(replaced);
    }

    /// Takes back what `owner` published under a name.
    pub fn withdraw(&self, owner: &ActorCell, name: &str) {
        let id = owner.get_id();
        let Some(name) = self.known(name) else { return };
        self.change(&name, |entry| {
            if entry.published.as_ref().is_some_and(|value| value.owner.get_id() == id) {
                entry.published = None;
            }
        });
        if let Some(names) = self.owned().get_mut(&id) {
            names.remove(&name);
        }
    }

    /// The value published under a name, if it is a `T` and its owner lives.
    #[must_use]
    pub fn value<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        let shard = self.shard(name).read().unwrap_or_else(PoisonError::into_inner);
        let published = shard.get(name)?.published.as_ref()?;
        let value = is_up(&published.owner).then(|| Arc::clone(&published.value))?;
        drop(shard);
        value.downcast().ok()
    }

    /// All values of type `T` published under names that begin with `prefix` by owners that live, in no
    /// order. It looks at every name of the node.
    #[must_use]
    pub fn values<T: Send + Sync + 'static>(&self, prefix: &str) -> Vec<(String, Arc<T>)> {
        let mut found = Vec::new();
        for shard in &self.shared.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            let below = shard.iter().filter(|(name, _)| name.starts_with(prefix));
            found.extend(below.filter_map(|(name, entry)| {
                let published = entry.published.as_ref()?;
                let value = is_up(&published.owner).then(|| Arc::clone(&published.value))?;
                Some((name.to_string(), value.downcast().ok()?))
            }));
        }
        found
    }

    /// Sends to whoever has the name, without waiting.
    ///
    /// # Errors
    /// [`CallError::Down`] when nobody has it.
    pub fn cast<M: Message>(&self, name: &str, message: M) -> Result<(), CallError> {
        cast(&self.lookup(name).ok_or(CallError::Down)?, message)
    }

    /// Sends to whoever has the name and waits for the reply, at most until `deadline` from now.
    ///
    /// # Errors
    /// As [`call`](crate::call); [`CallError::Down`] when nobody has the name.
    pub async fn call<M: Message, R: Send + 'static>(
        &self,
        name: &str,
        message: impl FnOnce(RpcReplyPort<R>) -> M,
        deadline: Duration,
    ) -> Result<R, CallError> {
        let actor = self.lookup(name).ok_or(CallError::Down)?;
        call(&actor, message, deadline).await
    }

    /// The count of messages that wait for a name.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Arc<Gauge> {
        let name = self.known(name).unwrap_or_else(|| name.into());
        self.change(&name, |entry| Arc::clone(entry.gauge.get_or_insert_default()))
    }

    /// The live tree; none before the first start. Supervisors write their part of it down as they
    /// act, so this waits for nobody, however busy.
    #[must_use]
    pub fn tree(&self) -> Option<TreeNode> {
        let root = self.table().root()?;
        self.tree_of(root)
    }

    /// Kills the actor with this name or path, worker or supervisor, wherever it is in the tree: no
    /// message is finished, no `post_stop` runs.
    ///
    /// # Errors
    /// [`NoSuchActor`] when there is none.
    pub fn kill(&self, name: &str) -> Result<(), NoSuchActor> {
        let life = self.table().find(name);
        match life {
            Some(life) => {
                life.cell().kill();
                Ok(())
            }
            None => Err(NoSuchActor { name: name.to_owned() }),
        }
    }

    /// Asks the actor with this name or path, worker or supervisor, to stop in order; a permanent one is
    /// started again by its supervisor.
    ///
    /// # Errors
    /// [`NoSuchActor`] when there is none.
    pub fn stop(&self, name: &str) -> Result<(), NoSuchActor> {
        let life = self.table().find(name);
        match life {
            Some(life) => {
                life.request_stop();
                Ok(())
            }
            None => Err(NoSuchActor { name: name.to_owned() }),
        }
    }

    /// Hears of the messages that the actor with this name or path handles from now on, over its restarts
    /// too. What finds no room among `room` that were not taken out is missed; the actor never waits.
    ///
    /// # Errors
    /// [`NoSuchActor`] when there is none.
    pub fn trace(&self, name: &str, room: usize) -> Result<Receiver<Passed>, NoSuchActor> {
        let work = self.table().work_of(name);
        let work = work.ok_or_else(|| NoSuchActor { name: name.to_owned() })?;
        Ok(work.listen(room))
    }

    /// Hears of every restart from now on; whoever is behind by many misses the oldest.
    #[must_use]
    pub fn restarts(&self) -> broadcast::Receiver<Restarted> {
        self.shared.restarts.subscribe()
    }

    pub(crate) fn tell_restart(&self, restarted: Restarted) {
        // Nobody may listen.
        let _ = self.shared.restarts.send(restarted);
    }

    pub(crate) fn work(&self, place: crate::table::Place) -> Arc<Work> {
        self.table().work(place)
    }

    /// Waits until nothing of `actor`, a child of a supervisor of this node, is left, and tells how it
    /// ended: [`Exit::Unknown`] when it was gone already.
    pub fn monitor(&self, actor: &ActorCell) -> impl Future<Output = Exit> + Send + use<> {
        let life = self.table().life(actor.get_id());
        async move {
            match life {
                Some(life) => life.gone().await,
                None => Exit::Unknown,
            }
        }
    }

    /// Sends `watcher` the message that `message` builds once nothing of `actor` is left; at once, with
    /// [`Exit::Unknown`], when that is so already.
    pub fn monitor_into<M: Message>(
        &self,
        actor: &ActorCell,
        watcher: &ActorRef<M>,
        message: impl FnOnce(Exit) -> M + Send + 'static,
    ) {
        let watcher = watcher.clone();
        let deliver = move |exit| {
            // A watcher that is gone does not mind.
            let _ = watcher.send_message(message(exit));
        };
        let life = self.table().life(actor.get_id());
        match life {
            Some(life) => life.subscribe(Box::new(deliver)),
            None => deliver(Exit::Unknown),
        }
    }

    pub(crate) fn table(&self) -> MutexGuard<'_, Table> {
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn tree_of(&self, place: crate::table::Place) -> Option<TreeNode> {
        let mailbox = |name: &str| {
            let shard = self.shard(name).read().unwrap_or_else(PoisonError::into_inner);
            shard.get(name)?.gauge.as_ref().map(|gauge| gauge.waiting())
        };
        self.table().snapshot(place, &mailbox)
    }

    /// An incarnation begins.
    pub(crate) fn enter(&self, life: &Arc<Life>) {
        self.table().enter(life);
    }

    /// An incarnation is gone: its names go, its supervisor and its monitors hear of it.
    pub(crate) fn leave(&self, life: &Life, exit: &Exit) {
        let id = life.cell().get_id();
        let owned = {
            let mut all = self.owned();
            let owned = all.remove(&id);
            shrink(&mut all);
            owned
        };
        for name in owned.into_iter().flat_map(OwnedNames::into_names) {
            self.disown(&name, id);
        }
        let watching = {
            // At one moment for all: whoever does not find it here any more finds it ended.
            let mut table = self.table();
            table.leave(life);
            life.end(exit)
        };
        watching.tell(exit);
    }

    fn disown(&self, name: &Arc<str>, id: ActorId) {
        // What is taken out is dropped after the lock: a value may do anything in its own drop.
        let taken = self.change(name, |entry| {
            let actor = entry.actor.take_if(|cell| cell.get_id() == id);
            let published = entry.published.take_if(|value| value.owner.get_id() == id);
            (actor, published)
        });
        drop(taken);
    }

    /// Notes that a name goes with an actor. Gives the name as it is kept, once for all who keep it.
    fn own(&self, cell: &ActorCell, name: &str) -> Arc<str> {
        let mut owned = self.owned();
        let names = owned.entry(cell.get_id()).or_default();
        if let Some(owned) = names.get(name) {
            return Arc::clone(owned);
        }
        let name = self.known(name).unwrap_or_else(|| name.into());
        names.add(Arc::clone(&name));
        name
    }

    /// A name as it is kept, where something is known under it.
    fn known(&self, name: &str) -> Option<Arc<str>> {
        let shard = self.shard(name).read().unwrap_or_else(PoisonError::into_inner);
        shard.get_key_value(name).map(|(name, _)| Arc::clone(name))
    }

    fn owned(&self) -> MutexGuard<'_, HashMap<ActorId, OwnedNames>> {
        self.shared.owned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard(&self, name: &str) -> &Shard {
        // Names of one kind differ in their ends: those of shards in a number.
        let end = name
            .bytes()
            .rev()
            .take(8)
            .fold(name.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let [first, rest @ ..] = &self.shared.shards;
        (end % SHARDS).checked_sub(1).and_then(|index| rest.get(index)).unwrap_or(first)
    }

    /// Changes an entry; what `change` returns is dropped by the caller, outside the lock.
    fn change<R>(&self, name: &Arc<str>, change: impl FnOnce(&mut Entry) -> R) -> R {
        let mut shard = self.shard(name).write().unwrap_or_else(PoisonError::into_inner);
        let entry = shard.entry(Arc::clone(name)).or_default();
        let result = change(entry);
        if entry.is_empty() {
            shard.remove(name);
            shrink(&mut shard);
        }
        result
    }
}

fn is_up(cell: &ActorCell) -> bool {
    cell.get_status() < ActorStatus::Draining
}

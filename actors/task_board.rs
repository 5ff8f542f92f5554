//! The board of active tasks: what runs for long tells here what it is and how far it has come, and
//! `GET /_active_tasks` shows it. No actor stands behind it: a task is a published value of the node's
//! names, so it goes with its owner, however the owner ends.

use std::sync::Arc;

use ractor::ActorCell;
use refuge_http::NODE_NAME;
use refuge_otp::Names;
use serde_json::{Map, Value};

/// What stands before a task's key in the table of names.
const PREFIX: &str = "task/";

/// A task that is put into words when somebody looks at the board.
pub trait Describe: Send + Sync {
    /// CouchDB's members, at the least `type`.
    fn members(&self) -> Map<String, Value>;
}

/// A task on the board.
struct Task {
    owner: ActorCell,
    started: u64,
    updated: u64,
    told: Arc<dyn Describe>,
}

impl Describe for Map<String, Value> {
    fn members(&self) -> Map<String, Value> {
        self.clone()
    }
}

/// Puts a task on the board, or replaces the one with this key. `task` has CouchDB's members, at the
/// least `type`; what all tasks have is put to it where it is missing: `pid` (the key), `node`,
/// `process_status`, and `started_on` and `updated_on` in seconds since 1970.
///
/// Source: <https://docs.couchdb.org/en/stable/api/server/common.html#active-tasks>
pub fn put(names: &Names, owner: &ActorCell, key: &str, task: Map<String, Value>) {
    let started = task.get("started_on").and_then(Value::as_u64);
    publish(names, owner, key, (started, Arc::new(task)));
}

/// The same for a task that is described when somebody looks; one that changes often, or of which there
/// are many.
pub fn put_described(names: &Names, owner: &ActorCell, key: &str, told: Arc<dyn Describe>) {
    publish(names, owner, key, (None, told));
}

/// Where nobody says when it began, it began when it first stood on the board.
fn publish(
    names: &Names,
    owner: &ActorCell,
    key: &str,
    (started, told): (Option<u64>, Arc<dyn Describe>),
) {
    let name = format!("{PREFIX}{key}");
    let updated = crate::now_ms() / 1000;
    let former = || names.value::<Task>(&name).map(|former| former.started);
    let started = started.or_else(former).unwrap_or(updated);
    let task = Task { owner: owner.clone(), started, updated, told };
    names.publish(owner, &name, Arc::new(task));
}

fn members(key: &str, task: &Task) -> Map<String, Value> {
    let mut members = task.told.members();
    let usual = [
        ("node", NODE_NAME.into()),
        ("pid", key.into()),
        ("process_status", "running".into()),
        ("started_on", task.started.into()),
        ("updated_on", task.updated.into()),
    ];
    for (member, value) in usual {
        members.entry(member).or_insert(value);
    }
    members
}

/// Takes a task off the board.
pub fn remove(names: &Names, key: &str) {
    let name = format!("{PREFIX}{key}");
    if let Some(task) = names.value::<Task>(&name) {
        names.withdraw(&task.owner, &name);
    }
}

/// One task on the board, by its key.
pub fn task(names: &Names, key: &str) -> Option<Map<String, Value>> {
    let task = names.value::<Task>(&format!("{PREFIX}{key}"))?;
    Some(members(key, &task))
}

/// All tasks on the board whose owners live, in the order of their keys.
pub fn tasks(names: &Names) -> Vec<Map<String, Value>> {
    let mut tasks = names.values::<Task>(PREFIX);
    tasks.sort_by(|(one, _), (other, _)| one.cmp(other));
    let key = |name: &str| name.strip_prefix(PREFIX).unwrap_or_default().to_owned();
    tasks.into_iter().map(|(name, task)| members(&key(&name), &task)).collect()
}

#[cfg(test)]
mod tests {
    use ractor::{Actor, ActorProcessingErr, ActorRef};
    use serde_json::json;

    use super::*;

    struct Owner;

    impl Actor for Owner {
        type Msg = ();
        type State = ();
        type Arguments = ();

        async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
            Ok(())
        }
    }

    fn task(kind: &str) -> Map<String, Value> {
        Map::from_iter([("type".to_owned(), kind.into())])
    }

    #[tokio::test]
    async fn a_task_is_replaced_taken_off_and_gone_with_its_owner() {
        let names = Names::new("board");
        let (owner, end) = Actor::spawn(None, Owner, ()).await.unwrap();
        let cell = owner.get_cell();
        put(&names, &cell, "b", task("replication"));
        let mut older = task("database_compaction");
        older.insert("started_on".to_owned(), 7.into());
        put(&names, &cell, "a", older);
        put(&names, &cell, "a", task("database_compaction"));
        let told = tasks(&names);
        let types: Vec<&Value> = told.iter().map(|task| &task["type"]).collect();
        assert_eq!(types, [&json!("database_compaction"), &json!("replication")]);
        assert_eq!((&told[0]["started_on"], &told[1]["pid"]), (&json!(7), &json!("b")));
        assert_eq!(super::task(&names, "a").unwrap()["started_on"], 7);
        remove(&names, "a");
        assert_eq!(tasks(&names).len(), 1);
        owner.stop(None);
        end.await.unwrap();
        assert_eq!(tasks(&names).len(), 0);
    }
}

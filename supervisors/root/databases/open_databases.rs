//! The open databases, each a temporary supervisor of its own: one that keeps failing ends alone, and
//! the directory decides when it is opened again.

use std::time::Duration;

use refuge_actors::change_feed::{ChangeFeedActor, ChangeFeedArguments};
use refuge_actors::names;
use refuge_actors::node_service::OpenDatabase;
use refuge_actors::shard::{ShardActor, ShardArguments};
use refuge_otp::{
    ChildKind, ChildSpecification, Outline, Restart, Shutdown, Strategy, SupervisorSpecification,
    supervisor, worker,
};

/// Failures of one database's actors within [`PERIOD`] before it is closed.
const INTENSITY: u32 = 5;
const PERIOD: Duration = Duration::from_secs(60);
const BUDGET: Shutdown = Shutdown::Timeout(Duration::from_millis(200));

pub(super) fn specification() -> SupervisorSpecification {
    SupervisorSpecification::dynamic(names::OPEN_DATABASES).holds(example())
}

/// One open database: its shards take writes, its change feed hears of the commits.
pub(super) fn child(open: &OpenDatabase) -> ChildSpecification {
    let name = &open.record.name;
    let shards = (0..open.record.shards).map(|number| {
        let arguments = ShardArguments {
            names: open.names.clone(),
            database: open.record.id,
            name: open.record.name.clone(),
            change_feed: open.change_feed.clone(),
            access: open.record.access,
        };
        worker::<ShardActor>(names::shard(name, number), Restart::Permanent, BUDGET, move |_| {
            arguments.clone()
        })
    });
    let feed = ChangeFeedArguments {
        names: open.names.clone(),
        database: open.record.id,
        name: name.clone(),
    };
    let specification = SupervisorSpecification::rest_for_one(names::database(name))
        .intensity(INTENSITY, PERIOD)
        .children(shards)
        .child(worker::<ChangeFeedActor>(
            names::change_feed(name),
            Restart::Permanent,
            BUDGET,
            move |_| feed.clone(),
        ));
    supervisor(specification).temporary()
}

/// What an open database looks like in the tree's picture.
fn example() -> Outline {
    let budget = Shutdown::Timeout(Duration::from_secs(1));
    let shard = Outline::worker("database/<name>/shard/<number>", Restart::Permanent, BUDGET);
    let feed = Outline::worker("database/<name>/changes", Restart::Permanent, BUDGET);
    Outline {
        kind: ChildKind::Supervisor,
        strategy: Some(Strategy::RestForOne),
        because: Some("one that keeps failing ends alone".to_owned()),
        children: vec![shard, feed],
        ..Outline::worker("database/<name>", Restart::Temporary, budget)
    }
}

//! Every kind of actor, one after the other.

use std::collections::{BTreeMap, BTreeSet};

use refuge_otp::TreeNode;

use crate::scene::{KILLS_OF_ONE_PARENT, Scene, kind};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_actor_is_killed() {
    let mut done: BTreeSet<String> = BTreeSet::new();
    loop {
        let scene = Scene::start().await;
        let mut parents: BTreeMap<String, u32> = BTreeMap::new();
        let mut killed = 0;
        while let Some((parent, name)) = next(&scene.settled().await, &done, &parents) {
            println!("killing {name}");
            scene.kill(&name).await;
            done.insert(kind(&name).to_owned());
            *parents.entry(parent).or_default() += 1;
            killed += 1;
        }
        scene.end().await;
        if killed == 0 {
            break;
        }
    }
    for expected in [
        "engine",
        "database-directory",
        "database-updates",
        "http-listener",
        "http-connection",
        "replication",
        "console-listener",
        "kernel",
        "storage",
        "node-identity",
        "event-bus",
        "metrics",
        "hook-runner",
        "peer-connections",
        "replicator-documents",
        "peer-directory",
        "node-events",
        "node-monitor",
        "peer-links",
        "link",
        "mesh-listener",
        "mesh-connection",
        "javascript",
        "designs",
        "index-engine",
        "index-directory",
        "indexers",
        "indexer",
    ] {
        assert!(done.contains(expected), "{expected} was not among {done:?}");
    }
}

/// The next actor of a kind not killed yet whose parent may lose one more, with its parent's name.
fn next(
    tree: &TreeNode,
    done: &BTreeSet<String>,
    parents: &BTreeMap<String, u32>,
) -> Option<(String, String)> {
    tree.walk()
        .filter(|parent| parents.get(&parent.name).is_none_or(|kills| *kills < KILLS_OF_ONE_PARENT))
        .flat_map(|parent| parent.children.iter().map(move |child| (parent, child)))
        // The session that asks for the tree is gone when it has been answered.
        .filter(|(_, child)| kind(&child.name) != "console-session")
        .find(|(_, child)| !done.contains(kind(&child.name)))
        .map(|(parent, child)| (parent.name.clone(), child.name.clone()))
}

//! Nodes and the nodes that they know, as their owners see them: through the console.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::{Client, Lines, Node, PATIENCE, eventually};

/// How one node is made known to another.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peering<'a> {
    /// What it is called there.
    pub name: &'a str,
    /// Where it is, when that is told.
    pub address: Option<SocketAddr>,
    /// The groups it is in.
    pub groups: &'a [&'a str],
}

impl Node {
    /// What its console tells of who it is; waits until the key is made.
    pub async fn identity(&self) -> Value {
        let console = self.console();
        eventually("the node has an identity", || async {
            let told = console.command("identity", &[]).await.ok()?;
            told.get("ok").cloned()
        })
        .await
    }

    /// Its id.
    pub async fn id(&self) -> String {
        self.identity().await["id"].as_str().expect("an id").to_owned()
    }

    /// A command about other nodes that is bound to succeed.
    pub async fn peer(&self, arguments: &[&str]) -> Value {
        let told = self.console().command("peer", arguments).await.expect("an answer");
        told.get("ok").unwrap_or_else(|| panic!("peer {arguments:?}: {told}")).clone()
    }

    /// Makes another node known to this one, as trusted.
    pub async fn trust(&self, other: &Node, peering: Peering<'_>) {
        let id = other.id().await;
        let address = peering.address.map(|address| address.to_string());
        let mut arguments = vec!["add", &id, "--name", peering.name];
        arguments.extend(address.iter().flat_map(|address| ["--address", address]));
        arguments.extend(peering.groups.iter().flat_map(|group| ["--group", group]));
        self.peer(&arguments).await;
    }

    /// What this node knows of the one that it calls `name`.
    pub async fn known(&self, name: &str) -> Option<Value> {
        let listed = self.peer(&["list"]).await;
        let peers = listed["peers"].as_array().expect("peers").clone();
        peers.into_iter().find(|peer| peer["name"] == name)
    }

    /// Waits until the one that it calls `name` is up (or is not).
    pub async fn sees(&self, name: &str, up: bool) {
        eventually(&format!("{name} is {}", if up { "up" } else { "down" }), || async {
            let known = self.known(name).await?;
            (known["up"] == up).then_some(())
        })
        .await;
    }

    /// Waits until its state of a `_replicator` document is `state`; what it tells of it then.
    pub async fn replication_is(&self, document: &str, state: &str) -> Value {
        let client = self.client();
        let path = format!("/_scheduler/docs/_replicator/{document}");
        eventually(&format!("{document} is {state}"), || async {
            let reply = client.get(&path).await;
            (reply.status == 200 && reply.json()["state"] == state).then(|| reply.json())
        })
        .await
    }
}

/// Makes two nodes known to each other, each with the other's address: `one` is called `one` there, and
/// `two` is called `two`; both are in the group `family`. Returns when both see each other.
pub async fn befriend(one: &Node, two: &Node) {
    let called = |name, node: &Node| Peering {
        name,
        address: Some(node.mesh_address()),
        groups: &["family"],
    };
    one.trust(two, called("two", two)).await;
    two.trust(one, called("one", one)).await;
    one.sees("two", true).await;
    two.sees("one", true).await;
}

/// What happens to the nodes that one knows, as it tells it.
pub struct Events(Lines);

impl Events {
    /// All events after the number `since`.
    pub async fn after(client: &Client, since: u64) -> Self {
        let path = format!("/_mesh/events?feed=continuous&heartbeat=1000&since={since}");
        let lines = client.request("GET", &path).lines().await;
        let lines = lines.unwrap_or_else(|broken| panic!("{path}: {}", broken.0));
        assert_eq!(lines.status, 200, "{path}");
        Self(lines)
    }

    /// The next event.
    pub async fn next(&mut self) -> Value {
        self.0.row().await
    }

    /// The next event of this kind that is about the node called `name`; others are passed over.
    pub async fn next_of(&mut self, kind: &str, name: &str) -> Value {
        let waiting = async {
            loop {
                let event = self.next().await;
                if event["event"] == kind && event["name"] == name {
                    return event;
                }
            }
        };
        // Heartbeats of the feed tell that the node lives, not that anything comes.
        let came = tokio::time::timeout(2 * PATIENCE, waiting).await;
        came.unwrap_or_else(|_| panic!("no {kind} of {name} came"))
    }
}

/// Lets the members of a group of nodes use a database, beside its admins.
pub async fn share(client: &Client, database: &str, group: &str) {
    let members = json!({"names": [], "roles": ["_admin", format!("group:{group}")]});
    let security = json!({"admins": {"names": [], "roles": ["_admin"]}, "members": members});
    client.put(&format!("/{database}/_security"), security).await.expect(200);
}

//! A node at work: writers, a follower, replications within and with another node, its console.

use std::collections::{BTreeMap, BTreeSet};

use refuge_otp::{ChildState, TreeNode, restart_set};
use refuge_tests::{
    Acknowledged, Client, Console, Follower, Load, Node, Options, befriend, compare, consistent,
    eventually, share,
};
use serde_json::json;

/// The database that is written to and followed.
pub const DATABASE: &str = "work";

/// The design document whose view is built there.
const INDEXED: &str = "_design/scene";

/// How often children of one supervisor are killed on one node: below every supervisor's intensity, so
/// that nothing escalates.
pub const KILLS_OF_ONE_PARENT: u32 = 2;

/// A node at work.
pub struct Scene {
    pub node: Node,
    /// The node that it is connected with, and that gets all that is written.
    pub peer: Node,
    pub load: Load,
    pub follower: Follower,
    pub console: Console,
}

impl Scene {
    /// Starts it all and waits until it is under way.
    pub async fn start() -> Self {
        let (node, peer) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
        befriend(&node, &peer).await;
        let client = node.client();
        for client in [&client, &peer.client()] {
            client.put_nothing(&format!("/{DATABASE}")).await.expect(201);
        }
        share(&peer.client(), DATABASE, "family").await;
        let target = json!({"node": "two", "db": DATABASE});
        let document = json!({"source": DATABASE, "target": target, "continuous": true});
        client.put("/_replicator/push", document).await.expect(201);
        // A feed that the other node reads keeps one of its connections open here.
        share(&client, DATABASE, "family").await;
        let source = json!({"node": "one", "db": DATABASE});
        let document = json!({"source": source, "target": "pulled", "create_target": true, "continuous": true});
        peer.client().put("/_replicator/pull", document).await.expect(201);
        let request = json!({"source": DATABASE, "target": "copy", "create_target": true, "continuous": true});
        client.post("/_replicate", request).await.expect(202);
        // An index that is kept up while all goes on.
        let views =
            json!({"all": {"map": "function (doc) { emit(doc._id, 1) }", "reduce": "_sum"}});
        client.put(&format!("/{DATABASE}/{INDEXED}"), json!({"views": views})).await.expect(201);
        client.get(&format!("/{DATABASE}/{INDEXED}/_view/all")).await.expect(200);
        let load = Load::start(node.address(), DATABASE, "load", 8);
        let follower = Follower::start(node.address(), DATABASE);
        load.advance(50).await;
        eventually("the feed is there", || async { (follower.connections() > 0).then_some(()) })
            .await;
        let console = node.console();
        Self { node, peer, load, follower, console }
    }

    /// The live tree, once the console answers (it may be among those that restart).
    pub async fn tree(&self) -> TreeNode {
        eventually("the console tells the tree", || async {
            self.lives();
            self.console.tree().await.ok()
        })
        .await
    }

    /// Waits until `more` further documents have been acknowledged.
    pub async fn advance(&self, more: u64) {
        let goal = self.load.count() + more;
        eventually("the load goes on", || async {
            self.lives();
            (self.load.count() >= goal).then_some(())
        })
        .await;
    }

    /// A node that gave up will not come back: fail at once.
    fn lives(&self) {
        assert!(!self.node.has_ended(), "the node has ended");
    }

    /// The live tree, once everything in it runs.
    pub async fn settled(&self) -> TreeNode {
        eventually("everything runs", || async {
            self.lives();
            let tree = self.console.tree().await.ok()?;
            let all = tree.walk().all(|actor| actor.state == ChildState::Running);
            all.then_some(tree)
        })
        .await
    }

    /// Kills one actor, waits until all that its death must restart run anew, and checks that nothing
    /// else did.
    pub async fn kill(&self, name: &str) {
        let before = self.settled().await;
        let Some(victim) = before.find(name) else { return };
        let (victim, connections) = (victim.name.clone(), self.follower.connections());
        let named = restart_set(&before, name);
        let told = self.console.kill(name).await;
        let is_gone = told.as_ref().is_ok_and(|told| told["error"] == "not_found");
        if is_gone && self.settled().await.find(name).is_none() {
            // A connection that came to its own end meanwhile.
            return;
        }
        assert!(
            told.as_ref().is_ok_and(|told| told.get("ok").is_some()) || touches(&named, "console"),
            "{name}: {told:?}"
        );

        eventually(&format!("all run anew that {name} takes along ({named:?})"), || async {
            let now = incarnations(&self.console.tree().await.ok()?);
            let old = incarnations(&before);
            named
                .iter()
                .all(|one| {
                    now.get(one).is_some_and(|new| new.is_some() && Some(new) != old.get(one))
                })
                .then_some(())
        })
        .await;
        self.advance(100).await;
        let after = self.settled().await;
        check(&before, &after, &named, &victim);
        let takes_http = before
            .find(name)
            .is_some_and(|node| node.walk().any(|below| is_connection(&below.name)))
            || named.iter().any(|one| {
                before
                    .find(one)
                    .is_some_and(|node| node.walk().any(|below| is_connection(&below.name)))
            });
        if !takes_http {
            assert_eq!(
                self.follower.connections(),
                connections,
                "the feed broke when {name} was killed"
            );
        }
    }

    /// Ends the load: everything acknowledged is stored and was told by the feed.
    pub async fn end(self) -> Acknowledged {
        let acknowledged = self.load.stop().await;
        self.follower.sees(&acknowledged).await;
        let client = self.node.client();
        consistent(&client, DATABASE).await;
        compare(&client, DATABASE, &acknowledged).await;
        index_is_whole(&client).await;
        self.node.sees("two", true).await;
        self.peer.sees("one", true).await;
        let there = self.peer.client();
        // The other node takes no design documents from this one: it is no admin there.
        let count = async |client: &Client, name: &str| {
            let all = client.get(&format!("/{name}")).await.expect(200).json();
            let designs = client.get(&format!("/{name}/_design_docs")).await.expect(200).json();
            let number = |value: &serde_json::Value| value.as_u64().expect("a number");
            number(&all["doc_count"]) - number(&designs["total_rows"])
        };
        // What was stored without being acknowledged is there as well.
        for name in [DATABASE, "pulled"] {
            eventually("the other node has it all", || async {
                (count(&client, DATABASE).await == count(&there, name).await).then_some(())
            })
            .await;
            compare(&there, name, &acknowledged).await;
        }
        acknowledged
    }
}

/// The view has a row for every document but its own design document, in both of its shapes.
async fn index_is_whole(client: &Client) {
    let count = client.get(&format!("/{DATABASE}")).await.expect(200).json()["doc_count"]
        .as_u64()
        .expect("a count");
    let path = format!("/{DATABASE}/{INDEXED}/_view/all");
    let rows = client.get(&format!("{path}?reduce=false&limit=0")).await.expect(200).json();
    assert_eq!(rows["total_rows"], count - 1, "{rows}");
    let sum = client.get(&path).await.expect(200).json();
    assert_eq!(sum["rows"][0]["value"], count - 1, "{sum}");
}

/// Whether this is one HTTP connection: they come and go with their clients.
pub fn is_connection(name: &str) -> bool {
    name.starts_with("http-connection/")
}

/// Whether this comes and goes by itself, or is started again by an owner with a back-off.
fn is_fleeting(name: &str) -> bool {
    let fleeting = ["console-session/", "replication/", "mesh-connection/", "link/", "indexer/"];
    is_connection(name) || fleeting.iter().any(|kind| name.starts_with(kind))
}

/// The kind of an actor: connections, sessions and jobs have names of their own each.
pub fn kind(name: &str) -> &str {
    if is_fleeting(name) { name.split('/').next().unwrap_or(name) } else { name }
}

fn touches(names: &BTreeSet<String>, word: &str) -> bool {
    names.iter().any(|name| name.starts_with(word))
}

fn incarnations(tree: &TreeNode) -> BTreeMap<String, Option<u64>> {
    tree.walk().map(|actor| (actor.name.clone(), actor.incarnation)).collect()
}

/// Whoever runs in a new incarnation is named by the specifications, or stood below one that is.
fn check(before: &TreeNode, after: &TreeNode, named: &BTreeSet<String>, victim: &str) {
    let mut allowed = named.clone();
    for name in named.iter().map(String::as_str).chain([victim]) {
        allowed.extend(
            before.find(name).into_iter().flat_map(TreeNode::walk).map(|below| below.name.clone()),
        );
    }
    let now = incarnations(after);
    for (name, incarnation) in incarnations(before) {
        if allowed.contains(&name) || is_fleeting(&name) {
            continue;
        }
        assert_eq!(
            now.get(&name),
            Some(&incarnation),
            "{name} restarted when {victim} was killed; named are {named:?}"
        );
    }
}

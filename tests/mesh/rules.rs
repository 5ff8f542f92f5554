//! What the document of a peer says of replication with it: how much of the link it takes, and that it waits
//! while the link is metered.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use refuge_tests::{Client, Node, Options, befriend, contents, eventually, share};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Writes members into the document of a peer; `null` takes one out.
async fn rule(node: &Node, peer: &str, members: Value) {
    let id = node.known(peer).await.expect("a peer")["id"].as_str().expect("an id").to_owned();
    let (client, path) = (node.client(), format!("/_peers/{id}"));
    // The node itself writes there, too: when it was last seen.
    eventually("the document is written", || async {
        let mut document = client.get(&path).await.expect(200).json();
        document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        (client.put(&path, document).await.status == 201).then_some(())
    })
    .await;
}

/// A database that the family shares.
async fn shared(client: &Client, name: &str) {
    client.put_nothing(&format!("/{name}")).await.expect(201);
    share(client, name, "family").await;
}

async fn same(one: &Client, two: &Client, name: &str) {
    eventually("both hold the same", || async {
        (contents(one, name).await == contents(two, name).await).then_some(())
    })
    .await;
}

/// 128 KB, of which packing leaves half.
fn noise() -> String {
    (0..16_000).map(|_| format!("{:08x}", rand::random::<u32>())).collect()
}

fn push(database: &str) -> Value {
    json!({"source": database, "target": {"node": "two", "db": database}, "continuous": true})
}

/// A stand-in for the system's program that tells of the link.
struct System {
    root: Arc<TempDir>,
}

impl System {
    /// It says `meter`, and notes what it was asked.
    fn saying(meter: &str) -> Self {
        let root = Arc::new(tempfile::Builder::new().prefix("refuge-").tempdir().unwrap());
        let system = Self { root };
        let (folder, program) = (system.programs(), system.programs().join("busctl"));
        fs::create_dir_all(&folder).unwrap();
        let script =
            format!("#!/bin/sh\ncd '{}'\necho \"$*\" >asked\ncat meter\n", folder.display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        system.say(meter);
        system
    }

    fn say(&self, meter: &str) {
        let (new, now) = (self.programs().join("new"), self.programs().join("meter"));
        fs::write(&new, format!("{meter}\n")).unwrap();
        fs::rename(new, now).unwrap();
    }

    fn programs(&self) -> PathBuf {
        self.root.path().join("programs")
    }

    fn options(&self) -> Options {
        let path = format!("{}:{}", self.programs().display(), std::env::var("PATH").unwrap());
        Options::mesh().environment("PATH", &path)
    }
}

/// Waits until a job waits for the link, and tells of it.
async fn waits_for_the_link(node: &Node, document: &str) {
    eventually("the replication waits for the link", || async {
        let told = node.replication_is(document, "pending").await;
        let reason = told.pointer("/info/nodes/0/reason")?.as_str()?.to_owned();
        reason.contains("the link is metered, and").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_replication_waits_while_the_link_is_metered_and_goes_on_by_itself() {
    let system = System::saying("u 1");
    let one = Node::start_under(Arc::clone(&system.root), system.options());
    let two = Node::start(Options::mesh());
    befriend(&one, &two).await;
    let (here, there) = (one.client(), two.client());
    for name in ["work", "back"] {
        shared(&here, name).await;
        shared(&there, name).await;
    }
    rule(&one, "two", json!({"metered": false})).await;
    here.put("/work/a", json!({})).await.expect(201);
    here.put("/_replicator/push", push("work")).await.expect(201);
    waits_for_the_link(&one, "push").await;
    let question = fs::read_to_string(system.programs().join("asked")).unwrap();
    assert!(question.starts_with("--system get-property org.freedesktop.NetworkManager /org/"));
    assert_eq!(there.get("/work/a").await.status, 404);
    let why = here.get("/_mesh/diagnose/two").await.expect(200).json();
    assert!(why["advice"].to_string().contains("Replication with two waits: the link"), "{why}");
    let shown = one.refuge(&["peer", "show", "two"]).output;
    assert!(shown.contains("metered links  false"), "{shown}");
    // What the other replicates with this node is for its own documents to say.
    there.put("/back/b", json!({})).await.expect(201);
    let back = json!({"source": "back", "target": {"node": "one", "db": "back"}});
    there.post("/_replicate", back).await.expect(200);

    system.say("u 4");
    same(&here, &there, "work").await;
    one.replication_is("push", "running").await;
    system.say("u 3");
    waits_for_the_link(&one, "push").await;
    here.put("/work/c", json!({})).await.expect(201);
    let jobs = here.get("/_scheduler/jobs").await.expect(200).json();
    let history = jobs["jobs"][0]["history"].as_array().unwrap().clone();
    let steps: Vec<&Value> = history.iter().take(3).map(|step| &step["type"]).collect();
    assert_eq!(steps, ["pending", "stopped", "started"], "{jobs}");
    assert!(history[0]["reason"].as_str().unwrap().contains("metered: false"), "{jobs}");
    assert_eq!(there.get("/work/c").await.status, 404);
    // The link stays as it is, and the document does not heed it any more.
    rule(&one, "two", json!({"metered": null})).await;
    same(&here, &there, "work").await;
}

#[tokio::test]
async fn where_nobody_tells_no_link_is_metered() {
    let root = Arc::new(tempfile::Builder::new().prefix("refuge-").tempdir().unwrap());
    let nothing: &Path = &root.path().join("nothing");
    let options = Options::mesh().environment("PATH", &nothing.display().to_string());
    let (one, two) = (Node::start_under(Arc::clone(&root), options), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    for node in [&one, &two] {
        shared(&node.client(), "work").await;
    }
    rule(&one, "two", json!({"metered": false})).await;
    one.client().put("/work/a", json!({})).await.expect(201);
    one.client().put("/_replicator/push", push("work")).await.expect(201);
    same(&one.client(), &two.client(), "work").await;
    // Whoever asks is replaced when it goes.
    one.console().kill("metered-link").await.expect("an answer");
    one.client().put("/work/b", json!({})).await.expect(201);
    same(&one.client(), &two.client(), "work").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_jobs_with_a_peer_share_its_bandwidth() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let (here, there) = (one.client(), two.client());
    rule(&one, "two", json!({"bandwidth": 64_000})).await;
    let names = ["a", "b", "c", "d"];
    for name in names {
        shared(&here, name).await;
        shared(&there, name).await;
        here.put(&format!("/{name}/x"), json!({"noise": noise()})).await.expect(201);
    }
    let begun = Instant::now();
    for name in names {
        here.put(&format!("/_replicator/{name}"), push(name)).await.expect(201);
    }
    for name in names {
        same(&here, &there, name).await;
    }
    // 256 KB and more at once; each by itself would be through in half of that.
    assert!(begun.elapsed() > Duration::from_millis(3_500), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_runs_follows_the_bandwidth_of_its_peer() {
    let (one, two) = (Node::start(Options::mesh()), Node::start(Options::mesh()));
    befriend(&one, &two).await;
    let (here, there) = (one.client(), two.client());
    for name in ["work", "asked"] {
        shared(&here, name).await;
        shared(&there, name).await;
        there.put(&format!("/{name}/x"), json!({"noise": noise()})).await.expect(201);
    }
    // Two minutes at least, and a test waits for one.
    rule(&one, "two", json!({"bandwidth": 500})).await;
    let pull = json!({"source": {"node": "two", "db": "work"}, "target": "work",
        "continuous": true});
    here.put("/_replicator/pull", pull).await.expect(201);
    one.replication_is("pull", "running").await;
    eventually("the document is under way", || async {
        let tasks = here.get("/_active_tasks").await.expect(200).json();
        (tasks[0]["missing_revisions_found"] == 1).then_some(())
    })
    .await;
    assert_eq!(here.get("/work/x").await.status, 404);
    rule(&one, "two", json!({"bandwidth": null})).await;
    same(&here, &there, "work").await;
    // A document that is fetched when somebody asks for it counts as well.
    rule(&one, "two", json!({"bandwidth": 20_000})).await;
    let on = r#"{"enabled": true, "nodes": "two", "timeout_ms": 30000}"#;
    here.put_text("/asked/_on_demand", on).await.expect(200);
    let begun = Instant::now();
    here.get("/asked/x").await.expect(200);
    assert!(begun.elapsed() > Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn rules_are_set_on_the_command_line() {
    let node = Node::start(Options::mesh());
    let id = refuge_tests::Certificate::rsa(2048).node_id();
    node.peer(&["add", &id, "--name", "two", "--group", "family"]).await;
    let rules = || async {
        let document = node.client().get(&format!("/_peers/{id}")).await.expect(200).json();
        assert_eq!((&document["name"], &document["groups"][0]), (&json!("two"), &json!("family")));
        json!([document["bandwidth"], document["metered"]])
    };
    for (arguments, told, then) in [
        (["bandwidth", "two", "64k"], "at 64k bytes a second", json!([64_000, null])),
        (["metered", &id, "no"], "over no metered link", json!([64_000, false])),
        (["bandwidth", "two", "none"], "as fast as it goes", json!([null, false])),
        (["metered", "two", "yes"], "over metered links too", json!([null, null])),
    ] {
        let said = node.refuge(&[&["peer"], &arguments[..]].concat());
        assert!(said.output.contains(told), "{arguments:?}: {said:?}");
        assert_eq!(rules().await, then, "{arguments:?}");
    }
    for (arguments, told) in [
        (["bandwidth", "two", "fast"], "a number of bytes a second, 1 or more"),
        (["metered", "two", "perhaps"], "possible values: yes, no"),
        (["metered", "three", "no"], "no node is known as"),
    ] {
        let said = node.refuge(&[&["peer"], &arguments[..]].concat());
        assert!(said.code != Some(0) && said.errors.contains(told), "{arguments:?}: {said:?}");
    }
    assert_eq!(rules().await, json!([null, null]));
}

#[tokio::test]
async fn rules_that_are_none_are_refused_with_what_they_should_be() {
    let node = Node::start(Options::mesh());
    let path = format!("/_peers/{}", refuge_tests::Certificate::rsa(2048).node_id());
    for (wrong, told) in [
        (json!({"bandwidth": 0}), "`bandwidth` has to be a whole number of bytes a second"),
        (json!({"bandwidth": "64 KB"}), "`bandwidth` has to be a whole number of bytes a second"),
        (json!({"metered": "no"}), "`metered` has to be true or false"),
    ] {
        let refused = node.client().put(&path, wrong.clone()).await.expect(403).json();
        assert!(refused["reason"].as_str().unwrap().contains(told), "{wrong}: {refused}");
    }
    let good = json!({"bandwidth": 64_000, "metered": false});
    node.client().put(&path, good).await.expect(201);
}

//! What the node tells of itself: `_node/…`, `_membership`; and its restart.

use refuge_tests::{Node, Options, eventually};
use serde_json::{Value, json};

use crate::{NODE, database};

#[tokio::test]
async fn it_has_a_name_and_is_alone() {
    let client = NODE.client();
    let name = client.get("/_node/_local").await.expect(200).json();
    assert_eq!(name, json!({"name": "nonode@nohost"}));
    let members = client.get("/_membership").await.expect(200).json();
    let alone = json!(["nonode@nohost"]);
    assert_eq!(members, json!({"all_nodes": alone, "cluster_nodes": alone}));
    let versions = client.get("/_node/nonode@nohost/_versions").await.expect(200).json();
    assert_eq!(versions["javascript_engine"]["name"], "quickjs");
    assert!(versions["collation_driver"]["library_version"].is_string(), "{versions}");
    assert!(versions.get("erlang").is_none(), "{versions}");
    client.get("/_node/other@host/_stats").await.error(
        404,
        "not_found",
        "no such node: other@host",
    );
    for path in ["/_node/_local", "/_node/_local/_stats", "/_node/_local/_system", "/_membership"] {
        NODE.anonymous().get(path).await.error_named(401, "unauthorized");
    }
}

/// A number of `_stats`, by its path.
async fn counted(client: &refuge_tests::Client, path: &str) -> u64 {
    let told = client.get(&format!("/_node/_local/_stats/{path}")).await.expect(200).json();
    assert_eq!(told["type"], "counter", "{told}");
    assert!(told["desc"].is_string(), "{told}");
    told["value"].as_u64().expect("a number")
}

#[tokio::test]
async fn requests_and_documents_are_counted() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let before = counted(&client, "couchdb/httpd_request_methods/PUT").await;
    for number in 0..5 {
        client.put(&format!("/a/{number}"), json!({})).await.expect(201);
    }
    client.get("/a/0").await.expect(200);
    client.get("/a/missing").await.expect(404);
    assert_eq!(counted(&client, "couchdb/httpd_request_methods/PUT").await, before + 5);
    assert_eq!(counted(&client, "couchdb/document_writes").await, 5);
    assert!(counted(&client, "couchdb/database_reads").await >= 2);
    assert_eq!(counted(&client, "couchdb/httpd_status_codes/404").await, 1);
    // The system's own may be open as well.
    assert!((1..=3).contains(&counted(&client, "couchdb/open_databases").await));
    let all = client.get("/_node/_local/_stats").await.expect(200).json();
    let time = &all["couchdb"]["request_time"];
    assert_eq!(time["type"], "histogram");
    assert!(time["value"]["n"].as_u64().is_some_and(|count| count > 8), "{time}");
    assert!(time["value"]["median"].as_f64().is_some_and(|median| median > 0.0), "{time}");
    client.get("/_node/_local/_stats/couchdb/no_such").await.error_named(404, "not_found");
}

#[tokio::test]
async fn what_is_asked_for_is_counted_as_exporters_read_it() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let documents = json!({"docs": [{"_id": "x"}, {"_id": "y", "n": 1}]});
    client.post("/a/_bulk_docs", documents).await.expect(201);
    let view = json!({"views": {"v": {"map": "function (doc) { emit(doc._id); }"}}});
    client.put("/a/_design/d", view).await.expect(201);
    client.get("/a/_design/d/_view/v").await.expect(200);
    client.post("/a/_find", json!({"selector": {"n": 1}})).await.expect(200);
    let rev = client.get("/a/x").await.json()["_rev"].clone();
    client.post("/a/_purge", json!({"x": [rev]})).await.expect(201);
    for (path, expected) in [
        ("couchdb/httpd/bulk_requests", 1),
        ("couchdb/httpd/view_reads", 1),
        ("couchdb/httpd/temporary_view_reads", 0),
        ("couchdb/httpd/clients_requesting_changes", 0),
        ("couchdb/httpd/purge_requests", 1),
        ("couchdb/document_purges/success", 1),
        ("couchdb/document_purges/failure", 0),
        ("couchdb/document_inserts", 3),
        ("mango/unindexed_queries", 1),
        ("mango/results_returned", 1),
        ("fabric/read_repairs/success", 0),
        ("couch_replicator/jobs/starts", 0),
    ] {
        assert_eq!(counted(&client, path).await, expected, "{path}");
    }
    assert!(counted(&client, "couchdb/auth_cache_hits").await > 5);
    assert!(counted(&client, "couchdb/auth_cache_misses").await >= 1);
    assert!(counted(&client, "couch_log/level/info").await >= 1);
    let jobs = client.get("/_node/_local/_stats/couch_replicator/jobs/running").await.json();
    assert_eq!((&jobs["type"], &jobs["value"]), (&json!("gauge"), &json!(0)));
}

#[tokio::test]
async fn a_feed_that_waits_is_a_client_that_requests_changes() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let feed = client.request("GET", "/a/_changes?feed=longpoll&since=now");
    let wait = feed.send();
    let look = async {
        let path = "couchdb/httpd/clients_requesting_changes";
        eventually("the feed is counted", || async {
            (counted(&node.client(), path).await == 1).then_some(())
        })
        .await;
        client.put("/a/x", json!({})).await.expect(201);
    };
    tokio::join!(wait, look);
    assert_eq!(counted(&client, "couchdb/httpd/clients_requesting_changes").await, 0);
}

#[tokio::test]
async fn prometheus_reads_couchdbs_names_and_ours() {
    let (client, path) = database("prometheus").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    let reply = client.get("/_node/_local/_prometheus").await.expect(200);
    assert!(reply.header("content-type").starts_with("text/plain; version="));
    let text = reply.text();
    for line in [
        "# TYPE couchdb_httpd_requests_total counter",
        "couchdb_httpd_request_methods{method=\"GET\"} ",
        "couchdb_httpd_status_codes{code=\"201\"} ",
        "couchdb_mango_unindexed_queries_total ",
        "# TYPE couchdb_couch_replicator_jobs_running gauge",
        "couchdb_couch_log_level{level=\"info\"} ",
        "couchdb_request_time_seconds{quantile=\"0.99\"} ",
        "refuge_http_requests_total{method=\"PUT\"} ",
        "refuge_commit_group_operations_count ",
        "refuge_mailbox_messages{actor=\"database/shard\"} ",
        "refuge_open_databases ",
        "refuge_resident_bytes ",
        "refuge_storage_oldest_snapshot_seconds ",
    ] {
        assert!(text.lines().any(|told| told.starts_with(line)), "{line} is not in\n{text}");
    }
    assert!(!text.contains("node="), "each node tells its own alone");
}

#[tokio::test]
async fn the_system_tells_of_memory_and_actors() {
    let told = NODE.client().get("/_node/_local/_system").await.expect(200).json();
    assert!(told["memory"]["resident"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{told}");
    assert!(told["process_count"].as_u64().is_some_and(|actors| actors > 20), "{told}");
    assert!(told["uptime"].is_u64() && told["message_queues"].is_object(), "{told}");
}

#[tokio::test]
async fn a_restart_keeps_the_address_and_the_data() {
    let node = Node::start(Options::default());
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put("/a/b", json!({"c": 1})).await.expect(201);
    let incarnation = || async {
        let tree = node.console().tree().await.ok()?;
        tree.find("engine")?.incarnation
    };
    let before = incarnation().await.expect("an engine");
    node.anonymous()
        .post("/_node/_local/_restart", json!({}))
        .await
        .error_named(401, "unauthorized");
    client.get("/_node/_local/_restart").await.error_named(405, "method_not_allowed");
    let told = client.post("/_node/_local/_restart", json!({})).await.expect(200).json();
    assert_eq!(told, json!({"ok": true}));
    eventually("the engine is another one", || async {
        incarnation().await.filter(|now| *now != before)
    })
    .await;
    let document: Value = eventually("the document is there", || async {
        let reply = node.client().request("GET", "/a/b").try_send().await.ok()?;
        (reply.status == 200).then(|| reply.json())
    })
    .await;
    assert_eq!(document["c"], 1);
    assert!(!node.has_ended());
}

//! `_all_dbs` and `_dbs_info`: ranges of databases, and some by name.

use refuge_tests::{Client, Node, Options};
use serde_json::{Value, json};

async fn five() -> (Node, Client) {
    let node = Node::start(Options::default());
    let client = node.client();
    for name in ["a", "b", "b%2Fx", "c", "d"] {
        client.put_nothing(&format!("/{name}")).await.expect(201);
    }
    (node, client)
}

#[tokio::test]
async fn all_databases_in_both_directions_and_in_parts() {
    let (_node, client) = five().await;
    let names = |query: &'static str| {
        let client = client.clone();
        async move { client.get(&format!("/_all_dbs{query}")).await.expect(200).json() }
    };
    let system = json!(["_peers", "_replicator"]);
    assert_eq!(names("?endkey=%22a%22&inclusive_end=false").await, system);
    assert_eq!(names("?startkey=%22a%22").await, json!(["a", "b", "b/x", "c", "d"]));
    assert_eq!(names("?descending=true&limit=2").await, json!(["d", "c"]));
    assert_eq!(names("?startkey=%22a%22&skip=1&limit=2").await, json!(["b", "b/x"]));
    assert_eq!(names("?startkey=%22b%22&endkey=%22c%22").await, json!(["b", "b/x", "c"]));
    assert_eq!(
        names("?start_key=%22b%22&end_key=%22c%22&inclusive_end=false").await,
        json!(["b", "b/x"])
    );
    assert_eq!(
        names("?startkey=%22c%22&endkey=%22a%22&descending=true").await,
        json!(["c", "b/x", "b", "a"])
    );
    assert_eq!(names("?startkey=%22c%22&endkey=%22a%22").await, json!([]));
    assert_eq!(names("?limit=0").await, json!([]));
    client.get("/_all_dbs?limit=x").await.error_named(400, "query_parse_error");
}

#[tokio::test]
async fn information_of_a_range_is_that_of_each_database() {
    let (node, client) = five().await;
    client.put("/b/doc", json!({})).await.expect(201);
    let told = client.get("/_dbs_info?startkey=%22b%22&limit=2").await.expect(200).json();
    let alone = client.get("/b").await.expect(200).json();
    assert_eq!(told[0], json!({"key": "b", "info": alone}));
    assert_eq!((&told[1]["key"], &told[1]["info"]["db_name"]), (&json!("b/x"), &json!("b/x")));
    assert_eq!(told.as_array().map(Vec::len), Some(2));
    node.anonymous().get("/_dbs_info").await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn information_of_databases_by_name() {
    let (_node, client) = five().await;
    let ask = |body: Value| {
        let client = client.clone();
        async move { client.post("/_dbs_info", body).await }
    };
    let told = ask(json!({"keys": ["c", "none", "a", "No Name"]})).await.expect(200).json();
    assert_eq!(told[0]["info"]["doc_count"], 0);
    assert_eq!(told[1], json!({"key": "none", "error": "not_found"}));
    assert_eq!((&told[2]["key"], &told[3]["error"]), (&json!("a"), &json!("not_found")));
    ask(json!({})).await.error(400, "bad_request", "`keys` member must exist.");
    let many: Vec<String> = (0..101).map(|number| format!("n{number}")).collect();
    ask(json!({"keys": many})).await.error_named(400, "bad_request");
    client.delete("/_dbs_info").await.error_named(405, "method_not_allowed");
}

#[tokio::test]
async fn who_is_no_admin_asks_for_so_many_databases_at_a_time() {
    let options = Options::default()
        .set("http.admin_only_all_dbs=false")
        .set("limits.max_db_number_for_dbs_info_req=3");
    let node = Node::start(options);
    for name in ["a", "b"] {
        node.client().put_nothing(&format!("/{name}")).await.expect(201);
    }
    let anybody = node.anonymous();
    for query in ["", "?limit=4"] {
        let told = anybody.get(&format!("/_dbs_info{query}")).await;
        told.error_named(400, "bad_request");
        assert!(told.text().contains("limit"), "{}", told.text());
    }
    for query in ["startkey=%22a%22", "startkey=%22a%22&limit=3"] {
        let told = anybody.get(&format!("/_dbs_info?{query}")).await.expect(200).json();
        assert_eq!(told.as_array().map(Vec::len), Some(2), "{told}");
    }
    let all = node.client().get("/_dbs_info").await.expect(200).json();
    assert_eq!(all.as_array().map(Vec::len), Some(4), "{all}");
}

#[tokio::test]
async fn a_list_of_information_opens_no_database() {
    let node = Node::start(Options::default().set("databases.idle_seconds=1"));
    let client = node.client();
    client.put_nothing("/quiet").await.expect(201);
    let told = client.get("/_dbs_info").await.expect(200).json();
    assert!(told.as_array().expect("rows").iter().any(|row| row["key"] == "quiet"), "{told}");
    let tree = node.console().tree().await.expect("a tree");
    assert!(tree.find("database/quiet").is_none());
}

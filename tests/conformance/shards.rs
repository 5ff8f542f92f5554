//! How a database is divided, and what is set for it as a whole.

use refuge_tests::database_name;
use serde_json::json;

use crate::{NODE, database};

#[tokio::test]
async fn a_database_has_as_many_shards_as_were_asked_for() {
    let client = NODE.client();
    let path = format!("/{}", database_name("shards"));
    client.put_nothing(&format!("{path}?q=4&n=1")).await.expect(201);
    assert_eq!(client.get(&path).await.json()["cluster"], json!({"q": 4, "n": 1, "w": 1, "r": 1}));
    let shards = client.get(&format!("{path}/_shards")).await.expect(200).json();
    let ranges: Vec<&String> = shards["shards"].as_object().unwrap().keys().collect();
    assert_eq!(
        ranges,
        ["00000000-3fffffff", "40000000-7fffffff", "80000000-bfffffff", "c0000000-ffffffff"]
    );
    assert_eq!(shards["shards"]["00000000-3fffffff"], json!(["nonode@nohost"]));
    for number in 0..50 {
        client.put(&format!("{path}/d{number}"), json!({})).await.expect(201);
    }
    assert_eq!(client.get(&format!("{path}/_all_docs?limit=0")).await.json()["total_rows"], 50);
    let one = client.get(&format!("{path}/_shards/d1")).await.expect(200).json();
    assert_eq!(one["nodes"], json!(["nonode@nohost"]));
    assert!(ranges.iter().any(|range| one["range"] == range.as_str()), "{one}");
    let synchronised = client.request("POST", &format!("{path}/_sync_shards")).send().await;
    assert_eq!(synchronised.expect(202).json(), json!({"ok": true}));
}

#[tokio::test]
async fn numbers_of_shards_without_sense_are_refused() {
    let client = NODE.client();
    let path = format!("/{}", database_name("senseless"));
    for query in ["q=0", "q=-1", "q=x", "n=0", "q=65", "q=99999999"] {
        client.put_nothing(&format!("{path}?{query}")).await.error_named(400, "bad_request");
    }
    client.get(&path).await.expect(404);
    client.put_nothing(&format!("{path}?partitioned=maybe")).await.error(
        400,
        "bad_request",
        "Invalid `partitioned` parameter",
    );
}

#[tokio::test]
async fn the_limit_of_revisions_is_in_force_at_once() {
    let (client, path) = database("limit").await;
    let limit = format!("{path}/_revs_limit");
    assert_eq!(client.get(&limit).await.expect(200).text(), "1000\n");
    let doc = format!("{path}/a");
    let grow = async |times: usize| {
        for _ in 0..times {
            let now = client.get(&doc).await.json();
            let body = json!({"_rev": now["_rev"]});
            client.put(&doc, body).await.expect(201);
        }
        let told = client.get(&format!("{doc}?revs=true")).await.json();
        told["_revisions"]["ids"].as_array().unwrap().len()
    };
    client.put(&doc, json!({})).await.expect(201);
    assert_eq!(grow(4).await, 5);
    assert_eq!(client.put_text(&limit, "2").await.expect(200).json(), json!({"ok": true}));
    assert_eq!(client.get(&limit).await.text(), "2\n");
    assert_eq!(grow(1).await, 2);
    client.put_text(&limit, "4").await.expect(200);
    assert_eq!(grow(5).await, 4);
    for senseless in ["0", "-1", "1.5", "\"2\"", "{}", "null", "99999999999"] {
        client.put_text(&limit, senseless).await.error_named(400, "bad_request");
    }
    assert_eq!(client.get(&limit).await.text(), "4\n");
    client.post(&limit, json!(1)).await.error_named(405, "method_not_allowed");
}

#[tokio::test]
async fn only_admins_set_the_limit_of_revisions() {
    let (client, path) = database("member").await;
    client.put(&format!("{path}/_security"), json!({})).await.expect(200);
    let anybody = NODE.anonymous();
    let refused = anybody.put_text(&format!("{path}/_revs_limit"), "5").await;
    refused.error_named(401, "unauthorized");
    assert_eq!(client.get(&format!("{path}/_revs_limit")).await.text(), "1000\n");
}

//! Tombstones that are purged after their time, and readers that come too late for them.

use refuge_tests::{Client, Node, Options, consistent, eventually};
use serde_json::json;

use crate::{database, ids};

/// 0.6 s.
const MOMENTS: f64 = 0.000_007;

async fn deleted(client: &Client, path: &str, id: &str) {
    let document = format!("{path}/{id}");
    let rev = client.put(&document, json!({})).await.expect(201).member("rev");
    client.delete(&format!("{document}?rev={rev}")).await.expect(200);
}

async fn purged(client: &Client, path: &str) {
    eventually("the tombstones are purged", || async {
        let information = client.get(path).await.expect(200).json();
        (information["doc_del_count"] == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_tombstone_is_purged_after_its_time_and_old_checkpoints_hear_of_it() {
    let (client, path) = database("tombstones").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    let early = client.get(&path).await.expect(200).member("update_seq");
    deleted(&client, &path, "x").await;
    for id in ["b", "c"] {
        client.put(&format!("{path}/{id}"), json!({})).await.expect(201);
    }
    let late = client.get(&path).await.expect(200).member("update_seq");
    let options = json!({"tombstone_days": MOMENTS});
    client.put(&format!("{path}/_options"), options).await.expect(200);
    purged(&client, &path).await;

    client.get(&format!("{path}/x")).await.error(404, "not_found", "missing");
    let asked = format!("{path}/_changes?since={early}");
    client.get(&asked).await.error_named(409, "checkpoint_too_old");
    let feed = format!("{asked}&feed=continuous&timeout=1000");
    client.get(&feed).await.error_named(409, "checkpoint_too_old");
    client.get(&format!("{path}/_changes?since={late}")).await.expect(200);
    client.get(&format!("{path}/_changes?since=now")).await.expect(200);
    let all = client.get(&format!("{path}/_changes?since=0")).await.expect(200).json();
    assert_eq!(ids(&all), ["a", "b", "c"]);
    // Who begins anew comes through in pages.
    let (mut since, mut told) = ("0".to_owned(), Vec::new());
    loop {
        let asked = format!("{path}/_changes?limit=1&since={since}");
        let page = client.get(&asked).await.expect(200).json();
        since = page["last_seq"].as_str().unwrap().to_owned();
        if ids(&page).is_empty() {
            break;
        }
        told.extend(ids(&page));
    }
    assert_eq!(told, ["a", "b", "c"]);
    consistent(&client, &path[1..]).await;
}

#[tokio::test]
async fn tombstones_are_kept_for_ever_unless_somebody_says_otherwise() {
    let node = Node::start(Options::default().set("databases.tombstone_days=1"));
    let client = node.client();
    for name in ["/kept", "/purged"] {
        client.put_nothing(name).await.expect(201);
        deleted(&client, name, "x").await;
    }
    client.put("/purged/_options", json!({"tombstone_days": MOMENTS})).await.expect(200);
    client.put("/kept/_options", json!({"tombstone_days": 0})).await.expect(200);
    purged(&client, "/purged").await;
    assert_eq!(client.get("/kept").await.expect(200).json()["doc_del_count"], 1);
}

#[tokio::test]
async fn a_document_that_came_back_stays() {
    let (client, path) = database("tombstones").await;
    deleted(&client, &path, "back").await;
    client.put(&format!("{path}/back"), json!({"again": true})).await.expect(201);
    deleted(&client, &path, "x").await;
    let options = json!({"tombstone_days": MOMENTS});
    client.put(&format!("{path}/_options"), options).await.expect(200);
    purged(&client, &path).await;
    let document = client.get(&format!("{path}/back?revs=true")).await.expect(200).json();
    assert_eq!(document["_revisions"]["start"], 3);
    consistent(&client, &path[1..]).await;
}

//! SIGKILL in the middle of a load: nothing acknowledged is lost, and what is there is consistent.

use std::sync::Arc;

use refuge_tests::{Acknowledged, Load, Node, Options, cities, compare, consistent, contents};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::load;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_cities_are_loaded() {
    let cities = cities().await;
    let mut node = Node::start(Options::default());
    node.client().put_nothing("/cities").await.expect(201);
    let bulks = Arc::new(Semaphore::new(0));
    let told = bulks.clone();
    let loading = {
        let (address, cities) = (node.address(), cities.clone());
        tokio::spawn(
            async move { load(address, "cities", &cities, move || told.add_permits(1)).await },
        )
    };
    let single = Load::start(node.address(), "cities", "single", 8);
    // A good part is in; four bulks and eight single writes are under way.
    bulks.acquire_many(40).await.unwrap().forget();
    node.kill_hard();
    let mut acknowledged = loading.await.unwrap();
    acknowledged.extend(single.stop().await);
    assert!(
        acknowledged.len() >= 40_000 && acknowledged.len() < cities.len(),
        "{}",
        acknowledged.len()
    );

    node.restart();
    let client = node.client();
    consistent(&client, "cities").await;
    compare(&client, "cities", &acknowledged).await;
    // The load goes on where it was: what is there already answers conflict, all else goes in.
    for bulk in cities.chunks(5000) {
        let body = format!("{{\"docs\":[{}]}}", bulk.join(","));
        client.post_text("/cities/_bulk_docs", body).await.expect(201);
    }
    consistent(&client, "cities").await;
    let contents = contents(&client, "cities").await;
    assert_eq!(contents.keys().filter(|id| !id.starts_with("single")).count(), cities.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_again_and_again() {
    let mut node = Node::start(Options::default());
    node.client().put_nothing("/a").await.expect(201);
    let mut acknowledged = Acknowledged::new();
    for round in 0..6 {
        let load = Load::start(node.address(), "a", &format!("round-{round}"), 16);
        load.advance(200 + 150 * round).await;
        node.kill_hard();
        acknowledged.extend(load.stop().await);
        node.check();
        node.restart();
        consistent(&node.client(), "a").await;
        compare(&node.client(), "a", &acknowledged).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_databases_come_and_go() {
    let mut node = Node::start(Options::default());
    for round in 0..3 {
        let client = node.client();
        for name in ["kept", "removed", "again"] {
            let name = format!("{name}-{round}");
            client.put_nothing(&format!("/{name}")).await.expect(201);
            client.put(&format!("/{name}/a"), json!({"round": round})).await.expect(201);
        }
        client.delete(&format!("/removed-{round}")).await.expect(200);
        client.delete(&format!("/again-{round}")).await.expect(200);
        client.put_nothing(&format!("/again-{round}")).await.expect(201);
        node.kill_hard();
        node.check();
        node.restart();
        let client = node.client();
        let all = client.get("/_all_dbs").await.expect(200).json();
        let of_users = all.as_array().unwrap().iter();
        let of_users = of_users.filter(|name| !name.as_str().unwrap().starts_with('_'));
        assert_eq!(of_users.count(), 2 * (round + 1), "{all}");
        assert_eq!(
            client.get(&format!("/kept-{round}/a")).await.expect(200).json()["round"],
            round
        );
        assert_eq!(client.get(&format!("/again-{round}")).await.expect(200).json()["doc_count"], 0);
        client.get(&format!("/removed-{round}")).await.expect(404);
        consistent(&client, &format!("again-{round}")).await;
    }
}

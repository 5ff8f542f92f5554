//! A disk that fills up under a node: writes are refused in time, reads go on, nothing that was
//! acknowledged is lost, and all goes on by itself once there is room again.

use refuge_tests::{Load, Options, compare, consistent, eventually};
use serde_json::json;

use crate::disk::{Disk, entered};

const MIB: u64 = 1024 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_stop_before_the_disk_is_full_and_go_on_when_there_is_room() {
    if !entered("full_disk::writes_stop_before_the_disk_is_full_and_go_on_when_there_is_room") {
        return;
    }
    let disk = Disk::of(160);
    let mut node =
        disk.node(Options::default().set(&format!("storage.free_bytes_least={}", 48 * MIB)));
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    client.put_nothing("/b").await.expect(201);
    client.put("/a/read", json!({"number": 1})).await.expect(201);
    let load = Load::start(node.address(), "a", "load", 8);
    load.advance(500).await;
    disk.fill(47 * MIB);
    eventually("writes are refused", || async {
        (client.post("/a", json!({})).await.status == 507).then_some(())
    })
    .await;
    let refused = client.put("/a/late", json!({})).await;
    refused.error_named(507, "insufficient_storage");
    assert!(refused.text().contains("make room"), "{}", refused.text());
    client.post("/a/_bulk_docs", json!({"docs": [{}]})).await.expect(507);
    client.put("/a/_local/x", json!({})).await.expect(507);
    client.put("/a/_security", json!({})).await.expect(507);
    client.put_nothing("/c").await.expect(507);
    assert_eq!(client.get("/_up").await.expect(200).json()["disk"], "nearly_full");
    assert_eq!(client.get("/a/read").await.expect(200).json()["number"], 1);
    client.delete("/b").await.expect(200);
    client.get("/b").await.expect(404);

    disk.empty();
    load.advance(500).await;
    assert_eq!(client.get("/_up").await.expect(200).json().get("disk"), None);
    let acknowledged = load.stop().await;
    consistent(&client, "a").await;
    compare(&client, "a", &acknowledged).await;
    node.restart();
    consistent(&node.client(), "a").await;
    compare(&node.client(), "a", &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_a_node_reads_and_refuses_and_starts() {
    if !entered("full_disk::on_a_full_disk_a_node_reads_and_refuses_and_starts") {
        return;
    }
    let disk = Disk::of(160);
    let options = Options::default().set(&format!("storage.free_bytes_least={}", 32 * MIB));
    let mut node = disk.node(options);
    let client = node.client();
    client.put_nothing("/a").await.expect(201);
    let load = Load::start(node.address(), "a", "load", 8);
    load.advance(500).await;
    disk.fill(4 * MIB);
    eventually("nothing is written any more", || async {
        (client.delete("/none").await.status == 507).then_some(())
    })
    .await;
    disk.fill(0);
    let acknowledged = load.stop().await;
    // Not even what gives room back is written: the engine stays as it is.
    for _ in 0..2 {
        let client = node.client();
        consistent(&client, "a").await;
        compare(&client, "a", &acknowledged).await;
        // A write that was under way when the disk was filled may have failed.
        let before = node.errors().len();
        client.post("/a", json!({})).await.expect(507);
        client.delete("/a").await.expect(507);
        let told = node.errors().split_off(before);
        let opened_anew = told.iter().any(|line| line.contains("is opened anew"));
        assert!(!opened_anew, "{told:#?}");
        node.kill_hard();
        node.restart();
    }
    disk.empty();
    let client = node.client();
    eventually("writes go on", || async {
        (client.put("/a/late", json!({})).await.status == 201).then_some(())
    })
    .await;
    consistent(&client, "a").await;
    compare(&client, "a", &acknowledged).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_is_full_to_the_last_byte_ends_no_node_and_loses_nothing() {
    if !entered("full_disk::a_disk_that_is_full_to_the_last_byte_ends_no_node_and_loses_nothing") {
        return;
    }
    let disk = Disk::of(160);
    // Small memory tables, so that flushes meet the full disk too; nothing is kept free.
    let options = Options::default()
        .set("storage.free_bytes_least=1")
        .set(&format!("storage.memtable_bytes={MIB}"));
    let mut node = disk.node(options);
    node.client().put_nothing("/a").await.expect(201);
    let load = Load::start(node.address(), "a", "load", 8);
    load.advance(500).await;
    for _ in 0..3 {
        disk.fill(0);
        let refused = load.refused();
        eventually("writes are refused", || async {
            disk.fill(0);
            (load.refused() > refused + 20).then_some(())
        })
        .await;
        assert!(!node.has_ended(), "{:#?}", node.errors());
        disk.empty();
        load.advance(500).await;
        assert!(!node.has_ended(), "{:#?}", node.errors());
    }
    let acknowledged = load.stop().await;
    let client = node.client();
    consistent(&client, "a").await;
    compare(&client, "a", &acknowledged).await;
    node.restart();
    consistent(&node.client(), "a").await;
    compare(&node.client(), "a", &acknowledged).await;
}

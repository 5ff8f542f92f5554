//! What a partitioned database says of itself and of a partition, and the ids that it takes.

use refuge_tests::database_name;
use serde_json::json;

use super::{filled, partitioned};
use crate::{NODE, database};

const FORM: &str = "Doc id must be of form partition:id";

#[tokio::test]
async fn a_database_says_whether_it_is_partitioned() {
    let (client, path) = partitioned("parts").await;
    assert_eq!(client.get(&path).await.json()["props"], json!({"partitioned": true}));
    let (_, plain) = database("plain").await;
    assert_eq!(client.get(&plain).await.json()["props"], json!({}));
    client.put_nothing(&format!("{plain}-b?partitioned=false&q=2")).await.expect(201);
    let both = format!("/{}", database_name("both"));
    client.put_nothing(&format!("{both}?partitioned=true&ttl=true&q=3")).await.expect(201);
    let told = client.get(&both).await.json();
    assert_eq!(told["props"], json!({"partitioned": true, "ttl": true}));
    assert_eq!(told["cluster"]["q"], 3);
    let named = [&both[1..], &plain[1..]];
    let told = client.post("/_dbs_info", json!({"keys": named})).await.expect(200).json();
    assert_eq!(told[0]["info"]["props"]["partitioned"], true);
    assert_eq!(told[1]["info"]["props"], json!({}));
    for name in ["tru", "1", "TRUE", ""] {
        let refused = client.put_nothing(&format!("{path}-x?partitioned={name}")).await;
        refused.error(400, "bad_request", "Invalid `partitioned` parameter");
    }
    for name in ["_users", "_replicator", "_global_changes", "a%2F_users"] {
        let refused = client.put_nothing(&format!("/{name}?partitioned=true")).await;
        refused.error(400, "bad_request", "Cannot partition a system database");
    }
}

#[tokio::test]
async fn options_leave_a_database_partitioned() {
    let (client, path) = partitioned("options").await;
    client.put(&format!("{path}/_options"), json!({"ttl": true})).await.expect(200);
    client.put(&format!("{path}/_security"), json!({})).await.expect(200);
    assert_eq!(client.get(&path).await.json()["props"], json!({"partitioned": true, "ttl": true}));
    client.put(&format!("{path}/a"), json!({})).await.error(400, "illegal_docid", FORM);
}

#[tokio::test]
async fn every_document_names_its_partition() {
    let (client, path) = partitioned("ids").await;
    let rev = client.put(&format!("{path}/p:a"), json!({})).await.expect(201).member("rev");
    client.put(&format!("{path}/p:a:b"), json!({})).await.expect(201);
    client.put(&format!("{path}/_design/d"), json!({})).await.expect(201);
    client.put(&format!("{path}/_local/l"), json!({})).await.expect(201);
    client.post(&path, json!({"_id": "p:c"})).await.expect(201);
    client.post(&path, json!({"_id": "_design/e"})).await.expect(201);
    let reserved = "Only reserved document ids may start with underscore.";
    for (id, error, reason) in [
        ("a", "illegal_docid", FORM),
        ("p:", "illegal_docid", "Document id must not be empty"),
        (":a", "illegal_partition", "Partition must not be empty"),
        ("_p:a", "illegal_docid", reserved),
        ("p:_a", "illegal_docid", reserved),
    ] {
        let refused = |reply: refuge_tests::Reply| reply.error(400, error, reason);
        refused(client.put(&format!("{path}/{id}"), json!({})).await);
        refused(client.put(&format!("{path}/{id}?batch=ok"), json!({})).await);
        refused(client.put(&format!("{path}/{id}?new_edits=false"), json!({"_rev": "1-a"})).await);
        refused(client.put(&format!("{path}/{id}/x.txt"), json!("x")).await);
        refused(client.post(&path, json!({"_id": id})).await);
        refused(
            client.request("COPY", &format!("{path}/p:a")).header("destination", id).send().await,
        );
        for new_edits in [true, false] {
            let documents = json!([{"_id": "p:x", "_rev": "1-a"}, {"_id": id, "_rev": "1-a"}]);
            let posted = json!({"docs": documents, "new_edits": new_edits});
            refused(client.post(&format!("{path}/_bulk_docs"), posted).await);
        }
        refused(client.post(&format!("{path}/_purge"), json!({id: [rev]})).await);
    }
    client.post(&path, json!({})).await.error(400, "illegal_docid", FORM);
    let nameless = json!({"docs": [{"n": 1}]});
    let refused = client.post(&format!("{path}/_bulk_docs"), nameless).await;
    refused.error(400, "illegal_docid", FORM);
    client.get(&format!("{path}/a")).await.error(400, "illegal_docid", FORM);
    client.get(&format!("{path}/_shards/a")).await.error(400, "illegal_docid", FORM);
    let asked = json!({"docs": [{"id": "a"}, {"id": "p:a"}]});
    let told = client.post(&format!("{path}/_bulk_get"), asked).await.expect(200).json();
    let error = &told["results"][0]["docs"][0]["error"];
    assert_eq!((&error["error"], &error["reason"]), (&json!("illegal_docid"), &json!(FORM)));
    assert_eq!(told["results"][1]["docs"][0]["ok"]["_id"], "p:a");
    assert_eq!(client.get(&path).await.json()["doc_count"], 5);
}

#[tokio::test]
async fn updates_of_functions_and_attachments_name_their_partition() {
    let (client, path) = partitioned("functions").await;
    let make = "function (doc, req) { return [{_id: req.query.id}, 'made'] }";
    client.put(&format!("{path}/_design/d"), json!({"updates": {"make": make}})).await.expect(201);
    let update = format!("{path}/_design/d/_update/make");
    client.post(&format!("{update}?id=p:a"), json!({})).await.expect(201);
    client.post(&format!("{update}?id=a"), json!({})).await.error(400, "illegal_docid", FORM);
    client.put_text(&format!("{path}/p:b/t.txt"), "text").await.expect(201);
    assert_eq!(client.get(&format!("{path}/p:b/t.txt")).await.text(), "text");
}

#[tokio::test]
async fn all_documents_of_a_partition_are_in_one_shard() {
    let client = NODE.client();
    let path = format!("/{}", database_name("together"));
    client.put_nothing(&format!("{path}?partitioned=true&q=8")).await.expect(201);
    let shard = async |id: String| {
        let told = client.get(&format!("{path}/_shards/{id}")).await.expect(200);
        told.json()["range"].as_str().expect("a range").to_owned()
    };
    let mut ranges = std::collections::BTreeSet::new();
    for partition in 0..20 {
        let first = shard(format!("p{partition}:a")).await;
        for document in 0..10 {
            assert_eq!(shard(format!("p{partition}:{document}")).await, first);
        }
        ranges.insert(first);
    }
    assert!(ranges.len() > 1, "{ranges:?}");
}

#[tokio::test]
async fn a_partition_tells_its_documents_and_sizes() {
    let (client, path) = filled("told").await;
    client.put(&format!("{path}/foo2:a"), json!({"long": "x".repeat(1000)})).await.expect(201);
    let rev = client.get(&format!("{path}/foo:00")).await.member("_rev");
    client.delete(&format!("{path}/foo:00?rev={rev}")).await.expect(200);
    let told = client.get(&format!("{path}/_partition/foo")).await.expect(200).json();
    assert_eq!(told["db_name"], path[1..]);
    assert_eq!(told["partition"], "foo");
    assert_eq!((&told["doc_count"], &told["doc_del_count"]), (&json!(19), &json!(1)));
    let size = |told: &serde_json::Value, kind: &str| told["sizes"][kind].as_u64().expect("a size");
    assert!(size(&told, "active") > 0 && size(&told, "external") > 0);
    assert_eq!(told.as_object().expect("an object").len(), 5);
    let other = client.get(&format!("{path}/_partition/foo2")).await.expect(200).json();
    assert!(size(&other, "external") > 1000 && size(&told, "external") < 1000);
    let bar = client.get(&format!("{path}/_partition/bar")).await.json();
    let whole = client.get(&path).await.json();
    for kind in ["active", "external"] {
        let all = [&told, &other, &bar].map(|one| size(one, kind)).iter().sum::<u64>();
        assert_eq!(all, size(&whole, kind), "{kind}");
    }
    let none = client.get(&format!("{path}/_partition/none")).await.expect(200).json();
    assert_eq!(none["doc_count"], 0);
    assert_eq!(none["sizes"], json!({"active": 0, "external": 0}));
}

#[tokio::test]
async fn what_is_no_partition_is_refused() {
    let (client, path) = partitioned("none").await;
    let underscore = "Partition must not start with an underscore";
    let at = |rest: &str| format!("{path}/_partition{rest}");
    client.get(&at("")).await.error(400, "bad_request", "invalid_partition_req");
    client.get(&at("/_find")).await.error(400, "illegal_partition", underscore);
    client.post(&at("/_find"), json!({})).await.error(400, "illegal_partition", underscore);
    client.get(&at("/a:b")).await.error(
        400,
        "illegal_partition",
        "Partition must not contain a colon",
    );
    client.get(&at("/_p/_all_docs")).await.error(400, "illegal_partition", underscore);
    client.put(&at("/p"), json!({})).await.error(405, "method_not_allowed", "Only GET allowed");
    client.get(&at("/p/_changes")).await.error(404, "not_found", "missing");
    client.get(&at("/p/a")).await.error(404, "not_found", "missing");
    client.get(&at("/p/_design/d")).await.error(404, "not_found", "missing");
    let refused = client.get(&at("/p/_all_docs?partition=q")).await;
    refused.error(400, "bad_request", "Conflicting value for `partition` in query string");
    client.get(&at("/p/_all_docs?partition=p")).await.expect(200);
}

#[tokio::test]
async fn a_database_without_partitions_says_so() {
    let (client, path) = database("whole").await;
    let reason = "database is not partitioned";
    for rest in ["p", "p/_all_docs", "p/_design/d/_view/v"] {
        let refused = client.get(&format!("{path}/_partition/{rest}")).await;
        refused.error(400, "bad_request", reason);
    }
    for rest in ["p/_find", "p/_explain"] {
        let asked = json!({"selector": {}});
        let refused = client.post(&format!("{path}/_partition/{rest}"), asked).await;
        refused.error(400, "bad_request", reason);
    }
    let refused = client.get(&format!("{path}/_all_docs?partition=p")).await;
    refused.error(400, "query_parse_error", "`partition` parameter is not supported on this db");
    client.put(&format!("{path}/no-partition"), json!({})).await.expect(201);
    let design = json!({"views": {}, "options": {"partitioned": true}});
    client.put(&format!("{path}/_design/d"), design).await.error(
        400,
        "invalid_design_doc",
        "partitioned option cannot be true in a non-partitioned database.",
    );
}

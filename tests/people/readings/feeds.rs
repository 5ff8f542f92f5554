//! Feeds and replications of somebody from whom a function hides documents.

use refuge_tests::Client;
use serde_json::{Value, json};

use super::{Notes, OWN, design, ids, notes};

async fn rows(client: &Client, more: &str) -> (Vec<String>, String) {
    let told = client.get(&format!("/notes/_changes{more}")).await.expect(200);
    (ids(&told, "results"), told.member("last_seq"))
}

#[tokio::test]
async fn a_feed_goes_on_behind_what_it_does_not_show() {
    let notes = notes("").await;
    let (_, begin) = rows(&notes.bob, "").await;
    for number in 0..700 {
        let owner = if number % 350 == 349 { "bob" } else { "anna" };
        notes.write(&format!("n{number:03}"), json!({"owner": owner})).await;
    }
    let (all, last) = rows(&notes.bob, "").await;
    assert_eq!(all, ["n349", "n699"]);
    let (none, again) = rows(&notes.bob, &format!("?since={last}")).await;
    assert_eq!((none.len(), &again), (0, &last));
    let (first, at) = rows(&notes.bob, &format!("?limit=1&since={begin}")).await;
    assert_eq!(first, ["n349"]);
    assert_eq!(rows(&notes.bob, &format!("?limit=1&since={at}")).await.0, ["n699"]);
    assert_eq!(rows(&notes.bob, "?descending=true&limit=1").await.0, ["n699"]);
    let by_id =
        notes.bob.post("/notes/_changes?filter=_doc_ids", json!({"doc_ids": ["n001", "n349"]}));
    assert_eq!(ids(&by_id.await.expect(200), "results"), ["n349"]);
}

#[tokio::test]
async fn what_is_hidden_wakes_nobody() {
    let notes = notes("").await;
    let path = "/notes/_changes?feed=continuous&since=now&timeout=60000&include_docs=true";
    let mut lines = notes.bob.request("GET", path).lines().await.expect("a feed");
    for number in 0..20 {
        notes.write(&format!("n{number}"), json!({"owner": "anna"})).await;
    }
    notes.write("mine", json!({"owner": "bob"})).await;
    let row = lines.row().await;
    assert_eq!((&row["id"], &row["doc"]["owner"]), (&json!("mine"), &json!("bob")), "{row}");
    // A function that is changed meanwhile counts in feeds that are open.
    notes.decide("function (doc) { if (doc.owner === 'bob') throw {forbidden: 'no more'}; }").await;
    let row = lines.row().await;
    assert_eq!(row["id"], "_design/d", "{row}");
    notes.write("also-mine", json!({"owner": "bob"})).await;
    notes.write("hers", json!({"owner": "anna"})).await;
    let row = lines.row().await;
    assert_eq!(row["id"], "hers", "{row}");
}

#[tokio::test]
async fn a_feed_that_was_opened_before_the_first_function_shows_nothing_that_it_hides() {
    for made_with in ["", "?access=true"] {
        let notes = notes(made_with).await;
        let rev = notes.admin.get("/notes/_design/d").await.member("_rev");
        notes.admin.delete(&format!("/notes/_design/d?rev={rev}")).await.expect(200);
        let of = |owner: &str| match made_with {
            "" => json!({"owner": owner}),
            _ => json!({"owner": owner, "_access": ["anna", "bob"]}),
        };
        let path = "/notes/_changes?feed=continuous&since=now&timeout=60000&include_docs=true";
        let mut lines = notes.bob.request("GET", path).lines().await.expect("a feed");
        notes.write("before", of("anna")).await;
        let row = lines.row().await;
        assert_eq!(row["id"], "before", "{row}");
        notes.admin.put("/notes/_design/d", design(OWN)).await.expect(201);
        let row = lines.row().await;
        assert_eq!(row["id"], "_design/d", "{row}");
        notes.write("hidden", of("anna")).await;
        notes.write("mine", of("bob")).await;
        let row = lines.row().await;
        assert_eq!(row["id"], "mine", "{row}");
        // And where the function leaves, all is seen again.
        let rev = notes.admin.get("/notes/_design/d").await.member("_rev");
        notes.admin.delete(&format!("/notes/_design/d?rev={rev}")).await.expect(200);
        let row = lines.row().await;
        assert_eq!((&row["id"], &row["deleted"]), (&json!("_design/d"), &json!(true)), "{row}");
        notes.write("hers", of("anna")).await;
        let row = lines.row().await;
        assert_eq!(row["id"], "hers", "{row}");
    }
}

/// A tombstone is told where the function lets it through, as it is stored.
#[tokio::test]
async fn a_deletion_is_told_where_the_function_says_so() {
    let notes = notes("").await;
    let rev = notes.write("bare", json!({"owner": "anna"})).await;
    notes.admin.delete(&format!("/notes/bare?rev={rev}")).await.expect(200);
    let rev = notes.write("owned", json!({"owner": "anna"})).await;
    let tombstone = json!({"_rev": rev, "_deleted": true, "owner": "anna"});
    notes.admin.put("/notes/owned", tombstone).await.expect(200);
    assert_eq!(rows(&notes.bob, "").await.0, ["bare"]);
    assert_eq!(rows(&notes.anna, "").await.0, ["bare", "owned"]);
    notes.decide("function (doc) { if (doc._deleted) throw {forbidden: 'gone'}; }").await;
    assert_eq!(rows(&notes.anna, "").await.0, [""; 0]);
}

/// In a database whose documents list readers, `removed` is told of what the function would show alone.
#[tokio::test]
async fn losing_access_tells_nothing_of_what_the_function_hides() {
    let notes = notes("?access=true").await;
    for (id, owner) in [("hidden", "anna"), ("shown", "bob")] {
        let both = json!({"_access": ["anna", "bob"], "owner": owner});
        let rev = notes.write(id, both).await;
        let one = json!({"_access": ["anna"], "owner": owner, "_rev": rev});
        notes.write(id, one).await;
    }
    // What was hidden when it was taken away tells nothing either.
    let was = json!({"_access": ["anna", "bob"], "owner": "anna"});
    let rev = notes.write("was-hidden", was).await;
    notes.write("was-hidden", json!({"_access": ["anna"], "owner": "bob", "_rev": rev})).await;
    let told = notes.bob.get("/notes/_changes").await.expect(200);
    assert_eq!(ids(&told, "results"), ["shown"], "{}", told.text());
    assert!(told.text().contains("\"removed\":true"));
}

async fn replicate(notes: &Notes, source: Value, target: &str) -> Value {
    let admin = &notes.admin;
    admin.put_nothing(&format!("/{target}")).await.expect(201);
    let job = json!({"source": source, "target": target});
    admin.post("/_replicate", job).await.expect(200).json()
}

#[tokio::test]
async fn a_replication_takes_what_its_reader_sees() {
    let notes = notes("").await;
    let file = json!({"a.bin": {"content_type": "application/octet-stream", "data": "AAAA".repeat(300_000)}});
    notes.write("annas", json!({"owner": "anna", "_attachments": file})).await;
    notes.write("bobs", json!({"owner": "bob", "_attachments": file})).await;
    notes.write("both", json!({"n": 1})).await;
    let address = notes.node.address();
    let remote = json!({"url": format!("http://{address}/notes"), "auth": {"basic": {"username": "bob", "password": "pear"}}});
    let told = replicate(&notes, remote, "remote").await;
    assert_eq!(told["ok"], true, "{told}");
    let got = notes.admin.get("/remote/_all_docs").await.expect(200);
    assert_eq!(ids(&got, "rows"), ["bobs", "both"]);
    let job = json!({"source": "notes", "target": "local",
        "user_ctx": {"name": "bob", "roles": ["staff"]}});
    notes.admin.put_nothing("/local").await.expect(201);
    notes.admin.put("/local/_security", json!({"members": {}})).await.expect(200);
    let told = notes.admin.post("/_replicate", job).await;
    let got = notes.admin.get("/local/_all_docs").await.expect(200);
    assert_eq!(ids(&got, "rows"), ["bobs", "both"], "{}", told.text());
}

//! Permissions on documents: two users, a stranger among the members, a database admin and a server admin,
//! and what each of them sees and may write.

mod feeds;
mod hidden;
mod reduced;
mod replicated;
mod taken;
mod writing;

use refuge_tests::{Client, Node, Reply};
use serde_json::{Value, json};

use crate::{make_user, node_with_users, options};

const DESIGN: &str = r#"{
    "views": {
        "rows": {"map": "function (doc) { emit(doc.kind, doc.text); }", "reduce": "_count"},
        "linked": {"map": "function (doc) { if (doc.link) { emit(doc.link, {_id: doc.link}); } }"}
    },
    "filters": {"all": "function (doc, req) { return true; }"},
    "shows": {"text": "function (doc, req) { return doc ? doc.text : 'nothing'; }"},
    "updates": {"take": "function (doc, req) { return [null, doc ? doc.text : 'nothing']; }"},
    "lists": {"texts": "function (head, req) { var row; send(JSON.stringify(head)); while (row = getRow()) { send(row.value + ';'); } }"},
    "rewrites": [{"from": "/to/*", "to": "../../*"}]
}"#;

/// Hashes of revisions that lose and win against any other of their generation.
const LOSING: &str = "00000000000000000000000000000000";
const WINNING: &str = "ffffffffffffffffffffffffffffffff";

/// A node with the database `papers`, whose documents say who may read them, and its people.
struct Papers {
    node: Node,
    /// A server admin.
    admin: Client,
    /// An admin of the database.
    dora: Client,
    /// Has the role `editors`.
    anna: Client,
    bob: Client,
    /// A member whom nobody lets read anything.
    carl: Client,
}

async fn papers() -> Papers {
    let node = node_with_users(options()).await;
    let admin = node.client();
    let anna = make_user(&node, "anna", "apple", &["editors", "staff"]).await;
    let bob = make_user(&node, "bob", "pear", &["staff"]).await;
    let carl = make_user(&node, "carl", "plum", &["staff"]).await;
    let dora = make_user(&node, "dora", "date", &[]).await;
    admin.put_nothing("/papers?access=true").await.expect(201);
    let security = json!({"admins": {"names": ["dora"]}, "members": {"roles": ["staff"]}});
    admin.put("/papers/_security", security).await.expect(200);
    admin.put_text("/papers/_design/d", DESIGN).await.expect(201);
    Papers { node, admin, dora, anna, bob, carl }
}

impl Papers {
    /// Writes a document as the server admin; its revision.
    async fn write(&self, id: &str, access: Value, text: &str) -> String {
        let document = json!({"_access": access, "kind": "paper", "text": text});
        self.admin.put(&format!("/papers/{id}"), document).await.expect(201).member("rev")
    }

    /// Stores a second revision with this hash beside what follows the first one, as a replication does.
    async fn branch(&self, id: &str, first: &str, hash: &str, mut document: Value) {
        let (_, parent) = first.split_once('-').expect("a revision");
        document["_id"] = json!(id);
        document["_rev"] = json!(format!("2-{hash}"));
        document["_revisions"] = json!({"start": 2, "ids": [hash, parent]});
        let edit = json!({"new_edits": false, "docs": [document]});
        let told = self.admin.post("/papers/_bulk_docs", edit).await.expect(201).json();
        assert_eq!(told, json!([]));
    }

    /// Ends the node and has its data checked, the indexes by reader with it.
    fn check(mut self) {
        self.node.kill_hard();
        self.node.check();
    }

    /// Writes another revision of it.
    async fn rewrite(&self, id: &str, access: Value, text: &str) -> String {
        let rev = self.admin.get(&format!("/papers/{id}")).await.expect(200).member("_rev");
        let document = json!({"_rev": rev, "_access": access, "kind": "paper", "text": text});
        self.admin.put(&format!("/papers/{id}"), document).await.expect(201).member("rev")
    }
}

/// The ids of the rows of an answer under this member, design documents left out.
fn ids(reply: &Reply, member: &str) -> Vec<String> {
    let told = reply.json();
    let rows = told[member].as_array().unwrap_or_else(|| panic!("no {member} in {told}"));
    let ids = rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned());
    ids.filter(|id| !id.starts_with("_design/")).collect()
}

#[tokio::test]
async fn a_database_is_made_for_permissions_and_tells_so() {
    let papers = papers().await;
    let Papers { admin, anna, .. } = &papers;
    assert_eq!(admin.get("/papers").await.json()["props"], json!({"access": true}));
    admin.put_nothing("/plain").await.expect(201);
    assert_eq!(admin.get("/plain").await.json()["props"], json!({}));
    let unknown = "Bad special document member: _access";
    let listed = json!({"_access": ["anna"]});
    admin.put("/plain/a", listed.clone()).await.error(400, "doc_validation", unknown);
    admin.put("/plain/_local/a", listed.clone()).await.error(400, "doc_validation", unknown);
    admin.put("/papers/_local/a", listed.clone()).await.error(400, "doc_validation", unknown);
    admin.put("/papers/_design/e", listed).await.error_named(403, "forbidden");
    admin.put_nothing("/_system?access=true").await.error_named(400, "illegal_database_name");
    admin.put_nothing("/papers2?access=yes").await.expect(400);
    for list in [
        r#"{"_access": "anna"}"#,
        r#"{"_access": [1]}"#,
        r#"{"_access": [""]}"#,
        r#"{"_access": [["anna"]]}"#,
        r#"{"_access": ["anna"], "_access": ["anna"]}"#,
        r#"{"_access": ["anna"], "\u005faccess": ["bob"]}"#,
    ] {
        admin.put_text("/papers/bad", list).await.error_named(400, "doc_validation");
    }
    anna.put_text("/papers/good", r#"{"\u005faccess": ["b", "anna", "b", "\u0061nna"]}"#)
        .await
        .expect(201);
    let shown = anna.get("/papers/good").await.expect(200).json();
    assert_eq!(shown["_access"], json!(["anna", "b"]));
    papers.check();
}

#[tokio::test]
async fn everybody_sees_what_the_documents_say() {
    let papers = papers().await;
    papers.write("a1", json!(["anna"]), "for anna").await;
    papers.write("b1", json!(["bob", "bob"]), "for bob").await;
    papers.write("both", json!(["anna", "bob"]), "for two").await;
    papers.write("edit", json!(["editors"]), "for editors").await;
    papers.write("none", json!([]), "for admins").await;
    papers.admin.put("/papers/plain", json!({"kind": "paper"})).await.expect(201);
    let Papers { node, admin, dora, anna, bob, carl } = &papers;
    let all: &[&str] = &["a1", "b1", "both", "edit", "none", "plain"];
    let table: [(&Client, &[&str]); 5] = [
        (admin, all),
        (dora, all),
        (anna, &["a1", "both", "edit"]),
        (bob, &["b1", "both"]),
        (carl, &[]),
    ];
    for (client, seen) in table {
        for id in all {
            let expected = if seen.contains(id) { 200 } else { 404 };
            client.get(&format!("/papers/{id}")).await.expect(expected);
        }
        let listed = client.get("/papers/_all_docs").await.expect(200);
        assert_eq!(ids(&listed, "rows"), seen);
        assert_eq!(listed.json()["total_rows"], seen.len() + 1, "the design document, too");
        assert_eq!(ids(&client.get("/papers/_all_docs?include_docs=true").await, "rows"), seen);
        let mut down = ids(&client.get("/papers/_all_docs?descending=true").await, "rows");
        down.reverse();
        assert_eq!(down, seen);
        assert_eq!(ids(&client.get("/papers/_changes").await, "results"), seen);
        let information = client.get("/papers").await.expect(200).json();
        assert_eq!(information["doc_count"], seen.len() + 1);
        let rows = client.get("/papers/_design/d/_view/rows?reduce=false").await.expect(200);
        let mut emitted = ids(&rows, "rows");
        emitted.sort();
        assert_eq!(emitted, seen);
        let found = client.post("/papers/_find", json!({"selector": {"kind": "paper"}})).await;
        let found = found.expect(200).json();
        assert_eq!(found["docs"].as_array().map(Vec::len), Some(seen.len()));
    }
    node.anonymous().get("/papers/a1").await.error_named(401, "unauthorized");
    papers.check();
}

#[tokio::test]
async fn a_database_that_everybody_may_enter_shows_nothing_to_who_tells_no_name() {
    let papers = papers().await;
    papers.write("a1", json!(["anna"]), "for anna").await;
    papers.admin.put("/papers/_security", json!({"members": {}})).await.expect(200);
    let anybody = papers.node.anonymous();
    anybody.get("/papers/a1").await.error(404, "not_found", "missing");
    assert_eq!(ids(&anybody.get("/papers/_all_docs").await.expect(200), "rows"), [""; 0]);
    anybody.put("/papers/x", json!({"_access": ["anna"]})).await.error_named(403, "forbidden");
    papers.anna.get("/papers/a1").await.expect(200);
}

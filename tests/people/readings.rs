//! `validate_doc_read`: a function of a design document that hides documents from readers, in databases with
//! and without lists of readers; who is asked about, what a failure does, and what may be written.

mod counts;
mod feeds;
mod locals;
mod many;
mod slow;
mod traces;

use refuge_tests::{Client, Node, Reply};
use serde_json::{Value, json};

use crate::{make_user, node_with_users, options};

/// Who reads whose documents: one's own, those of nobody, and tombstones of both.
const OWN: &str = "function (doc, userCtx, secObj) {
    if (!secObj || !userCtx.db) throw new Error('nothing to go by');
    if (doc.boom) doc.a.b.c;
    if (doc.owner !== undefined && doc.owner !== userCtx.name) throw {forbidden: 'not yours'};
}";

/// Ids of the same length, so that answers can be compared byte for byte.
const HIDDEN: &str = "hidden-document";
const ABSENT: &str = "absent-document";
const SECRET: &str = "kept-from-others";
/// Hash of a revision that loses against any other of its generation.
const LOSING: &str = "00000000000000000000000000000000";

/// A node with the database `notes`, whose design document `_design/d` has the function, and its people.
struct Notes {
    node: Node,
    /// A server admin.
    admin: Client,
    /// An admin of the database.
    dora: Client,
    anna: Client,
    bob: Client,
}

fn design(function: &str) -> Value {
    json!({
        "validate_doc_read": function,
        "views": {
            "rows": {"map": "function (doc) { emit(doc.kind, doc.text); }", "reduce": "_count"},
            "linked": {"map": "function (doc) { if (doc.link) { emit(doc.link, {_id: doc.link}); } }"}
        },
        "filters": {"all": "function (doc, req) { return true; }"},
        "shows": {"text": "function (doc, req) { return doc ? doc.text : 'nothing'; }"},
        "updates": {"take": "function (doc, req) { return [null, doc ? doc.text : 'nothing']; }"},
        "lists": {"texts": "function (head, req) { var row; send(JSON.stringify([head, req.info])); while (row = getRow()) { send(row.value + ';'); } }"},
        "rewrites": [{"from": "/to/*", "to": "../../*"}]
    })
}

/// `made_with` is the query with which the database is made.
async fn notes(made_with: &str) -> Notes {
    let node = node_with_users(options()).await;
    let admin = node.client();
    let anna = make_user(&node, "anna", "apple", &["staff"]).await;
    let bob = make_user(&node, "bob", "pear", &["staff"]).await;
    let dora = make_user(&node, "dora", "date", &[]).await;
    admin.put_nothing(&format!("/notes{made_with}")).await.expect(201);
    let security = json!({"admins": {"names": ["dora"]}, "members": {"roles": ["staff"]}});
    admin.put("/notes/_security", security).await.expect(200);
    admin.put("/notes/_design/d", design(OWN)).await.expect(201);
    Notes { node, admin, dora, anna, bob }
}

impl Notes {
    /// Writes a document as the server admin; its revision.
    async fn write(&self, id: &str, document: Value) -> String {
        self.admin.put(&format!("/notes/{id}"), document).await.expect(201).member("rev")
    }

    /// Stores a second revision that loses beside what follows the first one, as a replication does.
    async fn branch(&self, id: &str, first: &str, mut document: Value) {
        let (_, parent) = first.split_once('-').expect("a revision");
        document["_id"] = json!(id);
        document["_rev"] = json!(format!("2-{LOSING}"));
        document["_revisions"] = json!({"start": 2, "ids": [LOSING, parent]});
        let edit = json!({"new_edits": false, "docs": [document]});
        let told = self.admin.post("/notes/_bulk_docs", edit).await.expect(201).json();
        assert_eq!(told, json!([]));
    }

    /// Puts another function into the design document.
    async fn decide(&self, function: &str) {
        let mut document = design(function);
        document["_rev"] = json!(self.admin.get("/notes/_design/d").await.member("_rev"));
        self.admin.put("/notes/_design/d", document).await.expect(201);
    }
}

/// The ids of the rows of an answer under this member, design documents left out.
fn ids(reply: &Reply, member: &str) -> Vec<String> {
    let told = reply.json();
    let rows = told[member].as_array().unwrap_or_else(|| panic!("no {member} in {told}"));
    let ids = rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned());
    ids.filter(|id| !id.starts_with("_design/")).collect()
}

/// The ids that somebody sees of `notes`, in every list alike.
async fn seen(client: &Client) -> Vec<String> {
    let listed = ids(&client.get("/notes/_all_docs").await.expect(200), "rows");
    let with = client.get("/notes/_all_docs?include_docs=true").await.expect(200);
    assert_eq!(ids(&with, "rows"), listed);
    let mut down = ids(&client.get("/notes/_all_docs?descending=true").await, "rows");
    down.reverse();
    assert_eq!(down, listed);
    for path in ["_changes", "_changes?include_docs=true", "_changes?descending=true"] {
        let mut changed = ids(&client.get(&format!("/notes/{path}")).await.expect(200), "results");
        changed.sort();
        assert_eq!(changed, listed, "{path}");
    }
    let rows = client.get("/notes/_design/d/_view/rows?reduce=false").await.expect(200);
    let mut emitted = ids(&rows, "rows");
    emitted.sort();
    assert_eq!(emitted, listed);
    let found = client
        .post("/notes/_find", json!({"selector": {}, "fields": ["_id"], "limit": 1000}))
        .await;
    let found = found.expect(200).json();
    let found = found["docs"].as_array().expect("documents").iter();
    let found: Vec<String> = found.map(|one| one["_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, listed);
    for id in &listed {
        client.get(&format!("/notes/{id}")).await.expect(200);
    }
    listed
}

#[tokio::test]
async fn everybody_sees_what_the_function_lets_through() {
    let notes = notes("").await;
    for owner in ["anna", "bob"] {
        notes.write(&format!("of-{owner}"), json!({"owner": owner, "text": owner})).await;
    }
    notes.write("of-nobody", json!({"text": "for all"})).await;
    let all = ["of-anna", "of-bob", "of-nobody"];
    assert_eq!(seen(&notes.admin).await, all);
    assert_eq!(seen(&notes.dora).await, all, "admins of the database are not asked about");
    assert_eq!(seen(&notes.anna).await, ["of-anna", "of-nobody"]);
    assert_eq!(seen(&notes.bob).await, ["of-bob", "of-nobody"]);
    notes.admin.put("/notes/_security", json!({"members": {}})).await.expect(200);
    let anybody = notes.node.anonymous();
    assert_eq!(seen(&anybody).await, ["of-nobody"]);
    anybody.get("/notes/of-anna").await.error(404, "not_found", "missing");

    // A change of the function counts at once, and so does its end.
    notes.decide("function (doc, user) { if (!user.name) throw {unauthorized: 'who?'}; }").await;
    assert_eq!(seen(&notes.bob).await, all);
    assert_eq!(seen(&anybody).await, [""; 0]);
    let rev = notes.admin.get("/notes/_design/d").await.member("_rev");
    notes.admin.delete(&format!("/notes/_design/d?rev={rev}")).await.expect(200);
    let rows = anybody.get("/notes/_all_docs").await.expect(200);
    assert_eq!((ids(&rows, "rows").len(), &rows.json()["total_rows"]), (3, &json!(3)));
}

#[tokio::test]
async fn all_functions_have_to_let_a_document_through() {
    let notes = notes("").await;
    notes.write("a", json!({"owner": "anna", "sealed": true})).await;
    notes.write("b", json!({"owner": "anna"})).await;
    let sealed = "function (doc) { if (doc.sealed) throw {forbidden: 'sealed'}; }";
    notes.admin.put("/notes/_design/e", json!({"validate_doc_read": sealed})).await.expect(201);
    assert_eq!(seen(&notes.anna).await, ["b"]);
    assert_eq!(seen(&notes.bob).await, [""; 0]);
}

#[tokio::test]
async fn a_function_that_fails_hides() {
    let notes = notes("").await;
    notes.write("boom", json!({"owner": "bob", "boom": true})).await;
    notes.write("good", json!({"owner": "bob"})).await;
    assert_eq!(seen(&notes.bob).await, ["good"]);
    notes.bob.get("/notes/boom").await.error(404, "not_found", "missing");
    for function in [
        "function (doc) { throw 'text'; }",
        "function (doc) { throw {odd: 1}; }",
        "function (doc) { no.such.thing; }",
        "function (doc) { var a = []; for (;;) a.push(new Array(100000).join('x')); }",
    ] {
        notes.decide(function).await;
        assert_eq!(ids(&notes.bob.get("/notes/_all_docs").await.expect(200), "rows"), [""; 0]);
        notes.bob.get("/notes/good").await.error(404, "not_found", "missing");
        notes.dora.get("/notes/good").await.expect(200);
    }
    // What never ends is ended.
    notes.decide("function (doc) { for (;;); }").await;
    let all = notes.bob.get("/notes/_all_docs").await.expect(200);
    assert_eq!(ids(&all, "rows"), [""; 0]);
}

/// Nothing is known of the documents then, so that no feed and no replication may go on behind them.
#[tokio::test]
async fn a_function_that_cannot_be_asked_is_an_error_and_hides_nothing_for_good() {
    let notes = notes("").await;
    notes.write("good", json!({"owner": "bob"})).await;
    for function in ["not a function", "function ("] {
        notes.decide(function).await;
        for path in ["_all_docs", "good", "_changes"] {
            let told = notes.bob.get(&format!("/notes/{path}")).await;
            told.error_named(500, "compilation_error");
        }
        notes.dora.get("/notes/good").await.expect(200);
    }
    notes.decide(OWN).await;
    assert_eq!(seen(&notes.bob).await, ["good"]);
}

#[tokio::test]
async fn documents_on_which_a_function_meets_a_limit_hide_no_others() {
    let notes = notes("").await;
    for number in 0..8 {
        notes.write(&format!("n{number}"), json!({"loops": number % 2 == 0})).await;
    }
    notes
        .decide(
            "function (doc) {
                var a = [];
                while (doc.loops) a.push(new Array(100000).join('x'));
            }",
        )
        .await;
    for (path, member) in [("_all_docs", "rows"), ("_changes", "results")] {
        let told = notes.bob.get(&format!("/notes/{path}")).await.expect(200);
        assert_eq!(ids(&told, member), ["n1", "n3", "n5", "n7"]);
    }
}

#[tokio::test]
async fn a_hidden_tombstone_cannot_be_followed() {
    for made_with in ["", "?access=true"] {
        let notes = notes(made_with).await;
        let with = |mut document: Value| {
            if !made_with.is_empty() {
                document["_access"] = json!(["anna", "bob"]);
            }
            document
        };
        let file = json!({"note.txt": {"content_type": "text/plain", "data": "c2VjcmV0"}});
        let document = json!({"owner": "anna", "_attachments": file});
        let rev = notes.write(HIDDEN, with(document)).await;
        let stub = json!({"note.txt": {"stub": true, "content_type": "text/plain"}});
        let tombstone =
            json!({"owner": "anna", "_rev": rev, "_deleted": true, "_attachments": stub});
        let path = format!("/notes/{HIDDEN}");
        let rev = notes.admin.put(&path, with(tombstone)).await.expect(200).member("rev");
        let mine = with(json!({"owner": "bob"}));
        notes.bob.put(&path, mine.clone()).await.error_named(409, "conflict");
        let knowing = with(json!({"owner": "bob", "_rev": rev}));
        notes.bob.put(&path, knowing).await.error_named(409, "conflict");
        // As one of a document that is not there.
        let knowing = with(json!({"owner": "bob", "_rev": rev, "_attachments": stub}));
        notes.bob.put(&path, knowing).await.error_named(412, "missing_stub");
        let (_, hash) = rev.split_once('-').expect("a revision");
        let made = "ffffffffffffffffffffffffffffffff";
        let mut following = with(json!({"_id": HIDDEN, "owner": "bob", "_attachments": stub}));
        following["_rev"] = json!(format!("3-{made}"));
        following["_revisions"] = json!({"start": 3, "ids": [made, hash]});
        let edit = json!({"new_edits": false, "docs": [following]});
        let told = notes.bob.post("/notes/_bulk_docs", edit).await.expect(201).json();
        assert_eq!(told[0]["error"], "missing_stub", "{made_with} {told}");
        notes.admin.get(&path).await.error(404, "not_found", "deleted");
        // Its owner sees it, and goes on.
        notes.anna.put(&path, with(json!({"owner": "anna"}))).await.expect(201);
    }
}

#[tokio::test]
async fn a_member_that_is_no_function_is_refused() {
    let notes = notes("").await;
    for wrong in [
        json!({"validate_doc_read": 1}),
        json!({"validate_doc_read": {"newDoc": {}}}),
        json!({"validate_doc_read": ["function () {}"]}),
    ] {
        notes.admin.put("/notes/_design/e", wrong).await.error_named(400, "invalid_design_doc");
    }
    notes.bob.put("/notes/_design/e", json!({"validate_doc_read": "x"})).await.expect(403);
}

/// A function cannot answer for the next document or the next reader.
#[tokio::test]
async fn a_function_is_asked_about_each_by_itself() {
    let notes = notes("").await;
    for number in 0..200 {
        let owner = if number % 2 == 0 { "anna" } else { "bob" };
        notes.write(&format!("n{number:03}"), json!({"owner": owner})).await;
    }
    notes
        .decide(
            "function (doc, userCtx, secObj) {
                var mine = doc.owner === userCtx.name;
                userCtx.name = 'anna'; userCtx.roles.push('_admin'); secObj.admins = {};
                doc.owner = 'bob';
                if (!mine) throw {forbidden: 'not yours'};
            }",
        )
        .await;
    let (annas, bobs) = (seen(&notes.anna).await, seen(&notes.bob).await);
    assert_eq!((annas.len(), bobs.len()), (100, 100));
    assert!(annas.iter().all(|id| !bobs.contains(id)));
    // Pages, and what is passed over, are those of what is seen.
    let page = notes.bob.get("/notes/_all_docs?skip=98&limit=5&startkey=%22n%22").await.expect(200);
    assert_eq!(ids(&page, "rows"), ["n197", "n199"]);
    let page = notes.bob.get("/notes/_all_docs?limit=2&startkey=%22n100%22").await.expect(200);
    assert_eq!(ids(&page, "rows"), ["n101", "n103"]);
    let part = json!({"selector": {}, "skip": 10, "limit": 3, "fields": ["_id"]});
    let found = notes.bob.post("/notes/_find", part).await.expect(200).json();
    assert_eq!(found["docs"], json!([{"_id": "n021"}, {"_id": "n023"}, {"_id": "n025"}]));
    let next =
        json!({"selector": {}, "limit": 2, "fields": ["_id"], "bookmark": found["bookmark"]});
    let found = notes.bob.post("/notes/_find", next).await.expect(200).json();
    assert_eq!(found["docs"], json!([{"_id": "n027"}, {"_id": "n029"}]));
    let rows = notes.bob.get("/notes/_design/d/_view/rows?reduce=false&skip=50&limit=2").await;
    assert_eq!(ids(&rows, "rows"), ["n101", "n103"]);
}

#[tokio::test]
async fn a_hidden_document_cannot_be_written_and_its_attachments_not_taken() {
    for made_with in ["", "?access=true"] {
        let notes = notes(made_with).await;
        let listed = if made_with.is_empty() { json!(null) } else { json!(["anna", "bob"]) };
        let with = |mut document: Value| {
            if !listed.is_null() {
                document["_access"] = listed.clone();
            }
            document
        };
        let file = json!({"note.txt": {"content_type": "text/plain", "data": "c2VjcmV0"}});
        let hidden = with(json!({"owner": "anna", "text": SECRET, "_attachments": file}));
        let rev = notes.write(HIDDEN, hidden).await;
        let stub = json!({"note.txt": {"stub": true, "content_type": "text/plain"}});
        let path = format!("/notes/{HIDDEN}");
        let mine = with(json!({"owner": "bob"}));
        notes.bob.put(&path, mine.clone()).await.error_named(409, "conflict");
        let mut knowing = with(json!({"owner": "bob", "_rev": rev, "_attachments": stub}));
        // As one of a document that is not there.
        notes.bob.put(&path, knowing.clone()).await.error_named(412, "missing_stub");
        let told = notes.bob.delete(&format!("{path}?rev={rev}")).await;
        assert!([404, 409].contains(&told.status), "{}", told.text());
        let deleting = json!({"docs": [{"_id": HIDDEN, "_rev": rev, "_deleted": true}]});
        let told = notes.bob.post("/notes/_bulk_docs", deleting).await.expect(201).json();
        let absent = json!({"docs": [{"_id": "absent", "_rev": rev, "_deleted": true}]});
        let absent = notes.bob.post("/notes/_bulk_docs", absent).await.expect(201).json();
        assert!(["conflict", "forbidden"].contains(&told[0]["error"].as_str().unwrap()), "{told}");
        assert_eq!(told[0]["error"], absent[0]["error"], "{told} {absent}");
        // As a replication would, beside it and behind it.
        let (_, hash) = rev.split_once('-').expect("a revision");
        let other = "ffffffffffffffffffffffffffffffff";
        let revisions = [
            ("9-ffffffffffffffffffffffffffffffff".to_owned(), json!({"start": 9, "ids": [other]})),
            (format!("2-{other}"), json!({"start": 2, "ids": [other, hash]})),
        ];
        for (number, (made, path)) in revisions.into_iter().enumerate() {
            knowing["_id"] = json!(HIDDEN);
            knowing["_rev"] = json!(made);
            knowing["_revisions"] = path;
            if number == 0 {
                knowing["_attachments"] = json!({});
            } else {
                knowing["_attachments"] = stub.clone();
            }
            let edit = json!({"new_edits": false, "docs": [knowing.clone()]});
            let told = notes.bob.post("/notes/_bulk_docs", edit).await.expect(201).json();
            let expected = if number == 0 { "forbidden" } else { "missing_stub" };
            assert_eq!(told[0]["error"], expected, "{made_with} {told}");
        }
        let kept = notes.admin.get(&format!("{path}?conflicts=true")).await.expect(200).json();
        assert_eq!((&kept["_rev"], kept.get("_conflicts")), (&json!(rev), None));

        // A leaf that is hidden is no more written beside than a winner.
        let open = with(json!({"text": "open", "n": 1}));
        let first = notes.write("open", open).await;
        let second = with(json!({"text": "open", "n": 2, "_rev": first}));
        let second = notes.write("open", second).await;
        notes.branch("open", &first, with(json!({"owner": "anna", "text": SECRET}))).await;
        let third = with(json!({"text": "mine", "_rev": second}));
        notes.bob.put("/notes/open", third.clone()).await.error_named(403, "forbidden");
        notes.anna.put("/notes/open", third).await.expect(201);

        // Whoever may read may write, and a new document may be one that its writer does not see.
        notes.bob.put("/notes/new", with(json!({"owner": "anna"}))).await.expect(201);
        notes.bob.get("/notes/new").await.expect(404);
        let mine = notes.bob.put("/notes/mine", with(json!({"owner": "bob"}))).await.expect(201);
        let rev = mine.member("rev");
        notes.bob.delete(&format!("/notes/mine?rev={rev}")).await.expect(200);
        notes.anna.put("/notes/mine", with(json!({"owner": "anna"}))).await.expect(201);
    }
}

//! What is hidden may be written, changed, deleted, branched and purged: no count, place or size that somebody is told
//! who does not see it becomes another one. The time that an answer takes is another matter.

use refuge_tests::Client;
use serde_json::{Value, json};

use super::{HIDDEN, Notes, OWN, design, notes};
use crate::set;

/// Who hides documents: functions, lists of readers, or both.
const WORLDS: [(&str, &str); 3] = [("", OWN), ("?access=true", ""), ("?access=true", OWN)];

/// Each way to ask that tells a number, a place or a size.
const QUESTIONS: [(&str, &str, &str); 49] = [
    ("GET", "/notes", ""),
    ("POST", "/_dbs_info", r#"{"keys":["notes"]}"#),
    ("GET", "/_dbs_info?startkey=%22notes%22&limit=1", ""),
    ("GET", "/notes/_all_docs", ""),
    ("HEAD", "/notes/_all_docs", ""),
    ("GET", "/notes/_all_docs?startkey=%22n%22", ""),
    ("GET", "/notes/_all_docs?startkey=%22n%22&descending=true", ""),
    ("GET", "/notes/_all_docs?limit=1&skip=1", ""),
    ("GET", "/notes/_all_docs?limit=0", ""),
    ("GET", "/notes/_all_docs?key=%22seen1%22", ""),
    ("GET", "/notes/_all_docs?update_seq=true&limit=1", ""),
    ("POST", "/notes/_all_docs", r#"{"keys":["{hidden}","seen1"]}"#),
    ("POST", "/notes/_all_docs/queries", r#"{"queries":[{"limit":1},{"startkey":"n"}]}"#),
    ("GET", "/notes/_design_docs", ""),
    ("GET", "/notes/_design_docs?limit=1", ""),
    ("POST", "/notes/_design_docs/queries", r#"{"queries":[{"limit":1}]}"#),
    ("GET", "/notes/_local_docs", ""),
    ("GET", "/notes/_local_docs?limit=1", ""),
    ("POST", "/notes/_local_docs/queries", r#"{"queries":[{"limit":1}]}"#),
    ("GET", "/notes/_changes", ""),
    ("GET", "/notes/_changes?style=all_docs&include_docs=true", ""),
    ("GET", "/notes/_changes?limit=1", ""),
    ("GET", "/notes/_changes?limit=2&seq_interval=2", ""),
    ("GET", "/notes/_changes?descending=true&limit=1", ""),
    ("GET", "/notes/_changes?since=now", ""),
    ("GET", "/notes/_changes?filter=_design&limit=1", ""),
    ("GET", "/notes/_changes?feed=longpoll&since=0&limit=1", ""),
    ("GET", "/notes/_changes?feed=continuous&timeout=1&limit=2", ""),
    ("POST", "/notes/_changes?filter=_doc_ids", r#"{"doc_ids":["{hidden}","seen1"]}"#),
    ("POST", "/notes/_changes?filter=_selector", r#"{"selector":{"kind":"note"}}"#),
    ("GET", "/notes/_design/d/_view/rows?reduce=false", ""),
    ("GET", "/notes/_design/d/_view/rows?reduce=false&update_seq=true", ""),
    ("GET", "/notes/_design/d/_view/rows?reduce=false&limit=1&skip=1", ""),
    ("GET", "/notes/_design/d/_view/rows?reduce=false&limit=0", ""),
    ("GET", "/notes/_design/d/_view/rows?reduce=false&sorted=false", ""),
    ("GET", "/notes/_design/d/_view/rows?reduce=false&startkey=%22note%22&update=false", ""),
    ("POST", "/notes/_design/d/_view/rows/queries", r#"{"queries":[{"reduce":false}]}"#),
    ("GET", "/notes/_design/d/_list/texts/rows?reduce=false", ""),
    ("GET", "/notes/_design/d/_info", ""),
    ("GET", "/notes/_conflicts", ""),
    ("POST", "/notes/_find", r#"{"selector":{},"execution_stats":true}"#),
    ("POST", "/notes/_find", r#"{"selector":{},"execution_stats":true,"limit":1,"skip":1}"#),
    ("POST", "/notes/_find", r#"{"selector":{},"execution_stats":true,"limit":1,"r":2}"#),
    ("POST", "/notes/_find", r#"{"selector":{"kind":"none"},"execution_stats":true}"#),
    (
        "POST",
        "/notes/_find",
        r#"{"selector":{"kind":"note","text":{"$gt":"a"}},"execution_stats":true,"limit":1}"#,
    ),
    ("POST", "/notes/_explain", r#"{"selector":{"kind":"note","text":{"$gt":"a"}}}"#),
    ("POST", "/notes/_revs_diff", r#"{"{hidden}":["1-x"],"seen1":["1-x"]}"#),
    ("POST", "/notes/_missing_revs", r#"{"{hidden}":["1-x"],"seen1":["1-x"]}"#),
    ("POST", "/notes/_bulk_get?revs=true", r#"{"docs":[{"id":"{hidden}"},{"id":"seen1"}]}"#),
];

/// A document of somebody: what both ways to hide go by.
fn of(owner: &str, text: &str) -> Value {
    json!({"owner": owner, "_access": [owner], "kind": "note", "text": text})
}

async fn write(notes: &Notes, made_with: &str, id: &str, mut document: Value) -> String {
    if made_with.is_empty() {
        document.as_object_mut().expect("a document").remove("_access");
    }
    notes.write(id, document).await
}

/// The text without the positions in the feed: where no lists of readers are, these are everybody's, and tell that
/// something was written.
fn without_sequences(mut text: String) -> String {
    for member in ["\"seq\":\"", "\"last_seq\":\"", "\"update_seq\":\""] {
        let parts: Vec<&str> = text.split(member).collect();
        let (first, rest) = parts.split_first().expect("a part");
        let behind =
            |part: &&str| part.split_once('"').expect("the end of a sequence").1.to_owned();
        text = [(*first).to_owned()].into_iter().chain(rest.iter().map(behind)).collect();
    }
    text
}

/// Takes the function out of the design document.
async fn without_function(notes: &Notes) {
    let mut document = design(OWN);
    document["_rev"] = json!(notes.admin.get("/notes/_design/d").await.member("_rev"));
    document.as_object_mut().expect("a document").remove("validate_doc_read");
    notes.admin.put("/notes/_design/d", document).await.expect(201);
}

/// What somebody is told, question for question.
async fn told(client: &Client, made_with: &str) -> Vec<String> {
    told_of(client, made_with, &QUESTIONS).await
}

async fn told_of(
    client: &Client,
    made_with: &str,
    questions: &[(&str, &str, &str)],
) -> Vec<String> {
    let mut told = Vec::new();
    for (method, path, body) in questions.iter().copied() {
        let request = client.request(method, path);
        let request = match body {
            "" => request,
            body => request.json(body.replace("{hidden}", HIDDEN)),
        };
        let reply = request.send().await;
        assert!(reply.status < 400 || reply.status == 403, "{}: {}", reply.asked, reply.text());
        let text = match made_with {
            "" => without_sequences(reply.text()),
            _ => reply.text(),
        };
        told.push(format!(
            "{method} {path} {body}: {} {} {text}",
            reply.status,
            reply.header("etag")
        ));
    }
    told
}

/// Writes, changes, deletes, branches and purges what is hidden, before, between and behind what is seen.
async fn write_hidden(notes: &Notes, made_with: &str) {
    let hidden =
        |id: &'static str, text: &'static str| write(notes, made_with, id, of("anna", text));
    let [_, between, _, gone] = [
        hidden("a-first", "a").await,
        hidden("m-between", "m").await,
        hidden("z-last", "z").await,
        hidden("seen1-gone", "gone").await,
    ];
    // Of a plain deletion there would be no owner that the function could go by.
    let mut tombstone = json!({"owner": "anna", "_rev": gone, "_deleted": true});
    if !made_with.is_empty() {
        tombstone["_access"] = json!(["anna"]);
    }
    notes.admin.put("/notes/seen1-gone", tombstone).await.expect(200);
    let changed = json!({"owner": "anna", "kind": "note", "text": "n", "_rev": between});
    notes.write("m-between", changed).await;
    notes.branch("m-between", &between, json!({"owner": "anna", "kind": "note"})).await;
    let rev = notes.admin.get(&format!("/notes/{HIDDEN}")).await.member("_rev");
    let file = json!({"note.txt": {"content_type": "text/plain", "data": "c2VjcmV0"}});
    let mut changed = of("anna", "changed");
    (changed["_rev"], changed["_attachments"]) = (json!(rev), file);
    write(notes, made_with, HIDDEN, changed).await;
    let purged = hidden("purged", "p").await;
    notes.admin.post("/notes/_purge", json!({"purged": [purged]})).await.expect(201);
    for client in [&notes.anna, &notes.admin] {
        client.put("/notes/_local/another", json!({})).await.expect(201);
    }
}

#[tokio::test]
async fn no_count_changes_with_what_is_hidden() {
    for (made_with, function) in WORLDS {
        let notes = notes(made_with).await;
        if function.is_empty() {
            without_function(&notes).await;
        }
        set(&notes.node, "http/admin_only_all_dbs", "false").await;
        let index =
            json!({"index": {"fields": ["kind", "text"]}, "ddoc": "by-text", "name": "by-text"});
        notes.admin.post("/notes/_index", index).await.expect(200);
        write(&notes, made_with, HIDDEN, of("anna", "hidden")).await;
        for (id, text) in [("seen1", "b"), ("seen2", "n"), ("seen3", "y")] {
            write(&notes, made_with, id, of("bob", text)).await;
        }
        let gone = write(&notes, made_with, "seen4", of("bob", "x")).await;
        notes.admin.delete(&format!("/notes/seen4?rev={gone}")).await.expect(200);
        notes.bob.put("/notes/_local/mine", json!({})).await.expect(201);
        // Asked twice, so that indexes are built.
        told(&notes.bob, made_with).await;
        let before = told(&notes.bob, made_with).await;
        write_hidden(&notes, made_with).await;
        // The indexes come as far as the database by this.
        told(&notes.admin, "").await;
        let after = told(&notes.bob, made_with).await;
        for (before, after) in before.iter().zip(after) {
            assert_eq!(*before, after, "{made_with} {function}");
        }
    }
}

/// Each way to ask about a partition that tells a number.
const OF_PARTITION: [(&str, &str, &str); 7] = [
    ("GET", "/notes/_partition/p", ""),
    ("GET", "/notes/_partition/none", ""),
    ("GET", "/notes/_partition/p/_all_docs", ""),
    ("GET", "/notes/_partition/p/_all_docs?startkey=%22p%3An%22", ""),
    ("GET", "/notes/_partition/p/_design/d/_view/rows?reduce=false", ""),
    ("POST", "/notes/_partition/p/_find", r#"{"selector":{},"execution_stats":true,"limit":1}"#),
    ("GET", "/notes/_all_docs?startkey=%22p%3An%22", ""),
];

#[tokio::test]
async fn no_count_of_a_partition_changes_with_what_is_hidden() {
    for function in ["", OWN] {
        let made_with = "?access=true&partitioned=true";
        let notes = notes(made_with).await;
        if function.is_empty() {
            without_function(&notes).await;
        }
        write(&notes, made_with, "p:seen", of("bob", "b")).await;
        write(&notes, made_with, "p:hidden", of("anna", "hidden")).await;
        told_of(&notes.bob, made_with, &OF_PARTITION).await;
        let before = told_of(&notes.bob, made_with, &OF_PARTITION).await;
        for id in ["p:a", "p:m", "p:z", "none:a"] {
            let rev = write(&notes, made_with, id, of("anna", id)).await;
            if id == "p:m" {
                notes.admin.delete(&format!("/notes/{id}?rev={rev}")).await.expect(200);
            }
        }
        told_of(&notes.admin, made_with, &OF_PARTITION).await;
        let after = told_of(&notes.bob, made_with, &OF_PARTITION).await;
        for (before, after) in before.iter().zip(after) {
            assert_eq!(*before, after, "{function}");
        }
    }
}

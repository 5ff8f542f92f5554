//! Every way to read, asked by somebody from whom a document is hidden: no answer tells of it, and where it is
//! named it is answered as one that never was. The node's own description says which ways there are.

use refuge_tests::{Client, Reply};
use serde_json::{Value, json};

use super::{ABSENT, HIDDEN, LOSING, Notes, SECRET, notes};

async fn ask(client: &Client, method: &str, path: &str, body: &str) -> Reply {
    let request = client.request(method, path).header("accept", "application/json");
    let request = if body.is_empty() { request } else { request.json(body.to_owned()) };
    request.send().await
}

/// Notes with a hidden document that has an attachment, a former revision, and a conflict; one that is seen and
/// has a hidden conflict; and one that is seen. Where documents list readers, all of them list both.
async fn with_hidden(made_with: &str) -> (Notes, String) {
    let notes = notes(made_with).await;
    let with = |mut document: Value| {
        if !made_with.is_empty() {
            document["_access"] = json!(["anna", "bob"]);
        }
        document
    };
    let first = notes.write(HIDDEN, with(json!({"owner": "anna", "text": "first"}))).await;
    let file = json!({"note.txt": {"content_type": "text/plain", "data": "c2VjcmV0"}});
    let document = json!({"_rev": first, "owner": "anna", "kind": "note", "text": SECRET, "link": HIDDEN,
        "_attachments": file});
    let rev = notes.write(HIDDEN, with(document)).await;
    notes.branch(HIDDEN, &first, with(json!({"owner": "anna", "text": SECRET}))).await;
    let seen = with(json!({"kind": "note", "text": "for all", "link": HIDDEN}));
    let first = notes.write("visible", seen.clone()).await;
    let mut second = seen;
    second["_rev"] = json!(first);
    notes.write("visible", second).await;
    notes.branch("visible", &first, with(json!({"owner": "anna", "text": SECRET}))).await;
    let index =
        json!({"index": {"fields": ["kind", "text"]}, "ddoc": "by-text", "name": "by-text"});
    notes.admin.post("/notes/_index", index).await.expect(200);
    (notes, rev)
}

/// What tells of the hidden document, or of hidden branches, but for the id that the question named itself.
fn trace(told: &str, is_named: bool) -> Option<&'static str> {
    let traces = [SECRET, LOSING, "c2VjcmV0", "\"owner\":\"anna\"", "note.txt", HIDDEN];
    traces.into_iter().find(|one| told.contains(one) && !(is_named && *one == HIDDEN))
}

#[tokio::test]
async fn a_hidden_document_is_answered_as_one_that_is_not_there() {
    for made_with in ["", "?access=true"] {
        let (notes, rev) = with_hidden(made_with).await;
        let of = |template: &str, id: &str| {
            template.replace("{id}", id).replace("{rev}", &rev).replace("{losing}", LOSING)
        };
        let mine = match made_with {
            "" => r#"{"owner":"bob"}"#,
            _ => r#"{"owner":"bob","_access":["bob"]}"#,
        };
        for (method, path, body) in [
            ("GET", "/notes/{id}", ""),
            ("HEAD", "/notes/{id}", ""),
            ("GET", "/notes/{id}?rev={rev}", ""),
            ("GET", "/notes/{id}?revs=true&revs_info=true&conflicts=true&meta=true", ""),
            ("GET", "/notes/{id}?open_revs=all", ""),
            ("GET", "/notes/{id}?open_revs=[%22{rev}%22]", ""),
            ("GET", "/notes/{id}?open_revs=[%22{rev}%22,%222-{losing}%22]&latest=true", ""),
            ("GET", "/notes/{id}?attachments=true", ""),
            ("GET", "/notes/{id}?local_seq=true", ""),
            ("GET", "/notes/{id}/note.txt", ""),
            ("HEAD", "/notes/{id}/note.txt", ""),
            ("GET", "/notes/{id}/note.txt?rev={rev}", ""),
            ("DELETE", "/notes/{id}", ""),
            ("DELETE", "/notes/{id}?rev={rev}", ""),
            ("DELETE", "/notes/{id}/note.txt?rev={rev}", ""),
            ("PUT", "/notes/{id}?rev={rev}", mine),
            ("PUT", "/notes/{id}/other.txt?rev={rev}", "\"x\""),
            ("POST", "/notes/_bulk_get", r#"{"docs":[{"id":"{id}"}]}"#),
            ("POST", "/notes/_bulk_get?revs=true", r#"{"docs":[{"id":"{id}","rev":"{rev}"}]}"#),
            ("POST", "/notes/_bulk_get?latest=true", r#"{"docs":[{"id":"{id}","rev":"{rev}"}]}"#),
            ("POST", "/notes/_revs_diff", r#"{"{id}":["{rev}","1-x"]}"#),
            ("POST", "/notes/_missing_revs", r#"{"{id}":["{rev}"]}"#),
            ("GET", "/notes/_all_docs?key=%22{id}%22", ""),
            ("GET", "/notes/_all_docs?startkey=%22{id}%22&endkey=%22{id}%22", ""),
            ("POST", "/notes/_all_docs?include_docs=true", r#"{"keys":["{id}","{id}"]}"#),
            ("POST", "/notes/_all_docs/queries", r#"{"queries":[{"keys":["{id}"]}]}"#),
            ("POST", "/notes/_changes?filter=_doc_ids", r#"{"doc_ids":["{id}"]}"#),
            ("POST", "/notes/_find", r#"{"selector":{"_id":"{id}"},"conflicts":true}"#),
            ("POST", "/notes/_find", r#"{"selector":{"_id":"{id}"},"execution_stats":false}"#),
            ("GET", "/notes/_design/d/_show/text/{id}", ""),
            ("PUT", "/notes/_design/d/_update/take/{id}", ""),
            ("GET", "/notes/_design/d/_rewrite/to/{id}", ""),
            ("POST", "/notes/_purge", r#"{"{id}":["{rev}"]}"#),
        ] {
            let hidden = ask(&notes.bob, method, &of(path, HIDDEN), &of(body, HIDDEN)).await;
            let absent = ask(&notes.bob, method, &of(path, ABSENT), &of(body, ABSENT)).await;
            let told = absent.text().replace(ABSENT, HIDDEN);
            // Sequences tell that something was written, and when.
            let is_feed = path.contains("_changes");
            assert!(is_feed || hidden.text() == told, "{}: {}", hidden.asked, hidden.text());
            assert_eq!(hidden.status, absent.status, "{}", hidden.asked);
            assert!(!hidden.text().contains(SECRET) && !hidden.text().contains("\"owner\""));
        }
        let copied = |id: &str| {
            let request = notes.bob.request("COPY", &format!("/notes/{id}"));
            request.header("destination", "copied")
        };
        let (hidden, absent) = (copied(HIDDEN).send().await, copied(ABSENT).send().await);
        assert_eq!((hidden.status, hidden.text()), (absent.status, absent.text()));
        let kept = notes.admin.get(&format!("/notes/{HIDDEN}")).await.expect(200);
        assert_eq!(kept.member("_rev"), rev);
    }
}

#[tokio::test]
async fn no_list_count_or_function_tells_of_hidden_documents() {
    for made_with in ["", "?access=true"] {
        let (notes, _) = with_hidden(made_with).await;
        let Notes { admin, bob, .. } = &notes;
        for (method, path, body) in [
            ("GET", "_all_docs?include_docs=true&conflicts=true", ""),
            ("GET", "_all_docs?startkey=%22a%22&endkey=%22z%22", ""),
            ("GET", "_all_docs?descending=true", ""),
            ("GET", "_changes?include_docs=true&style=all_docs&conflicts=true", ""),
            ("GET", "_changes?filter=d/all&include_docs=true&style=all_docs", ""),
            ("GET", "_changes?filter=_view&view=d/rows", ""),
            ("GET", "_changes?descending=true&limit=3", ""),
            ("GET", "_changes?feed=longpoll&timeout=10", ""),
            ("GET", "_changes?feed=continuous&timeout=10&include_docs=true", ""),
            ("GET", "_changes?feed=eventsource&timeout=10", ""),
            ("POST", "_changes?filter=_selector", r#"{"selector":{"kind":"note"}}"#),
            ("GET", "_conflicts", ""),
            ("GET", "_conflicts?include_docs=true", ""),
            ("GET", "_design/d/_view/rows?reduce=false&include_docs=true&conflicts=true", ""),
            ("POST", "_design/d/_view/rows?reduce=false", r#"{"keys":["note","x"]}"#),
            ("POST", "_design/d/_view/rows/queries", r#"{"queries":[{"reduce":false}]}"#),
            ("GET", "_design/d/_list/texts/rows?reduce=false", ""),
            ("POST", "_find", r#"{"selector":{},"conflicts":true,"execution_stats":true}"#),
            (
                "POST",
                "_find",
                r#"{"selector":{"kind":"note","text":{"$gt":null}},"fields":["kind","text"]}"#,
            ),
            ("POST", "_find", r#"{"selector":{"kind":"note","text":{"$gt":null}},"stale":"ok"}"#),
            ("POST", "_find", r#"{"selector":{"_conflicts":{"$exists":true}},"conflicts":true}"#),
        ] {
            let path = format!("/notes/{path}");
            let shown = ask(admin, method, &path, body).await.expect(200).text();
            assert!(trace(&shown, false).is_some(), "{path}: {shown}");
            let told = ask(bob, method, &path, body).await.expect(200).text();
            // The link of a document that is seen may name one that is not.
            let told = told.replace(&format!("\"link\":\"{HIDDEN}\""), "");
            assert_eq!(trace(&told, false), None, "{path}: {told}");
        }
        // A row may name a hidden document as its own document says; what it names is not shown.
        let linked = bob.get("/notes/_design/d/_view/linked?include_docs=true").await.expect(200);
        assert_eq!(linked.json()["rows"][0]["doc"], json!(null), "{}", linked.text());
        assert_eq!(linked.json()["rows"].as_array().map(Vec::len), Some(1));
        let find = json!({"selector": {"kind": "note"}, "execution_stats": true});
        let examined = bob.post("/notes/_find", find).await.json();
        assert_eq!(examined["execution_stats"]["total_docs_examined"], 1, "{examined}");
        assert_eq!(examined["execution_stats"]["execution_time_ms"], 0.0, "{examined}");
        for _ in 0..20 {
            let random = bob.get("/notes/_random_doc").await.expect(200).text();
            assert!(!random.contains(&format!("\"_id\":\"{HIDDEN}\"")), "{random}");
        }
        for path in ["_view/rows", "_view/rows?group=true", "_list/texts/rows"] {
            bob.get(&format!("/notes/_design/d/{path}")).await.error_named(403, "forbidden");
            notes.dora.get(&format!("/notes/_design/d/{path}")).await.expect(200);
        }
        let told = bob.get("/notes").await.expect(200).json();
        assert_eq!((&told["doc_count"], &told["doc_del_count"]), (&json!(null), &json!(null)));
        assert_eq!(told["sizes"], json!({"file": 0, "external": 0, "active": 0}));
        let told = bob.get("/notes/_all_docs?startkey=%22i%22").await.expect(200).json();
        assert_eq!((&told["total_rows"], &told["offset"]), (&json!(null), &json!(null)));
        let told = bob.get("/notes/_changes?limit=1").await.expect(200).json();
        assert_eq!(told["pending"], json!(null));
        for (method, path, body) in [
            ("POST", "_compact", "{}"),
            ("PUT", "_security", "{}"),
            ("PUT", "_options", "{}"),
            ("PUT", "_revs_limit", "5"),
            ("PUT", "_design/mine", "{}"),
        ] {
            ask(bob, method, &format!("/notes/{path}"), body).await.error_named(403, "forbidden");
        }
        notes.admin.put("/notes/_security", json!({"members": {}})).await.expect(200);
        let told = notes.node.anonymous().get("/notes/_all_docs?include_docs=true").await.text();
        assert!(made_with.is_empty() || !told.contains("for all"));
        assert_eq!(trace(&told.replace(&format!("\"link\":\"{HIDDEN}\""), ""), false), None);
    }
}

/// A body with which a question is about something.
fn body(path: &str) -> Value {
    match path {
        "/{db}/_find" | "/{db}/_explain" => json!({"selector": {}}),
        "/{db}/_bulk_get" => json!({"docs": [{"id": HIDDEN}, {"id": "visible"}]}),
        "/{db}/_revs_diff" | "/{db}/_missing_revs" => json!({HIDDEN: ["1-x"], "visible": ["1-x"]}),
        "/{db}/_bulk_docs" => json!({"docs": [{"_id": HIDDEN, "_rev": "1-x"}]}),
        path if path.ends_with("/queries") => json!({"queries": [{"reduce": false}]}),
        _ => json!({}),
    }
}

/// Each endpoint of a database that the node describes, with each method: also one that was built after this test.
#[tokio::test]
async fn no_endpoint_forgets_to_ask() {
    for made_with in ["", "?access=true"] {
        let (notes, _) = with_hidden(made_with).await;
        let described = notes.node.anonymous().get("/_openapi.json").await.expect(200).json();
        let paths = described["paths"].as_object().expect("paths").iter();
        let mut asked = 0;
        for (path, operations) in paths.filter(|(path, _)| path.starts_with("/{db}")) {
            let methods = operations.as_object().expect("methods").keys();
            for method in methods.map(|method| method.to_uppercase()) {
                if !["GET", "HEAD", "POST", "PUT", "DELETE"].contains(&method.as_str()) {
                    continue;
                }
                for docid in [HIDDEN, "visible"] {
                    // What is seen, and one's own local documents, may be written.
                    let is_written = method != "GET" && method != "HEAD";
                    if is_written && (path.contains("/_local/") || docid == "visible") {
                        continue;
                    }
                    let filled = path
                        .replace("{db}", "notes")
                        .replace("{docid}", docid)
                        .replace("{ddoc}/{type}/{name}", "none/json/none")
                        .replace("{ddoc}", "d")
                        .replace("{view}", "rows")
                        .replace("_show/{function}", "_show/text")
                        .replace("_update/{function}", "_update/take")
                        .replace("_list/{function}", "_list/texts")
                        .replace("{other}", "d")
                        .replace("{path}", &format!("to/{docid}"))
                        .replace("{attachment}", "note.txt")
                        .replace("{partition}", "p")
                        .replace("{upload}", "x");
                    assert!(!filled.contains('{'), "{filled}");
                    let sent = if method == "POST" || method == "PUT" {
                        body(path).to_string()
                    } else {
                        String::new()
                    };
                    for query in ["", "?include_docs=true&reduce=false&conflicts=true"] {
                        let reply =
                            ask(&notes.bob, &method, &format!("{filled}{query}"), &sent).await;
                        assert!(reply.status < 500, "{}: {}", reply.asked, reply.text());
                        let mut told = reply.text().replace(&format!("\"link\":\"{HIDDEN}\""), "");
                        if path.contains("{attachment}") {
                            told = told.replace("note.txt", "");
                        }
                        // A design document, and what tells of one, is for all members.
                        let is_design = path.ends_with("/_design/{ddoc}");
                        let is_named = docid == HIDDEN || sent.contains(HIDDEN);
                        assert_eq!(
                            trace(&told, is_named || is_design),
                            None,
                            "{}: {told}",
                            reply.asked
                        );
                        asked += 1;
                    }
                }
            }
        }
        assert!(asked > 100, "{asked}");
        notes.admin.get(&format!("/notes/{HIDDEN}/note.txt")).await.expect(200);
    }
}

/// The rules of `_users` and `_replicator` are asked of what is hidden as of what is new.
#[tokio::test]
async fn the_rules_of_a_system_database_tell_nothing_of_hidden_documents() {
    let notes = notes("").await;
    let (admin, anna) = (&notes.admin, &notes.anna);
    let hides = json!({"validate_doc_read": "function (doc) { throw {forbidden: 'all'}; }"});
    admin.put("/_users/_design/hides", hides.clone()).await.expect(201);
    let user = |name: &str| json!({"type": "user", "name": name, "roles": [], "password": "fig"});
    let mut told = Vec::new();
    for name in ["bob", "eve"] {
        let reply = anna.put(&format!("/_users/org.couchdb.user:{name}"), user(name)).await;
        reply.error(404, "not_found", "missing");
        told.push(reply.text());
    }
    assert_eq!(told.first(), told.last());
    let mut own = user("anna");
    own["roles"] = json!(["chosen"]);
    anna.put("/_users/org.couchdb.user:anna", own).await.error_named(403, "forbidden");
    anna.put("/_users/org.couchdb.user:anna", user("anna")).await.error_named(409, "conflict");

    refuge_tests::eventually("there is a database of replications", || async {
        (admin.get("/_replicator").await.status == 200).then_some(())
    })
    .await;
    let security = json!({"members": {"roles": ["staff"]}, "admins": {"roles": ["_admin"]}});
    admin.put("/_replicator/_security", security).await.expect(200);
    admin.put("/_replicator/_design/hides", hides).await.expect(201);
    let elsewhere = "http://127.0.0.1:1/nowhere";
    let replication = json!({"source": elsewhere, "target": elsewhere});
    admin.put("/_replicator/hidden", replication).await.expect(201);
    let by_name = json!({"source": "notes", "target": elsewhere});
    let hidden = anna.put("/_replicator/hidden", by_name.clone()).await;
    hidden.error_named(403, "forbidden");
    assert_eq!(hidden.text(), anna.put("/_replicator/absent", by_name).await.text());
}

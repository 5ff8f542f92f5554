//! A hidden document and one that never was are answered alike, and no list, count or function tells of it.

use refuge_tests::{Client, Reply};
use serde_json::json;

use super::{LOSING, Papers, WINNING, papers};

/// Ids of the same length, so that answers can be compared byte for byte.
const HIDDEN: &str = "hidden-document";
const ABSENT: &str = "absent-document";
const SECRET: &str = "kept-from-others";

async fn ask(client: &Client, method: &str, path: &str, body: &str) -> Reply {
    let request = client.request(method, path).header("accept", "application/json");
    let request = if body.is_empty() { request } else { request.json(body.to_owned()) };
    request.send().await
}

/// Papers with a hidden document that has an attachment, a former revision, and a conflict.
async fn with_hidden() -> (Papers, String) {
    let papers = papers().await;
    papers.write(HIDDEN, json!(["anna"]), "first").await;
    let first = papers.admin.get(&format!("/papers/{HIDDEN}")).await.member("_rev");
    let attachment = json!({"note.txt": {"content_type": "text/plain", "data": "c2VjcmV0"}});
    let document = json!({"_rev": first, "_access": ["anna"], "kind": "paper", "text": SECRET,
        "link": HIDDEN, "_attachments": attachment});
    let rev = papers.admin.put(&format!("/papers/{HIDDEN}"), document).await.expect(201);
    let conflict = json!({"_access": ["anna"], "text": SECRET});
    papers.branch(HIDDEN, &first, LOSING, conflict).await;
    papers.write("visible", json!(["bob"]), "for bob").await;
    (papers, rev.member("rev"))
}

#[tokio::test]
async fn a_hidden_document_is_answered_as_one_that_is_not_there() {
    let (papers, rev) = with_hidden().await;
    let of = |template: &str, id: &str| {
        template.replace("{id}", id).replace("{rev}", &rev).replace("{losing}", LOSING)
    };
    for (method, path, body) in [
        ("GET", "/papers/{id}", ""),
        ("HEAD", "/papers/{id}", ""),
        ("GET", "/papers/{id}?rev={rev}", ""),
        ("GET", "/papers/{id}?revs=true&revs_info=true&conflicts=true", ""),
        ("GET", "/papers/{id}?open_revs=all", ""),
        ("GET", "/papers/{id}?open_revs=[%22{rev}%22]", ""),
        ("GET", "/papers/{id}?open_revs=[%22{rev}%22,%222-{losing}%22]&latest=true", ""),
        ("GET", "/papers/{id}?attachments=true", ""),
        ("GET", "/papers/{id}?local_seq=true", ""),
        ("GET", "/papers/{id}/note.txt", ""),
        ("HEAD", "/papers/{id}/note.txt", ""),
        ("GET", "/papers/{id}/note.txt?rev={rev}", ""),
        ("DELETE", "/papers/{id}", ""),
        ("DELETE", "/papers/{id}?rev={rev}", ""),
        ("DELETE", "/papers/{id}/note.txt?rev={rev}", ""),
        ("PUT", "/papers/{id}?rev={rev}", r#"{"_access":["bob"]}"#),
        ("PUT", "/papers/{id}/other.txt?rev={rev}", "\"x\""),
        ("POST", "/papers/_bulk_get", r#"{"docs":[{"id":"{id}"}]}"#),
        ("POST", "/papers/_bulk_get?revs=true", r#"{"docs":[{"id":"{id}","rev":"{rev}"}]}"#),
        ("POST", "/papers/_bulk_get?latest=true", r#"{"docs":[{"id":"{id}","rev":"{rev}"}]}"#),
        ("POST", "/papers/_revs_diff", r#"{"{id}":["{rev}","1-x"]}"#),
        ("POST", "/papers/_missing_revs", r#"{"{id}":["{rev}"]}"#),
        ("GET", "/papers/_all_docs?key=%22{id}%22", ""),
        ("POST", "/papers/_all_docs?include_docs=true", r#"{"keys":["{id}","{id}"]}"#),
        ("POST", "/papers/_all_docs/queries", r#"{"queries":[{"keys":["{id}"]}]}"#),
        ("POST", "/papers/_changes?filter=_doc_ids", r#"{"doc_ids":["{id}"]}"#),
        ("POST", "/papers/_find", r#"{"selector":{"_id":"{id}"},"conflicts":true}"#),
        ("GET", "/papers/_design/d/_show/text/{id}", ""),
        ("PUT", "/papers/_design/d/_update/take/{id}", ""),
        ("GET", "/papers/_design/d/_rewrite/to/{id}", ""),
        ("POST", "/papers/_purge", r#"{"{id}":["{rev}"]}"#),
        ("GET", "/papers/_shards/{id}", ""),
    ] {
        let hidden = ask(&papers.bob, method, &of(path, HIDDEN), &of(body, HIDDEN)).await;
        let absent = ask(&papers.bob, method, &of(path, ABSENT), &of(body, ABSENT)).await;
        let told = absent.text().replace(ABSENT, HIDDEN);
        // Where shards are, an id alone says.
        if !path.contains("_shards") {
            assert_eq!((hidden.status, hidden.text()), (absent.status, told), "{}", hidden.asked);
        }
        assert!(!hidden.text().contains(SECRET) && !hidden.text().contains("anna"));
    }
    let copied = |id: &str| {
        let request = papers.bob.request("COPY", &format!("/papers/{id}"));
        request.header("destination", "copied")
    };
    let (hidden, absent) = (copied(HIDDEN).send().await, copied(ABSENT).send().await);
    assert_eq!((hidden.status, hidden.text()), (absent.status, absent.text()));
    let kept = papers.admin.get(&format!("/papers/{HIDDEN}")).await.expect(200);
    assert_eq!(kept.member("_rev"), rev);
}

#[tokio::test]
async fn no_list_count_or_function_tells_of_hidden_documents() {
    let (papers, _) = with_hidden().await;
    let Papers { anna, bob, .. } = &papers;
    for (method, path, body) in [
        ("GET", "/papers/_all_docs?include_docs=true&conflicts=true", ""),
        ("GET", "/papers/_all_docs?startkey=%22a%22&endkey=%22z%22", ""),
        ("GET", "/papers/_changes?include_docs=true&style=all_docs&conflicts=true", ""),
        ("GET", "/papers/_changes?filter=d/all&include_docs=true", ""),
        ("GET", "/papers/_changes?filter=_view&view=d/rows", ""),
        ("POST", "/papers/_changes?filter=_selector", r#"{"selector":{"kind":"paper"}}"#),
        ("GET", "/papers/_conflicts", ""),
        ("GET", "/papers/_design/d/_view/rows?reduce=false&include_docs=true", ""),
        ("GET", "/papers/_design/d/_view/linked?include_docs=true", ""),
        ("POST", "/papers/_design/d/_view/rows?reduce=false", r#"{"keys":["paper","x"]}"#),
        ("GET", "/papers/_design/d/_list/texts/rows?reduce=false", ""),
        ("POST", "/papers/_find", r#"{"selector":{},"conflicts":true,"execution_stats":true}"#),
    ] {
        let shown = ask(anna, method, path, body).await.expect(200).text();
        assert!(shown.contains(HIDDEN) || shown.contains(SECRET), "{path}: {shown}");
        let told = ask(bob, method, path, body).await.expect(200).text();
        for secret in [HIDDEN, SECRET, LOSING, "anna"] {
            assert!(!told.contains(secret), "{path}: {told}");
        }
    }
    let examined = bob
        .post("/papers/_find", json!({"selector": {"kind": "paper"}, "execution_stats": true}))
        .await
        .json();
    assert_eq!(examined["execution_stats"]["total_docs_examined"], 1, "{examined}");
    for _ in 0..20 {
        let random = bob.get("/papers/_random_doc").await.expect(200).text();
        assert!(!random.contains(HIDDEN));
    }
    for path in ["_view/rows", "_view/rows?group=true"] {
        bob.get(&format!("/papers/_design/d/{path}")).await.error_named(403, "forbidden");
        papers.dora.get(&format!("/papers/_design/d/{path}")).await.expect(200);
    }
    let rows = bob.get("/papers/_design/d/_view/rows?reduce=false").await.json();
    assert_eq!((&rows["total_rows"], &rows["offset"]), (&json!(null), &json!(null)));
    for (method, path, body) in [
        ("POST", "/papers/_compact", "{}"),
        ("PUT", "/papers/_security", "{}"),
        ("PUT", "/papers/_options", "{}"),
        ("PUT", "/papers/_revs_limit", "5"),
        ("PUT", "/papers/_design/mine", "{}"),
        ("POST", "/papers/_index", r#"{"index":{"fields":["kind"]}}"#),
    ] {
        ask(bob, method, path, body).await.error_named(403, "forbidden");
    }
    let limit = ask(bob, "PUT", "/papers/_purged_infos_limit", "5").await;
    limit.error_named(401, "unauthorized");
    papers.check();
}

#[tokio::test]
async fn counts_and_sequences_are_those_of_what_is_seen() {
    let (papers, _) = with_hidden().await;
    let before = papers.bob.get("/papers").await.expect(200).json();
    assert_eq!((&before["doc_count"], &before["doc_del_count"]), (&json!(2), &json!(0)));
    assert_eq!(before["sizes"], json!({"file": 0, "external": 0, "active": 0}));
    for number in 0..5 {
        papers.write(&format!("more-{number}"), json!(["anna"]), SECRET).await;
    }
    let after = papers.bob.get("/papers").await.expect(200).json();
    assert_eq!(after, before);
    let told = papers.bob.get("/papers/_changes?limit=1").await.expect(200).json();
    assert_eq!(told["pending"], 1, "{told}");
    let last = papers.bob.get("/papers/_changes").await.member("last_seq");
    assert_eq!(before["update_seq"], last.as_str());
    let all = papers.bob.post("/_dbs_info", json!({"keys": ["papers"]})).await;
    if all.status == 200 {
        assert_eq!(all.json()[0]["info"]["doc_count"], 2);
    }
    let rows = papers.bob.get("/papers/_all_docs?update_seq=true").await.json();
    assert_eq!((&rows["total_rows"], &rows["update_seq"]), (&json!(2), &before["update_seq"]));
}

#[tokio::test]
async fn a_branch_for_others_and_former_revisions_are_hidden_within_a_document() {
    let papers = papers().await;
    let first = papers.write("doc", json!(["anna", "bob"]), "old text").await;
    let branch = json!({"_access": ["anna"], "text": "branch"});
    papers.branch("doc", &first, LOSING, branch).await;
    let winner = json!({"_access": ["anna", "bob"], "text": "winner"});
    papers.branch("doc", &first, WINNING, winner).await;
    let (losing, winning) = (format!("2-{LOSING}"), format!("2-{WINNING}"));

    let Papers { anna, bob, .. } = &papers;
    let shown = anna.get("/papers/doc?conflicts=true").await.expect(200).json();
    assert_eq!(shown["_conflicts"], json!([losing]));
    let shown = bob.get("/papers/doc?conflicts=true").await.expect(200).json();
    assert_eq!((&shown["text"], shown.get("_conflicts")), (&json!("winner"), None));
    bob.get(&format!("/papers/doc?rev={losing}")).await.error(404, "not_found", "missing");
    bob.get(&format!("/papers/doc?rev={first}")).await.error(404, "not_found", "missing");
    let branches = bob.get("/papers/doc?open_revs=all").await.expect(200).text();
    assert!(branches.contains("winner") && !branches.contains("branch"), "{branches}");
    let feed = bob.get("/papers/_changes?style=all_docs").await.expect(200).text();
    assert!(feed.contains(&winning) && !feed.contains(&losing), "{feed}");
    assert_eq!(bob.get("/papers/_conflicts").await.expect(200).json()["rows"], json!([]));
    assert_eq!(anna.get("/papers/_conflicts").await.json()["rows"].as_array().unwrap().len(), 1);
    let lacks = bob.post("/papers/_revs_diff", json!({"doc": [losing, winning]})).await.json();
    assert_eq!(lacks["doc"]["missing"], json!([losing]));
    let question = json!({"selector": {"_id": "doc"}, "conflicts": true});
    let found = bob.post("/papers/_find", question).await.expect(200).text();
    assert!(!found.contains(&losing), "{found}");
}

/// What an index holds of a revision that admitted others is shown to nobody whom the present one admits.
#[tokio::test]
async fn an_index_that_is_behind_tells_nothing_of_a_former_revision() {
    let papers = papers().await;
    let Papers { admin, bob, .. } = &papers;
    let index =
        json!({"index": {"fields": ["kind", "text"]}, "ddoc": "by-text", "name": "by-text"});
    admin.post("/papers/_index", index).await.expect(200);
    let rev = papers.write("draft", json!(["anna"]), SECRET).await;
    let rows = "/papers/_design/d/_view/rows?reduce=false";
    let question = json!({"selector": {"kind": "paper", "text": {"$gt": null}}, "fields": ["text"],
        "use_index": "by-text"});
    assert!(admin.get(rows).await.expect(200).text().contains(SECRET));
    assert!(
        admin.post("/papers/_find", question.clone()).await.expect(200).text().contains(SECRET)
    );
    let open = json!({"_rev": rev, "_access": ["anna", "bob"], "kind": "paper", "text": "for all"});
    admin.put("/papers/draft", open).await.expect(201);
    for behind in ["update=false", "update=lazy", "stale=ok"] {
        let told = bob.get(&format!("{rows}&{behind}")).await.expect(200).text();
        assert!(!told.contains(SECRET), "{behind}: {told}");
    }
    for behind in [json!({"update": false}), json!({"stale": "ok"})] {
        let mut asked = question.clone();
        asked.as_object_mut().unwrap().extend(behind.as_object().unwrap().clone());
        let told = bob.post("/papers/_find", asked).await.expect(200).text();
        assert!(!told.contains(SECRET) && told.contains("for all"), "{told}");
    }
    assert!(bob.get(rows).await.expect(200).text().contains("for all"));
    papers.check();
}

//! One document at a time: PUT, GET, HEAD, DELETE and their parameters.

use serde_json::json;

use crate::{NODE, database, put_all};

#[tokio::test]
async fn a_document_goes_in_and_comes_out() {
    let (client, path) = database("document").await;
    let doc = format!("{path}/a");
    let put = client.put_text(&doc, r#"{"z":1,"a":[true,null,"é"]}"#).await.expect(201);
    let rev = put.member("rev");
    assert_eq!(put.json(), json!({"ok": true, "id": "a", "rev": rev}));
    assert_eq!(put.header("etag"), format!("\"{rev}\""));
    assert_eq!(put.header("location"), format!("http://{}{doc}", NODE.address()));
    let got = client.get(&doc).await.expect(200);
    assert_eq!(
        got.text(),
        format!("{{\"_id\":\"a\",\"_rev\":\"{rev}\",\"z\":1,\"a\":[true,null,\"é\"]}}\n")
    );
    assert_eq!(got.header("etag"), format!("\"{rev}\""));
    assert_eq!(got.header("content-type"), "application/json");
    let head = client.head(&doc).await.expect(200);
    assert_eq!(head.header("etag"), got.header("etag"));
    assert_eq!(head.header("content-length"), got.body.len().to_string());
}

#[tokio::test]
async fn unchanged_documents_are_not_sent_again() {
    let (client, path) = database("etag").await;
    let doc = format!("{path}/a");
    let first = client.put(&doc, json!({})).await.expect(201);
    let asking = |etag: String| {
        let request = client.request("GET", &doc).header("if-none-match", &etag);
        async move { request.send().await }
    };
    let same = asking(first.header("etag").to_owned()).await.expect(304);
    assert!(same.body.is_empty());
    client.put(&doc, json!({"_rev": first.member("rev")})).await.expect(201);
    asking(first.header("etag").to_owned()).await.expect(200);
}

#[tokio::test]
async fn what_is_missing_and_what_is_deleted() {
    let (client, path) = database("missing").await;
    let doc = format!("{path}/a");
    client.get(&doc).await.error(404, "not_found", "missing");
    client.head(&doc).await.expect(404);
    client.delete(&doc).await.error(404, "not_found", "missing");
    let rev = client.put(&doc, json!({"n": 1})).await.member("rev");
    client.delete(&doc).await.error(409, "conflict", "Document update conflict.");
    let gone = client.delete(&format!("{doc}?rev={rev}")).await.expect(200);
    let tombstone = gone.member("rev");
    assert!(tombstone.starts_with("2-"));
    assert_eq!(gone.header("etag"), format!("\"{tombstone}\""));
    client.get(&doc).await.error(404, "not_found", "deleted");
    client.delete(&doc).await.error(404, "not_found", "deleted");
    let stone = client.get(&format!("{doc}?rev={tombstone}")).await.expect(200).json();
    assert_eq!(stone, json!({"_id": "a", "_rev": tombstone, "_deleted": true}));
    let old = client.get(&format!("{doc}?rev={rev}")).await;
    // Old bodies are kept until compaction; either answer is CouchDB's.
    assert!(old.status == 200 || old.status == 404, "{}", old.text());
    client.get(&format!("{doc}?rev=7-abc")).await.error(404, "not_found", "missing");
    client.get(&format!("{doc}?rev=nonsense")).await.error(
        400,
        "bad_request",
        "Invalid rev format",
    );
}

#[tokio::test]
async fn only_the_latest_revision_may_be_changed() {
    let (client, path) = database("conflict").await;
    let doc = format!("{path}/a");
    let conflict =
        |reply: refuge_tests::Reply| reply.error(409, "conflict", "Document update conflict.");
    let first = client.put(&doc, json!({"n": 1})).await.member("rev");
    conflict(client.put(&doc, json!({"n": 2})).await);
    conflict(client.put(&doc, json!({"_rev": "1-00000000000000000000000000000000", "n": 2})).await);
    conflict(client.put(&doc, json!({"_rev": "5-abc", "n": 2})).await);
    let second = client.put(&doc, json!({"_rev": first, "n": 2})).await.expect(201).member("rev");
    conflict(client.put(&doc, json!({"_rev": first, "n": 3})).await);
    conflict(client.delete(&format!("{doc}?rev={first}")).await);
    conflict(client.put(&format!("{path}/new"), json!({"_rev": first})).await);
    assert_eq!(client.get(&doc).await.json(), json!({"_id": "a", "_rev": second, "n": 2}));
}

#[tokio::test]
async fn the_parent_is_told_in_three_ways() {
    let (client, path) = database("parent").await;
    let doc = format!("{path}/a");
    let mut rev = client.put(&doc, json!({})).await.member("rev");
    rev = client
        .put(&format!("{doc}?rev={rev}"), json!({"by": "query"}))
        .await
        .expect(201)
        .member("rev");
    let by_header = client.request("PUT", &doc).header("if-match", &rev).json(r#"{"by":"header"}"#);
    rev = by_header.send().await.expect(201).member("rev");
    let quoted = client.request("PUT", &doc).header("if-match", &format!("\"{rev}\"")).json("{}");
    rev = quoted.send().await.expect(201).member("rev");
    client.put(&format!("{doc}?rev={rev}"), json!({"_rev": "1-abc"})).await.error(
        400,
        "bad_request",
        "Document rev from request body and query string have different values",
    );
    let two =
        client.request("PUT", &format!("{doc}?rev={rev}")).header("if-match", "1-abc").json("{}");
    two.send().await.error(400, "bad_request", "Document rev and etag have different values");
    let gone = client.request("DELETE", &doc).header("if-match", &rev).send().await.expect(200);
    assert!(gone.member("rev").starts_with("5-"));
}

#[tokio::test]
async fn ids_follow_couchdbs_rules() {
    let (client, path) = database("ids").await;
    let reserved = "Only reserved document ids may start with underscore.";
    client.put(&format!("{path}/_mine"), json!({})).await.error(400, "illegal_docid", reserved);
    client.post(&path, json!({"_id": "_mine"})).await.error(400, "illegal_docid", reserved);
    client.post(&path, json!({"_id": ""})).await.error(
        400,
        "illegal_docid",
        "Document id must not be empty",
    );
    client.post(&path, json!({"_id": 1})).await.error(
        400,
        "illegal_docid",
        "Document id must be a string",
    );
    for id in ["a%2Fb", "a%20b", "%C3%BCber", "a%22b", "+", "%2B", "a:b", "%F0%9F%8C%8D", "a%00b"] {
        let put = client.put(&format!("{path}/{id}"), json!({})).await.expect(201);
        let got = client.get(&format!("{path}/{id}")).await.expect(200);
        assert_eq!(got.json()["_id"], put.json()["id"], "{id}");
    }
    let all = client.get(&format!("{path}/_all_docs")).await.json();
    let ids: Vec<_> =
        all["rows"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [" ", "+", "a\0b", "a b", "a\"b", "a/b", "a:b", "über", "🌍"]);
}

#[tokio::test]
async fn the_id_in_the_path_beats_the_one_in_the_body() {
    let (client, path) = database("beats").await;
    let put = client.put(&format!("{path}/path"), json!({"_id": "body"})).await.expect(201);
    assert_eq!(put.member("id"), "path");
    assert_eq!(client.get(&format!("{path}/path")).await.json()["_id"], "path");
}

#[tokio::test]
async fn design_documents_have_a_slash() {
    let (client, path) = database("design").await;
    let put = client
        .put(&format!("{path}/_design/app"), json!({"language": "javascript"}))
        .await
        .expect(201);
    assert_eq!(put.member("id"), "_design/app");
    client.get(&format!("{path}/_design/app")).await.expect(200);
    client.get(&format!("{path}/_design%2Fapp")).await.expect(200);
    let all = client.get(&format!("{path}/_all_docs")).await.json();
    assert_eq!(all["rows"][0]["id"], "_design/app");
}

#[tokio::test]
async fn special_members_are_known_or_refused() {
    let (client, path) = database("special").await;
    let doc = format!("{path}/a");
    for (body, member) in [
        (r#"{"_mine":1}"#, "_mine"),
        (r#"{"_":1}"#, "_"),
        (r#"{"a":1,"\u005fhidden":2}"#, "_hidden"),
    ] {
        let reason = format!("Bad special document member: {member}");
        client.put_text(&doc, body).await.error(400, "doc_validation", &reason);
    }
    client.put_text(&doc, r#"{"a":{"_inside":1}}"#).await.expect(201);
    client.put_text(&format!("{path}/b"), r#"{"_rev":"x"}"#).await.error(
        400,
        "bad_request",
        "Invalid rev format",
    );
    client.put_text(&format!("{path}/b"), r#"{"_rev":1}"#).await.error_named(400, "bad_request");
    client.put_text(&format!("{path}/b"), r#"{"_deleted":1}"#).await.expect(400);
    // What a client sends back with a document it has read counts for nothing.
    let told =
        r#"{"_revs_info":[],"_conflicts":[],"_deleted_conflicts":[],"_local_seq":1,"kept":1}"#;
    let rev = client.put_text(&format!("{path}/c"), told).await.expect(201).member("rev");
    assert_eq!(
        client.get(&format!("{path}/c")).await.json(),
        json!({"_id": "c", "_rev": rev, "kept": 1})
    );
}

#[tokio::test]
async fn bodies_must_be_objects() {
    let (client, path) = database("objects").await;
    let doc = format!("{path}/a");
    for body in ["[]", "1", "\"a\"", "null", "true"] {
        client.put_text(&doc, body).await.error(
            400,
            "bad_request",
            "Document must be a JSON object",
        );
    }
    for body in ["{", "{\"a\":}", "nonsense", "{\"a\":1}}", "{'a':1}", "{\"a\":01}", "{\"a\":1,}"] {
        client.put_text(&doc, body).await.error(400, "bad_request", "invalid UTF-8 JSON");
    }
    client.put_text(&doc, &b"{\"a\":\"\xff\"}"[..]).await.error(
        400,
        "bad_request",
        "invalid UTF-8 JSON",
    );
    client.put_text(&doc, "").await.expect(400);
    client.get(&doc).await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn history_is_told_when_asked_for() {
    let (client, path) = database("history").await;
    let doc = format!("{path}/a");
    let mut revs = vec![client.put(&doc, json!({"n": 0})).await.member("rev")];
    for number in 1..4 {
        let body = json!({"_rev": revs[0], "n": number});
        revs.insert(0, client.put(&doc, body).await.expect(201).member("rev"));
    }
    let hashes: Vec<_> = revs.iter().map(|rev| rev.split_once('-').unwrap().1).collect();
    let told = client.get(&format!("{doc}?revs=true")).await.json();
    assert_eq!(told["_revisions"], json!({"start": 4, "ids": hashes}));
    let told = client.get(&format!("{doc}?revs_info=true")).await.json();
    let info = told["_revs_info"].as_array().unwrap();
    assert_eq!(info.iter().map(|one| one["rev"].as_str().unwrap()).collect::<Vec<_>>(), revs);
    assert_eq!(info[0]["status"], "available");
    assert!(info.iter().all(|one| one["status"] == "available" || one["status"] == "missing"));
    let told = client.get(&format!("{doc}?local_seq=true")).await.json();
    assert!(told["_local_seq"].is_u64(), "{told}");
    let plain = client.get(&doc).await.json();
    assert_eq!(plain, json!({"_id": "a", "_rev": revs[0], "n": 3}));
}

#[tokio::test]
async fn a_deletion_may_keep_a_body() {
    let (client, path) = database("why").await;
    let doc = format!("{path}/a");
    let rev = client.put(&doc, json!({"n": 1})).await.member("rev");
    let gone =
        client.put(&doc, json!({"_rev": rev, "_deleted": true, "why": "gone"})).await.expect(200);
    let stone = client.get(&format!("{doc}?rev={}", gone.member("rev"))).await.expect(200).json();
    assert_eq!(
        stone,
        json!({"_id": "a", "_rev": gone.member("rev"), "_deleted": true, "why": "gone"})
    );
    client.get(&doc).await.error(404, "not_found", "deleted");
    let back = client.put(&doc, json!({"n": 2})).await.expect(201).member("rev");
    assert!(back.starts_with("3-"), "{back}");
}

#[tokio::test]
async fn deleted_documents_grow_on_when_made_again() {
    let (client, path) = database("grow").await;
    let doc = format!("{path}/a");
    let revs = put_all(&client, &path, &[("a", json!({"n": 1}))]).await;
    let gone = client.delete(&format!("{doc}?rev={}", revs[0])).await.member("rev");
    // CouchDB since version 2: naming the tombstone is a conflict, naming nothing builds on it.
    let refused = client.put(&doc, json!({"_rev": gone, "n": 2})).await;
    refused.error(409, "conflict", "Document update conflict.");
    let again = client.put(&doc, json!({"n": 3})).await.expect(201).member("rev");
    assert!(again.starts_with("3-"));
    assert_eq!(client.get(&path).await.json()["doc_del_count"], 0);
}

#[tokio::test]
async fn batch_mode_accepts_at_once() {
    let (client, path) = database("batch").await;
    let reply = client.put(&format!("{path}/a?batch=ok"), json!({})).await.expect(202);
    assert_eq!(reply.json()["ok"], true);
    let stored = || async {
        let got = client.get(&format!("{path}/a")).await;
        (got.status == 200).then_some(())
    };
    refuge_tests::eventually("a document of batch=ok is stored", stored).await;
}

#[tokio::test]
async fn a_document_that_is_too_large_is_refused() {
    let (client, path) = database("large").await;
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(9_000_000));
    let refused = client.put_text(&format!("{path}/a"), body).await.expect(413);
    assert_eq!(refused.json()["error"], "document_too_large");
    let body = format!("{{\"a\":\"{}\"}}", "x".repeat(4_000_000));
    client.put_text(&format!("{path}/b"), body).await.expect(201);
    assert_eq!(
        client.get(&format!("{path}/b")).await.json()["a"].as_str().unwrap().len(),
        4_000_000
    );
}

#[tokio::test]
async fn a_tombstone_is_shown_where_it_is_asked_for() {
    let (client, path) = database("tombstone").await;
    let doc = format!("{path}/a");
    let rev = client.put(&doc, json!({"n": 1})).await.expect(201).member("rev");
    let rev = client.delete(&format!("{doc}?rev={rev}")).await.expect(200).member("rev");
    client.get(&doc).await.error(404, "not_found", "deleted");
    let tombstone = json!({"_id": "a", "_rev": rev, "_deleted": true});
    for parameters in ["deleted=true", "deleted=true&conflicts=true"] {
        let shown = client.get(&format!("{doc}?{parameters}")).await.expect(200).json();
        assert_eq!(shown, tombstone, "{parameters}");
    }
    client.get(&format!("{path}/b?deleted=true")).await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn an_empty_list_of_open_revisions_is_none() {
    let (client, path) = database("no-revisions").await;
    let rev = client.put(&format!("{path}/a"), json!({})).await.expect(201).member("rev");
    let shown = client.get(&format!("{path}/a?open_revs=[]")).await.expect(200).json();
    assert_eq!(shown, json!({"_id": "a", "_rev": rev}));
}

//! Documents: writing, reading, revisions and conflicts.

use crate::client::Client;

#[tokio::test]
async fn a_document_lives_from_its_first_revision_to_its_tombstone() {
    let mut client = Client::with_database().await;
    let missing = client.get("/db/a").await.expect(404);
    assert_eq!(missing.text(), "{\"error\":\"not_found\",\"reason\":\"missing\"}\n");
    let first = client.put("/db/a", "{}").await.expect(201);
    let revision = "1-967a00dff5e02add41819138abb3284d";
    assert_eq!(first.text(), format!("{{\"ok\":true,\"id\":\"a\",\"rev\":\"{revision}\"}}\n"));
    assert_eq!(first.header("etag"), Some(format!("\"{revision}\"").as_str()));
    assert_eq!(first.header("location"), Some("http://node/db/a"));
    let conflict = client.put("/db/a", "{}").await.expect(409);
    assert_eq!(
        conflict.text(),
        "{\"error\":\"conflict\",\"reason\":\"Document update conflict.\"}\n"
    );
    let body = format!("{{\"_id\":\"other\",\"_rev\":\"{revision}\",\"b\":1.50,\"a\":[1]}}");
    let second = client.store("/db/a", &body).await;
    let read = client.get("/db/a").await.expect(200);
    assert_eq!(
        read.text(),
        format!("{{\"_id\":\"a\",\"_rev\":\"{second}\",\"b\":1.50,\"a\":[1]}}\n")
    );
    client.send("DELETE /db/a", &[], "").await.expect(409);
    let gone = client.send(&format!("DELETE /db/a?rev={second}"), &[], "").await.expect(200);
    let tombstone = gone.json()["rev"].as_str().unwrap().to_owned();
    assert_eq!(client.get("/db/a").await.expect(404).json()["reason"], "deleted");
    let read = client.get(&format!("/db/a?rev={tombstone}")).await.expect(200);
    assert_eq!(read.json()["_deleted"], true);
    client.send(&format!("DELETE /db/a?rev={tombstone}"), &[], "").await.expect(404);
    assert!(client.store("/db/a", "{}").await.starts_with("4-"));
}

#[tokio::test]
async fn what_is_no_document_is_refused() {
    let mut client = Client::with_database().await;
    for (body, error) in [
        ("", "bad_request"),
        ("{", "bad_request"),
        ("[]", "bad_request"),
        ("{\"_x\":1}", "doc_validation"),
        ("{\"_rev\":\"x\"}", "bad_request"),
    ] {
        assert_eq!(client.put("/db/a", body).await.expect(400).json()["error"], error, "{body}");
    }
    assert_eq!(client.put("/db/_a", "{}").await.expect(400).json()["error"], "illegal_docid");
    let post = client.send("POST /db", &[("content-type", "text/plain")], "{}").await.expect(415);
    assert_eq!(
        post.text(),
        "{\"error\":\"bad_content_type\",\"reason\":\"Content-Type must be application/json\"}\n"
    );
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(8_000_000));
    let refused = client.put("/db/large", &large).await.expect(413);
    assert_eq!(refused.text(), "{\"error\":\"document_too_large\",\"reason\":\"large\"}\n");
}

#[tokio::test]
async fn a_posted_document_is_given_an_id() {
    let mut client = Client::with_database().await;
    let made = client.post("/db", "{\"a\":1}").await.expect(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(made.header("location"), Some(format!("http://node/db/{id}").as_str()));
    client.post("/db", "{\"_id\":\"mine\"}").await.expect(201);
    client.get("/db/mine").await.expect(200);
}

#[tokio::test]
async fn the_revision_may_come_in_three_places_that_agree() {
    let mut client = Client::with_database().await;
    let first = client.store("/db/a", "{}").await;
    let second = client.store(&format!("/db/a?rev={first}"), "{\"n\":2}").await;
    let if_match = format!("\"{second}\"");
    client.send("PUT /db/a", &[("if-match", &if_match)], "{\"n\":3}").await.expect(201);
    client.put("/db/a?rev=1-a", "{\"_rev\":\"1-b\"}").await.expect(400);
    client.send("PUT /db/a?rev=1-a", &[("if-match", "\"1-b\"")], "{}").await.expect(400);
    client.put("/db/new", "{\"_revisions\":{\"start\":1,\"ids\":[\"a\"]}}").await.expect(409);
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_sent_again() {
    let mut client = Client::with_database().await;
    let revision = client.store("/db/a", "{}").await;
    let tag = format!("\"{revision}\"");
    let same = client.send("GET /db/a", &[("if-none-match", &tag)], "").await.expect(304);
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), Some(tag.as_str()));
    client.send("GET /db/a?revs=true", &[("if-none-match", &tag)], "").await.expect(304);
    let info = client.send("GET /db/a?revs_info=true", &[("if-none-match", &tag)], "").await;
    assert_eq!(info.expect(200).header("etag"), None);
    let head = client.send("HEAD /db/a", &[], "").await.expect(200);
    assert_eq!(head.header("etag"), Some(tag.as_str()));
    assert!(head.header("content-length").is_some_and(|length| length != "0"));
}

#[tokio::test]
async fn history_and_conflicts_are_shown_where_asked() {
    let mut client = Client::with_database().await;
    for (body, revisions) in [
        ("\"n\":1", "{\"start\":2,\"ids\":[\"b\",\"a\"]}"),
        ("\"n\":2", "{\"start\":2,\"ids\":[\"c\",\"a\"]}"),
        ("\"n\":3,\"_deleted\":true", "{\"start\":3,\"ids\":[\"d\",\"x\",\"a\"]}"),
    ] {
        let body = format!("{{{body},\"_revisions\":{revisions}}}");
        let answer = client.put("/db/a?new_edits=false", &body).await;
        assert!(answer.status.is_success(), "{}", answer.text());
    }
    let read = client.get("/db/a?revs=true&meta=true&local_seq=true").await.expect(200).json();
    assert_eq!(read["_rev"], "2-c");
    assert_eq!(read["_revisions"], serde_json::json!({"start": 2, "ids": ["c", "a"]}));
    assert_eq!(read["_conflicts"], serde_json::json!(["2-b"]));
    assert_eq!(read["_deleted_conflicts"], serde_json::json!(["3-d"]));
    assert_eq!(
        read["_revs_info"],
        serde_json::json!([
            {"rev": "2-c", "status": "available"}, {"rev": "1-a", "status": "missing"}
        ])
    );
    assert_eq!(read["_local_seq"].to_string().trim_matches('"'), "3");
    client.get("/db/a?rev=1-a").await.expect(404);
    assert_eq!(client.get("/db/a?rev=2-b").await.expect(200).json()["n"], 1);
    assert_eq!(client.get("/db/a?rev=1-a&latest=true").await.expect(200).json()["n"], 2);
    client.put("/db/a?new_edits=false", "{}").await.expect(400);
}

#[tokio::test]
async fn open_revisions_are_an_array_for_those_who_take_json() {
    let mut client = Client::with_database().await;
    for hash in ["b", "c"] {
        let body = format!("{{\"h\":\"{hash}\",\"_rev\":\"1-{hash}\"}}");
        client.put("/db/a?new_edits=false", &body).await.expect(201);
    }
    let all = client.get("/db/a?open_revs=all").await.expect(200);
    assert_eq!(
        all.text(),
        "[{\"ok\":{\"_id\":\"a\",\"_rev\":\"1-c\",\"h\":\"c\"}},\
         {\"ok\":{\"_id\":\"a\",\"_rev\":\"1-b\",\"h\":\"b\"}}]\n"
    );
    let some = client.get("/db/a?open_revs=[%221-b%22,%229-x%22]").await.expect(200).json();
    assert_eq!(some[0]["ok"]["_rev"], "1-b");
    assert_eq!(some[1], serde_json::json!({"missing": "9-x"}));
    client.get("/db/none?open_revs=all").await.expect(404);
    let none = client.get("/db/none?open_revs=[%221-b%22]").await.expect(200);
    assert_eq!(none.text(), "[{\"missing\":\"1-b\"}]\n");
    client.get("/db/a?open_revs=x").await.expect(400);
    let mixed = client.send("GET /db/a?open_revs=all", &[], "").await.expect(200);
    assert!(mixed.header("content-type").unwrap().starts_with("multipart/mixed; boundary="));
    assert_eq!(mixed.text().matches("Content-Type: application/json\r\n\r\n").count(), 2);
}

#[tokio::test]
async fn paths_are_read_as_couchdb_reads_them() {
    let mut client = Client::with_database().await;
    client.store("/db/a+b", "{\"n\":1}").await;
    assert_eq!(client.get("/db/a%20b").await.expect(200).json()["_id"], "a b");
    client.store("/db/a%2Fb", "{\"n\":2}").await;
    assert_eq!(client.get("/db/a%2fb").await.expect(200).json()["_id"], "a/b");
    client.store("/db/_design/d", "{}").await;
    assert_eq!(client.get("/db/_design%2Fd").await.expect(200).json()["_id"], "_design/d");
    let batch = client.put("/db/c?batch=ok", "{}").await.expect(202);
    assert_eq!(batch.text(), "{\"ok\":true,\"id\":\"c\"}\n");
}

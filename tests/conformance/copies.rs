//! `COPY`: a document becomes another one.

use serde_json::json;

use crate::database;

async fn copy(client: &refuge_tests::Client, from: &str, destination: &str) -> refuge_tests::Reply {
    client.request("COPY", from).header("destination", destination).send().await
}

#[tokio::test]
async fn a_document_is_copied_with_its_attachments() {
    let (client, path) = database("copy").await;
    let attachments = json!({"t.txt": {"content_type": "text/plain", "data": "aGVsbG8="}});
    let body = json!({"n": 1, "_attachments": attachments});
    client.put(&format!("{path}/a"), body).await.expect(201);
    let copied = copy(&client, &format!("{path}/a"), "b").await.expect(201);
    assert_eq!(copied.member("id"), "b");
    let rev = copied.member("rev");
    assert!(rev.starts_with("1-"), "{rev}");
    assert_eq!(copied.header("etag"), format!("\"{rev}\""));
    assert!(copied.header("location").ends_with(&format!("{path}/b")));
    let told = client.get(&format!("{path}/b")).await.json();
    assert_eq!((&told["n"], &told["_attachments"]["t.txt"]["revpos"]), (&json!(1), &json!(1)));
    assert_eq!(client.get(&format!("{path}/b/t.txt")).await.text(), "hello");
}

#[tokio::test]
async fn a_copy_over_a_document_names_its_revision() {
    let (client, path) = database("over").await;
    let first = client.put(&format!("{path}/a"), json!({"n": 1})).await.member("rev");
    client.put(&format!("{path}/a"), json!({"n": 2, "_rev": first})).await.expect(201);
    let target = client.put(&format!("{path}/b"), json!({"old": true})).await.member("rev");
    copy(&client, &format!("{path}/a"), "b").await.error(
        409,
        "conflict",
        "Document update conflict.",
    );
    let over = format!("b?rev={target}");
    let copied = copy(&client, &format!("{path}/a"), &over).await.expect(201);
    assert!(copied.member("rev").starts_with("2-"));
    assert_eq!(client.get(&format!("{path}/b")).await.json()["n"], 2);
    // An older revision, named by the parameter or by If-Match.
    copy(&client, &format!("{path}/a?rev={first}"), "c").await.expect(201);
    assert_eq!(client.get(&format!("{path}/c")).await.json()["n"], 1);
    let matched = client
        .request("COPY", &format!("{path}/a"))
        .header("destination", "d%2Fe")
        .header("if-match", &format!("\"{first}\""));
    assert_eq!(matched.send().await.expect(201).member("id"), "d/e");
    assert_eq!(client.get(&format!("{path}/d%2Fe")).await.json()["n"], 1);
}

#[tokio::test]
async fn copies_without_sense_are_refused() {
    let (client, path) = database("senseless").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    client.request("COPY", &format!("{path}/a")).send().await.error(
        400,
        "bad_request",
        "Destination header is mandatory for COPY.",
    );
    let elsewhere = copy(&client, &format!("{path}/a"), "http://localhost/db/b").await;
    elsewhere.error(400, "bad_request", "Destination URL must be relative.");
    copy(&client, &format!("{path}/none"), "b").await.error(404, "not_found", "missing");
    copy(&client, &format!("{path}/a"), "_b").await.error_named(400, "illegal_docid");
    copy(&client, &format!("{path}/a"), "b?rev=x").await.error_named(400, "bad_request");
    copy(&client, &path, "b").await.error_named(405, "method_not_allowed");
}

#[tokio::test]
async fn design_and_local_documents_are_copied_too() {
    let (client, path) = database("kinds").await;
    client.put(&format!("{path}/_design/a"), json!({"x": 1})).await.expect(201);
    copy(&client, &format!("{path}/_design/a"), "_design/b").await.expect(201);
    assert_eq!(client.get(&format!("{path}/_design/b")).await.json()["x"], 1);
    client.put(&format!("{path}/_local/a"), json!({"y": 1})).await.expect(201);
    let copied = copy(&client, &format!("{path}/_local/a"), "_local/b").await.expect(201);
    assert_eq!(copied.member("rev"), "0-1");
    assert_eq!(client.get(&format!("{path}/_local/b")).await.json()["y"], 1);
    copy(&client, &format!("{path}/_local/a"), "plain").await.expect(201);
    assert_eq!(client.get(&format!("{path}/plain")).await.json()["y"], 1);
}

//! `_bulk_docs` and `_bulk_get`.

use serde_json::json;

use crate::{database, put_all};

#[tokio::test]
async fn a_bulk_answers_for_each_document() {
    let (client, path) = database("bulk").await;
    let revs = put_all(&client, &path, &[("b", json!({"n": 0}))]).await;
    let docs = json!({"docs": [
        {"_id": "a", "n": 1},
        {"_id": "b", "n": 1},
        {"_id": "b", "_rev": revs[0], "n": 2},
        {"n": 3},
        {"_id": "a", "n": 4},
    ]});
    let told = client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201).json();
    let told = told.as_array().unwrap();
    assert_eq!(told.len(), 5);
    assert_eq!((&told[0]["ok"], &told[0]["id"]), (&json!(true), &json!("a")));
    assert_eq!(
        told[1],
        json!({"id": "b", "error": "conflict", "reason": "Document update conflict."})
    );
    assert!(told[2]["rev"].as_str().unwrap().starts_with("2-"), "{told:?}");
    assert_eq!(told[3]["id"].as_str().unwrap().len(), 32);
    assert_eq!(
        told[4],
        json!({"id": "a", "error": "conflict", "reason": "Document update conflict."})
    );
    assert_eq!(client.get(&format!("{path}/a")).await.json()["n"], 1);
    assert_eq!(client.get(&format!("{path}/b")).await.json()["n"], 2);
}

#[tokio::test]
async fn a_bulk_deletes_too() {
    let (client, path) = database("bulk").await;
    let revs = put_all(&client, &path, &[("a", json!({})), ("b", json!({}))]).await;
    let docs = json!({"docs": [{"_id": "a", "_rev": revs[0], "_deleted": true}, {"_id": "c", "_deleted": true}]});
    let told = client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201).json();
    assert!(told[0]["rev"].as_str().unwrap().starts_with("2-"));
    let info = client.get(&path).await.json();
    assert_eq!(info["doc_count"], 1, "{told} {info}");
}

#[tokio::test]
async fn replicated_edits_answer_only_errors() {
    let (client, path) = database("edits").await;
    let docs = json!({"new_edits": false, "docs": [
        {"_id": "a", "_rev": "2-22222222222222222222222222222222", "_revisions": {"start": 2, "ids": ["22222222222222222222222222222222", "11111111111111111111111111111111"]}},
        {"_id": "b", "_rev": "1-abc"},
    ]});
    let told = client.post(&format!("{path}/_bulk_docs"), docs).await.expect(201);
    assert_eq!(told.json(), json!([]));
    assert_eq!(
        client.get(&format!("{path}/a")).await.json()["_rev"],
        "2-22222222222222222222222222222222"
    );
    assert_eq!(client.get(&format!("{path}/b")).await.json()["_rev"], "1-abc");
}

#[tokio::test]
async fn wrong_bulks_are_refused_whole() {
    let (client, path) = database("bulk").await;
    let bulk = format!("{path}/_bulk_docs");
    client.post(&bulk, json!({})).await.error(
        400,
        "bad_request",
        "POST body must include `docs` parameter.",
    );
    for body in
        [r#"{"docs":1}"#, "[]", "{", r#"{"docs":[1]}"#, r#"{"docs":[{"_id":"a"}],"new_edits":2}"#]
    {
        client.post_text(&bulk, body).await.expect(400);
    }
    client.post(&bulk, json!({"docs": [{"_id": "good"}, {"_id": "bad", "_foo": 1}]})).await.error(
        400,
        "doc_validation",
        "Bad special document member: _foo",
    );
    client.get(&format!("{path}/good")).await.error(404, "not_found", "missing");
    assert_eq!(client.post(&bulk, json!({"docs": []})).await.expect(201).json(), json!([]));
    let typed =
        client.request("POST", &bulk).header("content-type", "text/plain").body(r#"{"docs":[]}"#);
    typed.send().await.error_named(415, "bad_content_type");
}

#[tokio::test]
async fn a_thousand_documents_at_once() {
    let (client, path) = database("thousand").await;
    let docs: Vec<_> =
        (0..1000).map(|number| json!({"_id": format!("{number:04}"), "n": number})).collect();
    let told =
        client.post(&format!("{path}/_bulk_docs"), json!({"docs": docs})).await.expect(201).json();
    assert!(
        told.as_array()
            .unwrap()
            .iter()
            .enumerate()
            .all(|(number, one)| one["id"] == format!("{number:04}") && one["ok"] == true)
    );
    let info = client.get(&path).await.json();
    assert_eq!(info["doc_count"], 1000);
    assert!(info["update_seq"].as_str().unwrap().starts_with("1000-"), "{info}");
}

#[tokio::test]
async fn bulk_get_answers_in_order() {
    let (client, path) = database("get").await;
    let revs = put_all(&client, &path, &[("a", json!({"n": 1})), ("b", json!({"n": 2}))]).await;
    let asked = json!({"docs": [
        {"id": "b"},
        {"id": "a", "rev": revs[0]},
        {"id": "missing"},
        {"id": "a", "rev": "7-00000000000000000000000000000000"},
    ]});
    let reply = client.post(&format!("{path}/_bulk_get?revs=true"), asked).await.expect(200);
    let told = reply.json();
    assert_eq!(told["results"][0]["id"], "b");
    assert_eq!(told["results"][0]["docs"][0]["ok"]["n"], 2);
    assert_eq!(told["results"][1]["docs"][0]["ok"]["_rev"], revs[0]);
    assert_eq!(told["results"][1]["docs"][0]["ok"]["_revisions"]["start"], 1);
    let missing = &told["results"][2]["docs"][0]["error"];
    assert_eq!(
        (&missing["id"], &missing["error"], &missing["reason"]),
        (&json!("missing"), &json!("not_found"), &json!("missing"))
    );
    let missing = &told["results"][3]["docs"][0]["error"];
    assert_eq!(
        (&missing["rev"], &missing["error"]),
        (&json!("7-00000000000000000000000000000000"), &json!("not_found"))
    );
    assert_eq!(told["results"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn bulk_get_of_a_deleted_document_and_the_latest() {
    let (client, path) = database("get").await;
    let revs = put_all(&client, &path, &[("a", json!({"n": 1})), ("b", json!({"n": 1}))]).await;
    let second =
        client.put(&format!("{path}/a"), json!({"_rev": revs[0], "n": 2})).await.member("rev");
    let stone = client.delete(&format!("{path}/b?rev={}", revs[1])).await.member("rev");
    let asked = json!({"docs": [{"id": "a", "rev": revs[0]}, {"id": "b", "rev": stone}]});
    let told =
        client.post(&format!("{path}/_bulk_get?latest=true"), asked).await.expect(200).json();
    assert_eq!(told["results"][0]["docs"][0]["ok"]["_rev"], second);
    assert_eq!(
        told["results"][1]["docs"][0]["ok"],
        json!({"_id": "b", "_rev": stone, "_deleted": true})
    );
}

#[tokio::test]
async fn bulk_get_wants_a_list() {
    let (client, path) = database("get").await;
    client.post(&format!("{path}/_bulk_get"), json!({})).await.error(
        400,
        "bad_request",
        "Missing JSON list of 'docs'.",
    );
    client.post(&format!("{path}/_bulk_get"), json!({"docs": 1})).await.expect(400);
}

//! Databases: made, described, written to by POST, removed.

use refuge_tests::database_name;
use serde_json::json;

use crate::{NODE, database};

#[tokio::test]
async fn a_database_is_made_once() {
    let (client, path) = database("once").await;
    let again = client.put_nothing(&path).await;
    again.error(412, "file_exists", "The database could not be created, the file already exists.");
}

#[tokio::test]
async fn making_one_tells_where_it_is() {
    let path = format!("/{}", database_name("location"));
    let reply = NODE.client().put_nothing(&path).await.expect(201);
    assert_eq!(reply.json(), json!({"ok": true}));
    assert_eq!(reply.header("location"), format!("http://{}{path}", NODE.address()));
}

#[tokio::test]
async fn names_follow_couchdbs_rules() {
    let client = NODE.client();
    for name in ["Upper", "1st", "a.b", "a%20b", "%C3%A9t%C3%A9", "_mine", "a~"] {
        client.put_nothing(&format!("/{name}")).await.error_named(400, "illegal_database_name");
    }
    client.put_nothing("/Upper").await.error(
        400,
        "illegal_database_name",
        "Name: 'Upper'. Only lowercase characters (a-z), digits (0-9), and any of the characters _, $, (, ), +, -, and / are allowed. Must begin with a letter.",
    );
    let odd = "odd_$()%2B-%2F1";
    client.put_nothing(&format!("/{odd}")).await.expect(201);
    assert_eq!(client.get(&format!("/{odd}")).await.expect(200).json()["db_name"], "odd_$()+-/1");
    let all = client.get("/_all_dbs").await.json();
    assert!(all.as_array().unwrap().contains(&"odd_$()+-/1".into()));
    client.delete(&format!("/{odd}")).await.expect(200);
    let long = format!("/{}", "a".repeat(239));
    client.put_nothing(&long).await.expect(400);
}

#[tokio::test]
async fn a_missing_database_is_404_everywhere() {
    let client = NODE.client();
    let path = format!("/{}", database_name("missing"));
    for (method, rest) in [
        ("GET", ""),
        ("DELETE", ""),
        ("POST", ""),
        ("GET", "/a"),
        ("PUT", "/a"),
        ("GET", "/_changes"),
        ("GET", "/_all_docs"),
        ("POST", "/_bulk_docs"),
        ("GET", "/_local/a"),
        ("GET", "/_security"),
    ] {
        let body = if rest == "/_bulk_docs" { r#"{"docs":[]}"# } else { "{}" };
        let reply = client.request(method, &format!("{path}{rest}")).json(body).send().await;
        reply.error(404, "not_found", "Database does not exist.");
    }
    let head = client.head(&path).await.expect(404);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn its_description_counts() {
    let (client, path) = database("counts").await;
    let told = client.get(&path).await.expect(200).json();
    assert_eq!(told["db_name"], path[1..]);
    assert_eq!((&told["doc_count"], &told["doc_del_count"]), (&json!(0), &json!(0)));
    assert!(told["update_seq"].as_str().is_some_and(|seq| seq.starts_with("0")), "{told}");
    for member in ["purge_seq", "instance_start_time"] {
        assert!(told[member].is_string(), "{member}: {told}");
    }
    for member in ["file", "external", "active"] {
        assert!(told["sizes"][member].is_u64(), "{member}: {told}");
    }
    assert!(told["cluster"]["q"].is_u64() && told["props"].is_object(), "{told}");
    assert_eq!(
        (&told["compact_running"], &told["disk_format_version"]),
        (&json!(false), &json!(8))
    );

    let kept = client.put(&format!("{path}/kept"), json!({})).await.member("rev");
    let gone = client.put(&format!("{path}/gone"), json!({})).await.member("rev");
    client.delete(&format!("{path}/gone?rev={gone}")).await.expect(200);
    client.put(&format!("{path}/kept"), json!({"_rev": kept})).await.expect(201);
    let told = client.get(&path).await.expect(200).json();
    assert_eq!((&told["doc_count"], &told["doc_del_count"]), (&json!(1), &json!(1)), "{told}");
    assert!(told["update_seq"].as_str().unwrap().starts_with("4-"), "{told}");
    client.head(&path).await.expect(200);
}

#[tokio::test]
async fn a_database_removed_and_made_again_is_empty() {
    let (client, path) = database("again").await;
    client.put(&format!("{path}/a"), json!({})).await.expect(201);
    client.put(&format!("{path}/_local/a"), json!({})).await.expect(201);
    client
        .put(&format!("{path}/_security"), json!({"members": {"names": ["bob"]}}))
        .await
        .expect(200);
    let first = client.get(&path).await.json();
    assert_eq!(client.delete(&path).await.expect(200).json(), json!({"ok": true}));
    client.get(&path).await.error(404, "not_found", "Database does not exist.");
    client.put_nothing(&path).await.expect(201);
    let second = client.get(&path).await.json();
    assert_eq!(second["doc_count"], 0);
    assert_ne!(first["update_seq"], second["update_seq"]);
    client.get(&format!("{path}/a")).await.error(404, "not_found", "missing");
    client.get(&format!("{path}/_local/a")).await.error_named(404, "not_found");
    assert_eq!(
        client.get(&format!("{path}/_security")).await.json()["members"]["roles"],
        json!(["_admin"])
    );
    assert_eq!(client.get(&format!("{path}/_changes")).await.json()["results"], json!([]));
}

#[tokio::test]
async fn deleting_with_a_revision_is_a_slip() {
    let (client, path) = database("slip").await;
    let reply = client.delete(&format!("{path}?rev=1-abc")).await;
    reply.error_named(400, "bad_request");
    client.get(&path).await.expect(200);
}

#[tokio::test]
async fn posted_documents_get_an_id() {
    let (client, path) = database("post").await;
    let reply = client.post(&path, json!({"a": 1})).await.expect(201);
    let id = reply.member("id");
    assert_eq!(id.len(), 32);
    assert_eq!(reply.member("rev"), "1-23202479633c2b380f79507a776743d5");
    assert_eq!(reply.header("location"), format!("http://{}{path}/{id}", NODE.address()));
    assert_eq!(client.get(&format!("{path}/{id}")).await.expect(200).json()["a"], 1);
    let named = client.post(&path, json!({"_id": "named"})).await.expect(201);
    assert_eq!(named.member("id"), "named");
    client.post(&path, json!({"_id": "named"})).await.error(
        409,
        "conflict",
        "Document update conflict.",
    );
    client.post(&path, json!([])).await.error(400, "bad_request", "Document must be a JSON object");
    let typed =
        client.request("POST", &path).header("content-type", "text/plain").body("{}").send().await;
    typed.error(415, "bad_content_type", "Content-Type must be application/json");
}

#[tokio::test]
async fn ensure_full_commit_is_answered() {
    let (client, path) = database("commit").await;
    let reply =
        client.post(&format!("{path}/_ensure_full_commit"), json!({})).await.expect(201).json();
    assert_eq!(reply["ok"], true);
    assert!(reply["instance_start_time"].is_string());
}

#[tokio::test]
async fn an_engine_and_places_have_to_be_such() {
    let client = NODE.client();
    let name = format!("/{}", refuge_tests::database_name("engine"));
    let reason = "invalid_engine_extension";
    client.put_nothing(&format!("{name}?engine=x")).await.error(400, "bad_request", reason);
    let reason = "The `placement` value should be in a format `zone:n`.";
    for placement in ["", "a", "a:0", "a:b", "a:1:2", "a:1,b"] {
        let put = client.put_nothing(&format!("{name}?placement={placement}")).await;
        put.error(400, "bad_request", reason);
    }
    client.put_nothing(&format!("{name}?engine=couch&placement=a:1,b:2")).await.expect(201);
}

#[tokio::test]
async fn what_is_told_to_work_is_told_in_json() {
    let (client, path) = database("told").await;
    for place in ["_ensure_full_commit", "_compact"] {
        let reason = "Content-Type must be application/json";
        let untold = client.request("POST", &format!("{path}/{place}")).send().await;
        untold.error(415, "bad_content_type", reason);
        let text = client.request("POST", &format!("{path}/{place}"));
        let text = text.header("content-type", "text/plain").send().await;
        text.error(415, "bad_content_type", reason);
    }
}

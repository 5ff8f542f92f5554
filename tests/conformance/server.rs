//! What belongs to no database: `/`, `_up`, `_uuids`, `_all_dbs`, `_session`.

use refuge_tests::database_name;
use serde_json::json;

use crate::{NODE, database};

#[tokio::test]
async fn the_root_welcomes_as_clients_expect() {
    let reply = NODE.anonymous().get("/").await.expect(200);
    let told = reply.json();
    assert_eq!(told["couchdb"], "Welcome");
    assert_eq!(
        told["version"].as_str().map(|version| version.starts_with("3.5.")),
        Some(true),
        "{told}"
    );
    assert!(told["uuid"].as_str().is_some_and(|uuid| uuid.len() == 32), "{told}");
    assert!(told["features"].is_array() && told["vendor"]["name"].is_string(), "{told}");
    assert!(reply.header("server").starts_with("CouchDB/3.5.0 (refuge "), "{:?}", reply.headers);
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "must-revalidate");
    assert!(reply.text().ends_with("}\n"), "a JSON answer ends with a newline");
}

#[tokio::test]
async fn up_answers_anybody() {
    let reply = NODE.anonymous().get("/_up").await.expect(200);
    assert_eq!(reply.json()["status"], "ok");
    NODE.anonymous().head("/_up").await.expect(200);
}

#[tokio::test]
async fn uuids_are_new_each_time() {
    let client = NODE.client();
    let one = client.get("/_uuids").await.expect(200);
    assert!(one.header("cache-control").contains("no-cache"), "{:?}", one.headers);
    let many = client.get("/_uuids?count=50").await.expect(200).json();
    let mut all: Vec<&str> =
        many["uuids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let one = one.json();
    all.push(one["uuids"][0].as_str().unwrap());
    assert!(all.iter().all(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())));
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 51);
}

#[tokio::test]
async fn uuids_have_limits() {
    let client = NODE.client();
    assert_eq!(client.get("/_uuids?count=0").await.expect(200).json(), json!({"uuids": []}));
    client.get("/_uuids?count=1001").await.error(400, "bad_request", "count parameter too large");
    client.get("/_uuids?count=-1").await.error_named(400, "bad_request");
    client.get("/_uuids?count=many").await.error_named(400, "bad_request");
    let refused = client.post("/_uuids", json!({})).await;
    refused.error(405, "method_not_allowed", "Only GET allowed");
    assert_eq!(refused.header("allow"), "GET");
}

#[tokio::test]
async fn all_databases_are_listed_in_order() {
    let client = NODE.client();
    let story = database_name("list");
    for letter in ["c", "a", "b"] {
        client.put_nothing(&format!("/{story}{letter}")).await.expect(201);
    }
    let all = client.get("/_all_dbs").await.expect(200).json();
    let mine: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|name| name.as_str())
        .filter(|name| name.starts_with(&story))
        .collect();
    assert_eq!(mine, ["a", "b", "c"].map(|letter| format!("{story}{letter}")));
    let asked = format!("/_all_dbs?startkey=\"{story}b\"&endkey=\"{story}c\"");
    assert_eq!(
        client.get(&asked.replace('"', "%22")).await.expect(200).json(),
        json!([format!("{story}b"), format!("{story}c")])
    );
    let asked = format!("/_all_dbs?startkey=\"{story}a\"&limit=1&skip=1");
    assert_eq!(
        client.get(&asked.replace('"', "%22")).await.expect(200).json(),
        json!([format!("{story}b")])
    );
    let asked = format!("/_all_dbs?descending=true&startkey=\"{story}c\"&limit=2");
    assert_eq!(
        client.get(&asked.replace('"', "%22")).await.expect(200).json(),
        json!([format!("{story}c"), format!("{story}b")])
    );
}

#[tokio::test]
async fn session_tells_who_one_is() {
    let nobody = NODE.anonymous().get("/_session").await.expect(200).json();
    assert_eq!(nobody["ok"], true);
    assert_eq!(nobody["userCtx"], json!({"name": null, "roles": []}));
    let admin = NODE.client().get("/_session").await.expect(200).json();
    assert_eq!(admin["userCtx"], json!({"name": "admin", "roles": ["_admin"]}));
    assert_eq!(admin["info"]["authenticated"], "default");
}

#[tokio::test]
async fn wrong_methods_are_told_the_right_ones() {
    let client = NODE.client();
    let (_, database) = database("methods").await;
    for (method, path, allowed) in [
        ("POST", "/".to_owned(), "GET,HEAD"),
        ("POST", "/_all_dbs".to_owned(), "GET,HEAD"),
        ("PUT", "/_up".to_owned(), "GET,HEAD"),
        ("PATCH", database.clone(), "DELETE,GET,HEAD,POST"),
        ("GET", format!("{database}/_bulk_docs"), "POST"),
        ("GET", format!("{database}/_revs_diff"), "POST"),
        ("DELETE", format!("{database}/_changes"), "GET,HEAD,POST"),
        ("DELETE", format!("{database}/_all_docs"), "GET,HEAD,POST"),
        ("DELETE", format!("{database}/_security"), "PUT,GET"),
    ] {
        let refused = client.request(method, &path).json("{}").send().await;
        refused.error(405, "method_not_allowed", &format!("Only {allowed} allowed"));
        assert_eq!(refused.header("allow"), allowed, "{method} {path}");
    }
}

#[tokio::test]
async fn each_answer_names_its_request() {
    let (client, database) = database("named").await;
    let mut names = std::collections::BTreeSet::new();
    for (method, path) in
        [("GET", "/".to_owned()), ("HEAD", database.clone()), ("GET", format!("{database}/none"))]
    {
        let answer = client.request(method, &path).send().await;
        let name = answer.header("x-couch-request-id").to_owned();
        assert!(name.len() == 10 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert_eq!(answer.header("x-couchdb-body-time"), "0", "{method} {path}");
        names.insert(name);
    }
    assert_eq!(names.len(), 3);
    let refused = NODE.anonymous().get("/_all_dbs").await.expect(401);
    assert_eq!(refused.header("x-couch-request-id").len(), 10);
    let uuid = "E7498DE1-B661-42FA-943D-17F890143068";
    let answer = client.request("GET", "/").header("x-couch-request-id", uuid).send().await;
    assert_eq!(answer.header("x-couch-request-id"), uuid);
}

#[tokio::test]
async fn identifiers_may_be_asked_for_their_head() {
    let head = NODE.client().head("/_uuids?count=2").await.expect(200);
    assert!(head.body.is_empty() && head.header("content-length") != "0");
}

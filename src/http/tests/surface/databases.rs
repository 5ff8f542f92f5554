//! Databases as wholes.

use crate::client::Client;

#[tokio::test]
async fn a_database_is_made_once_listed_and_removed() {
    let mut client = Client::with_database().await;
    let again = client.send("PUT /db", &[], "").await.expect(412);
    assert_eq!(
        again.text(),
        "{\"error\":\"file_exists\",\"reason\":\"The database could not be created, the file \
         already exists.\"}\n"
    );
    let made = client.send("PUT /a%2Fb", &[], "").await.expect(201);
    assert_eq!(made.header("location"), Some("http://node/a%2Fb"));
    assert_eq!(made.text(), "{\"ok\":true}\n");
    assert_eq!(client.get("/_all_dbs").await.expect(200).text(), "[\"a/b\",\"db\"]\n");
    let listed = client.get("/_all_dbs?startkey=%22b%22&descending=false").await.expect(200);
    assert_eq!(listed.text(), "[\"db\"]\n");
    assert_eq!(client.get("/_all_dbs?descending=true&limit=1").await.text(), "[\"db\"]\n");
    client.send("DELETE /a%2Fb?rev=1-x", &[], "").await.expect(400);
    client.send("DELETE /a%2Fb", &[], "").await.expect(200);
    let missing = client.get("/a%2Fb").await.expect(404);
    assert_eq!(missing.json()["reason"], "Database does not exist.");
}

#[tokio::test]
async fn illegal_names_are_told() {
    let mut client = Client::with_database().await;
    let illegal = client.send("PUT /Db", &[], "").await.expect(400);
    assert_eq!(illegal.json()["error"], "illegal_database_name");
    assert_eq!(client.get("/_nothing").await.expect(400).json()["error"], "illegal_database_name");
    client.get("/nothing").await.expect(404);
    client.send("PUT /x?q=0", &[], "").await.expect(400);
    client.send("PUT /x?partitioned=tru", &[], "").await.expect(400);
    client.send("PUT /_users?partitioned=true", &[], "").await.expect(400);
}

#[tokio::test]
async fn a_database_tells_its_counts() {
    let mut client = Client::with_database().await;
    client.store("/db/a", "{}").await;
    let revision = client.store("/db/b", "{}").await;
    client.send(&format!("DELETE /db/b?rev={revision}"), &[], "").await.expect(200);
    let told = client.get("/db").await.expect(200).json();
    assert_eq!(told["db_name"], "db");
    assert_eq!(told["doc_count"], 1);
    assert_eq!(told["doc_del_count"], 1);
    assert_eq!(told["update_seq"], "3-memory");
    assert_eq!(told["cluster"]["n"], 1);
    let head = client.send("HEAD /db", &[], "").await.expect(200);
    assert!(head.body.is_empty() && head.header("content-length").is_some());
    let wrong = client.send("PATCH /db", &[], "").await.expect(405);
    assert_eq!(wrong.header("allow"), Some("DELETE,GET,HEAD,POST"));
}

#[tokio::test]
async fn security_is_kept_and_full_commit_is_always_so() {
    let mut client = Client::with_database().await;
    let security =
        r#"{"admins":{"names":[],"roles":["x"]},"members":{"names":["bob"],"roles":[]},"more":1}"#;
    client.put("/db/_security", security).await.expect(200);
    let kept = client.get("/db/_security").await.expect(200);
    assert_eq!(kept.json(), serde_json::from_str::<serde_json::Value>(security).unwrap());
    client.put("/db/_security", "[]").await.expect(400);
    client.put("/db/_security", r#"{"admins":{"names":"ada"}}"#).await.expect(400);
    let committed = client.post("/db/_ensure_full_commit", "").await.expect(201);
    assert_eq!(committed.json()["instance_start_time"], "0");
    assert_eq!(client.get("/db/_revs_limit").await.expect(200).text(), "1000\n");
}

#[tokio::test]
async fn the_node_itself_answers() {
    let mut client = Client::with_database().await;
    let welcome = client.get("/").await.expect(200);
    assert_eq!(welcome.json()["couchdb"], "Welcome");
    assert_eq!(welcome.json()["version"], "3.5.0");
    assert_eq!(welcome.header("server"), Some("CouchDB/3.5.0 (refuge 0.0.0)"));
    assert_eq!(welcome.header("cache-control"), Some("must-revalidate"));
    assert_eq!(welcome.header("content-type"), Some("application/json"));
    let plain = client.send("GET /", &[("accept", "text/html")], "").await.expect(200);
    assert_eq!(plain.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(client.get("/_up").await.expect(200).json()["status"], "ok");
    let identifiers = client.get("/_uuids?count=3").await.expect(200).json();
    assert_eq!(identifiers["uuids"].as_array().unwrap().len(), 3);
    client.get("/_uuids?count=100000").await.expect(400);
    for later in ["/db/_index", "/_active_tasks", "/db/_design/d/_view/v", "/_node/_local/_config"]
    {
        let answer = client.get(later).await.expect(501);
        assert_eq!(answer.json()["error"], "not_implemented", "{later}");
    }
    client.send("COPY /db/a", &[("destination", "b")], "").await.expect(404);
    let body = r#"{"source":"a","target":"b"}"#;
    client.post("/_replicate", body).await.expect(200);
}

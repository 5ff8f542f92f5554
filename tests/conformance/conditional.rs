//! What a client has already is not sent again; and a POST that stands for another method.

use serde_json::{Value, json};

use crate::{database, put_all};

#[tokio::test]
async fn an_answer_that_the_client_has_is_304() {
    let (client, path) = database("known").await;
    client.put(&format!("{path}/a"), json!({"n": 1})).await.expect(201);
    client.put(&format!("{path}/_design/d"), json!({"n": 1})).await.expect(201);
    client.put(&format!("{path}/_local/l"), json!({"n": 1})).await.expect(201);
    let put = client.request("PUT", &format!("{path}/b/file")).body("hello");
    put.send().await.expect(201);
    for rest in ["a", "_design/d", "_local/l", "b/file", "_all_docs", "_design_docs", "_changes"] {
        let asked = format!("{path}/{rest}");
        for method in ["GET", "HEAD"] {
            let first = client.request(method, &asked).send().await.expect(200);
            let tag = first.header("etag").to_owned();
            assert!(tag.starts_with('"') && tag.len() > 2, "{method} {rest}: {tag}");
            let again = client.request(method, &asked).header("if-none-match", &tag).send().await;
            assert_eq!(
                (again.status, again.header("etag")),
                (304, tag.as_str()),
                "{method} {rest}"
            );
            let other = client.request(method, &asked).header("if-none-match", "\"other\"");
            other.send().await.expect(200);
        }
    }
    let local = client.get(&format!("{path}/_local/l")).await;
    let tag = local.header("etag").to_owned();
    client.put(&format!("{path}/_local/l"), json!({"_rev": "0-1", "n": 2})).await.expect(201);
    let asked = client.request("GET", &format!("{path}/_local/l")).header("if-none-match", &tag);
    assert_eq!(asked.send().await.expect(200).json()["n"], 2);
}

#[tokio::test]
async fn only_some_rows_tell_their_sequence() {
    let (client, path) = database("interval").await;
    let documents: Vec<(&str, Value)> =
        ["a", "b", "c", "d", "e", "f"].map(|id| (id, json!({}))).to_vec();
    put_all(&client, &path, &documents).await;
    let numbered = async |query: &str| -> Vec<bool> {
        let told = client.get(&format!("{path}/_changes?{query}")).await.expect(200).json();
        assert!(told["last_seq"].is_string(), "{told}");
        told["results"].as_array().unwrap().iter().map(|row| !row["seq"].is_null()).collect()
    };
    assert_eq!(numbered("").await, [true; 6]);
    let every_third = [true, false, false, true, false, false];
    assert_eq!(numbered("seq_interval=3&limit=6").await, every_third);
    assert_eq!(numbered("seq_interval=1").await, [true; 6]);
    for senseless in ["0", "-1", "x"] {
        let asked = format!("{path}/_changes?seq_interval={senseless}");
        client.get(&asked).await.error(400, "bad_request", "invalid_seq_interval");
    }
}

#[tokio::test]
async fn a_post_may_stand_for_another_method() {
    let (client, path) = database("override").await;
    let as_method = async |method: &str, rest: &str, body: &str| {
        let request = client.request("POST", &format!("{path}{rest}"));
        request.header("x-http-method-override", method).json(body.to_owned()).send().await
    };
    let rev = as_method("PUT", "/a", r#"{"n":1}"#).await.expect(201).member("rev");
    assert_eq!(as_method("GET", "/a", "").await.expect(200).json()["n"], 1);
    let copy = client.request("POST", &format!("{path}/a")).header("destination", "b");
    copy.header("x-http-method-override", "COPY").send().await.expect(201);
    as_method("DELETE", &format!("/a?rev={rev}"), "").await.expect(200);
    client.get(&format!("{path}/a")).await.expect(404);
    // Only a POST may.
    let get =
        client.request("GET", &format!("{path}/b")).header("x-http-method-override", "DELETE");
    get.send().await.expect(200);
    client.get(&format!("{path}/b")).await.expect(200);
}

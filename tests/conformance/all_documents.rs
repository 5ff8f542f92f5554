//! `_all_docs`: ranges, keys, counts, documents.

use serde_json::{Value, json};

use crate::{database, ids, put_all};

async fn ask(client: &refuge_tests::Client, path: &str, query: &str) -> Value {
    let query = query.replace('"', "%22");
    client.get(&format!("{path}/_all_docs?{query}")).await.expect(200).json()
}

#[tokio::test]
async fn rows_tell_id_key_and_revision() {
    let (client, path) = database("rows").await;
    let revs = put_all(&client, &path, &[("b", json!({})), ("a", json!({"n": 1}))]).await;
    let told = ask(&client, &path, "").await;
    assert_eq!(
        told,
        json!({"total_rows": 2, "offset": 0, "rows": [
            {"id": "a", "key": "a", "value": {"rev": revs[1]}},
            {"id": "b", "key": "b", "value": {"rev": revs[0]}},
        ]})
    );
    let told = ask(&client, &path, "include_docs=true").await;
    assert_eq!(told["rows"][0]["doc"], json!({"_id": "a", "_rev": revs[1], "n": 1}));
}

#[tokio::test]
async fn ids_are_in_byte_order() {
    let (client, path) = database("order").await;
    let order = ["A", "B", "_design/a", "a", "aa", "b", "é"];
    for id in order.iter().rev() {
        client.put(&format!("{path}/{}", id.replace('é', "%C3%A9")), json!({})).await.expect(201);
    }
    assert_eq!(ids(&ask(&client, &path, "").await), order);
    let mut down = order.to_vec();
    down.reverse();
    assert_eq!(ids(&ask(&client, &path, "descending=true").await), down);
}

#[tokio::test]
async fn ranges() {
    let (client, path) = database("ranges").await;
    let docs = ["a", "b", "c", "d", "e"].map(|id| (id, json!({})));
    put_all(&client, &path, &docs).await;
    for (query, expected) in [
        (r#"startkey="b""#, "bcde"),
        (r#"start_key="b"&end_key="d""#, "bcd"),
        (r#"startkey="b"&endkey="d"&inclusive_end=false"#, "bc"),
        (r#"startkey="bb""#, "cde"),
        (r#"endkey="bb""#, "ab"),
        (r#"startkey="d"&endkey="b"&descending=true"#, "dcb"),
        (r#"startkey="d"&endkey="b"&descending=true&inclusive_end=false"#, "dc"),
        (r#"startkey="d"&endkey="b""#, ""),
        ("limit=2", "ab"),
        ("limit=0", ""),
        ("limit=2&skip=1", "bc"),
        ("skip=4", "e"),
        ("skip=9", ""),
        ("descending=true&limit=2&skip=1", "dc"),
        (r#"key="c""#, "c"),
        (r#"key="x""#, ""),
        (r#"startkey="b"&limit=1"#, "b"),
        (r#"startkey="x""#, ""),
        (r#"startkey="b";limit=1"#, "b"),
    ] {
        let told = ask(&client, &path, query).await;
        assert_eq!(ids(&told).concat(), expected, "{query}");
        assert_eq!(told["total_rows"], 5, "{query}");
    }
    assert_eq!(ask(&client, &path, r#"startkey="c""#).await["offset"], 2);
}

#[tokio::test]
async fn deleted_documents_do_not_appear() {
    let (client, path) = database("deleted").await;
    let revs = put_all(&client, &path, &[("a", json!({})), ("b", json!({}))]).await;
    let stone = client.delete(&format!("{path}/a?rev={}", revs[0])).await.member("rev");
    let told = ask(&client, &path, "").await;
    assert_eq!((ids(&told).concat().as_str(), &told["total_rows"]), ("b", &json!(1)));
    let told = ask(&client, &path, r#"keys=["a","b"]&include_docs=true"#).await;
    assert_eq!(
        told["rows"][0],
        json!({"id": "a", "key": "a", "value": {"rev": stone, "deleted": true}, "doc": null})
    );
}

#[tokio::test]
async fn keys_answer_in_the_order_asked() {
    let (client, path) = database("keys").await;
    let revs = put_all(&client, &path, &[("a", json!({"n": 1})), ("b", json!({"n": 2}))]).await;
    let asked = json!({"keys": ["b", "missing", "a", "b"]});
    let told = client.post(&format!("{path}/_all_docs"), asked.clone()).await.expect(200).json();
    assert_eq!(told["total_rows"], 2);
    assert_eq!(
        told["rows"],
        json!([
            {"id": "b", "key": "b", "value": {"rev": revs[1]}},
            {"key": "missing", "error": "not_found"},
            {"id": "a", "key": "a", "value": {"rev": revs[0]}},
            {"id": "b", "key": "b", "value": {"rev": revs[1]}},
        ])
    );
    let told =
        client.post(&format!("{path}/_all_docs?include_docs=true"), asked.clone()).await.json();
    assert_eq!(told["rows"][2]["doc"]["n"], 1);
    let by_get = ask(&client, &path, r#"keys=["b","missing","a","b"]&include_docs=true"#).await;
    assert_eq!(by_get, told);
    let empty =
        client.post(&format!("{path}/_all_docs"), json!({"keys": []})).await.expect(200).json();
    assert_eq!(empty["rows"], json!([]));
    let in_body = client
        .post(&format!("{path}/_all_docs"), json!({"keys": ["a"], "include_docs": true}))
        .await
        .json();
    assert_eq!(in_body["rows"][0]["doc"]["n"], 1);
    client.post(&format!("{path}/_all_docs"), json!({"keys": 1})).await.expect(400);
}

#[tokio::test]
async fn conflicts_are_told_with_the_documents() {
    let (client, path) = database("conflicts").await;
    for rev in ["1-aaa", "1-bbb"] {
        client.put(&format!("{path}/a?new_edits=false"), json!({"_rev": rev})).await.expect(201);
    }
    let told = ask(&client, &path, "include_docs=true&conflicts=true").await;
    assert_eq!(told["rows"][0]["doc"]["_rev"], "1-bbb");
    assert_eq!(told["rows"][0]["doc"]["_conflicts"], json!(["1-aaa"]));
}

#[tokio::test]
async fn update_sequence_is_told_on_request() {
    let (client, path) = database("sequence").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let told = ask(&client, &path, "update_seq=true").await;
    assert!(told["update_seq"].as_str().unwrap().starts_with("1-"), "{told}");
}

#[tokio::test]
async fn wrong_parameters_are_refused() {
    let (client, path) = database("wrong").await;
    for query in
        ["limit=-1", "limit=x", "skip=-1", "descending=maybe", "key=x", "startkey={", "keys=1"]
    {
        let reply = client.get(&format!("{path}/_all_docs?{query}")).await;
        assert_eq!(reply.status, 400, "{query}: {}", reply.text());
    }
}

#[tokio::test]
async fn a_long_listing_is_whole() {
    let (client, path) = database("long").await;
    for bulk in 0..5 {
        let docs: Vec<_> = (0..1000)
            .map(|number| json!({"_id": format!("{:05}", bulk * 1000 + number), "filler": "x".repeat(1500)}))
            .collect();
        client.post(&format!("{path}/_bulk_docs"), json!({"docs": docs})).await.expect(201);
    }
    let told = ask(&client, &path, "include_docs=true").await;
    let all = ids(&told);
    assert_eq!(all.len(), 5000);
    assert!(all.iter().enumerate().all(|(number, id)| *id == format!("{number:05}")));
    let down =
        ids(&ask(&client, &path, "include_docs=true&descending=true&skip=10&limit=3000").await);
    assert!(
        down.iter().enumerate().all(|(number, id)| *id == format!("{:05}", 4989 - number)),
        "{:?}",
        &down[..3]
    );
    assert_eq!(down.len(), 3000);
}

//! `_changes` as one answer: rows, positions, order, documents.

use serde_json::{Value, json};

use crate::{database, ids, put_all};

async fn ask(client: &refuge_tests::Client, path: &str, query: &str) -> Value {
    client.get(&format!("{path}/_changes?{query}")).await.expect(200).json()
}

fn number(sequence: &Value) -> u64 {
    let text = sequence.as_str().expect("a sequence in text form");
    text.split('-').next().unwrap().parse().expect("a number before the dash")
}

#[tokio::test]
async fn rows_come_in_the_order_of_commit() {
    let (client, path) = database("order").await;
    let revs =
        put_all(&client, &path, &[("b", json!({})), ("a", json!({})), ("c", json!({}))]).await;
    let told = ask(&client, &path, "").await;
    assert_eq!(ids(&told), ["b", "a", "c"]);
    let row = &told["results"][0];
    assert_eq!(row["changes"], json!([{"rev": revs[0]}]));
    assert_eq!(number(&row["seq"]), 1);
    assert_eq!((number(&told["last_seq"]), &told["pending"]), (3, &json!(0)));
    assert!(row.get("deleted").is_none() && row.get("doc").is_none());
    let members: Vec<_> = row.as_object().unwrap().keys().collect();
    assert_eq!(members, ["seq", "id", "changes"]);
}

#[tokio::test]
async fn a_document_appears_once_at_its_last_change() {
    let (client, path) = database("once").await;
    let revs = put_all(&client, &path, &[("a", json!({})), ("b", json!({}))]).await;
    let second = client.put(&format!("{path}/a"), json!({"_rev": revs[0]})).await.member("rev");
    let stone = client.delete(&format!("{path}/b?rev={}", revs[1])).await.member("rev");
    let told = ask(&client, &path, "").await;
    assert_eq!(ids(&told), ["a", "b"]);
    assert_eq!(told["results"][0]["changes"], json!([{"rev": second}]));
    assert_eq!(
        (&told["results"][1]["changes"], &told["results"][1]["deleted"]),
        (&json!([{"rev": stone}]), &json!(true))
    );
}

#[tokio::test]
async fn any_position_is_a_place_to_go_on_from() {
    let (client, path) = database("since").await;
    let docs: Vec<(String, Value)> =
        (0..20).map(|number| (format!("{number:02}"), json!({}))).collect();
    for (id, body) in &docs {
        client.put(&format!("{path}/{id}"), body.clone()).await.expect(201);
    }
    let whole = ask(&client, &path, "").await;
    for row in whole["results"].as_array().unwrap() {
        let since = row["seq"].as_str().unwrap();
        let rest = ask(&client, &path, &format!("since={since}")).await;
        let passed = number(&row["seq"]) as usize;
        assert_eq!(ids(&rest), ids(&whole)[passed..], "since={since}");
        let quoted = ask(&client, &path, &format!("since=%22{since}%22")).await;
        assert_eq!(ids(&quoted), ids(&rest));
        let plain = ask(&client, &path, &format!("since={passed}")).await;
        assert_eq!(ids(&plain), ids(&rest));
    }
    assert_eq!(ids(&ask(&client, &path, "since=0").await).len(), 20);
    let now = ask(&client, &path, "since=now").await;
    assert_eq!((ids(&now).len(), number(&now["last_seq"])), (0, 20));
    client.get(&format!("{path}/_changes?since=nonsense")).await.expect(400);
}

#[tokio::test]
async fn results_and_pending_add_up() {
    let (client, path) = database("pending").await;
    for id in 0..17 {
        client.put(&format!("{path}/{id}"), json!({})).await.expect(201);
    }
    for limit in [1, 2, 5, 16, 17, 18] {
        let told = ask(&client, &path, &format!("limit={limit}")).await;
        let rows = ids(&told).len();
        assert_eq!(rows, limit.min(17));
        assert_eq!(told["pending"], json!(17 - rows), "limit={limit}");
        assert_eq!(number(&told["last_seq"]), rows as u64);
        let rest =
            ask(&client, &path, &format!("since={}", told["last_seq"].as_str().unwrap())).await;
        assert_eq!(ids(&rest).len() + rows, 17);
    }
}

#[tokio::test]
async fn newest_first() {
    let (client, path) = database("descending").await;
    put_all(&client, &path, &[("a", json!({})), ("b", json!({})), ("c", json!({}))]).await;
    assert_eq!(ids(&ask(&client, &path, "descending=true").await), ["c", "b", "a"]);
    assert_eq!(ids(&ask(&client, &path, "descending=true&limit=1").await), ["c"]);
}

#[tokio::test]
async fn all_leaves_in_the_style_of_replicators() {
    let (client, path) = database("style").await;
    for rev in ["1-aaa", "1-bbb"] {
        client.put(&format!("{path}/a?new_edits=false"), json!({"_rev": rev})).await.expect(201);
    }
    let told = ask(&client, &path, "style=all_docs").await;
    assert_eq!(told["results"][0]["changes"], json!([{"rev": "1-bbb"}, {"rev": "1-aaa"}]));
    let told = ask(&client, &path, "style=main_only").await;
    assert_eq!(told["results"][0]["changes"], json!([{"rev": "1-bbb"}]));
}

#[tokio::test]
async fn documents_come_along() {
    let (client, path) = database("documents").await;
    let revs = put_all(&client, &path, &[("a", json!({"n": 1})), ("b", json!({"n": 2}))]).await;
    let stone = client.delete(&format!("{path}/b?rev={}", revs[1])).await.member("rev");
    client.put(&format!("{path}/c?new_edits=false"), json!({"_rev": "1-aaa"})).await.expect(201);
    client.put(&format!("{path}/c?new_edits=false"), json!({"_rev": "1-bbb"})).await.expect(201);
    let told = ask(&client, &path, "include_docs=true").await;
    assert_eq!(told["results"][0]["doc"], json!({"_id": "a", "_rev": revs[0], "n": 1}));
    assert_eq!(told["results"][1]["doc"], json!({"_id": "b", "_rev": stone, "_deleted": true}));
    let told = ask(&client, &path, "include_docs=true&conflicts=true").await;
    assert_eq!(told["results"][2]["doc"]["_conflicts"], json!(["1-aaa"]));
}

#[tokio::test]
async fn chosen_documents_only() {
    let (client, path) = database("chosen").await;
    put_all(&client, &path, &[("a", json!({})), ("b", json!({})), ("c", json!({}))]).await;
    let asked = json!({"doc_ids": ["c", "a", "missing"]});
    let told =
        client.post(&format!("{path}/_changes?filter=_doc_ids"), asked).await.expect(200).json();
    assert_eq!(ids(&told), ["a", "c"]);
    let by_get = ask(&client, &path, "filter=_doc_ids&doc_ids=%5B%22b%22%5D").await;
    assert_eq!(ids(&by_get), ["b"]);
}

#[tokio::test]
async fn tuning_is_ignored_and_post_asks_as_get_does() {
    let (client, path) = database("tuning").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let told = ask(&client, &path, "seq_interval=10&timeout=1000&heartbeat=30000&unknown=1").await;
    assert_eq!(ids(&told), ["a"]);
    let told = client.post(&format!("{path}/_changes"), json!({})).await.expect(200).json();
    assert_eq!(ids(&told), ["a"]);
}

#[tokio::test]
async fn the_same_position_while_nothing_changes() {
    let (client, path) = database("same").await;
    put_all(&client, &path, &[("a", json!({}))]).await;
    let first = ask(&client, &path, "").await;
    let since = first["last_seq"].as_str().unwrap();
    let second = ask(&client, &path, &format!("since={since}")).await;
    assert_eq!(number(&second["last_seq"]), number(&first["last_seq"]));
    assert_eq!(client.get(&path).await.json()["update_seq"], first["last_seq"]);
}

#[tokio::test]
async fn a_selector_shows_the_fields_that_are_asked_for() {
    let (client, path) = database("fields").await;
    let file = json!({"f": {"content_type": "image/png", "data": "AAEC"}});
    let body = json!({"a": {"b": 1, "c": 2}, "d": 3, "_attachments": file});
    let rev = client.put(&format!("{path}/x"), body).await.expect(201).member("rev");
    client.put(&format!("{path}/y"), json!({"d": 4})).await.expect(201);
    let ask = async |parameters: &str, fields: Value| {
        let asked = json!({"selector": {"d": 3}, "fields": fields});
        let place = format!("{path}/_changes?filter=_selector&include_docs=true&{parameters}");
        let told = client.post(&place, asked).await.expect(200).json();
        assert_eq!(told["results"].as_array().map(Vec::len), Some(1), "{told}");
        told["results"][0]["doc"].clone()
    };
    let fields = json!(["_id", "a.c", "_rev", "nothing"]);
    assert_eq!(ask("", fields).await, json!({"_id": "x", "a": {"c": 2}, "_rev": rev}));
    assert_eq!(ask("", json!([])).await["d"], 3);
    assert_eq!(ask("attachments=true", json!(["d"])).await, json!({"d": 3}));
    let shown = ask("", json!(["_attachments"])).await;
    assert_eq!(shown["_attachments"]["f"]["stub"], true);
    let shown = ask("attachments=true", json!(["_attachments.f.data", "d"])).await;
    assert_eq!(shown, json!({"_attachments": {"f": {"data": "AAEC"}}, "d": 3}));
    let wrong = json!({"selector": {}, "fields": "d"});
    let place = format!("{path}/_changes?filter=_selector");
    client.post(&place, wrong).await.error_named(400, "bad_request");
}

//! The order of rows: CouchDB's own order of values, in both directions, and ranges of it.

use serde_json::{Value, json};

use super::{ask, design, fill, keys, rows, url};
use crate::database;

/// Values in the order in which CouchDB's documentation has them.
fn ordered() -> Vec<Value> {
    let text = r#"[null, false, true, 1, 2, 3.5, 4, "a", "A", "aa", "b", "B", "ba", "bb",
        ["a"], ["b"], ["b", "c"], ["b", "c", "a"], ["b", "d"], ["b", "d", "e"],
        {"a": 1}, {"a": 2}, {"b": 1}, {"b": 2}, {"b": 2, "a": 1}, {"b": 2, "c": 2}]"#;
    serde_json::from_str(text).expect("values")
}

#[tokio::test]
async fn values_stand_in_couchdbs_order() {
    let (client, path) = database("view-order").await;
    let mut documents: Vec<Value> = ordered().into_iter().map(|key| json!({"key": key})).collect();
    documents.reverse();
    fill(&client, &path, documents).await;
    design(&client, &path, json!({"k": {"map": "function (doc) { emit(doc.key, null) }"}})).await;
    assert_eq!(keys(&client, &path, "k", "").await, ordered());
    let mut reversed = ordered();
    reversed.reverse();
    assert_eq!(keys(&client, &path, "k", "descending=true").await, reversed);
    // Every pair of values is a range.
    let ordered = ordered();
    for (low, start) in ordered.iter().enumerate() {
        for high in [low, low + 3, ordered.len() - 1] {
            let Some(end) = ordered.get(high) else { continue };
            let query = format!("startkey={}&endkey={}", url(start), url(end));
            assert_eq!(keys(&client, &path, "k", &query).await, ordered[low..=high], "{query}");
            let query = format!("{query}&inclusive_end=false");
            assert_eq!(keys(&client, &path, "k", &query).await, ordered[low..high], "{query}");
        }
    }
}

#[tokio::test]
async fn raw_collation_is_erlangs_order() {
    let (client, path) = database("view-raw").await;
    fill(
        &client,
        &path,
        [json!("b"), json!("A"), json!("a"), json!(1), json!(null), json!([1]), json!({"x": 1})]
            .into_iter()
            .map(|key| json!({"key": key}))
            .collect(),
    )
    .await;
    let view =
        json!({"map": "function (doc) { emit(doc.key, null) }", "options": {"collation": "raw"}});
    design(&client, &path, json!({"k": view})).await;
    let expected =
        [json!(1), json!(null), json!({"x": 1}), json!([1]), json!("A"), json!("a"), json!("b")];
    assert_eq!(keys(&client, &path, "k", "").await, expected);
}

#[tokio::test]
async fn rows_of_one_key_stand_by_id_and_ids_bound_ranges() {
    let (client, path) = database("view-ids").await;
    let documents = ["c", "a", "d", "b"].map(|id| json!({"_id": id, "k": 1}));
    fill(&client, &path, documents.to_vec()).await;
    design(&client, &path, json!({"k": {"map": "function (doc) { emit(doc.k, doc._id) }"}})).await;
    let ids = async |query: &str| -> Vec<String> {
        let rows = rows(&client, &path, "k", query).await;
        rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    };
    assert_eq!(ids("key=1").await, ["a", "b", "c", "d"]);
    assert_eq!(ids("startkey=1&startkey_docid=b").await, ["b", "c", "d"]);
    assert_eq!(ids("startkey=1&startkey_docid=b&endkey=1&endkey_docid=c").await, ["b", "c"]);
    assert_eq!(ids("startkey=1&startkey_docid=c&descending=true").await, ["c", "b", "a"]);
}

#[tokio::test]
async fn pages_end_where_the_next_begins() {
    let (client, path) = database("view-pages").await;
    let documents = (0..57).map(|n| json!({"_id": format!("d{n:02}"), "k": n % 7}));
    fill(&client, &path, documents.collect()).await;
    design(&client, &path, json!({"k": {"map": "function (doc) { emit(doc.k, null) }"}})).await;
    let all = rows(&client, &path, "k", "").await;
    for descending in ["false", "true"] {
        let whole = rows(&client, &path, "k", &format!("descending={descending}")).await;
        let mut seen = Vec::new();
        for page in 0..20 {
            let query = format!("limit=5&skip={}&descending={descending}", page * 5);
            let answer = ask(&client, &path, "k", &query).await.expect(200).json();
            assert_eq!(answer["total_rows"], all.len());
            assert_eq!(answer["offset"], (page * 5).min(all.len()), "{query}");
            seen.extend(answer["rows"].as_array().expect("rows").clone());
        }
        assert_eq!(seen, whole);
    }
}

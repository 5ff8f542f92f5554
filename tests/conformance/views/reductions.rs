//! Reductions: built-in functions and JavaScript, at every level of groups.

use serde_json::{Value, json};

use super::{ask, design, fill, rows};
use crate::database;

fn documents() -> Vec<Value> {
    let words = ["oak", "elm", "ash"];
    (0..60).map(|n| json!({"k": [words[n % 3], n % 5, n], "n": n})).collect()
}

#[tokio::test]
async fn built_in_functions_reduce_whole_views() {
    let (client, path) = database("view-builtins").await;
    fill(&client, &path, documents()).await;
    let view =
        |reduce: &str| json!({"map": "function (doc) { emit(doc.k, doc.n) }", "reduce": reduce});
    let views = json!({
        "sum": view("_sum"),
        "count": view("_count"),
        "stats": view("_stats"),
        "distinct": view("_approx_count_distinct"),
        "first": view("_first"),
        "last": view("_last"),
        "top": view("_top_2"),
        "bottom": view("_bottom_2"),
        "script": view("function (keys, values, rereduce) { return sum(values) }"),
    });
    design(&client, &path, views).await;
    let stats = json!({"sum": 1770, "count": 60, "min": 0, "max": 59, "sumsqr": 70210});
    for (name, expected) in [
        ("sum", json!(1770)),
        ("count", json!(60)),
        ("stats", stats),
        ("distinct", json!(60)),
        // The lowest and the highest key: ash before elm before oak.
        ("first", json!(5)),
        ("last", json!(54)),
        ("top", json!([59, 58])),
        ("bottom", json!([0, 1])),
        ("script", json!(1770)),
    ] {
        let found = rows(&client, &path, name, "").await;
        assert_eq!(found, [json!({"key": null, "value": expected})], "{name}");
    }
}

#[tokio::test]
async fn groups_have_levels() {
    let (client, path) = database("view-groups").await;
    fill(&client, &path, documents()).await;
    let map = "function (doc) { emit(doc.k, doc.n) }";
    let script = "function (keys, values) { return sum(values) }";
    let views = json!({
        "sum": {"map": map, "reduce": "_sum"},
        "script": {"map": map, "reduce": script},
    });
    design(&client, &path, views).await;
    let expected = |elements: usize| -> Vec<Value> {
        let mut groups: std::collections::BTreeMap<String, (Value, u64)> = Default::default();
        for document in documents() {
            let key = document["k"].as_array().expect("a key")[..elements].to_vec();
            let part = |place: usize| key.get(place).map(Value::to_string).unwrap_or_default();
            let sorted = format!("{}{:>4}{:>4}", part(0), part(1), part(2));
            let group = groups.entry(sorted).or_insert((json!(key), 0));
            group.1 += document["n"].as_u64().expect("a number");
        }
        groups.into_values().map(|(key, sum)| json!({"key": key, "value": sum})).collect()
    };
    for name in ["sum", "script"] {
        for elements in [1, 2, 3] {
            let found = rows(&client, &path, name, &format!("group_level={elements}")).await;
            assert_eq!(found, expected(elements), "{name} {elements}");
        }
        assert_eq!(rows(&client, &path, name, "group=true").await, expected(3));
        let mut reversed = expected(2);
        reversed.reverse();
        let paged =
            rows(&client, &path, name, "group_level=2&descending=true&skip=2&limit=4").await;
        assert_eq!(paged, reversed[2..6]);
        let range =
            rows(&client, &path, name, "startkey=%5B%22elm%22%5D&endkey=%5B%22elm%22,%7B%7D%5D")
                .await;
        let elm = expected(1).into_iter().find(|row| row["key"] == json!(["elm"])).expect("elm");
        assert_eq!(range, [json!({"key": null, "value": elm["value"]})]);
    }
}

#[tokio::test]
async fn nothing_reduces_to_no_row() {
    let (client, path) = database("view-nothing").await;
    let view = json!({"map": "function (doc) { emit(doc.n, 1) }", "reduce": "_sum"});
    design(&client, &path, json!({"n": view})).await;
    assert!(rows(&client, &path, "n", "").await.is_empty());
    fill(&client, &path, vec![json!({"n": 1})]).await;
    assert!(rows(&client, &path, "n", "startkey=5").await.is_empty());
}

#[tokio::test]
async fn what_cannot_be_summed_is_told_and_rows_stay() {
    let (client, path) = database("view-sums").await;
    fill(&client, &path, vec![json!({"v": 1}), json!({"v": "text"})]).await;
    let view = json!({"map": "function (doc) { emit(doc._id, doc.v) }", "reduce": "_stats"});
    design(&client, &path, json!({"v": view})).await;
    let told = ask(&client, &path, "v", "").await;
    assert_eq!(told.status, 500, "{}", told.text());
    assert_eq!(rows(&client, &path, "v", "reduce=false").await.len(), 2);
}

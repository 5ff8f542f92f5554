//! Views whose rows stand by partition, and those that do not.

use refuge_tests::{Client, Reply};
use serde_json::{Value, json};

use super::{filled, ids_of};
use crate::ids;

/// Puts a design document with views of the numbers: rows, sums, and a function that counts.
async fn design(client: &Client, path: &str, name: &str, options: Value) {
    let map = "function (doc) { emit([doc.class, doc.n], doc.n) }";
    let count = "function (keys, values, again) { return again ? sum(values) : values.length }";
    let views = json!({
        "numbers": {"map": map},
        "sums": {"map": map, "reduce": "_sum"},
        "counts": {"map": map, "reduce": count},
        "raw": {"map": map, "reduce": "_stats", "options": {"collation": "raw"}},
    });
    let body = json!({"views": views, "options": options});
    client.put(&format!("{path}/_design/{name}"), body).await.expect(201);
}

async fn ask(client: &Client, path: &str, rest: &str) -> Reply {
    client.get(&format!("{path}/_partition/foo/_design/{rest}")).await
}

#[tokio::test]
async fn a_view_is_asked_partition_by_partition() {
    let (client, path) = filled("views").await;
    client.put(&format!("{path}/foo2:00"), json!({"n": 0, "class": 0})).await.expect(201);
    design(&client, &path, "d", json!({})).await;
    let rows = async |query: &str| ask(&client, &path, query).await.expect(200).json();
    let all = rows("d/_view/numbers").await;
    let by_class = (0..3).flat_map(|class| (class..20).step_by(3));
    assert_eq!(ids(&all), ids_of("foo", by_class));
    assert_eq!(all["rows"][0], json!({"id": "foo:00", "key": [0, 0], "value": 0}));
    assert_eq!(all["total_rows"], 41);
    let backwards = rows("d/_view/numbers?descending=true&limit=2").await;
    assert_eq!(ids(&backwards), ids_of("foo", [17, 14]));
    assert_eq!(ids(&rows("d/_view/numbers?skip=18").await), ids_of("foo", [14, 17]));
    assert_eq!(
        ids(&rows("d/_view/numbers?startkey=[1,10]&endkey=[2,4]").await),
        ids_of("foo", [10, 13, 16, 19, 2])
    );
    assert_eq!(ids(&rows("d/_view/numbers?key=[1,4]").await), ids_of("foo", [4]));
    assert_eq!(ids(&rows("d/_view/numbers?startkey=[9]").await), ids_of("foo", []));
    let with = rows("d/_view/numbers?limit=1&include_docs=true").await;
    assert_eq!(with["rows"][0]["doc"]["_id"], "foo:00");
    let posted = json!({"keys": [[2, 2], [0, 3], [9, 9]]});
    let told = client
        .post(&format!("{path}/_partition/foo/_design/d/_view/numbers"), posted)
        .await
        .expect(200);
    assert_eq!(ids(&told.json()), ids_of("foo", [2, 3]));
    let queries = json!({"queries": [{"limit": 1}, {"key": [1, 7]}]});
    let told = client
        .post(&format!("{path}/_partition/foo/_design/d/_view/numbers/queries"), queries)
        .await
        .expect(200)
        .json();
    assert_eq!(ids(&told["results"][0]), ids_of("foo", [0]));
    assert_eq!(ids(&told["results"][1]), ids_of("foo", [7]));
}

#[tokio::test]
async fn reductions_are_those_of_the_partition() {
    let (client, path) = filled("reduced").await;
    let more: Vec<Value> =
        (0..500).map(|n| json!({"_id": format!("baz:{n}"), "n": n, "class": n % 3})).collect();
    client.post(&format!("{path}/_bulk_docs"), json!({"docs": more})).await.expect(201);
    design(&client, &path, "d", json!({"partitioned": true})).await;
    let rows =
        async |query: &str| ask(&client, &path, query).await.expect(200).json()["rows"].clone();
    assert_eq!(rows("d/_view/sums").await, json!([{"key": null, "value": 190}]));
    assert_eq!(rows("d/_view/counts").await, json!([{"key": null, "value": 20}]));
    assert_eq!(rows("d/_view/raw").await[0]["value"]["sum"], 190);
    let groups = rows("d/_view/counts?group_level=1").await;
    let expected = json!([
        {"key": [0], "value": 7}, {"key": [1], "value": 7}, {"key": [2], "value": 6},
    ]);
    assert_eq!(groups, expected);
    let groups = rows("d/_view/sums?group_level=1&descending=true&limit=1").await;
    assert_eq!(groups, json!([{"key": [2], "value": 57}]));
    let groups = rows("d/_view/sums?group=true&skip=19").await;
    assert_eq!(groups, json!([{"key": [2, 17], "value": 17}]));
    let part = rows(
        "d/_view/sums?startkey=[1]&endkey=[1,{}]".replace('{', "%7B").replace('}', "%7D").as_str(),
    )
    .await;
    assert_eq!(part, json!([{"key": null, "value": 70}]));
    let refused = ask(&client, &path, "d/_view/sums?include_docs=true").await;
    refused.error(400, "query_parse_error", "`include_docs` is invalid for reduce");
    let posted = json!({"keys": [[1, 1]]});
    let refused = client.post(&format!("{path}/_partition/foo/_design/d/_view/sums"), posted).await;
    refused.error_named(400, "query_parse_error");
    let empty = client.get(&format!("{path}/_partition/none/_design/d/_view/sums")).await;
    assert_eq!(empty.expect(200).json()["rows"], json!([]));
}

#[tokio::test]
async fn a_view_is_asked_as_it_stands() {
    let (client, path) = filled("scope").await;
    design(&client, &path, "parts", json!({})).await;
    design(&client, &path, "whole", json!({"partitioned": false})).await;
    client.get(&format!("{path}/_design/parts/_view/sums")).await.error(
        400,
        "query_parse_error",
        "`partition` parameter is mandatory for queries to this view.",
    );
    ask(&client, &path, "whole/_view/sums").await.error(
        400,
        "query_parse_error",
        "`partition` parameter is not supported in this design doc",
    );
    let whole = client.get(&format!("{path}/_design/whole/_view/sums")).await.expect(200).json();
    assert_eq!(whole["rows"], json!([{"key": null, "value": 380}]));
    ask(&client, &path, "parts/_view/none").await.error(404, "not_found", "missing_named_view");
    ask(&client, &path, "none/_view/sums").await.error(404, "not_found", "missing");
    let refused = ask(&client, &path, "parts/_view/sums?partition=bar").await;
    refused.error(400, "bad_request", "Conflicting value for `partition` in query string");
    let named = client.get(&format!("{path}/_design/parts/_view/sums?partition=foo")).await;
    assert_eq!(named.expect(200).json()["rows"][0]["value"], 190);
    let refused = client.get(&format!("{path}/_design/parts/_view/sums?partition=_foo")).await;
    refused.error(400, "illegal_partition", "Partition must not start with an underscore");
    let told = async |name: &str| {
        let told = client.get(&format!("{path}/_design/{name}/_info")).await.expect(200).json();
        told["view_index"]["signature"].clone()
    };
    assert_ne!(told("parts").await, told("whole").await);
}

#[tokio::test]
async fn design_documents_are_in_no_partition() {
    let (client, path) = filled("designs").await;
    let views = json!({"all": {"map": "function (doc) { emit(doc._id) }"}});
    let body = json!({"views": views, "options": {"include_design": true}});
    client.put(&format!("{path}/_design/d:e"), body).await.expect(201);
    let told = ask(&client, &path, "d:e/_view/all").await.expect(200).json();
    assert_eq!(ids(&told), ids_of("foo", 0..20));
    assert_eq!(told["total_rows"], 40);
}

//! `_partition/{partition}/_all_docs`.

use serde_json::{Value, json};

use super::{filled, ids_of};
use crate::ids;

#[tokio::test]
async fn a_partition_lists_its_own_documents() {
    let (client, path) = filled("list").await;
    client.put(&format!("{path}/foo2:a"), json!({})).await.expect(201);
    client.put(&format!("{path}/fo:a"), json!({})).await.expect(201);
    let list = async |query: &str| -> Value {
        client.get(&format!("{path}/_partition/foo/_all_docs?{query}")).await.expect(200).json()
    };
    let all = list("").await;
    assert_eq!(ids(&all), ids_of("foo", 0..20));
    assert_eq!((&all["total_rows"], &all["offset"]), (&json!(42), &json!(0)));
    assert_eq!(ids(&list("descending=true&limit=3").await), ids_of("foo", [19, 18, 17]));
    let part = list("skip=5&limit=2").await;
    assert_eq!((ids(&part), &part["offset"]), (ids_of("foo", 5..7), &json!(5)));
    assert_eq!(
        ids(&list("startkey=%22foo:12%22&endkey=%22foo:14%22").await),
        ids_of("foo", 12..15)
    );
    assert_eq!(ids(&list("startkey=%22a%22&endkey=%22z%22").await), ids_of("foo", 0..20));
    assert_eq!(ids(&list("startkey=%22g%22").await), ids_of("foo", []));
    assert_eq!(ids(&list("key=%22foo:03%22").await), ids_of("foo", [3]));
    assert_eq!(ids(&list("key=%22bar:03%22").await), ids_of("foo", []));
    let bodies = list("include_docs=true&limit=1").await;
    assert_eq!(bodies["rows"][0]["doc"]["n"], 0);
    let by_parameter = client.get(&format!("{path}/_all_docs?partition=foo")).await.json();
    assert_eq!(ids(&by_parameter), ids_of("foo", 0..20));
}

#[tokio::test]
async fn listed_keys_and_several_lists_are_posted() {
    let (client, path) = filled("post").await;
    let list = format!("{path}/_partition/foo/_all_docs");
    let told =
        client.post(&list, json!({"keys": ["foo:04", "foo:02", "foo:99"]})).await.expect(200);
    let told = told.json();
    assert_eq!(told["rows"][2], json!({"key": "foo:99", "error": "not_found"}));
    assert_eq!(ids(&told)[..2], ids_of("foo", [4, 2]));
    let told = client.post(&list, json!({"limit": 2})).await.expect(200).json();
    assert_eq!(ids(&told), ids_of("foo", 0..2));
    let queries = json!({"queries": [{"limit": 1}, {"descending": true, "limit": 1}]});
    let told = client.post(&format!("{list}/queries"), queries).await.expect(200).json();
    assert_eq!(ids(&told["results"][0]), ids_of("foo", [0]));
    assert_eq!(ids(&told["results"][1]), ids_of("foo", [19]));
}

#[tokio::test]
async fn nothing_of_another_partition_is_told_whatever_is_asked() {
    let (client, path) = filled("listing-others").await;
    let at = format!("{path}/_partition/foo/_all_docs");
    let told =
        client.get(&format!("{at}?keys=[%22foo:01%22,%22bar:01%22]")).await.expect(200).json();
    assert_eq!(told["rows"][0]["id"], "foo:01");
    assert_eq!(told["rows"][1], json!({"key": "bar:01", "error": "not_found"}));
    let reason = "Conflicting value for `partition` in the body";
    let other = json!({"partition": "bar"});
    client.post(&at, other.clone()).await.error(400, "bad_request", reason);
    let view = json!({"views": {"v": {"map": "function (doc) { emit(doc.n) }"}}});
    client.put(&format!("{path}/_design/d"), view).await.expect(201);
    let asked = format!("{path}/_partition/foo/_design/d/_view/v");
    client.post(&asked, other).await.error(400, "bad_request", reason);
    client.post(&asked, json!({"partition": "foo"})).await.expect(200);
}

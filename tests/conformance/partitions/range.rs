//! Whether a question to a partition reads its stretch alone, however many others and however many other
//! documents there are.

use serde_json::{Value, json};

use super::partitioned;
use crate::ids;

/// Partitions beside the one with many documents.
const PARTITIONS: usize = 1_000;
/// Documents of that one.
const MANY: usize = 5_000;

#[tokio::test]
async fn one_partition_of_many_is_read_and_many_documents_beside_it_are_not() {
    let (client, path) = partitioned("many").await;
    let map = "function (doc) { emit(doc.n, doc.n) }";
    let views = json!({"n": {"map": map, "reduce": "_sum"}});
    client.put(&format!("{path}/_design/d"), json!({"views": views})).await.expect(201);
    let index = json!({"index": {"fields": ["n"]}, "ddoc": "i"});
    client.post(&format!("{path}/_index"), index).await.expect(200);
    let small = (0..PARTITIONS).map(|n| json!({"_id": format!("p{n:04}:a"), "n": n, "m": 0}));
    let many = (0..MANY).map(|n| json!({"_id": format!("many:{n:04}"), "n": n, "m": 0}));
    let all: Vec<Value> = small.chain(many).collect();
    for some in all.chunks(2_000) {
        client.post(&format!("{path}/_bulk_docs"), json!({"docs": some})).await.expect(201);
    }
    for partition in ["p0000", "p0500", "p0999"] {
        let at = format!("{path}/_partition/{partition}");
        let number: usize = partition[1..].parse().unwrap();
        // Without an index everything that is looked at is counted.
        for (selector, examined) in [(json!({"m": 0}), 1), (json!({"n": {"$gte": 0}}), 1)] {
            let question = json!({"selector": selector, "execution_stats": true});
            let told = client.post(&format!("{at}/_find"), question).await.expect(200).json();
            assert_eq!(told["docs"].as_array().unwrap().len(), 1);
            assert_eq!(told["execution_stats"]["total_docs_examined"], examined);
            assert_eq!(told["execution_stats"]["total_keys_examined"], examined);
        }
        let list = client.get(&format!("{at}/_all_docs")).await.expect(200).json();
        assert_eq!(ids(&list), [format!("{partition}:a")]);
        let view = client.get(&format!("{at}/_design/d/_view/n?reduce=false")).await.json();
        assert_eq!(ids(&view), [format!("{partition}:a")]);
        assert_eq!(view["total_rows"], PARTITIONS + MANY);
        let sum = client.get(&format!("{at}/_design/d/_view/n")).await.expect(200).json();
        assert_eq!(sum["rows"], json!([{"key": null, "value": number}]));
        assert_eq!(client.get(&at).await.expect(200).json()["doc_count"], 1);
    }
    let at = format!("{path}/_partition/many");
    let list = client.get(&format!("{at}/_all_docs")).await.expect(200).json();
    assert_eq!(ids(&list), (0..MANY).map(|n| format!("many:{n:04}")).collect::<Vec<_>>());
    let view = client.get(&format!("{at}/_design/d/_view/n?reduce=false")).await.json();
    assert_eq!(ids(&view), ids(&list));
    let sum = client.get(&format!("{at}/_design/d/_view/n?group=true&skip=4990")).await.json();
    assert_eq!(sum["rows"].as_array().unwrap().len(), 10);
    let sum = client.get(&format!("{at}/_design/d/_view/n")).await.expect(200).json();
    assert_eq!(sum["rows"][0]["value"], MANY * (MANY - 1) / 2);
    let told = client.get(&at).await.expect(200).json();
    assert_eq!(told["doc_count"], MANY);
    let question = json!({"selector": {"n": {"$lte": 9}}, "execution_stats": true});
    let told = client.post(&format!("{at}/_find"), question).await.expect(200).json();
    assert_eq!(told["execution_stats"]["total_keys_examined"], 10);
}

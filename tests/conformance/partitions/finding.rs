//! `_partition/{partition}/_find`, `_explain`, and indexes of partitions.

use serde_json::{Value, json};

use super::{filled, ids_of};

fn found(answer: &Value) -> Vec<String> {
    let documents = answer["docs"].as_array().expect("documents");
    documents.iter().map(|one| one["_id"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test]
async fn a_question_to_a_partition_reads_it_alone() {
    let (client, path) = filled("find").await;
    client.put(&format!("{path}/foo2:a"), json!({"n": 2, "class": 2})).await.expect(201);
    let find = async |question: Value| {
        client.post(&format!("{path}/_partition/foo/_find"), question).await.expect(200).json()
    };
    let question = json!({"selector": {"n": {"$lt": 3}}, "execution_stats": true});
    let told = find(question).await;
    assert_eq!(found(&told), ids_of("foo", 0..3));
    assert_eq!(told["execution_stats"]["total_docs_examined"], 20);
    let by_id =
        json!({"selector": {"_id": {"$gt": "foo:15"}}, "sort": [{"_id": "desc"}], "limit": 2});
    assert_eq!(found(&find(by_id).await), ids_of("foo", [19, 18]));
    for (low, expected) in [(json!("a"), 0..20), (json!(0), 0..20), (json!("g"), 0..0)] {
        let question = json!({"selector": {"_id": {"$gt": low}}});
        assert_eq!(found(&find(question).await), ids_of("foo", expected));
    }
    let index = json!({"index": {"fields": ["class", "n"]}, "ddoc": "i", "name": "i"});
    client.post(&format!("{path}/_index"), index).await.expect(200);
    let question = json!({"selector": {"class": 1, "n": {"$gt": 6}}, "execution_stats": true});
    let told = find(question).await;
    assert_eq!(found(&told), ids_of("foo", [7, 10, 13, 16, 19]));
    assert_eq!(told["execution_stats"]["total_keys_examined"], 5);
    let covered = json!({"selector": {"class": 1}, "fields": ["n"], "sort": [{"class": "desc"}, {"n": "desc"}], "limit": 2});
    assert_eq!(find(covered).await["docs"], json!([{"n": 19}, {"n": 16}]));
}

#[tokio::test]
async fn bookmarks_stay_in_their_partition() {
    let (client, path) = filled("marks").await;
    let index = json!({"index": {"fields": ["n"]}, "ddoc": "i"});
    client.post(&format!("{path}/_index"), index).await.expect(200);
    for (selector, sort) in [
        (json!({"n": {"$gte": 0}}), json!([])),
        (json!({"n": {"$gte": 0}}), json!([{"n": "desc"}])),
        (json!({"_id": {"$gt": null}}), json!([])),
        (json!({"_id": {"$gt": null}}), json!([{"_id": "desc"}])),
    ] {
        let (mut seen, mut bookmark) = (Vec::new(), json!(null));
        loop {
            let question =
                json!({"selector": selector, "sort": sort, "limit": 7, "bookmark": bookmark});
            let told = client.post(&format!("{path}/_partition/foo/_find"), question).await;
            let told = told.expect(200).json();
            if found(&told).is_empty() {
                break;
            }
            seen.extend(found(&told));
            bookmark = told["bookmark"].clone();
        }
        seen.sort();
        assert_eq!(seen, ids_of("foo", 0..20), "{selector} {sort}");
    }
}

#[tokio::test]
async fn an_index_answers_the_kind_of_question_that_it_is_for() {
    let (client, path) = filled("kinds").await;
    for (name, partitioned) in [("whole", json!(false)), ("parts", json!(true))] {
        let index = json!({"index": {"fields": ["n"]}, "ddoc": name, "name": name, "partitioned": partitioned});
        let made = client.post(&format!("{path}/_index"), index).await.expect(200).json();
        assert_eq!(made["result"], "created");
    }
    let listed = client.get(&format!("{path}/_index")).await.expect(200).json();
    let kinds: Vec<&Value> =
        listed["indexes"].as_array().unwrap().iter().map(|one| &one["partitioned"]).collect();
    assert_eq!(kinds, [&Value::Null, &json!(true), &json!(false)]);
    let question = json!({"selector": {"n": 4}});
    for (rest, name, partition, expected) in [
        ("", "whole", json!(null), vec!["bar:04", "foo:04"]),
        ("/_partition/foo", "parts", json!("foo"), vec!["foo:04"]),
    ] {
        let explained = client.post(&format!("{path}{rest}/_explain"), question.clone()).await;
        let explained = explained.expect(200).json();
        assert_eq!(explained["index"]["name"], name);
        assert_eq!(explained["partitioned"], true);
        assert_eq!(explained["mrargs"]["partition"], partition);
        let told = client.post(&format!("{path}{rest}/_find"), question.clone()).await;
        assert_eq!(found(&told.expect(200).json()), expected);
    }
    for (rest, kind) in [("", "global "), ("/_partition/foo", "partitioned ")] {
        let sorted = json!({"selector": {"n": 4}, "sort": ["class"]});
        let refused = client.post(&format!("{path}{rest}/_find"), sorted).await;
        let reason =
            format!("No {kind}index exists for this sort, try indexing by the sort fields.");
        refused.error(400, "no_usable_index", &reason);
    }
    let other = json!({"index": {"fields": ["class"]}, "ddoc": "parts", "partitioned": false});
    let refused = client.post(&format!("{path}/_index"), other).await;
    refused.error_named(400, "invalid_partitioned_option");
    let in_body = json!({"selector": {"n": 4}, "partition": "bar"});
    let told = client.post(&format!("{path}/_find"), in_body).await.expect(200).json();
    assert_eq!(found(&told), ["bar:04"]);
}

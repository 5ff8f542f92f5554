//! Revision trees from outside: conflicts, grafting, `open_revs`, `_revs_diff`, winners.

use serde_json::{Value, json};

use crate::database;

/// A hash of 32 equal digits.
fn hash(digit: char) -> String {
    digit.to_string().repeat(32)
}

/// A document as a replicator sends it.
fn grafted(id: &str, start: u32, hashes: &[String], more: Value) -> Value {
    let mut document = json!({"_id": id, "_rev": format!("{start}-{}", hashes[0]), "_revisions": {"start": start, "ids": hashes}});
    document.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    document
}

async fn graft(client: &refuge_tests::Client, path: &str, documents: Vec<Value>) {
    let body = json!({"docs": documents, "new_edits": false});
    let reply = client.post(&format!("{path}/_bulk_docs"), body).await.expect(201);
    assert_eq!(reply.json(), json!([]));
}

#[tokio::test]
async fn the_same_winner_whatever_came_first() {
    let branches = [
        grafted("a", 2, &[hash('b'), hash('1')], json!({"branch": "b"})),
        grafted("a", 2, &[hash('c'), hash('1')], json!({"branch": "c"})),
        grafted("a", 2, &[hash('a'), hash('1')], json!({"branch": "a"})),
        grafted("a", 3, &[hash('f'), hash('e'), hash('1')], json!({"_deleted": true})),
    ];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]] {
        let (client, path) = database("winner").await;
        for index in order {
            graft(&client, &path, vec![branches[index].clone()]).await;
        }
        let told = client
            .get(&format!("{path}/a?conflicts=true&deleted_conflicts=true"))
            .await
            .expect(200)
            .json();
        assert_eq!(told["branch"], "c", "{order:?}");
        assert_eq!(
            told["_conflicts"],
            json!([format!("2-{}", hash('b')), format!("2-{}", hash('a'))])
        );
        assert_eq!(told["_deleted_conflicts"], json!([format!("3-{}", hash('f'))]));
    }
}

#[tokio::test]
async fn conflicts_are_settled_by_deleting_the_losers() {
    let (client, path) = database("settle").await;
    let docs = ['b', 'c'].map(|digit| {
        grafted("a", 2, &[hash(digit), hash('1')], json!({"branch": digit.to_string()}))
    });
    graft(&client, &path, docs.to_vec()).await;
    let winner = format!("2-{}", hash('c'));
    client.delete(&format!("{path}/a?rev={winner}")).await.expect(200);
    let now = client.get(&format!("{path}/a?conflicts=true")).await.expect(200).json();
    assert_eq!(now, json!({"_id": "a", "_rev": format!("2-{}", hash('b')), "branch": "b"}));
    assert_eq!(client.get(&path).await.json()["doc_count"], 1);
}

#[tokio::test]
async fn grafting_twice_changes_nothing() {
    let (client, path) = database("twice").await;
    let document = grafted("a", 2, &[hash('b'), hash('1')], json!({}));
    graft(&client, &path, vec![document.clone()]).await;
    let before = client.get(&path).await.json()["update_seq"].clone();
    graft(&client, &path, vec![document]).await;
    assert_eq!(client.get(&path).await.json()["update_seq"], before);
}

#[tokio::test]
async fn a_single_put_can_graft_too() {
    let (client, path) = database("graft").await;
    let document = grafted("a", 3, &[hash('3'), hash('2'), hash('1')], json!({"n": 1}));
    let put = client.put(&format!("{path}/a?new_edits=false"), document).await.expect(201);
    assert_eq!(put.member("rev"), format!("3-{}", hash('3')));
    let told = client.get(&format!("{path}/a?revs=true")).await.json();
    assert_eq!(told["_revisions"], json!({"start": 3, "ids": [hash('3'), hash('2'), hash('1')]}));
    client.put(&format!("{path}/b?new_edits=false"), json!({"n": 1})).await.expect(400);
}

#[tokio::test]
async fn open_revisions_in_json() {
    let (client, path) = database("open").await;
    let docs = ['b', 'c'].map(|digit| {
        grafted("a", 2, &[hash(digit), hash('1')], json!({"branch": digit.to_string()}))
    });
    graft(&client, &path, docs.to_vec()).await;
    graft(
        &client,
        &path,
        vec![grafted("a", 2, &[hash('d'), hash('1')], json!({"_deleted": true}))],
    )
    .await;
    let ask = |query: String| {
        let request = client
            .request("GET", &format!("{path}/a?{query}"))
            .header("accept", "application/json");
        async move { request.send().await.expect(200).json() }
    };
    let all = ask("open_revs=all".to_owned()).await;
    let mut revs: Vec<_> = all
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["ok"]["_rev"].as_str().unwrap().to_owned())
        .collect();
    revs.sort();
    assert_eq!(revs, ['b', 'c', 'd'].map(|digit| format!("2-{}", hash(digit))));
    let some =
        ask(format!("open_revs=%5B%222-{}%22,%229-{}%22%5D&revs=true", hash('b'), hash('9'))).await;
    assert_eq!(some[0]["ok"]["branch"], "b");
    assert_eq!(some[0]["ok"]["_revisions"], json!({"start": 2, "ids": [hash('b'), hash('1')]}));
    assert_eq!(some[1], json!({"missing": format!("9-{}", hash('9'))}));
    let latest = ask(format!("open_revs=%5B%221-{}%22%5D&latest=true", hash('1'))).await;
    assert_eq!(latest.as_array().unwrap().len(), 3, "{latest}");
}

#[tokio::test]
async fn open_revisions_of_a_missing_document() {
    let (client, path) = database("open").await;
    let asked = format!("{path}/a?open_revs=%5B%221-abc%22%5D");
    let reply = client.request("GET", &asked).header("accept", "application/json").send().await;
    assert_eq!(reply.expect(200).json(), json!([{"missing": "1-abc"}]));
    client.get(&format!("{path}/a?open_revs=all")).await.error(404, "not_found", "missing");
}

#[tokio::test]
async fn revs_diff_tells_what_is_missing() {
    let (client, path) = database("diff").await;
    graft(&client, &path, vec![grafted("a", 3, &[hash('3'), hash('2'), hash('1')], json!({}))])
        .await;
    let asked = json!({
        "a": [format!("3-{}", hash('3')), format!("2-{}", hash('2')), format!("4-{}", hash('4')), format!("2-{}", hash('f'))],
        "b": [format!("1-{}", hash('1'))],
    });
    let told = client.post(&format!("{path}/_revs_diff"), asked.clone()).await.expect(200).json();
    let mut missing: Vec<_> = told["a"]["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rev| rev.as_str().unwrap().to_owned())
        .collect();
    missing.sort();
    assert_eq!(missing, [format!("2-{}", hash('f')), format!("4-{}", hash('4'))]);
    assert_eq!(told["a"]["possible_ancestors"], json!([format!("3-{}", hash('3'))]));
    assert_eq!(told["b"], json!({"missing": [format!("1-{}", hash('1'))]}));
    let known = json!({"a": [format!("3-{}", hash('3'))]});
    assert_eq!(
        client.post(&format!("{path}/_revs_diff"), known).await.expect(200).json(),
        json!({})
    );
    let older = client.post(&format!("{path}/_missing_revs"), asked).await.expect(200).json();
    assert_eq!(older["missing_revs"]["b"], json!([format!("1-{}", hash('1'))]));
    client.post(&format!("{path}/_revs_diff"), json!([])).await.expect(400);
    client.post(&format!("{path}/_revs_diff"), json!({"a": ["nonsense"]})).await.expect(400);
}

#[tokio::test]
async fn odd_revisions_of_other_makers_are_kept() {
    let (client, path) = database("odd").await;
    client
        .put(&format!("{path}/a?new_edits=false"), json!({"_rev": "1-abc", "n": 1}))
        .await
        .expect(201);
    assert_eq!(
        client.get(&format!("{path}/a")).await.json(),
        json!({"_id": "a", "_rev": "1-abc", "n": 1})
    );
    let next = client.put(&format!("{path}/a"), json!({"_rev": "1-abc", "n": 2})).await.expect(201);
    assert!(next.member("rev").starts_with("2-"));
}

#[tokio::test]
async fn revisions_with_a_history_but_no_revision_conflict() {
    let (client, path) = database("habit").await;
    let body = json!({"_revisions": {"start": 1, "ids": [hash('1')]}});
    client.put(&format!("{path}/a"), body).await.error(
        409,
        "conflict",
        "Document update conflict.",
    );
}

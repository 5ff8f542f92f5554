//! Indexes are made, listed and removed.

use serde_json::{Value, json};

use super::{find, found, index, people};
use crate::{NODE, database};

#[tokio::test]
async fn an_index_is_made_once_listed_and_removed() {
    let (client, path) = database("mango").await;
    let request = json!({"index": {"fields": ["age"]}, "ddoc": "people", "name": "by-age"});
    let told = index(&client, &path, request.clone()).await;
    assert_eq!(told, json!({"result": "created", "id": "_design/people", "name": "by-age"}));
    assert_eq!(index(&client, &path, request).await["result"], "exists");
    let second = json!({"index": {"fields": ["town", "age"]}, "ddoc": "people", "name": "by-town"});
    assert_eq!(index(&client, &path, second).await["result"], "created");

    let listed = client.get(&format!("{path}/_index")).await.expect(200).json();
    assert_eq!(listed["total_rows"], 3);
    assert_eq!(listed["indexes"][0]["name"], "_all_docs");
    assert_eq!(listed["indexes"][0]["type"], "special");
    let own = json!({"ddoc": "_design/people", "name": "by-age", "type": "json",
        "partitioned": false, "def": {"fields": [{"age": "asc"}]}});
    assert_eq!(listed["indexes"][1], own);
    let part = client.get(&format!("{path}/_index?skip=2&limit=1")).await.expect(200).json();
    assert_eq!(part["indexes"][0]["name"], "by-town");
    assert_eq!(part["total_rows"], 3);

    let one = client.delete(&format!("{path}/_index/people/json/by-age")).await.expect(200);
    assert_eq!(one.json(), json!({"ok": true}));
    client.delete(&format!("{path}/_index/people/json/by-age")).await.error_named(404, "not_found");
    client.get(&format!("{path}/_design/people")).await.expect(200);
    client.delete(&format!("{path}/_index/_design/people/json/by-town")).await.expect(200);
    client.get(&format!("{path}/_design/people")).await.error(404, "not_found", "deleted");
}

#[tokio::test]
async fn an_index_without_a_name_has_couchdbs_name_and_is_a_design_document() {
    let (client, path) = database("mango").await;
    let told = index(&client, &path, json!({"index": {"fields": ["foo"]}})).await;
    let id = told["id"].as_str().expect("an id");
    assert_eq!(id, format!("_design/{}", told["name"].as_str().expect("a name")));
    let design = client.get(&format!("{path}/{id}")).await.expect(200).json();
    assert_eq!(design["language"], "query");
    let view = &design["views"][told["name"].as_str().expect("a name")];
    assert_eq!(view["map"]["fields"], json!({"foo": "asc"}));
    assert_eq!(view["reduce"], "_count");
    assert_eq!(view["options"]["def"], json!({"fields": ["foo"]}));
}

#[tokio::test]
async fn several_design_documents_lose_their_indexes_at_once() {
    let (client, path) = database("mango").await;
    for (design, name) in [("a", "one"), ("a", "two"), ("b", "one")] {
        let fields = json!({"fields": [name]});
        index(&client, &path, json!({"index": fields, "ddoc": design, "name": name})).await;
    }
    let posted = json!({"docids": ["a", "_design/b", "nobody"]});
    let told = client.post(&format!("{path}/_index/_bulk_delete"), posted).await.expect(200).json();
    let success = json!([{"id": "_design/a", "ok": true}, {"id": "_design/b", "ok": true}]);
    assert_eq!(told["success"], success);
    assert_eq!(told["fail"], json!([{"id": "_design/nobody", "error": "not_found"}]));
    let listed = client.get(&format!("{path}/_index")).await.expect(200).json();
    assert_eq!(listed["total_rows"], 1);
    let many = json!({"docids": (0..1001).map(|n| n.to_string()).collect::<Vec<_>>()});
    client.post(&format!("{path}/_index/_bulk_delete"), many).await.error(
        400,
        "bad_request",
        "1001 design documents are named, and one request may name 1000: ask in parts",
    );
}

#[tokio::test]
async fn an_index_follows_edits_deletions_and_its_own_removal() {
    let (client, path) = people("mango").await;
    index(&client, &path, json!({"index": {"fields": ["age"]}, "name": "age", "ddoc": "x"})).await;
    let question = json!({"selector": {"age": {"$gte": 28}}, "allow_fallback": false});
    assert_eq!(found(&find(&client, &path, question.clone()).await), ["p28", "p29"]);
    let rev = client.get(&format!("{path}/p29")).await.member("_rev");
    client.delete(&format!("{path}/p29?rev={rev}")).await.expect(200);
    client.put(&format!("{path}/p99"), json!({"age": 99})).await.expect(201);
    assert_eq!(found(&find(&client, &path, question.clone()).await), ["p28", "p99"]);
    client.delete(&format!("{path}/_index/x/json/age")).await.expect(200);
    client.post(&format!("{path}/_find"), question).await.error_named(400, "no_usable_index");
}

#[tokio::test]
async fn indexes_are_made_by_admins_of_the_database() {
    let (client, path) = people("mango").await;
    client
        .put(&format!("{path}/_security"), json!({"members": {"names": [], "roles": []}}))
        .await
        .expect(200);
    let anybody = NODE.anonymous();
    let asked = json!({"selector": {"age": 3}});
    anybody.post(&format!("{path}/_find"), asked).await.expect(200);
    anybody.get(&format!("{path}/_index")).await.expect(200);
    let wanted = json!({"index": {"fields": ["age"]}});
    anybody.post(&format!("{path}/_index"), wanted).await.error_named(401, "unauthorized");
    anybody.delete(&format!("{path}/_index/x/json/y")).await.error_named(401, "unauthorized");
}

#[tokio::test]
async fn what_is_no_index_is_refused_as_couchdb_does() {
    let (client, path) = people("mango").await;
    let refused = async |request: Value, status: u16, error: &str| {
        client.post(&format!("{path}/_index"), request).await.error_named(status, error);
    };
    refused(json!([]), 400, "bad_request").await;
    refused(json!({}), 400, "missing_required_key").await;
    refused(
        json!({"index": {"fields": ["a"]}, "type": "text"}),
        503,
        "required index service unavailable",
    )
    .await;
    refused(json!({"index": {"fields": ["a"]}, "type": "no"}), 400, "invalid_index").await;
    refused(json!({"index": {"fields": ["a"]}, "ddoc": "other"}), 400, "invalid_ddoc_lang").await;
    refused(
        json!({"index": {"fields": [{"a": "asc"}, {"b": "desc"}]}}),
        400,
        "unsupported_mixed_sort",
    )
    .await;
    client.put(&format!("{path}/_index"), json!({})).await.error_named(405, "method_not_allowed");
    for kind in ["text", "special", "none"] {
        let reply = client.delete(&format!("{path}/_index/x/{kind}/y")).await;
        reply.error(404, "not_found", "missing");
    }
    for query in ["limit=x", "skip=-1"] {
        let reply = client.get(&format!("{path}/_index?{query}")).await;
        reply.error_named(400, "invalid_non_neg_integer");
    }
    let text = client.post_text(&format!("{path}/_index"), "{").await;
    text.error(400, "bad_request", "invalid UTF-8 JSON");
}

#[tokio::test]
async fn an_index_needs_a_design_document_with_a_name() {
    let (client, path) = people("nameless").await;
    for name in ["", "_design/"] {
        let request = json!({"index": {"fields": ["age"]}, "ddoc": name});
        let reply = client.post(&format!("{path}/_index"), request).await;
        reply.error(400, "illegal_docid", "Illegal document id `_design/`");
    }
}

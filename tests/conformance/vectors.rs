//! Answers that CouchDB 3.5.0 itself gave: the same edit makes the same revision here.

use serde_json::{Value, json};

use crate::database;

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/revisions.json")).expect("vectors")
}

#[tokio::test]
async fn first_revisions_are_couchdbs() {
    let (client, path) = database("vectors").await;
    for (number, vector) in vectors()["first_revisions"].as_array().unwrap().iter().enumerate() {
        let doc = format!("{path}/v{number}");
        let body = vector["body"].as_str().unwrap().to_owned();
        let put = client.put_text(&doc, body.clone()).await;
        let status = u16::try_from(vector["status"].as_u64().unwrap()).unwrap();
        assert_eq!(put.status, status, "{body}: {}", put.text());
        if status == 201 {
            assert_eq!(put.member("rev"), vector["rev"], "{body}");
            let stored: Value = serde_json::from_str(vector["stored"].as_str().unwrap()).unwrap();
            let got = client.get(&doc).await.expect(200).json();
            assert!(same(&got, &stored), "{got} is not {stored}");
        }
    }
}

/// What a number is worth to CouchDB, whose parser takes subnormals as 0.
fn value(number: &serde_json::Number) -> Option<f64> {
    number.as_f64().map(|value| if value.is_subnormal() { 0.0 } else { value })
}

/// Equal by value: number text is ours, so `100` and `100.0` are one.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || value(left) == value(right),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        // The vectors' ids are their numbers, as here: only names and order of members remain.
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().zip(right).all(|((left_name, left), (right_name, right))| {
                    left_name == right_name && (left_name == "_id" || same(left, right))
                })
        }
        _ => left == right,
    }
}

#[tokio::test]
async fn a_chain_of_edits_is_couchdbs() {
    let (client, path) = database("chain").await;
    let doc = format!("{path}/a");
    for step in vectors()["chain_of_one_document"].as_array().unwrap() {
        let query = step["rev_given"].as_str().map(|rev| format!("?rev={rev}")).unwrap_or_default();
        let reply = match step["body"].as_str() {
            Some(body) => client.put_text(&format!("{doc}{query}"), body.to_owned()).await,
            None => client.delete(&format!("{doc}{query}")).await,
        };
        assert_eq!(
            (json!(reply.status), json!(reply.member("rev"))),
            (step["status"].clone(), step["rev"].clone()),
            "{step}"
        );
    }
}

#[tokio::test]
async fn attachments_count_in_the_revision_as_in_couchdb() {
    let (client, path) = database("vectors").await;
    for (number, vector) in vectors()["attachments"].as_array().unwrap().iter().enumerate() {
        let doc = format!("{path}/a{number}");
        let put = client.put(&doc, vector["request"].clone()).await.expect(201);
        assert_eq!(put.member("rev"), vector["rev"]);
        let got = client.get(&format!("{doc}?att_encoding_info=true")).await.expect(200).json();
        assert_eq!(got["_attachments"], vector["stored_attachments"]);
    }
}

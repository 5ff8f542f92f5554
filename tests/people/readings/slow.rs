//! Functions that take long: what may come in parts comes whole, and what never ends is an error.

use refuge_tests::{Client, Reply};
use serde_json::json;

use super::{ids, notes};

async fn ask(client: &Client, path: &str) -> Reply {
    client.get(&format!("/notes/{path}")).await
}

/// More than a page may take, so that each answer is made of several.
#[tokio::test]
async fn a_slow_function_makes_no_answer_shorter() {
    let notes = notes("").await;
    let all: Vec<String> = (0..9).map(|number| format!("n{number}")).collect();
    for (number, id) in all.iter().enumerate() {
        notes.write(id, json!({"n": number})).await;
    }
    notes
        .decide(
            "function (doc) {
                var end = Date.now() + 800;
                while (Date.now() < end);
                if (doc.n % 2) throw {forbidden: 'odd'};
            }",
        )
        .await;
    let even: Vec<&String> = all.iter().step_by(2).collect();
    let (listed, changed, viewed) = tokio::join!(
        ask(&notes.bob, "_all_docs"),
        ask(&notes.bob, "_changes"),
        ask(&notes.bob, "_design/d/_view/rows?reduce=false")
    );
    for (reply, member) in [(listed, "rows"), (changed, "results"), (viewed, "rows")] {
        let mut shown = ids(&reply.expect(200), member);
        shown.sort();
        assert_eq!(shown.iter().collect::<Vec<_>>(), even, "{member}");
    }
    let found = notes.bob.post("/notes/_find", json!({"selector": {}, "fields": ["n"]})).await;
    let found = found.expect(200).json();
    assert_eq!(found["docs"], json!([{"n": 0}, {"n": 2}, {"n": 4}, {"n": 6}, {"n": 8}]));
}

/// Each document would cost the five seconds that a call may take.
#[tokio::test]
async fn a_function_that_never_ends_ends_the_request_and_not_the_documents_one_by_one() {
    let notes = notes("").await;
    for number in 0..200 {
        notes.write(&format!("n{number:03}"), json!({})).await;
    }
    notes.decide("function (doc) { for (;;); }").await;
    // One that answers before makes no difference.
    let good = json!({"validate_doc_read": "function (doc) {}"});
    notes.admin.put("/notes/_design/a", good).await.expect(201);
    // One behind the other: their functions would wait for each other where processors are few.
    // Behind the design documents, which are shown to everybody: else the answer has begun.
    for path in ["_all_docs?startkey=%22n%22", "_changes"] {
        let reply = ask(&notes.bob, path).await;
        reply.error_named(500, "timeout");
        assert!(reply.text().contains("_design/d"), "{}", reply.text());
    }
    ask(&notes.dora, "_all_docs").await.expect(200);
}

/// As many as end a request, and one more.
#[tokio::test]
async fn documents_on_which_a_function_never_ends_stop_a_reader_once() {
    let notes = notes("").await;
    for number in 0..5 {
        notes.write(&format!("endless{number}"), json!({"endless": true})).await;
    }
    notes.write("plain", json!({})).await;
    notes.decide("function (doc) { if (doc.endless) for (;;); }").await;
    ask(&notes.bob, "_changes").await.error_named(500, "timeout");
    let changed = ask(&notes.bob, "_changes").await.expect(200);
    assert_eq!(ids(&changed, "results"), ["plain"]);
    // Another version of the function is asked anew.
    notes.decide("function (doc) {}").await;
    assert_eq!(ids(&ask(&notes.bob, "_changes").await.expect(200), "results").len(), 6);
}

//! Whom an admin rejected no friend brings back, and what is said to whoever looks for that node.

use refuge_tests::{Node, eventually};
use serde_json::{Value, json};

use super::{Circle, by_id, circle, pending, trust};

/// Anna vouches for carl and bert anew: what she signs for bert.
async fn vouched(anna: &Node, bert_id: &str) -> Value {
    let told = anna.peer(&["introduce", "bert", "carl"]).await;
    let all = told["introductions"].as_array().expect("a list").clone();
    let meant = all.into_iter().find(|one| one["audience"] == bert_id);
    meant.expect("one for bert")["statement"].clone()
}

#[tokio::test]
async fn whom_an_admin_rejected_no_friend_brings_back() {
    let Circle { anna, mut bert, carl } = circle("ask").await;
    let (bert_id, carl_id) = (bert.id().await, carl.id().await);
    vouched(&anna, &bert_id).await;
    eventually("it is pending", || pending(&bert, &carl_id)).await;
    bert.peer(&["reject", &carl_id]).await;
    bert.peer(&["introducer", "one", "yes", "--introductions", "accept"]).await;
    let again = vouched(&anna, &bert_id).await;
    let refused = bert.client().post("/_mesh/introductions", again.clone()).await.expect(403);
    assert!(refused.text().contains("rejected"), "{}", refused.text());
    assert_eq!((by_id(&bert, &carl_id).await, pending(&bert, &carl_id).await), (None, None));
    bert.restart();
    // It may be asked about again, and is trusted on nobody's word all the same.
    let told = eventually("the friend is heard", || async {
        let told = bert.client().post("/_mesh/introductions", again.clone()).await;
        (told.status == 200).then(|| told.json())
    })
    .await;
    assert_eq!(told["outcome"], "pending");
    assert!(pending(&bert, &carl_id).await.is_some());
    assert_eq!(by_id(&bert, &carl_id).await, None);
    // An admin's word lifts it.
    bert.peer(&["approve", &carl_id]).await;
    assert_eq!(pending(&bert, &carl_id).await, None);
    bert.peer(&["remove", &carl_id]).await;
    let again = vouched(&anna, &bert_id).await;
    bert.client().post("/_mesh/introductions", again).await.expect(200);
    trust(&bert, &carl_id, json!("trusted")).await;
}

#[tokio::test]
async fn whoever_looks_for_a_node_that_asks_or_was_rejected_is_told_what_to_do() {
    let Circle { anna, bert, carl } = circle("ask").await;
    let carl_id = carl.id().await;
    anna.peer(&["introduce", "bert", "carl"]).await;
    let asking = eventually("it is pending", || pending(&bert, &carl_id)).await;
    assert_eq!(asking["introducer_name"], "one");
    for verb in ["show", "why"] {
        let told = bert.refuge(&["peer", verb, &carl_id]);
        assert_eq!(told.code, Some(64), "{}", told.errors);
        assert!(told.errors.contains("refuge peer pending"), "{}", told.errors);
    }
    bert.peer(&["reject", &carl_id]).await;
    let told = bert.refuge(&["peer", "approve", &carl_id[..13]]);
    assert_eq!(told.code, Some(64), "{}", told.errors);
    assert!(told.errors.contains(&format!("refuge peer add {carl_id}")), "{}", told.errors);
    let help = bert.refuge(&["peer", "reject", "--help"]).output;
    assert!(help.contains("refuge peer add"), "{help}");
    let help = bert.refuge(&["peer", "approve", "--help"]).output;
    assert!(help.contains("at least 13 characters"), "{help}");
}

#[tokio::test]
async fn two_nodes_are_introduced_by_their_names_and_none_to_itself() {
    let Circle { anna, bert, carl } = circle("ask").await;
    let told = anna.refuge(&["peer", "introduce", "bert", "bert"]);
    assert_eq!(told.code, Some(64), "{}", told.errors);
    assert!(told.errors.contains("means no other node than"), "{}", told.errors);
    let told = anna.refuge(&["peer", "introduce", "bert", "nobody"]);
    assert!(told.errors.contains("no trusted node is known as"), "{}", told.errors);
    let told = anna.refuge(&["peer", "introduce", "bert", "carl"]).output;
    for word in ["bert", "carl", "if they let this node introduce"] {
        assert!(told.contains(word), "{told}");
    }
    for id in [bert.id().await, carl.id().await] {
        assert!(!told.contains(&id), "{told}");
    }
}

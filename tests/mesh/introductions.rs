//! A friend of two nodes makes them known to each other; what it may not, what is replayed or changed on
//! its way, and what remains when it is trusted no more.

mod rejected;

use data_encoding::BASE64;
use refuge_tests::{Client, Node, Options, befriend, eventually};
use serde_json::{Value, json};

/// `anna`, whom both others know as `one`; to her they are `bert` and `carl`.
struct Circle {
    anna: Node,
    bert: Node,
    carl: Node,
}

async fn circle(policy: &str) -> Circle {
    let node = || Node::start(Options::mesh());
    let (anna, bert, carl) = (node(), node(), node());
    for (friend, name) in [(&bert, "bert"), (&carl, "carl")] {
        befriend(&anna, friend).await;
        rename(&anna, "two", name).await;
        let options = ["--may-confer", "family", "--introductions", policy];
        friend.peer(&[&["introducer", "one", "yes"][..], &options].concat()).await;
        // Its certificate is what its introductions are checked with.
        eventually("anna's certificate is known", || async {
            let shown = friend.peer(&["show", "one"]).await;
            shown["certificate"].is_string().then_some(())
        })
        .await;
    }
    Circle { anna, bert, carl }
}

async fn rename(node: &Node, from: &str, to: &str) {
    let id = node.known(from).await.expect("a peer")["id"].clone();
    node.peer(&["add", id.as_str().expect("an id"), "--name", to]).await;
}

async fn by_id(node: &Node, id: &str) -> Option<Value> {
    let listed = node.peer(&["list"]).await;
    let peers = listed["peers"].as_array().expect("peers").clone();
    peers.into_iter().find(|peer| peer["id"] == id)
}

async fn pending(node: &Node, id: &str) -> Option<Value> {
    let listed = node.peer(&["pending"]).await;
    let all = listed["pending"].as_array().expect("a list").clone();
    all.into_iter().find(|peer| peer["id"] == id)
}

async fn trust(node: &Node, id: &str, wanted: Value) -> Value {
    eventually("the trust is another", || async {
        let peer = by_id(node, id).await?;
        (peer["trust"] == wanted).then_some(peer)
    })
    .await
}

#[tokio::test]
async fn two_friends_of_a_friend_are_trusted_until_she_is_not() {
    let Circle { anna, bert, carl } = circle("accept").await;
    let told = anna.refuge(&[
        "peer",
        "introduce",
        "bert",
        "carl",
        "--group",
        "family",
        "--group",
        "admins",
    ]);
    assert_eq!(told.code, Some(0), "{}", told.errors);
    let (bert_id, carl_id) = (bert.id().await, carl.id().await);
    let known = trust(&bert, &carl_id, json!("trusted")).await;
    assert_eq!(known["groups"], json!(["family"]), "no more than anna may confer");
    trust(&carl, &bert_id, json!("trusted")).await;
    eventually("they are up", || async {
        (by_id(&bert, &carl_id).await?["up"] == true).then_some(())
    })
    .await;
    bert.peer(&["revoke", "one"]).await;
    let known = by_id(&bert, &carl_id).await.expect("known");
    assert_eq!(known["trust"], Value::Null, "trust on anna's word ends with hers");
    assert_eq!(
        pending(&bert, &carl_id).await.expect("pending")["introducer"],
        json!(anna.id().await)
    );
    carl.peer(&["approve", &bert_id]).await;
    carl.peer(&["block", "one"]).await;
    let kept = by_id(&carl, &bert_id).await.expect("known");
    assert_eq!(kept["trust"], "trusted", "an admin confirmed it");
    bert.peer(&["approve", &carl_id]).await;
    trust(&bert, &carl_id, json!("trusted")).await;
}

#[tokio::test]
async fn an_admins_word_about_an_introduced_node_is_not_undone() {
    let Circle { anna, bert, carl } = circle("accept").await;
    anna.peer(&["introduce", "bert", "carl"]).await;
    let (anna_id, carl_id) = (anna.id().await, carl.id().await);
    trust(&bert, &carl_id, json!("trusted")).await;
    let client = bert.client();
    for word in ["approve", "trust", "add", "document"] {
        bert.peer(&["revoke", "one"]).await;
        let left = by_id(&bert, &carl_id).await.expect("known");
        assert_eq!(left["trust"], json!(null), "{word}");
        let path = format!("/_peers/{carl_id}");
        if word == "document" {
            change(&client, &path, ("trust", json!("trusted"))).await;
        } else {
            bert.peer(&[word, &carl_id]).await;
        }
        let kept = by_id(&bert, &carl_id).await.expect("known");
        assert_eq!(
            (&kept["trust"], &kept["confirmed"]),
            (&json!("trusted"), &json!(true)),
            "{word}"
        );
        assert_eq!(pending(&bert, &carl_id).await, None);
        // As before it was confirmed, for the next word.
        bert.peer(&["trust", &anna_id]).await;
        change(&client, &path, ("confirmed", json!(false))).await;
    }
}

/// Changes a member of a document into which the node writes, too.
async fn change(client: &Client, path: &str, (member, value): (&str, Value)) {
    eventually("the document is changed", || async {
        let mut document = client.get(path).await.expect(200).json();
        document[member] = value.clone();
        let written = client.put(path, document).await;
        (written.status != 409).then(|| written.expect(201))
    })
    .await;
}

/// A date so many seconds from now.
fn seconds_from_now(seconds: u32) -> String {
    let date = format!("+{seconds} seconds");
    let told = std::process::Command::new("date").args(["-u", "-d", &date, "+%FT%TZ"]).output();
    String::from_utf8(told.expect("date").stdout).expect("text").trim().to_owned()
}

#[tokio::test]
async fn trust_on_a_friends_word_ends_when_its_time_is_over() {
    let Circle { anna, bert, carl } = circle("accept").await;
    anna.peer(&["introduce", "bert", "carl"]).await;
    let carl_id = carl.id().await;
    let known = trust(&bert, &carl_id, json!("trusted")).await;
    let until = known["introduced_until"].as_str().expect("a date").to_owned();
    // Anna says so anew, for longer: trust lasts longer.
    anna.peer(&["introduce", "bert", "carl", "--days", "60"]).await;
    eventually("it is trusted for longer", || async {
        let known = by_id(&bert, &carl_id).await?;
        (known["introduced_until"].as_str()? > until.as_str()).then_some(())
    })
    .await;
    let path = format!("/_peers/{carl_id}");
    let client = bert.client();
    change(&client, &path, ("introduced_until", seconds_from_now(3).into())).await;
    trust(&bert, &carl_id, Value::Null).await;
    assert!(pending(&bert, &carl_id).await.is_some());
    bert.peer(&["approve", &carl_id]).await;
    let kept = by_id(&bert, &carl_id).await.expect("known");
    assert_eq!((&kept["trust"], &kept["confirmed"]), (&json!("trusted"), &json!(true)));
}

#[tokio::test]
async fn who_may_vouch_no_more_leaves_nobody_pending() {
    let Circle { anna, bert, carl } = circle("ask").await;
    anna.peer(&["introduce", "bert", "carl", "--group", "family"]).await;
    let carl_id = carl.id().await;
    eventually("it is pending", || pending(&bert, &carl_id)).await;
    bert.peer(&["introducer", "one", "yes", "--may-confer", "work"]).await;
    let asking = pending(&bert, &carl_id).await.expect("pending");
    assert_eq!(asking["groups"], json!([]), "what anna may not give any more");
    bert.peer(&["introducer", "one", "no"]).await;
    assert_eq!(pending(&bert, &carl_id).await, None);
}

#[tokio::test]
async fn a_node_that_lost_its_introducer_and_asks_is_pending_once() {
    let Circle { anna, bert, carl } = circle("accept").await;
    anna.peer(&["introduce", "bert", "carl"]).await;
    let (bert_id, carl_id) = (bert.id().await, carl.id().await);
    trust(&bert, &carl_id, json!("trusted")).await;
    trust(&carl, &bert_id, json!("trusted")).await;
    // Carl goes on to trust bert, whose node refuses it now: it asks.
    bert.peer(&["revoke", "one"]).await;
    eventually("it asks", || async {
        pending(&bert, &carl_id).await.filter(|asking| asking["from"].is_string())
    })
    .await;
    let listed = bert.peer(&["pending"]).await;
    let all = listed["pending"].as_array().expect("a list");
    assert_eq!(all.iter().filter(|one| one["id"] == carl_id.as_str()).count(), 1, "{listed}");
    bert.peer(&["approve", &carl_id]).await;
    let kept = by_id(&bert, &carl_id).await.expect("known");
    assert_eq!((&kept["trust"], &kept["confirmed"]), (&json!("trusted"), &json!(true)));
    anna.id().await;
}

#[tokio::test]
async fn an_admin_is_asked_and_asked_once() {
    let Circle { anna, bert, carl } = circle("ask").await;
    anna.peer(&["introduce", "bert", "carl", "--group", "family"]).await;
    let carl_id = carl.id().await;
    let asking = eventually("it is pending", || pending(&bert, &carl_id)).await;
    assert_eq!((&asking["claimed_name"], &asking["groups"]), (&json!("carl"), &json!(["family"])));
    assert_eq!(by_id(&bert, &carl_id).await, None);
    bert.peer(&["reject", &carl_id]).await;
    let made = anna.peer(&["introductions"]).await;
    let bert_id = bert.id().await;
    let meant = |one: &&Value| one["audience"] == bert_id.as_str();
    let statement =
        made["made"].as_array().unwrap().iter().find(meant).unwrap()["statement"].clone();
    let again = bert.client().post("/_mesh/introductions", statement).await.expect(200).json();
    assert_eq!(again["outcome"], "decided");
    assert_eq!(pending(&bert, &carl_id).await, None);
}

#[tokio::test]
async fn forged_replayed_and_misled_introductions_change_nothing() {
    let Circle { anna, bert, carl } = circle("accept").await;
    let (bert_id, carl_id) = (bert.id().await, carl.id().await);
    let statement_for = |audience: String| {
        let anna = &anna;
        async move {
            let made = anna.peer(&["introductions"]).await["made"].clone();
            let all = made.as_array().unwrap().clone();
            let meant = all.into_iter().find(|one| one["audience"] == audience.as_str());
            meant.unwrap()["statement"].clone()
        }
    };
    anna.peer(&["introduce", "bert", "carl", "--group", "family"]).await;
    trust(&bert, &carl_id, json!("trusted")).await;
    let first = statement_for(bert_id.clone()).await;
    anna.peer(&["introduce", "bert", "carl"]).await;
    let second = statement_for(bert_id.clone()).await;
    assert_ne!(first, second);
    let admin = bert.client();
    let bring = |statement: Value| {
        let admin = admin.clone();
        async move { admin.post("/_mesh/introductions", statement).await }
    };
    bring(second.clone()).await.expect(200);
    bert.peer(&["remove", &carl_id]).await;
    let replayed = bring(first.clone()).await;
    assert!(replayed.expect(403).text().contains("replayed"));
    let again = bring(second.clone()).await.expect(200).json();
    assert_ne!(again["outcome"], "trusted", "what an admin removed does not come back by itself");
    let misled = bring(statement_for(carl_id.clone()).await).await.expect(403).text();
    assert!(misled.contains("node itself"), "{misled}");
    let mut forged = second.clone();
    let payload = BASE64.decode(forged["payload"].as_str().unwrap().as_bytes()).unwrap();
    let payload = String::from_utf8(payload).unwrap().replace("\"carl\"", "\"karl\"");
    forged["payload"] = BASE64.encode(payload.as_bytes()).into();
    assert!(bring(forged).await.expect(403).text().contains("does not hold"));
    let mut unsigned = second.clone();
    unsigned["signature"] = "AAAA".into();
    assert!(bring(unsigned).await.expect(403).text().contains("does not hold"));
    bring(json!({"kind": "introduction"})).await.expect(400);
    assert_eq!(by_id(&bert, &carl_id).await, None);
    bert.peer(&["introducer", "one", "no"]).await;
    let refused = bring(second).await.expect(403).text();
    assert!(refused.contains("no introducer"), "{refused}");
}

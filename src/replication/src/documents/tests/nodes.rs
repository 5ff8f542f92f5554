//! Documents with an end that names nodes.

use refuge_mesh::{PeerRecord, Peers, Trust};

use super::*;

fn towards(node: &str) -> Value {
    json!({"source": "a", "target": {"node": node, "db": "b"}, "continuous": true})
}

fn target(id: u8) -> String {
    format!("node://{}/b", NodeId::from_digest([id; 32]))
}

const ANNA: (u8, &str, &str) = (1, "anna", "family");
const BERT: (u8, &str, &str) = (2, "bert", "family");
const CARL: (u8, &str, &str) = (3, "carl", "work");

#[test]
fn a_document_waits_for_its_node_and_waits_again() {
    let mut story = Story::new();
    assert_eq!(story.put("one", towards("anna")), []);
    assert_eq!(story.state("one"), "waiting");
    assert_eq!(story.row("one")["info"]["reason"], "no trusted node that `anna` names is up");
    assert_eq!(story.up(&[BERT]), []);
    assert_eq!(story.up(&[ANNA, BERT]), [start(1, "one", &target(1))]);
    assert_eq!(story.state("one"), "initializing");
    story.started(1);
    assert_eq!(story.state("one"), "running");
    assert_eq!(story.row("one")["info"]["nodes"][0]["name"], "anna");
    assert_eq!(story.up(&[BERT]), [Did::Stop(1)]);
    assert_eq!(story.state("one"), "waiting");
    assert_eq!(story.up(&[BERT, ANNA]), [start(2, "one", &target(1))]);
}

#[test]
fn a_document_whose_node_is_misspelt_says_so_and_waits() {
    let mut story = Story::new();
    story.put("one", towards("nosuch"));
    story.put("group", towards("group:nosuch"));
    story.put("two", towards("anna"));
    let anna = PeerRecord {
        name: "anna".to_owned(),
        trust: Trust::Trusted,
        ..PeerRecord::new(NodeId::from_digest([1; 32]))
    };
    let peers = Peers::new([anna]);
    let told = |story: &Story, id: &str| {
        let outside = Outside { peers: Some(&peers), ..ALONE };
        story.machine.report_one(&named(id), outside).expect("a document")
    };
    let rest = "(`refuge peer list` shows them); a document in _replicator waits until one is";
    let row = told(&story, "one");
    assert_eq!(row["state"], "waiting");
    assert_eq!(row["info"]["reason"], format!("no peer is called `nosuch` {rest}"));
    let row = told(&story, "group");
    assert_eq!(row["info"]["reason"], format!("no peer is in `group:nosuch` {rest}"));
    let row = told(&story, "two");
    assert_eq!(row["info"]["reason"], "no trusted node that `anna` names is up");
    let vain: Vec<String> = story
        .machine
        .waiting_in_vain(&peers, 10)
        .into_iter()
        .map(|(name, _)| name.id.to_string())
        .collect();
    assert_eq!(vain, ["group", "one"]);
    assert_eq!(story.machine.waiting_in_vain(&peers, 1).len(), 1);
    // Once a peer is called so, it is run towards.
    let called_so = (1, "nosuch", "family");
    assert_eq!(story.up(&[called_so]).len(), 1);
    assert_eq!(story.state("one"), "initializing");
}

#[test]
fn a_node_that_is_up_already_is_run_towards_at_once() {
    let mut story = Story::new();
    story.up(&[ANNA]);
    assert_eq!(story.put("one", towards("*")), [start(1, "one", &target(1))]);
}

#[test]
fn a_group_makes_one_run_for_each_member_that_is_up() {
    let mut story = Story::new();
    story.put("one", towards("group:family"));
    story.up(&[ANNA, CARL]);
    let did = story.up(&[ANNA, BERT, CARL]);
    assert_eq!(did, [start(2, "one", &target(2))]);
    story.started(2);
    // The other one is still beginning.
    assert_eq!(story.state("one"), "running");
    assert_eq!(story.row("one")["id"], Value::Null);
    // Who leaves the group is left alone.
    let bert_at_work = (2, "bert", "work");
    assert_eq!(story.up(&[ANNA, bert_at_work]), [Did::Stop(2)]);
    // Who is only called otherwise goes on.
    let anna_renamed = (1, "anne", "family");
    assert_eq!(story.up(&[anna_renamed]), []);
    assert_eq!(story.remove("one"), [Did::Stop(1)]);
}

#[test]
fn one_that_runs_once_waits_for_the_next_coming() {
    let mut story = Story::new();
    let once = json!({"source": {"node": "*", "db": "b"}, "target": "a"});
    story.put("one", once.clone());
    assert_eq!(story.up(&[ANNA]), [start(1, "one", "a")]);
    story.started(1);
    assert_eq!(story.ended(1), []);
    assert_eq!(story.state("one"), "waiting");
    assert_eq!(story.row("one")["info"]["nodes"][0]["docs_written"], 3);
    assert_eq!(story.up(&[ANNA, BERT]), [start(2, "one", "a")]);
    assert_eq!(story.up(&[BERT]), []);
    assert_eq!(story.up(&[ANNA, BERT]), [start(3, "one", "a")]);
    // A mark of completion does not hold for what is never over.
    let mut marked = once;
    marked["_replication_state"] = json!("completed");
    let mut later = Story::new();
    later.put("one", marked);
    assert_eq!(later.up(&[ANNA]), [start(1, "one", "a")]);
}

#[test]
fn a_refusal_by_one_node_is_its_own() {
    let mut story = Story::new();
    story.put("one", towards("*"));
    story.up(&[ANNA, BERT]);
    story.started(2);
    story.crashed(1);
    assert_eq!(story.state("one"), "running");
    assert_eq!(story.row("one")["error_count"], 1);
    assert_eq!(story.row("one")["info"]["error"], "it broke");
    let (slept, did) = story.sleep();
    assert_eq!((slept, did), (5_000, vec![start(3, "one", &target(1))]));
    story.started(3);
    assert_eq!(story.row("one")["info"].get("error"), None);
    assert_eq!(story.row("one")["error_count"], 1);
    story.crashed(3);
    // Whoever comes anew is asked at once.
    assert_eq!(story.up(&[BERT]), [Did::Stop(3)]);
    assert_eq!(story.row("one")["error_count"], 0);
    assert_eq!(story.up(&[ANNA, BERT]), [start(4, "one", &target(1))]);
    let (_, did) = story.sleep();
    assert_eq!(did, [], "the rest of a run that is gone ends nothing");
}

#[test]
fn a_node_that_is_up_is_asked_every_ten_minutes() {
    let mut story = Story::new();
    story.put("one", towards("anna"));
    story.up(&[ANNA]);
    let mut rests = Vec::new();
    for number in 1..=12 {
        story.crashed(number);
        rests.push(story.sleep().0);
    }
    assert_eq!(rests.last(), Some(&600_000));
}

#[test]
fn a_document_has_one_replication_a_node_that_stays_the_same() {
    let id = |number: usize| {
        let mut story = Story::new();
        story.put("one", towards(["anna", "group:family"][number]));
        story.up(&[ANNA]);
        story.row("one")["id"].as_str().expect("an id").to_owned()
    };
    // Checkpoints outlive a renaming and a regrouping.
    assert_eq!(id(0), id(1));
    assert!(id(0).ends_with("+continuous"));
}

#[test]
fn two_documents_that_name_the_same_node_share_it() {
    let mut story = Story::new();
    story.put("one", towards("anna"));
    story.put("two", towards("*"));
    assert_eq!(story.up(&[ANNA, BERT]).len(), 2);
    let info = &story.row("two")["info"]["nodes"];
    assert_eq!(info[0]["state"], "waiting");
    assert_eq!(story.remove("one"), [Did::Stop(1), start(3, "two", &target(1))]);
}

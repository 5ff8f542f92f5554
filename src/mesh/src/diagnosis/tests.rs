//! Each finding of a diagnosis, and what is advised and told of it.

use serde_json::json;

use super::advice::OUTER;
use super::*;
use crate::address_book::{AddressBook, AddressSource};

fn well() -> Diagnosis {
    Diagnosis {
        id: NodeId::from_digest([1; 32]),
        name: "anna".to_owned(),
        trust: Trust::Trusted,
        certificate: Some(NodeId::from_digest([1; 32])),
        up: true,
        link: None,
        listening: Some(6984),
        outer_address: None,
        sources: vec![],
        hubs: vec![],
        foreign: None,
        tried: vec![tried(TriedOutcome::Reached)],
        trusts_us: Some(true),
        clock_off_seconds: Some(-2),
        replication_waits: None,
        last_seen: None,
    }
}

fn tried(outcome: TriedOutcome) -> TriedAddress {
    let address = "anna.example:6984".to_owned();
    TriedAddress { address, told: None, outcome, other_name: None }
}

/// The one piece of advice, of which `part` is a part.
#[track_caller]
fn advised(diagnosis: &Diagnosis, part: &str) {
    let advice = diagnosis.advice();
    assert!(advice.len() == 1 && advice[0].contains(part), "{advice:?}");
}

#[test]
fn each_cause_is_told_with_what_to_do() {
    advised(&well(), "nothing is to be done");
    advised(&Diagnosis { trust: Trust::Blocked, ..well() }, "refuge peer trust anna");
    advised(&Diagnosis { trust: Trust::Neither, ..well() }, "not trusted");
    let down = Diagnosis { up: false, ..well() };
    advised(&down, "within a minute");
    advised(&Diagnosis { trusts_us: Some(false), ..down.clone() }, "refuge peer approve");
    advised(&Diagnosis { trusts_us: None, ..down.clone() }, "blocked");
    advised(&Diagnosis { tried: vec![], ..down.clone() }, "No address of anna");
    let failed = vec![tried(TriedOutcome::Failed("refused".to_owned()))];
    advised(&Diagnosis { tried: failed, ..down.clone() }, "firewall");
    advised(&Diagnosis { clock_off_seconds: Some(172_800), ..well() }, "172800 s ahead of");
    let metered = Some("the link is metered".to_owned());
    let waits = Diagnosis { replication_waits: metered, ..well() };
    advised(&waits, "Replication with anna waits: the link is metered.");
    let other = vec![tried(TriedOutcome::OtherNode(NodeId::from_digest([2; 32])))];
    let advice = Diagnosis { tried: other, ..down }.advice();
    assert!(advice[0].contains("another node answers"), "{advice:?}");
}

#[test]
fn whose_certificate_was_met_is_told() {
    let other = NodeId::from_digest([2; 32]);
    let mut elsewhere = tried(TriedOutcome::OtherNode(other));
    elsewhere.other_name = Some("carol".to_owned());
    let diagnosis = Diagnosis { up: false, tried: vec![elsewhere], ..well() };
    let told = diagnosis.to_json();
    assert_eq!(told["addresses"][0]["other_name"], "carol");
    assert_eq!(told["certificate"]["proves"], diagnosis.id.to_string());
    let advice = diagnosis.advice();
    let wanted = format!("its certificate proves {other}, called carol here, and not anna");
    assert!(advice[0].contains(&wanted) && advice.len() == 2, "{advice:?}");
    // Of one that was never met the id may be wrong.
    let unmet = Diagnosis { certificate: None, ..diagnosis };
    assert_eq!(unmet.to_json()["certificate"], json!(null));
    assert!(unmet.advice()[2].contains("No certificate of anna was ever met"));
    advised(&Diagnosis { certificate: None, ..well() }, "nothing is to be done");
}

#[test]
fn what_each_hub_said_is_told() {
    let asked = |hub: &str, answer| AskedHub { hub: hub.to_owned(), answer };
    let failed = HubAnswer::Failed("no answer".to_owned());
    let hubs = vec![
        asked("one", HubAnswer::Knows),
        asked("two", HubAnswer::KnowsNothing),
        asked("three", failed),
    ];
    let diagnosis = Diagnosis { up: false, tried: vec![], hubs, ..well() };
    let told = diagnosis.to_json();
    assert_eq!(told["hubs"][0], json!({"hub": "one", "answer": "knows", "reason": null}));
    assert_eq!(told["hubs"][1]["answer"], "knows_nothing");
    assert_eq!(told["hubs"][2]["reason"], "no answer");
    let advice = diagnosis.advice();
    assert!(advice[1].contains("The hub two does not know where anna is"), "{advice:?}");
    assert!(advice[2].contains("The hub three did not answer (no answer)"), "{advice:?}");
    assert_eq!(advice.len(), 3);
    // While the node is up nobody needs a hub.
    advised(&Diagnosis { up: true, ..diagnosis }, "nothing is to be done");
}

#[test]
fn why_the_last_attempt_at_a_link_failed_is_told() {
    let last_failure = Some("a:1: no answer to the link".to_owned());
    let link = LinkFindings { standing: Standing::Away, failed_dials: 2, last_failure };
    let diagnosis = Diagnosis { up: false, link: Some(link), ..well() };
    let told = diagnosis.to_json();
    assert_eq!(told["link"]["standing"], "away");
    assert_eq!(told["link"]["failed_dials"], 2);
    advised(&diagnosis, "The last attempt failed: a:1: no answer to the link.");
    assert_eq!(Diagnosis { link: None, ..diagnosis }.to_json()["link"], json!(null));
}

#[test]
fn a_node_of_another_version_on_the_local_network_is_told_of_while_it_is_not_up() {
    let foreign = Some(ForeignVersion { theirs: "2".to_owned(), ours: "1" });
    let seen = Diagnosis { foreign, ..well() };
    advised(&seen, "nothing is to be done");
    assert_eq!(seen.to_json()["foreign_version"], "2");
    let advice = Diagnosis { up: false, tried: vec![], ..seen.clone() }.advice();
    let wanted = "anna was seen on the local network, but announces itself there in version 2, \
                  and this node understands version 1 alone";
    assert!(advice[0].starts_with(wanted) && advice[0].contains("same release"), "{advice:?}");
    assert!(advice[1].contains("No address of anna"), "{advice:?}");
    // What is the likelier is told first.
    let advice = Diagnosis { up: false, trusts_us: Some(false), ..seen }.advice();
    assert!(advice[0].contains("does not trust") && advice[1].contains("version 2"), "{advice:?}");
}

#[test]
fn a_diagnosis_is_told_as_json() {
    let told = Diagnosis { tried: vec![tried(TriedOutcome::Failed("no".to_owned()))], ..well() };
    let told = told.to_json();
    assert_eq!(told["addresses"][0]["outcome"], "failed");
    assert_eq!(told["addresses"][0]["reason"], "no");
    assert_eq!(told["trust"], "trusted");
    assert_eq!(told["addresses"][0]["source"], "written");
}

#[test]
fn each_source_is_told() {
    let source = |source, setting, is_on| SourceState { source, setting, is_on, speaker: None };
    let sources = vec![
        source("local_network", "mesh.local_discovery", true),
        source("dht", "mesh.dht", false),
        source(OUTER, "mesh.upnp", false),
    ];
    let told_ms = 1_700_000_000_000;
    let mut book = AddressBook::default();
    book.told(told_ms, NodeId::from_digest([1; 32]), ("a:1", AddressSource::Table));
    let told = book.of(told_ms, &NodeId::from_digest([1; 32])).pop();
    let outcome = TriedOutcome::Failed("refused".to_owned());
    let tried = vec![TriedAddress { told, ..tried(outcome) }];
    let diagnosis = Diagnosis { up: false, sources, tried, ..well() };
    let json = diagnosis.to_json();
    assert_eq!(json["addresses"][0]["source"], "dht");
    assert_eq!(json["addresses"][0]["told_ms"], told_ms);
    let off = json!({"source": "dht", "setting": "mesh.dht", "on": false, "speaker": null});
    assert_eq!(json["sources"][1], off);
    let advice = Diagnosis { tried: vec![], ..diagnosis }.advice();
    assert!(advice[1].contains("turned off here: mesh.dht."), "{advice:?}");
}

//! Why a node is not up: what was found out, and what to do about it in plain words. How it is found
//! out is not known here.

use serde_json::{Value, json};

use crate::address_book::BookedAddress;
use crate::node_id::NodeId;
use crate::peer::Trust;

/// The source that finds nobody: it is there to be found.
const OUTER: &str = "upnp";
/// A clock that is off by more is told: introductions and cookies fail by it.
const CLOCK_OFF_SECONDS: u64 = 120;

/// What came of trying one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriedOutcome {
    /// The node answered there.
    Reached,
    /// Another node answered there.
    OtherNode(NodeId),
    /// Nobody did, or not as a node does.
    Failed(String),
}

/// One address and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TriedAddress {
    /// `host:port`.
    pub address: String,
    /// Who told of it, where it is not written down in the peer's document.
    pub told: Option<BookedAddress>,
    /// What came of it.
    pub outcome: TriedOutcome,
}

/// A way to find nodes, as it is set up here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Its name, as [`AddressSource`](crate::AddressSource) has it, or `upnp`.
    pub source: &'static str,
    /// The key that turns it on and off.
    pub setting: &'static str,
    /// Whether it is on.
    pub is_on: bool,
    /// Who announces this node there, where more than one may: `system` or `node`.
    pub speaker: Option<&'static str>,
}

/// A node that announces itself on the local network in another version, and so is passed over there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignVersion {
    /// The version that it announces.
    pub theirs: String,
    /// The one that this node understands.
    pub ours: &'static str,
}

/// All that was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Who.
    pub id: NodeId,
    /// What it is called here.
    pub name: String,
    /// What it is granted here.
    pub trust: Trust,
    /// Whether a link works.
    pub up: bool,
    /// Whether this node listens for others.
    pub listening: Option<u16>,
    /// Where this node is reached from outside, where a router maps a port to it.
    pub outer_address: Option<String>,
    /// Every address that is known.
    pub tried: Vec<TriedAddress>,
    /// The ways in which addresses are found here.
    pub sources: Vec<SourceState>,
    /// Whether it announces itself on the local network in another version.
    pub foreign: Option<ForeignVersion>,
    /// Whether it trusts this node, where it said so.
    pub trusts_us: Option<bool>,
    /// Its clock less ours, where it told.
    pub clock_off_seconds: Option<i64>,
    /// Why nothing is replicated with it now, where something keeps it off.
    pub replication_waits: Option<String>,
    /// When it was last up.
    pub last_seen: Option<String>,
}

impl Diagnosis {
    /// What to do, the most likely first; one sentence where all is well.
    #[must_use]
    pub fn advice(&self) -> Vec<String> {
        let name = &self.name;
        let mut advice = Vec::new();
        match self.trust {
            Trust::Blocked => {
                advice.push(format!(
                    "{name} is blocked here: `refuge peer trust {name}` lifts that."
                ));
                return advice;
            }
            Trust::Neither => {
                advice.push(format!(
                    "{name} is known here and not trusted: `refuge peer trust {name}` changes that."
                ));
                return advice;
            }
            Trust::Trusted => {}
        }
        if self.trusts_us == Some(false) {
            advice.push(format!(
                "{name} does not trust this node: its owner has to approve it there \
                 (`refuge peer pending`, then `refuge peer approve`)."
            ));
        }
        self.advise_on_version(&mut advice);
        self.advise_on_addresses(&mut advice);
        self.advise_on_clock(&mut advice);
        if self.up && advice.is_empty() && self.replication_waits.is_none() {
            advice.push(format!("{name} is up; nothing is to be done."));
        }
        if !self.up && advice.is_empty() {
            advice.push(format!(
                "{name} answers and trusts this node: the link should come up within a minute; the \
                 log of both nodes tells of attempts that fail."
            ));
        }
        if let Some(reason) = &self.replication_waits {
            advice.push(format!("Replication with {name} waits: {reason}."));
        }
        advice
    }

    fn advise_on_version(&self, advice: &mut Vec<String>) {
        let Some(ForeignVersion { theirs, ours }) = self.foreign.as_ref().filter(|_| !self.up)
        else {
            return;
        };
        let theirs = if theirs.is_empty() { "without a number" } else { theirs };
        advice.push(format!(
            "{} was seen on the local network, but announces itself there in version {theirs}, and this \
             node understands version {ours} alone: its announcement is passed over. Bring both nodes \
             to the same release of refuge, or give its address by hand: `refuge peer add {} --address \
             host:port`.",
            self.name, self.id
        ));
    }

    fn advise_on_addresses(&self, advice: &mut Vec<String>) {
        let name = &self.name;
        let reached = self.tried.iter().any(|one| one.outcome == TriedOutcome::Reached);
        for tried in &self.tried {
            if let TriedOutcome::OtherNode(other) = tried.outcome {
                advice.push(format!(
                    "At {} another node answers ({other}): the address is out of date, or {name} has \
                     a new identity.",
                    tried.address
                ));
            }
        }
        if reached || self.up {
            return;
        }
        if self.tried.is_empty() {
            advice.push(format!(
                "No address of {name} is known: give one with `refuge peer add {} --address \
                 host:port`, or let {name} connect to this node.",
                self.id
            ));
            let off = self.sources.iter().filter(|one| !one.is_on && one.source != OUTER);
            let off: Vec<&str> = off.map(|one| one.setting).collect();
            if !off.is_empty() {
                advice.push(format!(
                    "Ways to find it that are turned off here: {}. They find it where they are on at \
                     {name}, too.",
                    off.join(", ")
                ));
            }
        } else {
            advice.push(format!(
                "None of the addresses of {name} leads to it: is that node running, is its port open \
                 in the firewall, and is the address still right?"
            ));
        }
        if self.listening.is_none() {
            advice.push("This node does not listen for others either: see the log.".to_owned());
        }
    }

    fn advise_on_clock(&self, advice: &mut Vec<String>) {
        let Some(off) = self.clock_off_seconds else { return };
        if off.unsigned_abs() > CLOCK_OFF_SECONDS {
            let direction = if off > 0 { "ahead of" } else { "behind" };
            let seconds = off.unsigned_abs();
            advice.push(format!(
                "The clock of {} is {seconds} s {direction} this node's. Links work all the same; \
                 introductions may be refused. One of the two clocks is wrong.",
                self.name
            ));
        }
    }

    /// As it is told to clients.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let tried = self.tried.iter().map(|one| {
            let source = one.told.as_ref().map_or("written", |told| told.source.as_str());
            let (outcome, reason) = match &one.outcome {
                TriedOutcome::Reached => ("reached", None),
                TriedOutcome::OtherNode(id) => ("other_node", Some(id.to_string())),
                TriedOutcome::Failed(reason) => ("failed", Some(reason.clone())),
            };
            json!({
                "address": one.address,
                "source": source,
                "told_ms": one.told.as_ref().map(|told| told.told_ms),
                "failures": one.told.as_ref().map(|told| told.failures),
                "outcome": outcome,
                "reason": reason,
            })
        });
        let sources = self.sources.iter().map(|one| {
            json!({
                "source": one.source,
                "setting": one.setting,
                "on": one.is_on,
                "speaker": one.speaker,
            })
        });
        json!({
            "id": self.id.to_string(),
            "name": self.name,
            "trust": self.trust.as_str(),
            "up": self.up,
            "listening": self.listening,
            "outer_address": self.outer_address,
            "addresses": tried.collect::<Vec<_>>(),
            "sources": sources.collect::<Vec<_>>(),
            "foreign_version": self.foreign.as_ref().map(|foreign| &foreign.theirs),
            "trusts_us": self.trusts_us,
            "clock_off_seconds": self.clock_off_seconds,
            "replication_waits": self.replication_waits,
            "last_seen": self.last_seen,
            "advice": self.advice(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address_book::{AddressBook, AddressSource};

    fn well() -> Diagnosis {
        Diagnosis {
            id: NodeId::from_digest([1; 32]),
            name: "anna".to_owned(),
            trust: Trust::Trusted,
            up: true,
            listening: Some(6984),
            outer_address: None,
            sources: vec![],
            foreign: None,
            tried: vec![tried(TriedOutcome::Reached)],
            trusts_us: Some(true),
            clock_off_seconds: Some(-2),
            replication_waits: None,
            last_seen: None,
        }
    }

    fn tried(outcome: TriedOutcome) -> TriedAddress {
        TriedAddress { address: "anna.example:6984".to_owned(), told: None, outcome }
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
        assert!(
            advice[0].contains("does not trust") && advice[1].contains("version 2"),
            "{advice:?}"
        );
    }

    #[test]
    fn a_diagnosis_is_told_as_json() {
        let told =
            Diagnosis { tried: vec![tried(TriedOutcome::Failed("no".to_owned()))], ..well() };
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
        let tried = vec![TriedAddress { address: "a:1".to_owned(), told, outcome }];
        let diagnosis = Diagnosis { up: false, sources, tried, ..well() };
        let json = diagnosis.to_json();
        assert_eq!(json["addresses"][0]["source"], "dht");
        assert_eq!(json["addresses"][0]["told_ms"], told_ms);
        let off = json!({"source": "dht", "setting": "mesh.dht", "on": false, "speaker": null});
        assert_eq!(json["sources"][1], off);
        let advice = Diagnosis { tried: vec![], ..diagnosis }.advice();
        assert!(advice[1].contains("turned off here: mesh.dht."), "{advice:?}");
    }
}

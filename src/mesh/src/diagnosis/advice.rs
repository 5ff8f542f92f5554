//! What to do about a node that is not up, in plain words.

use super::{AskedHub, Diagnosis, ForeignVersion, HubAnswer, TriedOutcome};
use crate::address_book::AddressSource;
use crate::peer::Trust;

/// The source that finds nobody: it is there to be found.
pub(super) const OUTER: &str = "upnp";
/// A clock that is off by more is told: introductions and cookies fail by it.
const CLOCK_OFF_SECONDS: u64 = 120;

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
                 (`refuge peer pending`, then `refuge peer approve`; `refuge peer add` with this node's id \
                 where it was rejected)."
            ));
        }
        self.advise_on_version(&mut advice);
        self.advise_on_addresses(&mut advice);
        self.advise_on_clock(&mut advice);
        if self.up && advice.is_empty() && self.replication_waits.is_none() {
            advice.push(format!("{name} is up; nothing is to be done."));
        }
        if !self.up && advice.is_empty() {
            advice.push(match self.trusts_us {
                // One that is not trusted is told so; one that is blocked is told nothing.
                None => format!(
                    "{name} is reached, and ends the connection without a word: so does a node where this \
                     one is blocked (`refuge peer trust` there lifts that), and one that is just being \
                     started.{}",
                    self.last_failure()
                ),
                Some(_) => format!(
                    "{name} answers and trusts this node: the link should come up within a minute; the \
                     log of both nodes tells of attempts that fail.{}",
                    self.last_failure()
                ),
            });
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
                let called = tried.other_name.as_ref();
                let called =
                    called.map_or_else(String::new, |name| format!(", called {name} here"));
                advice.push(format!(
                    "At {} another node answers: its certificate proves {other}{called}, and not {name}. \
                     The address is out of date, or {name} has a new identity.",
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
            // A hub is somebody's: it is told of where one is set.
            let no_way = [OUTER, AddressSource::Hub.as_str()];
            let off = self.sources.iter().filter(|one| !one.is_on && !no_way.contains(&one.source));
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
        if self.certificate.is_none() {
            advice.push(format!(
                "No certificate of {name} was ever met: neither did this node reach it nor did it come \
                 here. Is its id right? `refuge identity` tells it there."
            ));
        }
        self.advise_on_hubs(advice);
        if self.listening.is_none() {
            advice.push("This node does not listen for others either: see the log.".to_owned());
        }
    }

    fn advise_on_hubs(&self, advice: &mut Vec<String>) {
        let name = &self.name;
        for AskedHub { hub, answer } in &self.hubs {
            match answer {
                HubAnswer::Knows => {}
                HubAnswer::KnowsNothing => advice.push(format!(
                    "The hub {hub} does not know where {name} is: is the same hub set there (`hub.hubs`), \
                     and is {name} running?"
                )),
                HubAnswer::Failed(reason) => advice.push(format!(
                    "The hub {hub} did not answer ({reason}): is `hub.hubs` still right here, and is that \
                     hub running?"
                )),
            }
        }
    }

    /// What the link says of its last attempt, as a sentence more.
    fn last_failure(&self) -> String {
        let failure = self.link.as_ref().and_then(|link| link.last_failure.as_ref());
        failure.map_or_else(String::new, |reason| format!(" The last attempt failed: {reason}."))
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
}

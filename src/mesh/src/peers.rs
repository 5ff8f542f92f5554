//! The peers as one immutable view: by id, by local name, by group. Where they are stored is not known
//! here.

mod rotated;

use std::collections::{BTreeMap, HashMap};

use crate::imitation;
use crate::node_id::NodeId;
use crate::peer::{self, PeerRecord, Trust};
use crate::selector::Selector;

/// The role of every trusted node.
const ROLE: &str = "_peer";

/// All known nodes at one moment.
#[derive(Clone, Debug, Default)]
pub struct Peers {
    by_id: BTreeMap<NodeId, PeerRecord>,
    by_name: HashMap<String, NodeId>,
    /// Trusted members only.
    by_group: HashMap<String, Vec<NodeId>>,
}

impl Peers {
    /// Of two records with one id the later counts; of two with one name the name belongs to the
    /// smaller id.
    pub fn new(records: impl IntoIterator<Item = PeerRecord>) -> Self {
        let by_id: BTreeMap<_, _> = records.into_iter().map(|record| (record.id, record)).collect();
        let mut by_name = HashMap::new();
        let mut by_group: HashMap<String, Vec<NodeId>> = HashMap::new();
        for record in by_id.values() {
            by_name.entry(record.name.clone()).or_insert(record.id);
            if record.trust != Trust::Trusted {
                continue;
            }
            for group in &record.groups {
                let members = by_group.entry(group.clone()).or_default();
                // A group may stand twice in one document.
                if members.last() != Some(&record.id) {
                    members.push(record.id);
                }
            }
        }
        Self { by_id, by_name, by_group }
    }

    /// A known node.
    #[must_use]
    pub fn get(&self, id: &NodeId) -> Option<&PeerRecord> {
        self.by_id.get(id)
    }

    /// A known node by its local name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&PeerRecord> {
        self.by_name.get(name).and_then(|id| self.by_id.get(id))
    }

    /// The known node that a text names: by its local name, else by its id in either form.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<&PeerRecord> {
        self.by_name(text).or_else(|| self.get(&text.parse().ok()?))
    }

    /// All known nodes in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &PeerRecord> {
        self.by_id.values()
    }

    /// The trusted ones in the order of their ids.
    pub fn trusted(&self) -> impl Iterator<Item = &PeerRecord> {
        self.iter().filter(|record| record.trust == Trust::Trusted)
    }

    /// Whether a node is trusted; one that is not known is not.
    #[must_use]
    pub fn is_trusted(&self, id: &NodeId) -> bool {
        self.get(id).is_some_and(|record| record.trust == Trust::Trusted)
    }

    /// `_peer` and `group:<name>` for each of its groups; none for one that is not trusted.
    #[must_use]
    pub fn roles(&self, id: &NodeId) -> Option<Vec<String>> {
        let record = self.get(id).filter(|record| record.trust == Trust::Trusted)?;
        let groups = record.groups.iter().map(|group| format!("group:{group}"));
        Some(std::iter::once(ROLE.to_owned()).chain(groups).collect())
    }

    /// The trusted nodes that are meant, in the order of their ids; one that is named by an identity that it had
    /// before is meant too.
    #[must_use]
    pub fn resolve(&self, selector: &Selector) -> Vec<NodeId> {
        match selector {
            Selector::All => self.trusted().map(|record| record.id).collect(),
            Selector::Group(group) => self.by_group.get(group).cloned().unwrap_or_default(),
            Selector::Node(text) => {
                let meant = self.find_now(text).map(|record| record.id);
                meant.filter(|id| self.is_trusted(id)).into_iter().collect()
            }
        }
    }

    /// What a node is called here that claims a name for itself: the name, where it is a plain one that
    /// no other peer has and that looks like no other peer's; else the beginning of its id.
    #[must_use]
    pub fn name_for_claimed(&self, claimed: &str, id: &NodeId) -> String {
        let claimed = peer::clean_name(claimed);
        let plain = peer::is_plain_name(&claimed)
            && !peer::looks_like_an_id(&claimed)
            && claimed.parse::<NodeId>().is_err();
        let imitates = || {
            let shape = imitation::shape(&claimed);
            let others = self.iter().filter(|other| other.id != *id);
            others.into_iter().any(|other| imitation::shape(&other.name) == shape)
        };
        if plain && !imitates() { claimed } else { PeerRecord::default_name(id) }
    }

    /// Whom nodes imitate by what they call themselves: of each that does the name of a peer that looks like
    /// its own.
    #[must_use]
    pub fn imitated<'a>(
        &self,
        claimed: impl IntoIterator<Item = (NodeId, &'a str)>,
    ) -> HashMap<NodeId, String> {
        let mut claimed = claimed.into_iter().peekable();
        if claimed.peek().is_none() {
            return HashMap::new();
        }
        let shapes: HashMap<String, &PeerRecord> =
            self.iter().map(|known| (imitation::shape(&known.name), known)).collect();
        let imitated = |(id, name): (NodeId, &str)| {
            let known = shapes.get(&imitation::shape(name)).filter(|known| known.id != id)?;
            Some((id, known.name.clone()))
        };
        claimed.filter_map(imitated).collect()
    }

    /// Whether another peer than `except` is called so.
    #[must_use]
    pub fn name_taken(&self, name: &str, except: &NodeId) -> bool {
        self.by_name.get(name).is_some_and(|holder| holder != except)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u8, name: &str, groups: &[&str], trust: Trust) -> PeerRecord {
        PeerRecord {
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
            trust,
            ..PeerRecord::new(NodeId::from_digest([number; 32]))
        }
    }

    fn family() -> Peers {
        Peers::new([
            peer(3, "carla", &["family", "family", "work"], Trust::Trusted),
            peer(1, "anna", &["family"], Trust::Trusted),
            peer(2, "bert", &["family"], Trust::Blocked),
            peer(4, "dora", &["family"], Trust::Neither),
        ])
    }

    fn ids(numbers: &[u8]) -> Vec<NodeId> {
        numbers.iter().map(|number| NodeId::from_digest([*number; 32])).collect()
    }

    #[test]
    fn only_trusted_nodes_are_meant() {
        let resolve = |text: &str| family().resolve(&Selector::parse(text).expect("a selector"));
        assert_eq!(resolve("*"), ids(&[1, 3]));
        assert_eq!(resolve("group:family"), ids(&[1, 3]));
        assert_eq!(resolve("group:work"), ids(&[3]));
        assert_eq!(resolve("group:none"), ids(&[]));
        assert_eq!(resolve("anna"), ids(&[1]));
        assert_eq!(resolve("bert"), ids(&[]));
        assert_eq!(resolve(&ids(&[3])[0].for_people()), ids(&[3]));
        assert_eq!(resolve(&ids(&[4])[0].to_string()), ids(&[]));
    }

    #[test]
    fn roles_are_those_of_the_groups() {
        let roles = family().roles(&ids(&[1])[0]);
        assert_eq!(roles, Some(vec!["_peer".to_owned(), "group:family".to_owned()]));
        assert_eq!(family().roles(&ids(&[2])[0]), None);
        assert_eq!(family().roles(&ids(&[9])[0]), None);
    }

    #[test]
    fn a_name_is_free_for_its_holder_alone() {
        let [anna, carla] = [ids(&[1])[0], ids(&[3])[0]];
        assert!(!family().name_taken("anna", &anna));
        assert!(family().name_taken("anna", &carla));
        assert!(!family().name_taken("emil", &carla));
    }

    #[test]
    fn a_name_that_imitates_a_friends_is_not_taken() {
        let known = family();
        let stranger = ids(&[9])[0];
        let default = PeerRecord::default_name(&stranger);
        for claimed in ["anna", "ANNA", " Anna ", "\u{430}nn\u{430}", "an\u{200B}na", "*", ""] {
            assert_eq!(known.name_for_claimed(claimed, &stranger), default, "{claimed:?}");
        }
        let claimed =
            [(stranger, "\u{430}nn\u{430}"), (ids(&[1])[0], "Anna"), (ids(&[8])[0], "emil")];
        let imitated = known.imitated(claimed);
        assert_eq!(imitated.into_iter().collect::<Vec<_>>(), [(stranger, "anna".to_owned())]);
        assert_eq!(known.name_for_claimed("emil\n", &stranger), "emil");
        assert_eq!(known.name_for_claimed("anna", &ids(&[1])[0]), "anna");
        let id = stranger.to_string();
        assert_eq!(known.name_for_claimed(&id, &ids(&[8])[0]).len(), 13);
    }

    #[test]
    fn of_two_with_one_name_the_smaller_id_has_it() {
        let twins = Peers::new([
            peer(2, "twin", &[], Trust::Trusted),
            peer(1, "twin", &[], Trust::Trusted),
        ]);
        assert_eq!(twins.by_name("twin").map(|record| record.id), Some(ids(&[1])[0]));
    }

    #[test]
    fn a_known_node_is_found_by_its_name_and_by_its_id_in_either_form() {
        let (family, [bert, nobody]) = (family(), [ids(&[2])[0], ids(&[9])[0]]);
        for text in ["bert", &bert.to_string(), &bert.for_people()] {
            assert_eq!(family.find(text).map(|record| record.id), Some(bert), "{text}");
        }
        for text in ["", "nobody", &nobody.to_string()] {
            assert_eq!(family.find(text), None, "{text}");
        }
    }
}

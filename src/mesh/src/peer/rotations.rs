//! The identities that a peer had before, as its document keeps them: what names it by one of them still
//! means it, and a statement that was seen is known when it comes again.

use serde_json::{Map, Value, json};

use super::{BadPeer, PeerRecord};
use crate::node_id::NodeId;

/// The member of the document.
pub(super) const MEMBER: &str = "rotations";
/// Kept of one peer: a node shows ten at most, and the oldest go.
const MOST_ROTATIONS: usize = 16;

/// A change of a peer's key that was proved here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastRotation {
    /// The identity that it left.
    pub from: NodeId,
    /// The serial of the statement by which it did.
    pub serial: u64,
}

impl PeerRecord {
    /// The identities that it had before, the oldest first.
    pub fn earlier_ids(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.rotations.iter().map(|one| one.from).chain(self.unlisted())
    }

    /// That of a document of an older release, which has the last of them alone.
    fn unlisted(&self) -> Option<NodeId> {
        self.rotated_from.filter(|id| !self.rotations.iter().any(|one| one.from == *id))
    }

    /// What its document keeps once it proved these further ones.
    #[must_use]
    pub fn rotations_with(&self, proved: &[PastRotation]) -> Vec<PastRotation> {
        let unlisted = self.unlisted().map(|from| PastRotation { from, serial: 0 });
        let before = self.rotations.iter().copied().chain(unlisted);
        let mut all: Vec<PastRotation> = before.chain(proved.iter().copied()).collect();
        all.drain(..all.len().saturating_sub(MOST_ROTATIONS));
        all
    }
}

/// As the document has them.
#[must_use]
pub fn rotations_to_json(rotations: &[PastRotation]) -> Value {
    let one = |one: &PastRotation| json!({ "from": one.from.to_string(), "serial": one.serial });
    rotations.iter().map(one).collect()
}

pub(super) fn read(body: &Map<String, Value>) -> Result<Vec<PastRotation>, BadPeer> {
    let wanted = "a list of {\"from\": a node id, \"serial\": a whole number}";
    let wrong = || BadPeer::Type { member: MEMBER, wanted };
    let list = match body.get(MEMBER) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(list)) => list,
        Some(_) => return Err(wrong()),
    };
    if list.len() > MOST_ROTATIONS {
        return Err(BadPeer::TooMany { member: MEMBER, most: MOST_ROTATIONS });
    }
    let one = |value: &Value| {
        let from = NodeId::from_canonical(value.get("from")?.as_str()?).ok()?;
        Some(PastRotation { from, serial: value.get("serial")?.as_u64()? })
    };
    list.iter().map(|value| one(value).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> NodeId {
        NodeId::from_digest([number; 32])
    }

    fn past(number: u8, serial: u64) -> PastRotation {
        PastRotation { from: id(number), serial }
    }

    #[test]
    fn what_was_proved_is_kept_behind_what_was_known() {
        let known = PeerRecord {
            rotated_from: Some(id(2)),
            rotations: vec![past(1, 5), past(2, 6)],
            ..PeerRecord::new(id(3))
        };
        assert_eq!(known.earlier_ids().collect::<Vec<_>>(), [id(1), id(2)]);
        let kept = known.rotations_with(&[past(3, 7)]);
        assert_eq!(kept, [past(1, 5), past(2, 6), past(3, 7)]);
        let value = Map::from_iter([(MEMBER.to_owned(), rotations_to_json(&kept))]);
        assert_eq!(read(&value), Ok(kept));
    }

    #[test]
    fn an_identity_of_an_older_document_is_not_forgotten() {
        let known = PeerRecord { rotated_from: Some(id(1)), ..PeerRecord::new(id(2)) };
        assert_eq!(known.rotations_with(&[past(2, 7)]), [past(1, 0), past(2, 7)]);
    }

    #[test]
    fn of_many_the_newest_are_kept() {
        let proved: Vec<_> = (0..40).map(|number| past(number, number.into())).collect();
        let kept = PeerRecord::new(id(99)).rotations_with(&proved);
        assert_eq!(kept, proved[24..]);
        assert!(PeerRecord::new(id(99)).rotations_with(&[]).is_empty());
    }
}

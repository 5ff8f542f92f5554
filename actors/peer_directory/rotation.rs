//! A peer that has another identity: its new document takes the place of the old one, with all that the
//! peer was granted. It may be broken off at any step and is finished at the next start, by the mark
//! `rotating` of the new document.

use refuge_http::Failure;
use refuge_mesh::{NodeId, PastRotation, PeerRecord, Trust, rotations_to_json};

use super::{Changed, Directory, commands};
use crate::pairing;

/// The member of a new document whose old one is still there.
const MARK: &str = "rotating";

/// A peer that has another identity, as it proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatedPeer {
    /// Who it was: a trusted node.
    pub old: NodeId,
    /// Who it is.
    pub new: NodeId,
    /// The way from the one to the other, the oldest first.
    pub proved: Vec<PastRotation>,
}

impl Directory {
    /// Puts a peer's new identity in the place of its old one.
    pub(super) async fn rotate(&mut self, rotated: RotatedPeer) -> Result<Changed, Failure> {
        let RotatedPeer { old, new, proved } = rotated;
        let refused = |reason: &str| Failure::Forbidden(reason.to_owned());
        if self.known.trust(&old) != Trust::Trusted {
            return Err(refused("the earlier identity of this node is not trusted here"));
        }
        if self.known.trust(&new) == Trust::Blocked {
            return Err(refused("the new identity of this node is blocked here"));
        }
        if !self.may_be_heir(&new) {
            return Err(refused(
                "an admin decided about the new identity of this node, which is known here by itself",
            ));
        }
        let mut body = commands::body_of(self, &old);
        body.remove("certificate");
        // It is the beginning of an id, which is no name for another one.
        if body.get("name").is_some_and(|name| *name == PeerRecord::default_name(&old)) {
            body.remove("name");
        }
        body.insert("rotated_from".to_owned(), old.to_string().into());
        if let Some(known) = self.known.get(&old) {
            let rotations = rotations_to_json(&known.record.rotations_with(&proved));
            body.insert("rotations".to_owned(), rotations);
        }
        body.insert(MARK.to_owned(), true.into());
        let changed = self.put(new, Some(body)).await?;
        self.finish_rotation(old, new).await?;
        Ok(changed)
    }

    /// Whether a node may take the place of the peer that it was: nobody here decided about it otherwise.
    fn may_be_heir(&self, new: &NodeId) -> bool {
        let is_rejected = pairing::is_rejected(&self.names, new) == Some(true);
        let may_be = |record: &PeerRecord| {
            record.is_on_a_word() || (record.trust == Trust::Trusted && record.rotating)
        };
        !is_rejected && self.known.get(new).is_none_or(|known| may_be(&known.record))
    }

    /// Those that were broken off.
    pub(super) async fn finish_rotations(&mut self) {
        let begun = self.known.records().filter(|record| record.rotating);
        let begun: Vec<_> = begun.map(|record| (record.rotated_from, record.id)).collect();
        for (old, new) in begun {
            let finished = match old.map(|old| (old, self.known.trust(&old))) {
                // What an admin said of the old identity meanwhile is said of the peer.
                Some((old, Trust::Blocked | Trust::Neither)) if self.known.get(&old).is_some() => {
                    self.give_rotation_up(new).await
                }
                Some((old, _)) => self.finish_rotation(old, new).await,
                None => self.unmark(new).await,
            };
            if let Err(failure) = finished {
                tracing::error!(peer = %new, %failure, "a rotation was not finished");
            }
        }
    }

    /// Whom the old identity vouched for, the new one does; then the old one is forgotten.
    async fn finish_rotation(&mut self, old: NodeId, new: NodeId) -> Result<(), Failure> {
        let vouched = Some(old.to_string());
        let introduced = self.known.records().filter(|record| record.introduced_by == vouched);
        for id in introduced.map(|record| record.id).collect::<Vec<_>>() {
            let mut body = commands::body_of(self, &id);
            body.insert("introduced_by".to_owned(), new.to_string().into());
            self.put(id, Some(body)).await?;
        }
        if self.known.trust(&old) == Trust::Trusted {
            self.put(old, None).await?;
        }
        self.unmark(new).await
    }

    async fn unmark(&mut self, new: NodeId) -> Result<(), Failure> {
        let mut body = commands::body_of(self, &new);
        body.remove(MARK);
        self.put(new, Some(body)).await.map(drop)
    }

    /// The old identity stays, with its name; the new one is known and no more.
    async fn give_rotation_up(&mut self, new: NodeId) -> Result<(), Failure> {
        let mut body = commands::body_of(self, &new);
        for member in [MARK, "name", "trust", "introduced_by", "introduced_until", "confirmed"] {
            body.remove(member);
        }
        self.put(new, Some(body)).await.map(drop)
    }
}

//! The invitations of this node that are open, each known by the hash of its token alone. How a token is
//! hashed, and where this is kept, is not known here.

mod stored;

use crate::node_id::NodeId;
pub use stored::BadStoredInvitations;

/// Open at once: nobody invites more people in a quarter of an hour.
const MOST_OPEN: usize = 100;

/// What an invitation is to grant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InvitationTerms {
    /// What the node that comes is called here; what it calls itself where absent.
    pub name: Option<String>,
    /// The groups that it will be in.
    pub groups: Vec<String>,
}

/// An invitation that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenInvitation {
    /// Tells it from the others.
    pub number: u64,
    /// SHA-256 of its token.
    pub hash: [u8; 32],
    /// From when on it is no good, in milliseconds since 1970.
    pub expires_ms: u64,
    /// What it grants.
    pub terms: InvitationTerms,
    /// Who came with it: nobody else may.
    pub used_by: Option<NodeId>,
    /// Whether what it grants was granted: that happens once.
    pub admitted: bool,
}

/// What a good token opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redeemed {
    /// The door: this is granted now.
    Granted(InvitationTerms),
    /// Nothing more: it was granted before, and only the answer is given again.
    Again,
}

/// A token opens nothing: it is not known, expired, or used by another node; which of them is nobody's
/// business.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this invitation is not (or no longer) good: ask for a new one")]
pub struct NoInvitation;

/// There are as many as there may be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MOST_OPEN} invitations are open: withdraw some, or wait until they expire")]
pub struct TooManyInvitations;

/// All open invitations. `now_ms` of every call is in milliseconds since 1970.
#[derive(Clone, Debug, Default)]
pub struct Invitations {
    open: Vec<OpenInvitation>,
    last_number: u64,
}

impl Invitations {
    /// Opens one.
    ///
    /// # Errors
    /// [`TooManyInvitations`].
    pub fn open(
        &mut self,
        now_ms: u64,
        (hash, expires_ms): ([u8; 32], u64),
        terms: InvitationTerms,
    ) -> Result<OpenInvitation, TooManyInvitations> {
        self.forget_expired(now_ms);
        if self.open.len() >= MOST_OPEN {
            return Err(TooManyInvitations);
        }
        self.last_number += 1;
        let number = self.last_number;
        let made =
            OpenInvitation { number, hash, expires_ms, terms, used_by: None, admitted: false };
        self.open.push(made.clone());
        Ok(made)
    }

    /// A node that proved its id comes with the token of this hash. The one that came first may come again
    /// until the invitation expires, since its answer may have been lost; it is granted nothing twice.
    ///
    /// # Errors
    /// [`NoInvitation`].
    pub fn redeem(
        &mut self,
        now_ms: u64,
        (hash, node): (&[u8; 32], NodeId),
    ) -> Result<Redeemed, NoInvitation> {
        self.forget_expired(now_ms);
        // Hashes of secrets: how long a comparison takes tells nothing of the secret.
        let found = self.open.iter_mut().find(|one| one.hash == *hash);
        match found.filter(|one| one.used_by.is_none_or(|first| first == node)) {
            Some(invitation) if invitation.admitted => Ok(Redeemed::Again),
            Some(invitation) => {
                invitation.used_by = Some(node);
                Ok(Redeemed::Granted(invitation.terms.clone()))
            }
            None => Err(NoInvitation),
        }
    }

    /// What the token of this hash grants has been granted.
    pub fn admitted(&mut self, hash: &[u8; 32]) {
        for invitation in self.open.iter_mut().filter(|one| one.hash == *hash) {
            invitation.admitted = true;
        }
    }

    /// Takes back those with which this node came; whether there were any.
    pub fn withdraw_used_by(&mut self, node: &NodeId) -> bool {
        let before = self.open.len();
        self.open.retain(|one| one.used_by.as_ref() != Some(node));
        self.open.len() < before
    }

    /// Takes one back; whether it was there.
    pub fn withdraw(&mut self, number: u64) -> bool {
        let before = self.open.len();
        self.open.retain(|one| one.number != number);
        self.open.len() < before
    }

    /// Forgets those whose time is over.
    pub fn forget_expired(&mut self, now_ms: u64) {
        self.open.retain(|one| one.expires_ms > now_ms);
    }

    /// Those that are open, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &OpenInvitation> {
        self.open.iter()
    }
}

#[cfg(test)]
mod tests;

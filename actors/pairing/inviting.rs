//! Making invitations, telling of them, taking them back.

use std::time::Duration;

use refuge_http::Failure;
use refuge_identity::NodeIdentity;
use refuge_mesh::{
    Invitation, InvitationTerms, NewInvitation, NodeId, OpenInvitation, PeerRecord, rfc3339,
};
use refuge_otp::Names;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::{PairingState, addresses};
use crate::{mesh_listener, peer_dial, peer_directory};

/// How long an invitation is good where nobody says otherwise: to be read to somebody over the telephone.
const DEFAULT_MINUTES: u64 = 15;
/// A day: one that lies about for longer is found by somebody else.
const MOST_MINUTES: u64 = 24 * 60;
const MINUTE_MS: u64 = 60_000;
/// Characters of a token, as they are made.
const TOKEN_CHARACTERS: usize = 32;
/// How long whoever invites waits for this node to listen: a key may have to be made first.
const LISTENING_PATIENCE: Duration = Duration::from_secs(8);

impl PairingState {
    /// Makes an invitation. It is answered once the node listens, which nobody else waits for.
    pub(super) async fn invite(
        &mut self,
        wish: NewInvitation,
        reply: oneshot::Sender<Result<Value, Failure>>,
    ) {
        match self.open(&wish).await {
            Err(failure) => drop(reply.send(Err(failure))),
            Ok((token, made)) => {
                let names = self.names.clone();
                crate::task::spawn(async move {
                    let _ = reply.send(told(&names, wish, (token, made)).await);
                });
            }
        }
    }

    async fn open(&mut self, wish: &NewInvitation) -> Result<(String, OpenInvitation), Failure> {
        let minutes = wish.minutes.unwrap_or(DEFAULT_MINUTES);
        if !(1..=MOST_MINUTES).contains(&minutes) {
            let reason = format!("an invitation is good for 1 to {MOST_MINUTES} minutes");
            return Err(Failure::BadRequest(reason));
        }
        self.check_terms(wish)?;
        let random = refuge_identity::token();
        let token = random.map_err(|error| Failure::Internal(error.to_string()))?;
        let hash = refuge_identity::sha256(token.as_bytes());
        let now_ms = crate::now_ms();
        let expires_ms = now_ms + minutes * MINUTE_MS;
        let terms = InvitationTerms { name: wish.name.clone(), groups: wish.groups.clone() };
        let made = self.invitations.open(now_ms, (hash, expires_ms), terms);
        let made = made.map_err(|error| Failure::TooMany {
            error: "too_many_invitations",
            reason: error.to_string(),
            retry_after: None,
        })?;
        if let Err(failure) = self.store().await {
            self.invitations.withdraw(made.number);
            return Err(failure);
        }
        self.expect_somebody();
        Ok((token, made))
    }

    pub(super) fn told_invitations(&mut self) -> Value {
        self.invitations.forget_expired(crate::now_ms());
        let told = self.invitations.iter().map(|one| {
            json!({
                "number": one.number,
                "expires": rfc3339(one.expires_ms),
                "name": one.terms.name,
                "groups": one.terms.groups,
                "used_by": one.used_by.map(|id| id.to_string()),
            })
        });
        json!({ "invitations": told.collect::<Vec<_>>() })
    }

    pub(super) async fn withdraw(&mut self, number: u64) -> Result<(), Failure> {
        let mut left = self.invitations.clone();
        if !left.withdraw(number) {
            return Err(Failure::NotFound(format!("no invitation has the number {number}")));
        }
        self.write(&left).await?;
        self.invitations = left;
        Ok(())
    }

    /// What a document of the guest will have to hold, and what has to fit in the invitation, is looked at
    /// before anybody is invited.
    fn check_terms(&self, wish: &NewInvitation) -> Result<(), Failure> {
        let bad = |reason: String| Failure::BadRequest(reason);
        let mut body = Map::new();
        if let Some(name) = &wish.name {
            body.insert("name".to_owned(), name.clone().into());
        }
        body.insert("groups".to_owned(), wish.groups.clone().into());
        body.insert("addresses".to_owned(), wish.addresses.clone().into());
        let somebody = NodeId::from_digest([0; 32]);
        PeerRecord::parse(&somebody.to_string(), &body).map_err(|error| bad(error.to_string()))?;
        if !wish.addresses.is_empty() {
            let token = "0".repeat(TOKEN_CHARACTERS);
            let invitation = Invitation { id: somebody, addresses: wish.addresses.clone(), token };
            let read = invitation.to_string().parse::<Invitation>();
            read.map_err(|error| bad(error.to_string()))?;
        }
        // A node that has just started does not know its peers yet; the guest's document is checked again.
        let peers = peer_directory::peers(&self.names).unwrap_or_default();
        match &wish.name {
            Some(name) if peers.name_taken(name, &somebody) => {
                Err(bad(format!("a peer is called {name:?} already: choose another name")))
            }
            _ => Ok(()),
        }
    }
}

/// The invitation as it is handed over.
async fn told(
    names: &Names,
    wish: NewInvitation,
    (token, made): (String, OpenInvitation),
) -> Result<Value, Failure> {
    let ready = async {
        let identity = peer_dial::identity(names).await;
        (identity, mesh_listener::listening(names).await)
    };
    let ready = tokio::time::timeout(LISTENING_PATIENCE, ready).await;
    let (identity, port) = ready.map_err(|_| {
        let reason = "this node does not listen for others yet: its key is being made, or its port is \
                      taken (see the log); try again in a moment";
        Failure::Unavailable(reason.to_owned())
    })?;
    let addresses =
        if wish.addresses.is_empty() { addresses::own(names, port) } else { wish.addresses };
    if addresses.is_empty() {
        let reason = "this machine has no address that others could reach: connect it to a network, or \
                      name one with --address host:port";
        return Err(Failure::Unavailable(reason.to_owned()));
    }
    let NodeIdentity { id, .. } = *identity;
    let invitation = Invitation { id, addresses: Invitation::shortened(addresses), token };
    Ok(json!({
        "invitation": invitation.to_string(),
        "number": made.number,
        "expires": rfc3339(made.expires_ms),
    }))
}

//! This node's own statement of where it is: signed anew when that changes, and in time before it expires.

use refuge_identity::{NodeIdentity, sign_statement};
use refuge_mesh::{Claims, Statement, StatementContent};
use refuge_otp::Names;

use super::serial;
use crate::configuration::CurrentSettings;
use crate::{mesh_listener, names, now_ms, pairing};

/// How long a statement holds, milliseconds: a node that vanished is told of for so long.
const LIFETIME_MS: u64 = 4 * 60 * 60 * 1_000;
/// With so much left it is signed anew.
const LEAST_LEFT_MS: u64 = 2 * 60 * 60 * 1_000;
/// Addresses in it; all of them are tried by those that look for this node.
const MOST_ADDRESSES: usize = 8;

/// The last one.
#[derive(Default)]
pub(super) struct OwnRecord(Option<Statement>);

impl OwnRecord {
    /// The statement that holds now; none while this node does not listen.
    pub(super) async fn current(&mut self, names: &Names) -> Result<Option<Statement>, String> {
        let Some(port) = mesh_listener::port(names) else { return Ok(None) };
        let identity = names.value::<NodeIdentity>(names::NODE_IDENTITY);
        let identity = identity.ok_or("this node's key is not there yet")?;
        // The outer one, which a router maps, is the first.
        let mut addresses = pairing::own_addresses(names, port);
        addresses.truncate(MOST_ADDRESSES);
        let listed = names
            .value::<CurrentSettings>(names::CONFIGURATION)
            .is_some_and(|current| current.settings.hub.listed);
        let key = identity.key().public().and_then(|key| Ok(key.to_der()?));
        let key = key.map_err(|error| error.to_string())?;
        let name = crate::own_name(names);
        let content = StatementContent::HubRecord { name, addresses, listed, key };
        let now_ms = now_ms();
        if let Some(last) =
            self.0.as_ref().filter(|last| still_holds(last.claims(), &content, now_ms))
        {
            return Ok(Some(last.clone()));
        }
        let claims = Claims {
            issuer: identity.id,
            subject: identity.id,
            audience: None,
            serial: serial::take(names, now_ms).await?,
            issued_ms: now_ms,
            expires_ms: now_ms + LIFETIME_MS,
            content,
        };
        let signing = move || sign_statement(identity.key(), &claims);
        let signed = crate::blocking(signing).await.map_err(|error| error.to_string())?;
        let signed = signed.map_err(|error| error.to_string())?;
        self.0 = Some(signed.clone());
        Ok(Some(signed))
    }
}

fn still_holds(last: &Claims, content: &StatementContent, now_ms: u64) -> bool {
    let left = last.expires_ms.saturating_sub(now_ms);
    // A clock that was set back makes it no statement of the future.
    last.content == *content && left >= LEAST_LEFT_MS && last.issued_ms <= now_ms
}

#[cfg(test)]
mod tests {
    use refuge_mesh::NodeId;

    use super::*;

    fn content(addresses: &[&str]) -> StatementContent {
        let addresses = addresses.iter().map(|one| (*one).to_owned()).collect();
        StatementContent::HubRecord {
            name: "one".to_owned(),
            addresses,
            listed: false,
            key: vec![1],
        }
    }

    #[test]
    fn a_statement_is_signed_anew_when_an_outer_address_appears_or_half_of_its_time_is_over() {
        let (id, inner) = (NodeId::from_digest([1; 32]), content(&["192.168.1.2:6984"]));
        let last = Claims {
            issuer: id,
            subject: id,
            audience: None,
            serial: 1,
            issued_ms: 1_000,
            expires_ms: 1_000 + LIFETIME_MS,
            content: inner.clone(),
        };
        assert!(still_holds(&last, &inner, 1_000));
        assert!(still_holds(&last, &inner, 1_000 + LIFETIME_MS - LEAST_LEFT_MS));
        assert!(!still_holds(&last, &inner, 1_001 + LIFETIME_MS - LEAST_LEFT_MS));
        assert!(!still_holds(&last, &inner, 999), "the clock was set back");
        let outer = content(&["198.51.100.7:6984", "192.168.1.2:6984"]);
        assert!(!still_holds(&last, &outer, 1_000));
    }
}

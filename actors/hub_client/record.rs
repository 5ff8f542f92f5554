//! This node's own statement of where it is: signed anew when that changes, and in time before it expires.

use refuge_identity::{NodeIdentity, sign_statement};
use refuge_mesh::{Claims, Statement, StatementContent, next_serial};
use refuge_otp::Names;

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
        if let Some(last) = self.0.as_ref().filter(|last| still_holds(last, &content, now_ms)) {
            return Ok(Some(last.clone()));
        }
        let last = self.0.as_ref().map(|last| last.claims().serial);
        let claims = Claims {
            issuer: identity.id,
            subject: identity.id,
            audience: None,
            serial: next_serial(last, now_ms),
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

fn still_holds(last: &Statement, content: &StatementContent, now_ms: u64) -> bool {
    let claims = last.claims();
    let left = claims.expires_ms.saturating_sub(now_ms);
    // A clock that was set back makes it no statement of the future.
    claims.content == *content && left >= LEAST_LEFT_MS && claims.issued_ms <= now_ms
}

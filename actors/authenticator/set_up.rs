//! The link that lets the first admin in, once and for a while.

use std::time::{Duration, Instant};

use ractor::ActorRef;
use refuge_http::{Failure, NewAdmin};
use refuge_identity::CryptographyError;
use refuge_otp::Names;
use tokio::sync::oneshot;

use super::{AuthenticatorMessage, AuthenticatorState};
use crate::authentication::hashing::hash_of_admin;
use crate::configuration::{ConfigurationMessage, CurrentSettings};
use crate::{names, unavailable};

/// The link that makes the first admin.
#[derive(Clone)]
pub struct SetUpLink {
    /// The secret in its path; no `Debug`, so that it reaches no log.
    pub token: String,
    /// When it no longer works.
    pub expires: Instant,
}

impl SetUpLink {
    /// A new link that works for so long.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn new(works_for: Duration) -> Result<Self, CryptographyError> {
        Ok(Self { token: refuge_identity::token()?, expires: Instant::now() + works_for })
    }
}

impl AuthenticatorState {
    fn has_admins(&self) -> bool {
        self.arguments
            .names
            .value::<CurrentSettings>(names::CONFIGURATION)
            .is_none_or(|current| !current.settings.admins.is_empty())
    }

    pub(super) fn is_open(&self, token: &str) -> bool {
        let Some(link) = &self.arguments.set_up else {
            return false;
        };
        !self.setting_up
            && !self.has_admins()
            && Instant::now() < link.expires
            && refuge_identity::constant_time_equal(token.as_bytes(), link.token.as_bytes())
    }

    pub(super) fn set_up(
        &mut self,
        myself: &ActorRef<AuthenticatorMessage>,
        token: &str,
        admin: NewAdmin,
        reply: oneshot::Sender<Result<(), Failure>>,
    ) {
        if !self.is_open(token) {
            let _ = reply.send(Err(Failure::NotFound("missing".to_owned())));
            return;
        }
        self.setting_up = true;
        let (names, myself) = (self.arguments.names.clone(), myself.clone());
        crate::task::spawn(async move {
            let result = make_admin(&names, admin).await;
            let _ = myself.cast(AuthenticatorMessage::SetUpDone { success: result.is_ok() });
            let _ = reply.send(result);
        });
    }
}

/// Makes an admin; returns when the admin is on disk and in force.
pub(crate) async fn make_admin(names: &Names, admin: NewAdmin) -> Result<(), Failure> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(unavailable)?;
    let NewAdmin { name, password } = admin;
    let hash = hash_of_admin(&current.settings.authentication, password).await;
    let hash = hash.map_err(Failure::Internal)?;
    crate::call(names, names::CONFIGURATION, |reply| ConfigurationMessage::WriteAdmin {
        name,
        hash,
        reply,
    })
    .await?
    .map_err(Failure::BadRequest)
}

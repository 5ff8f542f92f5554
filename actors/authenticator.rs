//! Says who the holder of credentials is, and lets the first admin in through the set-up link. Hashing
//! runs on threads that may block; credentials that were verified are remembered under a keyed MAC
//! whose key nobody else knows.
//!
//! Called by: the node's service. A restart loses what was remembered, which is verified anew.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{ADMIN_ROLE, Credentials, Failure, NewAdmin, User};
use refuge_identity::{CryptographyError, MacKey, password};
use refuge_otp::Names;
use tokio::sync::oneshot;

use crate::configuration::{ConfigurationMessage, CurrentSettings};
use crate::{names, unavailable};

/// Verified credentials that are remembered; when full, all are forgotten and verified anew.
const REMEMBERED: usize = 1_000;
/// What CouchDB says to wrong credentials.
const WRONG: &str = "Name or password is incorrect.";

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

/// Messages of the authenticator.
pub enum AuthenticatorMessage {
    /// Who is this?
    Authenticate {
        /// Name and password.
        credentials: Credentials,
        /// Gets the user, or `Unauthorized`.
        reply: oneshot::Sender<Result<User, Failure>>,
    },
    /// Credentials were found good; remember them.
    Verified {
        /// Their MAC.
        mac: [u8; 32],
        /// Whose they are.
        user: User,
    },
    /// Does this token open the set-up page now?
    SetUpIsOpen {
        /// The token.
        token: String,
        /// Gets the answer.
        reply: oneshot::Sender<bool>,
    },
    /// Make the first admin.
    SetUp {
        /// The token.
        token: String,
        /// The admin.
        admin: NewAdmin,
        /// Answered when the admin is on disk.
        reply: oneshot::Sender<Result<(), Failure>>,
    },
    /// A set-up came to an end.
    SetUpDone {
        /// Whether the admin is there.
        success: bool,
    },
}

/// What the authenticator is started with.
#[derive(Clone)]
pub struct AuthenticatorArguments {
    /// The names of this node.
    pub names: Names,
    /// The set-up link of this run of the node, when it began without an admin.
    pub set_up: Option<SetUpLink>,
}

/// The actor.
#[derive(Default)]
pub struct AuthenticatorActor;

/// What is remembered.
pub struct AuthenticatorState {
    arguments: AuthenticatorArguments,
    key: MacKey,
    verified: HashMap<[u8; 32], User>,
    /// A set-up is under way: the link works once.
    setting_up: bool,
}

impl Actor for AuthenticatorActor {
    type Msg = AuthenticatorMessage;
    type State = AuthenticatorState;
    type Arguments = AuthenticatorArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let key = MacKey::random()?;
        Ok(AuthenticatorState { arguments, key, verified: HashMap::new(), setting_up: false })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AuthenticatorMessage::Authenticate { credentials, reply } => {
                state.authenticate(&myself, credentials, reply)?;
            }
            AuthenticatorMessage::Verified { mac, user } => {
                if state.verified.len() >= REMEMBERED {
                    state.verified.clear();
                }
                state.verified.insert(mac, user);
            }
            AuthenticatorMessage::SetUpIsOpen { token, reply } => {
                let _ = reply.send(state.is_open(&token));
            }
            AuthenticatorMessage::SetUp { token, admin, reply } => {
                state.set_up(&myself, &token, admin, reply);
            }
            AuthenticatorMessage::SetUpDone { success } => {
                state.setting_up = false;
                if success {
                    state.arguments.set_up = None;
                }
            }
        }
        Ok(())
    }
}

impl AuthenticatorState {
    fn authenticate(
        &mut self,
        myself: &ActorRef<AuthenticatorMessage>,
        credentials: Credentials,
        reply: oneshot::Sender<Result<User, Failure>>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(current) = self.arguments.names.value::<CurrentSettings>(names::CONFIGURATION)
        else {
            let _ = reply.send(Err(unavailable()));
            return Ok(());
        };
        let stored = current.settings.admins.get(&credentials.name).cloned();
        let iterations = current.settings.authentication.iterations;
        let mac = self.key.digest(&[
            credentials.name.as_bytes(),
            credentials.password.as_bytes(),
            stored.as_deref().unwrap_or_default().as_bytes(),
        ])?;
        if let Some(user) = self.verified.get(&mac) {
            let _ = reply.send(Ok(user.clone()));
            return Ok(());
        }
        let myself = myself.clone();
        tokio::task::spawn_blocking(move || {
            let result = verify(&credentials, stored.as_deref(), iterations);
            if let Ok(user) = &result {
                let _ = myself.cast(AuthenticatorMessage::Verified { mac, user: user.clone() });
            }
            let _ = reply.send(result);
        });
        Ok(())
    }

    fn has_admins(&self) -> bool {
        self.arguments
            .names
            .value::<CurrentSettings>(names::CONFIGURATION)
            .is_none_or(|current| !current.settings.admins.is_empty())
    }

    fn is_open(&self, token: &str) -> bool {
        let Some(link) = &self.arguments.set_up else {
            return false;
        };
        !self.setting_up
            && !self.has_admins()
            && Instant::now() < link.expires
            && refuge_identity::constant_time_equal(token.as_bytes(), link.token.as_bytes())
    }

    fn set_up(
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
        tokio::spawn(async move {
            let result = make_admin(&names, admin).await;
            let _ = myself.cast(AuthenticatorMessage::SetUpDone { success: result.is_ok() });
            let _ = reply.send(result);
        });
    }
}

/// Compares a password with what the configuration holds. Somebody unknown costs as much time as
/// somebody known.
fn verify(
    credentials: &Credentials,
    stored: Option<&str>,
    iterations: u32,
) -> Result<User, Failure> {
    let wrong = || Failure::Unauthorized(WRONG.to_owned());
    let Some(stored) = stored else {
        let _ = password::hash(&credentials.password, iterations);
        return Err(wrong());
    };
    let good = if password::is_hash(stored) {
        password::verify(&credentials.password, stored).unwrap_or(false)
    } else {
        refuge_identity::constant_time_equal(credentials.password.as_bytes(), stored.as_bytes())
    };
    if good {
        let (name, roles) = (Some(credentials.name.clone()), vec![ADMIN_ROLE.to_owned()]);
        Ok(User { name, roles })
    } else {
        Err(wrong())
    }
}

async fn make_admin(names: &Names, admin: NewAdmin) -> Result<(), Failure> {
    let current = names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(unavailable)?;
    let iterations = current.settings.authentication.iterations;
    let NewAdmin { name, password } = admin;
    let hash = tokio::task::spawn_blocking(move || password::hash(&password, iterations))
        .await
        .map_err(|_| unavailable())?
        .map_err(|error| Failure::Internal(error.to_string()))?;
    crate::call(names, names::CONFIGURATION, |reply| ConfigurationMessage::WriteAdmin {
        name,
        hash,
        reply,
    })
    .await?
    .map_err(Failure::BadRequest)
}

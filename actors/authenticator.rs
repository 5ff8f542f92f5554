//! Remembers which passwords were found good, under a keyed MAC whose key nobody else knows, and who gave
//! wrong ones; bounds how many are hashed at once; and lets the first admin in through the set-up link.
//! Looking passwords up and comparing them is done by who asks, in `authentication`.
//!
//! Called by: the node's service. A restart loses what was remembered, which is verified anew, and who
//! failed.

pub mod lockout;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, NewAdmin};
use refuge_identity::{CryptographyError, MacKey, password};
use refuge_otp::Names;
use tokio::sync::{Semaphore, oneshot};

use self::lockout::{Locked, Lockout, LockoutRules};
use crate::configuration::{ConfigurationMessage, CurrentSettings};
use crate::{names, unavailable};

/// Verified passwords that are remembered; when full, all are forgotten and verified anew.
const REMEMBERED: usize = 10_000;

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

/// A password that somebody shows, with what it is compared with.
pub struct ShownPassword {
    /// From where.
    pub address: IpAddr,
    /// Whose.
    pub name: String,
    /// The password; no `Debug`, so that it reaches no log.
    pub password: String,
    /// What is stored of the right one, so that another one is another matter.
    pub stored: String,
    /// The salt of what is stored.
    pub salt: String,
}

/// What is known of a password without hashing it.
pub enum Recalled {
    /// It is right.
    Right,
    /// Nothing; if it is found right, this is to be remembered.
    Unknown([u8; 32]),
    /// It is not looked at.
    Refused(Locked),
}

/// Messages of the authenticator.
pub enum AuthenticatorMessage {
    /// What is known of this password?
    Recall {
        /// The password.
        shown: ShownPassword,
        /// Gets the answer.
        reply: oneshot::Sender<Recalled>,
    },
    /// A password was found right; remember it.
    Right([u8; 32]),
    /// A password was found wrong.
    Wrong {
        /// From where.
        address: IpAddr,
        /// Whose it was said to be.
        name: String,
        /// The salt of what is stored.
        salt: String,
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

/// What whoever asks about users shares; published under the authenticator's name.
pub struct AuthenticationBoard {
    /// Changes with every write of `_users`.
    users: AtomicU64,
    /// Places for those who hash: as many as there are cores.
    pub(crate) hashing: Arc<Semaphore>,
    /// Places for those who wait to hash.
    pub(crate) waiting: Arc<Semaphore>,
}

/// Those who may wait to have a password compared; a place takes 0.1 s or so.
const MOST_WAITING: usize = 256;

impl AuthenticationBoard {
    fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            // Another number than the last incarnation's, so that nobody takes old for new.
            users: AtomicU64::new(rand::random::<u32>().into()),
            hashing: Arc::new(Semaphore::new(cores)),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
        }
    }
}

/// A number that changes when somebody in `_users` may have changed.
pub(crate) fn users_generation(names: &Names) -> u64 {
    let board = names.value::<AuthenticationBoard>(names::AUTHENTICATOR);
    board.map_or(0, |board| board.users.load(Ordering::Acquire))
}

/// Tells that documents of `_users` changed.
pub(crate) fn users_changed(names: &Names) {
    if let Some(board) = names.value::<AuthenticationBoard>(names::AUTHENTICATOR) {
        board.users.fetch_add(1, Ordering::AcqRel);
    }
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
    right: HashSet<[u8; 32]>,
    lockout: Lockout,
    /// A set-up is under way: the link works once.
    setting_up: bool,
}

impl Actor for AuthenticatorActor {
    type Msg = AuthenticatorMessage;
    type State = AuthenticatorState;
    type Arguments = AuthenticatorArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        arguments: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let board = Arc::new(AuthenticationBoard::new());
        arguments.names.publish(&myself.get_cell(), names::AUTHENTICATOR, board);
        Ok(AuthenticatorState {
            arguments,
            key: MacKey::random()?,
            right: HashSet::new(),
            lockout: Lockout::default(),
            setting_up: false,
        })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AuthenticatorMessage::Recall { shown, reply } => {
                let _ = reply.send(state.recall(&shown)?);
            }
            AuthenticatorMessage::Right(mac) => {
                if state.right.len() >= REMEMBERED {
                    state.right.clear();
                }
                state.right.insert(mac);
            }
            AuthenticatorMessage::Wrong { address, name, salt } => {
                state.wrong((address, &name, &salt));
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
    fn recall(&self, shown: &ShownPassword) -> Result<Recalled, CryptographyError> {
        // Before what is remembered, or whoever has to wait could try at the speed of a MAC.
        if let Some(rules) = self.rules().filter(|rules| rules.enforced) {
            let tried = (shown.address, shown.name.as_str(), shown.salt.as_str());
            if let Some(locked) = self.lockout.look(&rules, tried, Instant::now()) {
                return Ok(Recalled::Refused(locked));
            }
        }
        let mac = self.key.digest(&[
            shown.name.as_bytes(),
            shown.password.as_bytes(),
            shown.stored.as_bytes(),
        ])?;
        // The digest is what nobody can make: looking it up tells nothing by its time.
        Ok(if self.right.contains(&mac) { Recalled::Right } else { Recalled::Unknown(mac) })
    }

    fn wrong(&mut self, tried: (IpAddr, &str, &str)) {
        let Some(rules) = self.rules() else { return };
        if self.lockout.failed(&rules, tried, Instant::now()) {
            tracing::warn!(
                target: "audit",
                address = %tried.0,
                user = %tried.1.escape_debug(),
                enforced = rules.enforced,
                "too many wrong passwords of this user came from this address"
            );
        }
    }

    /// How wrong passwords are counted; none where they are not.
    fn rules(&self) -> Option<LockoutRules> {
        let current = self.arguments.names.value::<CurrentSettings>(names::CONFIGURATION)?;
        let lockout = &current.settings.lockout;
        (lockout.mode != "off").then(|| LockoutRules {
            enforced: lockout.mode == "enforce",
            threshold: lockout.threshold,
            address_threshold: lockout.address_threshold,
            most: lockout.max_objects,
            lasts: Duration::from_millis(lockout.max_lifetime_ms),
        })
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

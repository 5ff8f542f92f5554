//! Remembers which passwords were found good, under a keyed MAC whose key nobody else knows, and who gave
//! wrong ones; bounds how many are hashed at once; and lets the first admin in through the set-up link.
//! Looking passwords up and comparing them is done by who asks, in `authentication`.
//!
//! Called by: the node's service. A restart loses what was remembered, which is verified anew, and who
//! failed.

mod attempt;
mod board;
pub mod lockout;
mod set_up;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use refuge_http::{Failure, NewAdmin};
use refuge_identity::{CryptographyError, MacKey};
use refuge_otp::Names;
use tokio::sync::oneshot;

pub use self::attempt::{Attempt, AttemptOutcome, Tried};
pub use self::board::AuthenticationBoard;
pub(crate) use self::board::{users_changed, users_generation};
use self::lockout::{Locked, Lockout, LockoutRules, Look};
pub use self::set_up::SetUpLink;
pub(crate) use self::set_up::make_admin;
use crate::configuration::CurrentSettings;
use crate::names;

/// Verified passwords that are remembered; when full, all are forgotten and verified anew.
const REMEMBERED: usize = 10_000;

/// A password that somebody shows, with what it is compared with.
#[derive(Clone)]
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
    /// Nothing; whoever hashes it tells the outcome.
    Unknown(Attempt),
    /// It is not looked at.
    Refused(Locked),
}

/// Messages of the authenticator.
pub enum AuthenticatorMessage {
    /// What is known of this password?
    Recall {
        /// The password.
        shown: ShownPassword,
        /// Gets the answer; none yet where the same one, or as many as may be wrong, are being compared.
        /// Ask again when an outcome is told.
        reply: oneshot::Sender<Option<Recalled>>,
    },
    /// An attempt came to its end.
    Tried {
        /// Which.
        tried: Tried,
        /// How.
        outcome: AttemptOutcome,
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
    board: Arc<AuthenticationBoard>,
    key: MacKey,
    right: HashSet<[u8; 32]>,
    /// Those that are being compared.
    compared: HashSet<[u8; 32]>,
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
        let board = Arc::new(AuthenticationBoard::new(arguments.names.node()));
        arguments.names.publish(&myself.get_cell(), names::AUTHENTICATOR, Arc::clone(&board));
        Ok(AuthenticatorState {
            arguments,
            board,
            key: MacKey::random()?,
            right: HashSet::new(),
            compared: HashSet::new(),
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
            AuthenticatorMessage::Tried { tried, outcome } => state.tried(&tried, outcome),
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
    fn recall(&mut self, shown: &ShownPassword) -> Result<Option<Recalled>, CryptographyError> {
        // Before what is remembered, or whoever has to wait could try at the speed of a MAC.
        if let Some(rules) = self.rules().filter(|rules| rules.enforced) {
            let tried = (shown.address, shown.name.as_str(), shown.salt.as_str());
            match self.lockout.look(&rules, tried, Instant::now()) {
                Look::Open => {}
                Look::Later => return Ok(None),
                Look::Locked(locked) => return Ok(Some(Recalled::Refused(locked))),
            }
        }
        let mac = self.key.digest(&[
            shown.name.as_bytes(),
            shown.password.as_bytes(),
            shown.stored.as_bytes(),
        ])?;
        // The digest is what nobody can make: looking it up tells nothing by its time.
        if self.right.contains(&mac) {
            return Ok(Some(Recalled::Right));
        }
        if !self.compared.insert(mac) {
            return Ok(None);
        }
        self.lockout.begin(shown.address, &shown.name);
        let (name, salt) = (shown.name.clone(), shown.salt.clone());
        let tried = Tried { address: shown.address, name, salt, mac };
        Ok(Some(Recalled::Unknown(Attempt::new(&self.arguments.names, tried))))
    }

    fn tried(&mut self, attempt: &Tried, outcome: AttemptOutcome) {
        // One that began before a restart of this actor is not known; its outcome is true all the same.
        if self.compared.remove(&attempt.mac) {
            self.lockout.end(attempt.address, &attempt.name);
        }
        match outcome {
            AttemptOutcome::Right => {
                if self.right.len() >= REMEMBERED {
                    self.right.clear();
                }
                self.right.insert(attempt.mac);
            }
            AttemptOutcome::Wrong => {
                self.wrong((attempt.address, &attempt.name, &attempt.salt));
            }
            AttemptOutcome::Undecided => {}
        }
        self.board.outcomes.send_modify(|number| *number += 1);
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
}

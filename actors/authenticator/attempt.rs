//! A password that is being compared. Until its outcome is told it counts as wrong, and where it is dropped,
//! because nobody waits any more, it stays so: whoever hangs up would else guess for nothing.

use std::net::IpAddr;

use refuge_otp::Names;

use super::AuthenticatorMessage;
use crate::names;

/// What was tried.
pub struct Tried {
    /// From where.
    pub(super) address: IpAddr,
    /// Whose it was said to be.
    pub(super) name: String,
    /// The salt of what is stored.
    pub(super) salt: String,
    /// What is remembered if it is right; no `Debug`, since it is as good as a password.
    pub(super) mac: [u8; 32],
}

/// What became of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// The password is right.
    Right,
    /// It is wrong, or nobody waited to hear.
    Wrong,
    /// It was not compared.
    Undecided,
}

/// An attempt under way. Its end is told to the authenticator, wherever it is dropped.
pub struct Attempt {
    names: Names,
    tried: Option<Tried>,
}

impl Attempt {
    pub(super) fn new(names: &Names, tried: Tried) -> Self {
        Self { names: names.clone(), tried: Some(tried) }
    }

    /// Ends it.
    pub(crate) fn ended(mut self, outcome: AttemptOutcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: AttemptOutcome) {
        if let Some(tried) = self.tried.take() {
            let told = AuthenticatorMessage::Tried { tried, outcome };
            let _ = self.names.cast(names::AUTHENTICATOR, told);
        }
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.tell(AttemptOutcome::Wrong);
    }
}

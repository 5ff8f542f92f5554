//! What whoever asks about users shares: places to hash in, and numbers that change with what is known.
//! Published under the authenticator's name.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::Counter;
use refuge_config::Authentication;
use refuge_identity::password::MOST_MEMORY_KIB;
use refuge_otp::Names;
use tokio::sync::{Semaphore, watch};

use crate::names;

/// Those who may wait to have a password compared; a place takes 0.1 s or so.
const MOST_WAITING: usize = 256;

/// What whoever asks about users shares.
pub struct AuthenticationBoard {
    /// Changes with every write of `_users`.
    users: AtomicU64,
    /// Places for those who hash: as many as there are cores.
    pub(crate) hashing: Arc<Semaphore>,
    /// KiB of memory for all of them together; the largest hash that is taken fits in.
    pub(crate) memory_kib: Arc<Semaphore>,
    /// Places for those who wait to hash.
    pub(crate) waiting: Arc<Semaphore>,
    /// Places for those who wait for the outcome of others' passwords: beside the former, so that somebody
    /// who guesses over many connections takes none of theirs.
    pub(crate) deferred: Arc<Semaphore>,
    /// Changes whenever a password was found right or wrong.
    pub(crate) outcomes: watch::Sender<u64>,
    /// Counts what is hashed.
    pub(crate) hashes: Counter,
}

impl AuthenticationBoard {
    pub(super) fn new(node: &str) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let kib = |kib: u32| usize::try_from(kib).unwrap_or(usize::MAX);
        // Each core may hash one of the usual size.
        let usual = cores.saturating_mul(kib(Authentication::default().argon2_memory_kib));
        Self {
            // Another number than the last incarnation's, so that nobody takes old for new.
            users: AtomicU64::new(rand::random::<u32>().into()),
            hashing: Arc::new(Semaphore::new(cores)),
            memory_kib: Arc::new(Semaphore::new(kib(MOST_MEMORY_KIB).max(usual))),
            waiting: Arc::new(Semaphore::new(MOST_WAITING)),
            deferred: Arc::new(Semaphore::new(MOST_WAITING)),
            outcomes: watch::channel(0).0,
            hashes: metrics::counter!("refuge_password_hashes_total", "node" => node.to_owned()),
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

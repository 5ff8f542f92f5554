//! How passwords are hashed, and where: on threads that may block, as few at once as there are cores, and
//! never more than there is memory for.

use std::sync::Arc;
use std::time::Duration;

use refuge_config::Authentication;
use refuge_http::Failure;
use refuge_identity::HashAlgorithm;
use refuge_identity::password::{self, PasswordError, Recipe};
use refuge_otp::Names;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failed;
use crate::authenticator::AuthenticationBoard;
use crate::{names, unavailable};

/// How new passwords in `_users` are hashed.
pub(crate) fn recipe(settings: &Authentication) -> Recipe {
    match settings.password_scheme.as_str() {
        "simple" => Recipe::Simple,
        "pbkdf2" => Recipe::Pbkdf2 {
            function: HashAlgorithm::named(&settings.pbkdf2_prf).unwrap_or(HashAlgorithm::Sha256),
            iterations: settings.iterations,
        },
        _ => Recipe::Argon2id {
            // Argon2 wants eight blocks a lane at least, which the setting's bound is.
            memory_kib: settings.argon2_memory_kib,
            iterations: settings.argon2_rounds,
            lanes: 1,
        },
    }
}

/// How new passwords of admins are hashed: never in the way that is for old programs alone.
pub(crate) fn recipe_of_admins(settings: &Authentication) -> Recipe {
    match recipe(settings) {
        Recipe::Simple => {
            Recipe::Pbkdf2 { function: HashAlgorithm::Sha256, iterations: settings.iterations }
        }
        other => other,
    }
}

/// Hashes an admin's password as it is written into the configuration. For whoever may not ask the
/// authenticator, since it may not run yet; what admins ask for is little.
pub(crate) async fn hash_of_admin(
    settings: &Authentication,
    password: String,
) -> Result<String, String> {
    let recipe = recipe_of_admins(settings);
    crate::blocking(move || password::hash(&password, recipe))
        .await
        .map_err(|error| error.to_string())?
        .map_err(|error| error.to_string())
}

/// Whether so many may wait for a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Few: whoever comes later is told to come again.
    Bounded,
    /// Any number: they are bounded elsewhere.
    Any,
}

/// Runs a job that hashes and takes so much memory, when there is a place for it.
pub(crate) async fn hashing<R: Send + 'static>(
    names: &Names,
    waiting: Waiting,
    memory_kib: u32,
    job: impl FnOnce() -> Result<R, PasswordError> + Send + 'static,
) -> Result<R, Failure> {
    let board = crate::published::<AuthenticationBoard>(names, names::AUTHENTICATOR).await?;
    let waits = match waiting {
        Waiting::Any => None,
        Waiting::Bounded => Some(waiting_place(&board.waiting)?),
    };
    let memory = Arc::clone(&board.memory_kib).acquire_many_owned(memory_kib);
    let memory = memory.await.map_err(|_| unavailable())?;
    let place = Arc::clone(&board.hashing).acquire_owned().await.map_err(|_| unavailable())?;
    drop(waits);
    board.hashes.increment(1);
    let task = crate::blocking(move || {
        let result = job();
        drop((place, memory));
        result
    });
    task.await.map_err(|_| unavailable())?.map_err(failed)
}

/// A place for somebody who waits; few wait.
pub(super) fn waiting_place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Failure> {
    Arc::clone(places).try_acquire_owned().map_err(|_| Failure::Busy {
        reason: "too many logins wait; try again later".to_owned(),
        retry_after: Duration::from_secs(1),
    })
}

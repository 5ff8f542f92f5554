//! Passwords: compared on threads that may block, as few at once as there are cores, and hashed anew where
//! they are stored in an old way. Somebody unknown costs as much time as somebody known.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use refuge_config::{Authentication, Settings};
use refuge_http::{Credentials, Failure};
use refuge_identity::HashAlgorithm;
use refuge_identity::password::{PasswordError, Recipe, StoredPassword};
use refuge_otp::Names;
use tokio::sync::OwnedSemaphorePermit;

use super::accounts::{self, Account, AccountSecret};
use super::failed;
use crate::authenticator::lockout::Locked;
use crate::authenticator::{AuthenticationBoard, AuthenticatorMessage, Recalled, ShownPassword};
use crate::node_service::upgrade_password;
use crate::{names, unavailable};

/// What CouchDB says to wrong credentials.
const WRONG: &str = "Name or password is incorrect.";

/// Bytes of a password that are looked at; a longer one is wrong.
const LONGEST: usize = 4_096;

/// Bytes of a salt below which a new one is made.
const LEAST_SALT: usize = 8;

/// How new passwords in `_users` are hashed.
pub(crate) fn recipe(settings: &Authentication) -> Recipe {
    match settings.password_scheme.as_str() {
        "simple" => Recipe::Simple,
        "argon2id" => Recipe::Argon2id {
            // Argon2 wants eight blocks a lane at least, which the setting's bound is.
            memory_kib: settings.argon2_memory_kib,
            iterations: settings.argon2_rounds,
            lanes: 1,
        },
        _ => Recipe::Pbkdf2 {
            function: HashAlgorithm::named(&settings.pbkdf2_prf).unwrap_or(HashAlgorithm::Sha256),
            iterations: settings.iterations,
        },
    }
}

/// Checks name and password: the user, or why not.
pub(super) async fn check(
    names: &Names,
    settings: &Settings,
    credentials: &Credentials,
    address: IpAddr,
) -> Result<Account, Failure> {
    let result = look(names, settings, credentials, address).await;
    if let Err(failure @ (Failure::Unauthorized(_) | Failure::Forbidden(_))) = &result {
        tracing::info!(
            target: "audit",
            %address,
            user = %credentials.name.escape_debug(),
            reason = %failure,
            "a login was refused"
        );
    }
    result
}

async fn look(
    names: &Names,
    settings: &Settings,
    credentials: &Credentials,
    address: IpAddr,
) -> Result<Account, Failure> {
    let wrong = || Failure::Unauthorized(WRONG.to_owned());
    if credentials.password.len() > LONGEST || credentials.name.len() > LONGEST {
        return Err(wrong());
    }
    let account = accounts::find(names, settings, &credentials.name).await?;
    let salt = account.as_ref().map_or("", Account::salt).to_owned();
    let shown = ShownPassword {
        address,
        name: credentials.name.clone(),
        password: credentials.password.clone(),
        stored: account.as_ref().map(Account::fingerprint).unwrap_or_default(),
        salt: salt.clone(),
    };
    let recalled = crate::call(names, names::AUTHENTICATOR, |reply| AuthenticatorMessage::Recall {
        shown,
        reply,
    });
    let mac = match recalled.await? {
        Recalled::Refused(locked) => return Err(refused(locked)),
        Recalled::Right => {
            // The settings, or the document, may be others since it was verified.
            check_rounds(settings, account.as_ref())?;
            let account = account.filter(|account| !account.second_factor).ok_or_else(wrong)?;
            upgrade(names, settings, &account, credentials);
            return Ok(account);
        }
        Recalled::Unknown(mac) => mac,
    };
    check_rounds(settings, account.as_ref())?;
    let is_right = compare(names, settings, account.as_ref(), &credentials.password).await?;
    match account.filter(|account| is_right && !account.second_factor) {
        Some(account) => {
            let _ = names.cast(names::AUTHENTICATOR, AuthenticatorMessage::Right(mac));
            upgrade(names, settings, &account, credentials);
            Ok(account)
        }
        None => {
            let name = credentials.name.clone();
            let told = AuthenticatorMessage::Wrong { address, name, salt };
            let _ = names.cast(names::AUTHENTICATOR, told);
            Err(wrong())
        }
    }
}

fn refused(locked: Locked) -> Failure {
    match locked {
        Locked::User => Failure::Forbidden(
            "Account is temporarily locked due to multiple authentication failures".to_owned(),
        ),
        Locked::Address(wait) => Failure::TooMany {
            error: "too_many_requests",
            reason: "too many wrong passwords came from this address: wait before the next"
                .to_owned(),
            // Whole seconds are told, and it is not to come too early.
            retry_after: Some(wait + Duration::from_millis(999)),
        },
    }
}

/// Refuses hashes of too few or too many rounds, with CouchDB's words.
fn check_rounds(settings: &Settings, account: Option<&Account>) -> Result<(), Failure> {
    let stored = account.filter(|account| account.revision.is_some());
    let Some(AccountSecret::Hashed(stored)) = stored.and_then(|one| one.secret.as_ref()) else {
        return Ok(());
    };
    let Recipe::Pbkdf2 { iterations, .. } = stored.recipe() else { return Ok(()) };
    let too = |word: &str| {
        Err(Failure::Forbidden(format!("Iteration count is too {word} for this server")))
    };
    if iterations < settings.authentication.min_iterations {
        return too("low");
    }
    if iterations > settings.authentication.max_iterations {
        return too("high");
    }
    Ok(())
}

/// Whether the password is the account's; takes as long where there is none.
async fn compare(
    names: &Names,
    settings: &Settings,
    account: Option<&Account>,
    password: &str,
) -> Result<bool, Failure> {
    let (password, recipe) = (password.to_owned(), recipe(&settings.authentication));
    match account.and_then(|account| account.secret.as_ref()) {
        Some(AccountSecret::Clear(clear))
            if refuge_identity::constant_time_equal(password.as_bytes(), clear.as_bytes()) =>
        {
            Ok(true)
        }
        Some(AccountSecret::Hashed(stored)) => {
            let stored = stored.clone();
            hashing(names, Waiting::Bounded, move || stored.matches(&password)).await
        }
        Some(AccountSecret::Clear(_)) | None => {
            let job = move || StoredPassword::new(&password, recipe).map(|_| false);
            hashing(names, Waiting::Bounded, job).await
        }
    }
}

/// Whether so many may wait for a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// Few: whoever comes later is told to come again.
    Bounded,
    /// Any number: they are bounded elsewhere.
    Any,
}

/// Runs a job that hashes, when there is a place for it.
pub(crate) async fn hashing<R: Send + 'static>(
    names: &Names,
    waiting: Waiting,
    job: impl FnOnce() -> Result<R, PasswordError> + Send + 'static,
) -> Result<R, Failure> {
    let board = crate::published::<AuthenticationBoard>(names, names::AUTHENTICATOR).await?;
    let waits = match waiting {
        Waiting::Any => None,
        Waiting::Bounded => {
            let place = Arc::clone(&board.waiting).try_acquire_owned();
            Some(place.map_err(|_| Failure::Busy {
                reason: "too many logins wait; try again later".to_owned(),
                retry_after: Duration::from_secs(1),
            })?)
        }
    };
    let place: OwnedSemaphorePermit =
        Arc::clone(&board.hashing).acquire_owned().await.map_err(|_| unavailable())?;
    drop(waits);
    let task = tokio::task::spawn_blocking(move || {
        let result = job();
        drop(place);
        result
    });
    task.await.map_err(|_| unavailable())?.map_err(failed)
}

/// Hashes a password anew that is stored in another way than new ones are. The salt stays, so that
/// sessions go on. Nobody waits for it; a document that was changed meanwhile stays as it is.
fn upgrade(names: &Names, settings: &Settings, account: &Account, credentials: &Credentials) {
    let recipe = recipe(&settings.authentication);
    let Some(AccountSecret::Hashed(stored)) = &account.secret else { return };
    let Some(revision) = account.revision.clone() else { return };
    if !settings.authentication.upgrade_hash_on_auth || stored.recipe() == recipe {
        return;
    }
    let (names, salt) = (names.clone(), stored.salt().to_owned());
    let Credentials { name, password } = credentials.clone();
    tokio::spawn(async move {
        let job = move || match salt.len() {
            // Argon2 wants a longer one; then the sessions end.
            ..LEAST_SALT => StoredPassword::new(&password, recipe),
            _ => StoredPassword::with_salt(&password, recipe, &salt),
        };
        let upgraded = match hashing(&names, Waiting::Bounded, job).await {
            Ok(stored) => upgrade_password(&names, &name, revision, &stored).await,
            Err(failure) => Err(failure),
        };
        let user = name.escape_debug();
        match upgraded {
            Ok(()) => tracing::info!(target: "audit", %user, "a password was hashed anew"),
            Err(failure) => tracing::debug!(%user, %failure, "a password was not hashed anew"),
        }
    });
}

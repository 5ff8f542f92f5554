//! Passwords: whether they are right, and hashed anew where they are stored in an old way. Somebody unknown
//! costs as much work as somebody known.

use std::net::IpAddr;
use std::time::Duration;

use refuge_config::{Place, Settings};
use refuge_http::{Credentials, Failure};
use refuge_identity::password::{MIN_SALT_LEN, Recipe, StoredPassword};
use refuge_otp::Names;

use super::accounts::{self, Account, AccountSecret};
use super::hashing::{Waiting, hashing, recipe, recipe_of_admins, waiting_place};
use crate::authenticator::lockout::Locked;
use crate::authenticator::{
    AttemptOutcome, AuthenticationBoard, AuthenticatorMessage, Recalled, ShownPassword,
};
use crate::configuration::ConfigurationMessage;
use crate::names;
use crate::node_service::upgrade_password;

/// What CouchDB says to wrong credentials.
const WRONG: &str = "Name or password is incorrect.";

/// Bytes of a password that are looked at; a longer one is wrong.
const LONGEST: usize = 4_096;

/// How long the outcome of somebody else's password is waited for before one is asked about again.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks name and password: the user, or why not.
pub(super) async fn check(
    names: &Names,
    settings: &Settings,
    credentials: &Credentials,
    address: IpAddr,
) -> Result<Account, Failure> {
    let result = look(names, settings, credentials, address).await;
    if let Err(
        failure @ (Failure::Unauthorized(_) | Failure::Forbidden(_) | Failure::TooMany { .. }),
    ) = &result
    {
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
        salt,
    };
    let attempt = match recall(names, shown).await? {
        Recalled::Refused(locked) => return Err(refused(locked)),
        Recalled::Right => {
            // The settings, or the document, may be others since it was verified.
            check_rounds(settings, account.as_ref())?;
            let account = account.filter(|account| !account.second_factor).ok_or_else(wrong)?;
            upgrade(names, settings, &account, credentials);
            return Ok(account);
        }
        Recalled::Unknown(attempt) => attempt,
    };
    let compared = match check_rounds(settings, account.as_ref()) {
        Ok(()) => compare(names, settings, account.as_ref(), &credentials.password).await,
        Err(failure) => Err(failure),
    };
    let account = match compared {
        Ok(is_right) => account.filter(|account| is_right && !account.second_factor),
        Err(failure) => {
            attempt.ended(AttemptOutcome::Undecided);
            return Err(failure);
        }
    };
    match account {
        Some(account) => {
            attempt.ended(AttemptOutcome::Right);
            upgrade(names, settings, &account, credentials);
            Ok(account)
        }
        None => {
            attempt.ended(AttemptOutcome::Wrong);
            Err(wrong())
        }
    }
}

/// Asks what is known of a password, and again when others were found right or wrong, as long as that
/// decides whether it is looked at.
async fn recall(names: &Names, shown: ShownPassword) -> Result<Recalled, Failure> {
    let mut place = None;
    loop {
        let board = crate::published::<AuthenticationBoard>(names, names::AUTHENTICATOR).await?;
        let mut outcomes = board.outcomes.subscribe();
        let shown = shown.clone();
        let recalled = crate::call(names, names::AUTHENTICATOR, |reply| {
            AuthenticatorMessage::Recall { shown, reply }
        });
        if let Some(recalled) = recalled.await? {
            return Ok(recalled);
        }
        if place.is_none() {
            place = Some(waiting_place(&board.deferred)?);
        }
        drop(board);
        // An authenticator that is being restarted tells no outcome.
        let _ = tokio::time::timeout(PATIENCE, outcomes.changed()).await;
    }
}

fn refused(locked: Locked) -> Failure {
    match locked {
        Locked::User => Failure::Forbidden(
            "Account is temporarily locked due to multiple authentication failures".to_owned(),
        ),
        Locked::Address(wait) => Failure::too_many(
            "too many wrong passwords came from this address: wait before the next".to_owned(),
            wait,
        ),
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

/// Whether the password is the account's. A wrong one costs at least what a new hash does, whether there
/// is such an account or not and however its password is stored.
async fn compare(
    names: &Names,
    settings: &Settings,
    account: Option<&Account>,
    password: &str,
) -> Result<bool, Failure> {
    let (password, recipe) = (password.to_owned(), recipe(&settings.authentication));
    let stored = match account.and_then(|account| account.secret.as_ref()) {
        Some(AccountSecret::Clear(clear))
            if refuge_identity::constant_time_equal(password.as_bytes(), clear.as_bytes()) =>
        {
            return Ok(true);
        }
        Some(AccountSecret::Hashed(stored)) => Some(stored.clone()),
        Some(AccountSecret::Clear(_)) | None => None,
    };
    let memory = stored.as_ref().map_or(0, |stored| stored.recipe().memory_kib());
    let job = move || {
        if let Some(stored) = stored {
            if stored.matches(&password)? {
                return Ok(true);
            }
            if stored.recipe() == recipe {
                return Ok(false);
            }
        }
        StoredPassword::new(&password, recipe).map(|_| false)
    };
    hashing(names, Waiting::Bounded, memory.max(recipe.memory_kib()), job).await
}

/// Hashes a password anew that is stored in another way than new ones are, where the node may write it.
/// The salt stays, so that sessions go on. Nobody waits for it; a document that was changed meanwhile
/// stays as it is.
fn upgrade(names: &Names, settings: &Settings, account: &Account, credentials: &Credentials) {
    let Some(AccountSecret::Hashed(stored)) = &account.secret else { return };
    let recipe = match account.revision {
        Some(_) => recipe(&settings.authentication),
        None => recipe_of_admins(&settings.authentication),
    };
    if !settings.authentication.upgrade_hash_on_auth || stored.recipe() == recipe {
        return;
    }
    let origin = settings.origin("admins", &credentials.name);
    if account.revision.is_none() && !matches!(origin, Some(Place::Local { .. })) {
        return;
    }
    let (names, stored, revision) = (names.clone(), stored.clone(), account.revision.clone());
    let Credentials { name, password } = credentials.clone();
    crate::task::spawn(async move {
        let salt = stored.salt().to_owned();
        let job = move || match salt.len() {
            // Argon2 wants a longer one; then the sessions end.
            ..MIN_SALT_LEN => StoredPassword::new(&password, recipe),
            _ => StoredPassword::with_salt(&password, recipe, &salt),
        };
        let hashed = hashing(&names, Waiting::Bounded, recipe.memory_kib(), job).await;
        let upgraded = match (hashed, revision) {
            (Ok(new), Some(revision)) => upgrade_password(&names, &name, revision, &new).await,
            (Ok(new), None) => upgrade_admin(&names, &name, &stored, &new).await,
            (Err(failure), _) => Err(failure),
        };
        let user = name.escape_debug();
        match upgraded {
            Ok(true) => tracing::info!(target: "audit", %user, "a password was hashed anew"),
            Ok(false) => {}
            Err(failure) => tracing::debug!(%user, %failure, "a password was not hashed anew"),
        }
    });
}

/// Writes another hash of an admin's password, where that stands in the file that the node writes;
/// whether it did.
async fn upgrade_admin(
    names: &Names,
    name: &str,
    before: &StoredPassword,
    new: &StoredPassword,
) -> Result<bool, Failure> {
    let (name, before, hash) = (name.to_owned(), before.to_text(), new.to_text());
    let message = |reply| ConfigurationMessage::UpgradeAdmin { name, before, hash, reply };
    crate::call(names, names::CONFIGURATION, message).await?.map_err(Failure::Internal)
}

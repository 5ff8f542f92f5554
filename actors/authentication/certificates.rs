//! Whom a client's certificate names. That it is good was found out in the handshake.

use refuge_config::Settings;
use refuge_http::{Failure, Identity};
use refuge_otp::Names;

use super::{accounts, user};

/// The user in `_users` of this name; none where there is none. Admins are let in by their passwords
/// alone: whoever issues certificates would else be one.
pub(super) async fn check(
    names: &Names,
    settings: &Settings,
    name: &str,
) -> Result<Option<Identity>, Failure> {
    if settings.admins.contains_key(name) {
        return Ok(None);
    }
    let account = accounts::find(names, settings, name).await?;
    let account = account.filter(|account| !account.second_factor);
    Ok(account.map(|account| Identity::lasting(user(name, account.roles))))
}

//! Whom a client's certificate names. That it is good was found out in the handshake.

use std::net::IpAddr;

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
    address: IpAddr,
) -> Result<Option<Identity>, Failure> {
    let account = match settings.admins.contains_key(name) {
        true => Err("it names an admin"),
        false => match accounts::find(names, settings, name).await? {
            None => Err("it names nobody in _users"),
            Some(account) if account.second_factor => Err("a second factor is wanted"),
            Some(account) => Ok(account),
        },
    };
    if let Err(reason) = account {
        tracing::info!(
            target: "audit",
            %address,
            user = %name.escape_debug(),
            reason,
            "a client's certificate lets nobody in"
        );
    }
    Ok(account.ok().map(|account| Identity::lasting(user(name, account.roles))))
}

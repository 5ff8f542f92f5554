//! Who somebody is that shows a password, a cookie, a token, or whom a proxy or a certificate names: functions that run
//! where they are asked for. No actor lives here; what has to be remembered is the authenticator's.
//!
//! Roles that begin with an underscore come from `[admins]` alone, and `node:` names and `group:` roles
//! from certificates: whatever stands in a document, a token or a header, they are left out here.

pub(crate) mod accounts;
mod certificates;
mod cookies;
pub(crate) mod hashing;
pub(crate) mod passwords;
mod proxies;
mod tokens;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use refuge_http::{Credentials, Failure, Identity, Proof, User};
use refuge_otp::Names;

use crate::configuration::{ConfigurationMessage, CurrentSettings};
use crate::{names, unavailable};

/// Who shows this proof; none where a cookie is not valid, or a proxy proves nothing.
pub(crate) async fn authenticate(
    names: &Names,
    proof: &Proof,
    address: IpAddr,
) -> Result<Option<Identity>, Failure> {
    let current = current(names)?;
    let settings = &current.settings;
    match proof {
        Proof::Password(credentials) => {
            let account = passwords::check(names, settings, credentials, address).await?;
            let user = user(&credentials.name, account.roles);
            Ok(Some(Identity::lasting(user)))
        }
        Proof::Cookie(text) => cookies::check(names, settings, text, now_seconds()).await,
        Proof::Token(text) => tokens::check(settings, text, now_seconds()).map(Some),
        Proof::Proxy(claim) => proxies::check(&settings.authentication, claim),
        Proof::Certificate(name) => certificates::check(names, settings, name, address).await,
    }
}

/// Begins a session: who it is, and the value of the cookie.
pub(crate) async fn sign_in(
    names: &Names,
    credentials: &Credentials,
    address: IpAddr,
) -> Result<(User, String), Failure> {
    let settings = current(names)?;
    let account = passwords::check(names, &settings.settings, credentials, address).await?;
    if settings.settings.authentication.secret.reveal().is_none() {
        crate::call(names, names::CONFIGURATION, |reply| ConfigurationMessage::MakeSecret {
            reply,
        })
        .await?
        .map_err(Failure::Internal)?;
    }
    let current = current(names)?;
    let authentication = &current.settings.authentication;
    let salt = account.salt();
    let cookie = cookies::make(authentication, &credentials.name, salt, now_seconds())?;
    let cookie = cookie.ok_or_else(unavailable)?;
    Ok((user(&credentials.name, account.roles), cookie))
}

fn current(names: &Names) -> Result<Arc<CurrentSettings>, Failure> {
    names.value::<CurrentSettings>(names::CONFIGURATION).ok_or_else(unavailable)
}

fn user(name: &str, roles: Vec<String>) -> User {
    User { name: Some(name.to_owned()), roles }
}

/// Whether anybody but a node may be called so.
fn is_name_of_somebody(name: &str) -> bool {
    !name.is_empty() && !name.starts_with("node:") && !name.starts_with('_')
}

/// Roles without those that only `[admins]` and certificates give.
fn granted(roles: impl IntoIterator<Item = String>) -> Vec<String> {
    let grantable = |role: &String| !role.starts_with('_') && !role.starts_with("group:");
    roles.into_iter().filter(grantable).collect()
}

/// What the library underneath could not do.
fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Internal(error.to_string())
}

/// Seconds since 1970.
fn now_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_granted_what_only_the_node_gives() {
        let roles = ["reader", "_admin", "_metrics", "_peer", "group:family", "a_b"];
        assert_eq!(granted(roles.map(str::to_owned)), ["reader", "a_b"]);
        assert!(is_name_of_somebody("anna") && is_name_of_somebody("auth0|1:2"));
        assert!(!is_name_of_somebody("node:ABC") && !is_name_of_somebody(""));
        assert!(!is_name_of_somebody("_x"));
    }
}

//! What a proxy says of whom it let in.

use refuge_config::Authentication;
use refuge_http::{Failure, Identity, ProxyClaim, User};
use refuge_identity::{constant_time_equal, hexadecimal};

use super::{cookies, failed, granted, is_name_of_somebody};

/// The user that a proxy names; none where it does not prove that it may. Without a secret nobody can
/// prove anything.
pub(super) fn check(
    settings: &Authentication,
    claim: &ProxyClaim,
) -> Result<Option<Identity>, Failure> {
    if !is_name_of_somebody(&claim.name)
        || (settings.proxy_use_secret && !is_signed(settings, claim)?)
    {
        return Ok(None);
    }
    let roles = granted(claim.roles.iter().cloned());
    Ok(Some(Identity::lasting(User { name: Some(claim.name.clone()), roles })))
}

fn is_signed(settings: &Authentication, claim: &ProxyClaim) -> Result<bool, Failure> {
    let (Some(secret), Some(token)) = (settings.secret.reveal(), &claim.token) else {
        return Ok(false);
    };
    let token = token.to_ascii_lowercase();
    for algorithm in cookies::algorithms(settings) {
        let expected = algorithm.hmac(secret.as_bytes(), claim.name.as_bytes()).map_err(failed)?;
        if constant_time_equal(hexadecimal(&expected).as_bytes(), token.as_bytes()) {
            return Ok(true);
        }
    }
    Ok(false)
}

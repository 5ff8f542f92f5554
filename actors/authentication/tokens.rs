//! JSON web tokens (RFC 7519) as CouchDB 3.5 takes them: their signature first, then their claims. What
//! is said of a wrong one is CouchDB's.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use refuge_config::{Settings, Tokens};
use refuge_http::{Failure, Identity, User};
use refuge_identity::{TokenAlgorithm, TokenKey, TokenKeyKind};
use serde_json::{Map, Value};

use super::{failed, granted, is_name_of_somebody};

/// The id of the key of tokens that name none.
const DEFAULT_KEY: &str = "_default";

/// A claim that a token must have.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Required {
    name: String,
    value: Option<String>,
}

/// Whose token it is.
pub(super) fn check(settings: &Settings, token: &str, now: u64) -> Result<Identity, Failure> {
    let result = look(settings, token, now);
    if let Err(failure) = &result {
        tracing::info!(target: "audit", reason = %failure, "a token was refused");
    }
    result
}

fn look(settings: &Settings, token: &str, now: u64) -> Result<Identity, Failure> {
    let mut parts = token.split('.');
    let (Some(head), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(bad("Malformed token"));
    };
    let signed = token.get(..head.len() + 1 + claims.len()).unwrap_or_default();
    let head = object(head)?;
    let required = required(&settings.tokens.required_claims)?;
    check_signature(settings, &head, &required, (signed.as_bytes(), signature))?;
    let claims = object(claims)?;
    check_claims(&head, &claims, &required, now)?;
    let name = match claims.get("sub") {
        Some(Value::String(name)) if is_name_of_somebody(name) => name.clone(),
        Some(_) => return Err(Failure::Unauthorized("Invalid sub claim.".to_owned())),
        None => return Err(Failure::Unauthorized("Token missing sub claim.".to_owned())),
    };
    let roles = granted(roles(&settings.tokens, &claims));
    let expires = claims.get("exp").and_then(Value::as_f64);
    // A token without an end is looked at again now and then.
    let left = expires.map_or(Duration::from_secs(3_600), |expires| left(expires, now));
    Ok(Identity { user: User { name: Some(name), roles }, holds: Some(left), renewal: None })
}

fn left(expires: f64, now: u64) -> Duration {
    Duration::try_from_secs_f64(expires - now as f64).unwrap_or(Duration::from_secs(3_600))
}

fn bad(reason: &str) -> Failure {
    Failure::BadRequest(reason.to_owned())
}

fn object(encoded: &str) -> Result<Map<String, Value>, Failure> {
    let bytes = URL_SAFE_NO_PAD.decode(encoded.trim_end_matches('='));
    let bytes = bytes.map_err(|_| bad("Malformed token"))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(bad("Not an object")),
        Err(_) => Err(bad("Malformed token")),
    }
}

fn check_signature(
    settings: &Settings,
    head: &Map<String, Value>,
    required: &[Required],
    (signed, signature): (&[u8], &str),
) -> Result<(), Failure> {
    let algorithm = match head.get("alg") {
        None => return Err(bad("Missing alg header parameter")),
        Some(name) => name.as_str().and_then(TokenAlgorithm::named),
    };
    let algorithm = algorithm.ok_or_else(|| bad("Invalid alg header parameter"))?;
    let wants = |name: &str| required.iter().any(|claim| claim.name == name);
    let id = match head.get("kid") {
        None if wants("kid") => return Err(bad("Missing kid claim")),
        None => DEFAULT_KEY,
        Some(id) => id.as_str().ok_or_else(|| bad("Unknown kid"))?,
    };
    if wants("typ") && head.get("typ").and_then(Value::as_str) != Some("JWT") {
        let word = if head.contains_key("typ") { "Invalid" } else { "Missing" };
        return Err(bad(&format!("{word} typ header parameter")));
    }
    // The kind goes with the algorithm, so a public key is never taken for a secret.
    let kind = algorithm.kind();
    let text = settings.token_key(&format!("{}:{id}", kind.name()));
    let text = text.ok_or_else(|| bad("Unknown kid"))?;
    let key = TokenKey::read(kind, text).map_err(|error| bad(&error.to_string()))?;
    let wrong = || bad(if kind == TokenKeyKind::Hmac { "Bad HMAC" } else { "Bad signature" });
    let signature = URL_SAFE_NO_PAD.decode(signature.trim_end_matches('=')).map_err(|_| wrong())?;
    match key.verifies(algorithm, signed, &signature).map_err(failed)? {
        true => Ok(()),
        false => Err(wrong()),
    }
}

/// Required claims must be there, and what is there of the known ones must be right.
fn check_claims(
    head: &Map<String, Value>,
    claims: &Map<String, Value>,
    required: &[Required],
    now: u64,
) -> Result<(), Failure> {
    for Required { name, value } in required {
        let found = match name.as_str() {
            "alg" | "kid" | "typ" => head.get(name),
            _ => claims.get(name),
        };
        let Some(found) = found else { return Err(bad(&format!("Missing {name} claim"))) };
        let wrong = value.as_deref().is_some_and(|value| found.as_str() != Some(value));
        if wrong || (name == "iat" && !found.is_number()) {
            return Err(bad(&format!("Invalid {name} claim")));
        }
    }
    let moment = |name: &str| match claims.get(name) {
        None => Ok::<_, Failure>(None),
        Some(value) => {
            let moment = value.as_f64().ok_or_else(|| bad(&format!("Invalid {name} claim")))?;
            Ok(Some(moment))
        }
    };
    let now = now as f64;
    if moment("nbf")?.is_some_and(|moment| moment >= now) {
        return Err(Failure::Unauthorized("nbf not in past".to_owned()));
    }
    if moment("exp")?.is_some_and(|moment| moment <= now) {
        return Err(Failure::Unauthorized("exp not in future".to_owned()));
    }
    Ok(())
}

/// Reads CouchDB's list: names, and `{name, "value"}`.
fn required(text: &str) -> Result<Vec<Required>, Failure> {
    let wrong = || Failure::Internal("JWT is not configured correctly".to_owned());
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    let mut required = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (claim, behind) = match rest.strip_prefix('{') {
            Some(inner) => {
                let (pair, behind) = inner.split_once('}').ok_or_else(wrong)?;
                let (name, value) = pair.split_once(',').ok_or_else(wrong)?;
                let value = value.trim().strip_prefix('"').and_then(|one| one.strip_suffix('"'));
                let value = Some(value.ok_or_else(wrong)?.to_owned());
                (Required { name: name.trim().to_owned(), value }, behind)
            }
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let (name, behind) = rest.split_at(end);
                (Required { name: name.trim().to_owned(), value: None }, behind)
            }
        };
        if !is_name(&claim.name) {
            return Err(wrong());
        }
        required.push(claim);
        let behind = behind.trim_start();
        rest = match behind.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if behind.is_empty() => behind,
            None => return Err(wrong()),
        };
    }
    Ok(required)
}

/// The roles that the claims list, as an array or separated by commas.
fn roles(settings: &Tokens, claims: &Map<String, Value>) -> Vec<String> {
    let found = match settings.roles_claim.as_str() {
        "" => claims.get(&settings.roles_claim_name),
        path => {
            let mut names = path_names(path).into_iter();
            let first = names.next().and_then(|name| claims.get(&name));
            names.fold(first, |found, name| found.and_then(|value| value.get(name)))
        }
    };
    match found {
        Some(Value::Array(roles)) => {
            roles.iter().filter_map(|role| role.as_str().map(str::to_owned)).collect()
        }
        Some(Value::String(roles)) => {
            let roles = roles.split(',').map(str::trim).filter(|role| !role.is_empty());
            roles.map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// The names of a path, separated by dots; a dot behind a backslash belongs to its name.
fn path_names(path: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut escaped = false;
    for letter in path.chars() {
        match letter {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' if !escaped => names.push(String::new()),
            letter => {
                if let Some(name) = names.last_mut() {
                    name.push(letter);
                }
            }
        }
        escaped = false;
    }
    names
}

#[cfg(test)]
mod tests;

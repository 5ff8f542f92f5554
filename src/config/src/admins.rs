//! What makes a server admin's line right. Hashing does not belong here.

use crate::value::Given;

/// Checks an admin and gives the password back as written; else what is wrong, in words and without
/// the password.
pub(crate) fn check(name: &str, password: &Given) -> Result<String, String> {
    if name.is_empty() {
        return Err("an admin must have a name: admins.NAME = \"PASSWORD\"".to_owned());
    }
    // A colon would end the name in Basic credentials; names of nodes hold one too.
    if name.contains(':') || name.starts_with('_') || name.chars().any(char::is_control) {
        return Err(format!(
            "the admin name \"{}\" must not begin with an underscore nor hold colons or control characters",
            name.escape_debug()
        ));
    }
    match password.text() {
        Some("") => Err(format!("admins.{name} must have a password that is not empty")),
        Some(password) => Ok(password.to_owned()),
        None => Err(format!("admins.{name} must be the admin's password as a string")),
    }
}

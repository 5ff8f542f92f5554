//! `user_ctx`: as whom a replication acts on databases of the node that runs it.

use serde_json::{Map, Value};

use super::JobError;

/// Somebody's name and roles, as the job says. Whoever may start replications is a server admin, so this
/// can only take rights away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserContext {
    /// `name`; `None` is nobody in particular.
    pub name: Option<String>,
    /// `roles`.
    pub roles: Vec<String>,
}

impl UserContext {
    /// What tells replications of different users apart.
    pub(crate) fn identity(&self) -> Vec<&str> {
        let name = self.name.as_deref().unwrap_or_default();
        ["user_ctx", name].into_iter().chain(self.roles.iter().map(String::as_str)).collect()
    }
}

/// Reads `user_ctx`.
pub(super) fn parse_user(fields: &Map<String, Value>) -> Result<Option<UserContext>, JobError> {
    let wrong = || {
        let reason = "`user_ctx` holds `name`, a string or null, and `roles`, an array of strings";
        JobError::BadRequest(reason.to_owned())
    };
    let context = match fields.get("user_ctx") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(context)) => context,
        Some(_) => return Err(wrong()),
    };
    let name = match context.get("name") {
        None | Some(Value::Null) => None,
        Some(Value::String(name)) => Some(name.clone()),
        Some(_) => return Err(wrong()),
    };
    let roles = match context.get("roles") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(roles)) => {
            let text = |role: &Value| role.as_str().map(str::to_owned).ok_or_else(wrong);
            roles.iter().map(text).collect::<Result<_, _>>()?
        }
        Some(_) => return Err(wrong()),
    };
    Ok(Some(UserContext { name, roles }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(context: Value) -> Result<Option<UserContext>, JobError> {
        let Value::Object(fields) = json!({ "user_ctx": context }) else { panic!("no object") };
        parse_user(&fields)
    }

    #[test]
    fn a_name_and_roles_are_read() {
        let told = parse(json!({"name": "ada", "roles": ["a", "b"]})).unwrap().unwrap();
        assert_eq!((told.name.as_deref(), told.roles.len()), (Some("ada"), 2));
        let nobody = parse(json!({})).unwrap().unwrap();
        assert_eq!((nobody.name, nobody.roles), (None, Vec::new()));
        assert_eq!(parse(Value::Null), Ok(None));
        for wrong in
            [json!("ada"), json!({"name": 1}), json!({"roles": "a"}), json!({"roles": [1]})]
        {
            assert!(matches!(parse(wrong), Err(JobError::BadRequest(_))));
        }
    }
}

//! Of which types the members of a design document have to be before it is stored: CouchDB's rules, in its
//! words. Whether functions compile is not decided here.
//!
//! Source: CouchDB, `couch_mrview` (`validate_ddoc_fields`).

use serde_json::{Map, Value};

use super::{DesignError, member};

/// What a member may be.
#[derive(Clone, Copy)]
enum Type {
    Array,
    Boolean,
    Object,
    String,
}

impl Type {
    fn name(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Boolean => "boolean",
            Self::Object => "object",
            Self::String => "string",
        }
    }

    fn is_of(self, value: &Value) -> bool {
        match self {
            Self::Array => value.is_array(),
            Self::Boolean => value.is_boolean(),
            Self::Object => value.is_object(),
            Self::String => value.is_string(),
        }
    }
}

/// Members by the way to them, `*` being any; each is checked after those on its way.
const RULES: &[(&[&str], &[Type])] = &[
    (&["filters"], &[Type::Object]),
    (&["filters", "*"], &[Type::Object, Type::String]),
    (&["language"], &[Type::String]),
    (&["lists"], &[Type::Object]),
    (&["lists", "*"], &[Type::Object, Type::String]),
    (&["options"], &[Type::Object]),
    (&["options", "access"], &[Type::Boolean]),
    (&["options", "include_design"], &[Type::Boolean]),
    (&["options", "local_seq"], &[Type::Boolean]),
    (&["options", "partitioned"], &[Type::Boolean]),
    (&["rewrites"], &[Type::String, Type::Array]),
    (&["shows"], &[Type::Object]),
    (&["shows", "*"], &[Type::Object, Type::String]),
    (&["updates"], &[Type::Object]),
    (&["updates", "*"], &[Type::Object, Type::String]),
    (&["views"], &[Type::Object]),
    (&["views", "lib"], &[Type::Object]),
    (&["views", "*"], &[Type::Object]),
    (&["views", "*", "reduce"], &[Type::String]),
];

/// Checks the types of a design document's members.
///
/// # Errors
/// [`DesignError::Member`] for the first that is of another type, or for a view without a map function.
pub fn check_members(design: &Map<String, Value>) -> Result<(), DesignError> {
    for (path, types) in RULES {
        check(design, path, types, "")?;
    }
    // Declarations are objects where functions are strings.
    let is_declared = design.get("language").and_then(Value::as_str) == Some("query");
    let function: &[Type] = if is_declared { &[Type::Object] } else { &[Type::String] };
    check(design, &["validate_doc_update"], function, "")?;
    check(design, &["validate_doc_read"], &[Type::String], "")?;
    check(design, &["views", "*", "map"], function, "")?;
    let views = design.get("views").and_then(Value::as_object);
    for (name, view) in views.into_iter().flatten() {
        if name != "lib" && view.get("map").is_none() {
            return Err(member(format!("View `{name}` must contain map function")));
        }
    }
    Ok(())
}

/// Checks what a way leads to; `behind` is the part of it that was gone.
fn check(
    object: &Map<String, Value>,
    path: &[&str],
    types: &[Type],
    behind: &str,
) -> Result<(), DesignError> {
    let Some((first, rest)) = path.split_first() else { return Ok(()) };
    let named = object.iter().filter(|(name, _)| *first == "*" || name == first);
    for (name, value) in named {
        let way = format!("{behind}{name}");
        match (rest, value) {
            ([], value) if types.iter().any(|one| one.is_of(value)) => {}
            ([], _) => {
                let names: Vec<&str> = types.iter().map(|one| one.name()).collect();
                let reason = format!("`{way}` field must have {} type", names.join(" or "));
                return Err(member(reason));
            }
            (rest, Value::Object(inner)) => check(inner, rest, types, &format!("{way}."))?,
            // A rule of its own has told.
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(design: &Value) -> Option<String> {
        let design = design.as_object().expect("an object");
        check_members(design).err().map(|error| error.to_string())
    }

    #[test]
    fn members_of_another_type_are_told_by_their_way() {
        let cases = [
            (
                json!({"language": "query", "validate_doc_read": {}}),
                "`validate_doc_read` field must have string type",
            ),
            (
                json!({"validate_doc_update": 1}),
                "`validate_doc_update` field must have string type",
            ),
            (
                json!({"language": "query", "validate_doc_update": "function () {}"}),
                "`validate_doc_update` field must have object type",
            ),
            (json!({"filters": 1}), "`filters` field must have object type"),
            (json!({"filters": {"a": 1}}), "`filters.a` field must have object or string type"),
            (json!({"shows": []}), "`shows` field must have object type"),
            (json!({"lists": {"a": null}}), "`lists.a` field must have object or string type"),
            (json!({"updates": "x"}), "`updates` field must have object type"),
            (json!({"rewrites": {}}), "`rewrites` field must have string or array type"),
            (json!({"options": 1}), "`options` field must have object type"),
            (
                json!({"options": {"local_seq": 1}}),
                "`options.local_seq` field must have boolean type",
            ),
            (json!({"language": 1}), "`language` field must have string type"),
            (json!({"views": []}), "`views` field must have object type"),
            (json!({"views": {"lib": "x"}}), "`views.lib` field must have object type"),
            (json!({"views": {"a": "x"}}), "`views.a` field must have object type"),
            (json!({"views": {"a": {"map": {}}}}), "`views.a.map` field must have string type"),
            (
                json!({"views": {"a": {"map": "m", "reduce": 1}}}),
                "`views.a.reduce` field must have string type",
            ),
            (json!({"views": {"a": {}}}), "View `a` must contain map function"),
        ];
        for (design, reason) in cases {
            assert_eq!(told(&design).as_deref(), Some(reason), "{design}");
        }
    }

    #[test]
    fn what_is_of_its_type_is_none_of_these() {
        let good = json!({
            "language": "javascript",
            "validate_doc_update": "function () {}",
            "filters": {"a": "function () {}", "deeper": {"b": "function () {}"}},
            "rewrites": [],
            "views": {"lib": {"a": "exports.a = 1;"}, "v": {"map": "m", "reduce": "_count"}},
            "options": {"local_seq": true},
            "other": 1,
        });
        assert_eq!(told(&good), None);
        let declared = json!({
            "language": "query",
            "validate_doc_update": {"newDoc": {}},
            "views": {"v": {"map": {"fields": {"a": "asc"}}, "reduce": "_count"}},
        });
        assert_eq!(told(&declared), None);
        assert_eq!(told(&json!({})), None);
    }
}

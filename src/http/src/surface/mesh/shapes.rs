//! Pieces of which the shapes of bodies are made: JSON Schema, as OpenAPI 3.1 has it.

use serde_json::{Value, json};

/// An object with these members and no others.
pub(super) fn object(required: &[&str], members: Value) -> Value {
    json!({"type": "object", "required": required, "properties": members,
        "additionalProperties": false})
}

/// An object with these members, and perhaps with others that are passed over.
pub(super) fn open_object(required: &[&str], members: Value) -> Value {
    json!({"type": "object", "required": required, "properties": members})
}

pub(super) fn text(what: &str) -> Value {
    json!({"type": "string", "description": what})
}

/// A text, or null where there is none.
pub(super) fn text_or_null(what: &str) -> Value {
    json!({"type": ["string", "null"], "description": what})
}

pub(super) fn truth(what: &str) -> Value {
    json!({"type": "boolean", "description": what})
}

/// A whole number that is not negative.
pub(super) fn count(what: &str) -> Value {
    json!({"type": "integer", "minimum": 0, "description": what})
}

pub(super) fn number_or_null(what: &str) -> Value {
    json!({"type": ["integer", "null"], "description": what})
}

pub(super) fn texts(what: &str) -> Value {
    json!({"type": "array", "items": {"type": "string"}, "description": what})
}

/// A list of one shape.
pub(super) fn list(of: Value) -> Value {
    json!({"type": "array", "items": of})
}

/// The name of a node as it is given here.
pub(super) fn name(what: &str) -> Value {
    json!({"type": "string", "minLength": 1, "maxLength": refuge_mesh::LONGEST_NAME,
        "description": what})
}

pub(super) fn groups(what: &str) -> Value {
    json!({"type": "array", "items": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"},
        "description": what})
}

/// Something that a node signed, as it goes from node to node.
pub(super) fn statement(what: &str) -> Value {
    let kinds = refuge_mesh::StatementKind::ALL.map(refuge_mesh::StatementKind::as_str);
    let mut shape = open_object(
        &["kind", "payload", "issuer", "signature"],
        json!({
            "kind": {"enum": kinds},
            "payload": text("the bytes that were signed, base64"),
            "issuer": text("the id of the node that signed them"),
            "signature": text("RSA-PSS over SHA-256, base64"),
            "countersignature": text("of a rotation: by the new key, base64"),
        }),
    );
    if let Some(members) = shape.as_object_mut() {
        members.insert("description".to_owned(), what.into());
    }
    shape
}

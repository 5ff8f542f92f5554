//! What the bodies of requests below `/_mesh` hold: by the type of their content, as OpenAPI has it.

use serde_json::{Map, Value, json};

use super::shapes::{groups, list, name, object, open_object, statement, text, truth};

fn in_json(shape: &Value) -> Value {
    json!({"application/json": {"schema": shape}})
}

/// Bytes that go on for as long as the answer does.
fn stream(what: &str) -> Value {
    json!({"*/*": {"schema": {"type": "string", "format": "binary", "description": what}}})
}

pub(super) fn new_pairing() -> Value {
    in_json(&object(
        &["invitation"],
        json!({
            "invitation": text("refuge:<id>@host:port[,host:port…]?token=…"),
            "name": name("what the other node is called here; what it calls itself where absent"),
            "groups": groups("the groups that it will be in here"),
        }),
    ))
}

pub(super) fn peer_action() -> Value {
    let approve = json!({
        "action": {"const": "approve"},
        "name": name("what the node is called here"),
        "groups": groups("the groups that it will be in"),
    });
    let introducer = json!({
        "action": {"const": "introducer"},
        "introducer": truth("whether it may vouch for others"),
        "may_confer": groups("the groups that it may put others in"),
        "introductions": {"enum": ["ask", "accept", "off"],
            "description": "what is done about those for whom it vouches; as before where absent"},
    });
    let reject = json!({"action": {"const": "reject",
        "description": "refuses a node that asks; with * for {peer} all that ask"}});
    let revoke = json!({"action": {"const": "revoke"}});
    in_json(&json!({"oneOf": [
        object(&["action"], approve),
        object(&["action"], reject),
        object(&["action"], revoke),
        object(&["action", "introducer"], introducer),
    ]}))
}

pub(super) fn new_invitation() -> Value {
    in_json(&object(
        &[],
        json!({
            "name": name("what the guest is called here; what it calls itself where absent"),
            "groups": groups("the groups that the guest will be in"),
            "addresses": {"type": "array", "items": {"type": "string"}, "maxItems": 8,
                "description": "where this node is reached, host:port; found out where absent"},
            "minutes": {"type": "integer", "minimum": 1, "maximum": 1440, "default": 15,
                "description": "how long the invitation is good"},
        }),
    ))
}

pub(super) fn introduction() -> Value {
    let most_days = refuge_mesh::StatementKind::Introduction.most_days();
    let made = object(
        &["node", "to"],
        json!({
            "node": text("the id or name of a trusted node"),
            "to": text("an id, a name, group:<name> or *"),
            "groups": groups("the groups that both should put each other in"),
            "days": {"type": "integer", "minimum": 1, "maximum": most_days, "default": 30,
                "description": "how long it holds"},
        }),
    );
    let heard = statement("an introduction that another node made");
    in_json(&json!({"oneOf": [made, heard]}))
}

pub(super) fn new_message() -> Value {
    in_json(&object(
        &["to", "app", "body"],
        json!({
            "to": text("an id, a name, group:<name> or *"),
            "app": {"type": "string", "pattern": "^[a-z0-9_-]{1,64}$",
                "description": "the application that it is for"},
            "body": {"description": "any JSON, 63 KiB at most"},
        }),
    ))
}

pub(super) fn hub_record() -> Value {
    in_json(&statement("a statement of the node that asks: where it is"))
}

/// What a node says that is no peer yet: who it is, and one thing more.
fn visitor(further: Option<(&str, Value)>) -> Value {
    let mut members = Map::new();
    members.insert("name".to_owned(), text("what the node calls itself"));
    let port = json!({"type": "integer", "minimum": 0, "maximum": 65_535,
        "description": "where it listens"});
    members.insert("port".to_owned(), port);
    let required: Vec<&str> = further.iter().map(|(member, _)| *member).collect();
    members.extend(further.map(|(member, shape)| (member.to_owned(), shape)));
    in_json(&open_object(&required, members.into()))
}

pub(super) fn invited() -> Value {
    visitor(Some(("token", text("of the invitation"))))
}

pub(super) fn asking() -> Value {
    visitor(None)
}

pub(super) fn rotated() -> Value {
    visitor(Some(("rotations", list(statement("from a key to the one behind it")))))
}

pub(super) fn frames() -> Value {
    stream("frames of 4 bytes of length and JSON; those of the other node are the answer's body")
}

pub(super) fn reversed() -> Value {
    stream("HTTP/2, as a server; the answer's body holds what its client says")
}

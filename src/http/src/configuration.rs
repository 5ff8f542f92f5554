//! `/_node/{node}/_config`: the configuration of the node, whole, by section and by key, and
//! `_reload` (CouchDB documentation, "api/server/configuration"). What may be set, and to what, is the
//! node's.

use hyper::{Method, StatusCode};

use crate::failure::Failure;
use crate::node::{ConfigurationChange, NODE_NAME, Node};
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::router::ConfigurationPart;

/// Most bytes of a value's JSON: lists of origins are the longest that people write.
const VALUE_BYTES: usize = 64 * 1024;

/// Most bytes of a section's or key's name.
const NAME_BYTES: usize = 256;

/// The header with which a client says that a change is for this run of the node alone.
const PERSIST: &str = "x-couch-persist";

/// Answers with a part of the configuration, or changes it.
pub(crate) async fn answer(
    node: &dyn Node,
    request: &mut Request,
    name: &str,
    part: ConfigurationPart<'_>,
) -> Result<Reply, Failure> {
    if name != "_local" && name != NODE_NAME {
        return Err(Failure::NotFound(format!("no such node: {name}")));
    }
    match part {
        ConfigurationPart::Whole => {
            only_read(request)?;
            reply::json_value(StatusCode::OK, &node.configuration()?)
        }
        ConfigurationPart::Reload => {
            allow(&request.method, &[Method::POST], "POST")?;
            node.reload_configuration().await?;
            Ok(reply::ok(StatusCode::OK))
        }
        ConfigurationPart::Section(section) => {
            only_read(request)?;
            let values = node.configuration()?.remove(section.as_ref()).unwrap_or_default();
            reply::json_value(StatusCode::OK, &values)
        }
        ConfigurationPart::Key { section, name } => key(node, request, &section, &name).await,
        ConfigurationPart::Beyond => Err(Failure::NotFound("missing".to_owned())),
    }
}

fn only_read(request: &Request) -> Result<(), Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET")
}

async fn key(
    node: &dyn Node,
    request: &mut Request,
    section: &str,
    name: &str,
) -> Result<Reply, Failure> {
    let value = match request.method {
        Method::GET | Method::HEAD => {
            let values = node.configuration()?.remove(section);
            let value = values.and_then(|mut values| values.remove(name));
            let value =
                value.ok_or_else(|| Failure::NotFound("unknown_config_value".to_owned()))?;
            return reply::json_value(StatusCode::OK, &value);
        }
        Method::PUT => Some(read_value(request).await?),
        Method::DELETE => None,
        _ => return Err(Failure::MethodNotAllowed("GET,PUT,DELETE")),
    };
    check_name(section, "Invalid configuration section")?;
    check_name(name, "Invalid configuration key")?;
    let persist = request.header(PERSIST) != Some("false");
    let (section, name) = (section.to_owned(), name.to_owned());
    let change = ConfigurationChange { section, name, value, persist };
    let before = node.change_configuration(change).await?;
    reply::json_value(StatusCode::OK, &before.unwrap_or_default())
}

async fn read_value(request: &mut Request) -> Result<String, Failure> {
    let value: serde_json::Value = request.json(VALUE_BYTES).await?;
    let serde_json::Value::String(text) = value else {
        return Err(Failure::BadRequest(
            "The value of a configuration key must be a JSON string, numbers and true included: \"1\""
                .to_owned(),
        ));
    };
    let text = text.trim();
    if text.chars().any(|one| one.is_control() && one != '\t') {
        return Err(Failure::BadRequest("Invalid configuration value".to_owned()));
    }
    Ok(text.to_owned())
}

/// A name must not look like anything but a name in a file.
fn check_name(name: &str, refusal: &str) -> Result<(), Failure> {
    let bad = |one: char| one.is_control() || one == '[' || one == ']';
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(bad) {
        return Err(Failure::BadRequest(refusal.to_owned()));
    }
    Ok(())
}

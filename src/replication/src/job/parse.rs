//! From the JSON of a replication request to a [`Job`].

use std::sync::Arc;

use refuge_document::check_database_name;
use serde_json::{Map, Value};

use super::choosing::{parse_selection, parse_since};
use super::node_end::{self, NodeEnd, check_not_peers};
use super::proxy::parse_proxies;
use super::user::parse_user;
use super::{
    BasicCredentials, Cancellation, EndPoint, Job, JobError, JobLink, RemoteAddress,
    ReplicateRequest, SocketOptions, Window,
};

/// No field of CouchDB, though it looks like one.
const UNSUPPORTED: [&str; 1] = ["view"];

/// Fields of `create_target_params` beside `partitioned`: `n` tunes a cluster alone.
const TUNING_OF_TARGETS: [&str; 2] = ["n", "q"];

/// Most shards of a target that is made, as a database of this node may have.
const MOST_SHARDS: u16 = 64;

/// Largest batch that is taken from a request; one beyond it would hold too much in memory.
const LARGEST_BATCH_DOCUMENTS: usize = 10_000;

/// More batches at once would hold too much in memory, as the setting says.
const MOST_BATCHES_UNDER_WAY: u64 = 64;

/// Reads the body of `POST /_replicate`.
///
/// # Errors
/// [`JobError::BadRequest`] for a wrong form, [`JobError::Unsupported`] for a field that would
/// change the outcome and is not built yet.
pub fn parse_replicate_request(request: &Value) -> Result<ReplicateRequest, JobError> {
    let Value::Object(fields) = request else {
        return Err(bad("a replication request is a JSON object"));
    };
    if !flag(fields, "cancel")?.unwrap_or(false) {
        return Ok(ReplicateRequest::Start(Box::new(parse_job(fields)?)));
    }
    for name in ["replication_id", "id", "_local_id"] {
        if let Some(Value::String(id)) = fields.get(name) {
            return Ok(ReplicateRequest::Cancel(Cancellation::Id(id.clone())));
        }
    }
    let job = Box::new(parse_job(fields)?);
    Ok(ReplicateRequest::Cancel(Cancellation::Job(job)))
}

pub(crate) fn parse_job(fields: &Map<String, Value>) -> Result<Job, JobError> {
    for field in UNSUPPORTED {
        match fields.get(field) {
            None | Some(Value::Null | Value::Bool(false)) => {}
            Some(_) => return Err(unsupported(field)),
        }
    }
    let (partitioned_target, target_shards) = parse_target_parameters(fields)?;
    let (source, target) = (parse_end(fields, "source")?, parse_end(fields, "target")?);
    node_end::check_at_most_one(&source, &target)?;
    Ok(Job {
        source,
        target,
        continuous: flag(fields, "continuous")?.unwrap_or(false),
        create_target: flag(fields, "create_target")?.unwrap_or(false),
        partitioned_target,
        target_shards,
        user: parse_user(fields)?,
        strip: flag(fields, "strip")?.unwrap_or(false),
        selection: Arc::new(parse_selection(fields)?),
        since: parse_since(fields)?,
        use_checkpoints: flag(fields, "use_checkpoints")?,
        batch_documents: number(fields, "worker_batch_size")?
            .and_then(|number| usize::try_from(number).ok())
            .map(|number| number.clamp(1, LARGEST_BATCH_DOCUMENTS)),
        checkpoint_interval_ms: number(fields, "checkpoint_interval")?,
        retries: number(fields, "retries_per_request")?
            .map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
        link: Box::new(parse_link(fields)?),
    })
}

fn parse_link(fields: &Map<String, Value>) -> Result<JobLink, JobError> {
    let (source_proxy, target_proxy) = parse_proxies(fields)?;
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let window = match fields.get("window") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(Window::parse(text)?),
        Some(_) => return Err(bad("`window` is a text: 22:00-06:00")),
    };
    let sockets = match fields.get("socket_options") {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(SocketOptions::parse(text)?),
        Some(_) => return Err(bad("`socket_options` is a text: [{keepalive, true}]")),
    };
    Ok(JobLink {
        sockets,
        bandwidth: positive(fields, "bandwidth")?,
        window,
        connections: positive(fields, "http_connections")?.map(size),
        patience_ms: positive(fields, "connection_timeout")?,
        use_bulk_get: flag(fields, "use_bulk_get")?,
        batches_under_way: positive(fields, "worker_processes")?
            .map(|number| size(number.min(MOST_BATCHES_UNDER_WAY))),
        source_proxy,
        target_proxy,
    })
}

/// What `create_target_params` says of partitions and of shards; others are refused.
fn parse_target_parameters(fields: &Map<String, Value>) -> Result<(bool, Option<u16>), JobError> {
    let Some(parameters) = fields.get("create_target_params") else {
        return Ok((false, None));
    };
    let Value::Object(parameters) = parameters else {
        return Err(bad("`create_target_params` is a JSON object"));
    };
    for (name, value) in parameters {
        let is_known = name == "partitioned" || TUNING_OF_TARGETS.contains(&name.as_str());
        if !is_known && *value != Value::Bool(false) {
            return Err(unsupported(&format!("create_target_params.{name}")));
        }
    }
    let shards = number(parameters, "q")?.map(|shards| match u16::try_from(shards) {
        Ok(shards @ 1..=MOST_SHARDS) => Ok(shards),
        _ => Err(bad(&format!("`create_target_params.q` is a number from 1 to {MOST_SHARDS}"))),
    });
    Ok((flag(parameters, "partitioned")?.unwrap_or(false), shards.transpose()?))
}

/// Reads `source` or `target`.
pub(crate) fn parse_end(fields: &Map<String, Value>, field: &str) -> Result<EndPoint, JobError> {
    match fields.get(field) {
        Some(Value::String(text)) if text.contains("://") => {
            match NodeEnd::from_text(text, field) {
                Some(end) => end.map(EndPoint::Node),
                None => remote_end(text).map(EndPoint::Remote),
            }
        }
        Some(Value::String(name)) => local_end(name, field),
        Some(Value::Object(end)) => parse_end_object(end, field),
        Some(_) => Err(bad(&format!(
            "`{field}` is a database name, a URL, or an object with `url` or `node`"
        ))),
        None => Err(bad(&format!("the field `{field}` is missing"))),
    }
}

fn remote_end(url: &str) -> Result<RemoteAddress, JobError> {
    let address = RemoteAddress::parse(url)?;
    node_end::check_url(&address)?;
    Ok(address)
}

fn local_end(name: &str, field: &str) -> Result<EndPoint, JobError> {
    check_not_peers(name)?;
    match check_database_name(name) {
        Ok(()) => Ok(EndPoint::Local(name.to_owned())),
        Err(error) => Err(bad(&format!("`{field}` names no database: {error}"))),
    }
}

fn parse_end_object(end: &Map<String, Value>, field: &str) -> Result<EndPoint, JobError> {
    if end.contains_key("node") {
        return NodeEnd::parse(end, field).map(EndPoint::Node);
    }
    let Some(Value::String(url)) = end.get("url") else {
        return Err(bad(&format!("`{field}.url` is missing or not a string")));
    };
    if !url.contains("://") {
        return local_end(url, field);
    }
    for name in ["oauth", "proxy"] {
        if end.get(name).is_some_and(|value| !value.is_null()) {
            return Err(unsupported(&format!("{field}.{name}")));
        }
    }
    let mut address = remote_end(url)?;
    if let Some(headers) = end.get("headers") {
        address.headers = parse_headers(headers, field)?;
    }
    if let Some(auth) = end.get("auth") {
        address.credentials = parse_auth(auth, field)?.or(address.credentials);
    }
    Ok(EndPoint::Remote(address))
}

fn parse_headers(headers: &Value, field: &str) -> Result<Vec<(String, String)>, JobError> {
    let wrong = || bad(&format!("`{field}.headers` maps names to strings"));
    let Value::Object(headers) = headers else {
        return Err(wrong());
    };
    let mut parsed = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        let Value::String(value) = value else {
            return Err(wrong());
        };
        if value.contains(['\r', '\n']) || name.contains(['\r', '\n', ':', ' ']) {
            return Err(wrong());
        }
        parsed.push((name.clone(), value.clone()));
    }
    Ok(parsed)
}

fn parse_auth(auth: &Value, field: &str) -> Result<Option<BasicCredentials>, JobError> {
    let Value::Object(kinds) = auth else {
        return Err(bad(&format!("`{field}.auth` is a JSON object")));
    };
    if let Some(other) = kinds.keys().find(|kind| *kind != "basic") {
        return Err(unsupported(&format!("{field}.auth.{other}")));
    }
    let Some(basic) = kinds.get("basic") else {
        return Ok(None);
    };
    match (basic.get("username"), basic.get("password")) {
        (Some(Value::String(username)), Some(Value::String(password))) => {
            Ok(Some(BasicCredentials { username: username.clone(), password: password.clone() }))
        }
        _ => Err(bad(&format!("`{field}.auth.basic` holds `username` and `password`"))),
    }
}

fn flag(fields: &Map<String, Value>, name: &str) -> Result<Option<bool>, JobError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(bad(&format!("`{name}` is true or false"))),
    }
}

fn number(fields: &Map<String, Value>, name: &str) -> Result<Option<u64>, JobError> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        // CouchDB takes numbers that are written as texts.
        Some(value) => match value.as_u64().or_else(|| value.as_str()?.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(bad(&format!("`{name}` is a whole number, not negative"))),
        },
    }
}

fn positive(fields: &Map<String, Value>, name: &str) -> Result<Option<u64>, JobError> {
    match number(fields, name)? {
        Some(0) => Err(bad(&format!("`{name}` is a whole number from 1 on"))),
        number => Ok(number),
    }
}

fn unsupported(field: &str) -> JobError {
    JobError::Unsupported { field: field.to_owned() }
}

fn bad(reason: &str) -> JobError {
    JobError::BadRequest(reason.to_owned())
}

#[cfg(test)]
mod tests;

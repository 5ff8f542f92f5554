//! The small requests: what the database is, making it, checkpoints, commits.

use hyper::Method;
use refuge_replication::{Checkpoint, EndFailure, Information, sequence_text_of};
use serde::Deserialize;
use serde_json::Value;

use super::{Outgoing, RemoteDatabase, encoded};
use crate::exchange::{Body, ExchangeFailure};
use crate::failure::unreadable;

/// Counts and names only; CouchDB sends about 600 bytes.
const SMALL_ANSWER_BYTES: usize = 1 << 20;
/// A design document with its views and libraries; its attachments are not sent.
const DESIGN_BYTES: usize = 16 << 20;
/// 50 sessions of about 500 bytes; more than that is not a checkpoint.
const CHECKPOINT_BYTES: usize = 4 << 20;

#[derive(Deserialize)]
struct InformationBody {
    #[serde(default)]
    update_seq: Value,
    #[serde(default)]
    instance_start_time: Value,
    #[serde(default)]
    props: Value,
}

#[derive(Deserialize)]
struct Written {
    rev: String,
}

impl RemoteDatabase {
    pub(super) async fn information(&self) -> Result<Information, EndFailure> {
        let body = self.get("").await.map_err(ExchangeFailure::of_database)?;
        let text = body.read(SMALL_ANSWER_BYTES).await?;
        let read: InformationBody = serde_json::from_slice(&text)
            .map_err(|error| unreadable("GET of the database", error))?;
        Ok(Information {
            update_sequence: sequence_text_of(&read.update_seq),
            instance_start_time: instance_text(&read.instance_start_time),
            ttl: read.props.get("ttl") == Some(&Value::Bool(true)),
            access: read.props.get("access") == Some(&Value::Bool(true)),
        })
    }

    /// A node that does not know `ttl` and `access` passes over them.
    pub(super) async fn create(
        &self,
        (ttl, access): (bool, bool),
        partitioned: bool,
        shards: Option<u16>,
    ) -> Result<(), EndFailure> {
        let ttl = ttl.then(|| "ttl=true".to_owned());
        let access = access.then(|| "access=true".to_owned());
        let partitioned = partitioned.then(|| "partitioned=true".to_owned());
        let shards = shards.map(|shards| format!("q={shards}"));
        let parameters = [ttl, access, partitioned, shards].into_iter().flatten();
        let parameters: Vec<String> = parameters.collect();
        let mark = if parameters.is_empty() { "" } else { "?" };
        let parameters = format!("{mark}{}", parameters.join("&"));
        match self.send(Outgoing::new(Method::PUT, &parameters)).await {
            Ok(body) => {
                // Read to its end, the connection can serve the next request.
                body.read(SMALL_ANSWER_BYTES).await?;
                Ok(())
            }
            // It is there already: made by an earlier attempt, or by someone else.
            Err(failure) if failure.status() == Some(412) => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn checkpoint(
        &self,
        local_id: &str,
    ) -> Result<Option<Checkpoint>, EndFailure> {
        let path = format!("/_local/{}", encoded(local_id));
        let Some(body) = self.get_if_there(&path).await? else {
            return Ok(None);
        };
        let text = body.read(CHECKPOINT_BYTES).await?;
        let body: Value = serde_json::from_slice(&text)
            .map_err(|error| unreadable("GET of the checkpoint", error))?;
        let revision = match body.get("_rev") {
            Some(Value::String(revision)) => revision.clone(),
            _ => return Err(unreadable("GET of the checkpoint", "it has no _rev")),
        };
        Ok(Some(Checkpoint { revision, body }))
    }

    /// A document; `None` where the database has none of that name.
    async fn get_if_there(&self, path: &str) -> Result<Option<Body>, EndFailure> {
        match self.get(path).await {
            Ok(body) => Ok(Some(body)),
            Err(ExchangeFailure::Answer(answer))
                if answer.status == 404 && !answer.tells_of_missing_database() =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure.into()),
        }
    }

    pub(super) async fn design_document(&self, name: &str) -> Result<Option<Value>, EndFailure> {
        let path = format!("/_design/{}", encoded(name));
        let Some(body) = self.get_if_there(&path).await? else {
            return Ok(None);
        };
        let text = body.read(DESIGN_BYTES).await?;
        let design = serde_json::from_slice(&text);
        design.map(Some).map_err(|error| unreadable("GET of the design document", error))
    }

    pub(super) async fn write_checkpoint(
        &self,
        local_id: &str,
        body: &Value,
        revision: Option<&str>,
    ) -> Result<String, EndFailure> {
        let path = format!("/_local/{}", encoded(local_id));
        let mut body = body.clone();
        if let Value::Object(members) = &mut body {
            members.insert("_id".to_owned(), format!("_local/{local_id}").into());
            if let Some(revision) = revision {
                members.insert("_rev".to_owned(), revision.into());
            }
        }
        let outgoing = Outgoing::new(Method::PUT, &path).json(body.to_string().into_bytes());
        let answer = self.send(outgoing).await?;
        let text = answer.read(SMALL_ANSWER_BYTES).await?;
        let written: Written = serde_json::from_slice(&text)
            .map_err(|error| unreadable("PUT of the checkpoint", error))?;
        Ok(written.rev)
    }

    pub(super) async fn ensure_full_commit(&self) -> Result<String, EndFailure> {
        let body = self.post("/_ensure_full_commit", Vec::new()).await?;
        let text = body.read(SMALL_ANSWER_BYTES).await?;
        let read: InformationBody = serde_json::from_slice(&text)
            .map_err(|error| unreadable("_ensure_full_commit", error))?;
        Ok(instance_text(&read.instance_start_time))
    }
}

fn instance_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

//! Lists of databases, written page by page so that no list is held whole: `_all_dbs`, `_dbs_info`
//! (CouchDB documentation, "api/server/common").

use std::collections::VecDeque;
use std::sync::Arc;

use hyper::Method;
use refuge_document::json::write_string;
use serde::Deserialize;

use super::range::{Names, Range};
use super::write_description;
use crate::failure::Failure;
use crate::limits;
use crate::node::{DatabaseDescription, Information, Node};
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::stream::ReplySender;
use crate::user::User;

/// Databases whose information is read at a time.
const PAGE_DESCRIPTIONS: usize = 100;

/// `GET /_all_dbs`.
pub(crate) async fn names(node: &Arc<dyn Node>, request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let names = Names::new(node.clone(), Range::parse(&request.query)?);
    Ok(reply::json_stream(|sender| write_names(names, sender)))
}

async fn write_names(mut names: Names, mut sender: ReplySender) -> Result<(), Failure> {
    sender.buffer().push(b'[');
    let mut first = true;
    loop {
        let page = names.next().await?;
        if page.is_empty() {
            break;
        }
        for name in &page {
            separate(sender.buffer(), &mut first);
            write_string(sender.buffer(), name);
        }
        sender.flush().await?;
    }
    sender.buffer().extend_from_slice(b"]\n");
    sender.flush().await
}

#[derive(Deserialize)]
struct Keys {
    keys: Option<Vec<String>>,
}

/// `GET /_dbs_info` for a range of names, `POST` for `{"keys": […]}`.
pub(crate) async fn information(
    node: &Arc<dyn Node>,
    request: &mut Request,
) -> Result<Reply, Failure> {
    let names = match request.method {
        Method::GET | Method::HEAD => {
            let range = Range::parse(&request.query)?;
            check_range(node, request, &range).await?;
            Wanted::Range(Names::new(node.clone(), range))
        }
        Method::POST => Wanted::Keys(keys(request).await?.into()),
        _ => return Err(Failure::MethodNotAllowed("GET,HEAD,POST")),
    };
    let (node, user) = (node.clone(), request.user.clone());
    Ok(reply::json_stream(|sender| write_descriptions((node, user), names, sender)))
}

/// Of whoever is no server admin no more is asked for at a time than of `POST`: what may be told of a database to
/// somebody who may not see all of it takes a look at its design documents, and counting what is seen.
async fn check_range(
    node: &Arc<dyn Node>,
    request: &Request,
    range: &Range,
) -> Result<(), Failure> {
    let most = request.limits().max_db_number_for_dbs_info_req;
    let names = || Names::new(node.clone(), range.clone());
    if request.user.is_server_admin() || names().are_within(most).await? {
        return Ok(());
    }
    Err(Failure::BadRequest(format!(
        "Who is no server admin asks for {most} databases at a time at most: give a `limit`, and go on with \
         `startkey`, or ask for `keys` with POST."
    )))
}

async fn keys(request: &mut Request) -> Result<Vec<String>, Failure> {
    request.check_json()?;
    let body: Keys = request.json(limits::SMALL_JSON_BYTES).await?;
    let keys =
        body.keys.ok_or_else(|| Failure::BadRequest("`keys` member must exist.".to_owned()))?;
    if keys.len() > request.limits().max_db_number_for_dbs_info_req {
        // CouchDB's whole reason; the limit is its `max_db_number_for_dbs_info_req`.
        return Err(Failure::BadRequest("too_many_keys".to_owned()));
    }
    Ok(keys)
}

/// Whose information is wanted.
enum Wanted {
    /// That of all databases in a range, of which those that left meanwhile are passed over.
    Range(Names),
    /// That of these.
    Keys(VecDeque<String>),
}

impl Wanted {
    async fn next(&mut self) -> Result<VecDeque<String>, Failure> {
        match self {
            Self::Range(names) => names.next().await,
            Self::Keys(keys) => Ok(std::mem::take(keys)),
        }
    }
}

async fn write_descriptions(
    (node, user): (Arc<dyn Node>, Arc<User>),
    mut wanted: Wanted,
    mut sender: ReplySender,
) -> Result<(), Failure> {
    sender.buffer().push(b'[');
    let mut first = true;
    loop {
        let mut names = wanted.next().await?;
        if names.is_empty() {
            break;
        }
        while !names.is_empty() {
            let part: Vec<String> = names.drain(..names.len().min(PAGE_DESCRIPTIONS)).collect();
            let described = node.describe_databases(part.clone()).await?;
            for (name, description) in part.iter().zip(described) {
                let description = seen(node.as_ref(), &user, name, description).await?;
                if description.is_none() && matches!(wanted, Wanted::Range(_)) {
                    continue;
                }
                separate(sender.buffer(), &mut first);
                write_row(sender.buffer(), name, description.as_ref());
            }
            sender.flush().await?;
        }
    }
    sender.buffer().extend_from_slice(b"]\n");
    sender.flush().await
}

/// What is told of a database to whoever does not see all of its documents.
async fn seen(
    node: &dyn Node,
    user: &User,
    name: &str,
    description: Option<DatabaseDescription>,
) -> Result<Option<DatabaseDescription>, Failure> {
    let Some(description) = description else { return Ok(None) };
    if user.is_server_admin() || !node.hides_documents(name).await? {
        return Ok(Some(description));
    }
    let member = match node.open(name).await {
        Ok(database) => database.security().is_member(user).then_some(database),
        Err(Failure::NoDatabase) => return Ok(None),
        // One that cannot be opened now ends no list.
        Err(_) => None,
    };
    let information = match member {
        Some(database) => database.seen_by(user).await?.information().await?,
        None => Information {
            shards: description.information.shards,
            partitioned: description.information.partitioned,
            access: description.information.access,
            instance_start_seconds: description.information.instance_start_seconds,
            ..Information::default()
        },
    };
    Ok(Some(DatabaseDescription { information, ..description }))
}

fn separate(out: &mut Vec<u8>, first: &mut bool) {
    if !std::mem::replace(first, false) {
        out.push(b',');
    }
}

fn write_row(out: &mut Vec<u8>, name: &str, description: Option<&DatabaseDescription>) {
    out.extend_from_slice(b"{\"key\":");
    write_string(out, name);
    match description {
        None => out.extend_from_slice(b",\"error\":\"not_found\"}"),
        Some(description) => {
            out.extend_from_slice(b",\"info\":");
            write_description(out, name, description);
            out.push(b'}');
        }
    }
}

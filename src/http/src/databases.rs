//! A database as a whole: making, removing, counting, and a new document by `POST`; lists of databases
//! are below. What is in a database is elsewhere.

mod listing;
mod range;

use std::sync::Arc;

use hyper::{Method, StatusCode};
use refuge_document::json::write_string;
use refuge_document::{check_database_name, sequence_text};

use crate::compression;
use crate::documents;
use crate::failure::Failure;
use crate::location::set_location;
use crate::node::{Database, DatabaseDescription, Information, NewDatabase, Node};
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Request;

pub(crate) use self::listing::{information, names};

/// Most shards of a database: an actor each, and more than any machine has cores to give them.
const MOST_SHARDS: u16 = 64;

/// CouchDB's name of its one storage engine, by which clients may ask for what is here.
const ENGINE: &str = "couch";

/// Opens a database by the name in a path; an illegal name is 400, an unknown one 404.
pub(crate) async fn open(node: &dyn Node, name: &str) -> Result<Arc<dyn Database>, Failure> {
    let opened = node.open(name).await;
    if matches!(opened, Err(Failure::NoDatabase)) {
        check_name(name)?;
    }
    opened
}

fn check_name(name: &str) -> Result<(), Failure> {
    check_database_name(name).map_err(|error| Failure::Invalid {
        error: "illegal_database_name",
        reason: error.to_string(),
    })
}

/// `PUT /{db}` and `DELETE /{db}`.
pub(crate) async fn create_or_delete(
    node: &dyn Node,
    request: &Request,
    name: &str,
) -> Result<Reply, Failure> {
    if request.method == Method::PUT {
        return create(node, request, name).await;
    }
    if request.query.text("rev").is_some() {
        // A script whose document id was empty by accident must not lose its database.
        return Err(Failure::BadRequest(
            "You tried to DELETE a database with a ?=rev parameter. Did you mean to DELETE a \
             document instead?"
                .to_owned(),
        ));
    }
    check_name(name)?;
    node.delete_database(name).await?;
    Ok(reply::ok(StatusCode::OK))
}

async fn create(node: &dyn Node, request: &Request, name: &str) -> Result<Reply, Failure> {
    let partitioned = match request.query.text("partitioned") {
        None | Some("false") => false,
        Some("true") => true,
        Some(_) => {
            return Err(Failure::BadRequest("Invalid `partitioned` parameter".to_owned()));
        }
    };
    let shards = positive(&request.query, "q")?;
    positive(&request.query, "n")?;
    check_placement(&request.query)?;
    if request.query.text("engine").is_some_and(|engine| engine != ENGINE) {
        return Err(Failure::BadRequest("invalid_engine_extension".to_owned()));
    }
    let shards = shards.map(|shards| u16::try_from(shards).unwrap_or(u16::MAX));
    if shards.is_some_and(|shards| shards > MOST_SHARDS) {
        let reason = format!("The `q` value should be at most {MOST_SHARDS}.");
        return Err(Failure::BadRequest(reason));
    }
    check_name(name)?;
    let most = request.limits().max_database_name_length;
    if name.len() > most {
        return Err(Failure::Invalid {
            error: "database_name_too_long",
            reason: format!("At least one path segment of `{name}` is too long."),
        });
    }
    if partitioned && is_of_the_system(name) {
        return Err(Failure::BadRequest("Cannot partition a system database".to_owned()));
    }
    // Refuge's own parameter, by which a replicator makes a target like its source.
    let ttl = request.query.flag("ttl")?;
    let access = request.query.flag("access")?;
    if access && is_of_the_system(name) {
        let reason = "The documents of a system database have no `_access`";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    let new = NewDatabase { shards, ttl, partitioned, access, security: None };
    node.create_database(name, new).await?;
    let mut reply = reply::ok(StatusCode::CREATED);
    set_location(&mut reply, request, &[name]);
    Ok(reply)
}

/// Whether a database's name, or its last segment, begins as those of the system do.
fn is_of_the_system(name: &str) -> bool {
    name.rsplit('/').next().is_some_and(|last| last.starts_with('_'))
}

/// Checks where the copies of a database are to be, as zones with their numbers. A node is no cluster, so
/// that all are here.
fn check_placement(query: &Query) -> Result<(), Failure> {
    let Some(placement) = query.text("placement") else { return Ok(()) };
    let mut rules = placement.split(',').filter(|rule| !rule.is_empty()).peekable();
    let is_empty = rules.peek().is_none();
    let is_rule = |rule: &str| {
        let mut parts = rule.split(':').filter(|part| !part.is_empty());
        let number = (parts.next(), parts.next(), parts.next());
        matches!(number, (Some(_), Some(number), None)
            if number.parse().is_ok_and(|number: u64| number > 0))
    };
    if is_empty || !rules.all(is_rule) {
        let reason = "The `placement` value should be in a format `zone:n`.";
        return Err(Failure::BadRequest(reason.to_owned()));
    }
    Ok(())
}

/// A parameter that is a positive whole number.
fn positive(query: &Query, name: &str) -> Result<Option<u64>, Failure> {
    let parse = |text: &str| {
        text.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
            Failure::BadRequest(format!("The `{name}` value should be a positive integer."))
        })
    };
    query.text(name).map(parse).transpose()
}

/// `GET`, `HEAD` and `POST /{db}`.
pub(crate) async fn whole(
    node: &dyn Node,
    request: &mut Request,
    database: &Arc<dyn Database>,
) -> Result<Reply, Failure> {
    match request.method {
        Method::GET | Method::HEAD => {
            let information = database.information().await?;
            let mut text = Vec::with_capacity(512);
            let description = DatabaseDescription {
                instance: database.instance().to_owned(),
                options: database.options(),
                information,
            };
            write_description(&mut text, database.name(), &description);
            let mut reply = reply::json(StatusCode::OK, text);
            // Every replication begins here.
            compression::tell_codings(&mut reply);
            Ok(reply)
        }
        Method::POST => documents::create(node, request, database.as_ref()).await,
        _ => Err(Failure::MethodNotAllowed("DELETE,GET,HEAD,POST")),
    }
}

fn write_description(text: &mut Vec<u8>, name: &str, description: &DatabaseDescription) {
    use std::io::Write as _;
    let DatabaseDescription { instance, options, information } = description;
    // Writing into memory does not fail.
    let _ = write!(
        text,
        "{{\"instance_start_time\":\"{}\",\"instance\":\"{instance}\",\"db_name\":",
        information.instance_start_seconds
    );
    write_string(text, name);
    text.extend_from_slice(b",\"purge_seq\":");
    write_string(text, &sequence_text(information.purge_sequence, instance));
    text.extend_from_slice(b",\"update_seq\":");
    write_string(text, &sequence_text(information.update_sequence, instance));
    let _ = write!(
        text,
        ",\"sizes\":{{\"file\":{},\"external\":{},\"active\":{}}},\"props\":{{{}}},\
         \"doc_del_count\":{},\"doc_count\":{},\"disk_format_version\":8,\
         \"compact_running\":{},\"cluster\":{{\"q\":{},\"n\":1,\"w\":1,\"r\":1}}}}",
        information.file_bytes,
        information.external_bytes,
        information.active_bytes,
        props(information.partitioned, options.ttl, information.access),
        counted(information, information.deleted_documents),
        counted(information, information.documents),
        information.compact_running,
        information.shards
    );
}

/// A count of documents as JSON.
fn counted(information: &Information, count: u64) -> String {
    if information.uncounted { "null".to_owned() } else { count.to_string() }
}

/// The members of `props`.
fn props(partitioned: bool, ttl: bool, access: bool) -> String {
    let members = [("partitioned", partitioned), ("ttl", ttl), ("access", access)];
    let set = members.iter().filter(|(_, is_set)| *is_set);
    set.map(|(name, _)| format!("\"{name}\":true")).collect::<Vec<String>>().join(",")
}

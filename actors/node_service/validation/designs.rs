//! Whether a design document is one, before it is stored, whoever sends it: the types of its members, what it
//! declares, and CouchDB's check of map and reduce functions in JavaScript.

use std::sync::Arc;

use refuge_document::Body;
use refuge_http::{Failure, Update};
use refuge_query::design::{Language, check_members};
use refuge_query::reduction::Builtin;
use refuge_query::validation::DeclaredValidation;
use refuge_sandbox::ViewSources;
use serde_json::{Map, Value};

use crate::index_design::IndexDesign;
use crate::javascript::{JavaScript, Lane, SourceKey};
use crate::node_service::OpenDatabase;
use crate::{names, published};

/// Checks one design document.
pub(super) async fn check(database: &OpenDatabase, update: &Update) -> Result<(), Failure> {
    let members = members_of(&update.body)?;
    check_members_of(&members)?;
    let partitioned = database.record.partitioned;
    if !partitioned && asks_for_partitions(&members) {
        let reason = "partitioned option cannot be true in a non-partitioned database.";
        let reason = reason.to_owned();
        return Err(Failure::Invalid { error: "invalid_design_doc", reason });
    }
    let design = match IndexDesign::parse(&update.id, &update.body, partitioned) {
        Ok(design) => design,
        // Functions in languages that nothing here runs are stored; their views say so when asked.
        Err(Failure::Function { .. }) => return Ok(()),
        Err(failure) => return Err(failure),
    };
    if design.views.language != Language::JavaScript {
        return Ok(());
    }
    let reduces = design.views.maps.iter().flat_map(|map| &map.reduces);
    for name in reduces.map(|reduce| reduce.trim()).filter(|reduce| reduce.starts_with('_')) {
        if Builtin::parse(name, None).is_err() {
            let reason = format!("`{name}` is not a supported reduce function.");
            return Err(Failure::Invalid { error: "invalid_design_doc", reason });
        }
    }
    let sources = design.sources.maps.iter().map(|map| ("map", map));
    let sources: Vec<_> =
        sources.chain(design.sources.reduces.iter().map(|reduce| ("reduce", reduce))).collect();
    if sources.is_empty() {
        return Ok(());
    }
    let all = sources.iter().map(|(_, source)| (*source).clone()).collect();
    if compile(database, &design, ("all".to_owned(), all)).await?.is_none() {
        return Ok(());
    }
    for (number, (kind, source)) in sources.into_iter().enumerate() {
        let one = (number.to_string(), vec![source.clone()]);
        if let Some(reason) = compile(database, &design, one).await? {
            let reason = format!("Compilation of a {kind} function failed: {reason}");
            return Err(Failure::Invalid { error: "compilation_error", reason });
        }
    }
    Ok(())
}

fn members_of(body: &Body) -> Result<Map<String, Value>, Failure> {
    serde_json::from_slice(body.as_bytes())
        .map_err(|error| Failure::Internal(format!("a design document cannot be read: {error}")))
}

/// Checks what can be seen without running anything.
fn check_members_of(design: &Map<String, Value>) -> Result<(), Failure> {
    let invalid = |reason: String| Failure::Invalid { error: "invalid_design_doc", reason };
    check_members(design).map_err(|error| invalid(error.to_string()))?;
    match design.get("validate_doc_update") {
        Some(declaration @ Value::Object(_)) => DeclaredValidation::parse(declaration)
            .map(drop)
            .map_err(|error| invalid(error.to_string())),
        _ => Ok(()),
    }
}

/// Whether `options.partitioned` is true.
fn asks_for_partitions(design: &Map<String, Value>) -> bool {
    let options = design.get("options");
    options.and_then(|options| options.get("partitioned")) == Some(&Value::Bool(true))
}

/// Why functions do not compile, if they do not.
async fn compile(
    database: &OpenDatabase,
    design: &IndexDesign,
    (which, functions): (String, Vec<String>),
) -> Result<Option<String>, Failure> {
    let javascript = published::<JavaScript>(&database.names, names::JAVASCRIPT).await?;
    let version = format!("check {} {which}", design.views.signature_text());
    let key = SourceKey { database: database.id().0, version };
    let library = design.sources.library.clone();
    let sources = Arc::new(ViewSources { library, maps: functions, reduces: Vec::new() });
    let opened = javascript.with_views(Lane::Requests, None, (key, sources), |_| ()).await?;
    Ok(opened.err().map(|error| error.reason()))
}

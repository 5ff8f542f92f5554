//! `POST /{db}/_index` and `_bulk_delete`: what they ask for, and the design document that an index is
//! stored as, which is CouchDB's to the letter. Storing it does not belong here.

use data_encoding::HEXLOWER;
use refuge_document::{TermForm, Terms};
use serde_json::{Map, Value, json};
use sha1::{Digest as _, Sha1};

use super::MangoError;
use super::options::{Options, text};
use crate::selector::{Selector, Sort};

/// A new index that was asked for.
#[derive(Clone, Debug)]
pub struct IndexRequest {
    /// Id of its design document.
    pub design_document: String,
    /// Its name.
    pub name: String,
    /// Whether it is to be partitioned; `None`: as the database.
    pub partitioned: Option<bool>,
    fields: Sort,
    filter: Selector,
    /// `index` as it came.
    definition: Value,
}

impl IndexRequest {
    /// Parses the body of `POST /{db}/_index`. Types other than `json` need a service that is
    /// absent (503).
    pub fn parse(request: &Value) -> Result<Self, MangoError> {
        let mut options = Options::new(request)?;
        let definition = options.required("index")?.clone();
        let kind = options.take("type").map_or(Ok("json"), text)?;
        let name = options.take("name").map(text).transpose()?;
        let design_document = options.take("ddoc").map(text).transpose()?;
        let quorum = options.take("w").map_or(Ok(2), super::options::positive)?;
        let partitioned = options.take("partitioned").map(partitioned).transpose()?;
        options.finish()?;
        match kind {
            "json" => {}
            "text" => return Err(MangoError::ServiceUnavailable("text")),
            "nouveau" => return Err(MangoError::ServiceUnavailable("nouveau")),
            other => return Err(MangoError::InvalidIndexType(other.to_owned())),
        }
        if matches!(design_document, Some("" | "_design/")) {
            return Err(MangoError::NamelessDesignDocument);
        }
        let given = Given { definition: &definition, name, design_document, quorum, partitioned };
        let design_document = match design_document {
            Some(id) if id.starts_with("_design/") => id.to_owned(),
            Some(id) => format!("_design/{id}"),
            None => format!("_design/{}", given.default_name()),
        };
        let name = name.map_or_else(|| given.default_name(), str::to_owned);
        let (fields, filter) = parse_definition(&definition)?;
        Ok(Self { design_document, name, partitioned, fields, filter, definition })
    }

    /// The body of the design document with this index in it, given its body without special members
    /// (`None` where there is none, or where it is deleted). `None` if the index is there already.
    pub fn add_to(
        &self,
        existing: Option<&Value>,
        partitioned_database: bool,
    ) -> Result<Option<Value>, MangoError> {
        if self.partitioned == Some(true) && !partitioned_database {
            return Err(MangoError::NotPartitioned);
        }
        let old = existing.and_then(Value::as_object);
        let mut body = match old {
            Some(body) if body.get("language").and_then(Value::as_str) == Some("query") => {
                body.clone()
            }
            Some(body) => {
                let language = body.get("language").cloned().unwrap_or_default();
                return Err(MangoError::InvalidLanguage(language));
            }
            None => Map::from_iter([("language".to_owned(), "query".into())]),
        };
        let views = body.entry("views").or_insert_with(|| Value::Object(Map::new()));
        if !views.is_object() {
            *views = Value::Object(Map::new());
        }
        if let Value::Object(views) = views {
            views.insert(self.name.clone(), self.view());
        }
        self.set_partitioned(&mut body, old.is_none())?;
        Ok((old != Some(&body)).then_some(Value::Object(body)))
    }

    fn view(&self) -> Value {
        json!({
            "map": {
                "fields": self.fields.to_object(),
                "partial_filter_selector": self.filter.to_json(),
            },
            "reduce": "_count",
            "options": { "def": self.definition },
        })
    }

    /// The indexes of one design document are all partitioned, or none is.
    fn set_partitioned(
        &self,
        body: &mut Map<String, Value>,
        is_new: bool,
    ) -> Result<(), MangoError> {
        let options = body.get("options");
        let old = options.and_then(|one| one.get("partitioned")).and_then(Value::as_bool);
        match self.partitioned {
            same if same == old => Ok(()),
            Some(partitioned) if is_new => {
                body.insert("options".to_owned(), json!({ "partitioned": partitioned }));
                Ok(())
            }
            _ => Err(MangoError::PartitionedMismatch(self.design_document.clone())),
        }
    }
}

fn parse_definition(definition: &Value) -> Result<(Sort, Selector), MangoError> {
    if !definition.is_object() {
        return Err(MangoError::InvalidDefinition(definition.clone()));
    }
    let mut options = Options::new(definition)?;
    let fields = Sort::parse(options.required("fields")?)?;
    let everything = Value::Object(Map::new());
    let filter = Selector::parse(options.take("partial_filter_selector").unwrap_or(&everything))?;
    options.finish()?;
    Ok((fields, filter))
}

fn partitioned(value: &Value) -> Result<bool, MangoError> {
    value.as_bool().ok_or_else(|| MangoError::InvalidPartitioned(value.clone()))
}

/// What a request says, of which its default name is made.
struct Given<'a> {
    definition: &'a Value,
    name: Option<&'a str>,
    design_document: Option<&'a str>,
    quorum: u64,
    partitioned: Option<bool>,
}

impl Given<'_> {
    /// CouchDB's default name: SHA-1 of Erlang's term `{Definition, Options}`, the options sorted by
    /// name and completed with their defaults.
    ///
    /// Source: CouchDB, `mango_idx:gen_name`, on Erlang/OTP 26, as CouchDB 3.5 is shipped.
    fn default_name(&self) -> String {
        let definition = self.definition.to_string();
        let mut terms = Terms::new(TermForm::Minor2, definition.len());
        let or_default = |terms: &mut Terms, value: Option<&str>, default: &str| match value {
            Some(value) => terms.binary(value.as_bytes()),
            None => terms.atom(default),
        };
        let option = |terms: &mut Terms, name: &str| {
            terms.tuple(2);
            terms.atom(name);
        };
        terms.tuple(2);
        terms.json(definition.as_bytes());
        terms.list(6);
        option(&mut terms, "ddoc");
        or_default(&mut terms, self.design_document, "auto_name");
        option(&mut terms, "def");
        terms.json(definition.as_bytes());
        option(&mut terms, "name");
        or_default(&mut terms, self.name, "auto_name");
        option(&mut terms, "partitioned");
        let partitioned = self.partitioned.map(|one| if one { "true" } else { "false" });
        terms.atom(partitioned.unwrap_or("db_default"));
        option(&mut terms, "type");
        terms.binary(b"json");
        option(&mut terms, "w");
        terms.integer(i64::try_from(self.quorum).unwrap_or(i64::MAX));
        terms.nil();
        HEXLOWER.encode(&Sha1::digest(terms.as_bytes()))
    }
}

/// Parses the body of `POST /{db}/_index/_bulk_delete`: ids of design documents.
pub fn parse_bulk_delete(request: &Value) -> Result<Vec<String>, MangoError> {
    let mut options = Options::new(request)?;
    let ids = options.required("docids")?;
    options.take("w").map(super::options::positive).transpose()?;
    options.finish()?;
    let Value::Array(ids) = ids else { return Err(MangoError::InvalidBulkDelete(ids.clone())) };
    let id = |id: &Value| match id {
        Value::String(id) if id.starts_with("_design/") => Ok(id.clone()),
        Value::String(id) => Ok(format!("_design/{id}")),
        other => Err(MangoError::InvalidIndexName(other.clone())),
    };
    ids.iter().map(id).collect()
}

//! `POST /{db}/_find` and `_explain`: what a question says. How it is answered does not belong here.

use serde_json::{Value, json};

use super::options::{Options, boolean, integer, positive, text};
use super::{Bookmark, MangoError};
use crate::selector::{Projection, Selector, Sort};

/// CouchDB's `[mango] default_limit`.
const DEFAULT_LIMIT: u64 = 25;

/// A question. Defaults are CouchDB's.
#[derive(Clone, Debug)]
pub struct Find {
    /// Which documents.
    pub selector: Selector,
    /// The index that the client wishes for.
    pub use_index: Option<UseIndex>,
    /// Where the page begins: behind this row.
    pub bookmark: Option<Bookmark>,
    /// Most documents in the answer.
    pub limit: u64,
    /// Matching documents that are passed over.
    pub skip: u64,
    /// Their order; no fields: the index's.
    pub sort: Sort,
    /// What is shown of them; `None`: everything.
    pub fields: Option<Projection>,
    /// The partition that is asked.
    pub partition: Option<String>,
    /// `r`.
    pub read_quorum: u64,
    /// Shows `_conflicts`.
    pub conflicts: bool,
    /// `stale` was `"ok"`: both not updated and stable.
    pub stale: bool,
    /// Whether the index is brought up to date before.
    pub update: bool,
    /// `stable`.
    pub stable: bool,
    /// Shows statistics.
    pub execution_statistics: bool,
    /// Whether another index than the one of `use_index`, or a scan of all documents, may answer.
    pub allow_fallback: bool,
    /// `bookmark` as it came.
    bookmark_text: String,
}

/// The index that a question wishes for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UseIndex {
    /// Its design document, with or without `_design/`.
    pub design_document: String,
    /// Its name.
    pub name: Option<String>,
}

impl Find {
    /// Parses the body of a question. `partition` is that of the address
    /// (`/{db}/_partition/{partition}/_find`).
    pub fn parse(question: &Value, partition: Option<&str>) -> Result<Self, MangoError> {
        let mut options = Options::new(question)?;
        let flag = |options: &mut Options<'_>, name, default| {
            options.take(name).map_or(Ok(default), boolean)
        };
        let selector = Selector::parse(options.required("selector")?)?;
        let use_index = options.take("use_index").map_or(Ok(None), UseIndex::parse)?;
        let (bookmark, bookmark_text) = parse_bookmark(options.take("bookmark"))?;
        let limit = options.take("limit").map_or(Ok(DEFAULT_LIMIT), integer)?;
        let skip = options.take("skip").map_or(Ok(0), integer)?;
        let sort = options.take("sort").map(Sort::parse).transpose()?.unwrap_or_default();
        let fields = options.take("fields").map_or(Ok(None), Projection::parse)?;
        let partition = parse_partition(options.take("partition"), partition)?;
        let read_quorum = options.take("r").map_or(Ok(1), positive)?;
        let conflicts = flag(&mut options, "conflicts", false)?;
        let stale = options.take("stale").map_or(Ok(false), parse_stale)?;
        let update = flag(&mut options, "update", true)?;
        let stable = flag(&mut options, "stable", false)?;
        let execution_statistics = flag(&mut options, "execution_stats", false)?;
        let allow_fallback = flag(&mut options, "allow_fallback", true)?;
        options.finish()?;
        Ok(Self {
            selector,
            use_index,
            bookmark,
            limit,
            skip,
            sort,
            fields,
            partition,
            read_quorum,
            conflicts,
            stale,
            update,
            stable,
            execution_statistics,
            allow_fallback,
            bookmark_text,
        })
    }

    /// The question for all that matches a selector, all else as it is by default.
    pub(super) fn of(selector: Selector) -> Self {
        Self {
            selector,
            use_index: None,
            bookmark: None,
            limit: u64::MAX,
            skip: 0,
            sort: Sort::default(),
            fields: None,
            partition: None,
            read_quorum: 1,
            conflicts: false,
            stale: false,
            update: true,
            stable: false,
            execution_statistics: false,
            allow_fallback: true,
            bookmark_text: String::new(),
        }
    }

    /// The fields that are shown, as `_explain` lists them.
    pub(super) fn fields_to_json(&self) -> Value {
        self.fields.iter().flat_map(Projection::names).collect()
    }

    /// `opts` of `_explain`.
    pub(super) fn options_to_json(&self) -> Value {
        let use_index = self.use_index.iter().flat_map(|index| {
            std::iter::once(&index.design_document).chain(&index.name).map(String::as_str)
        });
        json!({
            "use_index": use_index.collect::<Value>(),
            "bookmark": self.bookmark_text,
            "limit": self.limit,
            "skip": self.skip,
            "sort": self.sort.to_object(),
            "fields": self.fields_to_json(),
            "partition": self.partition.as_deref().unwrap_or_default(),
            "r": self.read_quorum,
            "conflicts": self.conflicts,
            "stale": if self.stale { json!("ok") } else { json!(false) },
            "update": self.update,
            "stable": self.stable,
            "execution_stats": self.execution_statistics,
            "allow_fallback": self.allow_fallback,
        })
    }

    /// The bookmark of an answer whose last row this is; that of the question where it has none.
    pub fn next_bookmark(&self, last: Option<&Bookmark>) -> String {
        last.map_or_else(|| self.bookmark_text.clone(), Bookmark::encode)
    }
}

impl UseIndex {
    /// A name, `design/name`, or an array of one or two names; `null` and `[]` wish for nothing.
    fn parse(value: &Value) -> Result<Option<Self>, MangoError> {
        let refused = || MangoError::InvalidIndexName(value.clone());
        let names: Vec<&str> = match value {
            Value::Null => Vec::new(),
            Value::String(name) => match name.split_once('/') {
                Some(("_design", id)) => vec![id],
                Some((id, name)) => vec![id, name],
                None => vec![name],
            },
            Value::Array(names) => {
                names.iter().map(Value::as_str).collect::<Option<_>>().ok_or_else(refused)?
            }
            _ => return Err(refused()),
        };
        let (design_document, name) = match names.as_slice() {
            [] => return Ok(None),
            [id] => (*id, None),
            [id, name] => (*id, Some((*name).to_owned())),
            _ => return Err(refused()),
        };
        Ok(Some(Self { design_document: design_document.to_owned(), name }))
    }

    /// The id of its design document without `_design/`.
    pub(super) fn bare_id(&self) -> &str {
        self.design_document.strip_prefix("_design/").unwrap_or(&self.design_document)
    }
}

fn parse_bookmark(value: Option<&Value>) -> Result<(Option<Bookmark>, String), MangoError> {
    let text = match value {
        None | Some(Value::Null) => "nil",
        Some(Value::String(text)) if text.is_empty() => "nil",
        Some(Value::String(text)) => text,
        Some(other) => return Err(MangoError::InvalidBookmark(other.clone())),
    };
    Ok((Bookmark::decode(text)?, text.to_owned()))
}

fn parse_stale(value: &Value) -> Result<bool, MangoError> {
    match value {
        Value::String(text) if text == "ok" => Ok(true),
        Value::String(text) if text == "false" => Ok(false),
        Value::Bool(false) => Ok(false),
        other => Err(MangoError::InvalidStale(other.clone())),
    }
}

/// The partition of the address, with which that of the body has to agree.
fn parse_partition(
    body: Option<&Value>,
    address: Option<&str>,
) -> Result<Option<String>, MangoError> {
    let body = body.map(text).transpose()?.filter(|text| !text.is_empty());
    match (body, address) {
        (Some(one), Some(other)) if one != other => {
            Err(MangoError::InvalidPartition("partition of the body and of the address differ"))
        }
        (Some(name), _) if name.starts_with('_') => {
            Err(MangoError::InvalidPartition("Partition can not start with an underscore"))
        }
        (Some(name), _) if name.contains(':') => {
            Err(MangoError::InvalidPartition("Partition can not contain a colon"))
        }
        (one, other) => Ok(one.or(other).map(str::to_owned)),
    }
}

//! What can be wrong with a question or a definition of an index: CouchDB's statuses, names and
//! reasons. Faults of storage do not belong here.

use serde_json::Value;

/// A refused selector, question or definition. [`MangoError::status`], [`MangoError::error`] and the
/// text of the error (`reason`) are CouchDB 3.5's; where that answers 500 to bad input, 400.
///
/// Source: CouchDB, `mango_error`; values in reasons look as Erlang prints them there.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
pub enum MangoError {
    /// The body of a request is no object.
    #[error("Request body must be a JSON object")]
    NotAnObject,
    /// An argument of an operator has the wrong type or value.
    #[error("Bad argument for operator {}: {}", .0, erlang_text(.1))]
    BadArgument(&'static str, Value),
    /// No such operator, or `$beginsWith` with something else than a string.
    #[error("Invalid operator: {0}")]
    InvalidOperator(String),
    /// An operator that CouchDB knows of and does not have, or that needs a text index.
    #[error("Unsupported operator: {0}")]
    UnsupportedOperator(&'static str),
    /// A condition that stands where no field is named.
    #[error("One or more conditions is missing a field name.")]
    MissingFieldName,
    /// An empty part in a field's name.
    #[error("Invalid field name: {0}")]
    InvalidFieldName(String),
    /// A selector that is no object.
    #[error("Selector must be a JSON object, not: {}", erlang_text(.0))]
    SelectorNotAnObject(Value),
    /// A selector beyond a bound; the bound is told.
    #[error("the selector has more than {limit} {what}: make it smaller")]
    SelectorTooLarge {
        /// What is counted.
        what: &'static str,
        /// How many of it are allowed.
        limit: usize,
    },
    /// A field's name of more parts than this.
    #[error("a field's name has more than {0} parts: use a shorter one")]
    FieldNameTooLong(usize),
    /// A regular expression of more bytes than this.
    #[error("a regular expression has more than {0} bytes: use a shorter one")]
    PatternTooLong(usize),
    /// `fields` of more names than this.
    #[error("`fields` has more than {0} names: ask for fewer, or for whole documents")]
    TooManyFields(usize),
    /// An order of more fields than this.
    #[error("an order has more than {0} fields: use fewer")]
    TooManySortFields(usize),
    /// `fields` that are no array.
    #[error("Fields must be an array of strings, not: {}", erlang_text(.0))]
    InvalidFields(Value),
    /// A field in `fields` that is no string.
    #[error("Invalid JSON for field spec: {}", erlang_text(.0))]
    InvalidField(Value),
    /// `sort` that is no array.
    #[error("Sort must be an array of sort specs, not: {}", erlang_text(.0))]
    InvalidSort(Value),
    /// A part of `sort` that is neither a name nor `{name: "asc" | "desc"}`.
    #[error("Invalid sort field: {}", erlang_text(.0))]
    InvalidSortField(Value),
    /// Ascending and descending fields in one `sort`.
    #[error("Sorts currently only support a single direction for all fields.")]
    MixedSort,
    /// A member that a request does not have.
    #[error("Invalid key {0} for this request.")]
    InvalidKey(String),
    /// A member that a request needs.
    #[error("Missing required key: {0}")]
    MissingKey(&'static str),
    /// Something else than a string.
    #[error("Invalid string: {}", erlang_text(.0))]
    InvalidString(Value),
    /// Something else than a boolean.
    #[error("Invalid boolean value: {}", erlang_text(.0))]
    InvalidBoolean(Value),
    /// Something else than 1, 2, ….
    #[error("{} is not an integer greater than zero", erlang_text(.0))]
    InvalidPositiveInteger(Value),
    /// Something else than 0, 1, ….
    #[error("{} is not an integer greater than or equal to zero", erlang_text(.0))]
    InvalidInteger(Value),
    /// `stale` that is neither `"ok"` nor false.
    #[error("Invalid value for stale: {}", erlang_text(.0))]
    InvalidStale(Value),
    /// `partitioned` that is no boolean.
    #[error("Invalid value for partitioned: {}", erlang_text(.0))]
    InvalidPartitioned(Value),
    /// A partition's name that is none, or differs from the address's.
    #[error("{0}")]
    InvalidPartition(&'static str),
    /// `use_index` that names no index.
    #[error("Invalid index name: {}", erlang_text(.0))]
    InvalidIndexName(Value),
    /// `docids` of a bulk deletion that are no array.
    #[error("Bulk Delete requires an array of non-null docids. Docids: {}", erlang_text(.0))]
    InvalidBulkDelete(Value),
    /// A bookmark that no answer contained.
    #[error("Invalid bookmark value: {0}")]
    InvalidBookmark(Value),
    /// A bookmark of more bytes than this.
    #[error("the bookmark has more than {0} bytes: begin without one")]
    BookmarkTooLong(usize),
    /// A type of index that does not exist.
    #[error("Invalid type for index: {0}")]
    InvalidIndexType(String),
    /// A definition that is no object.
    #[error("JSON indexes must be an object, not: {}", erlang_text(.0))]
    InvalidDefinition(Value),
    /// A text index, or a question that needs one.
    #[error("{0}")]
    ServiceUnavailable(&'static str),
    /// A design document that holds no Mango indexes.
    #[error("Existing design doc has an invalid language: {}", erlang_text(.0))]
    InvalidLanguage(Value),
    /// The design document's indexes are partitioned and the new one is not, or the reverse.
    #[error("Requested partitioned option does not match existing value on design document {0}")]
    PartitionedMismatch(String),
    /// A partitioned index in a database that is not.
    #[error("partitioned option cannot be true in a non-partitioned database.")]
    NotPartitioned,
    /// An index in a design document without a name.
    #[error("Illegal document id `_design/`")]
    NamelessDesignDocument,
    /// No such index in the design document.
    #[error("JSON index {0} not found in this design doc.")]
    IndexNotFound(String),
    /// No index has the order that was asked for.
    #[error("No {scope}index exists for this sort, try indexing by the sort fields.")]
    NoSortIndex {
        /// Empty, `partitioned ` or `global `.
        scope: &'static str,
    },
    /// Nothing but a scan could answer, and `allow_fallback` is false.
    #[error("There is no index available for this selector.")]
    NoUsableIndex,
    /// The index of `use_index` cannot answer, and `allow_fallback` is false.
    #[error("{0} specified by `use_index` could not be found or it is not suitable.")]
    IndexNotSuitable(String),
}

impl MangoError {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::ServiceUnavailable(_) => 503,
            Self::IndexNotFound(_) => 404,
            _ => 400,
        }
    }

    /// CouchDB's name of the error.
    pub fn error(&self) -> &'static str {
        match self {
            Self::NotAnObject | Self::InvalidPartition(_) | Self::NotPartitioned => "bad_request",
            Self::BadArgument(..) | Self::PatternTooLong(_) => "bad_arg",
            Self::InvalidOperator(_) => "invalid_operator",
            Self::UnsupportedOperator(_) => "not_supported",
            Self::MissingFieldName => "invalid_selector",
            Self::InvalidFieldName(_) | Self::FieldNameTooLong(_) => "invalid_field_name",
            Self::SelectorNotAnObject(_) => "invalid_selector_json",
            Self::SelectorTooLarge { .. } => "selector_too_large",
            Self::InvalidFields(_) | Self::TooManyFields(_) => "invalid_fields",
            Self::InvalidField(_) => "invalid_field",
            Self::InvalidSort(_) | Self::TooManySortFields(_) => "invalid_sort_json",
            Self::InvalidSortField(_) => "invalid_sort_field",
            Self::MixedSort => "unsupported_mixed_sort",
            Self::InvalidKey(_) => "invalid_key",
            Self::MissingKey(_) => "missing_required_key",
            Self::InvalidString(_) => "invalid_string",
            Self::InvalidBoolean(_) => "invalid_boolean",
            Self::InvalidPositiveInteger(_) => "invalid_pos_integer",
            Self::InvalidInteger(_) => "invalid_non_neg_integer",
            Self::InvalidStale(_) => "invalid_ok_or_false_value",
            Self::InvalidPartitioned(_) => "invalid_partitioned_value",
            Self::InvalidIndexName(_) => "invalid_index_name",
            Self::InvalidBulkDelete(_) => "invalid_bulk_docs",
            Self::InvalidBookmark(_) | Self::BookmarkTooLong(_) => "invalid_bookmark",
            Self::InvalidIndexType(_)
            | Self::InvalidDefinition(_)
            | Self::IndexNotFound(_)
            | Self::IndexNotSuitable(_) => "invalid_index",
            Self::ServiceUnavailable(_) => "required index service unavailable",
            Self::InvalidLanguage(_) => "invalid_ddoc_lang",
            Self::NamelessDesignDocument => "illegal_docid",
            Self::PartitionedMismatch(_) => "invalid_partitioned_option",
            Self::NoSortIndex { .. } | Self::NoUsableIndex => "no_usable_index",
        }
    }
}

/// Longest text of a value in a reason, in bytes; the rest is left out.
const VALUE_BYTES: usize = 1_000;

/// A value as Erlang's `~w` prints it.
fn erlang_text(value: &Value) -> String {
    let mut out = String::new();
    write_erlang(&mut out, value);
    if out.len() > VALUE_BYTES {
        out.truncate(VALUE_BYTES);
        out.push('…');
    }
    out
}

/// Appends ASCII alone. Stops soon after the bound.
fn write_erlang(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => write_binary(out, text),
        Value::Array(values) => {
            out.push('[');
            write_list(out, values, write_erlang);
            out.push(']');
        }
        Value::Object(members) => {
            out.push_str("{[");
            write_list(out, members, |out, (name, value)| {
                out.push('{');
                write_binary(out, name);
                out.push(',');
                write_erlang(out, value);
                out.push('}');
            });
            out.push_str("]}");
        }
    }
}

fn write_list<T>(
    out: &mut String,
    items: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T),
) {
    for (place, item) in items.into_iter().enumerate() {
        if out.len() > VALUE_BYTES {
            return;
        }
        if place > 0 {
            out.push(',');
        }
        write(out, item);
    }
}

fn write_binary(out: &mut String, text: &str) {
    out.push_str("<<");
    write_list(out, text.bytes(), |out, byte| out.push_str(&byte.to_string()));
    out.push_str(">>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_look_as_erlang_prints_them() {
        assert_eq!(
            erlang_text(&json!({"a": [1, "b", null], "c": true})),
            "{[{<<97>>,[1,<<98>>,null]},{<<99>>,true}]}"
        );
        assert!(erlang_text(&json!("x".repeat(100_000))).len() < 1_100);
    }
}

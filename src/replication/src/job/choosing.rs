//! The fields of a job that choose what is replicated: `doc_ids`, `filter`, `selector`, and what goes
//! with them. Texts of errors are CouchDB's.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use refuge_query::selector::Selector;
use serde_json::{Map, Value};

use super::JobError;
use crate::selection::{Choice, FilterFunction, Selection, in_order};
use crate::sequence::sequence_text_of;

const EXCLUSIVE: &str = "`doc_ids`,`filter`,`selector` are mutually exclusive";

/// What a job is of.
pub(super) fn parse_selection(fields: &Map<String, Value>) -> Result<Selection, JobError> {
    let choice =
        match (given(fields, "doc_ids"), given(fields, "filter"), given(fields, "selector")) {
            (None, None, None) => Choice::All,
            (Some(ids), None, None) => documents(ids)?,
            (None, Some(filter), None) => function(filter, given(fields, "query_params"))?,
            (None, None, Some(selector)) => matching(selector)?,
            _ => return Err(bad(EXCLUSIVE)),
        };
    let winners_only = match given(fields, "winning_revs_only") {
        None => false,
        Some(Value::Bool(value)) => *value,
        Some(_) => return Err(bad("parameter `winning_revs_only` must be a boolean")),
    };
    Ok(Selection { choice, winners_only })
}

/// The sequence that a replication without a checkpoint begins behind.
pub(super) fn parse_since(fields: &Map<String, Value>) -> Result<Option<String>, JobError> {
    let Some(since) = given(fields, "since_seq") else { return Ok(None) };
    let text = sequence_text_of(since);
    // What stands behind the number, or in an array of an old cluster, is its source's matter.
    let is_sequence = text == "now"
        || text.starts_with(|first: char| first.is_ascii_digit())
        || text.starts_with('[');
    match is_sequence {
        true => Ok(Some(text)),
        false => Err(bad("`since_seq` is an update sequence")),
    }
}

/// A field that says something; `null` says nothing.
fn given<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    fields.get(name).filter(|value| !value.is_null())
}

/// Ids may be percent-encoded, as CouchDB takes them.
fn documents(ids: &Value) -> Result<Choice, JobError> {
    let Value::Array(ids) = ids else {
        return Err(bad("parameter `doc_ids` must be an array"));
    };
    let decoded = |id: &Value| {
        let id = id.as_str().ok_or_else(|| bad("`doc_ids` holds ids of documents: strings"))?;
        let id = percent_decode_str(id).decode_utf8();
        id.map(|id| id.into_owned()).map_err(|_| bad("an id in `doc_ids` is not UTF-8"))
    };
    let mut ids: Vec<String> = ids.iter().map(decoded).collect::<Result<_, _>>()?;
    ids.sort_unstable();
    ids.dedup();
    Ok(Choice::Documents(ids))
}

fn matching(selector: &Value) -> Result<Choice, JobError> {
    if !selector.is_object() {
        return Err(bad("parameter `selector` must be a JSON object"));
    }
    let parsed = Selector::parse(selector).map_err(|error| bad(&error.to_string()))?;
    Ok(Choice::Selector(in_order(parsed.to_json())))
}

fn function(filter: &Value, parameters: Option<&Value>) -> Result<Choice, JobError> {
    const FORM: &str = "Invalid filter. Must match `ddocname/filtername`.";
    let parameters = match parameters {
        None => BTreeMap::new(),
        Some(Value::Object(parameters)) => {
            parameters.iter().map(|(name, value)| (name.clone(), text_of(value))).collect()
        }
        Some(_) => return Err(bad("parameter `query_params` must be an object")),
    };
    let Value::String(filter) = filter else {
        return Err(bad(FORM));
    };
    let (path, is_view, wrong) = match filter.as_str() {
        "_design" => return Ok(Choice::Design),
        "_view" => {
            let view = parameters.get("view").map_or("", String::as_str);
            (view.to_owned(), true, "Invalid `view` parameter.")
        }
        "_doc_ids" => return Err(bad("ids of documents are given as `doc_ids`")),
        "_selector" => return Err(bad("a selector is given as `selector`")),
        other if other.starts_with('_') => return Err(bad("unknown builtin filter name")),
        other => (other.to_owned(), false, FORM),
    };
    match path.split_once('/') {
        Some((design, name)) if !design.is_empty() && !name.is_empty() => {
            let (design, name) = (design.to_owned(), name.to_owned());
            Ok(Choice::Function(FilterFunction { design, name, is_view, parameters }))
        }
        _ => Err(bad(wrong)),
    }
}

/// A value as a parameter in a URL has it.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn bad(reason: &str) -> JobError {
    JobError::BadRequest(reason.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(fields: Value) -> Result<Choice, String> {
        let selection = parse_selection(fields.as_object().unwrap());
        selection.map(|selection| selection.choice).map_err(|error| error.to_string())
    }

    #[test]
    fn ids_are_in_order_each_once_and_may_be_encoded() {
        let ids = |ids: &[&str]| Choice::Documents(ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(parse(json!({"doc_ids": ["b", "a%2Fc", "b"]})), Ok(ids(&["a/c", "b"])));
        assert_eq!(parse(json!({"doc_ids": []})), Ok(ids(&[])));
        assert_eq!(parse(json!({"doc_ids": null})), Ok(Choice::All));
    }

    #[test]
    fn selectors_are_normalised() {
        let selector = |selector: Value| match parse(json!({ "selector": selector })) {
            Ok(Choice::Selector(selector)) => selector.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(selector(json!({"a": 1})), selector(json!({"a": {"$eq": 1}})));
        let one = json!({"a": {"$elemMatch": {"$eq": {"x": 1, "y": 2}}}});
        let same = json!({"a": {"$elemMatch": {"$eq": {"y": 2, "x": 1}}}});
        assert_eq!(selector(one), selector(same));
        assert_eq!(selector(json!({})), "{}");
    }

    #[test]
    fn filters_name_a_function_or_are_built_in() {
        let fields =
            json!({"filter": "app/mine", "query_params": {"who": "bob", "n": 1, "b": true}});
        let Ok(Choice::Function(function)) = parse(fields) else { panic!("no function") };
        assert_eq!((function.design.as_str(), function.name.as_str()), ("app", "mine"));
        let told: Vec<&str> = function.parameters.values().map(String::as_str).collect();
        assert_eq!(told, ["true", "1", "bob"]);
        let view = json!({"filter": "_view", "query_params": {"view": "app/all"}});
        let Ok(Choice::Function(view)) = parse(view) else { panic!("no function") };
        assert!(view.is_view && view.name == "all");
        assert_eq!(parse(json!({"filter": "_design"})), Ok(Choice::Design));
    }

    #[test]
    fn a_sequence_to_begin_behind_looks_like_one() {
        let since = |since: Value| parse_since(json!({ "since_seq": since }).as_object().unwrap());
        for (given, text) in
            [(json!(7), "7"), (json!("7-x"), "7-x"), (json!([7, "x"]), "[7,\"x\"]")]
        {
            assert_eq!(since(given), Ok(Some(text.to_owned())));
        }
        assert_eq!(since(Value::Null), Ok(None));
        for wrong in [json!("garbage"), json!({}), json!(true), json!("")] {
            assert!(since(wrong).is_err());
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_couchdbs_words() {
        for (fields, reason) in [
            (json!({"doc_ids": ["a"], "selector": {}}), EXCLUSIVE),
            (json!({"doc_ids": ["a"], "filter": "a/b"}), EXCLUSIVE),
            (json!({"filter": "a/b", "selector": {}}), EXCLUSIVE),
            (json!({"doc_ids": "a"}), "parameter `doc_ids` must be an array"),
            (json!({"selector": "a"}), "parameter `selector` must be a JSON object"),
            (json!({"filter": "a"}), "Invalid filter. Must match `ddocname/filtername`."),
            (json!({"filter": "_view"}), "Invalid `view` parameter."),
            (json!({"filter": "_other"}), "unknown builtin filter name"),
            (
                json!({"filter": "a/b", "query_params": []}),
                "parameter `query_params` must be an object",
            ),
            (
                json!({"winning_revs_only": "yes"}),
                "parameter `winning_revs_only` must be a boolean",
            ),
            (json!({"selector": {"a": {"$no": 1}}}), "Invalid operator: $no"),
        ] {
            assert_eq!(parse(fields.clone()), Err(reason.to_owned()), "{fields}");
        }
    }
}

//! Which documents of the source a replication is of, and how its feed of changes is asked for them.
//!
//! Source: <https://docs.couchdb.org/en/stable/json-structure.html#replication-settings>

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Parameters of the feed that are the replication's own; `query_params` cannot set them.
const OWN_PARAMETERS: [&str; 10] = [
    "descending",
    "feed",
    "filter",
    "heartbeat",
    "include_docs",
    "last-event-id",
    "limit",
    "seq_interval",
    "since",
    "style",
];

/// What is replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Which documents.
    pub choice: Choice,
    /// Of each document the winner alone (`winning_revs_only`).
    pub winners_only: bool,
}

/// Which documents are replicated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// All.
    #[default]
    All,
    /// Those of these ids, in order and each once (`doc_ids`).
    Documents(Vec<String>),
    /// Those that match a selector, normalised, its members in the order of their names.
    Selector(Value),
    /// Design documents (`filter`: `_design`).
    Design,
    /// Those that a function of the source lets through (`filter`).
    Function(FilterFunction),
}

/// A function of a design document of the source that says which documents are replicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterFunction {
    /// The design document, without `_design/`.
    pub design: String,
    /// Its name.
    pub name: String,
    /// It is the map function of a view (`filter`: `_view`), else one of `filters`.
    pub is_view: bool,
    /// `query_params` as the parameters of a request.
    pub parameters: BTreeMap<String, String>,
}

impl Selection {
    /// Whether some documents are left out.
    pub fn is_selective(&self) -> bool {
        self.choice != Choice::All
    }

    /// The function that is asked, where one is.
    pub fn function(&self) -> Option<&FilterFunction> {
        match &self.choice {
            Choice::Function(function) => Some(function),
            _ => None,
        }
    }

    /// The parameters of `_changes` that ask for it, not encoded.
    pub fn parameters(&self) -> Vec<(&str, String)> {
        let style = if self.winners_only { "main_only" } else { "all_docs" };
        let mut parameters = vec![("style", style.to_owned())];
        match &self.choice {
            Choice::All => {}
            Choice::Documents(_) => parameters.push(("filter", "_doc_ids".to_owned())),
            Choice::Selector(_) => parameters.push(("filter", "_selector".to_owned())),
            Choice::Design => parameters.push(("filter", "_design".to_owned())),
            Choice::Function(function) => {
                parameters.push(("filter", function.filter()));
                let own = |name: &str| OWN_PARAMETERS.contains(&name.to_lowercase().as_str());
                let others = function.parameters.iter().filter(|(name, _)| !own(name));
                parameters.extend(others.map(|(name, value)| (name.as_str(), value.clone())));
            }
        }
        parameters
    }

    /// The body of `POST /{db}/_changes`, where the feed has to be asked so.
    pub fn posted(&self) -> Option<Value> {
        match &self.choice {
            Choice::Documents(ids) => Some(json!({ "doc_ids": ids })),
            Choice::Selector(selector) => Some(json!({ "selector": selector })),
            Choice::All | Choice::Design | Choice::Function(_) => None,
        }
    }

    /// What tells it apart from others, for the replication's id: nothing where all is replicated. The
    /// first of each group of texts says how many follow.
    pub(crate) fn identity(&self) -> Vec<String> {
        let mut parts = match &self.choice {
            Choice::All => Vec::new(),
            Choice::Documents(ids) => vec!["doc_ids".to_owned(), json!(ids).to_string()],
            Choice::Selector(selector) => vec!["selector".to_owned(), selector.to_string()],
            Choice::Design => vec!["filter _design".to_owned()],
            Choice::Function(function) => {
                let kind = if function.is_view { "view" } else { "filter" };
                let parameters = json!(function.parameters).to_string();
                let (design, name) = (function.design.clone(), function.name.clone());
                vec![kind.to_owned(), design, name, parameters]
            }
        };
        if self.winners_only {
            parts.push("winning_revs_only".to_owned());
        }
        parts
    }
}

impl FilterFunction {
    /// As the feed's parameter `filter` names it.
    fn filter(&self) -> String {
        match self.is_view {
            true => "_view".to_owned(),
            false => format!("{}/{}", self.design, self.name),
        }
    }

    /// Its code in the design document, `None` where that has no such function.
    pub(crate) fn code(&self, design: &Value) -> Option<String> {
        let code = match self.is_view {
            true => design.get("views")?.get(&self.name)?.get("map")?,
            false => design.get("filters")?.get(&self.name)?,
        };
        match code {
            Value::String(text) => Some(text.trim().to_owned()),
            other => Some(other.to_string()),
        }
    }
}

/// The same value with the members of its objects in the order of their names.
pub(crate) fn in_order(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<String, Value> =
                members.into_iter().map(|(name, value)| (name, in_order(value))).collect();
            Value::Object(members.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(in_order).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(parameters: &[(&str, &str)]) -> FilterFunction {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        FilterFunction {
            design: "app".to_owned(),
            name: "mine".to_owned(),
            is_view: false,
            parameters: parameters.iter().map(owned).collect(),
        }
    }

    #[test]
    fn a_feed_is_asked_as_couchdb_knows_it() {
        let asked = |choice: Choice| Selection { choice, winners_only: false };
        let documents = asked(Choice::Documents(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(documents.parameters()[1], ("filter", "_doc_ids".to_owned()));
        assert_eq!(documents.posted(), Some(json!({"doc_ids": ["a", "b"]})));
        let selector = asked(Choice::Selector(json!({"a": 1})));
        assert_eq!(selector.posted(), Some(json!({"selector": {"a": 1}})));
        let all = Selection { winners_only: true, ..Selection::default() };
        assert_eq!(all.parameters(), [("style", "main_only".to_owned())]);
        assert!(!all.is_selective() && documents.is_selective());
    }

    #[test]
    fn query_params_go_to_the_function_and_set_nothing_of_the_replications_own() {
        let choice = Choice::Function(function(&[("Since", "9"), ("limit", "1"), ("who", "bo b")]));
        let selection = Selection { choice, winners_only: false };
        let expected = [("style", "all_docs"), ("filter", "app/mine"), ("who", "bo b")];
        let expected = expected.map(|(name, value)| (name, value.to_owned()));
        assert_eq!(selection.parameters(), expected);
        assert_eq!(selection.posted(), None);
    }

    #[test]
    fn code_is_found_where_design_documents_have_it() {
        let design =
            json!({"filters": {"mine": " function () {} "}, "views": {"mine": {"map": {}}}});
        let filter = function(&[]);
        assert_eq!(filter.code(&design).as_deref(), Some("function () {}"));
        let view = FilterFunction { is_view: true, ..filter.clone() };
        assert_eq!(view.code(&design).as_deref(), Some("{}"));
        assert_eq!(filter.code(&json!({"filters": {}})), None);
    }
}

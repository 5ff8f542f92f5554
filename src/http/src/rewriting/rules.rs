//! The rules of `rewrites` as a list: which of them fits a request, and the path and the parameters that it
//! makes. Nothing is asked or sent here.

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::query::{Query, encode_segment};

/// Parameters whose values are JSON.
const JSON_PARAMETERS: [&str; 6] = ["key", "keys", "startkey", "start_key", "endkey", "end_key"];

/// Climbs of a target, `..`, that lead no further than to its database.
const CLIMBS_WITHIN_DATABASE: usize = 2;

/// One rule.
#[derive(Debug)]
struct Rule {
    /// The method that it is for; all where there is none.
    method: Option<String>,
    from: Vec<Part>,
    to: Vec<Part>,
    query: Map<String, Value>,
    formats: Map<String, Value>,
}

/// A part of a path in a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `*`: all that is left.
    All,
    /// `:name`.
    Variable(String),
    /// What it says.
    Text(String),
}

/// Values under names, the first of a name counting.
type Bound = Vec<(String, Value)>;

/// What the first rule that fits makes of a request, relative to its design document: a path, and behind a `?`
/// parameters. `path` is what stands behind `_rewrite`, decoded; `secure` refuses targets outside of the
/// database.
pub(super) fn apply(
    rules: &[Value],
    (method, path, query): (&str, &[String], &Query),
    secure: bool,
) -> Result<Option<String>, Failure> {
    // As in CouchDB a rule that makes no sense is told even where another one fits.
    let rules = rules.iter().filter_map(Value::as_object).map(|rule| Rule::parse(rule, secure));
    let rules = rules.collect::<Result<Vec<Rule>, Failure>>()?;
    let mut parameters = Bound::new();
    for (name, value) in query.iter() {
        parameters.push((name.to_owned(), decoded(name, value)?));
    }
    Ok(rules.iter().find_map(|rule| rule.target(method, path, &parameters)))
}

fn decoded(name: &str, value: &str) -> Result<Value, Failure> {
    if !JSON_PARAMETERS.contains(&name) {
        return Ok(value.into());
    }
    serde_json::from_str(value).map_err(|_| Failure::BadRequest("invalid UTF-8 JSON".to_owned()))
}

impl Rule {
    fn parse(rule: &Map<String, Value>, secure: bool) -> Result<Self, Failure> {
        let text = |name: &str| rule.get(name).and_then(Value::as_str);
        let members = |name: &str| rule.get(name).and_then(Value::as_object).cloned();
        let to = text("to").ok_or_else(|| rewrite_error("invalid_rewrite_target"))?;
        Ok(Self {
            method: text("method").filter(|method| *method != "*").map(str::to_owned),
            from: text("from").map_or_else(|| vec![Part::All], parts),
            to: target_parts(to, secure)?,
            query: members("query").unwrap_or_default(),
            formats: members("formats").unwrap_or_default(),
        })
    }

    fn target(&self, method: &str, path: &[String], parameters: &Bound) -> Option<String> {
        if self.method.as_ref().is_some_and(|wanted| wanted != method) {
            return None;
        }
        let (mut bound, left) = self.bind(path)?;
        bound.extend(parameters.iter().cloned());
        let own: Bound = self
            .query
            .iter()
            .map(|(name, value)| (name.clone(), self.filled(value, &bound)))
            .collect();
        bound.retain(|(name, _)| !own.iter().any(|(known, _)| known == name));
        bound.extend(own);
        let path = self.path(&bound, left);
        let query = written(&bound);
        Some(if query.is_empty() { path } else { format!("{path}?{query}") })
    }

    /// The variables of a path that fits, and what `*` stands for.
    fn bind<'a>(&self, path: &'a [String]) -> Option<(Bound, &'a [String])> {
        let (mut bound, mut left) = (Bound::new(), path);
        for (number, part) in self.from.iter().enumerate() {
            if *part == Part::All && number + 1 == self.from.len() {
                return Some((bound, left));
            }
            let (segment, rest) = left.split_first()?;
            match part {
                Part::Variable(name) => bound.push((name.clone(), segment.as_str().into())),
                Part::Text(text) if text == segment => {}
                Part::Text(_) | Part::All => return None,
            }
            left = rest;
        }
        left.is_empty().then_some((bound, left))
    }

    /// A value of the rule's `query` with its variables.
    fn filled(&self, value: &Value, bound: &Bound) -> Value {
        match value {
            Value::String(text) => self.variable(text, bound),
            Value::Array(values) => {
                let filled = values.iter().map(|value| match value {
                    Value::String(text) => self.variable(text, bound),
                    other => other.clone(),
                });
                filled.collect()
            }
            other => other.clone(),
        }
    }

    fn variable(&self, text: &str, bound: &Bound) -> Value {
        let Some(name) = text.strip_prefix(':') else { return text.into() };
        let value = find(bound, name).cloned().unwrap_or_else(|| text.into());
        match (self.formats.get(name).and_then(Value::as_str), value.as_str()) {
            (Some("int"), Some(number)) => number.parse::<i64>().map_or(value, Value::from),
            (Some("bool"), Some(flag)) => match flag.to_lowercase().as_str() {
                "true" => true.into(),
                "false" => false.into(),
                _ => value,
            },
            _ => value,
        }
    }

    fn path(&self, bound: &Bound, left: &[String]) -> String {
        let mut segments = Vec::new();
        for part in &self.to {
            match part {
                Part::Text(text) => segments.push(encode_segment(text)),
                Part::Variable(name) => {
                    let value = find(bound, name).map_or_else(|| "undefined".to_owned(), plain);
                    segments.push(encode_segment(&value));
                }
                Part::All => {
                    segments.extend(left.iter().map(|segment| encode_segment(segment)));
                    break;
                }
            }
        }
        segments.join("/")
    }
}

fn find<'a>(bound: &'a Bound, name: &str) -> Option<&'a Value> {
    bound.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// Parameters as they stand behind the `?`.
fn written(parameters: &Bound) -> String {
    let pair = |(name, value): &(String, Value)| {
        let value = match JSON_PARAMETERS.contains(&name.as_str()) {
            true => value.to_string(),
            false => plain(value),
        };
        format!("{}={}", encode_segment(name), encode_segment(&value))
    };
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn parts(path: &str) -> Vec<Part> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    let part = |segment: &str| match segment.strip_prefix(':') {
        _ if segment == "*" => Part::All,
        Some(name) => Part::Variable(name.to_owned()),
        None => Part::Text(segment.to_owned()),
    };
    segments.map(part).collect()
}

fn target_parts(path: &str, secure: bool) -> Result<Vec<Part>, Failure> {
    let parts = parts(path);
    let climbs = parts.iter().filter(|part| **part == Part::Text("..".to_owned())).count();
    if secure && climbs > CLIMBS_WITHIN_DATABASE {
        return Err(insecure());
    }
    Ok(parts)
}

/// What leads out of its database.
pub(super) fn insecure() -> Failure {
    Failure::Function {
        status: 500,
        error: "insecure_rewrite_rule".to_owned(),
        reason: "too many ../.. segments".to_owned(),
    }
}

/// What makes no sense.
pub(super) fn rewrite_error(reason: &str) -> Failure {
    Failure::Function { status: 500, error: "rewrite_error".to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rewritten(rules: Value, method: &str, path: &str, query: &str) -> Option<String> {
        let path: Vec<String> = path.split('/').map(str::to_owned).collect();
        let path = if path == [""] { Vec::new() } else { path };
        let query = Query::parse(Some(query));
        let rules = rules.as_array().cloned().unwrap_or_default();
        apply(&rules, (method, &path, &query), true).expect("rules")
    }

    fn get(rules: Value, path: &str) -> Option<String> {
        rewritten(rules, "GET", path, "")
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = json!([
            {"from": "", "to": "index.html"},
            {"from": "/posts", "to": "_list/posts/by_date", "method": "GET"},
            {"from": "posts", "to": "../../", "method": "POST"},
            {"from": "static/*", "to": "/a b/*"},
            {"from": "/docs/:id/raw", "to": "../../:id"},
        ]);
        assert_eq!(get(rules.clone(), "").as_deref(), Some("index.html"));
        assert_eq!(get(rules.clone(), "posts").as_deref(), Some("_list/posts/by_date"));
        assert_eq!(rewritten(rules.clone(), "POST", "posts", "").as_deref(), Some("../.."));
        assert_eq!(rewritten(rules.clone(), "PUT", "posts", ""), None);
        assert_eq!(get(rules.clone(), "static/x/y z").as_deref(), Some("a%20b/x/y%20z"));
        assert_eq!(get(rules.clone(), "static").as_deref(), Some("a%20b"));
        assert_eq!(get(rules.clone(), "docs/1/raw").as_deref(), Some("../../1?id=1"));
        assert_eq!(get(rules, "docs/1"), None);
        assert_eq!(get(json!([{"to": "*"}]), "a/b").as_deref(), Some("a/b"));
        assert_eq!(
            get(json!([{"from": "*", "to": "x/:none"}]), "a").as_deref(),
            Some("x/undefined")
        );
    }

    #[test]
    fn variables_go_into_the_path_and_the_parameters() {
        let rules = json!([{
            "from": "/by/:type/:n",
            "to": "_view/by/:type",
            "query": {"startkey": [":type", ":n"], "endkey": [":type", {}], "limit": ":most", "x": "y"},
            "formats": {"n": "int"},
        }]);
        let found = rewritten(rules, "GET", "by/a&b/7", "most=5&x=z&reduce=false").expect("one");
        let (path, query) = found.split_once('?').expect("parameters");
        assert_eq!(path, "_view/by/a%26b");
        let query = Query::parse(Some(query));
        assert_eq!(query.text("startkey"), Some(r#"["a&b",7]"#));
        assert_eq!(query.text("endkey"), Some(r#"["a&b",{}]"#));
        assert_eq!(query.text("limit"), Some("5"));
        assert_eq!(query.text("x"), Some("y"));
        assert_eq!(query.text("reduce"), Some("false"));
        assert_eq!(query.text("n"), Some("7"));
    }

    #[test]
    fn keys_stay_json() {
        let rules = json!([{"from": "k/:key", "to": "v"}, {"from": "*", "to": "w"}]);
        let found = rewritten(rules.clone(), "GET", "k/a", "").expect("one");
        assert_eq!(found, "v?key=%22a%22");
        let found = rewritten(rules.clone(), "GET", "z", "key=%5B1%5D").expect("one");
        assert_eq!(found, "w?key=%5B1%5D");
        let rules = rules.as_array().expect("rules");
        let query = Query::parse(Some("key=x"));
        assert!(apply(rules, ("GET", &["z".to_owned()], &query), true).is_err());
    }

    #[test]
    fn a_target_climbs_no_further_than_to_its_database() {
        let query = Query::default();
        let rules = [json!({"from": "a", "to": "../../../other/x"})];
        let path = ["b".to_owned()];
        let failure = apply(&rules, ("GET", &path, &query), true).expect_err("refused");
        assert_eq!(
            failure.status(),
            (hyper::StatusCode::INTERNAL_SERVER_ERROR, "insecure_rewrite_rule")
        );
        assert_eq!(apply(&rules, ("GET", &path, &query), false), Ok(None));
        assert!(apply(&[json!({"from": "a"})], ("GET", &path, &query), true).is_err());
        assert_eq!(apply(&[json!("x")], ("GET", &path, &query), true), Ok(None));
    }
}

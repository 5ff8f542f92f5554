//! From the command line to a request as `_replicate` takes it. Whether it makes sense is the node's to say.

use serde_json::{Map, Value, json};

use super::Replicate;
use crate::exit::Failure;

/// How an end that is a database of a trusted node begins.
const NODE: &str = "node://";

impl Replicate {
    /// The request's body.
    pub(super) fn request(&self) -> Result<Value, Failure> {
        let mut request = Map::new();
        request.insert("source".to_owned(), end(&self.source)?);
        request.insert("target".to_owned(), end(&self.target)?);
        for (name, given) in
            [("continuous", self.continuous), ("create_target", self.create_target)]
        {
            if given {
                request.insert(name.to_owned(), Value::Bool(true));
            }
        }
        if !self.doc_ids.is_empty() {
            request.insert("doc_ids".to_owned(), json!(self.doc_ids));
        }
        if let Some(selector) = &self.selector {
            let parsed: Value = serde_json::from_str(selector)
                .map_err(|error| Failure::Usage(format!("--selector is no JSON: {error}")))?;
            request.insert("selector".to_owned(), parsed);
        }
        if let Some(filter) = &self.filter {
            request.insert("filter".to_owned(), filter.as_str().into());
        }
        if !self.query_param.is_empty() {
            let pairs = self.query_param.iter().map(|pair| match pair.split_once('=') {
                Some((name, value)) => Ok((name.to_owned(), Value::from(value))),
                None => Err(Failure::Usage(format!("--query-param is NAME=VALUE, not {pair:?}"))),
            });
            request.insert("query_params".to_owned(), pairs.collect::<Result<_, _>>()?);
        }
        Ok(Value::Object(request))
    }
}

fn end(text: &str) -> Result<Value, Failure> {
    let Some(rest) = text.strip_prefix(NODE) else { return Ok(text.into()) };
    match rest.split_once('/') {
        Some((node, database)) => Ok(json!({"node": node, "db": database})),
        None => Err(Failure::Usage(format!("{text:?} names no database: {NODE}NAME/DATABASE"))),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command::{Line, Verb};

    fn request(arguments: &[&str]) -> Result<Value, Failure> {
        let line = ["refuge", "replicate"].iter().chain(arguments);
        let Verb::Replicate(verb) = Line::try_parse_from(line).unwrap().verb else {
            panic!("another verb")
        };
        verb.request()
    }

    #[test]
    fn options_become_fields() {
        let told = request(&["a", "node://anna/b/c", "--continuous", "--create-target"]).unwrap();
        let target = json!({"node": "anna", "db": "b/c"});
        let wanted =
            json!({"source": "a", "target": target, "continuous": true, "create_target": true});
        assert_eq!(told, wanted);
        let told = request(&["a", "http://h/b", "--doc-ids", "x,y"]).unwrap();
        assert_eq!((&told["doc_ids"], &told["target"]), (&json!(["x", "y"]), &json!("http://h/b")));
        let told = request(&["a", "b", "--selector", r#"{"n": {"$gt": 1}}"#]).unwrap();
        assert_eq!(told["selector"]["n"]["$gt"], 1);
        let filter = ["a", "b", "--filter", "app/mine", "--query-param", "who=bob=x"];
        let told = request(&filter).unwrap();
        assert_eq!(told["query_params"], json!({"who": "bob=x"}));
    }

    #[test]
    fn what_is_mistyped_is_told() {
        for arguments in [
            &["a", "node://anna"][..],
            &["a", "b", "--selector", "{"],
            &["a", "b", "--filter", "x/y", "--query-param", "who"],
        ] {
            assert_eq!(request(arguments).unwrap_err().code(), 64, "{arguments:?}");
        }
    }
}

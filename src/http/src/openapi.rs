//! `GET /_openapi.json`: what the node answers, described for programs (OpenAPI 3.1). It is made from the
//! table of the surface, so that it describes what is there.

use std::sync::OnceLock;

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde_json::{Map, Value, json};

use crate::failure::Failure;
use crate::node::Node;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::surface::{Access, Endpoint, Operation, endpoints};

/// Methods that OpenAPI knows; `COPY` is told in words.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

/// Answers with the description; made once for all nodes of the process, since it tells of the program.
pub(crate) fn describe(node: &dyn Node, request: &Request) -> Result<Reply, Failure> {
    static DESCRIPTION: OnceLock<Bytes> = OnceLock::new();
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let text = DESCRIPTION
        .get_or_init(|| Bytes::from(description(&node.facts().version).to_string().into_bytes()));
    Ok(reply::json_bytes(StatusCode::OK, text.clone()))
}

fn description(version: &str) -> Value {
    let paths: Map<String, Value> =
        endpoints().map(|endpoint| (endpoint.path.to_owned(), path(endpoint))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "refuge",
            "version": version,
            "summary": "A decentralised database that speaks CouchDB's protocol",
        },
        "paths": paths,
        "security": [{}, {"basic": []}, {"cookie": []}, {"token": []}],
        "components": {
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "AuthSession"},
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
            "schemas": {
                "Error": {
                    "type": "object",
                    "required": ["error", "reason"],
                    "properties": {"error": {"type": "string"}, "reason": {"type": "string"}},
                },
            },
            "responses": {
                "Error": {
                    "description": "why not",
                    "content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Error"},
                    }},
                },
            },
        },
    })
}

fn path(endpoint: &Endpoint) -> Value {
    let names = endpoint
        .path
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')));
    let in_path = |name: &str| {
        json!({"name": name, "in": "path", "required": true,
            "schema": {"type": "string", "minLength": 1}})
    };
    let mut path = Map::new();
    let names: Vec<Value> = names.map(in_path).collect();
    if !names.is_empty() {
        path.insert("parameters".to_owned(), names.into());
    }
    for one in endpoint.operations {
        let known = one.methods.split(' ').filter(|method| METHODS.contains(method));
        path.extend(known.map(|method| (method.to_lowercase(), operation(one, method))));
    }
    path.into()
}

fn operation(operation: &Operation, method: &str) -> Value {
    let copies = operation.methods.contains("COPY") && method == "PUT";
    let summary = match copies {
        true => format!("{}; COPY makes a copy of it", operation.what),
        false => operation.what.to_owned(),
    };
    let parameters: Vec<Value> = operation.query.split(' ').filter_map(parameter).collect();
    let mut described = json!({
        "summary": summary,
        "x-access": operation.access.name(),
        "responses": {"2XX": answer(operation, method),
            "3XX": {"description": "nothing new, or elsewhere"},
            "4XX": {"$ref": "#/components/responses/Error"},
            "5XX": {"$ref": "#/components/responses/Error"}},
    });
    let Some(members) = described.as_object_mut() else { return described };
    if operation.access == Access::Open {
        members.insert("security".to_owned(), json!([]));
    }
    if !parameters.is_empty() {
        members.insert("parameters".to_owned(), parameters.into());
    }
    if ["POST", "PUT", "PATCH"].contains(&method) {
        members.insert("requestBody".to_owned(), body(operation));
    }
    described
}

/// What is asked for.
fn answer(operation: &Operation, method: &str) -> Value {
    let mut answer = Map::new();
    answer.insert("description".to_owned(), "what was asked for".into());
    if let Some(gives) = operation.gives.filter(|_| method != "HEAD") {
        let content = json!({"application/json": {"schema": gives()}});
        answer.insert("content".to_owned(), content);
    }
    answer.into()
}

fn body(operation: &Operation) -> Value {
    match operation.takes {
        Some(takes) => json!({"required": true, "content": takes()}),
        // Most take JSON; attachments and forms are bytes of any type.
        None => json!({"content": {"application/json": {"schema": {}}, "*/*": {}}}),
    }
}

/// A parameter of the query: `limit:integer`.
fn parameter(text: &str) -> Option<Value> {
    let (name, kind) = text.split_once(':')?;
    let schema = match kind {
        "json" => json!({"description": "JSON text"}),
        "feed" => json!({"enum": ["normal", "longpoll", "continuous", "eventsource"]}),
        kind => json!({"type": kind}),
    };
    Some(json!({"name": name, "in": "query", "schema": schema}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_answers_are_described_where_their_shape_is_known() {
        let described = description("1");
        let peers = &described["paths"]["/_mesh/peers"];
        let body = &peers["post"]["requestBody"];
        let shape = &body["content"]["application/json"]["schema"];
        assert_eq!((&body["required"], &shape["required"]), (&json!(true), &json!(["invitation"])));
        let answer = &peers["get"]["responses"]["2XX"]["content"]["application/json"]["schema"];
        assert_eq!(answer["properties"]["pending"]["type"], "array");
        assert_eq!(peers["head"]["responses"]["2XX"]["content"], Value::Null);
        let unknown = &described["paths"]["/{db}/_bulk_docs"]["post"]["requestBody"];
        assert_eq!(unknown["content"]["application/json"]["schema"], json!({}));
    }

    #[test]
    fn every_endpoint_is_described() {
        let described = description("1");
        assert_eq!(described["openapi"], "3.1.0");
        let paths = described["paths"].as_object().unwrap();
        assert_eq!(paths.len(), endpoints().count());
        let document = &paths["/{db}/{docid}"];
        assert_eq!(document["parameters"].as_array().unwrap().len(), 2);
        assert_eq!(document["get"]["x-access"], "member");
        assert_eq!(document["put"]["summary"], "writes a document; COPY makes a copy of it");
        assert!(described.to_string().len() < 128 * 1024);
    }
}

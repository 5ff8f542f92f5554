//! The router and the table say the same.

use std::borrow::Cow;

use hyper::Method;
use serde_json::Value;

use super::{Access, Endpoint, endpoints, mesh, node};
use crate::access::Need;
use crate::router::{self, surface_of};

/// A path with something in each pair of braces.
fn sample(endpoint: &Endpoint) -> Vec<Cow<'static, str>> {
    let segments = endpoint.path.split('/').filter(|segment| !segment.is_empty());
    let filled = segments.map(|segment| match segment {
        "{node}" => "_local",
        "{db}" => "db",
        "{type}" => "json",
        name if name.starts_with('{') => "x",
        segment => segment,
    });
    filled.map(Cow::Borrowed).collect()
}

/// A new endpoint has no place in [`surface_of`], which does not compile until it has one; this finds
/// out whether that is the one that its path leads to.
#[test]
fn each_path_leads_to_its_endpoint_and_each_endpoint_has_a_path() {
    for endpoint in endpoints() {
        let found = surface_of(&router::find(sample(endpoint)));
        let found = found.map(|endpoint| endpoint.path);
        assert_eq!(found, Some(endpoint.path));
    }
    let mut paths: Vec<_> = endpoints().map(|endpoint| endpoint.path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), endpoints().count(), "a path stands twice in the table");
}

#[test]
fn what_is_for_admins_is_so_before_a_database_is_opened() {
    for endpoint in endpoints() {
        for operation in endpoint.operations {
            for method in operation.methods.split(' ') {
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                let rules = crate::rules::Rules::default();
                let need = router::need(&router::find(sample(endpoint)), &method, &rules);
                let expected = match operation.access {
                    Access::Open | Access::Node | Access::Peer => Need::Nothing,
                    Access::Anybody
                    | Access::Application
                    | Access::Member
                    | Access::DatabaseAdmin => Need::Anybody,
                    Access::ServerAdmin => Need::ServerAdmin,
                };
                assert_eq!(need, expected, "{method} {}", endpoint.path);
            }
        }
    }
    assert_eq!(node::WELCOME.path, "/");
}

#[test]
fn what_is_sent_to_the_mesh_is_described() {
    for endpoint in mesh::ALL {
        for operation in endpoint.operations {
            let sends =
                operation.methods.split(' ').any(|method| ["POST", "PUT"].contains(&method));
            let (methods, path) = (operation.methods, endpoint.path);
            assert_eq!(operation.takes.is_some(), sends, "{methods} {path}");
            let described = [operation.takes, operation.gives].into_iter().flatten();
            described.for_each(|describe| check_objects(&describe(), path));
        }
    }
}

/// Whether each object within says of which type its members are, and has those that it has to have.
fn check_objects(described: &Value, path: &str) {
    if let (Some(required), Some(members)) =
        (described["required"].as_array(), described["properties"].as_object())
    {
        for member in required {
            assert!(members.contains_key(member.as_str().unwrap()), "{path}: {member}");
        }
        let is_typed = |shape: &Value| shape.as_object().is_some_and(|shape| !shape.is_empty());
        assert!(members.values().all(is_typed), "{path}: {members:?}");
    }
    match described {
        Value::Object(members) => members.values().for_each(|one| check_objects(one, path)),
        Value::Array(items) => items.iter().for_each(|one| check_objects(one, path)),
        _ => {}
    }
}

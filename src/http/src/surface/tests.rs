//! The router and the table say the same.

use std::borrow::Cow;

use hyper::Method;

use super::{Access, Endpoint, endpoints, node};
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

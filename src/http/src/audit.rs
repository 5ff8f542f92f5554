//! The audit log: what admins changed on the node, and who was refused it. Its lines have the target
//! `audit`. Bodies, parameters and secrets are never told.

use std::borrow::Cow;

use hyper::Method;

use crate::query::decode_component;
use crate::reply::Reply;
use crate::request::Request;

/// What of a database is for its admins.
const OF_ADMINS: &[&str] = &[
    "_security",
    "_purge",
    "_compact",
    "_revs_limit",
    "_purged_infos_limit",
    "_options",
    "_view_cleanup",
    "_sync_shards",
    "_design",
    "_index",
];

/// Parts of the node that anybody may use without being an admin.
const OF_ALL: &[&str] = &["_session", "_uuids", "_up", "_dbs_info"];

/// Tells of a request that was answered, where it is one of an admin.
pub(crate) fn tell(request: &Request, reply: &Reply) {
    if matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return;
    }
    let path = request.uri.path();
    if !is_of_admins(&request.method, path) {
        return;
    }
    tracing::info!(
        target: "audit",
        user = request.user.name.as_deref().unwrap_or_default().escape_debug().to_string(),
        address = %request.address,
        method = %request.method,
        path = &*logged(path),
        status = reply.status().as_u16(),
        "an administrative request was answered"
    );
}

/// A path without the token of the set-up link.
pub(crate) fn logged(path: &str) -> Cow<'_, str> {
    let first = path.split('/').find(|segment| !segment.is_empty()).unwrap_or_default();
    if decode_component(first) == "_setup" { "/_setup/…".into() } else { path.into() }
}

fn is_of_admins(method: &Method, path: &str) -> bool {
    // As the router reads them.
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).map(decode_component);
    let Some(first) = segments.next() else { return false };
    if first.starts_with('_') {
        return !OF_ALL.contains(&&*first);
    }
    match segments.next() {
        None => *method == Method::PUT || *method == Method::DELETE,
        Some(second) => {
            let second = second.split('/').next().unwrap_or_default();
            OF_ADMINS.contains(&second)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_admins_do_is_told_and_no_token() {
        let told = |method: &str, path: &str| {
            is_of_admins(&Method::from_bytes(method.as_bytes()).expect("a method"), path)
        };
        for (method, path) in [
            ("PUT", "/db"),
            ("DELETE", "/db"),
            ("PUT", "/db/_security"),
            ("PUT", "/db/_design/a"),
            ("PUT", "/db/_design%2Fa"),
            ("PUT", "/db/_design%2fa"),
            ("PUT", "/db/%5Fsecurity"),
            ("PUT", "/%5Fnode/_local/_config/log/level"),
            ("PUT", "/_node/_local/_config/log/level"),
            ("POST", "/_users"),
            ("PUT", "/_replicator/a"),
            ("POST", "/_replicate"),
        ] {
            assert!(told(method, path), "{method} {path}");
        }
        for (method, path) in [
            ("POST", "/db"),
            ("PUT", "/db/document"),
            ("POST", "/db/_bulk_docs"),
            ("POST", "/_session"),
            ("POST", "/"),
        ] {
            assert!(!told(method, path), "{method} {path}");
        }
        assert_eq!(logged("/_setup/secret"), "/_setup/…");
        assert_eq!(logged("/%5Fsetup/secret"), "/_setup/…");
        assert_eq!(logged("/db/_setup"), "/db/_setup");
    }
}

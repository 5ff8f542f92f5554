//! One request, from its head to its answer: who asks, where it leads, what every answer has. The
//! connections it comes over are elsewhere.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderName, HeaderValue, SET_COOKIE};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Version};

use crate::audit;
use crate::body::RequestBody;
use crate::compression;
use crate::failure::Failure;
use crate::limits;
use crate::node::Node;
use crate::query::Query;
use crate::reply::{self, Reply};
use crate::request::Request;
use crate::request_id::{RequestId, mark_body_time};
use crate::request_metrics::MethodLine;
use crate::router;
use crate::rules::Rules;
use crate::session::ConnectionSession;
use crate::session_cookie;

/// Answers one request. A panic in an endpoint is a broken invariant: it is logged, its request
/// answers 500, and the other requests of the connection go on.
pub(crate) async fn serve_caught(
    node: Arc<dyn Node>,
    session: Arc<ConnectionSession>,
    request: hyper::Request<Incoming>,
) -> Result<Reply, Infallible> {
    let (begun, version) = (Instant::now(), request.version());
    let (method, id) = (MethodLine::of(request.method()), RequestId::of(request.headers()));
    let mut serving = pin!(serve(&node, session.clone(), request, &id));
    let served = poll_fn(|context| {
        let poll = AssertUnwindSafe(|| serving.as_mut().poll(context));
        catch_unwind(poll).map_or(Poll::Ready(None), |polled| polled.map(Some))
    });
    let mut reply = served.await.unwrap_or_else(|| {
        tracing::error!(address = %session.peer().address, request = %id, "an endpoint panicked");
        reply::failure(&Failure::Internal("this request met an error in refuge".to_owned()))
    });
    id.mark(reply.headers_mut());
    if version < Version::HTTP_2 && session.shutdown().is_requested() {
        // It is the last on its connection; HTTP/2 has a frame for that.
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    session.count(method, reply.status(), begun.elapsed());
    Ok(reply)
}

/// Answers one request. Every failure becomes an answer.
async fn serve(
    node: &Arc<dyn Node>,
    session: Arc<ConnectionSession>,
    request: hyper::Request<Incoming>,
    id: &RequestId,
) -> Reply {
    let (mut parts, incoming) = request.into_parts();
    let rules = node.rules();
    lead_by_host(&session, &rules, &mut parts);
    // Before anything that costs more, such as the hash of a password.
    let address = rules.client_address(session.peer().address.ip(), &parts.headers);
    if let Err(failure) = admit(node, &session, &rules, address) {
        let mut reply = reply::failure(&failure);
        reply::complete(&mut reply, &parts.headers, session.server(), &rules);
        return reply;
    }
    // Not held in a name of its own, which would have its place beside all that follows.
    if let Some(mut reply) = rules.cors.as_ref().and_then(|cors| cors.preflight(&parts)) {
        reply::complete(&mut reply, &parts.headers, session.server(), &rules);
        return reply;
    }
    // Nor is the sender: who it is goes straight into the request.
    let sender = session.sender(node.as_ref(), &parts.headers, (&rules.authentication, address));
    let mut request = match sender.await {
        Ok(sender) => Request {
            method: method(parts.method, &parts.headers),
            query: Query::parse(parts.uri.query()),
            uri: parts.uri,
            headers: parts.headers,
            user: sender.user,
            handler: sender.handler,
            renewal: sender.renewal,
            body: RequestBody::of(incoming, session.request_bytes().none(), rules.clone()),
            session,
            address,
            rules,
        },
        Err(failure) => {
            let mut reply = reply::failure(&failure);
            reply::complete(&mut reply, &parts.headers, session.server(), &rules);
            return reply;
        }
    };
    let mut reply = match router::route(node, &mut request).await {
        Ok(reply) => reply,
        Err(failure) => {
            log_failure(&failure, &request, id);
            reply::refusal(&failure, &request)
        }
    };
    audit::tell(&request, &reply, id);
    renew(&mut reply, &request);
    if !request.body.is_finished() {
        // When the rest is long or slow the connection is closed under the client instead.
        let drained = tokio::time::timeout(limits::DRAIN_TIMEOUT, request.body.drain());
        let _ = Box::pin(drained).await;
    }
    mark_body_time(reply.headers_mut(), request.body.waited());
    reply::negotiate(&mut reply, &request);
    reply::complete(&mut reply, &request.headers, request.session.server(), &request.rules);
    compression::pack(&mut reply, &request.method, &request.headers);
    reply
}

/// Gives the client the cookie that takes the place of the one that it showed, unless it signs in or out.
fn renew(reply: &mut Reply, request: &Request) {
    if let Some(renewal) = &request.renewal
        && !reply.headers().contains_key(SET_COOKIE)
    {
        session_cookie::set(reply, request, renewal);
    }
}

/// Leads a request for a virtual host to its path. Nodes name each other, and no virtual hosts.
fn lead_by_host(session: &ConnectionSession, rules: &Rules, parts: &mut Parts) {
    let Some(hosts) = &rules.virtual_hosts else { return };
    if session.peer().certificate.is_some() {
        return;
    }
    let Some(target) = hosts.lead(&parts.uri, &parts.headers) else { return };
    let before = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    if let Ok(before) = HeaderValue::from_str(before) {
        let name = HeaderName::from_static("x-couchdb-vhost-path");
        parts.headers.insert(name, before);
    }
    parts.uri = target;
}

/// Refuses a request of an address that makes too many; nodes that are trusted may.
fn admit(
    node: &Arc<dyn Node>,
    session: &ConnectionSession,
    rules: &Rules,
    address: IpAddr,
) -> Result<(), Failure> {
    let Some(rate) = &rules.rate else { return Ok(()) };
    let peer = session.peer();
    if peer.certificate.is_some_and(|id| node.peer_user(&id).is_some()) {
        return Ok(());
    }
    rate.admit(address).map_err(|wait| {
        let reason = format!("an address may make {} requests a second here", rate.per_second());
        Failure::too_many(reason, wait)
    })
}

/// What is to be done: the method, or the one that a client which can only `POST` names in
/// `X-HTTP-Method-Override`.
fn method(method: Method, headers: &HeaderMap) -> Method {
    if method != Method::POST {
        return method;
    }
    let named = headers.get("x-http-method-override").and_then(|value| value.to_str().ok());
    match named {
        Some(name @ ("GET" | "HEAD" | "PUT" | "PATCH" | "DELETE" | "COPY")) => {
            Method::from_bytes(name.as_bytes()).unwrap_or(method)
        }
        _ => method,
    }
}

fn log_failure(failure: &Failure, request: &Request, id: &RequestId) {
    // A full disk is told once, when it is seen, and not for each write that it refuses.
    let told = matches!(failure, Failure::NotImplemented(_) | Failure::InsufficientStorage(_));
    if failure.status().0.is_server_error() && !told {
        tracing::warn!(
            address = %request.session.peer().address,
            request = %id,
            method = %request.method,
            path = %audit::logged(request.uri.path()),
            %failure,
            "a request failed"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_post_may_stand_for_another_method() {
        let mut headers = HeaderMap::new();
        assert_eq!(method(Method::POST, &headers), Method::POST);
        headers.insert("x-http-method-override", "PUT".parse().expect("a value"));
        assert_eq!(method(Method::POST, &headers), Method::PUT);
        assert_eq!(method(Method::GET, &headers), Method::GET);
        headers.insert("x-http-method-override", "COPY".parse().expect("a value"));
        assert_eq!(method(Method::POST, &headers).as_str(), "COPY");
        headers.insert("x-http-method-override", "CONNECT".parse().expect("a value"));
        assert_eq!(method(Method::POST, &headers), Method::POST);
    }

    /// hyper moves the future of a request a few times before it runs.
    #[test]
    fn the_future_of_a_request_is_small() {
        fn size<A, B, C, F>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        let bytes = size(serve_caught);
        assert!(bytes <= 2688, "{bytes} bytes: box the endpoint that makes it so large");
    }
}

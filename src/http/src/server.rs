//! Endpoints of the node itself: the welcome, `_up`, `_uuids`, `_replicate`, and the
//! set-up page. Databases are elsewhere.

use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use hyper::{Method, StatusCode};
use refuge_document::json::write_string;
use serde::Deserialize;

use crate::failure::Failure;
use crate::limits;
use crate::node::{NewAdmin, Node};
use crate::query::parse_error;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::rules::Maintenance;

/// `GET /`: what clients look at to know that this speaks CouchDB.
pub(crate) fn welcome(node: &dyn Node, request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let facts = node.facts();
    let mut text = Vec::with_capacity(256);
    text.extend_from_slice(b"{\"couchdb\":\"Welcome\",\"version\":\"3.5.0\",\"uuid\":");
    write_string(&mut text, &facts.uuid);
    text.extend_from_slice(b",\"features\":[],\"vendor\":{\"name\":\"refuge\",\"version\":");
    write_string(&mut text, &facts.version);
    text.extend_from_slice(b"}}");
    Ok(reply::json(StatusCode::OK, text))
}

/// `GET /_up`: 404 where load balancers are to send nobody here.
pub(crate) fn up(node: &dyn Node, request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET,HEAD")?;
    let maintenance = match request.rules.maintenance {
        Maintenance::No => None,
        Maintenance::Yes => Some("{\"status\":\"maintenance_mode\"}"),
        Maintenance::NoLoadBalancer => Some("{\"status\":\"nolb\"}"),
    };
    if let Some(text) = maintenance {
        return Ok(reply::json(StatusCode::NOT_FOUND, text.as_bytes().to_vec()));
    }
    // Still "ok", since reads go on; the member more is for people and monitors.
    let text: &[u8] = match node.disk_is_nearly_full() {
        false => b"{\"status\":\"ok\",\"seeds\":{}}",
        true => b"{\"status\":\"ok\",\"seeds\":{},\"disk\":\"nearly_full\"}",
    };
    Ok(reply::json(StatusCode::OK, text.to_vec()))
}

/// `GET /_uuids`.
pub(crate) fn uuids(node: &dyn Node, request: &Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD], "GET")?;
    let count =
        request.query.count("count").map_err(|failure| Failure::BadRequest(failure.to_string()))?;
    let count = count.unwrap_or(1);
    let count = usize::try_from(count).map_err(|_| parse_error("count"))?;
    if count > request.limits().max_identifiers {
        return Err(Failure::BadRequest("count parameter too large".to_owned()));
    }
    let mut text = b"{\"uuids\":[".to_vec();
    for (number, identifier) in node.new_identifiers(count).iter().enumerate() {
        if number > 0 {
            text.push(b',');
        }
        write_string(&mut text, identifier);
    }
    text.extend_from_slice(b"]}");
    let mut reply = reply::json(StatusCode::OK, text);
    reply
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("must-revalidate, no-cache"));
    Ok(reply)
}

/// `POST /_replicate`.
pub(crate) async fn replicate(node: &dyn Node, request: &mut Request) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::POST], "POST")?;
    request.check_json()?;
    let body: serde_json::Value = request.json(limits::SMALL_JSON_BYTES).await?;
    if !body.is_object() {
        return Err(Failure::BadRequest("Request body must be a JSON object".to_owned()));
    }
    let is_true = |member| body.get(member) == Some(&serde_json::Value::Bool(true));
    let continuous = is_true("continuous") && !is_true("cancel");
    let answer = node.replicate(body, &request.user).await?;
    // CouchDB: 202 where the replication goes on after the answer.
    let status = if continuous { StatusCode::ACCEPTED } else { StatusCode::OK };
    reply::json_value(status, &answer)
}

/// What the set-up page may do.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; \
     frame-ancestors 'none'; base-uri 'none'";

/// What is said of an admin in JSON that is called a form.
const SET_UP_TYPES: &str =
    "Content-Type must be application/json for a JSON object; a form holds name=…&password=…";

#[derive(Deserialize)]
struct AdminForm {
    name: String,
    password: String,
}

/// The set-up page: `GET /_setup/<token>` is a form, `POST` makes the first admin.
pub(crate) async fn set_up(
    node: &dyn Node,
    request: &mut Request,
    token: &str,
) -> Result<Reply, Failure> {
    allow(&request.method, &[Method::GET, Method::HEAD, Method::POST], "GET,HEAD,POST")?;
    if !node.set_up_is_open(token).await {
        // The same as for any other path of a node that is not set up: the link tells nothing.
        return Err(Failure::Unauthorized("This set-up link is not valid (any more).".to_owned()));
    }
    if request.method != Method::POST {
        return Ok(page(StatusCode::OK, include_str!("server/set_up.html")));
    }
    let from_page = request.content_type() == "application/x-www-form-urlencoded";
    let form = read_admin(request, from_page).await?;
    let admin = NewAdmin { name: form.name, password: form.password };
    admin.check()?;
    node.set_up(token, admin).await?;
    if from_page {
        Ok(page(StatusCode::CREATED, include_str!("server/set_up_done.html")))
    } else {
        Ok(reply::ok(StatusCode::CREATED))
    }
}

async fn read_admin(request: &mut Request, from_page: bool) -> Result<AdminForm, Failure> {
    if !from_page {
        request.check_json()?;
        return request.json(limits::SMALL_JSON_BYTES).await;
    }
    let bytes = request.bytes(limits::SMALL_JSON_BYTES).await?;
    // Clients such as curl say of all that they send that a page did.
    if bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Failure::BadContentType(SET_UP_TYPES.to_owned()));
    }
    let fields = form_urlencoded::parse(&bytes);
    let mut form = AdminForm { name: String::new(), password: String::new() };
    for (name, value) in fields {
        match name.as_ref() {
            "name" => form.name = value.into_owned(),
            "password" => form.password = value.into_owned(),
            _ => {}
        }
    }
    Ok(form)
}

fn page(status: StatusCode, html: &'static str) -> Reply {
    let mut reply = reply::json_bytes(status, bytes::Bytes::from_static(html.as_bytes()));
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // The token stands in the page's address: it must not travel on.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // It loads nothing, and no other page shows it within itself.
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    reply
}

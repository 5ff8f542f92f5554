//! `/_session`: signing in, out, and asking who one is (CouchDB documentation, "api/server/authn").

use hyper::header::{HeaderValue, LOCATION};
use hyper::{Method, StatusCode};
use refuge_document::json::write_string;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::limits;
use crate::node::Node;
use crate::origin;
use crate::reply::{self, Reply, allow};
use crate::request::Request;
use crate::session_cookie;
use crate::user::{Credentials, User};

/// What is sent to sign in.
#[derive(Default)]
struct Form {
    name: Option<String>,
    username: Option<String>,
    password: String,
}

/// Answers for a session.
pub(crate) async fn session(node: &dyn Node, request: &mut Request) -> Result<Reply, Failure> {
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::DELETE];
    allow(&request.method, &methods, "GET,HEAD,POST,DELETE")?;
    match request.method {
        Method::POST => {
            origin::check_form(request)?;
            sign_in(node, request).await
        }
        Method::DELETE => {
            let next = destination(request, "next")?;
            let mut reply = led_on(reply::ok(StatusCode::OK), next);
            session_cookie::clear(&mut reply, request);
            Ok(reply)
        }
        _ => who(request),
    }
}

/// `GET`: who am I.
fn who(request: &Request) -> Result<Reply, Failure> {
    let user = &request.user;
    if user.name.is_none() && request.query.is_true("basic") {
        return Err(Failure::Unauthorized("Please login.".to_owned()));
    }
    let mut text = b"{\"ok\":true,\"userCtx\":{\"name\":".to_vec();
    match &user.name {
        Some(name) => write_string(&mut text, name),
        None => text.extend_from_slice(b"null"),
    }
    text.extend_from_slice(b",\"roles\":");
    write_strings(&mut text, user.roles.iter().map(String::as_str));
    text.extend_from_slice(b"},\"info\":{\"authentication_handlers\":");
    let handlers = &request.rules.authentication.handlers;
    write_strings(&mut text, handlers.iter().map(|handler| handler.name()));
    if let Some(handler) = request.handler {
        text.extend_from_slice(b",\"authenticated\":");
        write_string(&mut text, handler.name());
    }
    text.extend_from_slice(b"}}");
    Ok(reply::json(StatusCode::OK, text))
}

/// `POST`: name and password for a cookie.
async fn sign_in(node: &dyn Node, request: &mut Request) -> Result<Reply, Failure> {
    let credentials = read(request).await?.credentials()?;
    match node.sign_in(&credentials, request.address).await {
        Ok((user, cookie)) => {
            let next = destination(request, "next")?;
            let mut reply = led_on(reply::json(StatusCode::OK, welcome(&user)), next);
            session_cookie::set(&mut reply, request, &cookie);
            Ok(reply)
        }
        Err(failure @ Failure::Unauthorized(_)) => {
            let next = destination(request, "fail")?;
            let mut reply = led_on(reply::failure(&failure), next);
            session_cookie::clear(&mut reply, request);
            Ok(reply)
        }
        Err(failure) => Err(failure),
    }
}

/// `{"ok":true,"name":…,"roles":[…]}`.
fn welcome(user: &User) -> Vec<u8> {
    let mut text = b"{\"ok\":true,\"name\":".to_vec();
    write_string(&mut text, user.name.as_deref().unwrap_or_default());
    text.extend_from_slice(b",\"roles\":");
    write_strings(&mut text, user.roles.iter().map(String::as_str));
    text.push(b'}');
    text
}

fn write_strings<'a>(out: &mut Vec<u8>, strings: impl Iterator<Item = &'a str>) {
    out.push(b'[');
    for (number, string) in strings.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_string(out, string);
    }
    out.push(b']');
}

async fn read(request: &mut Request) -> Result<Form, Failure> {
    let content_type = request.content_type();
    let bytes = request.bytes(limits::SMALL_JSON_BYTES).await?;
    let mut form = Form::default();
    match content_type.as_str() {
        "application/x-www-form-urlencoded" => {
            for (name, value) in form_urlencoded::parse(&bytes) {
                form.put(&name, value.into_owned());
            }
        }
        "application/json" => {
            let members: Map<String, Value> = serde_json::from_slice(&bytes)
                .map_err(|_| Failure::BadRequest("invalid UTF-8 JSON".to_owned()))?;
            for (name, value) in members {
                if let Value::String(value) = value {
                    form.put(&name, value);
                }
            }
        }
        _ => {}
    }
    Ok(form)
}

impl Form {
    fn put(&mut self, name: &str, value: String) {
        match name {
            "name" => self.name = Some(value),
            "username" => self.username = Some(value),
            "password" => self.password = value,
            _ => {}
        }
    }

    fn credentials(self) -> Result<Credentials, Failure> {
        let told = |reason: &str| Failure::BadRequest(reason.to_owned());
        let name = match (self.name, self.username) {
            (None, None) => return Err(told("request body must contain a username")),
            (Some(name), Some(username)) if name != username => {
                return Err(told("request body contains different usernames"));
            }
            (Some(name), _) | (None, Some(name)) => name,
        };
        Ok(Credentials { name, password: self.password })
    }
}

/// Where a parameter wants the browser to be led: a path of this host, so that nobody makes a link to
/// this node that ends elsewhere.
fn destination(request: &Request, parameter: &str) -> Result<Option<HeaderValue>, Failure> {
    let Some(path) = request.query.text(parameter) else { return Ok(None) };
    let second = path.chars().nth(1);
    let is_path = path.starts_with('/') && !matches!(second, Some('/' | '\\'));
    let plain = path.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_path || !plain {
        return Err(Failure::BadRequest(format!(
            "`{parameter}` must be a path of this host, such as /db/page.html"
        )));
    }
    Ok(HeaderValue::from_str(path).ok())
}

fn led_on(mut reply: Reply, next: Option<HeaderValue>) -> Reply {
    if let Some(next) = next {
        *reply.status_mut() = StatusCode::FOUND;
        reply.headers_mut().insert(LOCATION, next);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_names_one_user() {
        let form = |name: Option<&str>, username: Option<&str>| Form {
            name: name.map(str::to_owned),
            username: username.map(str::to_owned),
            password: "x".to_owned(),
        };
        let named = |name, username| form(name, username).credentials().map(|found| found.name);
        assert_eq!(named(Some("a"), None), Ok("a".to_owned()));
        assert_eq!(named(None, Some("a")), Ok("a".to_owned()));
        assert_eq!(named(Some("a"), Some("a")), Ok("a".to_owned()));
        assert!(named(Some("a"), Some("b")).is_err());
        assert!(named(None, None).is_err());
    }
}

//! Shows, updates, rewrites, and functions by their path.

use refuge_sandbox::{Error, Functions, Response, Rewrite};
use serde_json::{Value, json};

use crate::fixture::{functions, named};

fn showing(source: &str) -> Functions {
    functions(&json!({"title": "T", "shows": {"s": source}}))
}

fn show(source: &str, document: Option<&str>, request: &Value) -> Result<Response, Error> {
    showing(source).show("s", document, &request.to_string())
}

fn text(response: &Response) -> &str {
    std::str::from_utf8(&response.body).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    let found = response.headers.iter().find(|(known, _)| known == name);
    found.map(|(_, value)| value.as_str())
}

#[test]
fn a_show_answers_text_json_or_bytes_with_the_types_of_couchdb() {
    let plain =
        show("function (doc, req) { return this.title + doc.n; }", Some(r#"{"n":1}"#), &json!({}));
    let plain = plain.unwrap();
    assert_eq!((plain.code, text(&plain)), (200, "T1"));
    assert_eq!(header(&plain, "Content-Type"), Some("text/html; charset=utf-8"));

    let json =
        show("function () { return {code: 201, json: {a: [1]}}; }", None, &json!({})).unwrap();
    assert_eq!((json.code, text(&json)), (201, r#"{"a":[1]}"#));
    assert_eq!(header(&json, "Content-Type"), Some("application/json"));

    let source =
        "function () { return {base64: 'AP8=', headers: {'content-type': 'image/x', 'X-A': 1}}; }";
    let bytes = show(source, None, &json!({})).unwrap();
    assert_eq!(bytes.body, vec![0, 255]);
    assert_eq!(header(&bytes, "content-type"), Some("image/x"));
    assert_eq!(header(&bytes, "X-A"), Some("1"));
    assert_eq!(bytes.headers.len(), 2);
}

#[test]
fn a_show_may_start_and_send() {
    let source = "function () { start({code: 202, headers: {'X-A': 'b'}}); send('one '); send(2); return ' three'; }";
    let answer = show(source, None, &json!({})).unwrap();
    assert_eq!((answer.code, text(&answer)), (202, "one 2 three"));
    assert_eq!(header(&answer, "X-A"), Some("b"));
}

const PROVIDES: &str = "function (doc, req) {
    registerType('turtle', 'text/turtle');
    provides('html', function () { return '<b>' + this.title; });
    provides('json', function () { return {json: {t: this.title}}; });
    provides('turtle', function () { return {body: 'ttl', headers: {'X-T': '1'}}; });
}";

#[test]
fn a_request_is_given_the_type_that_it_asks_for() {
    let accept = |header: &str| json!({"headers": {"Accept": header}});
    for (request, kind, body) in [
        (accept("text/html,application/xhtml+xml,*/*;q=0.8"), "text/html; charset=utf-8", "<b>T"),
        (accept("application/json"), "application/json", r#"{"t":"T"}"#),
        (accept("text/html;q=0.1, application/json;q=0.9"), "application/json", r#"{"t":"T"}"#),
        (accept("text/*;q=0.5, text/turtle"), "text/turtle", "ttl"),
        (accept("*/*"), "text/html; charset=utf-8", "<b>T"),
        (json!({"headers": {}}), "text/html; charset=utf-8", "<b>T"),
        (
            json!({"headers": {"Accept": "text/html"}, "query": {"format": "json"}}),
            "application/json",
            r#"{"t":"T"}"#,
        ),
    ] {
        let answer = show(PROVIDES, None, &request).unwrap();
        assert_eq!(header(&answer, "Content-Type"), Some(kind), "{request}");
        assert_eq!(text(&answer), body, "{request}");
    }
    for request in [accept("image/png"), json!({"query": {"format": "png"}})] {
        let error = show(PROVIDES, None, &request).unwrap_err();
        assert_eq!(error.name(), "not_acceptable", "{request}");
    }
}

#[test]
fn what_is_provided_for_one_request_is_not_for_the_next() {
    let mut functions =
        showing("function (doc) { if (doc.p) provides('json', () => '{}'); return 'plain'; }");
    let request = r#"{"headers":{"Accept":"application/json"}}"#;
    assert_eq!(text(&functions.show("s", Some(r#"{"p":1}"#), request).unwrap()), "plain{}");
    assert_eq!(text(&functions.show("s", Some("{}"), request).unwrap()), "plain");
}

#[test]
fn a_show_that_stumbles_is_a_render_error_and_one_that_refuses_is_heard() {
    let error = |source, request: &Value| named(&show(source, None, request).unwrap_err());
    let none = json!({});
    let (name, reason) = error("function (doc) { return doc.title; }", &none);
    assert_eq!(name, "render_error");
    assert!(reason.starts_with("function raised error: TypeError"), "{reason}");
    let path = json!({"path": ["db", "_design", "d", "_show", "s", "id"]});
    assert_eq!(error("function (doc) { return doc.title; }", &path).0, "not_found");
    assert_eq!(
        error("function () { throw ['error', 'gone', 'x'] }", &none),
        ("gone".into(), "x".into())
    );
    assert_eq!(
        error("function () { throw {forbidden: 'x'} }", &none),
        ("forbidden".into(), "x".into())
    );
    assert_eq!(error("function () { return 5; }", &none).0, "render_error");
    assert_eq!(error("function () { return {odd: 5}; }", &none).0, "external_response_error");
    assert_eq!(error("function () { return {code: 'x'}; }", &none).0, "external_response_error");
    assert_eq!(error("function () { return {base64: '?'}; }", &none).0, "external_response_error");
    assert_eq!(error("function () { getRow(); }", &none).0, "render_error");
}

#[test]
fn a_thrown_response_is_the_answer() {
    let error = show(
        "function () { throw {http: {code: 302, headers: {Location: '/x'}}} }",
        None,
        &json!({}),
    );
    let Err(Error::Http(response)) = error else { panic!("{error:?}") };
    assert_eq!(response.code, 302);
    assert_eq!(header(&response, "Location"), Some("/x"));
}

#[test]
fn an_update_stores_a_document_and_answers() {
    let mut functions = functions(&json!({"updates": {
        "touch": "function (doc, req) {
            if (!doc) return [null, 'nothing'];
            doc.touched = req.body; return [doc, {json: {ok: true}, code: 201}];
        }",
        "odd": "function () { return 1; }",
    }}));
    let request = json!({"method": "PUT", "body": "now\n"}).to_string();
    let update = functions.update("touch", Some(r#"{"_id":"a","n":1.0}"#), &request).unwrap();
    assert_eq!(update.document.unwrap(), r#"{"_id":"a","n":1,"touched":"now\n"}"#);
    assert_eq!((update.response.code, text(&update.response)), (201, r#"{"ok":true}"#));

    let update = functions.update("touch", None, &request).unwrap();
    assert_eq!((update.document.clone(), text(&update.response)), (None, "nothing"));

    let error = functions.update("touch", None, r#"{"method":"GET"}"#).unwrap_err();
    assert_eq!(error.name(), "method_not_allowed");
    assert_eq!(functions.update("odd", None, &request).unwrap_err().name(), "render_error");
    assert_eq!(functions.update("none", None, &request).unwrap_err().name(), "not_found");
}

#[test]
fn a_rewrite_leads_somewhere_or_answers() {
    let rewrite = |source: &str| {
        functions(&json!({"rewrites": source})).rewrite(r#"{"path":["a"],"method":"GET"}"#)
    };
    assert_eq!(rewrite("function (req) { }"), Ok(None));
    assert_eq!(
        rewrite("function (req) { return '_show/' + req.path[0]; }"),
        Ok(Some(Rewrite { path: Some("_show/a".into()), ..Rewrite::default() }))
    );
    assert_eq!(
        rewrite(
            "function (req) {
               return {path: 'p', method: 'POST', query: {q: '1'}, headers: {h: 'v'}, body: 'b', code: 299};
             }"
        ),
        Ok(Some(Rewrite {
            path: Some("p".into()),
            method: Some("POST".into()),
            query: Some(vec![("q".into(), "1".into())]),
            headers: vec![("h".into(), "v".into())],
            body: Some("b".into()),
            code: Some(299),
        }))
    );
    for bad in ["1", "[]", "{path: 1}", "{query: {a: 1}}", "{code: 199}", "{headers: []}"] {
        let error = rewrite(&format!("function (req) {{ return {bad}; }}")).unwrap_err();
        assert_eq!(error.name(), "rewrite_error", "{bad}");
    }
}

#[test]
fn a_function_in_stillness_answers_alike_wherever_and_whenever_it_is_asked() {
    let source = "function () {
        var day = new Date(2024, 1, 29, 23, 30);
        return [Date.now(), new Date().toISOString(), Date(), new Date() instanceof Date,
            new Date('2024-03-01T10:00:00').getHours(), day.toISOString(), day.getDate(),
            new Date('2024-03-01T10:00:00+02:00').getTime(), new Date(5).constructor.now(),
            new Date(0).getTimezoneOffset(), String(new Date(0)), Math.random(), Math.random()];
    }";
    let source = json!({ "merge": source, "clock": "function () { return Date.now(); }" });
    let mut one = functions(&source);
    let answer = one.call_in_stillness(&["merge"], "[]").unwrap();
    assert_eq!(one.call_in_stillness(&["merge"], "[]").as_ref(), Ok(&answer), "the next time");
    assert_eq!(functions(&source).call_in_stillness(&["merge"], "[]").as_ref(), Ok(&answer));
    let told: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let beginning = "Thu, 01 Jan 1970 00:00:00 GMT";
    let expected = json!([
        0,
        "1970-01-01T00:00:00.000Z",
        beginning,
        true,
        10,
        "2024-02-29T23:30:00.000Z",
        29,
        1_709_280_000_000_u64,
        0,
        0,
        beginning
    ]);
    let told = told.as_array().unwrap();
    assert_eq!(told[..11], expected.as_array().unwrap()[..]);
    let dice = [&told[11], &told[12]].map(|one| one.as_f64().unwrap());
    assert!(dice[0] != dice[1] && dice.iter().all(|one| (0.0..1.0).contains(one)), "{dice:?}");
    let clock: u64 = one.call(&["clock"], "[]").unwrap().parse().unwrap();
    assert!(clock > 1_700_000_000_000, "others see the clock");
}

#[test]
fn any_function_is_called_by_its_path() {
    let mut functions = functions(&json!({
        "merge": "function (id, leaves, base) { return {_id: id, n: leaves.length, base: base}; }",
        "deep": {"er": {"none": "function () {}"}},
        "validate_doc_read": "function (doc, user) { throw {forbidden: user.name}; }",
    }));
    let merged = functions.call(&["merge"], r#"["a",[{},{}],null]"#).unwrap();
    assert_eq!(merged, r#"{"_id":"a","n":2,"base":null}"#);
    assert_eq!(functions.call(&["deep", "er", "none"], "[]").unwrap(), "null");
    assert_eq!(
        functions.call(&["validate_doc_read"], r#"[{},{"name":"bob"}]"#),
        Err(Error::Forbidden("bob".into()))
    );
    for path in [&["none"][..], &["deep", "none"], &["deep"], &[]] {
        assert_eq!(functions.call(path, "[]").unwrap_err().name(), "not_found", "{path:?}");
    }
    assert_eq!(functions.call(&["merge"], "[").unwrap_err().name(), "SyntaxError");
}

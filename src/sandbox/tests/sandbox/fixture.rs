//! Sandboxes with short limits, and what is asked of them again and again.

use std::time::Duration;

use refuge_sandbox::{Error, Functions, Limits, Mapped, ViewSources, Views};
use serde_json::{Value, json};

/// Limits that a test can wait for.
pub(crate) fn limits() -> Limits {
    // However busy the machine is, it is its own work that ends a function.
    let times_by_the_clock = 20;
    Limits {
        call: Duration::from_secs(1),
        times_by_the_clock,
        memory_bytes: 16 << 20,
        ..Limits::default()
    }
}

/// A document as JSON.
pub(crate) const DOCUMENT: &str = r#"{"_id":"a","kind":"tea","price":3,"tags":["x","y"]}"#;

/// Views of these map functions.
pub(crate) fn views(maps: &[&str]) -> Views {
    let maps = maps.iter().map(|map| (*map).to_owned()).collect();
    Views::open(ViewSources { maps, ..ViewSources::default() }, limits()).unwrap()
}

/// The rows of one document by one map function, as `[key, value]`.
pub(crate) fn rows_of(map: &str) -> Result<Vec<Value>, Error> {
    let mut views = views(&[map]);
    map_one(&mut views, DOCUMENT)
}

/// The rows of the first function.
pub(crate) fn map_one(views: &mut Views, document: &str) -> Result<Vec<Value>, Error> {
    let mut mapped = Mapped::default();
    views.map(&[document], &mut mapped);
    if let Some(failure) = mapped.failures().iter().find(|failure| failure.function == 0) {
        return Err(failure.error.clone());
    }
    let parse = |text| serde_json::from_str::<Value>(text).unwrap();
    let rows = mapped.rows().filter(|row| row.function == 0);
    Ok(rows.map(|row| json!([parse(row.key), parse(row.value)])).collect())
}

/// The functions of a design document.
pub(crate) fn functions(document: &Value) -> Functions {
    Functions::open("_design/test", &document.to_string(), limits()).unwrap()
}

/// The name and reason of an error.
pub(crate) fn named(error: &Error) -> (String, String) {
    (error.name().to_owned(), error.reason())
}

/// A map function that does harm to the document that asks for it, and is well otherwise. It has more
/// time than it needs, however busy the machine is.
pub(crate) fn attack(harm: &str) -> Result<(), Error> {
    attack_within(Duration::from_secs(60), harm)
}

/// The same where its time is to be the limit that it meets.
pub(crate) fn attack_briefly(harm: &str) -> Result<(), Error> {
    attack_within(Duration::from_millis(300), harm)
}

fn attack_within(call: Duration, harm: &str) -> Result<(), Error> {
    let map = format!("function (doc) {{ if (doc.harm) {{ {harm} }} emit(doc._id, 'well'); }}");
    let sources = ViewSources { maps: vec![map], ..ViewSources::default() };
    let mut views = Views::open(sources, Limits { call, ..limits() }).unwrap();
    let outcome = map_one(&mut views, r#"{"_id":"a","harm":true}"#);
    for _ in 0..2 {
        let after = map_one(&mut views, r#"{"_id":"b"}"#);
        assert_eq!(after, Ok(vec![json!(["b", "well"])]), "after {harm}");
    }
    outcome.map(|_| ())
}

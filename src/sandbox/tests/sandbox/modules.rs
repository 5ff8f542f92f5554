//! `require`: the modules of a design document, and what is none.

use refuge_sandbox::{Error, ViewSources, Views};
use serde_json::json;

use crate::fixture::{functions, limits, map_one};

fn map_with_library(
    library: &serde_json::Value,
    map: &str,
) -> Result<Vec<serde_json::Value>, Error> {
    let sources = ViewSources {
        library: Some(library.to_string()),
        maps: vec![map.to_owned()],
        reduces: vec![],
    };
    map_one(&mut Views::open(sources, limits()).unwrap(), r#"{"n":2}"#)
}

#[test]
fn a_map_function_requires_modules_of_the_library() {
    let library = json!({
        "double": "exports.double = function (n) { return 2 * n; };",
        "deep": {"er": "var d = require('../double'); exports.four = d.double(2); exports.id = module.id;"},
    });
    let rows = map_with_library(
        &library,
        "function (doc) {
           var deep = require('views/lib/deep/er');
           emit(require('views/lib/double').double(doc.n), [deep.four, deep.id]);
         }",
    );
    assert_eq!(rows.unwrap(), vec![json!([4, [4, "views/lib/deep/er"]])]);
}

#[test]
fn modules_are_run_once_and_may_require_each_other() {
    let document = json!({
        "count": "exports.times = (globalThis.times = (globalThis.times || 0) + 1);",
        "a": "exports.early = 1; var b = require('./b'); exports.seen = b.seen; exports.late = 2;",
        "b": "var a = require('./a'); exports.seen = [a.early, a.late];",
        "replaced": "module.exports = 7;",
        "run": "function () {
            require('count'); require('./count'.slice(2));
            return [require('count').times, require('a').seen, require('replaced'), require('a') === require('a')];
        }",
    });
    let answer = functions(&document).call(&["run"], "[]").unwrap();
    assert_eq!(answer, "[1,[1,null],7,true]");
}

#[test]
fn paths_that_lead_nowhere_are_told() {
    let document = json!({
        "lib": {"up": "require('../../../x')", "bad": "function (", "object": {"a": 1}, "ok": "1"},
        "run": "function (name) { return require(name); }",
    });
    let mut functions = functions(&document);
    let mut error_of = |name: &str| {
        functions.call(&["run"], &json!([name]).to_string()).unwrap_err().name().to_owned()
    };
    assert_eq!(error_of("lib/none"), "invalid_require_path");
    assert_eq!(error_of("lib/constructor"), "invalid_require_path");
    assert_eq!(error_of("lib/object"), "invalid_require_path");
    assert_eq!(error_of("./lib/ok"), "invalid_require_path");
    assert_eq!(error_of("lib/up"), "compilation_error");
    assert_eq!(error_of("lib/bad"), "compilation_error");
}

#[test]
fn an_index_sees_nothing_but_its_library() {
    let rows = map_with_library(&json!({}), "function (doc) { require('filters/x'); }");
    assert_eq!(rows.unwrap_err().name(), "invalid_require_path");
}

#[test]
fn a_module_that_was_interrupted_is_loaded_anew() {
    let library =
        json!({"slow": "exports.half = 1; if (globalThis.slow) for (;;); exports.whole = 2;"});
    let sources = ViewSources {
        library: Some(library.to_string()),
        maps: vec![
            "function (doc) { globalThis.slow = doc.slow; emit(require('views/lib/slow').whole); }"
                .into(),
        ],
        reduces: vec![],
    };
    let mut views = Views::open(sources, limits()).unwrap();
    assert!(map_one(&mut views, r#"{"slow":true}"#).unwrap_err().is_limit());
    assert_eq!(map_one(&mut views, "{}").unwrap(), vec![json!([2, null])]);
}

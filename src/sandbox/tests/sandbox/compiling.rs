//! What is a function, and what is not.

use refuge_sandbox::{Error, Functions, Views};
use serde_json::json;

use crate::fixture::{limits, rows_of};

#[test]
fn functions_come_in_all_forms_that_couchdb_has_taken() {
    for source in [
        "function (doc) { emit(1, 2); }",
        "function(doc){emit(1,2)};",
        "  function named(doc) { emit(1, 2) } ; \n",
        "(doc) => { emit(1, 2) }",
        "doc => emit(1, 2)",
        "(function (doc) { emit(1, 2) })",
        "// about it\nfunction (doc) { emit(1, 2) } // and more",
        "var two = 2; function map(doc) { emit(1, two) }; map",
        "module.exports = function (doc) { emit(1, 2) }",
        "exports.unused = 1; module.exports = (doc) => emit(1, 2);",
        "function (doc) { var x = 010; emit(1, 2) }",
        "function (doc) { leaked = 2; emit(1, leaked) }",
    ] {
        assert_eq!(rows_of(source).unwrap(), vec![json!([1, 2])], "{source}");
    }
}

#[test]
fn what_is_no_function_does_not_compile() {
    for source in ["function (doc) {", "1", "'text'", "{}", "(doc) -> emit doc._id, 1", "throw 1"] {
        let error = Views::check(source, limits()).unwrap_err();
        assert_eq!(error.name(), "compilation_error", "{source}: {error}");
    }
    let error = Views::check("function (doc) { emit( }", limits()).unwrap_err();
    assert!(error.reason().contains("SyntaxError"), "{error}");
    assert_eq!(Views::check("", limits()).unwrap_err().name(), "not_found");
}

#[test]
fn other_languages_are_refused() {
    let coffee = json!({"language": "coffeescript", "filters": {"all": "(doc) -> true"}});
    let error = Functions::open("_design/c", &coffee.to_string(), limits()).err().unwrap();
    assert_eq!(error, Error::Language("coffeescript".into()));
    assert_eq!(error.name(), "unknown_query_language");
    assert!(Functions::open("_design/j", r#"{"language":"javascript"}"#, limits()).is_ok());
}

#[test]
fn an_endless_loop_while_compiling_ends() {
    let error = Views::check("(function () { for (;;); })()", limits()).unwrap_err();
    assert!(error.is_limit(), "{error}");
}

#[test]
fn the_language_is_what_couchdb_links_in() {
    let rows = rows_of(
        "function (doc) {
           emit('has', [typeof emit, typeof Date, typeof RegExp, typeof Map, typeof JSON, emit instanceof Function]);
           emit('lacks', [typeof Promise, typeof Proxy, typeof ArrayBuffer, typeof SharedArrayBuffer,
             typeof Atomics, typeof WeakRef, typeof FinalizationRegistry, typeof performance,
             typeof console, typeof setTimeout, typeof fetch, typeof process, typeof navigator,
             typeof queueMicrotask, typeof BigInt, typeof Iterator, typeof std, typeof os, typeof print, typeof WebAssembly]);
         }",
    )
    .unwrap();
    assert_eq!(rows[0][1], json!(["function", "function", "function", "function", "object", true]));
    assert!(rows[1][1].as_array().unwrap().iter().all(|kind| kind == "undefined"), "{}", rows[1]);
}

#[test]
fn numbers_of_any_length_do_not_compile_and_texts_that_look_alike_do() {
    for source in
        ["function () { return 1n; }", "() => 0xffn*2", "() => [1_000n]", "() => /* 1 */2n"]
    {
        let error = Views::check(source, limits()).unwrap_err();
        assert_eq!(error.name(), "compilation_error", "{source}");
    }
    for source in ["() => '2n'", "() => x10n", "() => $1n", "() => 1/n", "() => 0.5 + n"] {
        assert_eq!(Views::check(source, limits()), Ok(()), "{source}");
    }
}

#[test]
fn code_is_not_made_from_text() {
    for source in [
        "eval('1')",
        "new Function('return 1')",
        "Function('return 1')()",
        "emit.constructor('return 1')()",
        "(function* () {}).constructor('yield 1')",
        "(async function () {}).constructor('await 1')",
        "(async () => 1).constructor.constructor('return 1')",
    ] {
        let error = rows_of(&format!("function () {{ {source}; }}")).unwrap_err();
        assert_eq!(error.reason(), "code cannot be made from text here", "{source}");
    }
}

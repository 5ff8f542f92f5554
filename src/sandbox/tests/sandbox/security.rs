//! What functions may try to reach or to break, and that the sandbox goes on after each.

use refuge_sandbox::{Error, Functions, Mapped};
use serde_json::json;

use crate::fixture::{DOCUMENT, attack, attack_briefly, limits, map_one, named, rows_of, views};

#[test]
fn deep_recursion_is_an_exception() {
    for harm in [
        "(function f() { f(); })();",
        "(function f() { return [f()].map(f); })();",
        "var o = {}; o.toString = function () { return '' + o; }; '' + o;",
        "var a = []; for (var i = 0; i < 100000; i++) a = [a]; JSON.stringify(a);",
        "new RegExp('('.repeat(100000) + ')'.repeat(100000));",
    ] {
        let error = attack(harm).unwrap_err();
        assert!(matches!(error, Error::Exception { .. } | Error::Memory(_)), "{harm}: {error:?}");
    }
    // Caught by the function, it is none.
    assert_eq!(attack("try { (function f() { f(); })(); } catch (e) { }"), Ok(()));
}

#[test]
fn a_document_that_is_nested_deeply_is_an_error_of_that_document() {
    let mut views = views(&["function (doc) { emit(1); }", "function (doc) { emit(2); }"]);
    let deep = format!("{}1{}", "[".repeat(200_000), "]".repeat(200_000));
    let kept = format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000));
    let mut mapped = Mapped::default();
    assert_eq!(views.map(&[&deep, &kept, DOCUMENT], &mut mapped), 3);
    assert_eq!(mapped.failures().len(), 2);
    assert_eq!(mapped.rows().count(), 4);
}

#[test]
fn getters_on_emitted_values_are_the_functions_own_affair() {
    assert_eq!(
        rows_of("function () { emit({ get a() { return 1; } }); }").unwrap(),
        vec![json!([{"a": 1}, null])]
    );
    let error =
        rows_of("function () { emit({ get a() { throw new RangeError('no'); } }); }").unwrap_err();
    assert_eq!(named(&error), ("RangeError".into(), "no".into()));
    assert_eq!(
        rows_of(
            "function () { var n = 0; emit({ get a() { if (n++ < 3) emit(n); return n; } }); }"
        )
        .unwrap()
        .len(),
        1
    );
}

#[test]
fn a_to_json_that_throws_fails_its_document_alone() {
    let error = attack("emit(1, { toJSON: function () { throw new Error('no'); } });").unwrap_err();
    assert_eq!(named(&error), ("Error".into(), "no".into()));
    let error = attack("var a = []; a.push(a); emit(a);").unwrap_err();
    assert_eq!(error.name(), "TypeError");
}

#[test]
fn errors_that_bite_who_looks_at_them_are_told_anyway() {
    for thrown in [
        "{ get forbidden() { throw 1; } }",
        "Object.create(new Error('x'), { message: { get: function () { throw 2; } } })",
        "{ get error() { throw this; } }",
        "Object.create(null)",
        "Symbol('s')",
        "undefined",
        "function () {}",
        "{ toString: 1, valueOf: 2 }",
        "[['error']]",
        "{ forbidden: { toJSON: function () { throw 3; } } }",
        "{ http: 5 }",
    ] {
        let error = attack(&format!("throw {thrown};")).unwrap_err();
        assert!(!error.is_limit(), "{thrown}: {error}");
    }
    assert!(attack_briefly("throw { get forbidden() { for (;;); } };").unwrap_err().is_limit());
}

#[test]
fn one_design_document_sees_nothing_of_another() {
    let mut first = views(&["function (doc) {
        Object.prototype.stolen = 'secret'; Array.prototype.toJSON = function () { return 'x'; };
        JSON.parse = null; globalThis.shared = 1; emit(1);
    }"]);
    map_one(&mut first, DOCUMENT).unwrap_err();
    let rows =
        rows_of("function (doc) { emit([({}).stolen, typeof JSON.parse, typeof shared, [1]]); }");
    assert_eq!(rows.unwrap(), vec![json!([[null, "function", "undefined", [1]], null])]);
    let document =
        json!({"f": "function () { Object.prototype.stolen = 1; return globalThis.shared; }"});
    let mut other = Functions::open("_design/o", &document.to_string(), limits()).unwrap();
    assert_eq!(other.call(&["f"], "[]").unwrap(), "null");
}

#[test]
fn a_function_that_replaces_what_makes_json_harms_itself_alone() {
    for answer in ["return 'x';", "return [1];", "return { a: 1 };", ""] {
        let error = rows_of(&format!(
            "function () {{ Array.prototype.toJSON = function () {{ {answer} }}; emit(1); }}"
        ))
        .unwrap_err();
        assert_eq!(named(&error), ("TypeError".into(), "what was emitted is not json".into()));
    }
    let error = rows_of(
        "function () { Object.defineProperty(Array.prototype, 0, { set: function () { throw 1; } }); emit(1); }",
    )
    .unwrap_err();
    assert_eq!(named(&error), ("unnamed_error".into(), "an error that cannot be told".into()));
    let rows =
        rows_of("function () { JSON.stringify = JSON.parse = String = Error = null; emit(1); }");
    assert_eq!(rows.unwrap(), vec![json!([1, null])]);
}

#[test]
fn no_constructor_leads_out() {
    let rows = rows_of(
        "function (doc) {
           var out = (function () { return this; })();
           var names = Object.getOwnPropertyNames(out).filter(function (name) {
             return /^(std|os|process|require|load|read|print|exit|gc|fetch|open|host|core|import|Deno|bjson)/i.test(name);
           });
           emit(names, out === globalThis);
           var caller = (function () { return arguments.callee.caller; });
           emit(typeof log.caller, typeof host);
         }",
    );
    let rows = rows.unwrap();
    assert_eq!(rows[0], json!([["require"], true]));
    assert_eq!(rows[1], json!(["undefined", "undefined"]));
    for source in [
        "function () { import('std'); }",
        "function () { import('os').then(function (os) { emit(os); }); }",
    ] {
        // It promises what never comes: there is no loader, and nothing runs after the call.
        let mut views = views(&[source]);
        for _ in 0..2 {
            assert_eq!(map_one(&mut views, DOCUMENT), Ok(vec![]), "{source}");
        }
    }
}

#[test]
fn generators_and_async_functions_run_nothing_after_their_call() {
    let mut views = views(&["function (doc) {
        var done = globalThis.done = globalThis.done || [];
        emit(done.length);
        try { (async function () { await 1; done.push(1); })(); } catch (e) { }
        try { (async function* () { await 1; yield done.push(1); })().next(); } catch (e) { }
        (function* () { done.push(1); yield 1; })();
    }"]);
    for _ in 0..3 {
        assert_eq!(map_one(&mut views, DOCUMENT), Ok(vec![json!([0, null])]));
    }
    assert_eq!(attack("Promise.resolve(1);").unwrap_err().name(), "ReferenceError");
}

#[test]
fn proxies_shared_memory_and_weak_references_are_absent() {
    for name in
        ["Proxy", "Atomics", "SharedArrayBuffer", "ArrayBuffer", "WeakRef", "FinalizationRegistry"]
    {
        let error = attack(&format!("new {name}({{}}, {{}});")).unwrap_err();
        assert_eq!(error.name(), "ReferenceError", "{name}");
    }
}

//! What functions may try, and that the sandbox goes on after each.

use refuge_sandbox::{Error, Functions, Limits, Mapped, ViewSources, Views};
use serde_json::json;

use crate::fixture::{DOCUMENT, limits, map_one, named, rows_of, views};

/// A map function that does harm to the document that asks for it, and is well otherwise.
fn attack(harm: &str) -> Result<(), Error> {
    let mut views = views(&[&format!(
        "function (doc) {{ if (doc.harm) {{ {harm} }} emit(doc._id, 'well'); }}"
    )]);
    let outcome = map_one(&mut views, r#"{"_id":"a","harm":true}"#);
    for _ in 0..2 {
        let after = map_one(&mut views, r#"{"_id":"b"}"#);
        assert_eq!(after, Ok(vec![json!(["b", "well"])]), "after {harm}");
    }
    outcome.map(|_| ())
}

#[track_caller]
fn ends_by_time(harm: &str) {
    let outcome = attack(harm);
    assert!(matches!(outcome, Err(Error::Time(_))), "{harm}: {outcome:?}");
}

#[track_caller]
fn ends_by_memory(harm: &str) {
    let outcome = attack(harm);
    assert!(matches!(outcome, Err(Error::Memory(_))), "{harm}: {outcome:?}");
}

#[track_caller]
fn ends_by_a_limit(harm: &str) {
    let outcome = attack(harm);
    assert!(outcome.as_ref().is_err_and(Error::is_limit), "{harm}: {outcome:?}");
}

#[test]
fn an_endless_loop_ends() {
    ends_by_time("for (;;);");
    ends_by_time("while (true) { doc.n = 1; }");
    ends_by_time("do { } while (1);");
    ends_by_time("(function again() { return again(); }); for (;;) { (function () {})(); }");
}

#[test]
fn an_endless_loop_inside_try_and_finally_ends() {
    ends_by_time("for (;;) { try { for (;;); } catch (e) { } finally { continue; } }");
    ends_by_time("try { for (;;); } finally { for (;;); }");
    ends_by_time(
        "var f = function () { try { for (;;); } catch (e) { f(); } finally { f(); } }; f();",
    );
}

#[test]
fn loops_that_hide_in_other_code_end() {
    ends_by_time("[1, 2].sort(function () { for (;;); });");
    ends_by_time("'a'.replace(/a/, function () { for (;;); });");
    ends_by_time("JSON.stringify({ toJSON: function () { for (;;); } });");
    ends_by_time(
        "var o = {}; Object.defineProperty(o, 'a', { get: function () { for (;;); } }); o.a;",
    );
    ends_by_time("emit({ valueOf: 1, toJSON: function () { for (;;); } });");
    ends_by_time(
        "(function* () { for (;;) yield 1; })().toArray ? 0 : 0; for (var x of (function* () { for (;;) yield 1; })());",
    );
    ends_by_time("eval('for (;;);');");
    ends_by_time("new Function('for (;;);')();");
}

#[test]
fn loops_inside_the_engine_end() {
    for harm in [
        "Array.prototype.indexOf.call({ length: 9007199254740991 }, 1);",
        "Array.prototype.lastIndexOf.call({ length: 9007199254740991 }, 1);",
        "Array.prototype.includes.call({ length: 9007199254740991 }, 1);",
        "Array.prototype.join.call({ length: 9007199254740991 }, '');",
        "Array.prototype.toLocaleString.call({ length: 9007199254740991 });",
        "Array.prototype.reverse.call({ length: 9007199254740991 });",
        "Array.prototype.fill.call({ length: 9007199254740991 }, 1);",
        "Array.prototype.fill.call(Object.freeze({ length: 9007199254740991 }), 1, 1, 0);  for (;;);",
        "Array.prototype.copyWithin.call({ length: 9007199254740991 }, 1, 2);",
        "Array.prototype.every.call({ length: 9007199254740991 }, function () {});",
        "Array.prototype.forEach.call({ length: 9007199254740991 }, function () {});",
        "Array.prototype.reduce.call({ length: 9007199254740991 }, function () {}, 0);",
        "Array.prototype.shift.call({ length: 9007199254740991 });",
        "Array.prototype.unshift.call({ length: 9007199254740990 }, 1);",
        "Array.prototype.splice.call({ length: 9007199254740991 }, 0, 1);",
        "Array.prototype.slice.call({ length: 4294967295 });",
        "Array.prototype.sort.call({ length: 9007199254740991 });",
        "Array.prototype.flat.call({ length: 9007199254740991 });",
        "Array.prototype.flatMap.call({ length: 9007199254740991 }, function () {});",
        "Array.prototype.filter.call({ length: 9007199254740991 }, function () {});",
        "Array.prototype.find.call({ length: 9007199254740991 }, function () {});",
        "[].concat({ length: 9007199254740991, [Symbol.isConcatSpreadable]: true });",
        "Array.from({ length: 4294967295 });",
        "Array.prototype.toSorted.call({ length: 4294967295 });",
        "Array.prototype.toReversed.call({ length: 4294967295 });",
        "Array.prototype.with.call({ length: 4294967295 }, 1, 1);",
        "Array.prototype.toSpliced.call({ length: 4294967295 }, 1, 1);",
        "new Array(4294967295).join('');",
        "new Array(4294967295).indexOf(1);",
        "new Array(4294967295).fill(0);",
        "new Array(4294967295).reverse();",
        "new Array(4294967295).sort();",
        "String(new Array(4294967295));",
        "JSON.stringify(new Array(4294967295));",
        "emit(new Array(4294967295));",
        "var a = []; a[4294967294] = 1; a.map(function () {}); for (;;);",
        "Function.prototype.apply.call(function () {}, null, { length: 4294967295 }); for (;;);",
        "new Map(Array.from({ length: 4294967295 }));",
        "var a = []; a[4294967294] = 1; emit(a); for (;;);",
        "[...new Array(4294967295)];",
        "var n = 2n ** 1000000n; for (;;) n = n * n;",
        "(10n ** 30000n).toString(); for (;;);",
        "'a'.padEnd(500000000);",
        "isNaN('1'.repeat(10000000)); for (;;);",
        "Object.fromEntries(Array.from({ length: 4294967295 }, function () { return ['a', 1]; }));",
    ] {
        let outcome = attack(harm);
        assert!(outcome.is_err(), "{harm}: {outcome:?}");
    }
}

#[test]
fn an_allocation_bomb_ends() {
    ends_by_memory("var a = []; for (;;) a.push(new Array(100).fill(a.length));");
    ends_by_memory("var o = {}; for (var i = 0; ; i++) o['k' + i] = { i: i };");
    ends_by_a_limit("var m = new Map(); for (var i = 0; ; i++) m.set(i, [i]);");
    ends_by_memory("var f = []; for (;;) f.push(function () { return f; });");
}

#[test]
fn a_string_that_doubles_ends() {
    ends_by_memory("var s = 'x'; for (;;) { s += s; s.charCodeAt(s.length - 1); }");
    ends_by_a_limit("var s = ['x']; for (;;) { s = [s.join('') + s.join('')]; }");
    ends_by_memory("'x'.repeat(1 << 29).charCodeAt(5);");
    ends_by_memory(
        "var s = 'é'.repeat(1 << 20); var a = []; for (;;) a.push(s + a.length + s.substring(1));",
    );
}

#[test]
fn a_regular_expression_bomb_ends() {
    ends_by_time("/^(a+)+$/.test('a'.repeat(40) + '!');");
    ends_by_time("/(x+x+)+y/.exec('x'.repeat(60));");
    ends_by_time("'a'.repeat(60).replace(/(a|a)*b/g, '');");
    ends_by_time("'a'.repeat(50).match(/(.*)*(.*)*(.*)*(.*)*(.*)*b/);");
}

#[test]
fn deep_recursion_is_an_exception() {
    for harm in [
        "(function f() { f(); })();",
        "(function f() { return [f()].map(f); })();",
        "var o = {}; o.toString = function () { return '' + o; }; '' + o;",
        "var a = []; for (var i = 0; i < 100000; i++) a = [a]; JSON.stringify(a);",
        "var s = ''; for (var i = 0; i < 100000; i++) s += '('; eval(s);",
        "new RegExp('('.repeat(100000) + ')'.repeat(100000));",
        "eval('[' .repeat(100000));",
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
fn json_bombs_end() {
    ends_by_a_limit("JSON.parse('[' + '[],'.repeat(3000000) + '1]');");
    ends_by_a_limit("var a = ['x']; for (var i = 0; i < 40; i++) a = [a, a]; JSON.stringify(a);");
    ends_by_a_limit("var a = ['x']; for (var i = 0; i < 40; i++) a = [a, a]; emit(a);");
    let error = attack("var a = []; a.push(a); emit(a);").unwrap_err();
    assert_eq!(error.name(), "TypeError");
    let error = attack("JSON.parse('['.repeat(100000));").unwrap_err();
    assert!(!error.is_limit(), "{error}");
}

#[test]
fn a_huge_sort_ends() {
    ends_by_a_limit(
        "var a = []; for (var i = 0; i < 400000; i++) a.push(i % 1000); for (;;) a.sort(function (x, y) { return y - x; });",
    );
    ends_by_a_limit(
        "var a = []; for (var i = 0; i < 400000; i++) a.push('k' + i % 1000); for (;;) { a.sort(); a.reverse(); }",
    );
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
    assert_eq!(attack("emit(1n);").unwrap_err().name(), "TypeError");
}

#[test]
fn errors_that_bite_who_looks_at_them_are_told_anyway() {
    for thrown in [
        "{ get forbidden() { throw 1; } }",
        "Object.create(new Error('x'), { message: { get: function () { throw 2; } } })",
        "{ get error() { throw this; } }",
        "Object.create(null)",
        "Symbol('s')",
        "10n",
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
    ends_by_time("throw { get forbidden() { for (;;); } };");
}

#[test]
fn out_of_memory_that_is_thrown_as_null_or_caught_is_a_limit_all_the_same() {
    ends_by_memory("throw null;");
    ends_by_memory(
        "try { var s = []; for (;;) s.push('x'.repeat(1000000) + s.length); } catch (e) { throw e; }",
    );
    // A function may catch it and give its memory back; nothing is left behind.
    attack("try { var s = []; for (;;) s.push(new Array(100).fill(1)); } catch (e) { s = null; }")
        .ok();
    ends_by_a_limit(
        "for (;;) { try { var s = []; for (;;) s.push(new Array(100).fill(1)); } catch (e) { } }",
    );
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
    for source in [
        "function () { Array.prototype.toJSON = function () { return 'x'; }; emit(1); }",
        "function () { Array.prototype.toJSON = function () { return [1]; }; emit(1); }",
        "function () { Array.prototype.toJSON = function () { return { a: 1 }; }; emit(1); }",
        "function () { Array.prototype.toJSON = function () { }; emit(1); }",
        "function () { Object.defineProperty(Array.prototype, 0, { set: function () { throw 1; } }); emit(1); }",
    ] {
        rows_of(source).map(|rows| assert!(rows.len() <= 1, "{source}: {rows:?}")).ok();
    }
    let rows =
        rows_of("function () { JSON.stringify = JSON.parse = String = Error = null; emit(1); }");
    assert_eq!(rows.unwrap(), vec![json!([1, null])]);
}

#[test]
fn no_constructor_leads_out() {
    let rows = rows_of(
        "function (doc) {
           var out = emit.constructor.constructor('return this')();
           var names = Object.getOwnPropertyNames(out).filter(function (name) {
             return /^(std|os|process|require|load|read|print|exit|gc|fetch|open|host|core|import|Deno|bjson)/i.test(name);
           });
           emit(names, out === globalThis);
           var caller = (function () { return arguments.callee.caller; });
           emit(typeof log.caller, typeof (doc.constructor.constructor('return typeof host'))());
         }",
    );
    let rows = rows.unwrap();
    assert_eq!(rows[0], json!([["require"], true]));
    assert_eq!(rows[1][1], json!("string"));
    for source in [
        "function () { import('std'); }",
        "function () { return eval('import(\"os\")'); }",
        "function () { new (Object.getPrototypeOf(async function () {}).constructor)('return 1')(); }",
    ] {
        // Whatever it is, it is over when the call is.
        let mut views = match Views::open(
            ViewSources { maps: vec![source.into()], ..ViewSources::default() },
            limits(),
        ) {
            Ok(views) => views,
            Err(error) => {
                assert_eq!(error.name(), "compilation_error");
                continue;
            }
        };
        for _ in 0..2 {
            map_one(&mut views, DOCUMENT).ok();
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
        match map_one(&mut views, DOCUMENT) {
            Ok(rows) => assert_eq!(rows, vec![json!([0, null])]),
            Err(error) => assert!(!error.is_limit(), "{error}"),
        }
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

#[test]
fn a_flood_of_rows_ends() {
    for (flood, rows) in [("emit();", 10_000_000), ("try { emit(); } catch (e) { }", 1_000_000)] {
        let map = format!("function (doc) {{ for (var i = 0; i < doc.n; i++) {flood} }}");
        let sources = ViewSources { maps: vec![map], ..ViewSources::default() };
        let mut views = Views::open(sources, Limits::default()).unwrap();
        let outcome = map_one(&mut views, &json!({ "n": rows }).to_string());
        assert!(matches!(outcome, Err(Error::Output(_))), "{flood}: {outcome:?}");
        assert_eq!(map_one(&mut views, r#"{"n":1}"#).unwrap().len(), 1);
    }
    let limits = Limits { output_bytes: 1000, ..limits() };
    let maps = vec!["function (doc) { emit('x'.repeat(doc.n)); }".to_owned()];
    let mut views = Views::open(ViewSources { maps, ..ViewSources::default() }, limits).unwrap();
    assert!(map_one(&mut views, r#"{"n":900}"#).is_ok());
    assert_eq!(map_one(&mut views, r#"{"n":1000}"#), Err(Error::Output(1000)));
    assert!(map_one(&mut views, r#"{"n":1}"#).is_ok());
}

#[test]
fn a_flood_of_log_lines_is_cut() {
    let mut views =
        views(&["function (doc) { for (var i = 0; i < 100000; i++) log('line ' + i); }"]);
    map_one(&mut views, DOCUMENT).unwrap();
    let lines = views.take_log();
    assert!(lines.iter().map(String::len).sum::<usize>() < 70 << 10);
    assert!(lines.last().unwrap().ends_with("dropped"), "{:?}", lines.last());
}

#[test]
fn arguments_of_any_size_are_answered_or_refused() {
    let document = json!({"f": "function (x) { return x.length; }"});
    let mut functions = Functions::open("_design/d", &document.to_string(), limits()).unwrap();
    let long = json!(["x".repeat(30 << 20)]).to_string();
    assert!(matches!(functions.call(&["f"], &long), Err(Error::Memory(_))));
    assert_eq!(functions.call(&["f"], r#"["abc"]"#).unwrap(), "3");
}

#[test]
fn memory_may_run_out_at_any_point() {
    let source = "function (doc) {
        var a = []; for (var i = 0; i < doc.n; i++) a.push({ i: 'x' + i, f: function () { return a; } });
        emit(JSON.stringify(JSON.parse(JSON.stringify(a))).length, a.map(function (o) { return o.i; }));
        eval('var z = [' + i + '].concat(a)'); /(.)(b)*/.exec('x'.repeat(i)); new Map([[1, a]]); a.sort();
    }";
    for kibibytes in (180..700).step_by(3) {
        let limits = Limits { memory_bytes: kibibytes << 10, ..limits() };
        let maps = vec![source.to_owned(), source.to_owned()];
        let Ok(mut views) = Views::open(ViewSources { maps, ..ViewSources::default() }, limits)
        else {
            continue;
        };
        let mut mapped = Mapped::default();
        assert_eq!(views.map(&[r#"{"n":500}"#, r#"{"n":900}"#, r#"{"n":1}"#], &mut mapped), 3);
        for failure in mapped.failures() {
            assert!(matches!(failure.error, Error::Memory(_)), "{kibibytes}: {:?}", failure.error);
        }
    }
}

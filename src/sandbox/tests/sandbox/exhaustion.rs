//! Time, memory and output that functions may try to use up, and that the sandbox goes on after each.

use std::time::Duration;

use refuge_sandbox::{Error, Functions, Limits, Mapped, ViewSources, Views};
use serde_json::json;

use crate::fixture::{DOCUMENT, attack, attack_briefly, limits, map_one, views};

#[track_caller]
fn ends_by_time(harm: &str) {
    let outcome = attack_briefly(harm);
    assert!(matches!(outcome, Err(Error::Time(_))), "{harm}: {outcome:?}");
}

#[track_caller]
fn ends_by_memory(harm: &str) {
    let outcome = attack(harm);
    assert!(matches!(outcome, Err(Error::Memory(_))), "{harm}: {outcome:?}");
}

#[track_caller]
fn ends_by_a_limit(harm: &str) {
    let outcome = attack_briefly(harm);
    assert!(outcome.as_ref().is_err_and(Error::is_limit), "{harm}: {outcome:?}");
}

/// It is refused with this exception, before anything is done.
#[track_caller]
fn throws(harm: &str, name: &str, reason: &str) {
    let thrown = Error::Exception { name: name.to_owned(), reason: reason.to_owned() };
    assert_eq!(attack(harm), Err(thrown), "{harm}");
}

#[track_caller]
fn is_too_long(harm: &str) {
    throws(harm, "RangeError", "an array of more than 10000000 elements");
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
}

#[test]
fn loops_over_what_claims_to_be_long_end() {
    for method in [
        "join.call({ length: 9007199254740991 }, '')",
        "toLocaleString.call({ length: 9007199254740991 })",
        "reverse.call({ length: 9007199254740991 })",
        "fill.call({ length: 9007199254740991 }, 1)",
        "fill.call(Object.freeze({ length: 9007199254740991 }), 1, 1, 0)",
        "copyWithin.call({ length: 9007199254740991 }, 1, 2)",
        "shift.call({ length: 9007199254740991 })",
        "unshift.call({ length: 9007199254740990 }, 1)",
        "splice.call({ length: 9007199254740991 }, 0, 1)",
        "slice.call({ length: 4294967295 })",
        "slice.call(Object.defineProperty(function () {}, 'length', { value: 9007199254740991 }))",
        "sort.call({ length: 9007199254740991 })",
        "concat.call([], { length: 9007199254740991, [Symbol.isConcatSpreadable]: true })",
        "toSorted.call({ length: 4294967295 })",
        "toReversed.call({ length: 4294967295 })",
        "with.call({ length: 4294967295 }, 1, 1)",
        "toSpliced.call({ length: 4294967295 }, 1, 1)",
        "join.call(Object.create({ length: 9007199254740991 }))",
    ] {
        is_too_long(&format!("Array.prototype.{method};"));
    }
    for method in [
        "indexOf.call({ length: 9007199254740991 }, 1)",
        "lastIndexOf.call({ length: 9007199254740991 }, 1)",
        "includes.call({ length: 9007199254740991 }, 1)",
        "every.call({ length: 9007199254740991 }, function () { return true; })",
        "forEach.call({ length: 9007199254740991 }, function () {})",
        "reduce.call({ length: 9007199254740991 }, function () {}, 0)",
        "flat.call({ length: 9007199254740991 })",
        "filter.call({ length: 9007199254740991 }, function () {})",
        "find.call({ length: 9007199254740991 }, function () {})",
    ] {
        ends_by_time(&format!("Array.prototype.{method};"));
    }
    ends_by_memory("Array.from({ length: 4294967295 });");
    throws(
        "Array.prototype.flatMap.call({ length: 9007199254740991 }, function () {});",
        "RangeError",
        "invalid array length",
    );
    for length in [
        "{ get length() { return n++ ? 9007199254740991 : 1; } }",
        "{ length: { valueOf: function () { return n++ ? 9007199254740991 : 1; } } }",
    ] {
        let harm = format!("var n = 0; Array.prototype.join.call({length});");
        throws(&harm, "TypeError", "the length of an array is a number");
    }
}

#[test]
fn loops_inside_the_engine_end() {
    for harm in [
        "new Array(4294967295).join('');",
        "new Array(4294967295).fill(0);",
        "new Array(4294967295).reverse();",
        "new Array(4294967295).sort();",
        "String(new Array(4294967295));",
        "[].concat(new Array(4294967295));",
        "JSON.stringify({}, new Array(4294967295));",
    ] {
        is_too_long(harm);
    }
    for harm in [
        "new Array(4294967295).indexOf(1);",
        "var a = []; a[4294967294] = 1; a.map(function () {});",
        "[new Array(4294967295)].flat();",
        "[1].flatMap(function () { return new Array(4294967295); });",
        "new Set(new Array(4294967295));",
        "for (;;) 'x'.repeat(4000000).replace(/(?:)/g, '');",
        "for (;;) isNaN('1'.repeat(5000000));",
    ] {
        ends_by_time(harm);
    }
    for harm in [
        "JSON.stringify(new Array(4294967295));",
        "emit(new Array(4294967295));",
        "var a = []; a[4294967294] = 1; emit(a);",
        "[...new Array(4294967295)];",
        "new Map(Array.from({ length: 4294967295 }));",
        "Object.fromEntries(Array.from({ length: 4294967295 }, function () { return ['a', 1]; }));",
        "'a'.padEnd(500000000);",
        "isNaN('1'.repeat(10000000));",
    ] {
        ends_by_memory(harm);
    }
    for search in ["indexOf", "split"] {
        let harm =
            format!("var s = 'a'.repeat(3000000); (s + 'b').{search}(s.substring(1000000) + 'c');");
        throws(&harm, "RangeError", "a search for a text of 2000001 characters");
    }
    throws(
        "Function.prototype.apply.call(function () {}, null, { length: 4294967295 });",
        "RangeError",
        "too many arguments in function call (only 65535 allowed)",
    );
    throws(
        "Array.prototype[0] = ['a', 1]; Object.fromEntries(new Array(4294967295));",
        "TypeError",
        "cannot read property '0' of undefined",
    );
}

#[test]
fn slow_functions_of_the_engine_look_at_the_clock() {
    for harm in [
        "var s = 'a'.repeat(1000000); for (;;) s.indexOf('b');",
        "var s = 'a'.repeat(1000000); for (;;) try { s.indexOf('b'); } catch (e) { }",
        "var a = new Array(100000).fill('x'); for (;;) a.join();",
        "var a = new Array(100000).fill('x'); for (;;) try { JSON.stringify(a); } catch (e) { }",
        "var s = '[' + '1,'.repeat(100000) + '1]'; for (;;) try { JSON.parse(s); } catch (e) { }",
        "var a = new Array(100000).fill(1); for (;;) a.slice();",
        "var o = {}; for (var i = 0; i < 20000; i++) o['k' + i] = i; for (;;) Object.keys(o);",
        "var s = 'a'.repeat(1000000), a = []; for (var i = 0; i < 100000; i++) a.push(i % 2 ? s + 'b' : s); a.sort();",
        "var s = 'a'.repeat(1000000), b = s + 'b', a = []; for (var i = 0; i < 100000; i++) a.push(i % 2 ? s : b); a.sort();",
    ] {
        ends_by_a_limit(harm);
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
fn out_of_memory_that_is_thrown_as_null_or_caught_is_a_limit_all_the_same() {
    ends_by_memory("throw null;");
    ends_by_memory(
        "try { var s = []; for (;;) s.push('x'.repeat(1000000) + s.length); } catch (e) { throw e; }",
    );
    // A function may catch it and give its memory back; nothing is left behind.
    let caught =
        "try { var s = []; for (;;) s.push(new Array(100).fill(1)); } catch (e) { s = null; }";
    assert_eq!(attack(caught), Ok(()));
    ends_by_a_limit(
        "for (;;) { try { var s = []; for (;;) s.push(new Array(100).fill(1)); } catch (e) { } }",
    );
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
        views(&["function (doc) { for (var i = 0; i < 10000; i++) log('line ' + i); }"]);
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
        /(.)(b)*/.exec('x'.repeat(i)); new Map([[1, a]]); a.sort();
    }";
    let (mut unopened, mut failed, mut answered) = (0, 0, 0);
    for kibibytes in (100..700).step_by(3) {
        let limits =
            Limits { memory_bytes: kibibytes << 10, call: Duration::from_secs(60), ..limits() };
        let maps = vec![source.to_owned(), source.to_owned()];
        let mut views = match Views::open(ViewSources { maps, ..ViewSources::default() }, limits) {
            Ok(views) => views,
            Err(error) => {
                assert!(matches!(error, Error::Memory(_)), "{kibibytes}: {error:?}");
                unopened += 1;
                continue;
            }
        };
        let mut mapped = Mapped::default();
        for document in [r#"{"n":500}"#, r#"{"n":900}"#, r#"{"n":1}"#] {
            assert_eq!(views.map(&[document], &mut mapped), 1);
            for failure in mapped.failures() {
                let error = &failure.error;
                assert!(matches!(error, Error::Memory(_)), "{kibibytes}: {error:?}");
            }
            // Each function answers each document with a row or with an error.
            assert_eq!(mapped.failures().len() + mapped.rows().count(), 2, "{kibibytes}");
            failed += mapped.failures().len();
            answered += mapped.rows().count();
        }
    }
    assert!(unopened > 0 && failed > 0 && answered > 0, "{unopened}, {failed}, {answered}");
}

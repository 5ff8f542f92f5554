//! Built-in functions that are guarded answer as the engine's own.

use serde_json::{Value, json};

use crate::fixture::rows_of;

#[track_caller]
fn gives(expression: &str, expected: &Value) {
    let rows = rows_of(&format!("function (doc) {{ emit({expression}); }}")).unwrap();
    assert_eq!(&rows[0][0], expected, "{expression}");
}

#[test]
fn methods_of_arrays_answer_as_ever() {
    gives("[1, , 'a'].join('-')", &json!("1--a"));
    gives("Array.prototype.join.call('abc', '.')", &json!("a.b.c"));
    gives("Array.prototype.join.call({ length: 2, 0: 'x' })", &json!("x,"));
    gives(
        "(function () { return Array.prototype.slice.call(arguments, 1); })(1, 2, 3)",
        &json!([2, 3]),
    );
    gives("String([1, [2, 3]])", &json!("1,2,3"));
    gives("[3, 1, 2].reverse().concat([4], 5, [[6]])", &json!([2, 1, 3, 4, 5, [6]]));
    gives("[1, 2, 3, 4].splice(1, 2)", &json!([2, 3]));
    gives("[10, 9, 1].sort()", &json!([1, 10, 9]));
    gives("[10, 9, 1].sort(function (a, b) { return a - b; })", &json!([1, 9, 10]));
    gives("[1, [2, [3, [4]]], , 5].flat()", &json!([1, 2, [3, [4]], 5]));
    gives("[1, [2, [3, [4]]]].flat(Infinity)", &json!([1, 2, 3, 4]));
    gives("[1, 2].flatMap(function (n, i) { return [n, [i]]; })", &json!([1, [0], 2, [1]]));
    gives("[[].join.name, [].sort.length, Object.keys(Array.prototype)]", &json!(["join", 1, []]));
    gives("(function () { for (var k in []) return k; return 'none'; })()", &json!("none"));
}

#[test]
fn a_long_array_is_sorted_as_a_short_one() {
    let long = "(function () {
        var a = []; for (var i = 0; i < 1200; i++) a.push([i * 7 % 1200, 'k' + i % 50, undefined][i % 3]);
        var b = a.slice().sort(); var text = function (x) { return String(x); };
        for (var i = 1; i < b.length; i++) if (b[i] !== undefined && text(b[i - 1]) > text(b[i])) return i;
        return [b.length, b[1199] === undefined];
    })()";
    gives(long, &json!([1200, true]));
}

#[test]
fn methods_of_texts_answer_as_ever() {
    gives("'a,b,,c'.split(',')", &json!(["a", "b", "", "c"]));
    gives("'a1b22'.split(/[0-9]+/)", &json!(["a", "b", ""]));
    gives("'abc'.split('')", &json!(["a", "b", "c"]));
    gives("'a,b,c'.split(',', 2)", &json!(["a", "b"]));
    gives("'aXbX'.replace('X', '$&$&')", &json!("aXXbX"));
    gives("'aXbX'.replace(/x/gi, function (m, at) { return at; })", &json!("a1b3"));
    gives("'aXbX'.replaceAll('X', '-')", &json!("a-b-"));
    gives(
        "['abcabc'.indexOf('c', 3), 'abcabc'.lastIndexOf('a'), 'abc'.includes('d')]",
        &json!([5, 3, false]),
    );
    gives("'null'.indexOf(null)", &json!(0));
    gives("'a1'.replace({ toString: function () { return '1'; } }, '2')", &json!("a2"));
    gives("'x1y2'.match(/[0-9]/g)", &json!(["1", "2"]));
    gives(
        "['ab'.repeat(2), 'É'.toLowerCase(), 'ß'.toUpperCase(), 'a'.localeCompare('b')]",
        &json!(["abab", "é", "SS", -1]),
    );
}

#[test]
fn json_objects_maps_and_sets_answer_as_ever() {
    gives("JSON.stringify({ a: [1], b: 2 }, ['a'], 1)", &json!("{\n \"a\": [\n  1\n ]\n}"));
    gives("JSON.stringify(undefined) === undefined", &json!(true));
    gives("JSON.parse('[1,2]', function (k, v) { return k === '0' ? 9 : v; })", &json!([9, 2]));
    gives("Object.fromEntries([['a', 1], ['__proto__', 2]])", &json!({"a": 1, "__proto__": 2}));
    gives("Object.fromEntries(new Map([['a', 1]]))", &json!({"a": 1}));
    gives(
        "Object.entries({ a: 1 }).concat(Object.keys('ab'), Object.values({ b: 2 }))",
        &json!([["a", 1], "0", "1", 2]),
    );
    gives(
        "[new Set([1, 1, 2]).size, new Map([[1, 2]]).get(1), new Set().add(1).has(1)]",
        &json!([2, 2, true]),
    );
    gives("Array.from(new Set([1, 2]).values())", &json!([1, 2]));
    gives(
        "[emit instanceof Function, (function () {}) instanceof Object, typeof Function]",
        &json!([true, true, "function"]),
    );
}

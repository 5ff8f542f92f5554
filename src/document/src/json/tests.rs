//! Tests of the scanner.

use super::*;

fn normal(text: &str) -> String {
    String::from_utf8(normalise(text.as_bytes()).unwrap()).unwrap()
}

fn fault(text: &[u8]) -> JsonFault {
    let by_normalise = normalise(text).unwrap_err().fault;
    let mut cursor = Cursor::new(text);
    let by_skip = std::str::from_utf8(text).map_err(|_| JsonFault::Utf8).and_then(|_| {
        cursor.white();
        cursor.skip(0).and_then(|()| cursor.finish()).map_err(|error| error.fault)
    });
    assert_eq!(by_skip, Err(by_normalise));
    by_normalise
}

#[test]
fn white_space_goes() {
    assert_eq!(
        normal(" {\n \"a b\" :\t[ 1 , \"x y\" , { } , [ ] ] ,\r\n \"c\" : null } "),
        r#"{"a b":[1,"x y",{},[]],"c":null}"#
    );
    assert_eq!(normal(" true "), "true");
    assert_eq!(normal(" \"a\" "), "\"a\"");
}

#[test]
fn number_text_and_key_order_stay() {
    let text = r#"{"z":-0,"a":1.50,"b":1E+2,"c":123456789012345678901234567890,"d":5e-324}"#;
    assert_eq!(normal(text), text);
}

#[test]
fn escapes_take_their_shortest_form() {
    assert_eq!(normal(r#""\u00e9\ud83d\ude00\/\u0041""#), "\"é😀/A\"");
    assert_eq!(
        normal(r#""\"\\\b\f\n\r\t\u000a\u001F\u0022\u0000""#),
        r#""\"\\\b\f\n\r\t\n\u001f\"\u0000""#
    );
    assert_eq!(normal(r#"{"\u0061":"\u0062"}"#), r#"{"a":"b"}"#);
}

#[test]
fn of_members_with_one_name_the_last_counts_at_its_place_at_every_depth() {
    assert_eq!(normal(r#"{"a":1,"b":2,"a":3}"#), r#"{"b":2,"a":3}"#);
    assert_eq!(
        normal(
            r#"{"a":{"x":1,"x":2},"b":[{"y":1,"y":3}],"a":{"x":[{"q":1,"q":2}],"x":{"r":1,"r":2}}}"#
        ),
        r#"{"b":[{"y":3}],"a":{"x":{"r":2}}}"#
    );
    assert_eq!(normal(r#"{"a":1,"\u0061":2}"#), r#"{"a":2}"#);
    assert_eq!(normal(r#"{"":1,"":2,"a":3}"#), r#"{"":2,"a":3}"#);
}

#[test]
fn repeated_names_are_found_among_many() {
    let mut text = String::from("{");
    for number in 0..200 {
        text.push_str(&format!("\"name-{}\":{number},", number % 150));
    }
    text.push_str("\"end\":0}");
    let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
    let back: serde_json::Value = serde_json::from_str(&normal(&text)).unwrap();
    assert_eq!(parsed, back);
    assert_eq!(back.as_object().unwrap().len(), 151);
    assert_eq!(normal(&text).matches("name-").count(), 150);
}

#[test]
fn private_names_of_other_parsers_are_ordinary_names() {
    for name in ["$serde_json::private::RawValue", "$serde_json::private::Number"] {
        let text = format!("{{\"{name}\":\"1\",\"a\":{{\"{name}\":\"[]\"}}}}");
        assert_eq!(normal(&text), text);
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "}",
        "{}}",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{,}",
        "nul",
        "truex",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "'a'",
        "\"a",
        "[1 2]",
        "{\"a\" 1}",
        "{\"a\":1 \"b\":2}",
        "NaN",
        "\u{feff}{}",
        "/**/{}",
        "[1}",
        "{\"a\":1]",
    ] {
        assert!(
            matches!(fault(text.as_bytes()), JsonFault::Syntax | JsonFault::Trailing),
            "{text}"
        );
    }
    for text in ["\"\n\"", "\"\\x\"", "\"\\u12g4\"", "\"\\u12\"", "\"\u{1}\""] {
        assert_eq!(fault(text.as_bytes()), JsonFault::Escape, "{text}");
    }
    assert_eq!(fault(b"{} {}"), JsonFault::Trailing);
}

#[test]
fn lone_surrogates_are_refused() {
    for text in [
        r#""\ud800""#,
        r#""\udc00""#,
        r#""\ud800x""#,
        r#""\ud800\n""#,
        r#""\ud800\u0041""#,
        r#""\udc00\ud800""#,
        r#"{"\ud800":1}"#,
    ] {
        assert_eq!(fault(text.as_bytes()), JsonFault::Surrogate, "{text}");
    }
}

#[test]
fn numbers_beyond_the_range_of_a_double_are_refused() {
    for text in ["1e400", "-1e400", "1.8e308"] {
        assert_eq!(fault(text.as_bytes()), JsonFault::Range, "{text}");
    }
    assert_eq!(fault("9".repeat(310).as_bytes()), JsonFault::Range);
    for text in ["1.7976931348623157e308", "1e-400", "0e999"] {
        assert_eq!(normal(text), text);
    }
    normal(&"9".repeat(308));
}

#[test]
fn text_has_to_be_utf_8() {
    for text in [&b"\"\xff\""[..], b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"{}\xff"] {
        assert_eq!(fault(text), JsonFault::Utf8);
    }
}

#[test]
fn nesting_has_a_limit() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    normal(&nested(512));
    assert_eq!(fault(nested(513).as_bytes()), JsonFault::Depth);
    assert_eq!(fault("[".repeat(1_000_000).as_bytes()), JsonFault::Depth);
    let objects = format!("{}1{}", "{\"a\":".repeat(513), "}".repeat(513));
    assert_eq!(fault(objects.as_bytes()), JsonFault::Depth);
}

#[test]
fn strings_end_where_they_end_whatever_their_length() {
    for length in 0..40 {
        let text = format!("\"{}\"", "é€x".repeat(length));
        assert_eq!(normal(&text), text);
        let text = format!("[\"{}\\n\",\"{}\"]", "x".repeat(length), "y".repeat(length));
        assert_eq!(normal(&text), text);
    }
}

#[test]
fn members_and_elements_are_slices_of_the_text() {
    let text = br#" { "a" : 1 , "\u0062" : [ 1, {"c": 2} ] , "a":"x" } "#;
    let found: Vec<_> = members(text).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        found,
        [
            ("a".into(), &b"1"[..]),
            ("b".into(), &b"[ 1, {\"c\": 2} ]"[..]),
            ("a".into(), &b"\"x\""[..]),
        ]
    );
    let inner: Vec<_> = elements(found[1].1).unwrap().map(Result::unwrap).collect();
    assert_eq!(inner, [&b"1"[..], b"{\"c\": 2}"]);
    assert_eq!(members(b"{}").unwrap().count(), 0);
    assert_eq!(elements(b" [ ] ").unwrap().count(), 0);
    assert_eq!(members(b"[]").unwrap_err().fault, JsonFault::Kind);
    assert_eq!(elements(b"{}").unwrap_err().fault, JsonFault::Kind);
    let broken: Vec<_> = members(b"{\"a\":1,}").unwrap().collect();
    assert!(broken.len() == 2 && broken[1].is_err());
    assert!(members(b"{\"a\":1} x").unwrap().any(|member| member.is_err()));
}

#[test]
fn strings_are_read_and_written() {
    assert_eq!(string(br#" "a\u00e9\n" "#).unwrap(), "aé\n");
    assert_eq!(string(b"\"plain\"").unwrap(), "plain");
    for text in [&b"1"[..], b"\"a", b"\"a\"b", b"\"\\ud800\"", b"\"\xff\""] {
        assert_eq!(string(text), None);
    }
    for text in [
        "",
        "plain",
        "é😀",
        "\"\\/\u{8}\u{c}\n\r\t\u{0}\u{1f}\u{7f}",
        "a longer text \n with a break",
    ] {
        let mut out = Vec::new();
        write_string(&mut out, text);
        assert_eq!(string(&out).unwrap(), text);
        assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

mod against_a_model {
    use proptest::prelude::*;
    use serde_json::Value;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 60, 8, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..8)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn normal_form_has_the_same_value_and_is_a_fixed_point(value in any_value()) {
            let compact = serde_json::to_string(&value).unwrap();
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let once = super::normalise(pretty.as_bytes()).unwrap();
            prop_assert_eq!(&once, &super::normalise(compact.as_bytes()).unwrap());
            prop_assert_eq!(serde_json::from_slice::<Value>(&once).unwrap(), serde_json::from_str::<Value>(&compact).unwrap());
            prop_assert_eq!(&super::normalise(&once).unwrap(), &once);
            prop_assert!(!once.contains(&b'\n'));
        }

        #[test]
        fn any_bytes_are_judged_as_another_parser_judges_them(text in r#"[\[\]{}:,"\\u0-9aeE.+\-tn \n]{0,24}"#) {
            let ours = super::normalise(text.as_bytes());
            let theirs = serde_json::from_str::<Value>(&text);
            prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{:?} {:?}", ours, theirs);
        }

        #[test]
        fn no_bytes_make_it_panic(text in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = super::normalise(&text);
            let _ = super::super::members(&text).map(Iterator::count);
            let _ = crate::parse_bulk(&text);
            let _ = crate::parse_document(&text);
        }
    }
}

#[test]
fn tokens_come_in_order_and_know_where_they_end() {
    let text = br#" {"a\u0062" : [1, true ,{} ], "c":null,"d":[]} "#;
    let mut walk = tokens(text).unwrap();
    let seen: Vec<_> = walk.by_ref().map(Result::unwrap).collect();
    let name = |name: &'static str| Token::Name(name.into());
    assert_eq!(
        seen,
        [
            Token::ObjectStart,
            name("ab"),
            Token::ArrayStart,
            Token::Number("1"),
            Token::Boolean(true),
            Token::ObjectStart,
            Token::ObjectEnd,
            Token::ArrayEnd,
            name("c"),
            Token::Null,
            name("d"),
            Token::ArrayStart,
            Token::ArrayEnd,
            Token::ObjectEnd,
        ]
    );
    assert_eq!((walk.depth(), walk.offset()), (0, text.len()));
}

#[test]
fn tokens_refuse_what_the_normal_form_refuses() {
    let deep = "[".repeat(513) + &"]".repeat(513);
    for text in [
        "",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,]",
        "{",
        "{\"a\"",
        "{\"a\":",
        "{\"a\":1,}",
        "{1:2}",
        "]",
        "1 2",
        "nul",
        "\"\\ud800\"",
        "1e400",
        "[}",
        "{]",
        "{\"a\" 1}",
        "[1 2]",
        &deep,
    ] {
        let expected = normalise(text.as_bytes()).unwrap_err();
        let found = tokens(text.as_bytes()).unwrap().find_map(Result::err).unwrap();
        assert_eq!(found, expected, "{text}");
    }
    assert!(tokens(b"\xff").is_err());
}

//! Tests of the order, against CouchDB's own and against comparison without keys.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn encoder(collation: Collation) -> SortKeys {
    SortKeys::new(collation).unwrap()
}

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/collation.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The vector's rows of one order, as JSON texts.
fn rows(name: &str) -> Vec<String> {
    vectors()[name].as_array().unwrap().iter().map(|row| row[1].to_string()).collect()
}

#[test]
fn unicode_order_is_couchdbs() {
    let keys = encoder(Collation::Unicode);
    let rows = rows("rows");
    assert!(rows.len() > 100);
    let mut equal = Vec::new();
    for pair in rows.windows(2) {
        let [lower, upper] = pair else { unreachable!() };
        match keys.key(lower.as_bytes()).unwrap().cmp(&keys.key(upper.as_bytes()).unwrap()) {
            Ordering::Less => {}
            Ordering::Equal => equal.push((lower.clone(), upper.clone())),
            Ordering::Greater => panic!("{lower} is behind {upper}"),
        }
    }
    assert_eq!(equal, [(r#""ab""#.to_owned(), r#""ab\u0000""#.to_owned())]);
}

#[test]
fn raw_order_is_couchdbs() {
    let keys = encoder(Collation::Raw);
    let rows = rows("raw");
    assert!(rows.len() > 100);
    for pair in rows.windows(2) {
        let [lower, upper] = pair else { unreachable!() };
        let (low, high) =
            (keys.key(lower.as_bytes()).unwrap(), keys.key(upper.as_bytes()).unwrap());
        assert!(low < high, "{lower} is not before {upper}");
    }
}

#[test]
fn the_version_names_the_crate_that_is_built_in() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let pinned = manifest.lines().find(|line| line.starts_with("icu_collator")).unwrap();
    let version = pinned.split('"').nth(1).unwrap().trim_start_matches('=');
    assert!(Collation::Unicode.version().contains(&format!("icu_collator-{version} ")));
}

#[test]
fn the_version_stands_for_these_bytes() {
    // Whoever has to change these has to change the version, or indexes lie.
    let key = |collation, json: &str| encoder(collation).key(json.as_bytes()).unwrap();
    assert_eq!(
        key(Collation::Unicode, r#"[null,true,-1,0,{"aB":"é"},"日"]"#),
        [
            &[0x60, 0x10, 0x30, 0x40][..],
            &(!(-1_f64).to_bits()).to_be_bytes(),
            &[0x40, 0x80, 0, 0, 0, 0, 0, 0, 0],
            &[0x70, 0x50, 43, 45, 1, 6, 1, 197, 220, 0],
            &[0x50, 51, 1, 69, 136, 1, 6, 0, 0],
            &[0x50, 250, 50, 44, 1, 5, 1, 5, 0, 0],
        ]
        .concat()
    );
    assert_eq!(
        key(Collation::Raw, r#"[null,false,{"a":"\u0000\u0001"}]"#),
        [0x86, 0x83, 0x82, 0x85, 0x87, 97, 0, 0x87, 1, 1, 1, 2, 0, 0, 0]
    );
}

#[test]
fn numbers_are_doubles_however_they_are_written() {
    for collation in [Collation::Unicode, Collation::Raw] {
        let keys = encoder(collation);
        let key = |text: &str| keys.key(text.as_bytes()).unwrap();
        assert_eq!(key("1"), key(" 1.0e0 "));
        assert_eq!(key("-0"), key("0"));
        assert_eq!(key("-0.0"), key("0"));
        assert_eq!(key("9007199254740993"), key("9007199254740992"));
        assert!(key("-1e308") < key("-1"));
        assert!(key("5e-324") > key("0"));
        assert!(key("1e308") > key("12345678901234567890"));
    }
}

#[test]
fn a_long_string_is_cut_off_and_still_itself() {
    let keys = encoder(Collation::Unicode);
    let long = |end: &str| format!("[\"{}{end}\",1]", "ab".repeat(50_000));
    let key = |text: &str| keys.key(text.as_bytes()).unwrap();
    assert!(key(&long("x")).len() < STRING_LIMIT_BYTES + 60);
    assert_eq!(key(&long("x")), key(&long("x")));
    assert_ne!(key(&long("x")), key(&long("y")));
    assert!(key(&long("x")) > key(r#"["ab",1]"#));
    assert!(key(&long("x")) < key(r#"["b",1]"#));
    assert_eq!(sort_key_length(&key(&long("x"))), Some(key(&long("x")).len()));
    // Composed and decomposed letters are the same letters, behind the cut too.
    assert_eq!(key(&long("\u{e9}")), key(&long("e\u{301}")));
}

#[test]
fn a_key_beyond_the_limit_is_cut_off_and_still_itself() {
    for collation in [Collation::Unicode, Collation::Raw] {
        let keys = encoder(collation);
        let key = |value: &Value| keys.key(value.to_string().as_bytes()).unwrap();
        let long = |last: Value| {
            let mut elements = vec![json!(1); 10_000];
            elements.push(last);
            json!([[{"a": elements}], "behind"])
        };
        let cut = key(&long(json!(1)));
        assert!(cut.len() <= SORT_KEY_LIMIT_BYTES, "{}", cut.len());
        assert!(cut.len() > SORT_KEY_LIMIT_BYTES - 20);
        assert_eq!(sort_key_length(&cut), Some(cut.len()));
        assert_eq!(cut, key(&long(json!(1.0))), "equal values have equal keys");
        assert_ne!(cut, key(&long(json!(2))), "others do not");
        assert!(cut > key(&json!([[{"a": [1]}]])) && cut < key(&json!([[{"a": [2]}]])));
        // Each of its elements is one still, and behind it comes nothing.
        assert_eq!(array_prefix(&cut, 1), Some(cut.len() - 1));
        assert_eq!(array_prefix(&cut, 3), Some(cut.len()));
        let many = json!([["short", 1], vec!["x"; 20_000]]);
        let first = array_prefix(&key(&many), 1).unwrap();
        assert_eq!(key(&many)[..first], key(&json!([["short", 1]]))[..first]);
        // Behind another key, too.
        let mut out = b"before".to_vec();
        keys.append(&mut out, long(json!(1)).to_string().as_bytes()).unwrap();
        assert_eq!(out[6..], cut);
    }
}

#[test]
fn what_is_no_json_leaves_no_trace() {
    let keys = encoder(Collation::Unicode);
    let mut out = b"before".to_vec();
    let long = vec!["1"; 20_000].join(",");
    for text in ["[1,", &format!("[{long}")] {
        assert!(matches!(keys.append(&mut out, text.as_bytes()), Err(KeyError::Json(_))));
        assert_eq!(out, b"before");
    }
}

#[test]
fn a_key_that_is_deep_has_room_for_its_ends() {
    let keys = encoder(Collation::Unicode);
    let depth = 100;
    let inner = vec!["1"; 10_000].join(",");
    let deep = format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth));
    let key = keys.key(deep.as_bytes()).unwrap();
    assert!(key.len() <= SORT_KEY_LIMIT_BYTES && key.ends_with(&[0; 100]));
    assert_eq!(sort_key_length(&key), Some(key.len()));
}

#[test]
fn groups_of_arrays_are_prefixes() {
    for collation in [Collation::Unicode, Collation::Raw] {
        let keys = encoder(collation);
        let key = |value: Value| keys.key(value.to_string().as_bytes()).unwrap();
        let prefix = |value: Value, elements| {
            let key = key(value);
            key[..array_prefix(&key, elements).unwrap()].to_vec()
        };
        let group = prefix(json!(["a", 1, "b"]), 1);
        for member in [json!(["a"]), json!(["a", null]), json!(["a", {"z": 1}, 2])] {
            assert!(key(member.clone()) >= group && key(member) < behind(&group));
        }
        for other in [json!(["A"]), json!(["a\u{1}b"]), json!([]), json!("a"), json!([["a"]])] {
            let other = key(other);
            assert!(other < group || other >= behind(&group));
        }
        assert_eq!(prefix(json!(["a"]), 2), key(json!(["a"])));
        assert_eq!(prefix(json!([]), 1), key(json!([])));
        assert_eq!(prefix(json!({"a": 1}), 1), key(json!({"a": 1})));
        assert_eq!(array_prefix(b"", 1), None);
        assert_eq!(sort_key_length(&[0x60, 0x10]), None);
    }
}

/// CouchDB's comparison, element by element; strings by the collator's own comparison.
fn compare(collation: Collation, left: &Value, right: &Value) -> Ordering {
    let rank = |value: &Value| match (collation, value) {
        (Collation::Unicode, Value::Null) => 0,
        (_, Value::Bool(false)) => 2,
        (_, Value::Bool(true)) => 4,
        (Collation::Raw, Value::Null) => 3,
        (Collation::Unicode, Value::Number(_)) => 5,
        (Collation::Raw, Value::Number(_)) => 0,
        (Collation::Unicode, Value::String(_)) => 6,
        (Collation::Raw, Value::String(_)) => 9,
        (_, Value::Array(_)) => 8,
        (Collation::Unicode, Value::Object(_)) => 9,
        (Collation::Raw, Value::Object(_)) => 7,
    };
    let text = |left: &str, right: &str| match collation {
        Collation::Raw => left.as_bytes().cmp(right.as_bytes()),
        Collation::Unicode => {
            icu_collator::Collator::try_new(Default::default(), Default::default())
                .unwrap()
                .compare(left, right)
        }
    };
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left.as_f64().unwrap().partial_cmp(&right.as_f64().unwrap()).unwrap()
        }
        (Value::String(left), Value::String(right)) => text(left, right),
        (Value::Array(left), Value::Array(right)) => {
            let pairs = left.iter().zip(right).map(|(left, right)| compare(collation, left, right));
            pairs.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
        }
        (Value::Object(left), Value::Object(right)) => {
            let pairs = left.iter().zip(right).map(|((left_name, left), (right_name, right))| {
                text(left_name, right_name).then_with(|| compare(collation, left, right))
            });
            pairs.fold(Ordering::Equal, Ordering::then).then(left.len().cmp(&right.len()))
        }
        _ => rank(left).cmp(&rank(right)),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-cA-C _\\-.0-2]{0,4}",
        "[aeéäßœ\u{0}\u{1}\u{301}\u{308}日😀\u{ffff}]{0,4}",
        any::<String>().prop_map(|text| text.chars().take(6).collect()),
    ]
}

pub(crate) fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn keys_compare_as_values_do(left in value(), right in value()) {
        for collation in [Collation::Unicode, Collation::Raw] {
            let keys = encoder(collation);
            let left_key = keys.key(left.to_string().as_bytes()).unwrap();
            let right_key = keys.key(right.to_string().as_bytes()).unwrap();
            prop_assert_eq!(
                left_key.cmp(&right_key),
                compare(collation, &left, &right),
                "{:?}: {} and {}", collation, &left, &right
            );
            // Whatever stands behind two different keys does not change their order.
            if left_key != right_key {
                let behind = |key: &[u8], end: u8| [key, &[end]].concat();
                prop_assert_eq!(
                    behind(&left_key, 0xFF).cmp(&behind(&right_key, 0)),
                    left_key.cmp(&right_key)
                );
            }
            prop_assert_eq!(sort_key_length(&behind(&left_key)), Some(left_key.len()));
        }
    }

    #[test]
    fn escaped_bytes_come_back_and_keep_their_order(
        left in prop::collection::vec(0_u8..4, 0..6), right in prop::collection::vec(0_u8..4, 0..6)
    ) {
        let escaped = |bytes: &[u8]| {
            let mut out = Vec::new();
            escape(&mut out, bytes);
            out
        };
        let made = escaped(&left);
        prop_assert_eq!(&*unescape(&made), &left[..]);
        let ended = |bytes: &[u8]| [escaped(bytes), vec![0]].concat();
        prop_assert_eq!(ended(&left).cmp(&ended(&right)), left.cmp(&right));
    }

    #[test]
    fn any_bytes_are_measured_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Some(length) = sort_key_length(&bytes) {
            prop_assert!(length <= bytes.len());
        }
        if let Some(length) = array_prefix(&bytes, 2) {
            prop_assert!(length <= bytes.len());
        }
    }
}

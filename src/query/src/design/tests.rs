//! What is read of a design document, and what its signature depends on.

use serde_json::{Value, json};

use super::*;

fn parsed(design: Value) -> Result<ViewDesign, DesignError> {
    ViewDesign::parse(design.as_object().expect("an object"), false)
}

fn signature(design: Value) -> [u8; 16] {
    parsed(design).expect("a design document").signature
}

#[test]
fn views_with_the_same_map_function_share_their_rows() {
    let design = parsed(json!({"views": {
        "one": {"map": "m1", "reduce": "_sum"},
        "two": {"map": "m2"},
        "three": {"map": "m1", "reduce": "_count"},
        "four": {"map": "m1"},
        "five": {"map": "m1", "options": {"collation": "raw"}},
    }}))
    .expect("good");
    assert_eq!(design.maps.len(), 3);
    assert_eq!(design.maps[0].reduces, ["_sum", "_count"]);
    let place = |name: &str| {
        let view = design.view(name).expect(name);
        (view.map, view.reduce)
    };
    assert_eq!(place("one"), (0, Some(0)));
    assert_eq!(place("two"), (1, None));
    assert_eq!(place("three"), (0, Some(1)));
    assert_eq!(place("four"), (0, None));
    assert_eq!(place("five"), (2, None));
    assert!(design.view("six").is_none());
}

#[test]
fn views_stand_by_partition_as_their_database_is_or_as_they_say() {
    let design = |options: Value, partitioned_database| {
        let design = json!({"views": {"v": {"map": "m"}}, "options": options});
        ViewDesign::parse(design.as_object().expect("an object"), partitioned_database)
            .expect("good")
    };
    let by_partition = design(json!({}), true);
    assert!(by_partition.partitioned && design(json!({"partitioned": true}), true).partitioned);
    let whole = design(json!({"partitioned": false}), true);
    assert!(!whole.partitioned && !design(json!({"partitioned": true}), false).partitioned);
    assert_ne!(by_partition.signature, whole.signature);
    assert_eq!(whole.signature, design(json!({}), false).signature);
}

#[test]
fn an_index_is_built_after_writes_unless_its_document_says_otherwise() {
    let design = |autoupdate: Value| {
        parsed(json!({"views": {"v": {"map": "m"}}, "autoupdate": autoupdate})).expect("good")
    };
    let (built, left) = (design(json!(true)), design(json!(false)));
    assert!(built.built_after_writes && !left.built_after_writes);
    assert!(design(Value::Null).built_after_writes);
    assert_eq!(built.signature, left.signature);
}

#[test]
fn a_signature_names_functions_and_options_but_not_the_views() {
    let base = signature(json!({"views": {"a": {"map": "m", "reduce": "_sum"}}}));
    let same = json!({"_id": "x", "views": {"b": {"map": "m", "reduce": "_sum"}}, "shows": {}});
    assert_eq!(signature(same), base);
    let others = [
        json!({"views": {"a": {"map": "n", "reduce": "_sum"}}}),
        json!({"views": {"a": {"map": "m", "reduce": "_count"}}}),
        json!({"views": {"a": {"map": "m"}}}),
        json!({"views": {"a": {"map": "m", "reduce": "_sum"}, "lib": {"x": "y"}}}),
        json!({"views": {"a": {"map": "m", "reduce": "_sum"}}, "options": {"local_seq": true}}),
        json!({"views": {"a": {"map": "m", "reduce": "_sum"}}, "options": {"include_design": true}}),
        json!({"views": {"a": {"map": "m", "reduce": "_sum", "options": {"collation": "raw"}}}}),
    ];
    for (number, other) in others.into_iter().enumerate() {
        assert_ne!(signature(other), base, "number {number}");
    }
}

#[test]
fn what_is_no_view_is_told() {
    for (design, reason) in [
        (json!({"views": 1}), "`views` field must be an object."),
        (json!({"views": {"a": 1}}), "View a must be an object."),
        (json!({"views": {"a": {"map": 1}}}), "`map` in a must be a string."),
        (json!({"views": {"a": {"map": "m", "reduce": 1}}}), "`reduce` in a must be a string."),
        (json!({"language": "erlang", "views": {}}), "erlang"),
        (
            json!({"language": "query", "views": {"a": {"map": "m"}}}),
            "`map` in a must be an object.",
        ),
    ] {
        assert_eq!(parsed(design).expect_err("bad").to_string(), reason);
    }
    let none = parsed(json!({})).expect("no views");
    assert!(none.maps.is_empty() && none.views.is_empty());
}

#[test]
fn a_design_document_has_no_more_than_a_thousand_views() {
    let of = |count: usize| {
        let views = (0..count).map(|number| (format!("v{number}"), json!({"map": "m"})));
        parsed(json!({"views": views.collect::<Map<_, _>>()}))
    };
    assert_eq!(of(1_000).expect("good").views.len(), 1_000);
    let refused = of(1_001).expect_err("too many");
    assert_eq!(refused, DesignError::TooMany(1_001));
    assert_eq!(
        refused.to_string(),
        "the design document has 1001 views, of which 1000 are allowed: use several"
    );
}

#[test]
fn a_library_is_no_view() {
    let design = parsed(json!({"views": {"lib": {"a": "exports.a = 1"}, "v": {"map": "m"}}}));
    let design = design.expect("good");
    assert_eq!(design.library.as_deref(), Some(r#"{"a":"exports.a = 1"}"#));
    assert_eq!(design.views.len(), 1);
}

#[test]
fn readers_with_other_names_have_other_indexes_of_the_same_functions() {
    let design = |options: Value| {
        parsed(json!({"views": {"v": {"map": "m"}}, "options": options})).expect("good")
    };
    let (own, shared) = (design(json!({"access": true})), design(json!({})));
    assert!(own.by_reader && !shared.by_reader);
    assert_eq!(own.signature, shared.signature, "admins read one index of both");
    let of = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        own.signature_for(&names)
    };
    let all = [of(&[]), of(&[""]), of(&["ab"]), of(&["a", "b"]), of(&["", "ab"]), own.signature];
    for (place, one) in all.iter().enumerate() {
        assert!(!all.iter().skip(place + 1).any(|other| other == one), "{place}");
    }
    assert_eq!(of(&["a"]), of(&["a"]));
}

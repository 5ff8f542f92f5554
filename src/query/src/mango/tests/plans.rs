//! Which index is chosen, and what of it is read.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::*;
use super::{find, index, index_of};
use crate::collation::{Collation, SortKeys};
use crate::selector::{Document, Metadata};

const DATABASE: Database<'static> = Database { name: "db", partitioned: false };

/// `_all_docs` and one index for each list of fields, which is also its name.
fn indexes(fields: &[&str]) -> Vec<Index> {
    let all = fields.iter().map(|fields| index(fields, &fields.split(',').collect::<Vec<_>>()));
    std::iter::once(Index::all_documents()).chain(all).collect()
}

fn chosen(question: Value, fields: &[&str]) -> Result<String, MangoError> {
    let indexes = indexes(fields);
    plan(&find(question), &indexes, &DATABASE).map(|plan| indexes[plan.index].name.clone())
}

#[test]
fn the_closest_index_answers() {
    for (selector, fields, expected) in [
        (json!({}), &["a"][..], "_all_docs"),
        (json!({"a": 1}), &["a"], "a"),
        (json!({"a": 1}), &["a,b"], "_all_docs"),
        (json!({"a": 1}), &["b"], "_all_docs"),
        (json!({"a": 1, "b": 2}), &["a", "a,b"], "a,b"),
        (json!({"a": 1, "b": 2}), &["a", "b"], "a"),
        (json!({"a": 1}), &["a", "a,_id"], "a"),
        (json!({"a": 1, "b": {"$ne": 2}}), &["a", "a,b"], "a"),
        (json!({"a": {"$exists": true}}), &["a"], "a"),
        (json!({"a": {"$exists": false}}), &["a"], "_all_docs"),
        (json!({"a": {"$regex": "x"}}), &["a"], "a"),
        (json!({"a": {"$not": {"$regex": "x"}}}), &["a"], "a"),
        (json!({"a": {"$beginsWith": "x"}}), &["a", "b"], "a"),
        (json!({"$or": [{"a": 1}, {"a": 2}]}), &["a"], "a"),
        (json!({"$or": [{"a": 1}, {"b": 2}]}), &["a"], "_all_docs"),
        (json!({"c": 1, "$or": []}), &["a"], "_all_docs"),
        (json!({"a": {"$gt": 1}, "$or": [{"b": 1}, {"b": 2}]}), &["a", "a,b"], "a"),
        (json!({"a": {"b": 1}}), &["a.b"], "a.b"),
    ] {
        assert_eq!(chosen(json!({"selector": selector}), fields).unwrap(), expected, "{selector}");
    }
}

#[test]
fn an_order_needs_an_index_that_has_it() {
    for (question, fields, expected) in [
        (json!({"selector": {}, "sort": ["a"]}), &["a"][..], Some("a")),
        (json!({"selector": {"b": 1}, "sort": ["a"]}), &["a"], Some("a")),
        (json!({"selector": {"a": 1}, "sort": ["b"]}), &["a,b"], Some("a,b")),
        (json!({"selector": {"a": {"$gt": 1}}, "sort": ["b"]}), &["a,b"], None),
        (json!({"selector": {"a": 1}, "sort": ["b"]}), &["a", "b,a"], Some("b,a")),
        (json!({"selector": {"a": 1}, "sort": ["a", "b"]}), &["a"], None),
        (json!({"selector": {"a": 1}, "sort": [{"a": "desc"}]}), &["a"], Some("a")),
        (json!({"selector": {"_id": {"$gt": null}}, "sort": ["_id"]}), &["a"], Some("_all_docs")),
        (json!({"selector": {"a": 1}, "sort": ["_id"]}), &["b"], None),
    ] {
        let seen = chosen(question.clone(), fields);
        assert_eq!(seen.as_deref().ok(), expected, "{question}");
        if let Err(refused) = seen {
            assert_eq!((refused.status(), refused.error()), (400, "no_usable_index"));
            assert_eq!(
                refused.to_string(),
                "No index exists for this sort, try indexing by the sort fields."
            );
        }
    }
}

#[test]
fn a_wished_index_is_taken_where_it_can_answer() {
    let wish = |wish: Value, more: Value| {
        let mut question = json!({"selector": {"a": 1, "b": 2}, "use_index": wish});
        question.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        question
    };
    let fields = &["a", "a,b", "c"][..];
    for name in
        [json!("a"), json!("_design/a"), json!(["a"]), json!(["_design/a", "a"]), json!("a/a")]
    {
        assert_eq!(chosen(wish(name, json!({})), fields).unwrap(), "a");
    }
    assert_eq!(chosen(wish(json!("c"), json!({})), fields).unwrap(), "a,b");
    assert_eq!(chosen(wish(json!(["a", "other"]), json!({})), fields).unwrap(), "a,b");
    assert_eq!(chosen(wish(json!([]), json!({})), fields).unwrap(), "a,b");

    let strict = json!({"allow_fallback": false});
    assert_eq!(chosen(wish(json!("a"), strict.clone()), fields).unwrap(), "a");
    assert_eq!(chosen(wish(json!([]), strict.clone()), fields).unwrap(), "a,b");
    let refused = chosen(wish(json!("c"), strict.clone()), fields).unwrap_err();
    assert_eq!(refused.error(), "invalid_index");
    assert_eq!(
        refused.to_string(),
        "_design/c specified by `use_index` could not be found or it is not suitable."
    );
    let refused = chosen(wish(json!(["a", "x"]), strict.clone()), fields).unwrap_err();
    assert!(refused.to_string().starts_with("_design/a, x specified by"));
    let refused = chosen(wish(json!([]), strict), &["c"]).unwrap_err();
    assert_eq!(
        (refused.error(), refused.to_string().as_str()),
        ("no_usable_index", "There is no index available for this selector.")
    );
}

#[test]
fn warnings_are_couchdbs() {
    let indexes = indexes(&["a", "a,b"]);
    let warn = |question: Value, read: u64, shown: u64| {
        let plan = plan(&find(question), &indexes, &DATABASE).unwrap();
        let statistics = ExecutionStatistics {
            documents_examined: read,
            results_returned: shown,
            ..ExecutionStatistics::default()
        };
        let index = &indexes[plan.index];
        warning(&plan, index, &statistics, INDEX_SCAN_WARNING_THRESHOLD)
    };
    assert_eq!(warn(json!({"selector": {"a": 1}}), 10, 1), None);
    let scan = "No matching index found, create an index to optimize query time.";
    assert_eq!(warn(json!({"selector": {"c": 1}}), 0, 0).as_deref(), Some(scan));
    let ratio = "The number of documents examined is high in proportion to the number of results \
                 returned. Consider adding a more specific index to improve this.";
    assert_eq!(warn(json!({"selector": {"a": 1}}), 11, 0).as_deref(), Some(ratio));
    let wish = json!({"selector": {"c": 1}, "use_index": "a"});
    let passed = "_design/a was not used because it does not contain a valid index for this query.";
    assert_eq!(warn(wish, 11, 1), Some([passed, scan, ratio].join("\n")));
    let wish = json!({"selector": {"a": 1}, "use_index": ["_design/a,b", "a,b"]});
    let passed = "_design/a,b, a,b was not used because it is not a valid index for this query.";
    assert_eq!(warn(wish, 1, 1).as_deref(), Some(passed));
}

#[test]
fn partial_indexes_answer_only_where_they_are_wished() {
    let partial = index_of(json!({
        "index": {"fields": ["a"], "partial_filter_selector": {"b": 1}}, "ddoc": "p", "name": "p",
    }));
    let indexes = [Index::all_documents(), partial];
    let place = |question: Value| plan(&find(question), &indexes, &DATABASE).unwrap().index;
    assert_eq!(place(json!({"selector": {"a": 1}})), 0);
    assert_eq!(place(json!({"selector": {"a": 1}, "use_index": "p"})), 1);
}

#[test]
fn partitions_have_their_own_indexes() {
    let database = Database { name: "db", partitioned: true };
    let of = |name: &str, partitioned: bool| {
        let request = json!({
            "index": {"fields": ["a"]}, "ddoc": name, "name": name, "partitioned": partitioned,
        });
        index_of(request)
    };
    let indexes = [of("global", false), of("local", true), Index::all_documents()];
    let question = json!({"selector": {"a": 1}});
    let whole = plan(&Find::parse(&question, None).unwrap(), &indexes, &database).unwrap();
    assert_eq!(indexes[whole.index].name, "global");
    let part = plan(&Find::parse(&question, Some("p")).unwrap(), &indexes, &database).unwrap();
    assert_eq!(indexes[part.index].name, "local");
    let sorted = json!({"selector": {"a": 1}, "sort": ["b"]});
    for (partition, scope) in [(None, "global"), (Some("p"), "partitioned")] {
        let refused = plan(&Find::parse(&sorted, partition).unwrap(), &indexes, &database);
        assert_eq!(
            refused.unwrap_err().to_string(),
            format!("No {scope} index exists for this sort, try indexing by the sort fields.")
        );
    }
}

fn range(selector: Value, fields: &str) -> Range {
    let indexes = [index("i", &fields.split(',').collect::<Vec<_>>())];
    plan(&find(json!({"selector": selector})), &indexes, &DATABASE).expect("it can answer").range
}

fn rows(start: &[&str], end: &[&str]) -> Range {
    let keys = |keys: &[&str]| keys.iter().map(|key| key.as_bytes().to_vec()).collect();
    Range::Rows { start: keys(start), end: keys(end) }
}

#[test]
fn ranges_are_as_narrow_as_the_selector_says() {
    for (selector, fields, expected) in [
        (json!({"a": 1}), "a", rows(&["1"], &["1"])),
        (json!({"a": {"$gt": 1}}), "a", rows(&["1"], &[])),
        (json!({"a": {"$lt": 1}}), "a", rows(&[], &["1"])),
        (json!({"a": {"$gte": 1, "$lte": 5, "$gt": 2, "$lt": 9}}), "a", rows(&["2"], &["5"])),
        (json!({"a": "x", "b": {"$gt": 1}}), "a,b", rows(&["\"x\"", "1"], &["\"x\""])),
        (json!({"a": {"$gt": 1}, "b": 2}), "a,b", rows(&["1", "2"], &[])),
        (json!({"a": {"$exists": true}}), "a", rows(&[], &[])),
        (json!({"a": {"$ne": 1}}), "a", rows(&[], &[])),
        (json!({"$or": [{"a": 1}, {"a": 2}]}), "a", rows(&[], &[])),
        (json!({"a": {"$beginsWith": "x"}}), "a", rows(&["\"x\""], &["\"x\u{ffff}\""])),
        (json!({"a": {"$beginsWith": "กเ"}}), "a", rows(&["\"ก\""], &["\"ก\u{ffff}\""])),
        (json!({"a": {"$gt": 2, "$lt": 1}}), "a", Range::Empty),
        (json!({"a": {"$gt": 1, "$lte": 1}}), "a", Range::Empty),
        (json!({"$and": [{"a": 1}, {"a": 2}]}), "a", Range::Empty),
        (json!({"$and": [{"a": {"$gte": 1}}, {"a": {"$lte": 1}}]}), "a", rows(&["1"], &["1"])),
    ] {
        assert_eq!(range(selector.clone(), fields), expected, "{selector}");
    }
}

#[test]
fn ids_are_a_range_of_bytes() {
    let all = [Index::all_documents()];
    let range = |selector: Value| {
        plan(&find(json!({"selector": selector})), &all, &DATABASE).unwrap().range
    };
    let documents = |from: Option<&str>, to: Option<&str>| Range::Documents {
        from: from.map(str::to_owned),
        to: to.map(str::to_owned),
    };
    assert_eq!(range(json!({})), documents(None, None));
    assert_eq!(range(json!({"_id": {"$gt": null}})), documents(None, None));
    assert_eq!(range(json!({"_id": {"$gt": "B", "$lte": "a"}})), documents(Some("B"), Some("a")));
    assert_eq!(range(json!({"_id": "x"})), documents(Some("x"), Some("x")));
    assert_eq!(range(json!({"_id": {"$lt": 5}})), Range::Empty);
    assert_eq!(range(json!({"_id": {"$gt": "b", "$lt": "a"}})), Range::Empty);
    assert_eq!(range(json!({"$and": []})), Range::Empty);
    assert_eq!(range(json!({"$or": []})), Range::Empty);
    assert_eq!(range(json!({"$nor": []})), Range::Empty);
}

#[test]
fn an_index_covers_what_it_holds() {
    let covering = |question: Value| {
        let indexes = [index("i", &["a", "b.c"])];
        plan(&find(question), &indexes, &DATABASE).unwrap().covering
    };
    let selector = json!({"a": 1, "b.c": {"$gt": 1}});
    assert!(covering(json!({"selector": selector, "fields": ["_id", "a"]})));
    assert!(covering(json!({"selector": selector, "fields": ["b.c"]})));
    assert!(!covering(json!({"selector": selector, "fields": ["b"]})));
    assert!(!covering(json!({"selector": selector, "fields": ["_rev"]})));
    assert!(!covering(json!({"selector": selector})));
    let more = json!({"a": 1, "b.c": 1, "d": 1});
    assert!(!covering(json!({"selector": more, "fields": ["a"]})));
}

/// Whether the row of a key is in a range.
fn in_range(range: &Range, key: &[u8]) -> bool {
    let keys = SortKeys::new(Collation::Unicode).expect("a collation");
    let Some(range) = range.key_range(&keys).expect("short keys") else { return false };
    range.contains(&keys.key(key).expect("a short key"))
}

fn operand() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0_i64..4).prop_map(Value::from),
        "[abAé\u{301}]{0,2}".prop_map(Value::from),
        Just(json!(null)),
        Just(json!([1])),
        Just(json!({"x": 1})),
        // Kept whole, and cut off in every key.
        Just(json!(vec![1; 2_000])),
        Just(json!(vec![1; 4_000])),
    ]
}

fn condition() -> impl Strategy<Value = Value> {
    let name =
        prop_oneof![Just("$eq"), Just("$lt"), Just("$lte"), Just("$gt"), Just("$gte"), Just("$ne")];
    prop_oneof![
        3 => (name, operand()).prop_map(|(name, value)| json!({ name: value })),
        1 => "[aAb]{0,2}".prop_map(|prefix| json!({ "$beginsWith": prefix })),
        1 => Just(json!({ "$exists": true })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever the index, it holds a row of every document that matches, within the range.
    #[test]
    fn no_match_is_outside_of_the_range(
        first in condition(),
        second in condition(),
        third in condition(),
        shape in 0_usize..4,
        a in operand(),
        b in operand(),
    ) {
        let selector = match shape {
            0 => json!({"$and": [{"a": first}, {"a": second}, {"b": third}]}),
            1 => json!({"$and": [{"a": first}, {"$or": [{"b": second}, {"b": third}]}]}),
            2 => json!({"a": first, "$not": {"b": second}}),
            _ => json!({"$and": [{"a": first}, {"b": second}, {"$and": [{"b": third}]}]}),
        };
        let question = find(json!({"selector": selector}));
        let indexes = [index("ab", &["a", "b"]), index("b", &["b"]), index("a", &["a"])];
        let body = json!({"a": a, "b": b}).to_string();
        let document = Document { body: body.as_bytes(), metadata: Metadata::new("d", "1-a") };
        let matches = question.selector.matches(&document);
        for index in indexes {
            let indexes = [index];
            let Ok(plan) = plan(&question, &indexes, &DATABASE) else { continue };
            let key = KeyMaker::new(&indexes[0]).unwrap().key(&document).expect("a row");
            prop_assert!(!matches || in_range(&plan.range, &key), "{} {}", selector, body);
        }
    }
}

//! `_explain`, member by member.

use serde_json::{Value, json};

use super::super::*;
use super::{find, index, index_of};

const DATABASE: Database<'static> = Database { name: "movies", partitioned: false };

fn explained(question: Value, indexes: &[Index]) -> Value {
    explain(&find(question), indexes, &DATABASE).expect("it can be explained")
}

#[test]
fn an_explanation_has_couchdbs_shape() {
    let indexes = [Index::all_documents(), index("year", &["year"])];
    let question = json!({
        "selector": {"year": {"$gt": 2010}}, "fields": ["_id", "_rev", "year", "title"],
        "sort": [{"year": "asc"}], "limit": 2, "skip": 0,
    });
    let expected = json!({
        "dbname": "movies",
        "index": {
            "ddoc": "_design/year", "name": "year", "type": "json", "partitioned": false,
            "def": {"fields": [{"year": "asc"}]},
        },
        "partitioned": false,
        "selector": {"year": {"$gt": 2010}},
        "opts": {
            "use_index": [], "bookmark": "nil", "limit": 2, "skip": 0, "sort": {"year": "asc"},
            "fields": ["_id", "_rev", "year", "title"], "partition": "", "r": 1,
            "conflicts": false, "stale": false, "update": true, "stable": false,
            "execution_stats": false, "allow_fallback": true,
        },
        "limit": 2,
        "skip": 0,
        "fields": ["_id", "_rev", "year", "title"],
        "index_candidates": [{
            "index": {
                "ddoc": null, "name": "_all_docs", "type": "special",
                "def": {"fields": [{"_id": "asc"}]},
            },
            "analysis": {
                "usable": false, "reasons": [{"name": "field_mismatch"}], "ranking": 1,
                "covering": null,
            },
        }],
        "selector_hints": [{
            "type": "json", "indexable_fields": ["year"], "unindexable_fields": [],
        }],
        "mrargs": {
            "include_docs": true, "view_type": "map", "reduce": false, "partition": null,
            "start_key": [2010], "end_key": ["<MAX>"], "direction": "fwd", "stable": false,
            "update": true, "conflicts": "undefined",
        },
        "covering": false,
    });
    assert_eq!(explained(question, &indexes).to_string(), expected.to_string());
}

#[test]
fn candidates_tell_why_they_lost() {
    let partial = index_of(json!({
        "index": {"fields": ["a"], "partial_filter_selector": {"z": 1}}, "ddoc": "p", "name": "p",
    }));
    let indexes = [
        Index::all_documents(),
        index("a", &["a"]),
        index("ab", &["a", "b"]),
        index("ab2", &["a", "b"]),
        index("abx", &["a", "b", "_id"]),
        index("c", &["c"]),
        partial,
    ];
    let losers = |question: Value| -> Vec<(String, String, u64)> {
        let explained = explained(question, &indexes);
        let candidates = explained["index_candidates"].as_array().unwrap().clone();
        let loser = |one: Value| {
            let analysis = &one["analysis"];
            let reason = analysis["reasons"][0]["name"].as_str().unwrap().to_owned();
            (
                one["index"]["name"].as_str().unwrap().to_owned(),
                reason,
                analysis["ranking"].as_u64().unwrap(),
            )
        };
        candidates.into_iter().map(loser).collect()
    };
    let loser = |name: &str, reason: &str, rank: u64| (name.to_owned(), reason.to_owned(), rank);
    assert_eq!(
        losers(json!({"selector": {"a": 1, "b": 2}})),
        [
            loser("p", "is_partial", 6),
            loser("c", "field_mismatch", 5),
            loser("abx", "too_many_fields", 2),
            loser("ab2", "alphabetically_comes_after", 1),
            loser("a", "less_overlap", 3),
            loser("_all_docs", "unfavored_type", 4),
        ]
    );
    assert_eq!(
        losers(json!({"selector": {"a": 1, "b": 2}, "use_index": "a"})),
        [
            loser("p", "is_partial", 3),
            loser("c", "field_mismatch", 2),
            loser("abx", "excluded_by_user", 1),
            loser("ab2", "excluded_by_user", 1),
            loser("ab", "excluded_by_user", 1),
            loser("_all_docs", "excluded_by_user", 1),
        ]
    );
}

#[test]
fn keys_are_shown_as_couchdb_shows_them() {
    let keys = |question: Value, fields: &[&str]| {
        let mut indexes = vec![Index::all_documents()];
        if !fields.is_empty() {
            indexes.push(index("i", fields));
        }
        let arguments = explained(question, &indexes)["mrargs"].clone();
        json!([arguments["start_key"], arguments["end_key"], arguments["direction"]])
    };
    for (question, fields, expected) in [
        (json!({"selector": {"x": 1}}), &[][..], json!([null, "<MAX>", "fwd"])),
        (json!({"selector": {"_id": {"$gt": null}}}), &[], json!([null, "<MAX>", "fwd"])),
        (json!({"selector": {"_id": {"$lt": "b"}}}), &[], json!(["", "b", "fwd"])),
        (json!({"selector": {"_id": {"$beginsWith": "a"}}}), &[], json!(["a", "a\u{fffd}", "fwd"])),
        (json!({"selector": {"$and": []}}), &[], json!([null, null, "fwd"])),
        (
            json!({"selector": {"n": "E", "l": {"$beginsWith": "A"}}}),
            &["n", "l"],
            json!([["E", "A"], ["E", "A\u{fffd}", "<MAX>"], "fwd"]),
        ),
        (
            json!({"selector": {"l": {"$gte": 1}}, "sort": [{"l": "desc"}]}),
            &["l"],
            json!([["<MAX>"], [1], "rev"]),
        ),
        (json!({"selector": {"l": {"$gt": 2, "$lt": 1}}}), &["l"], json!([null, null, "fwd"])),
    ] {
        assert_eq!(keys(question.clone(), fields), expected, "{question}");
    }
}

#[test]
fn a_covering_index_needs_no_documents() {
    let indexes = [Index::all_documents(), index("ab", &["a", "b"])];
    let question = json!({"selector": {"a": 1, "b": 1}, "fields": ["a", "_id"]});
    let seen = explained(question, &indexes);
    assert_eq!(seen["covering"], json!(true));
    assert_eq!(seen["mrargs"]["include_docs"], json!(false));
    let quorum = json!({"selector": {"a": 1, "b": 1}, "r": 2, "stale": "ok", "conflicts": true});
    let seen = explained(quorum, &indexes)["mrargs"].clone();
    assert_eq!(seen["include_docs"], json!(false));
    assert_eq!((&seen["stable"], &seen["update"]), (&json!(true), &json!(false)));
    assert_eq!(seen["conflicts"], json!(true));
}

#[test]
fn what_no_index_can_answer_is_explained_too() {
    let seen = explained(json!({"selector": {"a": 1}, "sort": ["b"]}), &[Index::all_documents()]);
    assert_eq!(seen["index"], Value::Null);
    assert_eq!(seen.get("mrargs"), None);
    assert_eq!(seen["index_candidates"][0]["analysis"]["usable"], json!(false));
    let hints = &seen["selector_hints"][0];
    assert_eq!(
        (&hints["indexable_fields"], &hints["unindexable_fields"]),
        (&json!(["a"]), &json!([]))
    );
    let hints = explained(json!({"selector": {"a": {"$in": [1]}}}), &[Index::all_documents()]);
    assert_eq!(hints["selector_hints"][0]["unindexable_fields"], json!(["a"]));
}

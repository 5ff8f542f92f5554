//! Definitions of indexes, their design documents and their rows.

use serde_json::{Value, json};

use super::super::*;
use super::{index, index_of};
use crate::selector::{Document, Metadata};

fn request(request: Value) -> IndexRequest {
    IndexRequest::parse(&request).expect("an index")
}

#[test]
fn the_design_document_is_couchdbs() {
    let asked = json!({
        "index": { "fields": ["foo", { "bar.baz": "asc" }] },
        "ddoc": "by-foo", "name": "foo-index", "type": "json",
    });
    let asked = request(asked);
    assert_eq!(asked.design_document, "_design/by-foo");
    let body = asked.add_to(None, false).unwrap().unwrap();
    let expected = concat!(
        r#"{"language":"query","views":{"foo-index":{"map":{"fields":{"foo":"asc","bar.baz":"asc"},"#,
        r#""partial_filter_selector":{}},"reduce":"_count","options":{"def":{"fields":["foo","#,
        r#"{"bar.baz":"asc"}]}}}}}"#,
    );
    assert_eq!(body.to_string(), expected);
    assert_eq!(asked.add_to(Some(&body), false).unwrap(), None, "the same again is there already");
}

#[test]
fn indexes_of_one_design_document_stand_beside_one_another() {
    let first = request(json!({ "index": { "fields": ["a"] }, "ddoc": "d", "name": "1" }));
    let second = request(json!({ "index": { "fields": ["b"] }, "ddoc": "_design/d", "name": "2" }));
    let body = first.add_to(None, false).unwrap().unwrap();
    let body = second.add_to(Some(&body), false).unwrap().unwrap();
    let indexes = Index::from_design_document("_design/d", &body, false);
    let names: Vec<_> = indexes.iter().map(|index| (&*index.name, &*index.fields[0])).collect();
    assert_eq!(names, [("1", "a"), ("2", "b")]);

    let Removed::Body(body) = remove_index(&body, "1").unwrap() else { panic!("one is left") };
    assert_eq!(Index::from_design_document("_design/d", &body, false).len(), 1);
    assert_eq!(remove_index(&body, "2").unwrap(), Removed::Nothing);
    let refused = remove_index(&body, "1").unwrap_err();
    assert_eq!(
        (refused.status(), refused.error(), refused.to_string().as_str()),
        (404, "invalid_index", "JSON index 1 not found in this design doc.")
    );
}

/// The definition as it is in Erlang's own words, made with a program that is not this one.
#[test]
fn default_names_are_couchdbs() {
    let asked = request(json!({ "index": { "fields": ["foo"] } }));
    assert_eq!(asked.name, "0f7c87eeb87af54f0c269e5e0d87bf998bfd4237");
    assert_eq!(asked.design_document, "_design/0f7c87eeb87af54f0c269e5e0d87bf998bfd4237");
    let named =
        request(json!({ "index": { "fields": ["foo"] }, "name": "foo-index", "type": "json" }));
    assert_eq!(named.name, "foo-index");
    assert_eq!(named.design_document, "_design/893f934fdafc8db3a7741b08a1841d5afb5dcd00");
    let year = request(json!({ "index": { "fields": ["year"] } }));
    assert_eq!(year.name, "12d6431de07e5e256439b276c9966024d882d3b3");
}

#[test]
fn partial_filters_are_stored_normalised() {
    let asked = request(json!({
        "index": { "fields": ["a"], "partial_filter_selector": { "status": { "$ne": "x" }, "b": 1 } },
        "ddoc": "d", "name": "n",
    }));
    let body = asked.add_to(None, false).unwrap().unwrap();
    assert_eq!(
        body["views"]["n"]["map"]["partial_filter_selector"],
        json!({ "$and": [{ "status": { "$ne": "x" } }, { "b": { "$eq": 1 } }] })
    );
    let index = Index::from_design_document("_design/d", &body, false).remove(0);
    assert!(index.partial_filter.is_some());
    assert!(index.to_json()["def"]["partial_filter_selector"].is_object());
}

#[test]
fn partitioned_indexes_share_their_design_document() {
    let partitioned = request(
        json!({ "index": { "fields": ["a"] }, "ddoc": "d", "name": "n", "partitioned": true }),
    );
    let refused = partitioned.add_to(None, false).unwrap_err();
    assert_eq!(refused.error(), "bad_request");
    let body = partitioned.add_to(None, true).unwrap().unwrap();
    assert_eq!(body["options"], json!({ "partitioned": true }));
    assert!(Index::from_design_document("_design/d", &body, true)[0].partitioned);
    let other = request(json!({ "index": { "fields": ["b"] }, "ddoc": "d", "name": "m" }));
    let refused = other.add_to(Some(&body), true).unwrap_err();
    assert_eq!(refused.error(), "invalid_partitioned_option");
}

#[test]
fn wrong_definitions_are_refused() {
    for (asked, status, error) in [
        (json!([]), 400, "bad_request"),
        (json!({}), 400, "missing_required_key"),
        (json!({ "index": {} }), 400, "missing_required_key"),
        (json!({ "index": [] }), 400, "invalid_index"),
        (json!({ "index": { "fields": "a" } }), 400, "invalid_sort_json"),
        (json!({ "index": { "fields": [""] } }), 400, "invalid_sort_field"),
        (json!({ "index": { "fields": [{ "a": 2 }] } }), 400, "invalid_sort_field"),
        (json!({ "index": { "fields": ["a", { "b": "desc" }] } }), 400, "unsupported_mixed_sort"),
        (json!({ "index": { "fields": ["a"], "x": 1 } }), 400, "invalid_key"),
        (json!({ "index": { "fields": ["a"] }, "x": 1 }), 400, "invalid_key"),
        (json!({ "index": { "fields": ["a"] }, "name": 1 }), 400, "invalid_string"),
        (json!({ "index": { "fields": ["a"] }, "w": 0 }), 400, "invalid_pos_integer"),
        (json!({ "index": { "fields": ["a"] }, "type": "geo" }), 400, "invalid_index"),
        (
            json!({ "index": { "fields": ["a"] }, "partitioned": 1 }),
            400,
            "invalid_partitioned_value",
        ),
        (json!({ "index": {}, "type": "text" }), 503, "required index service unavailable"),
        (
            json!({ "index": { "fields": ["a"], "partial_filter_selector": { "a": { "$no": 1 } } } }),
            400,
            "invalid_operator",
        ),
    ] {
        let refused = IndexRequest::parse(&asked).expect_err("wrong");
        assert_eq!((refused.status(), refused.error()), (status, error), "{asked}");
    }
    let javascript = json!({ "language": "javascript" });
    let asked = request(json!({ "index": { "fields": ["a"] } }));
    assert_eq!(asked.add_to(Some(&javascript), false).unwrap_err().error(), "invalid_ddoc_lang");
}

#[test]
fn views_that_are_no_definitions_are_passed_over() {
    let body = json!({ "language": "query", "views": {
        "function": { "map": "function(doc) {}" },
        "no options": { "map": { "fields": { "a": "asc" } } },
        "good": { "map": { "fields": { "a": "asc" } }, "options": {} },
    }});
    let indexes = Index::from_design_document("_design/d", &body, false);
    assert_eq!(indexes.iter().map(|index| &*index.name).collect::<Vec<_>>(), ["good"]);
    let other = json!({ "language": "javascript", "views": body["views"] });
    assert!(Index::from_design_document("_design/d", &other, false).is_empty());
}

#[test]
fn indexes_are_listed_as_in_couchdb() {
    assert_eq!(
        Index::all_documents().to_json().to_string(),
        r#"{"ddoc":null,"name":"_all_docs","type":"special","def":{"fields":[{"_id":"asc"}]}}"#
    );
    assert_eq!(
        index("foo", &["a", "b"]).to_json().to_string(),
        concat!(
            r#"{"ddoc":"_design/foo","name":"foo","type":"json","partitioned":false,"#,
            r#""def":{"fields":[{"a":"asc"},{"b":"asc"}]}}"#
        )
    );
}

#[test]
fn bulk_deletions_name_design_documents() {
    let ids = parse_bulk_delete(&json!({ "docids": ["_design/a", "b"] })).unwrap();
    assert_eq!(ids, ["_design/a", "_design/b"]);
    for (asked, error) in [
        (json!({}), "missing_required_key"),
        (json!({ "docids": "a" }), "invalid_bulk_docs"),
        (json!({ "docids": [1] }), "invalid_index_name"),
        (json!({ "docids": [], "x": 1 }), "invalid_key"),
    ] {
        assert_eq!(parse_bulk_delete(&asked).expect_err("wrong").error(), error, "{asked}");
    }
}

fn key(index: &Index, body: &str, id: &str) -> Option<String> {
    let metadata = Metadata::new(id, "1-a");
    let maker = KeyMaker::new(index).expect("a sound index");
    let key = maker.key(&Document { body: body.as_bytes(), metadata })?;
    Some(String::from_utf8(key).unwrap())
}

#[test]
fn a_document_has_a_row_where_it_has_all_fields() {
    let index = index("i", &["a", "b.c", "_id"]);
    let row = |body: &str| key(&index, body, "d\"1");
    assert_eq!(row(r#"{"b":{"c":null},"a":1.0}"#).as_deref(), Some(r#"[1.0,null,"d\"1"]"#));
    assert_eq!(row(r#"{"a":1}"#), None);
    assert_eq!(row(r#"{"a":1,"b":2}"#), None);
    assert_eq!(key(&index, r#"{"a":1,"b":{"c":2}}"#, "_design/x"), None);
    let metadata = Metadata { deleted: true, ..Metadata::new("d", "2-a") };
    let deleted = Document { body: br#"{"a":1,"b":{"c":2}}"#, metadata };
    assert_eq!(KeyMaker::new(&index).unwrap().key(&deleted), None);
}

#[test]
fn a_partial_filter_keeps_documents_out() {
    let index = index_of(json!({
        "index": { "fields": ["a"], "partial_filter_selector": { "b": { "$gt": 1 } } },
    }));
    assert_eq!(key(&index, r#"{"a":"x","b":2}"#, "d").as_deref(), Some(r#"["x"]"#));
    assert_eq!(key(&index, r#"{"a":"x","b":1}"#, "d"), None);
}

#[test]
fn a_covered_document_is_its_row() {
    let index = index("i", &["a.b", "c", "_id", "_rev"]);
    let seen = with_covered_document(&index, "d", br#"[[1,2],"x","d","1-a"]"#, |document| {
        assert_eq!(document.metadata.revision, Some("1-a"));
        String::from_utf8(document.body.to_vec()).unwrap()
    });
    assert_eq!(seen.unwrap(), r#"{"a":{"b":[1,2]},"c":"x"}"#);
}

//! How the parameters of lists are read.

use serde_json::json;

use super::super::Listed;
use super::super::bounds::{Bounds, DESIGN_BEGIN, DESIGN_END};
use super::*;

fn parse(body: Value, query: &str) -> Result<Parameters, Failure> {
    let Value::Object(body) = body else { panic!("an object") };
    Parameters::parse(&body, &Query::parse(Some(query)))
}

fn bounds(query: &str) -> Option<Bounds> {
    parse(json!({}), query).expect("good").bounds(Listed::All)
}

#[test]
fn the_url_beats_the_body() {
    let body = json!({"limit": 5, "startkey": "a", "include_docs": "true", "skip": "2"});
    let found = parse(body, "limit=7").expect("good");
    assert_eq!((found.limit, found.skip), (7, 2));
    assert_eq!(found.start, Some(Key::Text("a".into())));
    assert!(found.include_docs);
}

#[test]
fn a_range_is_walked_from_start_to_end_in_either_direction() {
    let found = bounds("startkey=%22a%22&endkey=%22c%22&inclusive_end=false");
    assert_eq!(
        found,
        Some(Bounds { start: Some(("a".into(), true)), end: Some(("c".into(), false)) })
    );
    let found = bounds("startkey=%22c%22&end_key=%22a%22&descending=true");
    assert_eq!(
        found,
        Some(Bounds { start: Some(("c".into(), true)), end: Some(("a".into(), true)) })
    );
}

#[test]
fn a_range_upside_down_is_empty() {
    assert_eq!(bounds("startkey=%22c%22&endkey=%22a%22"), None);
    assert_eq!(bounds("startkey=%22a%22&endkey=%22c%22&descending=true"), None);
    assert_eq!(bounds("key=%22a%22&inclusive_end=false"), None);
}

#[test]
fn what_is_not_text_sorts_before_all_ids() {
    assert_eq!(bounds("startkey=1"), Some(Bounds::default()));
    assert_eq!(bounds("endkey={}"), None);
    assert_eq!(bounds("key=null"), None);
    assert_eq!(bounds("startkey=[]&descending=true"), None);
    assert_eq!(bounds("endkey=[]&descending=true"), Some(Bounds::default()));
}

#[test]
fn a_range_is_cut_to_the_listed_documents() {
    let design = |query| parse(json!({}), query).expect("good").bounds(Listed::Design);
    let bounds = |start: (&str, bool), end: (&str, bool)| {
        let bound = |(id, inclusive): (&str, bool)| Some((id.to_owned(), inclusive));
        Some(Bounds { start: bound(start), end: bound(end) })
    };
    let all = bounds((DESIGN_BEGIN, true), (DESIGN_END, false));
    assert_eq!(design(""), all);
    assert_eq!(design("startkey=%22A%22&endkey=%22z%22"), all);
    assert_eq!(design("descending=true"), bounds((DESIGN_END, false), (DESIGN_BEGIN, true)));
    let from = bounds(("_design/b", true), (DESIGN_END, false));
    assert_eq!(design("startkey=%22_design/b%22"), from);
    assert_eq!(design("startkey=%22a%22"), None);
    assert_eq!(design("endkey=%22A%22"), None);

    let local = |query| parse(json!({}), query).expect("good").bounds(Listed::Local);
    assert_eq!(local(""), Some(Bounds::default()));
    assert_eq!(local("startkey=%22z%22"), None);
    assert_eq!(local("endkey=%22A%22"), None);
    let one = bounds(("b", true), ("b", true));
    assert_eq!(local("key=%22_local/b%22"), one);
    let found = local("startkey=%22z%22&endkey=%22_local/b%22&descending=true");
    assert_eq!(found, Some(Bounds { start: None, end: Some(("b".to_owned(), true)) }));
}

#[test]
fn what_only_a_view_can_do_is_refused() {
    for query in ["reduce=true", "group=true", "group_level=1", "stale=x"] {
        let failure = parse(json!({}), query).expect_err(query);
        assert_eq!(failure.status().1, "query_parse_error", "{query}");
    }
    assert!(parse(json!({}), "reduce=false&group=false&stale=ok&stable=true").is_ok());
}

#[test]
fn a_partition_is_what_lies_between_its_bounds() {
    let bounds = |query: &str| {
        let parameters = parse(json!({}), query).expect(query);
        assert!(parameters.check_partition(false).is_err(), "{query}");
        parameters.check_partition(true).expect(query);
        parameters.bounds(Listed::All)
    };
    let between = |start: (&str, bool), end: (&str, bool)| {
        let bound = |(id, inclusive): (&str, bool)| Some((id.to_owned(), inclusive));
        Some(Bounds { start: bound(start), end: bound(end) })
    };
    assert_eq!(bounds("partition=p"), between(("p:", true), ("p;", false)));
    let backwards = bounds("partition=p&descending=true");
    assert_eq!(backwards, between(("p;", false), ("p:", true)));
    let narrow = bounds("partition=p&startkey=%22p:b%22&endkey=%22q:a%22");
    assert_eq!(narrow, between(("p:b", true), ("p;", false)));
    let narrow = bounds("partition=p&startkey=%22a%22&endkey=%22p:c%22&inclusive_end=false");
    assert_eq!(narrow, between(("p:", true), ("p:c", false)));
    assert_eq!(bounds("partition=p&startkey=%22q:a%22"), None);
    assert_eq!(bounds("partition=p&endkey=%22o:a%22"), None);
    let senseless = parse(json!({}), "partition=_p").expect("a parameter");
    assert!(senseless.check_partition(true).is_err());
}

#[test]
fn keys_are_an_array_and_alone() {
    assert!(parse(json!({"keys": []}), "startkey=%22a%22").is_ok());
    let failure = parse(json!({"keys": ["a"]}), "startkey=%22a%22").expect_err("both");
    assert_eq!(failure.status().1, "query_parse_error");
    let failure = parse(json!({"keys": {}}), "").expect_err("no array");
    assert_eq!(failure.to_string(), "`keys` body member must be an array.");
    let failure = parse(json!({}), "keys=1").expect_err("no array");
    assert_eq!(failure.to_string(), "`keys` parameter must be an array.");
    assert_eq!(parse(json!({}), "keys=null").expect("none").keys, None);
}

#[test]
fn numbers_and_booleans_without_sense_are_refused() {
    for query in ["limit=x", "skip=-1", "descending=maybe", "startkey=x"] {
        assert_eq!(parse(json!({}), query).expect_err(query).status().0.as_u16(), 400);
    }
    assert!(parse(json!({"limit": 1.5}), "").is_err());
}

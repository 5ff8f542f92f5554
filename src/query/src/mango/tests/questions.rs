//! Questions: defaults, and what is refused with which words.

use serde_json::json;

use super::super::*;

#[test]
fn defaults_are_couchdbs() {
    let find = Find::parse(&json!({"selector": {}}), None).unwrap();
    assert_eq!((find.limit, find.skip, find.read_quorum), (25, 0, 1));
    assert!(find.update && find.allow_fallback);
    assert!(!find.conflicts && !find.stable && !find.stale && !find.execution_statistics);
    assert!(find.fields.is_none() && find.use_index.is_none() && find.bookmark.is_none());
    assert_eq!(find.next_bookmark(None), "nil");
    let last = Bookmark { id: "d".to_owned(), key: b"[1]".to_vec() };
    let text = find.next_bookmark(Some(&last));
    let next = Find::parse(&json!({"selector": {}, "bookmark": text}), None).unwrap();
    assert_eq!(next.bookmark, Some(last));
    assert_eq!(next.next_bookmark(None), text);
}

#[test]
fn wrong_questions_are_refused() {
    let with = |name: &str, value: serde_json::Value| json!({"selector": {}, name: value});
    for (question, error, reason) in [
        (json!(1), "bad_request", "Request body must be a JSON object"),
        (json!({}), "missing_required_key", "Missing required key: selector"),
        (with("x", json!(1)), "invalid_key", "Invalid key x for this request."),
        (
            with("limit", json!(-1)),
            "invalid_non_neg_integer",
            "-1 is not an integer greater than or equal to zero",
        ),
        (
            with("skip", json!("1")),
            "invalid_non_neg_integer",
            "<<49>> is not an integer greater than or equal to zero",
        ),
        (with("r", json!(0)), "invalid_pos_integer", "0 is not an integer greater than zero"),
        (with("update", json!("x")), "invalid_boolean", "Invalid boolean value: <<120>>"),
        (with("conflicts", json!(1)), "invalid_boolean", "Invalid boolean value: 1"),
        (with("stale", json!(true)), "invalid_ok_or_false_value", "Invalid value for stale: true"),
        (with("use_index", json!({})), "invalid_index_name", "Invalid index name: {[]}"),
        (
            with("use_index", json!(["a", 1])),
            "invalid_index_name",
            "Invalid index name: [<<97>>,1]",
        ),
        (with("bookmark", json!("x")), "invalid_bookmark", "Invalid bookmark value: \"x\""),
        (with("bookmark", json!(1)), "invalid_bookmark", "Invalid bookmark value: 1"),
        (
            with("sort", json!("a")),
            "invalid_sort_json",
            "Sort must be an array of sort specs, not: <<97>>",
        ),
        (
            with("fields", json!("a")),
            "invalid_fields",
            "Fields must be an array of strings, not: <<97>>",
        ),
        (
            with("partition", json!("_x")),
            "bad_request",
            "Partition can not start with an underscore",
        ),
    ] {
        let refused = Find::parse(&question, None).expect_err("wrong");
        let seen = (refused.status(), refused.error(), refused.to_string());
        assert_eq!(seen, (400, error, reason.to_owned()), "{question}");
    }
    let two = with("partition", json!("one"));
    assert!(Find::parse(&two, Some("two")).is_err());
    let same = Find::parse(&two, Some("one")).unwrap();
    assert_eq!(same.partition.as_deref(), Some("one"));
}

#[test]
fn statistics_are_couchdbs() {
    let statistics = ExecutionStatistics {
        keys_examined: 200,
        documents_examined: 199,
        quorum_documents_examined: 0,
        results_returned: 2,
        execution_time_ms: 5.52,
    };
    assert_eq!(
        statistics.to_json().to_string(),
        concat!(
            r#"{"total_keys_examined":200,"total_docs_examined":199,"#,
            r#""total_quorum_docs_examined":0,"results_returned":2,"execution_time_ms":5.52}"#
        )
    );
}

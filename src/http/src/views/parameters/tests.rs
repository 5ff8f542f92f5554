//! What parameters of a view mean and which of them contradict each other.

use serde_json::json;

use super::stub::Stub;
use super::*;

fn parsed(query: &str) -> Result<Parameters, Failure> {
    Parameters::parse(&Map::new(), &Query::parse(Some(query)))
}

fn checked(query: &str, reduces: bool) -> Result<bool, String> {
    let parameters = parsed(query).map_err(|failure| failure.to_string())?;
    parameters.check(&Stub { reduces }).map_err(|failure| failure.to_string())
}

#[test]
fn a_view_is_reduced_where_it_can_be_and_nobody_says_otherwise() {
    assert_eq!(checked("", true), Ok(true));
    assert_eq!(checked("reduce=false", true), Ok(false));
    assert_eq!(checked("", false), Ok(false));
    assert_eq!(
        checked("reduce=true", false),
        Err("Reduce is invalid for map-only views.".to_owned())
    );
}

#[test]
fn contradictions_are_refused_in_couchdbs_words() {
    let cases = [
        ("group=true", false, "Invalid use of grouping on a map view."),
        ("group_level=1&reduce=false", true, "Invalid use of grouping on a map view."),
        ("include_docs=true", true, "`include_docs` is invalid for reduce"),
        ("conflicts=true", true, "`conflicts` is invalid for reduce views."),
        ("conflicts=false", true, "`conflicts` is invalid for reduce views."),
        ("keys=[]", true, "Multi-key fetches for reduce views must use `group=true`"),
        (
            "group=false&group_level=1",
            true,
            "Can't specify group=false and group_level>0 at the same time",
        ),
        (
            "group=true&group_level=1&keys=[1]",
            true,
            "Multi-key fetches for reduce views must use `group=true`",
        ),
        ("keys=[1]", true, "Multi-key fetches for reduce views must use `group=true`"),
        (
            "keys=[1]&group_level=1",
            true,
            "Multi-key fetches for reduce views must use `group=true`",
        ),
        (
            "keys=[1]&startkey=2",
            false,
            "`keys` is incompatible with `key`, `start_key` and `end_key`",
        ),
        (
            "startkey=2&endkey=1",
            false,
            "No rows can match your key range, reverse your start_key and end_key or set descending=true",
        ),
        (
            "startkey=1&endkey=2&descending=true",
            false,
            "No rows can match your key range, reverse your start_key and end_key or set descending=false",
        ),
    ];
    for (query, reduces, reason) in cases {
        assert_eq!(checked(query, reduces), Err(reason.to_owned()), "{query}");
    }
    assert_eq!(checked("keys=[1]&group=true", true), Ok(true));
    assert_eq!(checked("keys=[]&startkey=1", false), Ok(false));
    assert_eq!(checked("group=false", false), Ok(false));
    assert_eq!(checked("startkey=2&endkey=1&descending=true", false), Ok(false));
}

#[test]
fn keys_that_one_request_lists_are_bounded() {
    let listed = |count: usize| {
        let keys: Vec<usize> = (0..count).collect();
        let body = json!({ "keys": keys });
        let body = body.as_object().expect("an object");
        let parameters = Parameters::parse(body, &Query::default()).expect("good");
        parameters.check(&Stub { reduces: false }).map_err(|failure| failure.to_string())
    };
    assert_eq!(listed(MOST_KEYS), Ok(false));
    let reason = "100001 keys are listed, and one request may list 100000: ask in parts.";
    assert_eq!(listed(MOST_KEYS + 1), Err(reason.to_owned()));
}

#[test]
fn values_that_make_no_sense_are_refused_in_couchdbs_words() {
    for (query, reason) in [
        ("limit=x", "Invalid value for integer: \"x\""),
        ("skip=-1", "Invalid value for positive integer: -1"),
        ("group_level=-1", "Invalid value for positive integer: -1"),
        ("reduce=1", "Invalid boolean parameter: \"1\""),
        ("keys=1", "`keys` parameter must be an array."),
        ("startkey=[", "invalid UTF-8 JSON"),
        ("update=maybe", "Invalid value for `update`."),
        ("stale=very", "Invalid value for `stale`."),
        ("stable=no", "Invalid value for `stable`."),
    ] {
        let failure = parsed(query).expect_err(query);
        assert_eq!((failure.status().0.as_u16(), failure.to_string().as_str()), (400, reason));
    }
    let body = json!({"keys": 1});
    let body = body.as_object().expect("an object");
    let failure = Parameters::parse(body, &Query::default()).expect_err("no list");
    assert_eq!(failure.to_string(), "`keys` body member must be an array.");
}

#[test]
fn a_key_is_a_range_and_each_listed_key_is_one() {
    let part = parsed("key=\"a\"&limit=3&skip=2").expect("good").part();
    assert_eq!((part.limit, part.skip), (3, 2));
    let [range] = part.ranges.as_ref() else { panic!("one range") };
    assert_eq!(range.start, range.end);
    assert_eq!(range.start.as_ref().map(|bound| bound.key.as_str()), Some("\"a\""));
    let body = json!({"keys": [1, "a", [2]]});
    let parameters =
        Parameters::parse(body.as_object().expect("an object"), &Query::default()).expect("good");
    let part = parameters.part();
    let keys = part.ranges.iter().map(|range| range.start.as_ref().expect("a key").key.as_str());
    assert!(keys.eq(["1", "\"a\"", "[2]"]));
}

#[test]
fn the_url_beats_the_body_and_a_query_beats_both() {
    let body = json!({"limit": 1, "skip": 1});
    let parameters =
        Parameters::parse(body.as_object().expect("an object"), &Query::parse(Some("limit=2")))
            .expect("good");
    assert_eq!((parameters.limit, parameters.skip), (2, 1));
    let own = json!({"limit": 3});
    let refined = parameters.refined(own.as_object().expect("an object")).expect("good");
    assert_eq!((refined.limit, refined.skip), (3, 1));
}

#[test]
fn freshness_has_two_spellings() {
    for (query, freshness) in [
        ("", Freshness::UpToDate),
        ("update=true", Freshness::UpToDate),
        ("update=false", Freshness::AsItIs),
        ("update=lazy", Freshness::AsItIsThenUpdate),
        ("stale=ok", Freshness::AsItIs),
        ("stale=update_after", Freshness::AsItIsThenUpdate),
    ] {
        assert_eq!(parsed(query).expect("good").freshness, freshness, "{query}");
    }
    assert!(parsed("update=maybe").is_err());
    assert!(parsed("stale=very").is_err());
}

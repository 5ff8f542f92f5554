//! Tests of rows, ranges, groups and what is remembered of a document.

use std::num::NonZeroUsize;

use proptest::prelude::*;

use super::*;
use crate::collation::Collation;
use crate::collation::tests::value;

fn maker() -> RowMaker {
    RowMaker::new(Collation::Unicode, 11).unwrap()
}

fn emit<'a>(key: &'a str, value: &'a str) -> Emit<'a> {
    Emit { key: key.as_bytes(), value: value.as_bytes() }
}

/// Key, document, ordinal and value of a row.
fn shown(row: &NewRow) -> (String, String, u16, String) {
    let key = RowKey::parse(&row.key).unwrap();
    let (emitted, value) = row.emitted().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(emitted), key.document.into_owned(), key.ordinal, text(value))
}

#[test]
fn rows_of_equal_key_stand_in_the_raw_order_of_their_values() {
    let emits = [
        emit("\"k\"", "\"b\""),
        emit("\"k\"", "\"B\""),
        emit("\"j\"", "0"),
        emit("\"k\"", "[1]"),
        emit("\"k\"", "null"),
        emit("\"k\"", "10"),
        emit("\"k\"", "9"),
        emit("\"k\"", "9"),
    ];
    let rows = maker().rows("d", &emits);
    assert!(rows.refused.is_empty());
    let values: Vec<_> = rows.rows.iter().map(|row| (shown(row).2, shown(row).3)).collect();
    let expected = ["0", "9", "9", "10", "null", "[1]", "\"B\"", "\"b\""];
    let ordinals = [0, 0, 1, 2, 3, 4, 5, 6];
    let expected: Vec<_> = ordinals.into_iter().zip(expected.map(str::to_owned)).collect();
    assert_eq!(values, expected);
    assert!(rows.rows.is_sorted_by_key(|row| row.key.clone()));
    let mut backwards = emits;
    backwards.reverse();
    assert_eq!(maker().rows("d", &backwards), rows);
}

#[test]
fn a_row_that_cannot_be_stored_is_named_and_the_others_stay() {
    let long = serde_json::to_string(&vec![1; 40_000]).unwrap();
    let rows = maker().rows("doc", &[emit(&long, "1"), emit("2", "2"), emit("[", "3")]);
    assert_eq!(rows.rows.len(), 2);
    assert_eq!(rows.refused.len(), 1);
    assert!(rows.refused[0].to_string().starts_with("document \"doc\": a row is left out"));
    let rows = maker().rows("d", &vec![emit("1", "1"); 65_540]);
    assert_eq!(rows.rows.len(), 65_536);
    assert_eq!(rows.refused, [RowError::TooMany { document: "d".to_owned(), rows: 4 }]);
    let id = "\u{1}".repeat(32 * 1024);
    assert!(matches!(maker().rows(&id, &[emit("1", "1")]).refused[..], [RowError::TooLong { .. }]));
}

#[test]
fn a_large_value_stands_apart() {
    let large = format!("\"{}\"", "x".repeat(LARGE_VALUE_BYTES));
    let rows = maker().rows("d", &[emit("1", &large), emit("2", "\"x\"")]).rows;
    assert_eq!(rows[0].apart.as_deref(), Some(large.as_bytes()));
    assert_eq!(StoredRow::decode(&rows[0].row).unwrap().key, b"1");
    assert!(rows[0].row.len() < 10);
    assert_eq!(rows[1].apart, None);
    assert_eq!(shown(&rows[1]).3, "\"x\"");
    assert!(matches!(StoredRow::decode(&[9]), Err(crate::FormatError::Version(9))));
    assert!(StoredRow::decode(&[1, 5, b'1']).is_err());
}

/// The documents of the rows that a query finds among rows of these keys by documents a, b and c.
fn found(query: RangeQuery<'_>) -> String {
    let maker = maker();
    let range = KeyRange::new(maker.keys(), &query).unwrap();
    let mut seen = String::new();
    for key in ["1", "2", "3"] {
        for document in ["a", "b", "b\u{0}"] {
            let rows = maker.rows(document, &[emit(key, "0")]);
            if range.contains(&rows.rows[0].key) {
                seen += &format!("{key}{document} ");
            }
        }
    }
    seen.replace('\0', "0").trim_end().to_owned()
}

#[test]
fn ranges_are_couchdbs() {
    let all = RangeQuery::default();
    let two = Some(&b"2"[..]);
    assert_eq!(found(all), "1a 1b 1b0 2a 2b 2b0 3a 3b 3b0");
    assert_eq!(found(RangeQuery { start_key: two, ..all }), "2a 2b 2b0 3a 3b 3b0");
    assert_eq!(found(RangeQuery { end_key: two, ..all }), "1a 1b 1b0 2a 2b 2b0");
    let exclusive = RangeQuery { inclusive_end: false, ..all };
    assert_eq!(found(RangeQuery { end_key: two, ..exclusive }), "1a 1b 1b0");
    let from_b = RangeQuery { start_key: two, start_document: Some("b"), ..all };
    assert_eq!(found(from_b), "2b 2b0 3a 3b 3b0");
    let to_b = RangeQuery { end_key: two, end_document: Some("b"), ..all };
    assert_eq!(found(to_b), "1a 1b 1b0 2a 2b");
    assert_eq!(found(RangeQuery { inclusive_end: false, ..to_b }), "1a 1b 1b0 2a");
    assert_eq!(found(RangeQuery { start_document: Some("b"), ..all }), found(all));
    let one = RangeQuery { start_key: two, end_key: two, ..all };
    assert_eq!(found(one), "2a 2b 2b0");
    assert_eq!(found(RangeQuery { inclusive_end: false, ..one }), "");
}

#[test]
fn descending_ranges_start_at_the_upper_end() {
    let all = RangeQuery { descending: true, ..RangeQuery::default() };
    let two = Some(&b"2"[..]);
    assert_eq!(found(RangeQuery { start_key: two, ..all }), "1a 1b 1b0 2a 2b 2b0");
    assert_eq!(found(RangeQuery { end_key: two, ..all }), "2a 2b 2b0 3a 3b 3b0");
    let exclusive = RangeQuery { inclusive_end: false, ..all };
    assert_eq!(found(RangeQuery { end_key: two, ..exclusive }), "3a 3b 3b0");
    let from_b = RangeQuery { start_key: two, start_document: Some("b"), ..all };
    assert_eq!(found(from_b), "1a 1b 1b0 2a 2b");
    let to_b = RangeQuery { end_key: two, end_document: Some("b"), ..all };
    assert_eq!(found(to_b), "2b 2b0 3a 3b 3b0");
    assert_eq!(found(RangeQuery { inclusive_end: false, ..to_b }), "2b0 3a 3b 3b0");
}

#[test]
fn a_start_behind_the_end_finds_nothing() {
    let maker = maker();
    let range = |descending, start: &str, end: &str| {
        let query = RangeQuery {
            start_key: Some(start.as_bytes()),
            end_key: Some(end.as_bytes()),
            descending,
            ..RangeQuery::default()
        };
        KeyRange::new(maker.keys(), &query).map_err(|error| error.to_string())
    };
    assert!(
        range(false, "2", "1").unwrap().is_empty() && range(true, "1", "2").unwrap().is_empty()
    );
    for (descending, start, end) in [(false, "1", "2"), (true, "2", "1"), (true, "1", "1")] {
        assert!(!range(descending, start, end).unwrap().is_empty(), "{start} to {end}");
    }
    assert!(range(false, "[", "1").unwrap_err().starts_with("startkey: the key is not JSON"));
}

#[test]
fn groups_are_shown_with_their_first_elements() {
    let elements = |count| GroupLevel::Elements(NonZeroUsize::new(count).unwrap());
    let shown = |level, key: &str| String::from_utf8(group_key(level, key.as_bytes())).unwrap();
    let key = r#"["a",[1,[2]],{"b":[]},3]"#;
    assert_eq!(shown(elements(1), key), r#"["a"]"#);
    assert_eq!(shown(elements(2), key), r#"["a",[1,[2]]]"#);
    assert_eq!(shown(elements(3), key), r#"["a",[1,[2]],{"b":[]}]"#);
    assert_eq!(shown(elements(4), key), key);
    assert_eq!(shown(elements(5), key), key);
    assert_eq!(shown(GroupLevel::Exact, key), key);
    assert_eq!(shown(elements(1), "\"a\""), "\"a\"");
    assert_eq!(shown(elements(1), "[]"), "[]");
}

#[test]
fn only_what_differs_is_changed() {
    let maker = maker();
    let before = maker.rows("d", &[emit("1", "1"), emit("2", "2"), emit("3", "3")]).rows;
    let large = "9".repeat(LARGE_VALUE_BYTES);
    let after = maker.rows("d", &[emit("2", "2"), emit("3", "4"), emit("5", &large)]).rows;
    let old = BackIndex::of(&[(0, &before)]);
    let changes = row_changes(old.rows(0).to_vec(), after.clone());
    assert_eq!(changes.removed, old.rows(0)[..1]);
    assert_eq!(changes.put, after[1..]);
    // Taken back again, the large value's own record has to go.
    let changes = row_changes(BackIndex::of(&[(0, &after)]).rows(0).to_vec(), before);
    assert!(changes.removed[0].apart);
    let small = maker.rows("d", &[emit("2", "2"), emit("3", "4"), emit("5", "5")]).rows;
    let changes = row_changes(BackIndex::of(&[(0, &after)]).rows(0).to_vec(), small);
    assert_eq!(changes.no_longer_apart, [after[2].key.clone()]);
}

proptest! {
    #[test]
    fn a_partition_holds_what_a_view_of_its_documents_alone_would(
        documents in prop::collection::vec(("[a-b\u{0}\u{1};:]{1,3}", "[a-b:]{1,2}", value()), 0..12),
        partition in "[a-b\u{0}\u{1};]{1,2}",
        bounds in (prop::option::of(value()), prop::option::of(value())),
        descending: bool,
    ) {
        let (alone, parted) = (maker(), maker().by_partition());
        let [start, end] = [bounds.0, bounds.1].map(|key| key.map(|key| key.to_string()));
        let query = RangeQuery {
            start_key: start.as_deref().map(str::as_bytes),
            end_key: end.as_deref().map(str::as_bytes),
            descending,
            ..RangeQuery::default()
        };
        // Ends the wrong way round are refused before there is a range.
        let Ok(range) = KeyRange::new(alone.keys(), &query) else { return Ok(()) };
        let within = range.within_partition(&partition);
        let level = GroupLevel::Elements(NonZeroUsize::new(1).unwrap());
        for (document, key, emitted) in documents {
            let id = format!("{document}:{key}");
            let text = emitted.to_string();
            let made = |maker: &RowMaker| maker.rows(&id, &[emit(&text, "0")]).rows.remove(0).key;
            let (alone, parted) = (made(&alone), made(&parted));
            let is_inside = id.split_once(':').unwrap().0 == partition && range.contains(&alone);
            prop_assert_eq!(within.contains(&parted), is_inside);
            prop_assert_eq!(&RowKey::parse(&parted).unwrap().document, &id);
            for level in [level, GroupLevel::Exact] {
                let prefix = level.prefix(&parted).unwrap();
                prop_assert!(prefix.ends_with(level.prefix(&alone).unwrap()));
            }
        }
        prop_assert!(maker().by_partition().rows("_design/a:b", &[emit("1", "1")]).rows.is_empty());
    }

    #[test]
    fn keys_and_back_indexes_come_back(
        first in prop::collection::vec((value(), value()), 0..6),
        second in prop::collection::vec((value(), value()), 0..6),
        document in "[a-b\u{0}\u{1}é]{1,5}",
    ) {
        let maker = maker();
        let rows = |emits: &[(serde_json::Value, serde_json::Value)]| {
            let texts: Vec<_> =
                emits.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            let emits: Vec<_> = texts.iter().map(|(key, value)| emit(key, value)).collect();
            maker.rows(&document, &emits).rows
        };
        let (first, second) = (rows(&first), rows(&second));
        for row in first.iter().chain(&second) {
            prop_assert_eq!(&RowKey::parse(&row.key).unwrap().document, &document);
        }
        let index = BackIndex::of(&[(0, &first), (3, &second)]);
        let encoded = index.encode().unwrap();
        prop_assert_eq!(BackIndex::decode(&encoded, &document).unwrap(), index.clone());
        for end in 0..encoded.len() {
            // Cut short it is refused, or ends with a view.
            if let Ok(part) = BackIndex::decode(&encoded[..end], &document) {
                prop_assert!(part.views.len() < index.views.len());
            }
        }
    }
}

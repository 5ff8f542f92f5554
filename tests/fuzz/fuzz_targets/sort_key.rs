//! Two keys of a view, one a line: a sort key ends by itself, has the order that selectors have, and
//! begins with its group's.
#![no_main]

use std::num::NonZeroUsize;

use libfuzzer_sys::fuzz_target;
use refuge_document::json::normalise;
use refuge_query::collation::{
    Collation, SORT_KEY_LIMIT_BYTES, SortKeys, array_prefix, behind, sort_key_length,
};
use refuge_query::selector::{Document, Metadata, Selector};
use refuge_query::view::{GroupLevel, group_key};
use serde_json::{Value, json};

/// What stands behind a sort key in a row.
const BEHIND: &[u8] = &[0, 0x01, 0xFF, b'x'];

fuzz_target!(|text: &[u8]| {
    let (one, other) = split(text);
    // Keys come without repeated members: from JavaScript, or as values that were read.
    let (Ok(one), other) = (normalise(one), normalise(other)) else { return };
    for collation in [Collation::Unicode, Collation::Raw] {
        let keys = SortKeys::new(collation).expect("the collation's data");
        let Ok(key) = keys.key(&one) else { continue };
        ends_by_itself(&key);
        // Longer ones may be cut off, and stand by the hash of what is cut off.
        if one.len().max(other.as_ref().map_or(0, Vec::len)) > SORT_KEY_LIMIT_BYTES / 8 {
            continue;
        }
        begins_with_its_group(&keys, &key, &one);
        if let (Collation::Unicode, Ok(other)) = (collation, &other)
            && keys.key(other).is_ok_and(|greater| key < greater)
        {
            assert!(!is_above(&one, other), "{one:?} stands before {other:?}");
        }
    }
});

fn split(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

fn ends_by_itself(key: &[u8]) {
    for more in BEHIND {
        assert_eq!(sort_key_length(&[key, &[*more]].concat()), Some(key.len()));
    }
    for length in 0..key.len() {
        assert_eq!(sort_key_length(&key[..length]), None);
    }
}

fn begins_with_its_group(keys: &SortKeys, key: &[u8], json: &[u8]) {
    for elements in 1..4 {
        let length = array_prefix(key, elements).expect("a sort key");
        assert!(key < behind(&key[..length]).as_slice());
        let level = GroupLevel::Elements(NonZeroUsize::new(elements).expect("not zero"));
        let shown = keys.key(&group_key(level, json)).expect("part of a key");
        assert_eq!(array_prefix(&shown, elements), Some(length));
        assert_eq!(shown[..length], key[..length]);
    }
}

/// Whether a selector finds one above the other.
fn is_above(one: &[u8], other: &[u8]) -> bool {
    let Ok(other) = serde_json::from_slice::<Value>(other) else { return false };
    // In arrays, so that none of it is taken for operators.
    let Ok(selector) = Selector::parse(&json!({"a": {"$gt": [other]}})) else { return false };
    let body = [b"{\"a\":[", one, b"]}"].concat();
    selector.matches(&Document { body: &body, metadata: Metadata::new("a", "1-a") })
}

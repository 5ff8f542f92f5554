//! Update sequences of any peer, as text: refuge's and CouchDB's `12-abc`, numbers of CouchDB 1 and
//! PouchDB, arrays of old clusters. Opaque, but for the number that most of them begin with.

use serde_json::Value;

/// The beginning of every database.
pub(crate) const BEGINNING: &str = "0";

/// A `seq` from JSON as the text that `since=` takes: a string is itself, anything else its JSON.
pub fn sequence_text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => BEGINNING.to_owned(),
        other => other.to_string(),
    }
}

/// The number before the opaque part, where there is one.
pub(crate) fn number_of(sequence: &str) -> Option<u64> {
    let digits = sequence.split('-').next()?;
    digits.parse().ok()
}

/// The smaller of two sequences of one source; the first where they cannot be compared.
pub(crate) fn smaller<'a>(first: &'a str, second: &'a str) -> &'a str {
    match (number_of(first), number_of(second)) {
        (Some(one), Some(other)) if other < one => second,
        _ => first,
    }
}

/// Whether a feed that stood at `from` and stands at `to` has moved on, as far as can be told.
pub(crate) fn has_moved(from: &str, to: &str) -> bool {
    match (number_of(from), number_of(to)) {
        (Some(one), Some(other)) => other > one,
        _ => from != to,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sequences_of_all_peers_become_text() {
        assert_eq!(sequence_text_of(&json!("12-abc")), "12-abc");
        assert_eq!(sequence_text_of(&json!(12)), "12");
        assert_eq!(sequence_text_of(&json!([3, "x"])), "[3,\"x\"]");
        assert_eq!(sequence_text_of(&Value::Null), "0");
    }

    #[test]
    fn the_smaller_sequence_is_the_safer_one() {
        assert_eq!(smaller("12-abc", "9-zzz"), "9-zzz");
        assert_eq!(smaller("9-zzz", "12-abc"), "9-zzz");
        assert_eq!(smaller("[3]", "[2]"), "[3]");
    }

    #[test]
    fn a_feed_moves_on_by_its_number() {
        assert!(has_moved("12-abc", "13-abc") && has_moved("[2]", "[3]"));
        // Clusters of CouchDB tell the same place in other words each time.
        assert!(!has_moved("12-abc", "12-xyz") && !has_moved("12", "9"));
    }
}

//! The text form of update sequences, `<number>-<opaque>`. What the words `now` and `last-event-id`
//! mean belongs to HTTP.

/// A text that is not an update sequence.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("Malformed sequence supplied in 'since' parameter.")]
pub struct BadSequence;

/// The text form: the number, a dash, and the opaque part, which changes when a database is made
/// anew under its old name.
pub fn sequence_text(sequence: u64, opaque: &str) -> String {
    format!("{sequence}-{opaque}")
}

/// The number in `0`, `12`, `12-opaque`, or one of these as a JSON string with its quotes, as
/// clients send it when they take `since` from JSON.
pub fn parse_sequence(text: &str) -> Result<u64, BadSequence> {
    let text = text.trim();
    let text = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    let number = text.split_once('-').map_or(text, |(number, _)| number);
    if number.is_empty() || !number.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(BadSequence);
    }
    number.parse().map_err(|_| BadSequence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_form_is_read() {
        for text in ["12", "12-abc", "\"12-abc\"", " 12 ", "12-"] {
            assert_eq!(parse_sequence(text), Ok(12), "{text}");
        }
        assert_eq!(parse_sequence(&sequence_text(7, "x-y")), Ok(7));
    }

    #[test]
    fn what_is_no_sequence_is_refused() {
        for text in ["", "-", "-1", "now", "abc", "\"", "1.5", "99999999999999999999"] {
            assert_eq!(parse_sequence(text), Err(BadSequence), "{text}");
        }
    }
}

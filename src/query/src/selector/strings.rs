//! The order of strings in selectors: ICU's root collation, as CouchDB has it, with a short way for
//! ASCII. Other values do not belong here.

use std::cmp::Ordering;
use std::sync::LazyLock;

use icu_collator::CollatorBorrowed;

use crate::collation::root_collator;

/// `None` only if the data that is built in does not hold the root locale.
static COLLATOR: LazyLock<Option<CollatorBorrowed<'static>>> =
    LazyLock::new(|| root_collator().ok());

fn collate(left: &str, right: &str) -> Ordering {
    COLLATOR.as_ref().map_or_else(|| left.cmp(right), |collator| collator.compare(left, right))
}

/// The primary weight of each printable ASCII character, by its place among them; 0 for all other
/// bytes. Upper and lower case share one.
static WEIGHTS: LazyLock<[u8; 256]> = LazyLock::new(weights);

fn weights() -> [u8; 256] {
    let mut characters: Vec<char> =
        (' '..='~').filter(|character| !character.is_ascii_uppercase()).collect();
    let mut buffers = ([0; 4], [0; 4]);
    characters.sort_by(|left, right| {
        collate(left.encode_utf8(&mut buffers.0), right.encode_utf8(&mut buffers.1))
    });
    let mut weights = [0; 256];
    for (weight, character) in (1..).zip(characters) {
        for byte in [character, character.to_ascii_uppercase()].map(|one| one as usize) {
            if let Some(slot) = weights.get_mut(byte) {
                *slot = weight;
            }
        }
    }
    weights
}

/// How two strings compare. Different strings may be equal (composed and decomposed accents).
#[inline]
pub(crate) fn compare_strings(left: &str, right: &str) -> Ordering {
    compare_ascii(left.as_bytes(), right.as_bytes()).unwrap_or_else(|| collate(left, right))
}

/// The order of two strings as far as printable ASCII decides it.
///
/// At the first primary difference it is decided, unless a character beyond ASCII follows, which
/// could combine with what stands before it. Case decides only where nothing else does.
fn compare_ascii(left: &[u8], right: &[u8]) -> Option<Ordering> {
    let weights = &*WEIGHTS;
    let weight = |byte: u8| weights.get(usize::from(byte)).copied().unwrap_or(0);
    let alone = |text: &[u8], at: usize| text.get(at + 1).is_none_or(u8::is_ascii);
    let mut case = Ordering::Equal;
    for (at, (one, other)) in left.iter().zip(right).enumerate() {
        let (first, second) = (weight(*one), weight(*other));
        if first == 0 || second == 0 {
            return None;
        }
        if first != second {
            return (alone(left, at) && alone(right, at)).then(|| first.cmp(&second));
        }
        if one != other && case == Ordering::Equal {
            // Lower case, whose bytes are greater, comes first.
            case = other.cmp(one);
        }
    }
    let behind = |text: &[u8], length: usize| text.get(length).map(|byte| weight(*byte) > 0);
    match (behind(left, right.len()), behind(right, left.len())) {
        (None, None) => Some(case),
        (Some(true), _) => Some(Ordering::Greater),
        (_, Some(true)) => Some(Ordering::Less),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_short_way_agrees_with_the_collator(
            left in "[ -~]{0,6}[ -~\u{300}-\u{303}é\u{0}\n]{0,3}",
            right in "[ -~]{0,6}[ -~\u{300}-\u{303}é\u{0}\n]{0,3}",
        ) {
            prop_assert_eq!(compare_strings(&left, &right), collate(&left, &right));
        }

        #[test]
        fn near_strings_agree_too(text in "[a-cA-C_.]{0,6}", other in "[a-cA-C_.]{0,6}") {
            prop_assert_eq!(compare_strings(&text, &other), collate(&text, &other));
        }
    }

    #[test]
    fn strings_stand_in_couchdbs_order() {
        let ordered = ["", "_", "1", "a", "A", "aa", "b", "B", "ba", "é"];
        for pair in ordered.windows(2) {
            let expected = if pair[1] == "é" { "é" } else { pair[1] };
            assert_eq!(compare_strings(pair[0], expected), Ordering::Less, "{pair:?}");
        }
        assert_eq!(compare_strings("\u{e9}", "e\u{301}"), Ordering::Equal);
    }
}

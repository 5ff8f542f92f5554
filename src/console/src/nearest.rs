//! The word that was most likely meant.

/// The one of `words` that `wrong` became by at most two slips: a letter too many, one too few, another
/// one, or two that changed places.
pub(crate) fn nearest<'a>(wrong: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let most = if wrong.chars().count() < 4 { 1 } else { 2 };
    words
        .map(|word| (slips(wrong, word), word))
        .filter(|(slips, _)| *slips <= most)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, word)| word)
}

/// How many slips lie between two words, as far as they are told apart by the letters at both ends.
fn slips(wrong: &str, right: &str) -> usize {
    let (wrong, right): (Vec<char>, Vec<char>) = (wrong.chars().collect(), right.chars().collect());
    let same_before = wrong.iter().zip(&right).take_while(|(one, other)| one == other).count();
    let (wrong, right) = (wrong.get(same_before..), right.get(same_before..));
    let (wrong, right) = (wrong.unwrap_or_default(), right.unwrap_or_default());
    let pairs = wrong.iter().rev().zip(right.iter().rev());
    let same_behind = pairs.take_while(|(one, other)| one == other).count();
    (wrong.len() - same_behind).max(right.len() - same_behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_in_little_is_near() {
        let words = ["tree", "trace", "peers", "db"];
        let near = |wrong| nearest(wrong, words.into_iter());
        assert_eq!(near("tere"), Some("tree"));
        assert_eq!(near("treee"), Some("tree"));
        assert_eq!(near("pers"), Some("peers"));
        assert_eq!(near("bd"), None);
        assert_eq!(near("d"), Some("db"));
        assert_eq!(near("indexers"), None);
    }
}

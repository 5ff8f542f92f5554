//! The nearest right key for a wrong one.

use crate::settings::KEYS;

/// The path of the key that looks most like `section.name`.
pub(crate) fn nearest(section: &str, name: &str) -> String {
    let wrong = format!("{section}.{name}");
    let admins = std::iter::once("admins.NAME".to_owned());
    KEYS.iter()
        .map(crate::Key::path)
        .chain(admins)
        .min_by_key(|right| match right.split_once('.') {
            // Any name is right among the admins: only the section counts.
            Some(("admins", _)) => distance(section, "admins") + 1,
            // Without a section the name alone tells.
            Some((_, right_name)) if section.is_empty() => distance(name, right_name),
            // The same beginning of a name in another section is more likely meant than a similar path.
            Some((_, right_name)) if name.starts_with(right_name) => distance(&wrong, right) / 2,
            _ => distance(&wrong, right),
        })
        .unwrap_or_default()
}

/// Levenshtein's distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, from) in left.chars().enumerate() {
        let mut before = line + 1;
        let mut next = vec![before];
        for ((to, above), diagonal) in right.iter().zip(row.iter().skip(1)).zip(row.iter()) {
            before = (before + 1).min(above + 1).min(diagonal + usize::from(from != *to));
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_the_key() {
        assert_eq!(nearest("http", "prot"), "http.port");
        assert_eq!(nearest("htttp", "port"), "http.port");
        assert_eq!(nearest("https", "port"), "http.port");
        assert_eq!(nearest("chttpd", "bind_address"), "http.bind");
        assert_eq!(nearest("database", "shard"), "databases.shards");
        assert_eq!(nearest("admin", "alice"), "admins.NAME");
        assert_eq!(nearest("logs", "level"), "log.level");
    }

    #[test]
    fn distances_are_levenshteins() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}

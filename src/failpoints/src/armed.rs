//! Which place is due, by what the file says.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::{Failpoint, VARIABLE};

/// The file's text that was seen last, and how often the place it names was passed since.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    text: String,
    passed: u64,
}

impl Counted {
    /// Counts a place that is passed while the file holds `text`; answers whether it is due.
    fn count(&mut self, text: &str, place: Failpoint) -> bool {
        if self.text != text {
            *self = Self { text: text.to_owned(), passed: 0 };
        }
        let Some((name, number)) = text.trim().split_once(' ') else { return false };
        if name != place.name() {
            return false;
        }
        self.passed += 1;
        number.parse() == Ok(self.passed)
    }
}

pub(crate) fn is_due(place: Failpoint) -> bool {
    static FILE: OnceLock<Option<PathBuf>> = OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os(VARIABLE).map(PathBuf::from));
    file.as_deref().is_some_and(|file| is_due_by(file, place))
}

fn is_due_by(file: &Path, place: Failpoint) -> bool {
    static COUNTED: Mutex<Counted> = Mutex::new(Counted { text: String::new(), passed: 0 });
    // No file, no wish.
    let Ok(text) = std::fs::read_to_string(file) else { return false };
    COUNTED.lock().unwrap_or_else(PoisonError::into_inner).count(&text, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_due_when_it_was_passed_so_often() {
        let mut counted = Counted::default();
        let text = "seal-half 2\n";
        assert!(!counted.count(text, Failpoint::SealHalf));
        assert!(!counted.count(text, Failpoint::SealEnd));
        assert!(counted.count(text, Failpoint::SealHalf));
        assert!(!counted.count(text, Failpoint::SealHalf), "once");
    }

    #[test]
    fn counting_begins_with_another_text() {
        let mut counted = Counted::default();
        assert!(!counted.count("seal-half 2", Failpoint::SealHalf));
        assert!(!counted.count("seal-half 3", Failpoint::SealHalf));
        assert!(!counted.count("", Failpoint::SealHalf));
        assert!(!counted.count("seal-half", Failpoint::SealHalf), "no number");
        assert!(counted.count("seal-half 1", Failpoint::SealHalf));
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<_> = Failpoint::ALL.iter().map(|place| place.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Failpoint::ALL.len());
        assert!(names.iter().all(|name| !name.contains(' ')));
    }

    #[test]
    fn without_a_file_nothing_is_due() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!is_due_by(&directory.path().join("none"), Failpoint::SealHalf));
    }
}

//! Options of commands: each `--name` is followed by its value, in any order and number.

/// What was typed.
pub(super) struct Options<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Options<'a> {
    /// Takes the words apart; `None` where one is none of `known` or lacks its value.
    pub(super) fn parse(words: &[&'a str], known: &[&str]) -> Option<Self> {
        let pairs = words.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return None;
        }
        let read = |pair: &[&'a str]| match *pair {
            [option, value] => {
                let name = option.strip_prefix("--").filter(|name| known.contains(name))?;
                Some((name, value))
            }
            _ => None,
        };
        pairs.map(read).collect::<Option<Vec<_>>>().map(Self)
    }

    /// All values of an option, in the order in which they were typed.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        let of_name = self.0.iter().filter(|(option, _)| *option == name);
        of_name.map(|(_, value)| (*value).to_owned()).collect()
    }
}

/// The value of an option that may be given once: `None` where it was given more often.
pub(super) fn one(mut values: Vec<String>) -> Option<Option<String>> {
    let last = values.pop();
    values.is_empty().then_some(last)
}

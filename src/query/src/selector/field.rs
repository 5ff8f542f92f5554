//! Names of fields: dots lead into objects and arrays, a backslash takes a dot's meaning away. What
//! is found there does not belong here.

use crate::mango::MangoError;

/// Most parts of one name; every recursion over a path stays far below that of a document.
const PART_LIMIT: usize = 100;

/// A field's name as it was given, and the way to the field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    name: String,
    path: Vec<String>,
}

impl Field {
    /// Parses a name. An empty name is the value itself; an empty part of one is an error.
    ///
    /// As in CouchDB, every backslash of a name that holds one is dropped after it was split, and
    /// parts are judged before that.
    pub(crate) fn parse(name: &str) -> Result<Self, MangoError> {
        if name.is_empty() {
            return Ok(Self { name: String::new(), path: Vec::new() });
        }
        let mut path = Vec::new();
        let mut part = String::new();
        let mut escaped = false;
        let mut empty = true;
        for character in name.chars() {
            match character {
                '.' if !escaped => {
                    if empty {
                        return Err(MangoError::InvalidFieldName(name.to_owned()));
                    }
                    path.push(std::mem::take(&mut part));
                    empty = true;
                    continue;
                }
                '\\' => {}
                other => part.push(other),
            }
            empty = false;
            escaped = character == '\\';
        }
        if empty {
            return Err(MangoError::InvalidFieldName(name.to_owned()));
        }
        path.push(part);
        if path.len() > PART_LIMIT {
            return Err(MangoError::FieldNameTooLong(PART_LIMIT));
        }
        Ok(Self { name: name.to_owned(), path })
    }

    /// The name as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names (of members, or positions in arrays) that lead to the field; empty for the value
    /// itself.
    pub fn path(&self) -> &[String] {
        &self.path
    }
}

/// The position that a part of a path is in an array: what Erlang's `list_to_integer` reads.
pub(crate) fn array_position(part: &str) -> Option<usize> {
    let digits = part.strip_prefix('+').unwrap_or(part);
    let digits = match digits.strip_prefix('-') {
        Some(zeros) if part.len() == digits.len() && zeros.bytes().all(|byte| byte == b'0') => {
            zeros
        }
        Some(_) => return None,
        None => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_divide_and_backslashes_protect() {
        let path = |name: &str| Field::parse(name).map(|field| field.path().to_vec());
        assert_eq!(path("a").unwrap(), ["a"]);
        assert_eq!(path("a.b.c").unwrap(), ["a", "b", "c"]);
        assert_eq!(path(r"a\.b").unwrap(), ["a.b"]);
        assert_eq!(path(r"a.b\.c").unwrap(), ["a", "b.c"]);
        assert_eq!(path(r"a\b").unwrap(), ["ab"]);
        assert_eq!(path("").unwrap(), [""; 0]);
        for bad in ["a..b", ".a", "a.", "."] {
            assert!(path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn positions_are_integers() {
        for (part, position) in [("0", 0), ("12", 12), ("+3", 3), ("-0", 0), ("007", 7)] {
            assert_eq!(array_position(part), Some(position), "{part}");
        }
        for part in ["", "-1", "a", "1.0", "+", "-", "+-0", "99999999999999999999999"] {
            assert_eq!(array_position(part), None, "{part}");
        }
    }
}

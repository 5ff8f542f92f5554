//! The members of a JSON array that `JSON.stringify` made, as places in its text.

use std::ops::Range;

/// The places of an array's members, or `None` where the text is no array. Members are not
/// checked: the text is what `JSON.stringify` made, without white space.
pub(crate) fn members(json: &str) -> Option<Vec<Range<usize>>> {
    let bytes = json.as_bytes();
    let mut places = Vec::new();
    let mut start = 1;
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at)?,
            b'[' | b'{' => depth = depth.checked_add(1)?,
            b']' | b'}' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    let whole = bytes.first() == Some(&b'[') && at.checked_add(1)? == bytes.len();
                    if at > start {
                        places.push(start..at);
                    }
                    return whole.then_some(places);
                }
            }
            b',' if depth == 1 => {
                places.push(start..at);
                start = at.checked_add(1)?;
            }
            _ => {}
        }
        at = at.checked_add(1)?;
    }
    None
}

/// Where the string that begins at `start` ends: the place of its closing quotation mark.
fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start.checked_add(1)?;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at),
            b'\\' => at = at.checked_add(2)?,
            _ => at = at.checked_add(1)?,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn split(json: &str) -> Option<Vec<&str>> {
        Some(members(json)?.into_iter().map(|place| &json[place]).collect())
    }

    #[test]
    fn members_are_found_whatever_they_hold() {
        assert_eq!(split("[]"), Some(vec![]));
        assert_eq!(
            split(r#"[1,"a,]\"\\",[[],{"b":[2]}],null]"#),
            Some(vec!["1", r#""a,]\"\\""#, r#"[[],{"b":[2]}]"#, "null"])
        );
    }

    #[test]
    fn what_is_no_array_is_none() {
        for text in ["", "1", "{}", "[", "[1", "[\"a", "[1]2", "[\"\\", "]", "\"a\""] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(".{0,4}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_of_any_array(values in prop::collection::vec(value(), 0..8)) {
            let json = Value::from(values.clone()).to_string();
            let found: Vec<Value> =
                split(&json).unwrap().iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, values);
        }
    }
}

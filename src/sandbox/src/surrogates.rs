//! Lone surrogates in JSON text, which JavaScript's strings may hold and UTF-8 may not.

/// Replaces the escapes of lone surrogates by that of U+FFFD, as CouchDB does. In what
/// `JSON.stringify` made, every surrogate that is still escaped is alone.
pub(crate) fn mend(json: &mut String) {
    if !json.contains("\\ud") {
        return;
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json.as_str();
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let surrogate = escape.starts_with("\\ud")
            && matches!(escape.as_bytes().get(3), Some(b'8' | b'9' | b'a'..=b'f'));
        let length = if surrogate { 6 } else { 2 };
        let (kept, after) = escape.split_at_checked(length).unwrap_or((escape, ""));
        mended.push_str(if surrogate { "\\ufffd" } else { kept });
        rest = after;
    }
    mended.push_str(rest);
    *json = mended;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_become_the_replacement_character_and_backslashes_stay() {
        let mut json = r#"["\ud83d","\\ud83d","\\\udc00x","\u0007","é"]"#.to_owned();
        mend(&mut json);
        assert_eq!(json, r#"["\ufffd","\\ud83d","\\\ufffdx","\u0007","é"]"#);
    }
}

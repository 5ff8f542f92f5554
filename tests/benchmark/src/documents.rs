//! The documents that are written: 500 bytes of JSON each, all different.

/// Length of a document's text.
pub(crate) const DOCUMENT_BYTES: usize = 500;

/// Appends a document's text of [`DOCUMENT_BYTES`], with `_id` where it is to hold one.
pub(crate) fn append(text: &mut Vec<u8>, id: Option<&str>, number: u64) {
    let start = text.len();
    text.push(b'{');
    if let Some(id) = id {
        text.extend_from_slice(format!("\"_id\":\"{id}\",").as_bytes());
    }
    let members = format!(
        "\"type\":\"measurement\",\"number\":{number},\"exact\":{}.25,\"tags\":[\"a\",\"b\",\"c\"],\"open\":true,\"text\":\"",
        number % 1000
    );
    text.extend_from_slice(members.as_bytes());
    // Letters that hardly compress: xorshift (Marsaglia, 2003).
    let mut state = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    while text.len() - start < DOCUMENT_BYTES - 2 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(b'a' + u8::try_from(state % 26).unwrap_or_default());
    }
    text.extend_from_slice(b"\"}");
}

/// The id of the `number`-th document.
pub(crate) fn id(number: u64) -> String {
    format!("document-{number:08}")
}

/// The body of a `_bulk_docs` with `count` documents from `first` on.
pub(crate) fn bulk(first: u64, count: u64) -> Vec<u8> {
    let mut text = b"{\"docs\":[".to_vec();
    for number in first..first + count {
        if number > first {
            text.push(b',');
        }
        append(&mut text, Some(&id(number)), number);
    }
    text.extend_from_slice(b"]}");
    text
}

/// Numbers far apart below `count`, each once in a while: the step shares no factor with round counts.
pub(crate) fn spread(number: u64, count: u64) -> u64 {
    number.wrapping_mul(7_919) % count.max(1)
}

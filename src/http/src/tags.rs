//! Entity tags in `If-None-Match` (RFC 9110, section 13.1.2).

/// Whether the header names `tag` (with its quotes); weak tags are compared as strong ones.
pub(crate) fn names(header: &str, tag: &str) -> bool {
    header.split(',').map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn tags_are_found_in_lists() {
        assert!(names("\"1-a\"", "\"1-a\""));
        assert!(names("\"2-b\", W/\"1-a\"", "\"1-a\""));
        assert!(names("*", "\"1-a\""));
        assert!(!names("\"1-ab\"", "\"1-a\""));
    }
}

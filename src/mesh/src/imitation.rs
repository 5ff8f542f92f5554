//! Whether two names look alike to people. What follows from that is decided elsewhere.

use unicode_security::confusable_detection::skeleton;

/// Two names of one shape are taken for each other: characters that look alike are one (Unicode
/// Technical Standard 39, section 4), and so are cases and any spaces.
pub(crate) fn shape(name: &str) -> String {
    // Looks are compared before and after the case is gone: a small l and a capital I are alike.
    let first: String = skeleton(name).collect();
    let second: String = skeleton(&first.to_lowercase()).collect();
    second.to_lowercase().split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_alike_has_one_shape() {
        for (one, other) in [
            ("anna", "\u{430}nn\u{430}"),
            ("anna", "Anna"),
            ("Anna's laptop", "Anna\u{2019}s  laptop"),
            ("paypal", "paypa1"),
            ("bill", "biII"),
        ] {
            assert_eq!(shape(one), shape(other), "{one} {other}");
        }
        for (one, other) in [("anna", "anne"), ("jürgen", "jurgen"), ("a", "b")] {
            assert_ne!(shape(one), shape(other), "{one} {other}");
        }
    }
}

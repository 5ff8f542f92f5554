//! Comparison of secrets.

/// Whether both are equal, in a time that depends on their lengths alone.
pub fn constant_time_equal(left: &[u8], right: &[u8]) -> bool {
    // OpenSSL's comparison takes equal lengths only; the length of a secret is no secret.
    left.len() == right.len() && openssl::memcmp::eq(left, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_is_equal_and_a_prefix_is_not() {
        assert!(constant_time_equal(b"", b""));
        assert!(constant_time_equal(b"abc", b"abc"));
        assert!(!constant_time_equal(b"abc", b"abd"));
        assert!(!constant_time_equal(b"abc", b"ab"));
    }
}

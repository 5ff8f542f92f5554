//! What a request shows of its sender, as bytes of its headers that are compared and not copied.

use std::iter;

/// Bytes of one header, or of the three of a proxy.
pub(super) struct Shown<'a> {
    first: &'a [u8],
    further: Option<[&'a [u8]; 2]>,
}

impl<'a> Shown<'a> {
    /// Of one header.
    pub(super) fn one(bytes: &'a [u8]) -> Self {
        Self { first: bytes, further: None }
    }

    /// Of three.
    pub(super) fn three([first, second, third]: [&'a [u8]; 3]) -> Self {
        Self { first, further: Some([second, third]) }
    }

    /// One behind the other, with a byte between them that no header holds.
    fn bytes(&self) -> impl Iterator<Item = u8> {
        let further = self.further.into_iter().flatten();
        let further = further.flat_map(|bytes| iter::once(&0).chain(bytes));
        self.first.iter().chain(further).copied()
    }

    /// A copy, to be remembered.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.bytes().collect()
    }

    /// Whether it is what was remembered; compared without telling by its duration where the difference
    /// lies.
    pub(super) fn is(&self, remembered: &[u8]) -> bool {
        let further = self.further.iter().flatten().map(|bytes| bytes.len() + 1).sum::<usize>();
        self.first.len() + further == remembered.len()
            && std::hint::black_box(
                self.bytes()
                    .zip(remembered)
                    .fold(0, |difference, (left, right)| difference | (left ^ right)),
            ) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_remembered_is_found_again_and_nothing_else() {
        let one = Shown::one(b"abc");
        assert!(one.is(&one.to_bytes()));
        assert!(!one.is(b"abd") && !one.is(b"abcd") && !one.is(b"ab"));
        let three = Shown::three([b"anna", b"a,b", b""]);
        assert!(three.is(&three.to_bytes()) && three.is(b"anna\0a,b\0"));
        assert!(!Shown::three([b"anna", b"a", b"b"]).is(&three.to_bytes()));
        assert!(!Shown::one(b"annaa,b").is(&three.to_bytes()));
    }
}

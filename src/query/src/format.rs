//! Numbers and byte strings inside stored records: written here, and read back with every length
//! checked. What the records mean is said where they are.

/// A stored record that cannot be read. What is derived from documents can be built anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// Written by a newer version of refuge.
    #[error(
        "the index holds a record of format version {0}: use the version of refuge that wrote it, or let the index be built anew"
    )]
    Version(u8),
    /// Cut short, or not such a record.
    #[error("the index is damaged: let it be built anew")]
    Damaged,
}

/// Appends a number as LEB128: seven bits a byte, the lowest first.
pub(crate) fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a length and the bytes.
pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// How many bytes at the beginning of both are the same.
pub(crate) fn shared_prefix(left: &[u8], right: &[u8]) -> usize {
    left.iter().zip(right).take_while(|(left, right)| left == right).count()
}

/// What is left to read of a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Behind the version byte, which has to be `version`.
    pub(crate) fn new(record: &'a [u8], version: u8) -> Result<Self, FormatError> {
        match record.split_first() {
            Some((found, rest)) if *found == version => Ok(Self(rest)),
            Some((found, _)) => Err(FormatError::Version(*found)),
            None => Err(FormatError::Damaged),
        }
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, FormatError> {
        let (byte, rest) = self.0.split_first().ok_or(FormatError::Damaged)?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, FormatError> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            // What has no place in 64 bits, and a last byte that says nothing: written longer than
            // it has to be.
            if (shift == 63 && bits > 1) || (shift > 0 && byte == 0) {
                return Err(FormatError::Damaged);
            }
            number |= bits << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(FormatError::Damaged)
    }

    /// A number that is a length or a count of things of at least a byte each.
    pub(crate) fn length(&mut self) -> Result<usize, FormatError> {
        let number = self.varint()?;
        usize::try_from(number)
            .ok()
            .filter(|length| *length <= self.0.len())
            .ok_or(FormatError::Damaged)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], FormatError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(FormatError::Damaged)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], FormatError> {
        let length = self.length()?;
        self.take(length)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        self.take(N)?.try_into().map_err(|_| FormatError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(record: &[u8]) -> Result<u64, FormatError> {
        Reader(record).varint()
    }

    #[test]
    fn numbers_are_read_in_one_form_alone() {
        assert_eq!(read(&[0]), Ok(0));
        assert_eq!(read(&[0xFF, 0x7F]), Ok(16_383));
        assert_eq!(read(&[&[0xFF; 9][..], &[1]].concat()), Ok(u64::MAX));
        let overlong: [&[u8]; 6] = [
            &[],
            &[0x80],
            &[0x80, 0],
            &[0xFF, 0x80, 0],
            &[0x80; 11],
            // More than 64 bits.
            &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2],
        ];
        for record in overlong {
            assert_eq!(read(record), Err(FormatError::Damaged), "{record:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_as_it_was_written(number: u64, shift in 0_u32..64) {
            let number = number >> shift;
            let mut record = Vec::new();
            write_varint(&mut record, number);
            prop_assert_eq!(read(&record), Ok(number));
        }

        #[test]
        fn what_is_read_is_written_the_same(record in prop::collection::vec(any::<u8>(), 0..12)) {
            let mut reader = Reader(&record);
            if let Ok(number) = reader.varint() {
                let mut again = Vec::new();
                write_varint(&mut again, number);
                prop_assert_eq!(&again[..], &record[..record.len() - reader.rest().len()]);
            }
        }
    }
}

//! The archive format of fjall's version files: sections, a table of contents, a trailer. The
//! checksum of the whole was compared before, so that the contents' own is not looked at.
//!
//! Trailer: `SFA!`, version (1), kind of checksum (1), checksum of the contents (16), their offset
//! (8), their length (8). Contents: `TOC!`, sections (4), for each: offset (8), length (8),
//! length of its name (2), name.

use super::version::Reader;

const CONTENTS_MAGIC: &[u8] = b"TOC!";

/// Bytes of the trailer, and of what stands in it before the offset of the contents.
const TRAILER_BYTES: usize = 38;
const BEFORE_OFFSET_BYTES: usize = 22;

/// The bytes of a section.
pub(super) fn section<'a>(archive: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    let trailer = archive.get(archive.len().checked_sub(TRAILER_BYTES)?..)?;
    let mut trailer = Reader(trailer.get(BEFORE_OFFSET_BYTES..)?);
    let contents = usize::try_from(trailer.number64()?).ok()?;
    let contents = archive.get(contents..)?.strip_prefix(CONTENTS_MAGIC)?;
    let mut reader = Reader(contents);
    for _ in 0..reader.number32()? {
        let (offset, length) = (reader.number64()?, reader.number64()?);
        let name_length = usize::from(reader.number16()?);
        let name = reader.0.get(..name_length)?;
        reader.skip(name_length)?;
        if name == wanted {
            let start = usize::try_from(offset).ok()?;
            return archive.get(start..start.checked_add(usize::try_from(length).ok()?)?);
        }
    }
    None
}

//! What a keyspace's present version lists. Numbers are little-endian.
//!
//! `current`: version (8), XXH3-128 of the version's file (16), kind of checksum (1, always 0).
//! Section `tables` of a version: levels (1), for each: runs (1), for each: tables (4), for each:
//! number (8), kind of checksum (1), XXH3-128 of its file (16), first batch number (8).
//! Section `blob_files`: files (4), for each: number (8), kind of checksum (1), XXH3-128 (16).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_128;

use super::{BLOBS, CURRENT, TABLES, archive, entries};
use crate::error::OpenError;

/// fjall's mark of XXH3-128.
const XXH3: u8 = 0;

/// A file that belongs to the present version, with the checksum of all its bytes.
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) checksum: u128,
}

/// The files of the keyspace in `directory`.
pub(super) fn listed(directory: &Path) -> Result<Vec<Listed>, OpenError> {
    let current = directory.join(CURRENT);
    let damaged =
        |file: &Path, reason| OpenError::Damaged { file: file.to_owned(), offset: None, reason };
    let Some(bytes) = read(&current)? else {
        // A keyspace that was being made when the process ended has nothing in it yet.
        return if entries(&directory.join(TABLES))?.is_empty() {
            Ok(Vec::new())
        } else {
            Err(damaged(&current, "is missing"))
        };
    };
    let mut reader = Reader(&bytes);
    let mut present = || Some((reader.number64()?, reader.checksum_before_kind()?));
    let (number, checksum) = match present() {
        Some(present) if reader.0.is_empty() => present,
        _ => return Err(damaged(&current, "cannot be read")),
    };
    let version = directory.join(format!("v{number}"));
    let Some(bytes) = read(&version)? else {
        return Err(damaged(&current, "names a version that is missing"));
    };
    if xxh3_128(&bytes) != checksum {
        return Err(damaged(&version, "does not match its checksum"));
    }
    files(directory, &bytes).ok_or_else(|| damaged(&version, "cannot be read"))
}

fn files(directory: &Path, version: &[u8]) -> Option<Vec<Listed>> {
    let mut found = Vec::new();
    let mut tables = Reader(archive::section(version, b"tables")?);
    for _ in 0..tables.byte()? {
        for _ in 0..tables.byte()? {
            for _ in 0..tables.number32()? {
                found.push(tables.listed(&directory.join(TABLES))?);
                tables.number64()?;
            }
        }
    }
    let mut blobs = Reader(archive::section(version, b"blob_files")?);
    for _ in 0..blobs.number32()? {
        found.push(blobs.listed(&directory.join(BLOBS))?);
    }
    Some(found)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { path: path.to_owned(), source }),
    }
}

/// Takes numbers off the front of bytes.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn number16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn number32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn number64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn number128(&mut self) -> Option<u128> {
        self.array().map(u128::from_le_bytes)
    }

    pub(super) fn skip(&mut self, length: usize) -> Option<()> {
        self.0 = self.0.get(length..)?;
        Some(())
    }

    /// As `current` has it: the checksum, then its kind.
    fn checksum_before_kind(&mut self) -> Option<u128> {
        let checksum = self.number128()?;
        (self.byte()? == XXH3).then_some(checksum)
    }

    /// As lists have it: a file's number, the kind of its checksum, the checksum.
    fn listed(&mut self, directory: &Path) -> Option<Listed> {
        let number = self.number64()?;
        if self.byte()? != XXH3 {
            return None;
        }
        let checksum = self.number128()?;
        Some(Listed { path: directory.join(number.to_string()), checksum })
    }
}

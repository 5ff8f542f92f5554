//! A backup as a file: a line that names it, a line of JSON that tells of it, blocks, and a line of JSON at
//! the end. A block is its length packed and plain (four bytes each, little-endian), XXH3 of what is packed
//! (eight), and what is packed, by zstd. Two lengths of 0 end the blocks; the number behind them is XXH3 of
//! all the others, so that no block can be missing.

use std::io::{self, BufRead, Read, Write};

use refuge_packing::{Coding, packed, reader};
use serde_json::{Value, json};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The first line; the number is the format's.
const NAME: &str = "refuge backup 1";
/// Longest line of JSON: it may name all databases.
const LINE_BYTES: u64 = 16 * 1024 * 1024;
/// Longest block, packed or plain.
const BLOCK_BYTES: u32 = 1024 * 1024 * 1024;

/// Why a backup could not be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BackupError {
    /// The file cannot be written or read.
    #[error("the backup: {0}")]
    Io(#[from] io::Error),
    /// It is no backup, or one of a later version.
    #[error("this is no backup that this version reads: its first line is {0:?}")]
    NoBackup(String),
    /// The data in it is of a later version.
    #[error(
        "the backup's data has format {found}, this version reads up to {known}: use the version that made it"
    )]
    NewerFormat {
        /// Its format.
        found: u64,
        /// The newest that is read.
        known: u32,
    },
    /// Something in it is not what was written.
    #[error("the backup is damaged or not whole at its block {0}; take it from another copy")]
    Damaged(u64),
}

/// What a backup holds up to a block.
#[derive(Clone)]
pub(super) struct SoFar {
    /// XXH3 of the sums of all blocks.
    sums: Xxh3,
    pub(super) blocks: u64,
    /// Bytes of the blocks before they were packed.
    pub(super) plain_bytes: u64,
}

impl SoFar {
    fn nothing() -> Self {
        Self { sums: Xxh3::new(), blocks: 0, plain_bytes: 0 }
    }
}

/// Writes a backup.
pub(super) struct BackupWriter<W> {
    output: W,
    so_far: SoFar,
}

impl<W: Write> BackupWriter<W> {
    pub(super) fn begin(mut output: W, head: &Value) -> Result<Self, BackupError> {
        writeln!(output, "{NAME}\n{head}")?;
        Ok(Self { output, so_far: SoFar::nothing() })
    }

    /// Goes on behind blocks that are written.
    pub(super) fn behind(output: W, so_far: SoFar) -> Self {
        Self { output, so_far }
    }

    pub(super) fn block(&mut self, plain: &[u8]) -> Result<(), BackupError> {
        let packed = packed(Coding::Zstd, plain)?;
        let sum = xxh3_64(&packed).to_le_bytes();
        for length in [packed.len(), plain.len()] {
            let length = u32::try_from(length).map_err(io::Error::other)?;
            self.output.write_all(&length.to_le_bytes())?;
        }
        self.output.write_all(&sum)?;
        self.output.write_all(&packed)?;
        self.so_far.sums.update(&sum);
        self.so_far.blocks += 1;
        self.so_far.plain_bytes += plain.len() as u64;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<W, BackupError> {
        let SoFar { sums, blocks, plain_bytes } = &self.so_far;
        self.output.write_all(&[0; 8])?;
        self.output.write_all(&sums.digest().to_le_bytes())?;
        let end = json!({"blocks": blocks, "bytes": plain_bytes});
        writeln!(self.output, "{end}")?;
        self.output.flush()?;
        Ok(self.output)
    }
}

/// Reads a backup.
pub(crate) struct BackupFile<R> {
    input: R,
    /// What the file tells of itself.
    pub(crate) head: Value,
    pub(super) so_far: SoFar,
    /// Bytes of the file up to the end of the last block that was read.
    pub(super) length: u64,
}

impl<R: BufRead> BackupFile<R> {
    /// Reads what stands before the blocks.
    pub(crate) fn begin(mut input: R) -> Result<Self, BackupError> {
        let name = line(&mut input, 64)?;
        let told = String::from_utf8_lossy(&name);
        if told.trim_end() != NAME {
            return Err(BackupError::NoBackup(told.trim_end().escape_debug().to_string()));
        }
        let head = line(&mut input, LINE_BYTES)?;
        let length = (name.len() + head.len()) as u64;
        let head = serde_json::from_slice(&head).map_err(|_| BackupError::Damaged(0))?;
        Ok(Self { input, head, so_far: SoFar::nothing(), length })
    }

    /// The next block, plain, and its length in the file; none at the end, when all of them were what was
    /// written.
    pub(crate) fn block(&mut self) -> Result<Option<(Vec<u8>, u64)>, BackupError> {
        self.so_far.blocks += 1;
        let damaged = BackupError::Damaged(self.so_far.blocks);
        let (packed_length, plain_length) = (self.number()?, self.number()?);
        let mut sum = [0; 8];
        self.read(&mut sum)?;
        if packed_length == 0 && plain_length == 0 {
            let all = u64::from_le_bytes(sum) == self.so_far.sums.digest();
            return if all { Ok(None) } else { Err(damaged) };
        }
        if packed_length > BLOCK_BYTES || plain_length > BLOCK_BYTES {
            return Err(damaged);
        }
        let mut packed = vec![0; usize::try_from(packed_length).map_err(io::Error::other)?];
        self.read(&mut packed)?;
        if xxh3_64(&packed) != u64::from_le_bytes(sum) {
            return Err(damaged);
        }
        self.so_far.sums.update(&sum);
        let mut plain = Vec::with_capacity(usize::try_from(plain_length).unwrap_or(0));
        let unpacking = reader(Coding::Zstd, packed.into())?;
        // One byte more than there may be shows that there are more.
        unpacking.take(u64::from(plain_length) + 1).read_to_end(&mut plain)?;
        if plain.len() as u64 != u64::from(plain_length) {
            return Err(damaged);
        }
        self.so_far.plain_bytes += u64::from(plain_length);
        let length = u64::from(packed_length) + 16;
        self.length += length;
        Ok(Some((plain, length)))
    }

    fn number(&mut self) -> Result<u32, BackupError> {
        let mut bytes = [0; 4];
        self.read(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// A file that ends too early is not whole.
    fn read(&mut self, bytes: &mut [u8]) -> Result<(), BackupError> {
        self.input.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => BackupError::Damaged(self.so_far.blocks),
            _ => error.into(),
        })
    }
}

fn line(input: &mut impl BufRead, most: u64) -> Result<Vec<u8>, BackupError> {
    let mut line = Vec::new();
    input.take(most).read_until(b'\n', &mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(blocks: &[&[u8]]) -> Vec<u8> {
        let mut writer = BackupWriter::begin(Vec::new(), &json!({"version": "1"})).unwrap();
        blocks.iter().for_each(|block| writer.block(block).unwrap());
        writer.finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Vec<u8>>, BackupError> {
        let mut file = BackupFile::begin(bytes)?;
        assert_eq!(file.head["version"], "1");
        let mut blocks = Vec::new();
        while let Some((block, _)) = file.block()? {
            blocks.push(block);
        }
        Ok(blocks)
    }

    #[test]
    fn blocks_come_back_as_they_were() {
        let large = vec![b'x'; 3_000_000];
        let bytes = written(&[b"one", &large, b"three"]);
        assert!(bytes.len() < 10_000, "they are packed");
        assert_eq!(read(&bytes).unwrap(), [b"one".to_vec(), large, b"three".to_vec()]);
    }

    #[test]
    fn every_bit_that_flips_and_every_piece_that_is_missing_is_found() {
        let bytes = written(&[b"one", b"two", b"three"]);
        let begin = bytes.iter().rposition(|byte| *byte == b'{').unwrap();
        let blocks = bytes.windows(2).position(|pair| pair == b"}\n").unwrap() + 2;
        for place in blocks..begin {
            let mut other = bytes.clone();
            other[place] ^= 1;
            assert!(read(&other).is_err(), "a bit at {place}");
        }
        for length in blocks..begin {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
        }
        // A whole block that is left out.
        let without = written(&[b"one", b"three"]);
        let mut mixed = without[..without.len() - (bytes.len() - begin) - 8].to_vec();
        mixed.extend_from_slice(&bytes[begin - 8..]);
        assert!(read(&mixed).is_err());
        assert!(matches!(read(b"refuge backup 2\n{}\n"), Err(BackupError::NoBackup(_))));
    }
}

//! A journal file read in windows: a journal is larger than the memory an idle node may take.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::SeekFrom;
use xxhash_rust::xxh3::Xxh3;

/// One read of the file. Also the most that is held of it.
const WINDOW_BYTES: usize = 256 * 1024;

/// A journal file, readable at any offset.
pub(super) struct Source {
    file: File,
    length: u64,
    window: Vec<u8>,
    /// Offset in the file of the window's first byte.
    start: u64,
    /// The next byte to read, as an offset in the file.
    position: u64,
}

impl Source {
    pub(super) fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length, window: Vec::new(), start: 0, position: 0 })
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn seek(&mut self, offset: u64) {
        self.position = offset;
    }

    /// Bytes at the position, at most `limit` and at least one; empty at the end of the file.
    /// They do not count as read.
    pub(super) fn look(&mut self, limit: usize) -> std::io::Result<&[u8]> {
        let end = self.start + self.window.len() as u64;
        if !(self.start..end).contains(&self.position) {
            self.fill()?;
        }
        let from = (self.position - self.start) as usize;
        let bytes = self.window.get(from..).unwrap_or_default();
        Ok(bytes.get(..limit).unwrap_or(bytes))
    }

    /// As many bytes from `offset` on as a window holds, fewer only at the end of the file.
    pub(super) fn window_at(&mut self, offset: u64) -> std::io::Result<&[u8]> {
        self.position = offset;
        self.fill()?;
        Ok(&self.window)
    }

    fn fill(&mut self) -> std::io::Result<()> {
        let left = self.length.saturating_sub(self.position);
        let wanted = left.min(WINDOW_BYTES as u64) as usize;
        self.start = self.position;
        self.window.resize(wanted, 0);
        self.file.read_exact_at(&mut self.window, self.start)
    }

    /// Reads exactly `N` bytes; `None` where the file ends before.
    pub(super) fn array<const N: usize>(&mut self) -> std::io::Result<Option<[u8; N]>> {
        let mut out = [0; N];
        let mut room = out.as_mut_slice();
        while !room.is_empty() {
            let bytes = self.look(room.len())?;
            let count = bytes.len();
            if count == 0 {
                return Ok(None);
            }
            let (filled, rest) = room.split_at_mut(count);
            filled.copy_from_slice(bytes);
            room = rest;
            self.position += count as u64;
        }
        Ok(Some(out))
    }

    /// Reads `length` bytes into a checksum; `false` where the file ends before.
    pub(super) fn hash(&mut self, length: u64, checksum: &mut Xxh3) -> std::io::Result<bool> {
        if length > self.length.saturating_sub(self.position) {
            return Ok(false);
        }
        let mut left = length;
        while left > 0 {
            let bytes = self.look(left.min(WINDOW_BYTES as u64) as usize)?;
            checksum.update(bytes);
            let count = bytes.len() as u64;
            left -= count;
            self.position += count;
        }
        Ok(true)
    }

    /// Whether nothing but zeros stands from `offset` to the end. Holes are passed over.
    pub(super) fn only_zeros_from(&mut self, offset: u64) -> std::io::Result<bool> {
        self.position = offset;
        loop {
            match self.next_data(self.position)? {
                Some(offset) => self.position = offset,
                None => return Ok(true),
            }
            let bytes = self.look(WINDOW_BYTES)?;
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            self.position += bytes.len() as u64;
        }
    }

    /// Where the next data of a sparse file begins, `None` when only a hole is left. A file
    /// system that does not tell counts everything as data.
    pub(super) fn next_data(&self, offset: u64) -> std::io::Result<Option<u64>> {
        if offset >= self.length {
            return Ok(None);
        }
        match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(found) => Ok(Some(found)),
            Err(rustix::io::Errno::NXIO) => Ok(None),
            Err(rustix::io::Errno::INVAL) => Ok(Some(offset)),
            Err(error) => Err(error.into()),
        }
    }
}

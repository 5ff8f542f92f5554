//! Packing bytes as they come.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::Coding;

/// zstd's usual level: several times as fast as gzip's fastest, and smaller.
const ZSTD_LEVEL: i32 = 3;
/// Base-two logarithm of the window: 512 KiB, so that a stream costs a node little memory. JSON repeats
/// itself much closer.
const ZSTD_WINDOW_LOG: u32 = 19;

/// Packs bytes as they come. gzip and deflate at their fastest level: most of what is to be won from
/// JSON is won there.
pub struct Packer {
    encoder: Encoder,
    /// Whether bytes were taken that are not given out for sure.
    holds: bool,
}

enum Encoder {
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Encoder {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Zstd(encoder) => encoder,
            Self::Gzip(encoder) => encoder,
            Self::Deflate(encoder) => encoder,
        }
    }
}

impl Packer {
    /// A packer at the beginning of a body.
    ///
    /// # Errors
    /// Where the memory for it cannot be had.
    pub fn new(coding: Coding) -> io::Result<Self> {
        let encoder = match coding {
            Coding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(ZSTD_WINDOW_LOG)?;
                Encoder::Zstd(Box::new(encoder))
            }
            Coding::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Coding::Deflate => Encoder::Deflate(ZlibEncoder::new(Vec::new(), Compression::fast())),
        };
        Ok(Self { encoder, holds: false })
    }

    /// Takes plain bytes; what is packed by now.
    pub fn pack(&mut self, plain: &[u8]) -> Bytes {
        self.holds = true;
        // Writing into memory does not fail.
        let _ = self.encoder.writer().write_all(plain);
        self.take()
    }

    /// All that was taken so far, packed.
    pub fn flush(&mut self) -> Bytes {
        if !std::mem::take(&mut self.holds) {
            return Bytes::new();
        }
        let _ = self.encoder.writer().flush();
        self.take()
    }

    /// Takes the last plain bytes; the rest of the packed ones.
    pub fn finish(&mut self, plain: &[u8]) -> Bytes {
        let begun = self.pack(plain);
        let _ = match &mut self.encoder {
            Encoder::Zstd(encoder) => encoder.do_finish(),
            Encoder::Gzip(encoder) => encoder.try_finish(),
            Encoder::Deflate(encoder) => encoder.try_finish(),
        };
        let rest = self.take();
        if begun.is_empty() { rest } else { [begun, rest].concat().into() }
    }

    fn take(&mut self) -> Bytes {
        let packed = match &mut self.encoder {
            Encoder::Zstd(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Deflate(encoder) => std::mem::take(encoder.get_mut()),
        };
        packed.into()
    }
}

/// A whole body, packed. Takes about 5 ms a MiB: on a thread for slow work where it is long.
///
/// # Errors
/// As [`Packer::new`].
pub fn packed(coding: Coding, plain: &[u8]) -> io::Result<Bytes> {
    Ok(Packer::new(coding)?.finish(plain))
}

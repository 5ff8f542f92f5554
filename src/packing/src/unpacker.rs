//! Unpacking bytes as they come, a bounded piece at a time: a few packed bytes may hold thousands of
//! times as many.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Operation};

use crate::{Coding, LARGEST_WINDOW_LOG};

/// Most plain bytes that are given out at once.
const PIECE_BYTES: usize = 64 << 10;
/// zlib's largest window, as a logarithm.
const GZIP_WINDOW_BITS: u8 = 15;
/// With what a member of gzip begins (RFC 1952, section 2.3.1).
const GZIP_BEGIN: u8 = 0x1f;

/// Unpacks one body: packed pieces go in, plain ones come out.
pub struct Unpacker {
    decoder: Decoder,
    /// Packed and not looked at yet.
    waiting: Bytes,
    /// Whether the last step filled its piece, so that more may come without more input.
    full: bool,
    /// Whether what was packed came to its end.
    ended: bool,
}

enum Decoder {
    /// One member, of which others may follow.
    Gzip(Decompress),
    Deflate(Decompress),
    Zstd(zstd::stream::raw::Decoder<'static>),
}

impl Unpacker {
    /// An unpacker at the beginning of a body.
    ///
    /// # Errors
    /// Where the memory for it cannot be had.
    pub fn new(coding: Coding) -> io::Result<Self> {
        let decoder = match coding {
            Coding::Zstd => {
                let mut decoder = zstd::stream::raw::Decoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(LARGEST_WINDOW_LOG))?;
                Decoder::Zstd(decoder)
            }
            Coding::Gzip => Decoder::Gzip(Decompress::new_gzip(GZIP_WINDOW_BITS)),
            Coding::Deflate => Decoder::Deflate(Decompress::new(true)),
        };
        Ok(Self { decoder, waiting: Bytes::new(), full: false, ended: false })
    }

    /// Takes the next packed bytes; those before must have been given out.
    pub fn push(&mut self, packed: Bytes) {
        self.waiting = match self.waiting.is_empty() {
            true => packed,
            false => [std::mem::take(&mut self.waiting), packed].concat().into(),
        };
    }

    /// The next plain bytes, at most 64 KiB; `None` where more packed ones are needed.
    ///
    /// # Errors
    /// What came is not packed so.
    pub fn next_piece(&mut self) -> io::Result<Option<Bytes>> {
        while !self.is_over() && (self.full || !self.waiting.is_empty()) {
            let mut piece = vec![0; PIECE_BYTES];
            let (read, written, ended) = self.step(&mut piece)?;
            self.waiting.advance(read.min(self.waiting.len()));
            self.full = written == piece.len();
            self.ended = ended;
            if written > 0 {
                piece.truncate(written);
                return Ok(Some(piece.into()));
            }
            if read == 0 && !ended {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Whether nothing follows, of what came so far. zstd may have another frame and gzip another member, which
    /// begins here; a step without bytes would begin one that never comes. What else comes behind the end is
    /// nobody's.
    fn is_over(&mut self) -> bool {
        if !self.ended {
            return false;
        }
        match (&mut self.decoder, self.waiting.first()) {
            (_, None) | (Decoder::Deflate(_), _) => true,
            (Decoder::Zstd(_), Some(_)) => false,
            (Decoder::Gzip(decoder), Some(&GZIP_BEGIN)) => {
                *decoder = Decompress::new_gzip(GZIP_WINDOW_BITS);
                (self.ended, self.full) = (false, false);
                false
            }
            (Decoder::Gzip(_), Some(_)) => true,
        }
    }

    /// Whether all that was packed has come.
    pub fn is_complete(&self) -> bool {
        self.ended
    }

    /// Bytes read and written, and whether the end was met.
    fn step(&mut self, piece: &mut [u8]) -> io::Result<(usize, usize, bool)> {
        match &mut self.decoder {
            Decoder::Gzip(decoder) | Decoder::Deflate(decoder) => {
                let before = (decoder.total_in(), decoder.total_out());
                let status = decoder.decompress(&self.waiting, piece, FlushDecompress::None)?;
                let count = |now: u64, before: u64| usize::try_from(now - before).unwrap_or(0);
                let read = count(decoder.total_in(), before.0);
                let written = count(decoder.total_out(), before.1);
                Ok((read, written, status == Status::StreamEnd))
            }
            Decoder::Zstd(decoder) => {
                let status = decoder.run_on_buffers(&self.waiting, piece)?;
                Ok((status.bytes_read, status.bytes_written, status.remaining == 0))
            }
        }
    }
}

/// Reads the plain bytes of a whole body that is in memory. Fails where it breaks off.
///
/// # Errors
/// As [`Unpacker::new`].
pub fn reader(coding: Coding, packed: Bytes) -> io::Result<Box<dyn Read + Send>> {
    Ok(match coding {
        Coding::Gzip => Box::new(MultiGzDecoder::new(packed.reader())),
        // Some clients send RFC 1951 alone.
        Coding::Deflate if is_zlib(&packed) => Box::new(ZlibDecoder::new(packed.reader())),
        Coding::Deflate => Box::new(DeflateDecoder::new(packed.reader())),
        Coding::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::new(packed.reader())?;
            decoder.window_log_max(LARGEST_WINDOW_LOG)?;
            Box::new(decoder)
        }
    })
}

/// Whether it begins as RFC 1950 says.
fn is_zlib(packed: &Bytes) -> bool {
    packed
        .first_chunk::<2>()
        .is_some_and(|header| header[0] & 0x0f == 8 && u16::from_be_bytes(*header) % 31 == 0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packed;

    const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Gzip, Coding::Deflate];

    fn unpacked(coding: Coding, packed: &[u8], piece_bytes: usize) -> (Vec<u8>, bool) {
        let mut unpacker = Unpacker::new(coding).unwrap();
        let mut plain = Vec::new();
        for piece in packed.chunks(piece_bytes.max(1)) {
            unpacker.push(Bytes::copy_from_slice(piece));
            while let Some(piece) = unpacker.next_piece().unwrap() {
                assert!(piece.len() <= PIECE_BYTES);
                plain.extend_from_slice(&piece);
            }
        }
        (plain, unpacker.is_complete())
    }

    proptest! {
        #[test]
        fn bodies_come_out_as_they_went_in(
            plain in proptest::collection::vec(0_u8..8, 0..5_000),
            repeated in 1_usize..60,
            piece_bytes in 1_usize..3_000,
        ) {
            let plain = plain.repeat(repeated);
            for coding in CODINGS {
                let packed = packed(coding, &plain).unwrap();
                let (out, complete) = unpacked(coding, &packed, piece_bytes);
                prop_assert!(complete && out == plain, "{coding:?}");
                let mut read = Vec::new();
                reader(coding, packed).unwrap().read_to_end(&mut read).unwrap();
                prop_assert!(read == plain, "{coding:?}");
            }
        }
    }

    #[test]
    fn members_of_gzip_come_out_one_behind_another() {
        let members =
            ["one ", "two ", "", "three"].map(|text| packed(Coding::Gzip, text.as_bytes()));
        let mut whole: Vec<u8> = members.into_iter().flat_map(Result::unwrap).collect();
        for piece_bytes in 1..whole.len() {
            let plain = (b"one two three".to_vec(), true);
            assert_eq!(unpacked(Coding::Gzip, &whole, piece_bytes), plain, "{piece_bytes}");
            assert!(!unpacked(Coding::Gzip, &whole[..whole.len() - 3], piece_bytes).1);
        }
        // Padding is no member.
        whole.extend([0; 9]);
        assert_eq!(unpacked(Coding::Gzip, &whole, 7), (b"one two three".to_vec(), true));
    }

    #[test]
    fn a_bomb_comes_out_in_small_pieces() {
        let plain = vec![0_u8; 32 << 20];
        for coding in CODINGS {
            let packed = packed(coding, &plain).unwrap();
            assert!(packed.len() < 256 << 10, "{coding:?}");
            assert!(unpacked(coding, &packed, usize::MAX) == (plain.clone(), true), "{coding:?}");
        }
    }

    #[test]
    fn a_body_that_breaks_off_is_not_complete_and_another_is_an_error() {
        for coding in CODINGS {
            let packed = packed(coding, &[b'a'; 1_000]).unwrap();
            let cut = &packed[..packed.len() - 4];
            assert!(!unpacked(coding, cut, 7).1, "{coding:?}");
            let broken = reader(coding, Bytes::copy_from_slice(cut)).unwrap();
            let read = io::read_to_string(broken);
            assert!(read.is_err() || coding == Coding::Deflate, "{coding:?}");
            let mut unpacker = Unpacker::new(coding).unwrap();
            unpacker.push(Bytes::from_static(b"{\"a\": \"this is JSON\"}"));
            assert!(unpacker.next_piece().is_err(), "{coding:?}");
        }
    }

    #[test]
    fn a_window_that_is_too_large_is_refused() {
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        encoder.window_log(LARGEST_WINDOW_LOG + 1).unwrap();
        io::Write::write_all(&mut encoder, &[7; 1_000]).unwrap();
        let packed = Bytes::from(encoder.finish().unwrap());
        let mut plain = Vec::new();
        let mut reading = reader(Coding::Zstd, packed.clone()).unwrap();
        assert!(reading.read_to_end(&mut plain).is_err());
        let mut unpacker = Unpacker::new(Coding::Zstd).unwrap();
        unpacker.push(packed);
        assert!(unpacker.next_piece().is_err());
    }
}

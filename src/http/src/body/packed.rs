//! Unpacking a packed body piece by piece, so that no thread is kept busy for long and no more is
//! unpacked than may be held.

use std::io::Read;

use bytes::Bytes;

use super::too_large;
use crate::failure::Failure;
use crate::request_bytes::HeldBytes;

/// Bytes that are unpacked at once, about a millisecond; what comes behind them is unpacked on a
/// thread for slow work.
const INLINE_BYTES: usize = 256 * 1024;

/// Bytes that are unpacked there at a time.
const STEP_BYTES: usize = 4 * 1024 * 1024;

/// Reads the plain bytes of a packed body.
pub(super) type Decoder = Box<dyn Read + Send>;

/// Unpacks a body; 400 when it is not packed so, 413 when it unpacks to more than `limit` bytes, 503
/// when the node holds too many bytes.
pub(super) async fn unpack(
    decoder: Decoder,
    limit: usize,
    held: &mut HeldBytes,
) -> Result<Bytes, Failure> {
    let mut unpacking = Unpacking { decoder, plain: Vec::new(), finished: false };
    let mut step = INLINE_BYTES;
    while !unpacking.finished {
        let wanted = step.min(limit.saturating_add(1) - unpacking.plain.len());
        held.hold(wanted).await?;
        let before = unpacking.plain.len();
        unpacking = if step == INLINE_BYTES {
            unpacking.advanced(wanted)?
        } else {
            tokio::task::spawn_blocking(move || unpacking.advanced(wanted)).await.map_err(
                |error| Failure::Internal(format!("unpacking the body failed: {error}")),
            )??
        };
        held.give_back(wanted - (unpacking.plain.len() - before));
        if unpacking.plain.len() > limit {
            return Err(too_large(limit as u64));
        }
        step = STEP_BYTES;
    }
    Ok(unpacking.plain.into())
}

struct Unpacking {
    decoder: Decoder,
    plain: Vec<u8>,
    finished: bool,
}

impl Unpacking {
    /// Unpacks at most `bytes` more.
    fn advanced(mut self, bytes: usize) -> Result<Self, Failure> {
        let unpacked =
            self.decoder.by_ref().take(bytes as u64).read_to_end(&mut self.plain).map_err(
                |_| {
                    let reason = "the request's body is not packed as its Content-Encoding says";
                    Failure::BadRequest(reason.to_owned())
                },
            )?;
        self.finished = unpacked < bytes;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use hyper::HeaderMap;
    use hyper::header::CONTENT_ENCODING;

    use super::super::RequestBody;
    use super::*;

    fn gzipped(plain: &[u8]) -> Bytes {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(plain).expect("memory");
        encoder.finish().expect("memory").into()
    }

    #[tokio::test]
    async fn a_gzipped_body_is_unpacked_up_to_the_limit() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().expect("a value"));
        let plain = vec![b'a'; 1000];
        let mut body = RequestBody::from(gzipped(&plain));
        assert_eq!(body.collect(&headers, 1000).await, Ok(Bytes::from(plain.clone())));
        let mut body = RequestBody::from(gzipped(&plain));
        let failure = body.collect(&headers, 999).await.expect_err("too large");
        assert_eq!(failure.status().0.as_u16(), 413);
        let mut body = RequestBody::from(Bytes::from_static(b"{}"));
        let failure = body.collect(&headers, 999).await.expect_err("not gzip");
        assert_eq!(failure.status().0.as_u16(), 400);
        let long = vec![b'a'; INLINE_BYTES + STEP_BYTES + 1];
        let mut body = RequestBody::from(gzipped(&long));
        assert_eq!(body.collect(&headers, long.len()).await, Ok(Bytes::from(long.clone())));
        let mut body = RequestBody::from(gzipped(&long));
        assert!(body.collect(&headers, long.len() - 1).await.is_err());
        headers.insert(CONTENT_ENCODING, "br".parse().expect("a value"));
        let mut body = RequestBody::from(Bytes::from_static(b"{}"));
        let failure = body.collect(&headers, 999).await.expect_err("unknown encoding");
        assert_eq!(failure.status().0.as_u16(), 415);
    }

    #[tokio::test]
    async fn a_bomb_of_zstd_is_unpacked_up_to_the_limit_alone() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "zstd".parse().expect("a value"));
        let plain = vec![b'a'; 64 << 20];
        let packed = refuge_packing::packed(refuge_packing::Coding::Zstd, &plain).expect("memory");
        assert!(packed.len() < 16 << 10, "{} bytes", packed.len());
        let mut body = RequestBody::from(packed.clone());
        assert_eq!(body.collect(&headers, plain.len()).await, Ok(Bytes::from(plain)));
        let mut body = RequestBody::from(packed.clone());
        let failure = body.collect(&headers, 1 << 20).await.expect_err("too large");
        assert_eq!(failure.status().0.as_u16(), 413);
        let mut body = RequestBody::from(packed.slice(..packed.len() / 2));
        let failure = body.collect(&headers, usize::MAX / 2).await.expect_err("it breaks off");
        assert_eq!(failure.status().0.as_u16(), 400);
    }

    #[tokio::test]
    async fn a_deflated_body_is_unpacked_with_and_without_its_header() {
        use flate2::Compression;
        let plain = vec![b'a'; 1000];
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&plain).expect("memory");
        let mut raw = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&plain).expect("memory");
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "deflate".parse().expect("a value"));
        for packed in [zlib.finish().expect("memory"), raw.finish().expect("memory")] {
            let mut body = RequestBody::from(Bytes::from(packed.clone()));
            assert_eq!(body.collect(&headers, 1000).await, Ok(Bytes::from(plain.clone())));
            let mut body = RequestBody::from(Bytes::from(packed));
            let failure = body.collect(&headers, 999).await.expect_err("too large");
            assert_eq!(failure.status().0.as_u16(), 413);
        }
        let mut body = RequestBody::from(Bytes::from_static(b"{\"a\":1}"));
        let failure = body.collect(&headers, 1000).await.expect_err("not packed");
        assert_eq!(failure.status().0.as_u16(), 400);
    }
}

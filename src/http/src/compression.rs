//! Answers packed with gzip or deflate, where the client takes that and it is worth it. Which answers
//! may be packed is told by their bodies: attachments and feeds that stay open go out as they are.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::body::Body;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{HeaderMap, Method};

use crate::reply::Reply;
use crate::stream::ReplyBody;

/// A shorter answer goes out in one packet of the network anyway.
const LEAST_BYTES: u64 = 1400;

/// A way of packing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Gzip,
    /// RFC 1950, which is what RFC 9110 calls `deflate`.
    Deflate,
}

/// Packs an answer where its request and its body allow it.
pub(crate) fn pack(reply: &mut Reply, method: &Method, request: &HeaderMap) {
    let length = reply.body().size_hint().exact();
    if !reply.body().is_packable() || length.is_some_and(|length| length < LEAST_BYTES) {
        return;
    }
    let headers = reply.headers_mut();
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    let Some(accepted) = request.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()) else {
        return;
    };
    let Some(packing) = choose(accepted) else { return };
    if *method == Method::HEAD {
        return;
    }
    let name = match packing {
        Packing::Gzip => "gzip",
        Packing::Deflate => "deflate",
    };
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(name));
    let plain = std::mem::replace(reply.body_mut(), ReplyBody::empty());
    *reply.body_mut() = plain.packed(Packer::new(packing));
}

/// The packing that a client takes, gzip before deflate.
fn choose(accepted: &str) -> Option<Packing> {
    let quality = |name: &str| {
        let named = accepted.split(',').find_map(|item| {
            let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
            coding.trim().eq_ignore_ascii_case(name).then_some(parameters)
        });
        named.map(|parameters| {
            let quality = parameters.trim().strip_prefix("q=");
            quality.and_then(|text| text.trim().parse::<f32>().ok()).unwrap_or(1.0)
        })
    };
    let others = quality("*").unwrap_or(0.0);
    let gzip = quality("gzip").or(quality("x-gzip")).unwrap_or(others);
    let deflate = quality("deflate").unwrap_or(others);
    if gzip > 0.0 && gzip >= deflate {
        Some(Packing::Gzip)
    } else if deflate > 0.0 {
        Some(Packing::Deflate)
    } else {
        None
    }
}

/// Packs bytes as they come. The fastest level: most of what is to be won from JSON is won there.
pub(crate) struct Packer {
    encoder: Encoder,
    /// Whether bytes were taken that are not given out for sure.
    holds: bool,
}

enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Deflate(ZlibEncoder<Vec<u8>>),
}

impl Packer {
    fn new(packing: Packing) -> Self {
        let encoder = match packing {
            Packing::Gzip => Encoder::Gzip(GzEncoder::new(Vec::new(), Compression::fast())),
            Packing::Deflate => Encoder::Deflate(ZlibEncoder::new(Vec::new(), Compression::fast())),
        };
        Self { encoder, holds: false }
    }

    /// Takes plain bytes; what is packed by now.
    pub(crate) fn pack(&mut self, plain: &[u8]) -> Bytes {
        self.holds = true;
        // Writing into memory does not fail.
        let _ = match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.write_all(plain),
            Encoder::Deflate(encoder) => encoder.write_all(plain),
        };
        self.take()
    }

    /// All that was taken so far, packed.
    pub(crate) fn flush(&mut self) -> Bytes {
        if !std::mem::take(&mut self.holds) {
            return Bytes::new();
        }
        let _ = match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.flush(),
            Encoder::Deflate(encoder) => encoder.flush(),
        };
        self.take()
    }

    /// Takes the last plain bytes; the rest of the packed ones.
    pub(crate) fn finish(&mut self, plain: &[u8]) -> Bytes {
        let begun = self.pack(plain);
        let _ = match &mut self.encoder {
            Encoder::Gzip(encoder) => encoder.try_finish(),
            Encoder::Deflate(encoder) => encoder.try_finish(),
        };
        let rest = self.take();
        if begun.is_empty() { rest } else { [begun, rest].concat().into() }
    }

    fn take(&mut self) -> Bytes {
        let packed = match &mut self.encoder {
            Encoder::Gzip(encoder) => std::mem::take(encoder.get_mut()),
            Encoder::Deflate(encoder) => std::mem::take(encoder.get_mut()),
        };
        packed.into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn a_packing_is_chosen_by_its_quality() {
        assert_eq!(choose("gzip, deflate, br"), Some(Packing::Gzip));
        assert_eq!(choose("deflate, br"), Some(Packing::Deflate));
        assert_eq!(choose("gzip;q=0.2, deflate;q=0.5"), Some(Packing::Deflate));
        assert_eq!(choose("gzip;q=0, *;q=0.1"), Some(Packing::Deflate));
        assert_eq!(choose("*"), Some(Packing::Gzip));
        assert_eq!(choose("identity"), None);
        assert_eq!(choose("gzip;q=0"), None);
        assert_eq!(choose("br"), None);
    }

    async fn unpacked(body: ReplyBody, packing: Packing) -> Vec<u8> {
        let packed = body.packed(Packer::new(packing)).collect().await.expect("whole").to_bytes();
        let mut plain = Vec::new();
        match packing {
            Packing::Gzip => flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut plain),
            Packing::Deflate => flate2::read::ZlibDecoder::new(&packed[..]).read_to_end(&mut plain),
        }
        .expect("packed");
        plain
    }

    #[tokio::test]
    async fn bodies_of_every_length_come_out_as_they_went_in() {
        for length in [0, 1, 1400, 64 * 1024, 64 * 1024 + 1, 1_000_000] {
            let plain: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            for packing in [Packing::Gzip, Packing::Deflate] {
                let body = ReplyBody::full(plain.clone().into());
                assert!(unpacked(body, packing).await == plain, "{length} {packing:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_stream_is_packed_while_it_comes() {
        let body = ReplyBody::produced(None, |mut sender| async move {
            for number in 0..50_000_u32 {
                sender.buffer().extend_from_slice(format!("{number},").as_bytes());
                sender.flush_when_full().await?;
            }
            sender.flush().await
        });
        let plain = unpacked(body, Packing::Gzip).await;
        assert!(plain.starts_with(b"0,1,2,") && plain.ends_with(b"49998,49999,"));
    }

    #[tokio::test]
    async fn what_was_told_is_not_held_back_while_a_stream_waits() {
        let (go, gone) = tokio::sync::oneshot::channel::<()>();
        let body = ReplyBody::produced(None, |mut sender| async move {
            sender.send(Bytes::from_static(b"first")).await?;
            let _ = gone.await;
            sender.send(Bytes::from_static(b"last")).await
        });
        let mut body = body.packed(Packer::new(Packing::Deflate));
        let mut decoder = flate2::write::ZlibDecoder::new(Vec::new());
        while decoder.get_ref() != b"first" {
            let frame = body.frame().await.expect("a frame").expect("data");
            decoder.write_all(&frame.into_data().expect("data")).expect("packed");
            decoder.flush().expect("packed");
        }
        go.send(()).expect("it waits");
        let rest = body.collect().await.expect("whole").to_bytes();
        decoder.write_all(&rest).expect("packed");
        assert_eq!(decoder.finish().expect("whole"), b"firstlast");
    }
}

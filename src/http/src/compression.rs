//! Answers packed with zstd, gzip or deflate, where the client takes that and it is worth it. Which
//! answers may be packed is told by their bodies: attachments and feeds that stay open go out as they
//! are.

use hyper::body::Body;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderValue, VARY};
use hyper::{HeaderMap, Method};
use refuge_packing::{Coding, Packer};

use crate::reply::Reply;
use crate::stream::ReplyBody;

/// A shorter answer goes out in one packet of the network anyway.
const LEAST_BYTES: u64 = 1400;

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
    let Some(coding) = Coding::accepted(accepted) else { return };
    if *method == Method::HEAD {
        return;
    }
    let Ok(packer) = Packer::new(coding) else { return };
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    let plain = std::mem::replace(reply.body_mut(), ReplyBody::empty());
    *reply.body_mut() = plain.packed(packer);
}

/// Tells which codings the bodies of requests may have (RFC 7694 §3).
pub(crate) fn tell_codings(reply: &mut Reply) {
    reply.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("zstd, gzip, deflate"));
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use bytes::Bytes;
    use http_body_util::BodyExt;

    use super::*;

    async fn unpacked(body: ReplyBody, coding: Coding) -> Vec<u8> {
        let packer = Packer::new(coding).expect("memory");
        let packed = body.packed(packer).collect().await.expect("whole").to_bytes();
        let mut plain = Vec::new();
        let mut reading = refuge_packing::reader(coding, packed).expect("memory");
        reading.read_to_end(&mut plain).expect("packed");
        plain
    }

    #[tokio::test]
    async fn bodies_of_every_length_come_out_as_they_went_in() {
        for length in [0, 1, 1400, 64 * 1024, 64 * 1024 + 1, 1_000_000] {
            let plain: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            for coding in [Coding::Zstd, Coding::Gzip, Coding::Deflate] {
                let body = ReplyBody::full(plain.clone().into());
                assert!(unpacked(body, coding).await == plain, "{length} {coding:?}");
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
        let plain = unpacked(body, Coding::Zstd).await;
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
        let mut body = body.packed(Packer::new(Coding::Deflate).expect("memory"));
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

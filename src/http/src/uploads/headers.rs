//! The headers of uploads, both ways.

use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{HeaderName, HeaderValue};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

use crate::failure::Failure;
use crate::node::ResumableUploadState;
use crate::reply::{Reply, set_text};
use crate::request::Request;

/// The checksums that are known here.
pub(super) const ALGORITHMS: &str = "md5,sha1,sha256";

/// Most bytes of `Upload-Metadata`: a file's name and type, and a little more.
const METADATA_BYTES: usize = 4_096;

fn number(request: &Request, name: &'static str) -> Result<Option<u64>, Failure> {
    let Some(text) = request.header(name) else { return Ok(None) };
    let read = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
    read.map(Some).ok_or_else(|| Failure::BadRequest(format!("{name} is not a number of bytes")))
}

/// How long a new upload will be; `None` where that is told later.
pub(super) fn length_of_new(request: &Request) -> Result<Option<u64>, Failure> {
    let length = length(request)?;
    match (length, request.header("upload-defer-length")) {
        (Some(_), None) => Ok(length),
        (None, Some("1")) => Ok(None),
        (_, _) => Err(Failure::BadRequest(
            "a new upload has either Upload-Length or Upload-Defer-Length: 1".to_owned(),
        )),
    }
}

/// `Upload-Length`.
pub(super) fn length(request: &Request) -> Result<Option<u64>, Failure> {
    number(request, "upload-length")
}

/// `Upload-Offset`.
pub(super) fn offset(request: &Request) -> Result<u64, Failure> {
    number(request, "upload-offset")?
        .ok_or_else(|| Failure::BadRequest("Upload-Offset is missing".to_owned()))
}

/// `Upload-Metadata` as it came, once it was found to be well formed.
pub(super) fn metadata(request: &Request) -> Result<String, Failure> {
    let text = request.header("upload-metadata").unwrap_or_default();
    if text.len() > METADATA_BYTES {
        let reason = format!("Upload-Metadata has at most {METADATA_BYTES} bytes");
        return Err(Failure::BadRequest(reason));
    }
    let mut names = Vec::new();
    for (name, value) in pairs(text) {
        if name.is_empty() || names.contains(&name) || STANDARD.decode(value).is_err() {
            return Err(Failure::BadRequest(
                "Upload-Metadata is a list of names with values in base64, each name once"
                    .to_owned(),
            ));
        }
        names.push(name);
    }
    Ok(text.to_owned())
}

/// The media type that `Upload-Metadata` names.
pub(super) fn file_type(metadata: &str) -> Option<String> {
    let (_, value) = pairs(metadata).find(|(name, _)| *name == "filetype")?;
    let text = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

fn pairs(metadata: &str) -> impl Iterator<Item = (&str, &str)> {
    let items = metadata.split(',').map(str::trim).filter(move |_| !metadata.trim().is_empty());
    items.map(|item| item.split_once(' ').unwrap_or((item, "")))
}

/// What `Upload-Checksum` says that a part is to have.
pub(super) struct Checksum {
    hasher: Hasher,
    expected: Vec<u8>,
}

enum Hasher {
    Md5(Box<Md5>),
    Sha1(Box<Sha1>),
    Sha256(Box<Sha256>),
}

impl Checksum {
    /// Reads the header; `None` where there is none.
    pub(super) fn of(request: &Request) -> Result<Option<Self>, Failure> {
        request.header("upload-checksum").map(Self::read).transpose()
    }

    fn read(text: &str) -> Result<Self, Failure> {
        let (algorithm, digest) = text.split_once(' ').unwrap_or((text, ""));
        let hasher = match algorithm {
            "md5" => Hasher::Md5(Box::default()),
            "sha1" => Hasher::Sha1(Box::default()),
            "sha256" => Hasher::Sha256(Box::default()),
            _ => {
                let reason = format!("Upload-Checksum is one of {ALGORITHMS}");
                return Err(Failure::BadRequest(reason));
            }
        };
        let expected = STANDARD.decode(digest.trim()).map_err(|_| {
            Failure::BadRequest("the digest in Upload-Checksum is not base64".to_owned())
        })?;
        Ok(Self { hasher, expected })
    }

    /// Takes bytes of the part.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hasher {
            Hasher::Md5(hasher) => hasher.update(bytes),
            Hasher::Sha1(hasher) => hasher.update(bytes),
            Hasher::Sha256(hasher) => hasher.update(bytes),
        }
    }

    /// Whether the bytes are what the header says.
    pub(super) fn fits(self) -> bool {
        match self.hasher {
            Hasher::Md5(hasher) => hasher.finalize()[..] == self.expected[..],
            Hasher::Sha1(hasher) => hasher.finalize()[..] == self.expected[..],
            Hasher::Sha256(hasher) => hasher.finalize()[..] == self.expected[..],
        }
    }
}

/// Tells how much of an upload is there.
pub(super) fn set_offset(reply: &mut Reply, received: u64) {
    reply.headers_mut().insert("upload-offset", HeaderValue::from(received));
}

/// Tells when an upload is given up.
pub(super) fn set_expires(reply: &mut Reply, unix_ms: u64) {
    // A later moment than a date can tell is as good as the latest.
    let latest = Duration::from_secs(253_402_300_799);
    let moment = UNIX_EPOCH + Duration::from_millis(unix_ms).min(latest);
    set_text(reply, HeaderName::from_static("upload-expires"), &httpdate::fmt_http_date(moment));
}

/// Tells all that is known of an upload.
pub(super) fn set_state(reply: &mut Reply, state: &ResumableUploadState) {
    set_offset(reply, state.received);
    set_expires(reply, state.expires_unix_ms);
    match state.length {
        Some(length) => {
            set_text(reply, HeaderName::from_static("upload-length"), &length.to_string())
        }
        None => set_text(reply, HeaderName::from_static("upload-defer-length"), "1"),
    }
    if !state.metadata.is_empty() {
        set_text(reply, HeaderName::from_static("upload-metadata"), &state.metadata);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_compared_by_their_own_algorithm() {
        let texts = [
            "md5 XUFAKrxLKna5cZ2REBfFkg==",
            "sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=",
            "sha256 LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
        ];
        for text in texts {
            let mut right = Checksum::read(text).unwrap();
            right.update(b"hel");
            right.update(b"lo");
            assert!(right.fits(), "{text}");
            let mut wrong = Checksum::read(text).unwrap();
            wrong.update(b"hell0");
            assert!(!wrong.fits(), "{text}");
        }
        assert!(Checksum::read("crc32 AAAA").is_err());
        assert!(Checksum::read("md5 ?").is_err());
    }

    #[test]
    fn metadata_names_a_type() {
        let file_name = "filename d29ybGQ=,filetype dGV4dC9wbGFpbg==,is_confidential";
        assert_eq!(file_type(file_name).as_deref(), Some("text/plain"));
        assert_eq!(file_type("filename d29ybGQ="), None);
        assert_eq!(file_type(""), None);
        assert_eq!(pairs("").count(), 0);
    }

    #[test]
    fn a_moment_is_told_as_headers_tell_it() {
        let mut reply = crate::reply::empty(hyper::StatusCode::OK);
        set_expires(&mut reply, 784_111_777_999);
        assert_eq!(reply.headers()["upload-expires"], "Sun, 06 Nov 1994 08:49:37 GMT");
        set_expires(&mut reply, u64::MAX);
        assert_eq!(reply.headers()["upload-expires"], "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}

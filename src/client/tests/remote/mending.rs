//! A source that sends documents as CouchDB does, over a link that is cut again and again: it cannot go on in the
//! midst of a document, but in the midst of an attachment that it keeps as it is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::BodyExt;
use refuge_client::{Connections, LinkOptions, RemoteDatabase};
use refuge_replication::{EndFailure, RemoteAddress};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::wanted;

/// Bytes that a connection carries of an answer's body.
const CUT_BYTES: usize = 1_000;

/// A source with two attachments, one kept gzipped.
struct Source {
    address: String,
    /// Of each request its line and its range.
    asked: Arc<Mutex<Vec<String>>>,
}

fn plain() -> Vec<u8> {
    (0..2_500_u32).map(|number| (number % 251) as u8).collect()
}

fn gzipped() -> Vec<u8> {
    vec![b'z'; 700]
}

fn document() -> Vec<u8> {
    document_with("plain", "plain")
}

/// The one that is not gzipped has this name in the document's text, and this in the headers of its part.
fn document_with(in_text: &str, in_headers: &str) -> Vec<u8> {
    let text = r#"{"_id":"doc","_rev":"1-a","_attachments":{"plain":{"follows":true,"length":2500,"digest":"md5-PLAIN","content_type":"image/png"},"packed":{"follows":true,"length":9000,"encoded_length":700,"encoding":"gzip","digest":"md5-PACKED","content_type":"text/plain"}}}"#;
    let text = text.replace("plain\":{", &format!("{in_text}\":{{"));
    let mut whole = format!("--xyz\r\nContent-Type: application/json\r\n\r\n{text}").into_bytes();
    for (name, encoding, bytes) in
        [(in_headers, "", plain()), ("packed", "Content-Encoding: gzip\r\n", gzipped())]
    {
        let headers = format!(
            "\r\n--xyz\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n{encoding}\r\n"
        );
        whole.extend(headers.into_bytes());
        whole.extend(bytes);
    }
    whole.extend(b"\r\n--xyz--");
    whole
}

/// What a source sends.
#[derive(Clone)]
struct Sent {
    document: Vec<u8>,
    /// Of the attachment that it keeps as it is.
    digest: &'static str,
    /// Bytes that each connection carries of an answer's body.
    cut_bytes: usize,
}

impl Source {
    async fn start(digest: &'static str) -> Self {
        Self::sending(Sent { document: document(), digest, cut_bytes: CUT_BYTES }).await
    }

    async fn sending(sent: Sent) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(stream, &log, &sent).await;
            }
        });
        Self { address, asked }
    }

    fn database(&self, options: LinkOptions) -> RemoteDatabase {
        let url = format!("http://{}/db", self.address);
        let address = RemoteAddress::parse(&url).unwrap();
        RemoteDatabase::over(Connections::default(), &address, options).unwrap()
    }

    async fn read(&self) -> Result<Vec<u8>, EndFailure> {
        let database = self.database(LinkOptions::default());
        let document = database.read_revision(&wanted("doc", &["1-a"]), 0).await?.unwrap();
        assert_eq!(document.resumable_length, None);
        let whole = document.body.collect().await;
        whole
            .map(|whole| whole.to_bytes().to_vec())
            .map_err(|error| EndFailure::transient(error.to_string()))
    }
}

/// Answers one request and hangs up.
async fn serve(mut stream: TcpStream, log: &Mutex<Vec<String>>, sent: &Sent) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let line = head.lines().next().unwrap().trim_end_matches(" http/1.1").to_owned();
    let from = head.lines().find_map(|line| line.strip_prefix("range: bytes=")).map(str::to_owned);
    let told = from.as_ref().map_or_else(|| line.clone(), |from| format!("{line} {from}"));
    log.lock().unwrap().push(told);
    let (kind, bytes, tag) = match line.split(['?', '/']).nth(3) {
        Some("plain") => ("image/png", plain(), sent.digest),
        Some("packed") => {
            assert!(head.contains("accept-encoding: gzip"));
            ("text/plain\r\nContent-Encoding: gzip", gzipped(), "PACKED")
        }
        _ => ("multipart/related; boundary=\"xyz\"", sent.document.clone(), "1-a"),
    };
    let from = from.map_or(0, |from| from.trim_end_matches('-').parse::<usize>().unwrap());
    let (status, range) = match from {
        0 => ("200 OK", String::new()),
        from => {
            let (last, whole) = (bytes.len() - 1, bytes.len());
            ("206 Partial Content", format!("Content-Range: bytes {from}-{last}/{whole}\r\n"))
        }
    };
    let rest = &bytes[from..];
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nETag: \"{tag}\"\r\n{range}Content-Length: {}\r\n\r\n",
        rest.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&rest[..rest.len().min(sent.cut_bytes)]).await.unwrap();
}

#[tokio::test]
async fn a_document_from_couchdb_goes_on_in_the_attachment_where_its_link_was_cut() {
    let source = Source::start("PLAIN").await;
    let whole = source.read().await.unwrap();
    let text = String::from_utf8_lossy(&whole).into_owned();
    let find = |part: &[u8]| whole.windows(part.len()).any(|window| window == part);
    assert!(find(&plain()) && find(&gzipped()) && whole.ends_with(b"\r\n--xyz--"), "{text}");
    let asked = source.asked.lock().unwrap().clone();
    assert_eq!(asked[0].split('?').next(), Some("get /db/doc"));
    let ranges: Vec<&str> =
        asked[1..].iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(asked.len(), 4, "{asked:?}");
    assert!(
        asked[1].starts_with("get /db/doc/plain?rev=1-a ")
            && asked[2].starts_with("get /db/doc/plain")
    );
    let [first, second] =
        [ranges[0], ranges[1]].map(|range| range.trim_end_matches('-').parse::<usize>().unwrap());
    assert_eq!(second - first, CUT_BYTES);
    assert_eq!(asked[3], "get /db/doc/packed?rev=1-a");
}

#[tokio::test]
async fn an_attachment_that_is_another_by_now_is_not_taken_for_the_rest() {
    let source = Source::start("OTHER").await;
    let failure = source.read().await.unwrap_err();
    assert!(failure.reason.contains("another than before the cut"), "{failure}");
}

#[tokio::test]
async fn a_document_that_is_otherwise_than_others_ends_as_its_source_ends_it() {
    // As CouchDB does not escape it; and a text behind which nothing stands.
    let quoted = document_with(r#"pla\"in"#, r#"pla"in"#);
    let alone = b"--xyz\r\nContent-Type: application/json\r\n\r\n{\"_id\":\"doc\"}".to_vec();
    for document in [quoted, alone] {
        let sent = Sent { document: document.clone(), digest: "PLAIN", cut_bytes: usize::MAX };
        let source = Source::sending(sent).await;
        assert_eq!(source.read().await.unwrap(), document);
        assert_eq!(source.asked.lock().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_document_that_goes_on_waits_for_no_other_that_is_carried() {
    let source = Source::start("PLAIN").await;
    let database = source.database(LinkOptions { connections: Some(1), ..LinkOptions::default() });
    let wanted = wanted("doc", &["1-a"]);
    let first = database.read_revision(&wanted, 0).await.unwrap().unwrap();
    // The second has the only place from the first's cut on, and keeps it.
    let both = async { tokio::join!(first.body.collect(), database.read_revision(&wanted, 0)) };
    let (first, second) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    assert!(first.unwrap().to_bytes().ends_with(b"\r\n--xyz--"));
    assert!(second.unwrap().is_some());
}

//! Long documents on their way to a peer that takes them in parts: what of them is sent when an upload is cut,
//! gone, or not needed any more.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use refuge_client::{CarriageSource, CarriedDocument};
use refuge_replication::{Carriage, EndFailure};

use crate::server::{FullReply, Seen, Server};

/// As long as documents have to be that are sent in parts.
const LENGTH: usize = 4 << 20;

/// The document at its source.
struct Document;

#[async_trait]
impl CarriageSource for Document {
    async fn open(&self, offset: u64) -> Result<Option<CarriedDocument>, EndFailure> {
        let rest = Bytes::from(vec![b'x'; LENGTH - usize::try_from(offset).unwrap()]);
        Ok(Some(CarriedDocument {
            content_type: "application/json".to_owned(),
            resumable_length: Some(LENGTH as u64),
            body: Full::new(rest).map_err(|never| match never {}).boxed_unsync(),
        }))
    }
}

/// A peer with uploads, whose answers to parts are these, one after another; what it is asked is told by
/// method, path and bytes.
struct Peer {
    server: Server,
}

impl Peer {
    async fn start(parts: Vec<FullReply>, put: u16) -> Self {
        let (begun, parts) = (Mutex::new(0), Mutex::new(parts.into_iter()));
        let server = Server::start_with_headers(move |seen: &Seen| {
            let tus = ("tus-resumable", "1.0.0".to_owned());
            match seen.line.split(' ').next().unwrap() {
                "POST" => {
                    let mut begun = begun.lock().unwrap();
                    *begun += 1;
                    let location = ("location", format!("http://here/db/_uploads/up{begun}"));
                    (201, vec![tus, location], String::new())
                }
                "PATCH" | "HEAD" => parts.lock().unwrap().next().expect("one more answer"),
                "PUT" => (put, Vec::new(), r#"{"error":"forbidden","reason":"no"}"#.to_owned()),
                _ => (204, vec![tus], String::new()),
            }
        })
        .await;
        Self { server }
    }

    async fn store(&self) -> Result<Carriage, EndFailure> {
        let document = Document.open(0).await?.expect("it is there");
        self.server.database().store_revision("doc", document, &Document).await
    }

    /// What it was asked, each with the length of its body, where it had one.
    fn asked(&self) -> Vec<String> {
        let told = |seen: &Seen| match seen.body.len() {
            0 => seen.line.clone(),
            bytes => format!("{} {bytes}", seen.line),
        };
        self.server.seen().iter().map(told).collect()
    }

    /// The same, once the last of it is this.
    async fn asked_until(&self, last: &str) -> Vec<String> {
        let asking = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(5));
            loop {
                ticks.tick().await;
                let asked = self.asked();
                if asked.last().is_some_and(|asked| asked == last) {
                    return asked;
                }
            }
        };
        match tokio::time::timeout(Duration::from_secs(30), asking).await {
            Ok(asked) => asked,
            Err(_) => panic!("it was never asked {last}, but {:?}", self.asked()),
        }
    }
}

/// An answer that tells how much of an upload came.
fn reached(status: u16, bytes: usize) -> FullReply {
    (status, vec![("upload-offset", bytes.to_string())], String::new())
}

fn gone() -> FullReply {
    (404, Vec::new(), r#"{"error":"not_found","reason":"missing"}"#.to_owned())
}

#[tokio::test]
async fn an_upload_that_is_gone_is_begun_anew() {
    for parts in
        [vec![gone(), reached(204, LENGTH)], vec![reached(204, 5), gone(), reached(204, LENGTH)]]
    {
        let peer = Peer::start(parts, 201).await;
        assert_eq!(peer.store().await.unwrap(), Carriage::Stored);
        let asked = peer.asked();
        assert!(asked.contains(&format!("PATCH /db/_uploads/up2 {LENGTH}")), "{asked:?}");
        assert_eq!(asked.last().unwrap(), "PUT /db/doc?new_edits=false&upload=up2");
        assert!(!asked.iter().any(|line| line.starts_with("DELETE")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_peer_that_forgets_each_upload_is_not_asked_for_ever() {
    let peer = Peer::start((0..3).map(|_| gone()).collect(), 201).await;
    assert!(peer.store().await.unwrap_err().is_transient());
    assert_eq!(peer.asked().len(), 6);
}

#[tokio::test]
async fn a_part_that_was_taken_in_part_is_followed_by_the_rest() {
    let parts = vec![reached(204, 1_000), reached(200, 1_000), reached(204, LENGTH)];
    let peer = Peer::start(parts, 201).await;
    assert_eq!(peer.store().await.unwrap(), Carriage::Stored);
    let rest = format!("PATCH /db/_uploads/up1 {}", LENGTH - 1_000);
    assert_eq!(
        peer.asked()[2..],
        ["HEAD /db/_uploads/up1", &rest, "PUT /db/doc?new_edits=false&upload=up1"]
    );
}

#[tokio::test]
async fn an_upload_that_is_not_put_to_use_is_given_up() {
    let peer = Peer::start(vec![reached(204, LENGTH)], 403).await;
    assert!(matches!(peer.store().await, Ok(Carriage::Refused(_))));
    let asked = peer.asked_until("DELETE /db/_uploads/up1").await;
    assert_eq!(asked[2], "PUT /db/doc?new_edits=false&upload=up1");

    let forbidden = (403, Vec::new(), r#"{"error":"forbidden","reason":"no"}"#.to_owned());
    let peer = Peer::start(vec![forbidden], 201).await;
    assert!(peer.store().await.is_err());
    assert_eq!(peer.asked_until("DELETE /db/_uploads/up1").await.len(), 3);
}

//! Things of every kind but plain documents, written again and again: how one is written, and what is
//! there of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use refuge_tests::Client;
use serde_json::{Value, json};

/// What became of a thing, as far as the client knows: the number that was acknowledged last, and
/// the one that may have been stored after it without an answer. 0 stands for "is not there".
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    pub(crate) acknowledged: u64,
    pub(crate) tried: u64,
}

impl Known {
    pub(crate) fn allows(self, found: u64) -> bool {
        found == self.acknowledged || found == self.tried
    }
}

/// Things by their names.
pub(crate) type Things = Arc<Mutex<BTreeMap<String, Known>>>;

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A document with a file.
    Attachment,
    /// A local document.
    Local,
    /// A database that is made and deleted.
    Database,
    /// A document that is written and purged.
    Purged,
    /// A document that is brought into conflict and whose leaves are deleted again.
    Conflict,
    /// A document whose readers change with each write.
    Restricted,
    /// A setting in `etc/local.toml`.
    Setting,
}

/// What the setting stands at where nobody set it.
const DEFAULT_SETTING: u64 = 1000;
const SETTING: &str = "/_node/_local/_config/uuids/max_count";

impl Kind {
    pub(crate) const ALL: [Self; 7] = [
        Self::Attachment,
        Self::Local,
        Self::Database,
        Self::Purged,
        Self::Conflict,
        Self::Restricted,
        Self::Setting,
    ];

    /// How many there are, so that each is written again and again.
    pub(crate) fn things(self) -> u64 {
        if self == Self::Setting { 1 } else { 6 }
    }

    /// The number of the next write, after one with `number`.
    pub(crate) fn next(self, number: u64) -> u64 {
        match self {
            Self::Database | Self::Purged | Self::Conflict => 1 - number.min(1),
            Self::Attachment | Self::Local | Self::Restricted | Self::Setting => number + 1,
        }
    }

    /// One write; whether it was acknowledged.
    pub(crate) async fn write(self, client: &Client, thing: &str, number: u64) -> bool {
        let request = match self {
            Self::Attachment => {
                let rev = winner(client, thing).await.map(|rev| format!("?rev={rev}"));
                let path = format!("/a/{thing}/file{}", rev.unwrap_or_default());
                let request = client.request("PUT", &path);
                request.header("content-type", "application/octet-stream").body(bytes_of(number))
            }
            Self::Local => {
                let path = format!("/a/_local/{thing}");
                let Ok(now) = client.request("GET", &path).try_send().await else { return false };
                let mut body = json!({"number": number});
                if now.status == 200 {
                    body["_rev"] = now.json()["_rev"].clone();
                }
                client.request("PUT", &path).json(body.to_string())
            }
            Self::Database => {
                let verb = if number == 0 { "DELETE" } else { "PUT" };
                client.request(verb, &format!("/{thing}"))
            }
            Self::Purged if number == 0 => {
                let Some(rev) = winner(client, thing).await else { return false };
                client.request("POST", "/a/_purge").json(json!({thing: [rev]}).to_string())
            }
            Self::Purged => {
                let path = format!("/a/{thing}");
                client.request("PUT", &path).json(json!({"number": number}).to_string())
            }
            Self::Conflict => {
                let docs = match number {
                    0 => deletions(client, thing).await,
                    _ => [0, 1]
                        .map(|leaf| json!({"_id": thing, "_rev": revision(), "leaf": leaf}))
                        .into(),
                };
                let body = json!({"docs": docs, "new_edits": number == 0});
                client.request("POST", "/a/_bulk_docs").json(body.to_string())
            }
            Self::Restricted => {
                let readers = [format!("reader-{}", number % 3), "everybody".to_owned()];
                let mut body = json!({"number": number, "_access": readers});
                if let Some(rev) = winner(client, thing).await {
                    body["_rev"] = json!(rev);
                }
                client.request("PUT", &format!("/a/{thing}")).json(body.to_string())
            }
            Self::Setting => {
                let value = json!((DEFAULT_SETTING + number).to_string());
                client.request("PUT", SETTING).json(value.to_string())
            }
        };
        request.try_send().await.is_ok_and(|reply| [200, 201].contains(&reply.status))
    }

    /// The number of what is there.
    pub(crate) async fn found(self, client: &Client, thing: &str) -> u64 {
        match self {
            Self::Attachment => {
                let reply = client.get(&format!("/a/{thing}/file")).await;
                if reply.status == 404 {
                    return 0;
                }
                let bytes = reply.expect(200).body.clone();
                let number = u64::from_be_bytes(bytes[..8].try_into().expect("8 bytes"));
                assert_eq!(bytes, bytes_of(number), "{thing}");
                number
            }
            Self::Local => number_at(client, &format!("/a/_local/{thing}")).await,
            Self::Purged | Self::Restricted => number_at(client, &format!("/a/{thing}")).await,
            Self::Conflict => {
                let listed = client.get(&format!("/a/_conflicts?key=%22{thing}%22")).await;
                listed.expect(200).json()["rows"].as_array().expect("rows").len() as u64
            }
            Self::Database => u64::from(client.get(&format!("/{thing}")).await.status == 200),
            Self::Setting => {
                let value = client.get(SETTING).await.expect(200).json();
                let value: u64 = value.as_str().expect("text").parse().expect("a number");
                value - DEFAULT_SETTING
            }
        }
    }
}

async fn number_at(client: &Client, path: &str) -> u64 {
    let reply = client.get(path).await;
    if reply.status == 404 { 0 } else { reply.json()["number"].as_u64().expect("a number") }
}

/// Bytes that tell their number; of several chunks now and then.
fn bytes_of(number: u64) -> Vec<u8> {
    let length = if number.is_multiple_of(4) { 600_000 } else { 3_000 };
    number.to_be_bytes().into_iter().cycle().take(length).collect()
}

/// A first revision that nobody else makes.
fn revision() -> String {
    format!("1-{:032x}", rand::random::<u128>())
}

/// Deletions of all live leaves of a document; their tombstones have bodies.
async fn deletions(client: &Client, thing: &str) -> Vec<Value> {
    let path = format!("/a/{thing}?conflicts=true");
    let Ok(reply) = client.request("GET", &path).try_send().await else { return Vec::new() };
    if reply.status != 200 {
        return Vec::new();
    }
    let document = reply.json();
    let others = document["_conflicts"].as_array().cloned().unwrap_or_default();
    let leaves = std::iter::once(document["_rev"].clone()).chain(others);
    leaves.map(|rev| json!({"_id": thing, "_rev": rev, "_deleted": true, "gone": 1})).collect()
}

/// The winning revision of a document, where there is one.
async fn winner(client: &Client, thing: &str) -> Option<String> {
    let reply = client.request("GET", &format!("/a/{thing}")).try_send().await.ok()?;
    (reply.status == 200).then(|| reply.member("_rev"))
}

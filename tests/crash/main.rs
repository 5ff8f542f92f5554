//! Real input and hard crashes: 138,000 cities loaded, checked, asked about, and loaded again under SIGKILL.

mod cities;
mod damaged;
mod killed;
mod mixed;
mod model;
mod moments;
mod places;
mod questions;
mod stopped;
mod things;
mod uploads;
mod views;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use refuge_tests::{Acknowledged, Client};

/// Documents in one `_bulk_docs`.
const BULK: usize = 1000;

/// Loads documents with `_bulk_docs` over four connections until all are in or the node is gone; what
/// was acknowledged. `told` hears of each acknowledged bulk.
async fn load(
    address: SocketAddr,
    database: &str,
    documents: &[String],
    told: impl Fn() + Send + Sync + 'static,
) -> Acknowledged {
    let bulks: VecDeque<String> =
        documents.chunks(BULK).map(|bulk| format!("{{\"docs\":[{}]}}", bulk.join(","))).collect();
    let (bulks, told) = (Arc::new(Mutex::new(bulks)), Arc::new(told));
    let loaders: Vec<_> = (0..4)
        .map(|_| {
            let (bulks, told, path) =
                (bulks.clone(), told.clone(), format!("/{database}/_bulk_docs"));
            tokio::spawn(async move {
                let client = Client::with_credentials(address, "admin", "secret");
                let mut acknowledged = Acknowledged::new();
                loop {
                    let Some(bulk) = bulks.lock().unwrap().pop_front() else { return acknowledged };
                    let Ok(reply) = client.request("POST", &path).json(bulk).try_send().await
                    else {
                        return acknowledged;
                    };
                    for row in reply.expect(201).json().as_array().expect("rows") {
                        assert_eq!(row["ok"], true, "{row}");
                        let text = |name: &str| row[name].as_str().expect("text").to_owned();
                        acknowledged.insert(text("id"), text("rev"));
                    }
                    told();
                }
            })
        })
        .collect();
    let mut acknowledged = Acknowledged::new();
    for loader in loaders {
        acknowledged.extend(loader.await.expect("a loader that does not panic"));
    }
    acknowledged
}

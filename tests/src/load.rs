//! Writers that never rest, and what they were told.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::task::JoinHandle;

use crate::Client;

/// What the node has acknowledged: document id → revision.
pub type Acknowledged = HashMap<String, String>;

/// Writers of small new documents in one database. Whatever goes wrong (an answer that is no 201, a
/// connection that breaks) they go on; only what was acknowledged counts.
pub struct Load {
    acknowledged: Arc<Mutex<Acknowledged>>,
    count: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts `writers` writers, each on a connection of its own. `prefix` begins every id.
    pub fn start(address: SocketAddr, database: &str, prefix: &str, writers: usize) -> Self {
        let mut load = Self {
            acknowledged: Arc::default(),
            count: Arc::default(),
            refused: Arc::default(),
            stop: Arc::default(),
            writers: Vec::new(),
        };
        for writer in 0..writers {
            let client = Client::with_credentials(address, "admin", "secret");
            let names = format!("{prefix}-{writer}-");
            let task = load.write(client, database.to_owned(), names);
            load.writers.push(tokio::spawn(task));
        }
        load
    }

    fn write(
        &self,
        client: Client,
        database: String,
        names: String,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (acknowledged, count) = (self.acknowledged.clone(), self.count.clone());
        let (refused, stop) = (self.refused.clone(), self.stop.clone());
        async move {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(5));
            for number in 0_u64.. {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let id = format!("{names}{number}");
                let path = format!("/{database}/{id}");
                let body = json!({"number": number, "filler": "x".repeat(200)}).to_string();
                match client.request("PUT", &path).json(body).try_send().await {
                    Ok(reply) if reply.status == 201 => {
                        acknowledged.lock().unwrap().insert(id, reply.member("rev"));
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    // Busy, restarting or dead: go on, but leave it some air.
                    _ => {
                        refused.fetch_add(1, Ordering::Relaxed);
                        ticks.tick().await;
                    }
                }
            }
        }
    }

    /// How many documents have been acknowledged so far.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// How many writes were refused or got no answer.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until `more` further documents have been acknowledged.
    pub async fn advance(&self, more: u64) {
        let goal = self.count() + more;
        crate::eventually("the load goes on", || async { (self.count() >= goal).then_some(()) })
            .await;
    }

    /// Stops the writers and tells what they were told.
    pub async fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer that does not panic");
        }
        std::mem::take(&mut *self.acknowledged.lock().unwrap())
    }
}

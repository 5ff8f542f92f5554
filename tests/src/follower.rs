//! A client that follows a continuous feed, as an application would: when its connection breaks it
//! comes back with the last position it saw.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::task::JoinHandle;

use crate::{Acknowledged, Client, eventually};

/// Follows one database.
pub struct Follower {
    seen: Arc<Mutex<HashMap<String, String>>>,
    connections: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Follower {
    /// Begins to follow `database` from its first change on.
    pub fn start(address: SocketAddr, database: &str) -> Self {
        let seen = Arc::new(Mutex::new(HashMap::new()));
        let connections = Arc::new(AtomicU64::new(0));
        let path = format!("/{database}/_changes?feed=continuous&heartbeat=1000&since=");
        let task = tokio::spawn(follow(address, path, seen.clone(), connections.clone()));
        Self { seen, connections, task }
    }

    /// How many connections its feed has taken so far: 1 while it was never broken.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Waits until everything acknowledged has come along, at its revision.
    pub async fn sees(&self, acknowledged: &Acknowledged) {
        eventually("the feed has told of everything acknowledged", || async {
            let seen = self.seen.lock().unwrap();
            acknowledged.iter().all(|(id, rev)| seen.get(id) == Some(rev)).then_some(())
        })
        .await;
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(
    address: SocketAddr,
    path: String,
    seen: Arc<Mutex<HashMap<String, String>>>,
    connections: Arc<AtomicU64>,
) {
    let mut since = "0".to_owned();
    let mut ticks = tokio::time::interval(std::time::Duration::from_millis(10));
    loop {
        ticks.tick().await;
        // A client of its own each time: a broken feed never shares its connection.
        let client = Client::with_credentials(address, "admin", "secret");
        let asked = format!("{path}{since}");
        let Ok(mut lines) = client.request("GET", &asked).lines().await else { continue };
        if lines.status != 200 {
            continue;
        }
        connections.fetch_add(1, Ordering::Relaxed);
        while let Ok(Some(line)) = lines.next().await {
            // The last line of a connection that broke may be half a line.
            let Ok(row) = serde_json::from_str::<serde_json::Value>(&line) else { continue };
            let Some(seq) = row["seq"].as_str() else { continue };
            let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
            seen.lock().unwrap().insert(text(&row["id"]), text(&row["changes"][0]["rev"]));
            since = seq.to_owned();
        }
    }
}

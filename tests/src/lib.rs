//! What the black-box tests share: a node as a real process under a temporary root, a small HTTP
//! client, the console's socket, JSON checks and loads. No test lives here, and nothing here knows the
//! node's insides.
//!
//! Nothing sleeps: whoever waits, waits for an event with a deadline.

mod certificate;
mod client;
mod consistency;
mod console;
mod flow;
mod follower;
mod lines;
mod load;
mod mesh;
mod node;
mod program;
mod raw;
mod relay;
mod release;
mod reply;
mod visitor;

pub use certificate::Certificate;
pub use client::{Broken, Client, Request};
pub use consistency::{compare, consistent, contents};
pub use console::Console;
pub use flow::{Flow, length_of, peak_resident_mib};
pub use follower::Follower;
pub use lines::Lines;
pub use load::{Acknowledged, Load};
pub use mesh::{Events, Peering, befriend, share};
pub use node::{Node, Options, Told, program};
pub use program::{Program, cities, folder_of_clients};
pub use raw::{exchange, exchange_slowly, hang_up_after};
pub use relay::{Passage, Relay};
pub use release::Release;
pub use reply::Reply;
pub use visitor::{Answer, Followed, Visitor};

use std::time::Duration;

/// How long a test waits for something that is bound to happen. Generous, as the machine that runs the
/// tests may be busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A database name that no other test of this process uses: tests of one file share a node.
pub fn database_name(story: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    format!("{story}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The seed of a random test: `REFUGE_TEST_SEED` where it is set, else a new one. It is printed, so that
/// a failure can be run again.
pub fn seed(story: &str) -> u64 {
    let seed = match std::env::var("REFUGE_TEST_SEED") {
        Ok(text) => text.parse().expect("REFUGE_TEST_SEED is a number"),
        Err(_) => rand::random::<u32>().into(),
    };
    println!("{story}: run again with REFUGE_TEST_SEED={seed}");
    seed
}

/// Asks again and again, each time when the last answer is in, until `question` answers with
/// something; fails after [`PATIENCE`]. For facts that come about by themselves and of which no event
/// tells; between two questions it lets others run for 10 ms.
pub async fn eventually<T, F>(what: &str, mut question: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let asking = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(10));
        loop {
            if let Some(answer) = question().await {
                return answer;
            }
            ticks.tick().await;
        }
    };
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => panic!("it never came about that {what}"),
    }
}

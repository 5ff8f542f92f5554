//! What it costs two nodes to meet: the first request over a new link and over a kept one, from
//! `nodeup` to the first replicated document, from silence to `nodedown`; how long pairing takes, what is left of the
//! rate of a replication, and what many links cost.
//!
//! All nodes run on this machine. The requests are made as one node makes them to the other.

mod feed;
mod links;
mod node;
mod pairing;
mod replicating;
mod requests;

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::Outcome;
use feed::Feed;
use node::Node;
use requests::{Dialler, Other};

/// New links; the node lets 5 a second come from one address, more than 10 only if they wait.
const LINKS: usize = 20;
const BETWEEN_LINKS: Duration = Duration::from_millis(250);
/// Requests over each link after its first.
const KEPT: usize = 10;
/// How often the nodes meet anew.
const MEETINGS: usize = 7;
/// How often one falls silent.
const SILENCES: usize = 3;

/// Measures two nodes that know each other.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The binary of the node.
    #[arg(long, default_value = "refuge")]
    refuge: String,
    /// Nodes that have a link with one, for what a link costs: each takes some 25 MiB; none with 0.
    #[arg(long, default_value_t = 200)]
    links: usize,
}

/// Starts the nodes and prints the figures.
pub(crate) fn run(arguments: &Arguments) -> Outcome<()> {
    let one = Node::start(&arguments.refuge)?;
    let mut two = Node::start(&arguments.refuge)?;
    let mut events = one.events("0")?;
    one.add(&two, "two")?;
    two.add(&one, "one")?;
    events.wait_for("\"nodeup\"")?;
    for node in [&one, &two] {
        node.ask("PUT", "/work", "", 201)?;
        node.ask("PUT", "/work/_security", SHARED, 200)?;
    }
    two.ask("PUT", "/work/document", "{}", 201)?;
    replicating::measure(&one, &two)?;
    requests(&one, &two)?;
    one.ask("PUT", "/_replicator/push", PUSH, 201)?;
    meetings(&one, &mut two, &mut events)?;
    silences(&two, &mut events)?;
    drop((one, two));
    pairing::measure(&arguments.refuge)?;
    match arguments.links {
        0 => Ok(()),
        count => links::measure(&arguments.refuge, count),
    }
}

const SHARED: &str =
    r#"{"admins":{"roles":["_admin"]},"members":{"roles":["_admin","group:family"]}}"#;
const PUSH: &str = r#"{"source":"work","target":{"node":"two","db":"work"},"continuous":true}"#;

/// Prints the middle one of some times and the longest.
fn tell(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1e3);
    println!("{name} {:.3} ms", milliseconds(times.get(times.len() / 2)));
    println!("{name}_longest {:.3} ms", milliseconds(times.last()));
}

fn requests(one: &Node, two: &Node) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let dialler = Dialler::load(&one.identity())?;
    let other = Other { id: two.id()?.parse()?, address: two.mesh_address() };
    let (mut handshakes, mut first, mut kept) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..LINKS {
        let times = runtime.block_on(dialler.times(other, "/work/document", KEPT))?;
        handshakes.push(times.handshake);
        first.push(times.first);
        kept.extend(times.kept);
        thread::sleep(BETWEEN_LINKS);
    }
    tell("mesh_handshake", handshakes);
    tell("mesh_request_new_link", first);
    tell("mesh_request_kept_link", kept);
    Ok(())
}

/// The other node ends and starts again; each time a document waits for it.
fn meetings(one: &Node, two: &mut Node, events: &mut Feed) -> Outcome<()> {
    let mut times = Vec::new();
    for round in 0..MEETINGS {
        two.stop()?;
        events.wait_for("\"nodedown\"")?;
        let id = format!("meeting-{round}");
        one.ask("PUT", &format!("/work/{id}"), "{}", 201)?;
        two.start_again()?;
        let mut changes = two.changes("work")?;
        let arrival = thread::spawn(move || changes.wait_for(&format!("\"{id}\"")));
        let up = events.wait_for("\"nodeup\"")?;
        let arrived = arrival.join().map_err(|_| "the reader panicked")??;
        times.push(arrived.saturating_duration_since(up));
    }
    tell("mesh_nodeup_to_document", times);
    Ok(())
}

/// The other node is halted, as if its cable had been pulled out.
fn silences(two: &Node, events: &mut Feed) -> Outcome<()> {
    let mut times = Vec::new();
    for _ in 0..SILENCES {
        let begun = Instant::now();
        two.halt(true)?;
        let down = events.wait_for("\"nodedown\"")?;
        times.push(down.saturating_duration_since(begun));
        two.halt(false)?;
        events.wait_for("\"nodeup\"")?;
    }
    tell("mesh_silence_to_nodedown", times);
    Ok(())
}

//! What many links cost a node while nobody says anything: as many real nodes, each with a link of its own.

use std::thread;
use std::time::Duration;

use super::node::Node;
use crate::Outcome;
use crate::process::Process;

/// Nodes that start at once: each makes its key.
const AT_ONCE: usize = 4;
/// What was begun for the links comes to its end.
const REST: Duration = Duration::from_secs(30);
/// How long the processor time is watched: several beats of each link.
const WATCHED: Duration = Duration::from_secs(60);

/// Memory and processor time that one of so many links takes on one side.
pub(super) fn measure(program: &str, count: usize) -> Outcome<()> {
    let one = Node::start(program)?;
    let process = Process::new(one.pid());
    one.id()?;
    let others = start(program, count)?;
    let mut events = one.events("0")?;
    thread::sleep(REST);
    let before = process.resident_mebibytes()?;
    let quiet = busy(&process)?;
    for (number, other) in others.iter().enumerate() {
        other.add(&one, "one")?;
        one.add(other, &format!("other-{number}"))?;
    }
    for _ in 0..count {
        events.wait_for("\"nodeup\"")?;
    }
    thread::sleep(REST);
    let grown = process.resident_mebibytes()? - before;
    let share = busy(&process)? - quiet;
    println!("mesh_links {count} links");
    println!("mesh_memory_a_link {:.1} KiB  # wanted at most 120", grown * 1024.0 / count as f64);
    println!("mesh_processor_a_link {:.4} percent  # wanted at most 0.01", share / count as f64);
    Ok(())
}

fn start(program: &str, count: usize) -> Outcome<Vec<Node>> {
    let mut nodes = Vec::new();
    while nodes.len() < count {
        let some = AT_ONCE.min(count - nodes.len());
        let starting: Vec<_> = (0..some)
            .map(|_| {
                let program = program.to_owned();
                thread::spawn(move || {
                    let node = Node::start(&program)?;
                    node.id()?;
                    Outcome::Ok(node)
                })
            })
            .collect();
        for node in starting {
            nodes.push(node.join().map_err(|_| "a start panicked")??);
        }
    }
    Ok(nodes)
}

/// The share of one processor that a process takes, in percent.
fn busy(process: &Process) -> Outcome<f64> {
    let before = process.processor_time()?;
    thread::sleep(WATCHED);
    let used = process.processor_time()?.saturating_sub(before);
    Ok(100.0 * used.as_secs_f64() / WATCHED.as_secs_f64())
}

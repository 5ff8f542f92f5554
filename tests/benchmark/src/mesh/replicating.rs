//! Replications between two nodes over their link, beside the same over plain HTTP, by turns.

use std::time::Instant;

use super::SHARED;
use super::node::Node;
use crate::Outcome;
use crate::load::load;
use crate::target::Target;

const DOCUMENTS: u64 = 100_000;
/// Turns, of which the middle ones count.
const ROUNDS: usize = 3;

/// Documents a second both ways, and what the link leaves of the plain rate.
pub(super) fn measure(one: &Node, two: &Node) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let [source, other] = [one, two].map(|node| Target::parse(&node.url()));
        let (source, other) = (source?, other?);
        source.ask("PUT", "/many", 201).await?;
        load(&source, "/many", 4, 0..DOCUMENTS, None).await?;
        let plain = other.end_of_replication("/copy");
        let ends = [("plain", plain.as_str()), ("link", r#"{"node":"two","db":"copy"}"#)];
        let mut rates = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for ((_, end), rates) in ends.iter().zip(&mut rates) {
                other.ask("PUT", "/copy", 201).await?;
                other.tell("PUT", "/copy/_security", SHARED.as_bytes(), 200).await?;
                let request = format!(r#"{{"source":"many","target":{end}}}"#);
                let begun = Instant::now();
                source.tell("POST", "/_replicate", request.as_bytes(), 200).await?;
                rates.push(DOCUMENTS as f64 / begun.elapsed().as_secs_f64());
                other.ask("DELETE", "/copy", 200).await?;
            }
        }
        let [plain, link] = rates.map(|mut rates| {
            rates.sort_by(f64::total_cmp);
            rates.get(ROUNDS / 2).copied().unwrap_or_default()
        });
        println!("mesh_replicate_plain {plain:.0} documents_per_second");
        println!("mesh_replicate_link {link:.0} documents_per_second");
        println!(
            "mesh_replicate_link_of_plain {:.1} percent  # wanted at least 70",
            100.0 * link / plain
        );
        Ok(())
    })
}

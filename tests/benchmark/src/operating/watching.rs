//! What counting and logging cost: the same requests to a node that does both as it comes, and to one that does
//! neither, by turns.

use std::time::Duration;

use super::Operating;
use crate::Outcome;
use crate::load::load;
use crate::measure::{reading, writing};
use crate::rate::repeat;
use crate::server::Server;
use crate::target::Target;

const CONNECTIONS: usize = 64;
const DOCUMENTS: u64 = 100_000;
/// Turns; the middle of their ratios counts.
const ROUNDS: u32 = 9;
/// As it comes.
const WATCHED: &str = "--set log.level=info";
const UNWATCHED: &str = "--set log.level=off --set metrics.enabled=false";

impl Operating<'_> {
    pub(super) async fn watching(&self) -> Outcome<()> {
        let mut nodes = Vec::new();
        for settings in [WATCHED, UNWATCHED] {
            let server = Server::start(&format!("{} {settings}", self.command)).await?;
            let target = Target::parse(&server.url())?;
            target.ask("PUT", "/watched", 201).await?;
            load(&target, "/watched", 4, 0..DOCUMENTS, None).await?;
            nodes.push((server, target));
        }
        let [(_, watched), (_, unwatched)] = nodes.as_slice() else { return Ok(()) };
        for (name, writes) in [("get_64", false), ("put_64", true)] {
            let mut ratios = Vec::new();
            for round in 0..ROUNDS {
                let with = self.rate(watched, writes, round).await?;
                let without = self.rate(unwatched, writes, round).await?;
                ratios.push(100.0 * with / without);
            }
            ratios.sort_by(f64::total_cmp);
            let middle = ratios.get(ratios.len() / 2).copied().unwrap_or_default();
            self.report.figure(&format!("{name}_watched_of_unwatched"), middle, "percent");
        }
        Ok(())
    }

    async fn rate(&self, target: &Target, writes: bool, round: u32) -> Outcome<f64> {
        let time: Duration = self.time / 2;
        let rate = if writes {
            let write = writing(target, &format!("/watched/{round}-"));
            repeat(target, CONNECTIONS, time, 201, write).await?
        } else {
            let read = reading(target, "/watched", DOCUMENTS);
            repeat(target, CONNECTIONS, time, 200, read).await?
        };
        Ok(rate.per_second)
    }
}

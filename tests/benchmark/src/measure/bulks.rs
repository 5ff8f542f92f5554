//! Documents in bulk.

use std::time::{Duration, Instant};

use super::Run;
use crate::Outcome;
use crate::cost::{Cost, micros, own_time};
use crate::load::{BULK, load};

/// A part that takes longer is cut short and told for what was done.
const PART_LIMIT: Duration = Duration::from_secs(30);

impl Run<'_> {
    /// Loads `documents`, half over one connection and half over four; how many are in.
    pub(super) async fn bulks(&self, database: &str, documents: u64) -> Outcome<u64> {
        let half = documents / 2 / BULK * BULK;
        let mut loaded = 0;
        for (connections, count) in [(1, half), (4, documents / BULK * BULK - half)] {
            let name = format!("bulk_{connections}");
            let cost = Cost::begin(self.process)?;
            let (start, own) = (Instant::now(), own_time());
            let (numbers, limit) = (loaded..loaded + count, start + PART_LIMIT);
            let done = load(self.target, database, connections, numbers, Some(limit)).await?;
            let (elapsed, own) = (start.elapsed(), own_time().saturating_sub(own));
            self.report.figure(&name, done as f64 / elapsed.as_secs_f64(), "documents_per_second");
            let client = micros(own, done);
            self.report.figure(&format!("{name}_client_cpu"), client, "us_per_document");
            cost.tell(self.report, &name, done, "us_per_document")?;
            loaded += done;
        }
        Ok(loaded)
    }
}

//! What documents cost at one size of the database: one row of a table.

use std::time::Duration;

use crate::rate::Rate;

/// The table's head.
pub(super) const HEAD: &str = "\
| documents | load, documents/s | PUT, µs (p50, p99) | PUT at 64, /s (p99, longest, ms) | GET at 64, /s (p99, ms) \
| page of 100 documents, µs | last 100 changes, µs | all changes, rows/s | with documents | memory, MiB | disk, MiB \
| restart, ms | first GET, ms |
|---|---|---|---|---|---|---|---|---|---|---|---|---|";

/// What was measured.
pub(super) struct Row {
    pub(super) documents: u64,
    /// Documents a second, loaded in bulk since the size before.
    pub(super) load: f64,
    pub(super) put: Rate,
    pub(super) puts: Rate,
    pub(super) get: Rate,
    pub(super) page: Rate,
    pub(super) last_changes: Rate,
    pub(super) changes_per_second: f64,
    pub(super) changes_with_documents_per_second: f64,
    pub(super) resident_mebibytes: f64,
    pub(super) disk_mebibytes: f64,
    pub(super) restart: Duration,
    pub(super) first_get: Duration,
}

impl Row {
    pub(super) fn markdown(&self) -> String {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        format!(
            "| {} | {:.0} | {:.0}, {:.0} | {:.0} ({:.1}, {:.1}) | {:.0} ({:.1}) | {:.0} | {:.0} | {:.0} | {:.0} \
             | {:.0} | {:.0} | {:.0} | {:.1} |",
            self.documents,
            self.load,
            self.put.p50_micros,
            self.put.p99_micros,
            self.puts.per_second,
            self.puts.p99_micros / 1e3,
            self.puts.longest_micros / 1e3,
            self.get.per_second,
            self.get.p99_micros / 1e3,
            self.page.p50_micros,
            self.last_changes.p50_micros,
            self.changes_per_second,
            self.changes_with_documents_per_second,
            self.resident_mebibytes,
            self.disk_mebibytes,
            milliseconds(self.restart),
            milliseconds(self.first_get),
        )
    }
}

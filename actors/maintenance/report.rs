//! What the upkeep tells as metrics.

use refuge_otp::Names;
use refuge_storage::{Collected, Store};

/// Rows that left, and the bytes nobody needs any more.
pub(super) fn collected(names: &Names, done: Collected) {
    let node = names.node().to_owned();
    metrics::counter!("refuge_storage_removed_rows_total", "node" => node.clone())
        .increment(done.rows);
    metrics::counter!("refuge_storage_reclaimed_bytes_total", "node" => node).increment(done.bytes);
}

/// How the storage stands.
pub(super) fn figures(names: &Names, store: &Store) {
    let Ok(figures) = store.upkeep() else { return };
    let node = names.node().to_owned();
    metrics::gauge!("refuge_storage_garbage_rows", "node" => node.clone())
        .set(figures.garbage_rows as f64);
    metrics::gauge!("refuge_storage_table_bytes", "node" => node.clone())
        .set(figures.table_bytes as f64);
    metrics::counter!("refuge_storage_given_back_bytes_total", "node" => node)
        .absolute(figures.given_back_bytes);
}

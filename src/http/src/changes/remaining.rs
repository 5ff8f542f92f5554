//! Counts the rows that a feed leaves untold.

use crate::failure::Failure;
use crate::node::Database;

/// How often a count is taken again while the database is being written to.
const COUNTS: usize = 3;

/// Rows behind `after` up to `until`. The database counts to its end alone, so two counts are taken
/// and their difference stands if nothing was written in between.
pub(super) async fn count_between(
    database: &dyn Database,
    after: u64,
    until: u64,
) -> Result<u64, Failure> {
    let mut beyond = database.pending(until).await?;
    let mut all = 0;
    for _ in 0..COUNTS {
        all = database.pending(after).await?;
        let again = database.pending(until).await?;
        if again == beyond {
            break;
        }
        beyond = again;
    }
    Ok(all.saturating_sub(beyond))
}

//! Asking a database again while an actor behind it is being restarted.

use crate::failure::Failure;
use crate::feed;
use crate::node::Database;

/// Asks until the answer is another one than `Failure::Unavailable`, for a while. A database that
/// was deleted meanwhile is `Failure::NoDatabase`.
pub(super) async fn persist<R, F>(
    database: &dyn Database,
    ask: impl Fn() -> F,
) -> Result<R, Failure>
where
    F: Future<Output = Result<R, Failure>>,
{
    let is_gone = || async {
        match database.outline().await {
            Err(gone @ Failure::NoDatabase) => Some(gone),
            _ => None,
        }
    };
    feed::persist(ask, is_gone).await
}

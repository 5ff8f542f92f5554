//! Walks over rows of which some cannot be read, because the table that holds them is damaged: what stands
//! behind them is reached from the other end.

use fjall::{Keyspace, Readable, UserKey, UserValue};

use super::Check;
use crate::error::StorageError;
use crate::snapshot::Snapshot;

/// Takes a row.
pub(super) type TakeRow<'a, 'b> =
    &'b mut dyn FnMut(&mut Check<'a>, UserKey, UserValue) -> Result<(), StorageError>;

impl<'a> Check<'a> {
    /// Hands on each row whose key begins so, in order. Where files are damaged and a row cannot be read, that
    /// is told, and the walk goes on from the last row backwards. Says whether all were reached.
    pub(super) fn each_row(
        &mut self,
        snapshot: &Snapshot,
        keyspace: &Keyspace,
        prefix: &[u8],
        take: TakeRow<'a, '_>,
    ) -> Result<bool, StorageError> {
        let mut last: Option<UserKey> = None;
        for guard in snapshot.view().prefix(keyspace, prefix) {
            match guard.into_inner() {
                Ok((key, row)) => {
                    last = Some(key.clone());
                    take(self, key, row)?;
                }
                Err(error) => {
                    self.unreadable(keyspace, error)?;
                    self.backwards(snapshot, (keyspace, prefix), last.as_ref(), take)?;
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// From the last row to the first that cannot be read, or to one that was taken before.
    fn backwards(
        &mut self,
        snapshot: &Snapshot,
        (keyspace, prefix): (&Keyspace, &[u8]),
        taken: Option<&UserKey>,
        take: TakeRow<'a, '_>,
    ) -> Result<(), StorageError> {
        for guard in snapshot.view().prefix(keyspace, prefix).rev() {
            let Ok((key, row)) = guard.into_inner() else { break };
            if taken.is_some_and(|taken| key <= *taken) {
                break;
            }
            take(self, key, row)?;
        }
        Ok(())
    }

    /// Tells rows that cannot be read, where files are known to be damaged; else it is no fault of a file.
    fn unreadable(&mut self, keyspace: &Keyspace, error: fjall::Error) -> Result<(), StorageError> {
        if !self.is_damaged {
            return Err(error.into());
        }
        self.problem(format_args!(
            "{}: rows that cannot be read ({error}); those around them are checked",
            keyspace.name()
        ));
        Ok(())
    }
}

//! How much the rows of one index take. Indexes share their files, so it is measured by what stands under an
//! index's number, of which a large one has a part measured and the rest taken to be like it.

use refuge_query::reduction::Tree;
use refuge_storage::{IndexNumber, IndexSnapshot, IndexTable, StorageError};

use crate::view_tree::{TreeError, ViewStore};

/// Rows of each table that are measured: some hundredths of a second.
const MEASURED_ROWS: usize = 50_000;

/// About the bytes of an index with so many map functions: keys and rows before they are packed. While it is
/// built for the first time it is not counted, and a large one is told too small.
pub(super) fn bytes(
    snapshot: &IndexSnapshot,
    index: IndexNumber,
    maps: usize,
) -> Result<u64, TreeError> {
    let rows = measured(snapshot, IndexTable::Rows, index)?;
    let others = [IndexTable::Documents, IndexTable::Pages, IndexTable::Values];
    let others = others.map(|table| measured(snapshot, table, index));
    let all = others.into_iter().chain([Ok(rows)]);
    if rows.is_whole {
        return Ok(all.sum::<Result<Measured, _>>()?.bytes);
    }
    let count = (0..maps).map(|view| {
        let store = ViewStore {
            snapshot: snapshot.clone(),
            index,
            view: u16::try_from(view).unwrap_or(u16::MAX),
        };
        Tree::open(&store).map(|tree| tree.total().count)
    });
    let count: u64 = count.sum::<Result<u64, TreeError>>()?;
    // No table has more rows than that of the views.
    let scaled = all.map(|one| one.map(|one| one.scaled(count.max(rows.count), rows.count)));
    Ok(scaled.sum::<Result<u64, StorageError>>()?)
}

#[derive(Clone, Copy, Default)]
struct Measured {
    count: u64,
    bytes: u64,
    is_whole: bool,
}

impl Measured {
    /// Its bytes where of `count` rows `measured` were.
    fn scaled(self, count: u64, measured: u64) -> u64 {
        if self.is_whole || measured == 0 {
            return self.bytes;
        }
        let bytes = u128::from(self.bytes) * u128::from(count) / u128::from(measured);
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

impl std::iter::Sum for Measured {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self { is_whole: true, ..Self::default() }, |sum, one| Self {
            count: sum.count + one.count,
            bytes: sum.bytes + one.bytes,
            is_whole: sum.is_whole && one.is_whole,
        })
    }
}

fn measured(
    snapshot: &IndexSnapshot,
    table: IndexTable,
    index: IndexNumber,
) -> Result<Measured, StorageError> {
    let mut rows = snapshot.whole(table, index);
    let mut measured = Measured::default();
    for row in rows.by_ref().take(MEASURED_ROWS) {
        let (key, row) = row?;
        measured.count += 1;
        measured.bytes += (key.len() + row.len()) as u64;
    }
    measured.is_whole = rows.next().is_none();
    Ok(measured)
}

#[cfg(test)]
mod tests {
    use super::Measured;

    #[test]
    fn what_is_measured_in_part_stands_for_the_rest() {
        let part = Measured { count: 10, bytes: 100, is_whole: false };
        assert_eq!(part.scaled(30, 10), 300);
        let whole = Measured { is_whole: true, ..part };
        assert_eq!(whole.scaled(30, 10), 100);
    }
}

//! When a keyspace gives disk back, and by which steps. Pure: figures in, choices out.

/// Levels of a tree; the last holds rows once and no marks of removals.
pub(crate) const LEVELS: usize = 7;
const LAST: u8 = LEVELS as u8 - 1;

/// What is known of a keyspace's tables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Tables and separate values on disk.
    pub(crate) disk_bytes: u64,
    /// Rows of all tables, marks of removals included.
    pub(crate) rows: u64,
    /// Marks of removals.
    pub(crate) removals: u64,
    /// Separate values that nothing refers to.
    pub(crate) stale_bytes: u64,
    /// Tables by level.
    pub(crate) tables: [usize; LEVELS],
}

/// How much is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occasion {
    /// Commits come.
    Busy,
    /// There was none for a while.
    Quiet,
    /// Somebody asked.
    Asked,
}

/// While commits come, this much must be given back by a compaction of everything, so that it
/// costs no more than a few times of what was written.
const LEAST_BUSY_BYTES: u64 = 32 * 1024 * 1024;
/// The same when nothing else is to do.
pub(crate) const LEAST_QUIET_BYTES: u64 = 4 * 1024 * 1024;

impl Figures {
    /// About how many bytes nobody needs: each removal hides a row of average size.
    pub(crate) fn dead_bytes(&self) -> u64 {
        let present = self.rows.saturating_sub(self.removals).max(1);
        let hidden = self.removals.min(present);
        let tables = u128::from(self.disk_bytes.saturating_sub(self.stale_bytes));
        let by_removals = tables * u128::from(hidden) / u128::from(present);
        let by_removals = u64::try_from(by_removals).unwrap_or(u64::MAX);
        self.stale_bytes.saturating_add(by_removals)
    }

    /// Whether it is time to compact everything of the keyspace.
    pub(crate) fn gives_back(&self, occasion: Occasion) -> bool {
        let dead = self.dead_bytes();
        match occasion {
            Occasion::Busy => dead >= LEAST_BUSY_BYTES && dead.saturating_mul(3) >= self.disk_bytes,
            Occasion::Quiet => {
                dead >= LEAST_QUIET_BYTES && dead.saturating_mul(8) >= self.disk_bytes
            }
            Occasion::Asked => self.removals > 0 || self.stale_bytes > 0 || self.is_spread(),
        }
    }

    fn is_spread(&self) -> bool {
        self.tables.iter().filter(|tables| **tables > 0).count() > 1
    }

    /// The next step downwards: tables of one level are merged into another, with nothing between
    /// them; `None` once all stand in the last. The first level never goes into the last at once,
    /// so that it is free again while the long merge runs.
    pub(crate) fn next_step(&self) -> Option<(u8, u8)> {
        let mut filled = (0..LAST)
            .filter(|level| self.tables.get(usize::from(*level)).is_some_and(|tables| *tables > 0));
        let first = filled.next()?;
        let lowest = if first == 0 { LAST - 1 } else { LAST };
        Some((first, filled.next().unwrap_or(lowest)))
    }

    /// Where tables of the first level go while those of level `busy` are being merged: with
    /// nothing between, and above all that is older.
    pub(crate) fn step_beside(&self, busy: u8) -> Option<(u8, u8)> {
        let above = busy.checked_sub(1).filter(|level| *level > 0)?;
        let filled =
            |level: &u8| self.tables.get(usize::from(*level)).is_some_and(|tables| *tables > 0);
        Some((0, (1..busy).find(filled).unwrap_or(above)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn figures(disk_mib: u64, rows: u64, removals: u64) -> Figures {
        let disk_bytes = disk_mib * MIB;
        Figures { disk_bytes, rows, removals, ..Figures::default() }
    }

    #[test]
    fn removals_hide_rows_of_average_size() {
        assert_eq!(figures(100, 1000, 0).dead_bytes(), 0);
        assert_eq!(figures(100, 1200, 200).dead_bytes(), 20 * MIB);
        assert_eq!(figures(100, 200, 200).dead_bytes(), 100 * MIB, "never more than there is");
        assert_eq!(figures(0, 0, 0).dead_bytes(), 0);
        let stale = Figures { stale_bytes: 60 * MIB, ..figures(100, 10, 0) };
        assert_eq!(stale.dead_bytes(), 60 * MIB);
    }

    #[test]
    fn a_busy_node_waits_longer_than_a_quiet_one() {
        let some = figures(200, 1200, 200);
        assert!(!some.gives_back(Occasion::Busy));
        assert!(some.gives_back(Occasion::Quiet));
        assert!(figures(200, 1400, 400).gives_back(Occasion::Busy));
        assert!(!figures(200, 1001, 1).gives_back(Occasion::Quiet));
        assert!(figures(200, 1001, 1).gives_back(Occasion::Asked));
        assert!(!figures(200, 1000, 0).gives_back(Occasion::Asked));
    }

    #[test]
    fn steps_go_down_without_leaving_a_level_out() {
        let at = |tables| Figures { tables, ..Figures::default() }.next_step();
        assert_eq!(at([3, 0, 0, 0, 0, 0, 9]), Some((0, 5)));
        assert_eq!(at([3, 0, 0, 0, 2, 1, 9]), Some((0, 4)));
        assert_eq!(at([0, 0, 0, 0, 2, 1, 9]), Some((4, 5)));
        assert_eq!(at([0, 0, 0, 0, 0, 1, 9]), Some((5, 6)));
        assert_eq!(at([0, 0, 0, 0, 0, 0, 9]), None);
    }

    #[test]
    fn beside_a_long_merge_tables_go_above_it() {
        let at = |tables, busy| Figures { tables, ..Figures::default() }.step_beside(busy);
        assert_eq!(at([5, 0, 0, 0, 0, 1, 9], 5), Some((0, 4)));
        assert_eq!(at([5, 0, 1, 0, 1, 1, 9], 5), Some((0, 2)));
        assert_eq!(at([5, 0, 0, 0, 0, 0, 9], 6), Some((0, 5)));
        assert_eq!(at([5, 0, 0, 0, 0, 0, 9], 1), None);
        assert_eq!(at([5, 0, 0, 0, 0, 0, 9], 0), None);
    }
}

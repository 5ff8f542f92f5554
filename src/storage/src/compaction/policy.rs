//! When a keyspace gives disk back, by which steps, and which merges the room on the disk allows. Pure:
//! figures in, choices out.

use crate::space::FreeSpace;

/// Levels of a tree; the last holds rows once and no marks of removals.
pub(crate) const LEVELS: usize = 7;
const LAST: u8 = LEVELS as u8 - 1;

/// Tables of the first level at which they are merged into the next.
pub(crate) const FIRST_LEVEL_TABLES: u8 = 4;
/// Size of a table. Four of them make the first level below, and so the longest usual merge.
pub(crate) const TABLE_BYTES: u64 = 32 * 1024 * 1024;
/// What the first level below may have grown to before a part of it goes further down.
const SECOND_LEVEL_BYTES: u64 = 2 * FIRST_LEVEL_TABLES as u64 * TABLE_BYTES;
/// What a merge further down takes in: a table, and those that it overlaps in a level ten times as
/// large, one more at their edge.
const LOWER_MERGE_BYTES: u64 = 12 * TABLE_BYTES;
/// While a file of separate values is written anew, so many times as much as is stale in it is still
/// needed: three quarters, since a quarter of it is stale at least.
const NEEDED_BESIDE_STALE: u64 = 3;

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
    /// Bytes of the tables by level, without separate values.
    pub(crate) level_bytes: [u64; LEVELS],
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

/// A tier takes up what is new until it is so many times as large.
const TIER: u64 = 3;

impl Figures {
    /// About how many bytes nobody needs: each removal hides a row of average size.
    pub(crate) fn dead_bytes(&self) -> u64 {
        let tables = self.disk_bytes.saturating_sub(self.stale_bytes);
        self.stale_bytes.saturating_add(self.hidden_of(tables))
    }

    /// The part of so many bytes that removals hide.
    fn hidden_of(&self, bytes: u64) -> u64 {
        let present = self.rows.saturating_sub(self.removals).max(1);
        let hidden = self.removals.min(present);
        let part = u128::from(bytes) * u128::from(hidden) / u128::from(present);
        u64::try_from(part).unwrap_or(u64::MAX)
    }

    fn bytes_of(&self, level: usize) -> u64 {
        self.level_bytes.get(level).copied().unwrap_or_default()
    }

    fn table_bytes(&self) -> u64 {
        self.level_bytes.iter().fold(0, |sum, bytes| sum.saturating_add(*bytes))
    }

    /// Most bytes that the next merge by level takes in, and so may write before they leave.
    pub(crate) fn merge_bytes(&self) -> u64 {
        let below = self.level_bytes.iter().skip(1).copied().filter(|bytes| *bytes > 0);
        let second = below.clone().next().unwrap_or_default().min(SECOND_LEVEL_BYTES);
        let first = self.bytes_of(0).saturating_add(second);
        let lower = if below.count() > 1 { LOWER_MERGE_BYTES } else { 0 };
        first.max(lower).min(self.table_bytes())
    }

    /// Bytes that a merge of one level into another takes in.
    pub(crate) fn step_bytes(&self, from: u8, to: u8) -> u64 {
        let (from, to) = (usize::from(from), usize::from(to));
        let into = if from == to { 0 } else { self.bytes_of(to) };
        self.bytes_of(from).saturating_add(into)
    }

    /// About how much is written by a compaction of everything before the first of what was there
    /// leaves: all that somebody still needs of the tables, and of the files of separate values that
    /// are written anew.
    pub(crate) fn give_back_bytes(&self) -> u64 {
        let tables = self.table_bytes();
        let values = self.disk_bytes.saturating_sub(tables).saturating_sub(self.stale_bytes);
        let moved = self.stale_bytes.saturating_mul(NEEDED_BESIDE_STALE).min(values);
        tables.saturating_sub(self.hidden_of(tables)).saturating_add(moved)
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

    /// The step that keeps the first level free while tables of level `busy` are being merged: with
    /// nothing between, and above all that is older. What writers bring meanwhile stands in tiers,
    /// the newest on top, each in a level of its own: merged into one again and again, it would soon
    /// take longer than the first level takes to fill.
    pub(crate) fn step_beside(&self, busy: u8) -> Option<(u8, u8)> {
        let lowest = busy.checked_sub(1).filter(|level| *level > 0)?;
        let filled =
            |level: &u8| self.tables.get(usize::from(*level)).is_some_and(|tables| *tables > 0);
        let Some(top) = (1..busy).find(filled) else { return Some((0, lowest)) };
        let new = self.bytes_of(0);
        let is_full = |level: u8| self.bytes_of(usize::from(level)) > new.saturating_mul(TIER);
        match top {
            _ if !is_full(top) => Some((0, top)),
            // No level is left for another tier: two become one.
            1 if lowest > 1 => Some((1, (2..busy).find(filled).unwrap_or(lowest))),
            1 => Some((0, 1)),
            top => Some((0, top - 1)),
        }
    }
}

/// Whether a merge that writes so many bytes may begin while others under way may still take `taken`.
pub(crate) fn has_room(bytes: u64, taken: u64, space: FreeSpace) -> bool {
    bytes <= space.spare_bytes().saturating_sub(taken)
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

    #[test]
    fn what_comes_while_a_long_merge_runs_stands_in_tiers() {
        let at = |level_mib: [u64; LEVELS], busy| {
            let tables = level_mib.map(|mib| mib.div_ceil(32) as usize);
            Figures { tables, ..levels(level_mib) }.step_beside(busy)
        };
        assert_eq!(at([64, 0, 0, 0, 0, 192, 900], 6), Some((0, 5)));
        assert_eq!(at([64, 0, 0, 0, 0, 193, 900], 6), Some((0, 4)));
        assert_eq!(at([64, 0, 0, 0, 64, 256, 900], 6), Some((0, 4)));
        assert_eq!(at([64, 256, 256, 256, 256, 256, 900], 6), Some((1, 2)));
        assert_eq!(at([64, 0, 512, 256, 256, 256, 900], 6), Some((0, 1)));
        assert_eq!(at([64, 256, 0, 0, 0, 0, 900], 6), Some((1, 5)));
        assert_eq!(at([64, 256, 0, 0, 0, 0, 900], 2), Some((0, 1)), "one level is all there is");
    }

    fn levels(level_mib: [u64; LEVELS]) -> Figures {
        let level_bytes = level_mib.map(|mib| mib * MIB);
        Figures { level_bytes, disk_bytes: level_bytes.iter().sum(), ..Figures::default() }
    }

    #[test]
    fn a_merge_begins_only_where_its_inputs_fit_beside_it() {
        let left = |mib| FreeSpace { available_bytes: mib * MIB, least_bytes: 256 * MIB };
        // Of these 8 MiB are never taken.
        assert!(has_room(92 * MIB, 0, left(100)));
        assert!(!has_room(92 * MIB + 1, 0, left(100)));
        assert!(!has_room(92 * MIB, 1, left(100)), "what another one takes is gone");
        assert!(!has_room(1, 0, left(7)));
        assert!(has_room(0, 0, left(0)));
    }

    #[test]
    fn a_merge_takes_in_no_more_than_there_is() {
        assert_eq!(levels([0; LEVELS]).merge_bytes(), 0);
        assert_eq!(levels([40, 0, 0, 0, 0, 0, 30]).merge_bytes(), 70 * MIB);
        assert_eq!(levels([40, 0, 0, 0, 0, 30, 50]).merge_bytes(), 120 * MIB);
        // However large the tree is, its merges stay small.
        assert_eq!(levels([40, 0, 0, 0, 0, 100, 90_000]).merge_bytes(), 384 * MIB);
        assert_eq!(levels([200, 0, 0, 0, 0, 0, 90_000]).merge_bytes(), 456 * MIB);
        let deep = levels([40, 0, 0, 0, 0, 30, 50]);
        assert_eq!((deep.step_bytes(0, 5), deep.step_bytes(6, 6)), (70 * MIB, 50 * MIB));
    }

    #[test]
    fn what_gives_disk_back_needs_room_for_what_is_left() {
        let large = levels([0, 0, 0, 0, 0, 200, 800]);
        assert_eq!(large.give_back_bytes(), 1_000 * MIB);
        let half_dead = Figures { rows: 1_500, removals: 500, ..large.clone() };
        assert_eq!(half_dead.give_back_bytes(), 500 * MIB);
        let values = 2_000 * MIB;
        let apart = Figures { disk_bytes: large.disk_bytes + values, ..large };
        assert_eq!(apart.give_back_bytes(), 1_000 * MIB, "values that all are needed stay");
        let stale = Figures { stale_bytes: 100 * MIB, ..apart };
        assert_eq!(stale.give_back_bytes(), 1_300 * MIB);
    }
}

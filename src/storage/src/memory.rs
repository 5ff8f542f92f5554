//! Whether the data is small against this machine's memory.

use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use crate::store::Shared;

/// The tables may take this part of the memory at most (1/4): the page cache then holds them
/// beside everything else that runs.
const PART_OF_MEMORY: u64 = 4;

/// Assumed where the system does not tell: the smallest machine that is common.
const ASSUMED_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;

/// Compares the tables on disk with the memory (`None`: the machine's) and notes the answer for
/// readers.
pub(crate) fn judge(shared: &Shared, memory: Option<u64>) {
    let fits = fits(shared.table_bytes(), memory);
    shared.fits_memory.store(fits, Ordering::Relaxed);
}

/// Whether so many bytes of tables are small against the memory (`None`: the machine's).
pub(crate) fn fits(table_bytes: u64, memory: Option<u64>) -> bool {
    table_bytes <= memory.unwrap_or_else(machine_bytes) / PART_OF_MEMORY
}

/// Memory of the machine, or of the control groups that this process is in where that is less.
fn machine_bytes() -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| total_of(&text))
        .unwrap_or(ASSUMED_MEMORY_BYTES);
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limit_files(&groups)
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok()?.trim().parse().ok())
        .fold(machine, u64::min)
}

/// Where Linux tells the memory that the groups in `/proc/self/cgroup` and those around them may take, in
/// both of its versions (cgroups(7)): lines of `number:controllers:path`.
fn limit_files(groups: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut members = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (members.next(), members.next()) else { continue };
        let (root, file) = if controllers.is_empty() {
            ("/sys/fs/cgroup", "memory.max")
        } else if controllers.split(',').any(|controller| controller == "memory") {
            ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
        } else {
            continue;
        };
        let group = Path::new(path.trim_start_matches('/'));
        files.extend(group.ancestors().map(|group| Path::new(root).join(group).join(file)));
    }
    files
}

/// The total in Linux's `/proc/meminfo`, given there in KiB.
fn total_of(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let number = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
    number.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_the_memory_is_small() {
        assert!(fits(0, Some(0)));
        assert!(fits(256, Some(1024)));
        assert!(!fits(257, Some(1024)));
        assert!(!fits(1, Some(0)));
        assert!(!fits(1 << 40, None), "no machine that runs tests has 4 TiB");
    }

    #[test]
    fn the_total_is_read_in_bytes() {
        let text = "MemTotal:        2048 kB\nMemFree:         1 kB\n";
        assert_eq!(total_of(text), Some(2 * 1024 * 1024));
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn groups_of_both_versions_and_those_around_them_are_asked() {
        let files = |text: &str| -> Vec<String> {
            limit_files(text).iter().map(|file| file.to_string_lossy().into_owned()).collect()
        };
        assert_eq!(
            files("0::/system/refuge\n"),
            [
                "/sys/fs/cgroup/system/refuge/memory.max",
                "/sys/fs/cgroup/system/memory.max",
                "/sys/fs/cgroup/memory.max"
            ]
        );
        assert_eq!(
            files("5:memory:/one\n4:cpu,cpuacct:/one\nwithout a path"),
            [
                "/sys/fs/cgroup/memory/one/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes"
            ]
        );
        assert_eq!(files("0::/"), ["/sys/fs/cgroup/memory.max"]);
    }
}

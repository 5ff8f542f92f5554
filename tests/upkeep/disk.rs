//! What a node takes on disk, and waiting until it is little.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use refuge_tests::Node;

pub(crate) const MIB: u64 = 1024 * 1024;

/// What a node may take beside its data: journals, and tables that wait for their merge.
const BESIDE_BYTES: u64 = 96 * MIB;

/// Within this time without requests disk is given back; half again for a busy machine.
const QUIET: Duration = Duration::from_secs(90);

/// Bytes that the files under a directory have on disk.
pub(crate) fn allocated(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => allocated(&entry.path()),
        Ok(metadata) => metadata.blocks() * 512,
        // It left meanwhile.
        Err(_) => 0,
    });
    sizes.sum()
}

/// Waits until the node takes no more than its live data needs.
pub(crate) async fn until_given_back(node: &Node, live: u64) {
    let most = live + live / 2 + BESIDE_BYTES;
    let data = node.root().join("var/data");
    let started = Instant::now();
    let before = allocated(&data);
    loop {
        let now = allocated(&data);
        if now <= most {
            let seconds = started.elapsed().as_secs();
            println!("{} MiB of {} after {seconds} s", now / MIB, before / MIB);
            return;
        }
        assert!(
            started.elapsed() < QUIET,
            "{} MiB on disk for {} MiB of data",
            now / MIB,
            live / MIB
        );
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

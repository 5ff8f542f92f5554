//! Nodes, their machines and everything that goes wrong between them: lost segments, cut paths, lost
//! and broken connections, crossing dials, crashes. In virtual time, from one seed, which is printed
//! when a run fails; `REFUGE_SEED=n` runs one seed again and `REFUGE_SEEDS=n` runs so many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod chaos;
mod connection;
mod crashes;
mod crossing;
mod cuts;
mod day;
mod dice;
mod faults;
mod wire;
mod world;

/// Runs a scene with so many seeds; a panic names the seed.
fn with_seeds(usual: u64, scene: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let seeds = match (number("REFUGE_SEED"), number("REFUGE_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..usual,
    };
    for seed in seeds {
        let run = std::panic::catch_unwind(|| scene(seed));
        if let Err(panic) = run {
            eprintln!("failed with REFUGE_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

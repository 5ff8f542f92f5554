//! Two peers, the machine between them, and everything that goes wrong in between: lost requests,
//! lost answers, failures, crashes of the machine, edits on both sides all the while. In virtual
//! time, from one seed, which is printed when a run fails; `REFUGE_SEED=n` runs one seed again and
//! `REFUGE_SEEDS=n` runs so many.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "in a test a panic is the message"
)]

mod database;
mod dice;
mod plan;
mod world;

use plan::{Chosen, Plan};
use world::World;

/// Enough to meet every fault at every step many times over, in a few seconds.
const USUAL_SEEDS: u64 = 120;

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    match (number("REFUGE_SEED"), number("REFUGE_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => 0..count,
        (None, None) => 0..USUAL_SEEDS,
    }
}

/// Runs the plan with every seed; a panic names the seed.
fn with_seeds(plan: Plan) {
    println!("seeds {:?}", seeds());
    for seed in seeds() {
        let run = std::panic::catch_unwind(|| World::new(seed, plan).run());
        if let Err(panic) = run {
            eprintln!("failed with REFUGE_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn continuous_replications_converge_through_faults_and_crashes() {
    with_seeds(Plan { continuous: true, faults: true, ..Plan::CALM });
}

#[test]
fn replications_that_run_once_and_are_started_again_converge() {
    with_seeds(Plan { continuous: false, faults: true, ..Plan::CALM });
}

#[test]
fn without_faults_live_replications_converge() {
    with_seeds(Plan { continuous: true, ..Plan::CALM });
}

#[test]
fn a_target_made_anew_is_filled_again() {
    with_seeds(Plan { continuous: true, faults: true, target_made_anew: true, ..Plan::CALM });
}

#[test]
fn refused_documents_stop_nothing_and_are_counted() {
    with_seeds(Plan { continuous: true, refusals: true, ..Plan::CALM });
}

#[test]
fn replications_over_slow_links_converge_through_faults_and_crashes() {
    with_seeds(Plan { continuous: true, faults: true, slow: true, ..Plan::CALM });
}

#[test]
fn listed_documents_and_no_others_arrive_through_faults_and_crashes() {
    for continuous in [true, false] {
        with_seeds(Plan { continuous, faults: true, chosen: Chosen::Listed, ..Plan::CALM });
    }
}

#[test]
fn documents_that_match_and_no_others_arrive_through_faults_and_crashes() {
    for continuous in [true, false] {
        with_seeds(Plan { continuous, faults: true, chosen: Chosen::Matching, ..Plan::CALM });
    }
}

//! The process ends at each named place of the code in turn (`refuge-failpoints`), under a load of every
//! kind, in the quiet after it, at an ordered end or at a start, wherever the place is passed first. A
//! new place is tried without a word here. `make soak` takes all of them many times.

use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use refuge_failpoints::{Failpoint, VARIABLE};
use refuge_tests::{Acknowledged, Node, Options};
use rustix::process::Signal;
use tempfile::NamedTempFile;

use crate::mixed::Mixed;

/// Nodes that are killed side by side.
const LANES: usize = 2;

/// Writes before the place is named, so that it is met in the middle of them.
const WRITES_BEFORE: u64 = 50;

/// Writes after that, in each of two parts: enough for a few memtables of attachments.
const WRITES: u64 = 250;

/// The place is met at most so often before the process ends there, as long as it is met so often.
const MOST_PASSES: u32 = 20;

/// What goes on only in quiet begins within this time: what is short-lived leaves first.
const QUIET: Duration = Duration::from_secs(12);

/// Says how often each place is taken.
const ROUNDS_VARIABLE: &str = "REFUGE_FAILPOINT_ROUNDS";

/// A node, what was written to it, and the file that names a place to it.
struct Lane {
    node: Node,
    options: Options,
    mixed: Mixed,
    file: NamedTempFile,
    random: StdRng,
}

impl Lane {
    async fn start(seed: u64) -> Self {
        let file = NamedTempFile::new().expect("a file");
        let options = Options::default()
            .set("storage.memtable_bytes=1048576")
            .set("storage.upkeep_grace_seconds=0")
            .environment(VARIABLE, file.path().to_str().expect("text"));
        let node = Node::start(options.clone());
        let mixed = Mixed::on(&node).await;
        Self { node, options, mixed, file, random: StdRng::seed_from_u64(seed) }
    }

    /// Lets the process end when it passes the place so often from now on.
    fn arm(&self, place: Failpoint, passes: u32) {
        let text = format!("{} {passes}", place.name());
        std::fs::write(self.file.path(), text).expect("the file");
    }

    fn disarm(&self) {
        std::fs::write(self.file.path(), "").expect("the file");
    }

    async fn kill_at(&mut self, place: Failpoint) {
        let passes = self.random.random_range(1..=MOST_PASSES);
        let written = self.meet(place, passes).await;
        let status = self.node.ended();
        let met = status.signal() == Some(Signal::KILL.as_raw());
        if !met {
            assert_eq!(status.code(), Some(0), "{place:?}: {:#?}", self.node.errors());
            println!("{} is looked for at a start", place.name());
            self.arm(place, 1);
            let (code, _, errors) = Node::refusal(self.node.root(), &self.options);
            assert_eq!(code, None, "{place:?} is never passed: {errors}");
        }
        self.disarm();
        println!("{} after up to {passes} passes", place.name());
        self.mixed.verify(&mut self.node, written).await;
    }

    /// Goes through the life of a process until it is gone: a load, quiet, an ordered end.
    async fn meet(&mut self, place: Failpoint, passes: u32) -> Acknowledged {
        let writing = self.mixed.start(&self.node);
        writing.advance(WRITES_BEFORE, &self.node).await;
        self.arm(place, passes);
        writing.advance(WRITES, &self.node).await;
        if !self.node.has_ended() {
            self.arm(place, 1);
            writing.advance(WRITES, &self.node).await;
        }
        let written = writing.end().await;
        let gone = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            while !self.node.has_ended() {
                ticks.tick().await;
            }
        };
        if tokio::time::timeout(QUIET, gone).await.is_err() {
            self.node.terminate();
        }
        written
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_each_place_in_turn() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|text| text.parse().ok());
    let seed = refuge_tests::seed("killed at each place in turn");
    let all: VecDeque<Failpoint> = Failpoint::ALL.repeat(rounds.unwrap_or(1)).into();
    let places = Arc::new(Mutex::new(all));
    let lanes = (0..LANES as u64).map(|number| {
        let places = places.clone();
        tokio::spawn(async move {
            let mut lane = Lane::start(seed.wrapping_add(number)).await;
            loop {
                let next = places.lock().unwrap().pop_front();
                let Some(place) = next else { break };
                lane.kill_at(place).await;
            }
            lane.mixed.until_short_lived_left(&lane.node).await;
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        lane.await.expect("a lane that does not panic");
    }
}

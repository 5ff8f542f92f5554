//! Actors killed at random, several at once, while everything works.

use std::collections::BTreeMap;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::scene::{KILLS_OF_ONE_PARENT, Scene};

/// Rounds of kills on one node.
const ROUNDS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actors_are_killed_at_random() {
    let mut random = StdRng::seed_from_u64(refuge_tests::seed("actors are killed at random"));
    for _ in 0..2 {
        let scene = Scene::start().await;
        let mut parents: BTreeMap<String, u32> = BTreeMap::new();
        for _ in 0..ROUNDS {
            for _ in 0..random.random_range(1..=3) {
                let tree = scene.tree().await;
                let victims: Vec<_> = tree
                    .walk()
                    .filter(|parent| {
                        parents.get(&parent.name).is_none_or(|kills| *kills < KILLS_OF_ONE_PARENT)
                    })
                    .flat_map(|parent| {
                        parent
                            .children
                            .iter()
                            .map(move |child| (parent.name.clone(), child.name.clone()))
                    })
                    .collect();
                let Some((parent, name)) = victims.choose(&mut random) else { continue };
                println!("killing {name}");
                // It may be gone by now, or take the console along: either way, go on.
                scene.console.kill(name).await.ok();
                *parents.entry(parent.clone()).or_default() += 1;
            }
            scene.advance(60).await;
        }
        scene.settled().await;
        let acknowledged = scene.end().await;
        println!("{} documents were acknowledged, none was lost", acknowledged.len());
    }
}

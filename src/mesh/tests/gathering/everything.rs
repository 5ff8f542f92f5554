//! All that goes wrong between a thousand nodes and their hubs, at once.

use crate::HOUR_MS;
use crate::world::{Faults, World};

#[test]
fn friends_find_each_other_after_loss_partition_churn_and_clocks_that_are_off_all_at_once() {
    for seed in [1, 2] {
        println!("seed {seed}");
        let faults = Faults { lost_percent: 20, hours_off: 11, lying_hub: true };
        let mut world = World::new(seed, faults);
        for hour in 0..36 {
            world.part((12..24).contains(&hour));
            world.pass(HOUR_MS);
            world.churn(5);
        }
        let (before, of) = world.found();
        // Nobody moves any more; requests are lost, a hub lies and clocks are off as before.
        world.pass(6 * HOUR_MS);
        let (found, all) = world.found();
        println!("{before} of {of} pairs at the worst, {found} of {all} in the end");
        assert!(before < of, "much went wrong");
        assert!(found * 1_000 >= all * 999, "{found} of {all}");
        assert_eq!(world.believed_wrongly, 0);
    }
}

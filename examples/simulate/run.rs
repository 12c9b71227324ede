//! One run: a policy lives through a workload, minute by minute, as a timer would wake it.

use crate::eyes::Eyes;
use crate::oracle;
use crate::policy::{Ours, Settings, Who, fixed, when_hit};
use crate::workload::{Demand, Workload};
use crate::world::{Score, World};

/// Lives through it.
pub fn run(w: &Workload, demand: &Demand, who: Who, settings: Settings, seed: u64) -> Score {
    let mut world = World::new(w, demand);
    let mut eyes = Eyes::new(w, settings.pace, seed);
    let mut ours = Ours::new(w, settings);
    for minute in 0..demand.minutes {
        let hit = world.minute(minute, demand);
        if who != Who::Oracle {
            eyes.look(&world, minute, demand, hit);
        }
        let next = match who {
            Who::Ours => ours.decide(&eyes, world.active, minute),
            Who::WhenHit => when_hit(&eyes, world.active, minute),
            Who::Fixed => fixed(&eyes, world.active, minute, 90.0),
            Who::Oracle => oracle::decide(&world, minute + 1, demand),
        };
        if let Some(to) = next {
            world.switch(to);
        }
    }
    world.score
}

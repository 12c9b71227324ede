//! Any bytes as shell text: no panic, no abort, an answer in time.
#![no_main]

#[path = "../../examples/guard-lab/machine.rs"]
#[allow(dead_code, reason = "the stand-ins are for the lab")]
mod machine;
mod timed;
#[path = "../../examples/guard-lab/world.rs"]
#[allow(dead_code, reason = "for the lab")]
mod world;

use claude_failover::model::guard::judge_shell;
use std::sync::LazyLock;

static WORLD: LazyLock<world::LabWorld> = LazyLock::new(world::LabWorld::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let context = WORLD.context();
    timed::in_time(bytes, || drop(judge_shell(&text, &context)));
});

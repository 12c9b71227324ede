//! Any bytes as the hook's input: no panic, no abort, an answer in time.
#![no_main]

#[path = "../../examples/guard-lab/machine.rs"]
#[allow(dead_code, reason = "the stand-ins are for the lab")]
mod machine;
mod timed;
#[path = "../../examples/guard-lab/world.rs"]
#[allow(dead_code, reason = "for the lab")]
mod world;

use claude_failover::model::guard::tool_call::{self, Ask};
use claude_failover::model::guard::{judge_shell, judge_write};
use std::sync::LazyLock;

static WORLD: LazyLock<world::LabWorld> = LazyLock::new(world::LabWorld::new);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let context = WORLD.context();
    timed::in_time(bytes, || {
        let Ok(call) = tool_call::read(bytes) else { return };
        for ask in &call.asks {
            match ask {
                Ask::Shell(text) => drop(judge_shell(text, &context)),
                Ask::Write(path) => drop(judge_write(path, &context)),
            }
        }
    });
});

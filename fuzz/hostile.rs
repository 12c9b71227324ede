//! Texts that are made to be slow, as large as the guard reads them: prints those that take half of the limit, and
//! fails if one takes more than the limit.

#[path = "../examples/guard-lab/machine.rs"]
#[allow(dead_code, reason = "the stand-ins are for the lab")]
mod machine;
#[path = "../src/model/guard/hostile.rs"]
mod shapes;
#[path = "targets/timed.rs"]
mod timed;
#[path = "../examples/guard-lab/world.rs"]
#[allow(dead_code, reason = "for the lab")]
mod world;

use claude_failover::model::guard::{judge_shell, limits};
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let world = world::LabWorld::new();
    let context = world.context();
    let (mut late, mut slowest) = (0, Duration::ZERO);
    for shape in shapes::SHAPES {
        let mut worst = (Duration::ZERO, 0);
        // Slower than the largest can be one below some limit that ends the reading early.
        for times in std::iter::successors(Some(8_usize), |n| Some(n * 3 / 2)) {
            let text = shapes::text(*shape, times);
            let took = timed::time(|| drop(judge_shell(&text, &context)));
            worst = worst.max((took, times));
            if limits::check(&text).is_err() || took > 3 * timed::MOST {
                break;
            }
        }
        let (took, times) = worst;
        if took >= timed::MOST / 2 {
            println!("{:8.2} ms {times:6} times {shape:?}", took.as_secs_f64() * 1000.0);
        }
        late += usize::from(took >= timed::MOST);
        slowest = slowest.max(took);
    }
    println!("{} shapes, the slowest {slowest:?}, {late} over {:?}", shapes::SHAPES.len(), timed::MOST);
    ExitCode::from(u8::from(late > 0))
}

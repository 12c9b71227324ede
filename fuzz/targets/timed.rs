//! The limit on time.

use std::time::{Duration, Instant};

/// The longest that an answer may take.
const MOST: Duration = Duration::from_millis(20);

/// Panics if `work` takes too long, which libFuzzer keeps as a find. What was slow once may only have been
/// interrupted: it is measured again.
pub fn in_time(mut work: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..6 {
        let start = Instant::now();
        work();
        best = best.min(start.elapsed());
        if best < MOST {
            return;
        }
    }
    panic!("too slow: {best:?}");
}

//! What time it is. `CLAUDE_FAILOVER_NOW` (RFC 3339) fixes it for tests; always compiled in.
#![expect(clippy::disallowed_methods, reason = "this is the module the lint points to")]

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The wall clock, or what `CLAUDE_FAILOVER_NOW` says.
#[must_use]
pub fn now() -> Timestamp {
    std::env::var("CLAUDE_FAILOVER_NOW").ok().and_then(|text| text.parse().ok()).unwrap_or_else(Timestamp::now)
}

/// The identity of this boot of the machine: pids and start times mean nothing in another one.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// Polls until the closure answers or the time is over; the first look is at once.
pub fn wait_for<T>(limit: Duration, every: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return Some(found);
        }
        if start.elapsed() >= limit {
            return None;
        }
        std::thread::sleep(every.min(limit.saturating_sub(start.elapsed())));
    }
}

/// Measures a span of time, whatever the wall clock does.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long ago that was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Lets time pass: the client's composer needs it between a line and its Enter.
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

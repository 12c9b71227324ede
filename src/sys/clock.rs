//! What time it is. `CLAUDE_FAILOVER_NOW` fixes it for tests, or lets it run faster; always compiled in.
//!
//! Either a time (RFC 3339), at which it stands still, or `FROM xN`: since the time FROM it has run N times
//! as fast as it does, so that all processes see the same days go by.
#![expect(clippy::disallowed_methods, reason = "this is the module the lint points to")]

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// The wall clock, or what `CLAUDE_FAILOVER_NOW` says.
#[must_use]
pub fn now() -> Timestamp {
    let real = Timestamp::now();
    std::env::var("CLAUDE_FAILOVER_NOW").ok().and_then(|text| told(&text, real)).unwrap_or(real)
}

fn told(text: &str, real: Timestamp) -> Option<Timestamp> {
    let Some((from, times)) = text.split_once(" x") else { return text.parse().ok() };
    let (from, times): (Timestamp, i32) = (from.parse().ok()?, times.parse().ok()?);
    from.checked_add(real.duration_since(from).checked_mul(times)?).ok()
}

/// The identity of this boot of the machine: pids and start times mean nothing in another one.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}

/// Whether something keeps the kernel's clock right; `None` if the kernel does not say.
#[must_use]
pub fn is_synchronised() -> Option<bool> {
    // SAFETY: all zeroes is a valid `timex`, and asks without setting anything.
    let mut ask: nix::libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live value of the right type.
    match unsafe { nix::libc::adjtimex(&raw mut ask) } {
        -1 => None,
        state => Some(state != nix::libc::TIME_ERROR),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_stands_still_and_one_that_runs() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let real = at("2026-01-01T00:00:10Z");
        assert_eq!(told("2030-05-05T00:00:00Z", real), Some(at("2030-05-05T00:00:00Z")));
        assert_eq!(told("2026-01-01T00:00:00Z x360", real), Some(at("2026-01-01T01:00:00Z")));
        assert_eq!(told("2026-01-01T00:00:00Z xx", real), None);
        assert_eq!(told("soon", real), None);
    }
}

//! The limit on time: processor time of this thread, so that a busy machine makes nothing slow.
#![allow(dead_code, reason = "not every program needs all of it")]

use nix::time::ClockId;
use std::cell::Cell;
use std::time::Duration;

/// The longest that an answer may take. Where coverage is counted, more than half of the time goes into the counting of
/// comparisons: there it is as much longer.
pub const MOST: Duration = Duration::from_millis(if cfg!(fuzzing) { 45 } else { 20 });

thread_local! {
    static SLOWEST: Cell<Duration> = const { Cell::new(Duration::from_millis(2)) };
}

fn now() -> Duration {
    ClockId::CLOCK_THREAD_CPUTIME_ID.now().expect("a clock of this thread").into()
}

fn once(work: &mut impl FnMut()) -> Duration {
    let start = now();
    work();
    now().saturating_sub(start)
}

/// How long `work` takes: what was slow once may only have been interrupted, and is measured again.
pub fn time(mut work: impl FnMut()) -> Duration {
    let first = once(&mut work);
    if first < MOST / 2 || first > 20 * MOST {
        return first;
    }
    (0..4).map(|_| once(&mut work)).fold(first, Duration::min)
}

/// Panics if `work` takes too long, which libFuzzer keeps as a find; says on stderr what was the slowest so far.
pub fn in_time(bytes: &[u8], mut work: impl FnMut()) {
    let mut best = once(&mut work);
    if best <= SLOWEST.get() {
        return;
    }
    best = (0..5).map(|_| once(&mut work)).fold(best, Duration::min);
    if best <= SLOWEST.get() {
        return;
    }
    SLOWEST.set(best);
    let start: String = String::from_utf8_lossy(bytes).escape_debug().take(160).collect();
    eprintln!("slowest so far: {best:?}, {} bytes: {start}", bytes.len());
    assert!(best < MOST, "too slow: {best:?}");
}

//! Whoever reads our output, for a command that goes on until it is told to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::clock;
use nix::libc;
use nix::sys::signal::{SigSet, Signal};

/// How a command that follows something comes to its end: by Ctrl-C or SIGTERM, or when nobody reads any more.
#[derive(Debug)]
pub struct End(Arc<AtomicBool>);

impl End {
    /// Begins to listen for signals: from now on they end nothing by themselves.
    #[must_use]
    pub fn listen() -> Self {
        let told = Arc::new(AtomicBool::new(false));
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGINT);
        signals.add(Signal::SIGTERM);
        // Before the thread is made, which has the same mask: then it alone takes them.
        if signals.thread_block().is_ok() {
            let flag = Arc::clone(&told);
            std::thread::spawn(move || {
                let _ = signals.wait();
                flag.store(true, Ordering::Relaxed);
            });
        }
        Self(told)
    }

    /// Waits a little; whether it is the end.
    #[must_use]
    pub fn within(&self, time: Duration) -> bool {
        clock::wait_for(time, Duration::from_millis(20), || self.0.load(Ordering::Relaxed).then_some(())).is_some()
            || is_gone()
    }
}

/// Whether the other end of our standard output is closed.
fn is_gone() -> bool {
    let mut asked = libc::pollfd { fd: libc::STDOUT_FILENO, events: 0, revents: 0 };
    // SAFETY: one valid entry, and no waiting.
    let answers = unsafe { libc::poll(&raw mut asked, 1, 0) };
    answers == 1 && asked.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0
}

//! How a hook that must not fail ends: by its own exit code, whatever happens to it.
//!
//! The client lets a call run when its hook dies by a signal, or ends with any code but 2. So each way of
//! dying is turned into an exit: a panic, an abort, a stack that runs over, a fault, a signal from outside,
//! and the time being over. Before the verdict is known the code is 2; once it is known, it is the verdict's.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicI32, Ordering};

use nix::libc;
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};

/// The client's word for "do not run this".
pub const BLOCK: i32 = 2;

/// With what the process ends if something happens to it now.
static CODE: AtomicI32 = AtomicI32::new(BLOCK);

/// What would end the process without asking it. `SIGKILL` cannot be caught: the installed command line is for
/// that (it blocks whatever does not end by itself).
const DEADLY: [Signal; 19] = [
    Signal::SIGALRM,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGILL,
    Signal::SIGFPE,
    Signal::SIGABRT,
    Signal::SIGTRAP,
    Signal::SIGSYS,
    Signal::SIGTERM,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGXCPU,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGIO,
    Signal::SIGPWR,
];

const LATE: &str = "claude-failover guard blocked this call: input.limit: it could not be judged within 2 seconds\n\
    Try it once more, or in smaller steps; you may go on with other work.\n";
const FAULT: &str = "claude-failover guard blocked this call: it failed while it read it, and what it cannot \
    read it does not let run\nTry a simpler form of the command; you may go on with other work.\n";

/// The end of a process that something happens to. Only calls that a signal handler may make.
extern "C" fn caught(signal: libc::c_int) {
    last_words(if signal == libc::SIGALRM { LATE } else { FAULT });
    end(CODE.load(Ordering::Relaxed));
}

fn last_words(text: &str) {
    if CODE.load(Ordering::Relaxed) == BLOCK {
        // Nobody may read it: the code alone blocks.
        // SAFETY: the pointer and the length are those of a text that lives for ever.
        let _ = unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.len()) };
    }
}

/// Ends the process at once: nothing is flushed, no destructor runs.
pub fn end(code: i32) -> ! {
    // SAFETY: `_exit` takes no pointer and does not return.
    unsafe { libc::_exit(code) }
}

/// How long the verdict may take. Generous, since a loaded machine is no reason to block; short beside the
/// client's own limit, past which the call would run.
pub const SECONDS: u32 = 2;

/// From here on whatever happens to this process ends it with [`BLOCK`], after [`SECONDS`] at the latest.
pub fn arm() {
    std::panic::set_hook(Box::new(|panic| {
        last_words(FAULT);
        // The place only: a message may hold what was read.
        last_words(
            &panic.location().map(|at| format!("(a fault at {at}: please report it)\n")).unwrap_or_default(),
        );
        end(CODE.load(Ordering::Relaxed));
    }));
    // A stack that has run over has no room for a handler.
    let stack = Box::leak(vec![0_u8; 64 << 10].into_boxed_slice());
    let stack = libc::stack_t { ss_sp: stack.as_mut_ptr().cast(), ss_flags: 0, ss_size: stack.len() };
    // SAFETY: the memory is leaked, so it stays valid; the old stack is not asked for.
    unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
    let action = SigAction::new(SigHandler::Handler(caught), SaFlags::SA_ONSTACK, SigSet::empty());
    for signal in DEADLY {
        // SAFETY: the handler writes and exits, which a handler may.
        let _ = unsafe { sigaction(signal, &action) };
    }
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGPIPE, Signal::SIGXFSZ] {
        // A reader that is gone and a disk that is full are errors of the write, not the end.
        // SAFETY: no handler is involved.
        let _ = unsafe { sigaction(signal, &ignore) };
    }
    // Whoever started us may have held signals back.
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
    nix::unistd::alarm::set(SECONDS);
}

/// The verdict is known: what happens now does not change it.
pub fn decided(code: i32) {
    CODE.store(code, Ordering::Relaxed);
}

/// As much stack as the deepest text within the limits takes, with room to spare, in bytes.
const STACK: usize = 16 << 20;

/// Runs something that recurses on a stack that is known to be large: the own one, unless whoever started
/// us has cut it (a new thread costs a tenth of a whole run).
pub fn with_stack(run: impl FnOnce() + Send) {
    let soft = getrlimit(Resource::RLIMIT_STACK).map_or(0, |(soft, _)| soft);
    if soft >= 8 << 20 {
        return run();
    }
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run);
        let ended = thread.map(std::thread::ScopedJoinHandle::join);
        if !matches!(ended, Ok(Ok(()))) {
            last_words(FAULT);
            end(CODE.load(Ordering::Relaxed));
        }
    });
}

/// Reads standard input to its end. `None` if there is more than allowed.
///
/// # Errors
/// If it cannot be read. It may wait: [`arm`] ends that.
pub fn read_input(most: usize) -> std::io::Result<Option<Vec<u8>>> {
    let stdin = std::io::stdin();
    let mut bytes = vec![0_u8; 32 << 10];
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            if filled > most {
                return Ok(None);
            }
            bytes.resize(filled * 2, 0);
        }
        match nix::unistd::read(stdin.as_fd(), bytes.get_mut(filled..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(nix::errno::Errno::EINTR) => {}
            Err(nix::errno::Errno::EAGAIN) => super::clock::pause(std::time::Duration::from_millis(1)),
            Err(e) => return Err(e.into()),
        }
    }
    bytes.truncate(filled);
    Ok((filled <= most).then_some(bytes))
}

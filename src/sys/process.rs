//! Other processes: running a program to its end under a deadline, and looking at one by pid.
#![expect(clippy::disallowed_methods, reason = "this is the module the lint points to")]

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use super::clock;

static SPAWNED: AtomicUsize = AtomicUsize::new(0);

/// How many programs this process has started.
#[must_use]
pub fn spawned() -> usize {
    SPAWNED.load(Ordering::Relaxed)
}

/// What a program said.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// Its exit code, or 128 + the signal that ended it.
    pub status: i32,
    /// Its standard output, cut at the limit.
    pub stdout: String,
    /// Its standard error, cut at the limit.
    pub stderr: String,
}

/// Why a program could not be run to its end.
#[derive(Debug)]
pub enum ProcessError {
    /// There is no such program.
    NotFound(PathBuf),
    /// It did not end in time and was ended.
    TimedOut(PathBuf, Duration),
    /// It could not be started or read.
    Failed(PathBuf, io::Error),
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound(program) => write!(f, "not installed: `{}`", program.display()),
            Self::TimedOut(program, after) => {
                write!(f, "did not end within {} s: `{}`", after.as_secs(), program.display())
            }
            Self::Failed(program, e) => write!(f, "could not run `{}`: {e}", program.display()),
        }
    }
}

impl std::error::Error for ProcessError {}

/// The most that is read of each of a program's streams, in bytes.
const OUTPUT_LIMIT: u64 = 8 << 20;

/// How long the rest of its output is waited for once it has ended.
const REST: Duration = Duration::from_secs(2);

/// Runs a program to its end. Variables named in `without` are not passed on.
///
/// # Errors
/// If it does not exist, cannot be started, or does not end in time.
pub fn run<S: AsRef<OsStr>>(
    program: &Path,
    args: &[S],
    without: &[&str],
    timeout: Duration,
) -> Result<Said, ProcessError> {
    let mut command = Command::new(program);
    command.args(args);
    for name in without {
        command.env_remove(name);
    }
    to_its_end(command, program, None, timeout)
}

/// Runs a program to its end with just this environment, in a directory, and gives it a text to read.
///
/// # Errors
/// If it does not exist, cannot be started, or does not end in time.
pub fn feed(
    program: &Path,
    args: &[&str],
    env: &[(&str, &OsStr)],
    cwd: &Path,
    text: &str,
    timeout: Duration,
) -> Result<Said, ProcessError> {
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(env.iter().copied()).current_dir(cwd);
    to_its_end(command, program, Some(text.to_owned()), timeout)
}

fn to_its_end(
    mut command: Command,
    program: &Path,
    text: Option<String>,
    timeout: Duration,
) -> Result<Said, ProcessError> {
    let failed = |e| ProcessError::Failed(program.to_owned(), e);
    command.stdin(if text.is_some() { Stdio::piped() } else { Stdio::null() });
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own: what it starts in turn is ended with it.
    command.process_group(0);
    SPAWNED.fetch_add(1, Ordering::Relaxed);
    let mut child = command.spawn().map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => ProcessError::NotFound(program.to_owned()),
        _ => failed(e),
    })?;
    if let (Some(text), Some(mut stdin)) = (text, child.stdin.take()) {
        // By a thread: one that does not read would keep us for ever. It ends with the program's end of the pipe.
        std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    }
    // Both pipes are drained while it runs: a full one would stop it for ever. A reader drops its end of the channel
    // with the end of its pipe.
    let (reads, done) = mpsc::channel::<()>();
    let stdout = drain(child.stdout.take(), reads.clone());
    let stderr = drain(child.stderr.take(), reads);
    let group = Pid::from_raw(-child.id().cast_signed());
    let mut pause = Duration::from_micros(200);
    let status = clock::wait_for(timeout, Duration::ZERO, || match child.try_wait() {
        Ok(None) => {
            clock::pause(pause);
            pause = (pause * 2).min(Duration::from_millis(10));
            None
        }
        ended => Some(ended),
    });
    let Some(status) = status else {
        for (signal, grace) in [(Signal::SIGTERM, 200), (Signal::SIGKILL, 2000)] {
            let _ = kill(group, signal);
            let gone = || child.try_wait().ok().flatten();
            if clock::wait_for(Duration::from_millis(grace), Duration::from_millis(5), gone).is_some() {
                break;
            }
        }
        return Err(ProcessError::TimedOut(program.to_owned(), timeout));
    };
    let status = status.map_err(failed)?.ok_or_else(|| failed(io::Error::other("no status")))?;
    // What it has left behind in the background may hold the pipes for as long as it likes.
    let _ = done.recv_timeout(REST);
    let text = |bytes: &Mutex<Vec<u8>>| {
        String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    };
    Ok(Said {
        status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        stdout: text(&stdout),
        stderr: text(&stderr),
    })
}

/// Reads a stream to its end or its limit, by a thread; what came of it so far.
fn drain(stream: Option<impl Read + Send + 'static>, reads: mpsc::Sender<()>) -> Arc<Mutex<Vec<u8>>> {
    let all = Arc::new(Mutex::new(Vec::new()));
    let bytes = Arc::clone(&all);
    std::thread::spawn(move || {
        let _reads = reads;
        let Some(stream) = stream else { return };
        let (mut stream, mut piece) = (stream.take(OUTPUT_LIMIT), [0; 16 << 10]);
        loop {
            match stream.read(&mut piece) {
                Ok(0) => return,
                Ok(length) => {
                    bytes.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&piece[..length]);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    });
    all
}

/// Runs a program on the terminal of whoever runs us, with just this environment, and waits for its end.
/// Its exit code, or 128 + the signal that ended it.
///
/// # Errors
/// If it does not exist or cannot be started.
pub fn foreground(
    program: &Path,
    args: &[&str],
    env: &std::collections::BTreeMap<String, String>,
) -> Result<i32, ProcessError> {
    let failed = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound => ProcessError::NotFound(program.to_owned()),
        _ => ProcessError::Failed(program.to_owned(), e),
    };
    // A Ctrl-C is meant for the program; we stay to say what came of it. The mask is not inherited.
    let mut keys = nix::sys::signal::SigSet::empty();
    keys.add(Signal::SIGINT);
    keys.add(Signal::SIGQUIT);
    let _ = keys.thread_block();
    SPAWNED.fetch_add(1, Ordering::Relaxed);
    let status = Command::new(program).args(args).env_clear().envs(env).status().map_err(failed)?;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)))
}

/// Whether a process with this pid lives and runs this very program: it may be at its temp files.
#[must_use]
pub fn is_one_of_us(pid: i32) -> bool {
    let name = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/comm")).ok();
    ProcessId::of(pid).is_some() && name(&pid.to_string()).is_some_and(|comm| name("self") == Some(comm))
}

/// A process that cannot be mistaken for a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessId {
    /// Its pid.
    pub pid: i32,
    /// Its start, in clock ticks since boot: field 22 of `/proc/<pid>/stat`.
    pub start: u64,
}

/// One line of `/proc/<pid>/stat`: the state letter, the parent, the start.
fn stat(pid: i32) -> Option<(char, i32, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_stat(&text)
}

fn parse_stat(text: &str) -> Option<(char, i32, u64)> {
    // The name of the program is in brackets and may hold brackets and spaces itself.
    let rest = &text[text.rfind(')')? + 1..];
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(17)?.parse().ok()?;
    Some((state, parent, start))
}

impl ProcessId {
    /// The live process with this pid; a zombie has ended.
    #[must_use]
    pub fn of(pid: i32) -> Option<Self> {
        let (state, _, start) = stat(pid)?;
        (pid > 0 && !matches!(state, 'Z' | 'X')).then_some(Self { pid, start })
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        Self::of(self.pid) == Some(*self)
    }

    /// Sends a signal to this very process, if it still runs.
    #[must_use]
    pub fn signal(&self, signal: Signal) -> bool {
        self.is_alive() && kill(Pid::from_raw(self.pid), signal).is_ok()
    }

    /// The directory in which it works, if that can be seen.
    #[must_use]
    pub fn cwd(&self) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/cwd", self.pid)).ok().filter(|_| self.is_alive())
    }

    /// Waits until it is gone.
    #[must_use]
    pub fn wait_gone(&self, limit: Duration) -> bool {
        clock::wait_for(limit, Duration::from_millis(10), || (!self.is_alive()).then_some(())).is_some()
    }

    /// Everything that it has started and that still runs, children of children included.
    #[must_use]
    pub fn descendants(&self) -> Vec<Self> {
        let mut all: Vec<(i32, i32, u64)> = Vec::new();
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        for entry in entries.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
            if let Some((state, parent, start)) = stat(pid)
                && !matches!(state, 'Z' | 'X')
            {
                all.push((pid, parent, start));
            }
        }
        let mut found = Vec::new();
        let mut parents = vec![self.pid];
        while let Some(parent) = parents.pop() {
            for (pid, _, start) in all.iter().filter(|p| p.1 == parent) {
                found.push(Self { pid: *pid, start: *start });
                parents.push(*pid);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let start = std::time::Instant::now();
        let error = run(Path::new("/bin/sleep"), &["60"], &[], Duration::from_millis(50)).unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut(..)));
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_a_program_leaves_in_the_background_is_not_waited_for() {
        let start = std::time::Instant::now();
        let args = ["-c", "sleep 60 & echo $!; exit 3"];
        let said = run(Path::new("/bin/sh"), &args, &[], Duration::from_secs(20)).unwrap();
        assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
        assert_eq!(said.status, 3);
        let left: i32 = said.stdout.trim().parse().unwrap();
        assert!(ProcessId::of(left).unwrap().signal(Signal::SIGTERM));
    }

    #[test]
    fn output_status_and_absence() {
        let args = ["-c", "echo out; echo err >&2; head -c 300000 /dev/zero | tr '\\0' x; exit 7"];
        let said = run(Path::new("/bin/sh"), &args, &[], Duration::from_secs(20)).unwrap();
        assert_eq!((said.status, said.stderr.as_str(), said.stdout.len()), (7, "err\n", 300_004));
        let error = run(Path::new("/nonexistent/x"), &["a"], &[], Duration::from_secs(1)).unwrap_err();
        assert_eq!(error.to_string(), "not installed: `/nonexistent/x`");
    }

    #[test]
    fn a_program_name_with_brackets_does_not_confuse() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1 2";
        assert_eq!(parse_stat(line), Some(('S', 3, 4242)));
        assert!(ProcessId::of(std::process::id().cast_signed()).unwrap().is_alive());
        assert_eq!(ProcessId::of(0), None);
    }
}

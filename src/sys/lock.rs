//! Locks: flock(2) on files that are made once and never renamed or removed.
//!
//! A *run lock* per command: a timer that finds it busy skips, a person waits and is told for whom.
//! One *state lock* for changes, held for milliseconds, never across tmux, HTTP or a child.
//! The kernel frees both at any death, so there are no stale locks. The text in a lock file
//! (pid, command, since) is for messages only; the truth is the flock.
//!
//! fs2 is called by its full path: std's own `File::lock…` methods would win otherwise.

use anyhow::{Context, Result};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::clock;

/// A lock that is held until this value is dropped.
#[derive(Debug)]
pub struct Held {
    file: File,
}

/// Why a lock was not taken.
#[derive(Debug)]
pub enum LockError {
    /// Another process holds it; the note says which, if it could be read.
    Busy {
        /// What the holder wrote into the file.
        holder: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The lock file cannot be used.
    Failed(anyhow::Error),
}

impl std::fmt::Display for LockError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Busy { holder, path } => write!(f, "{holder} holds `{}`", path.display()),
            Self::Failed(e) => e.fmt(f),
        }
    }
}

impl std::error::Error for LockError {}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
        .open(path)
        .with_context(|| format!("could not open lock `{}`", path.display()))
}

/// Takes a lock if it is free.
///
/// # Errors
/// [`LockError::Busy`] if another process has it.
pub fn attempt(path: &Path, note: &str) -> Result<Held, LockError> {
    loop {
        let mut file = open(path).map_err(LockError::Failed)?;
        match fs2::FileExt::try_lock_exclusive(&file) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                return Err(LockError::Busy { holder: holder(&mut file), path: path.to_owned() });
            }
            Err(e) => {
                return Err(LockError::Failed(
                    anyhow::Error::from(e).context(format!("could not lock `{}`", path.display())),
                ));
            }
        }
        // The state directory may have been replaced between open and lock; a lock on an inode
        // that has lost its name excludes nobody.
        if same_file(&file, path) {
            if !note.is_empty() {
                let _ = write_note(&mut file, note);
            }
            return Ok(Held { file });
        }
    }
}

/// Takes a lock, waiting for it up to `limit`; `tell` is called once, with the holder, if it waits
/// for more than half a second.
///
/// # Errors
/// [`LockError::Busy`] if it stayed busy.
pub fn wait(path: &Path, note: &str, limit: Duration, tell: impl Fn(&str)) -> Result<Held, LockError> {
    let mut told = false;
    let mut last = None;
    let start = clock::Stopwatch::start();
    clock::wait_for(limit, Duration::from_millis(5), || match attempt(path, note) {
        Ok(held) => Some(Ok(held)),
        Err(LockError::Busy { holder, path }) => {
            // Most waits are milliseconds long and no news.
            if !told && start.elapsed() > Duration::from_millis(500) {
                tell(&holder);
                told = true;
            }
            last = Some(LockError::Busy { holder, path });
            None
        }
        Err(failed) => Some(Err(failed)),
    })
    .unwrap_or_else(|| Err(last.unwrap_or_else(|| LockError::Failed(anyhow::anyhow!("no time to lock")))))
}

/// Takes the lock of a directory of somebody else's, where no lock file of ours may lie; waits up to `limit`.
///
/// # Errors
/// [`LockError::Busy`] if another process kept it.
pub fn wait_dir(dir: &Path, limit: Duration) -> Result<Held, LockError> {
    let failed = |e: std::io::Error| {
        LockError::Failed(anyhow::Error::from(e).context(format!("could not lock `{}`", dir.display())))
    };
    let file = File::open(dir).map_err(failed)?;
    let taken =
        clock::wait_for(limit, Duration::from_millis(5), || match fs2::FileExt::try_lock_exclusive(&file) {
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => None,
            other => Some(other),
        });
    match taken {
        Some(Ok(())) => Ok(Held { file }),
        Some(Err(e)) => Err(failed(e)),
        None => Err(LockError::Busy { holder: "another process".to_owned(), path: dir.to_owned() }),
    }
}

/// Whether two holders of one lock are told apart on the file system where it lies; `None` if somebody has it
/// now. It is held for less than a millisecond.
///
/// # Errors
/// If the file is not there or cannot be locked at all.
pub fn excludes(path: &Path) -> Result<Option<bool>> {
    let again = || OpenOptions::new().read(true).write(true).open(path);
    let file = again().with_context(|| format!("could not open lock `{}`", path.display()))?;
    let is_busy = |e: &std::io::Error| e.kind() == std::io::ErrorKind::WouldBlock;
    match fs2::FileExt::try_lock_exclusive(&file) {
        Ok(()) => {}
        Err(e) if is_busy(&e) => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("could not lock `{}`", path.display())),
    }
    let held = Held { file };
    let other = again().with_context(|| format!("could not open lock `{}`", path.display()))?;
    let second = fs2::FileExt::try_lock_exclusive(&other);
    drop(held);
    Ok(Some(second.is_err_and(|e| is_busy(&e))))
}

fn same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::symlink_metadata(path)) {
        (Ok(a), Ok(b)) => a.dev() == b.dev() && a.ino() == b.ino(),
        _ => false,
    }
}

fn write_note(file: &mut File, note: &str) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(note.as_bytes())
}

/// The holder's note, for a message; anything unreadable is just "another process".
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let _ = file.take(200).read_to_string(&mut text);
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() || line.chars().any(char::is_control) { "another process".into() } else { line.to_owned() }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Closing would free it as well; a child that inherited the descriptor must not keep it.
        let _ = fs2::FileExt::unlock(&self.file);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_is_told_who_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let held = attempt(&path, "`dispatch` (pid 7)").unwrap();
        match attempt(&path, "").unwrap_err() {
            LockError::Busy { holder, .. } => assert_eq!(holder, "`dispatch` (pid 7)"),
            LockError::Failed(e) => panic!("{e}"),
        }
        drop(held);
        attempt(&path, "").unwrap();
    }

    #[test]
    fn a_lock_is_seen_to_exclude_and_a_busy_one_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        assert!(excludes(&path).is_err());
        let held = attempt(&path, "").unwrap();
        assert_eq!(excludes(&path).unwrap(), None);
        drop(held);
        assert_eq!(excludes(&path).unwrap(), Some(true));
        attempt(&path, "").unwrap();
    }

    #[test]
    fn garbled_and_empty_notes_are_another_process() {
        let dir = tempfile::tempdir().unwrap();
        for note in [&b""[..], b"\xff\xfe", b"\x1b[31mred"] {
            let path = dir.path().join("x.lock");
            let _ = std::fs::remove_file(&path);
            std::fs::write(&path, note).unwrap();
            let _held = attempt(&path, "").unwrap();
            match attempt(&path, "").unwrap_err() {
                LockError::Busy { holder, .. } => assert_eq!(holder, "another process"),
                LockError::Failed(e) => panic!("{e}"),
            }
        }
    }

    #[test]
    fn waiting_counts_right_over_threads() {
        let dir = tempfile::tempdir().unwrap();
        let (lock, count) = (dir.path().join("l"), dir.path().join("n"));
        std::fs::write(&count, "0").unwrap();
        std::thread::scope(|s| {
            for _ in 0..8 {
                s.spawn(|| {
                    for _ in 0..20 {
                        let _held = wait(&lock, "", Duration::from_secs(30), |_| {}).unwrap();
                        let n: u32 = std::fs::read_to_string(&count).unwrap().parse().unwrap();
                        std::fs::write(&count, (n + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&count).unwrap(), "160");
    }
}

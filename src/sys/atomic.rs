//! The durable steps: the only place that writes, moves or removes a file of ours.
//!
//! Write = new temp file in the same directory → fsync → rename → fsync of the directory, so a
//! reader sees the old file or the new one, and what was reported has reached the disk. A failed
//! fsync is a failed write. The process may be killed between any two steps: what is left over
//! (`.tmp-*`) is swept by the next run, and every caller keeps the order that makes the state
//! before each step and after it a valid one.
//!
//! With the feature `crash-points`, `CLAUDE_FAILOVER_CRASH_AT=n` ends the process with status 86
//! at the n-th durable step; the tests walk over all n.
#![expect(clippy::disallowed_methods, reason = "this is the module the lint points to")]

mod link;

use anyhow::{Context, Result};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

pub use link::{close_dir, exchange, is_place_holder, move_and_link, point_link, sweep_home, symlink};

/// How temp files begin; listings skip names with a leading dot.
pub const TEMP_PREFIX: &str = ".tmp-";

/// Whose a temp file is, by its name: the pid in `.tmp-NAME.PID` or `.tmp-NAME.PID.SERIAL`. `None` for a name that we
/// do not give; somebody else's may begin alike.
#[must_use]
pub fn temp_writer(name: &str) -> Option<i32> {
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    let (name, last) = name.strip_prefix(TEMP_PREFIX)?.rsplit_once('.')?;
    let before = name.rsplit_once('.').filter(|(name, _)| !name.is_empty()).and_then(|(_, pid)| number(pid));
    if name.is_empty() { None } else { number(last).map(|last| before.unwrap_or(last)) }
}

/// … in a directory that is not ours alone: there we write no other than `.tmp-NAME.PID.SERIAL`.
#[must_use]
pub fn durable_temp_writer(name: &str) -> Option<i32> {
    let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<i32>().ok()).flatten();
    let (rest, serial) = name.strip_prefix(TEMP_PREFIX)?.rsplit_once('.')?;
    let (name, pid) = rest.rsplit_once('.')?;
    number(pid).filter(|_| !name.is_empty() && number(serial).is_some())
}

/// Counts a durable step, or a moment before or after an outside effect; ends the process when it
/// is the one asked for. Does nothing in a build without crash points.
#[inline]
pub fn step(label: &str) {
    #[cfg(feature = "crash-points")]
    crash::step(label);
    #[cfg(not(feature = "crash-points"))]
    let _ = label;
}

#[cfg(feature = "crash-points")]
mod crash {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static AT: LazyLock<Option<u64>> =
        LazyLock::new(|| std::env::var("CLAUDE_FAILOVER_CRASH_AT").ok()?.parse().ok());
    static COUNT: AtomicU64 = AtomicU64::new(0);

    fn exit_at_once(status: i32) -> ! {
        // SAFETY: `_exit` takes no pointer and does not return.
        unsafe { nix::libc::_exit(status) }
    }

    pub fn step(label: &str) {
        let Some(at) = *AT else { return };
        if COUNT.fetch_add(1, Ordering::Relaxed) + 1 == at {
            // The label goes to stderr so that a failing sweep names the step, then no destructor runs.
            #[expect(clippy::print_stderr, reason = "the last words of a test build")]
            {
                eprintln!("crash point {at}: {label}");
            }
            exit_at_once(86);
        }
    }
}

static SERIAL: AtomicU64 = AtomicU64::new(0);

/// The size of the file that keeps room free, in bytes.
pub const RESERVE: usize = 64 << 10;

static SPARE: OnceLock<PathBuf> = OnceLock::new();

/// Names the file that is given up when the disk is full, so that what was begun can be brought to its end.
pub fn spend_when_full(path: &Path) {
    let _ = SPARE.set(path.to_owned());
}

/// Whether an error is one of a full disk, and there was something to give up.
fn made_room(error: &anyhow::Error) -> bool {
    let full = matches!(io_kind(error), Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded));
    full && SPARE.get().is_some_and(|path| fs::remove_file(path).is_ok())
}

fn parent(path: &Path) -> Result<&Path> {
    path.parent().with_context(|| format!("a path without a directory: `{}`", path.display()))
}

/// Makes what was renamed, created or removed in a directory survive a power cut.
fn sync_dir(dir: &Path) -> Result<()> {
    step("fsync directory");
    File::open(dir)
        .and_then(|d| d.sync_all())
        .with_context(|| format!("could not sync directory `{}`", dir.display()))
}

/// Makes an empty temp file beside `path`.
fn open_temp(path: &Path, mode: u32) -> Result<(PathBuf, File)> {
    let dir = parent(path)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    let temp = dir.join(format!("{TEMP_PREFIX}{name}.{}.{serial}", std::process::id()));
    step("create temp file");
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true) // a planted link or a stale temp file is refused, never followed
            .mode(mode)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(&temp)
    };
    let file = match open() {
        // The same pid in an earlier boot left it: nobody else can own this name.
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => fs::remove_file(&temp).and_then(|()| open()),
        other => other,
    }
    .with_context(|| format!("could not create `{}`", temp.display()))?;
    Ok((temp, file))
}

/// Writes a temp file beside `path`, complete and on disk.
fn temp_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf> {
    match try_temp_beside(path, bytes, mode) {
        Err(e) if made_room(&e) => try_temp_beside(path, bytes, mode),
        other => other,
    }
}

fn try_temp_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf> {
    let (temp, mut file) = open_temp(path, mode)?;
    let written = (|| {
        step("write temp file");
        file.write_all(bytes)?;
        // A file's ctime past its mtime is how a reader of an inbox tells one that came whole from one
        // that is being written in place; a coarse clock may stamp write and rename alike.
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_millis(20))?;
        step("fsync temp file");
        file.sync_all()
    })();
    if let Err(e) = written {
        // Room may be short: a half-written file must not take more of it.
        let _ = fs::remove_file(&temp);
        return Err(e).with_context(|| format!("could not write `{}`", path.display()));
    }
    Ok(temp)
}

/// Replaces the content of a file, or creates it, with what the closure writes: for what is too large to be held.
///
/// # Errors
/// If the closure or any step fails; the old content is then still there.
pub fn compose(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let (temp, mut file) = open_temp(path, mode)?;
    step("write temp file");
    let written = write(&mut file).and_then(|()| {
        step("fsync temp file");
        file.sync_all()?;
        step("rename over");
        Ok(fs::rename(&temp, path)?)
    });
    if let Err(e) = written {
        let _ = fs::remove_file(&temp);
        return Err(e).with_context(|| format!("could not write `{}`", path.display()));
    }
    sync_dir(parent(path)?)
}

/// Replaces the content of a file, or creates it, with mode 0600.
///
/// # Errors
/// If any step fails; the old content is then still there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_mode(path, bytes, 0o600)
}

/// Like [`write()`], with a mode of the caller's choice (a file of the project, not of ours).
///
/// # Errors
/// If any step fails; the old content is then still there.
pub fn write_mode(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let temp = temp_beside(path, bytes, mode)?;
    step("rename over");
    if let Err(e) = fs::rename(&temp, path) {
        let _ = fs::remove_file(&temp);
        return Err(e).with_context(|| format!("could not replace `{}`", path.display()));
    }
    sync_dir(parent(path)?)
}

/// Replaces the content of a file that is somebody else's to read, or creates it with mode 0600: it keeps the mode
/// that it has.
///
/// # Errors
/// If any step fails; the old content is then still there.
pub fn rewrite(path: &Path, bytes: &[u8]) -> Result<()> {
    let mode = fs::metadata(path).map_or(0o600, |m| m.permissions().mode() & 0o777);
    sweep_beside(path);
    write_if(path, bytes, mode, || true).map(drop)
}

/// Removes what killed runs have left beside a file in a directory that nobody else sweeps.
fn sweep_beside(path: &Path) {
    let Some(entries) = path.parent().and_then(|dir| fs::read_dir(dir).ok()) else { return };
    let ours = format!("{TEMP_PREFIX}{}.", path.file_name().unwrap_or_default().to_string_lossy());
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let writer = name.starts_with(&ours).then(|| durable_temp_writer(&name)).flatten();
        if writer.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Like [`write_mode`], but only while `is_as_read` says that the file still is what the bytes were made from; it is
/// asked right before the rename. Whether it was written.
///
/// # Errors
/// If any step fails; the old content is then still there.
pub fn write_if(path: &Path, bytes: &[u8], mode: u32, is_as_read: impl FnOnce() -> bool) -> Result<bool> {
    let temp = temp_beside(path, bytes, mode)?;
    // The mode of a new file is cut by the umask; the file that is replaced had just this one.
    let set = fs::set_permissions(&temp, fs::Permissions::from_mode(mode));
    step("rename over");
    let renamed = set.and_then(|()| if is_as_read() { fs::rename(&temp, path).map(|()| true) } else { Ok(false) });
    if !matches!(renamed, Ok(true)) {
        let _ = fs::remove_file(&temp);
    }
    if !renamed.with_context(|| format!("could not replace `{}`", path.display()))? {
        return Ok(false);
    }
    sync_dir(parent(path)?)?;
    Ok(true)
}

/// Creates a file that must not exist yet; it appears with its whole content or not at all.
///
/// # Errors
/// If the name is taken (see [`is_taken`]) or a step fails.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let temp = temp_beside(path, bytes, mode)?;
    step("rename into place");
    if let Err(e) = rename_noreplace(&temp, path) {
        let _ = fs::remove_file(&temp);
        return Err(e).with_context(|| format!("could not create `{}`", path.display()));
    }
    sync_dir(parent(path)?)
}

/// Moves a file to a name that must be free. Of any number of processes that try, one wins.
///
/// # Errors
/// If the source is gone, the target exists (see [`is_taken`]), or a step fails.
pub fn claim(from: &Path, to: &Path) -> Result<()> {
    step("claiming rename");
    rename_noreplace(from, to)
        .with_context(|| format!("could not move `{}` to `{}`", from.display(), to.display()))?;
    let (source, target) = (parent(from)?, parent(to)?);
    sync_dir(target)?;
    if source != target {
        sync_dir(source)?;
    }
    Ok(())
}

fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    use nix::errno::Errno;
    use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // A file system without the flag: a link refuses to replace as well. A kill between the
        // two leaves both names, which the sweep of the queue settles (`model::queue`).
        Err(Errno::EINVAL | Errno::ENOSYS) => {
            fs::hard_link(from, to)?;
            step("unlink after link");
            fs::remove_file(from)
        }
        other => other.map_err(io::Error::from),
    }
}

/// Moves a file over another one.
///
/// # Errors
/// If the source is gone or a step fails.
pub fn replace(from: &Path, to: &Path) -> Result<()> {
    step("rename over");
    fs::rename(from, to).with_context(|| format!("could not move `{}` to `{}`", from.display(), to.display()))?;
    sync_dir(parent(to)?)
}

/// Whether an error of [`create`] or [`claim`] says that the target name was taken.
#[must_use]
pub fn is_taken(error: &anyhow::Error) -> bool {
    io_kind(error) == Some(io::ErrorKind::AlreadyExists)
}

/// Whether an error says that the file was not there: somebody else was faster.
#[must_use]
pub fn is_gone(error: &anyhow::Error) -> bool {
    io_kind(error) == Some(io::ErrorKind::NotFound)
}

fn io_kind(error: &anyhow::Error) -> Option<io::ErrorKind> {
    error.chain().find_map(|c| c.downcast_ref::<io::Error>()).map(io::Error::kind)
}

/// Removes a file; it need not exist.
///
/// # Errors
/// If it exists and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    step("unlink");
    match fs::remove_file(path) {
        Ok(()) => sync_dir(parent(path)?),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e).with_context(|| format!("could not remove `{}`", path.display())),
    }
}

/// Removes a file, whether it was there; [`settle`] makes it last. For many files of one directory whose return
/// after a power cut would harm nothing.
///
/// # Errors
/// If it exists and cannot be removed.
pub fn unlink(path: &Path) -> Result<bool> {
    step("unlink");
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e).with_context(|| format!("could not remove `{}`", path.display())),
    }
}

/// Makes what [`unlink`] removed from a directory stay away.
///
/// # Errors
/// If it cannot be synced.
pub fn settle(dir: &Path) -> Result<()> {
    sync_dir(dir)
}

/// Removes a directory that is empty; one that holds something, or is not there, stays as it is.
///
/// # Errors
/// If it is empty and cannot be removed.
pub fn remove_empty_dir(path: &Path) -> Result<()> {
    step("rmdir");
    match fs::remove_dir(path) {
        Ok(()) => sync_dir(parent(path)?),
        Err(e)
            if matches!(
                e.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(())
        }
        Err(e) => Err(e).with_context(|| format!("could not remove `{}`", path.display())),
    }
}

/// Makes a directory and its missing parents, each 0700, and syncs the parent of each new one.
///
/// # Errors
/// If one cannot be made.
pub fn ensure_dir(path: &Path) -> Result<()> {
    ensure_dir_mode(path, 0o700)
}

/// Like [`ensure_dir`], with a mode of the caller's choice (a directory of the project).
///
/// # Errors
/// If one cannot be made.
pub fn ensure_dir_mode(path: &Path, mode: u32) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let dir = parent(path)?;
    ensure_dir_mode(dir, mode)?;
    step("mkdir");
    match fs::DirBuilder::new().mode(mode).create(path) {
        Ok(()) => sync_dir(dir),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e).with_context(|| format!("could not make directory `{}`", path.display())),
    }
}

/// Changes the mode of a file or directory; a link is refused, not followed.
///
/// # Errors
/// If it is a link, is gone, or is not ours.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    step("chmod");
    // By its descriptor: what is changed is what was looked at. Without a right to read it, by its name.
    let flags = (nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK).bits();
    let permissions = fs::Permissions::from_mode(mode);
    let changed = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file.set_permissions(permissions),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => match fs::symlink_metadata(path) {
            Ok(meta) if !meta.file_type().is_symlink() => fs::set_permissions(path, permissions),
            Ok(_) => Err(io::Error::other("it is a link")),
            Err(e) => Err(e),
        },
        Err(e) => Err(e),
    };
    changed.with_context(|| format!("could not change the mode of `{}`", path.display()))
}

/// Appends one line in one write, without fsync: evidence, never the only record of anything.
///
/// # Errors
/// If the file cannot be opened, or not all of the line fits on the disk.
pub fn append_line(path: &Path, line: &str) -> Result<()> {
    let open = || {
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
            .open(path)
    };
    let mut file = open().with_context(|| format!("could not open `{}`", path.display()))?;
    let mut bytes = Vec::with_capacity(line.len() + 2);
    // A line that a full disk has torn must not swallow this one.
    let mut last = [b'\n'];
    if let Some(end) = file.metadata().ok().and_then(|m| m.len().checked_sub(1)) {
        let _ = file.read_exact_at(&mut last, end);
    }
    if last != [b'\n'] {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    step("append");
    let count = file.write(&bytes).with_context(|| format!("could not append to `{}`", path.display()))?;
    if count < bytes.len() {
        anyhow::bail!("only {count} of {} bytes fitted into `{}`", bytes.len(), path.display());
    }
    Ok(())
}

/// Creates an empty file if it is not there: a kick for a path unit. Not synced: it is only a hint.
///
/// # Errors
/// If it cannot be created.
pub fn touch(path: &Path) -> Result<()> {
    step("create hint");
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => {
            Err(e).with_context(|| format!("could not create `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

/// Removes an empty hint file without syncing; it need not exist.
pub fn untouch(path: &Path) {
    let _ = fs::remove_file(path);
}

/// How long a directory lock is believed that nobody touches.
const STALE: std::time::Duration = std::time::Duration::from_secs(10);

/// A lock of another program that is a directory: who makes it has it, who finds it waits.
#[derive(Debug)]
pub struct DirLock(Option<PathBuf>);

impl DirLock {
    /// Takes it, or goes on without it when its holder does not let go in time: a crash leaves it.
    #[must_use]
    pub fn wait(path: &Path, limit: std::time::Duration) -> Self {
        let made = super::clock::wait_for(limit, std::time::Duration::from_millis(50), || {
            if let Ok(()) = fs::create_dir(path) {
                return Some(path.to_owned());
            }
            // Its holder touches it; one untouched for so long is a crash's, and is taken over.
            let age = path.metadata().and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
            if age.is_some_and(|age| age > STALE) {
                let _ = fs::remove_dir(path);
            }
            None
        });
        Self(made)
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = fs::remove_dir(path);
        }
    }
}

/// Removes the temp files of runs that were killed. Only under the state lock: every writer holds
/// it, so whatever is seen here is litter.
pub fn sweep_temp(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// … of one file, in a directory that holds files of others. Only under a lock that every writer of it takes.
pub fn sweep_temp_of(path: &Path) {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else { return };
    let begin = format!("{TEMP_PREFIX}{}.", name.to_string_lossy());
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten().filter(|e| e.file_name().to_string_lossy().starts_with(&begin)) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Refuses a directory that others could write to.
///
/// # Errors
/// If it is not ours, or its mode lets others in; the hint names the command that mends it.
pub fn check_private(dir: &Path) -> Result<()> {
    use crate::error::Mark;
    use std::os::unix::fs::MetadataExt;
    let meta = fs::symlink_metadata(dir).with_context(|| format!("could not look at `{}`", dir.display()))?;
    if !meta.is_dir() {
        return Err(anyhow::anyhow!("not a directory: `{}`", dir.display()));
    }
    if meta.uid() != nix::unistd::geteuid().as_raw() {
        return Err(anyhow::anyhow!("belongs to user {}, not to us: `{}`", meta.uid(), dir.display()))
            .hint("run as that user, or name another directory with `--state-dir`");
    }
    if meta.permissions().mode() & 0o077 != 0 {
        return Err(anyhow::anyhow!("others can read or write it: `{}`", dir.display()))
            .hint(format!("chmod 700 {}", dir.display()));
    }
    Ok(())
}

/// Replaces a file by rename without syncing: for what is reported anew every few seconds, from
/// inside a session that must not wait for a disk.
///
/// # Errors
/// If it cannot be written.
pub fn replace_hint(path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temp = parent(path)?.join(format!("{TEMP_PREFIX}{name}.{}", std::process::id()));
    let mut open = OpenOptions::new();
    open.write(true).create(true).truncate(true).mode(0o600).custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits());
    step("write hint");
    open.open(&temp)
        .and_then(|mut file| file.write_all(bytes))
        .inspect(|()| step("rename hint"))
        .and_then(|()| fs::rename(&temp, path))
        .inspect_err(|_| drop(fs::remove_file(&temp)))
        .with_context(|| format!("could not write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temp_file_is_known_by_the_name_that_we_give() {
        for (name, pid) in [
            (".tmp-a.json.12.0", Some(12)),
            (".tmp-p-0.statusline.json.99", Some(99)),
            (".tmp-mine", None),
            (".tmp-mine.md", None),
            (".tmp-.7", None),
            (".tmp-a.99999999999", None),
            ("tmp-a.1", None),
        ] {
            assert_eq!(temp_writer(name), pid, "{name}");
        }
        for (name, pid) in [
            (".tmp-a.md.12.0", Some(12)),
            (".tmp-a.12.0", Some(12)),
            (".tmp-notes.2026", None),
            (".tmp-.12.0", None),
            (".tmp-a..0", None),
        ] {
            assert_eq!(durable_temp_writer(name), pid, "{name}");
        }
    }
}

//! The queue on disk: listing inboxes, reading task files with care, moving them.
//!
//! Inboxes belong to people and programs: a name may be anything, a file may be a FIFO, a link out
//! of the project or twenty megabytes. What cannot be used stays where it is and is reported.

use anyhow::{Context, Result};
use jiff::{Timestamp, tz::TimeZone};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::store::Locked;
use super::{archive, atomic};
use crate::config::{Config, Project};
use crate::model::front_matter::{self, Fault, OutcomeResult};
use crate::model::name::{ProjectName, TaskId, TaskRef, shown};
use crate::model::queue::{Place, Places, ProjectQueue, Waiting};

/// The folder of a project that holds its queue.
pub const FOLDER: &str = ".agent-queue";

/// How long a file that is written in place must have been still before it counts as complete.
const STILL: std::time::Duration = std::time::Duration::from_secs(1);

/// How much of a task file is read to plan: a front matter that is longer is refused.
const HEAD: usize = 64 << 10;

/// The paths of one project's queue.
#[derive(Clone, Debug)]
pub struct Paths {
    root: PathBuf,
}

impl Paths {
    /// The queue of the project in a directory.
    #[must_use]
    pub fn of(project: &Path) -> Self {
        Self { root: project.join(FOLDER) }
    }
    /// Where tasks wait.
    #[must_use]
    pub fn inbox(&self) -> PathBuf {
        self.root.join("inbox")
    }
    /// A waiting task.
    #[must_use]
    pub fn waiting(&self, id: &TaskId) -> PathBuf {
        self.inbox().join(format!("{id}.md"))
    }
    /// A claimed task.
    #[must_use]
    pub fn claimed(&self, id: &TaskId) -> PathBuf {
        self.inbox().join(format!("{id}.md.dispatched"))
    }
    /// A task that was carried out.
    #[must_use]
    pub fn done(&self, id: &TaskId) -> PathBuf {
        self.root.join("done").join(format!("{id}.md"))
    }
    /// A task that was given up.
    #[must_use]
    pub fn failed(&self, id: &TaskId) -> PathBuf {
        self.root.join("failed").join(format!("{id}.md"))
    }
    /// What the project's queue does, for people and old tools.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.root.join("status.json")
    }
}

/// All projects: those of the configuration, then the folders of `projects_dir` that have a queue.
#[must_use]
pub fn projects(config: &Config) -> Vec<Project> {
    let mut all = config.projects.clone();
    let Some(dir) = &config.projects_dir else { return all };
    let Ok(entries) = std::fs::read_dir(dir) else {
        log::warn!("could not list `{}`", dir.display());
        return all;
    };
    let mut found: Vec<Project> = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if !path.join(FOLDER).is_dir() || all.iter().any(|p| p.path == path) {
            continue;
        }
        match ProjectName::new(entry.file_name().to_string_lossy()) {
            Ok(name) if all.iter().any(|p| p.name == name) => {
                log::warn!("`{}` has the name of another project, ignored", path.display());
            }
            Ok(name) => {
                found.push(Project {
                    name,
                    path,
                    max_sessions: 1,
                    model: None,
                    account: None,
                    guard_deploy: true,
                    guard: None,
                });
            }
            Err(e) => log::warn!("{e}: `{}` is ignored", path.display()),
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    all.extend(found);
    all
}

/// Whether any file waits in the inbox of a project. Opens nothing but the directory.
#[must_use]
pub fn has_waiting(project: &Path) -> bool {
    let Ok(entries) = std::fs::read_dir(Paths::of(project).inbox()) else { return true };
    entries.flatten().any(|e| {
        let name = e.file_name();
        let name = name.as_encoded_bytes();
        name.ends_with(b".md") && !name.starts_with(b".")
    })
}

/// The tasks of a project by the names of their files alone, sorted. What cannot be listed is passed over.
#[must_use]
pub fn ids(project: &Path) -> Vec<(TaskId, Place)> {
    let root = Paths::of(project).root;
    let mut all = Vec::new();
    for (folder, suffix, place) in [
        ("inbox", ".md", Place::Waiting),
        ("inbox", ".md.dispatched", Place::Claimed),
        ("failed", ".md", Place::Failed),
        ("done", ".md", Place::Done),
    ] {
        let names = std::fs::read_dir(root.join(folder)).into_iter().flatten().flatten();
        let names = names.filter_map(|e| e.file_name().into_string().ok());
        let ids = names.filter_map(|name| TaskId::new(name.strip_suffix(suffix)?).ok());
        let mut ids: Vec<_> = ids.map(|id| (id, place)).collect();
        ids.sort_by(|a, b| a.0.cmp(&b.0));
        all.extend(ids);
    }
    all
}

/// Reads the queue of one project.
#[must_use]
pub fn read(project: &Project, max_bytes: u64, zone: &TimeZone) -> ProjectQueue {
    let mut queue = ProjectQueue {
        project: project.name.clone(),
        path: project.path.clone(),
        max_sessions: project.max_sessions,
        model: project.model.clone(),
        account: project.account.clone(),
        waiting: Vec::new(),
        claimed: Vec::new(),
        refused: Vec::new(),
        unreadable: None,
        unfinished: false,
    };
    let inbox = Paths::of(&project.path).inbox();
    let entries = match std::fs::read_dir(&inbox) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            if !project.path.is_dir() {
                let fault = Fault::file(format!("the project is gone: `{}`", project.path.display()));
                queue.unreadable = Some(fault.hint("bring it back, or take it out of the configuration"));
            }
            return queue;
        }
        Err(e) => {
            queue.unreadable = Some(Fault::file(format!("could not list the inbox: {e}: `{}`", inbox.display())));
            return queue;
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(text) = name.to_str() else {
            if name.as_encoded_bytes().ends_with(b".md") {
                queue.refused.push((shown(&name.to_string_lossy()), name_fault("it is not UTF-8")));
            }
            continue;
        };
        if text.starts_with('.') && !text.starts_with("..") {
            continue;
        }
        if let Some(stem) = text.strip_suffix(".md.dispatched") {
            // A name that we could not have claimed was put there by somebody else; theirs to mend.
            queue.claimed.extend(TaskId::new(stem));
        } else if let Some(stem) = text.strip_suffix(".md") {
            match TaskId::new(stem) {
                Ok(id) => match look(&entry.path(), id, &project.name, max_bytes, zone) {
                    Look::Waiting(waiting) => queue.waiting.push(*waiting),
                    Look::Unfinished => queue.unfinished = true,
                    Look::Gone => {}
                },
                Err(e) => queue.refused.push((shown(text), name_fault(e.reason))),
            }
        }
    }
    // The order of a directory is no order: the same inbox gives the same plan.
    queue.waiting.sort_by(|a, b| a.id.cmp(&b.id));
    queue.claimed.sort();
    queue.refused.sort_by(|a, b| a.0.cmp(&b.0));
    queue
}

fn name_fault(reason: &str) -> Fault {
    Fault::file(format!("the name of the file cannot be used: {reason}"))
        .hint("rename it to letters, digits, `.`, `_` and `-`, ending in `.md`")
}

/// What a file of an inbox is found to be.
enum Look {
    Waiting(Box<Waiting>),
    /// It is still being written.
    Unfinished,
    /// It vanished.
    Gone,
}

/// Looks at one waiting file.
fn look(path: &Path, id: TaskId, project: &ProjectName, max_bytes: u64, zone: &TimeZone) -> Look {
    let file = match open(path) {
        Ok(Some(file)) => file,
        Ok(None) => return Look::Gone,
        Err(fault) => return Look::Waiting(Box::new(Waiting { id, header: Err(fault), queued: Timestamp::MAX })),
    };
    let Ok(meta) = file.metadata() else { return Look::Gone };
    if !is_still(&meta) {
        return Look::Unfinished;
    }
    let header = head(file, meta.len(), max_bytes).and_then(|text| front_matter::parse(&text, project, &id, zone));
    let written = Timestamp::from_second(meta.mtime()).unwrap_or(Timestamp::MAX);
    let queued = header.as_ref().ok().and_then(|h| h.created).unwrap_or(written);
    Look::Waiting(Box::new(Waiting { id, header, queued }))
}

/// Whether a file is complete: it came by a rename (which moves its ctime past its mtime), or has
/// been still for a second. A time in the future says nothing and does not hold it back.
fn is_still(meta: &std::fs::Metadata) -> bool {
    if (meta.ctime(), meta.ctime_nsec()) > (meta.mtime(), meta.mtime_nsec()) {
        return true;
    }
    let written = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    match now().duration_since(written) {
        Ok(age) => age >= STILL,
        Err(ahead) => ahead.duration() > STILL,
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the age of a file is measured on the clock that stamped it, never on a fixed one"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// Opens a task file without following a link and without hanging on a FIFO; `None` if it is gone.
fn open(path: &Path) -> Result<Option<std::fs::File>, Fault> {
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) if e.raw_os_error() == Some(nix::errno::Errno::ELOOP as i32) => {
            return Err(Fault::file("it is a symbolic link").hint("put the file itself into the inbox"));
        }
        Err(e) => return Err(Fault::file(format!("could not open it: {e}"))),
    };
    match file.metadata() {
        Ok(meta) if meta.is_file() => Ok(Some(file)),
        Ok(_) => Err(Fault::file("it is not a regular file")),
        Err(e) => Err(Fault::file(format!("could not look at it: {e}"))),
    }
}

/// The start of a file, cut behind its front matter: enough to plan with.
fn head(mut file: std::fs::File, size: u64, max_bytes: u64) -> Result<String, Fault> {
    if size > max_bytes {
        return Err(too_large(size, max_bytes));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(HEAD).min(HEAD));
    file.by_ref()
        .take(HEAD as u64)
        .read_to_end(&mut bytes)
        .map_err(|e| Fault::file(format!("could not read it: {e}")))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(e) => {
            let valid = e.utf8_error().valid_up_to();
            let mut bytes = e.into_bytes();
            // A character that the cut has split is no fault of the file.
            if bytes.len() == HEAD && HEAD - valid < 4 {
                bytes.truncate(valid);
                return String::from_utf8(bytes).map_err(|_| Fault::file("it is not UTF-8"));
            }
            let line = 1 + bytes[..valid].iter().filter(|b| **b == b'\n').count();
            Err(Fault {
                line: Some(line),
                message: "it is not UTF-8".into(),
                hint: Some("save it as UTF-8".into()),
            })
        }
    }
}

fn too_large(size: u64, max_bytes: u64) -> Fault {
    Fault::file(format!("it has {size} bytes, more than the {max_bytes} allowed"))
        .hint("put the material into a file of the project and name it, or raise `dispatcher.max_task_bytes`")
}

/// Reads a whole task file; `None` if it is gone.
///
/// # Errors
/// Says what is wrong with it.
pub fn read_task(path: &Path, max_bytes: u64) -> Result<Option<String>, Fault> {
    let Some(mut file) = open(path)? else { return Ok(None) };
    let size = file.metadata().map_or(0, |m| m.len());
    if size > max_bytes {
        return Err(too_large(size, max_bytes));
    }
    let mut bytes = Vec::new();
    file.by_ref()
        .take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Fault::file(format!("could not read it: {e}")))?;
    String::from_utf8(bytes).map(Some).map_err(|_| Fault::file("it is not UTF-8").hint("save it as UTF-8"))
}

/// Where the file of a task lies; `None` if that could not be seen, which is not "gone".
#[must_use]
pub fn place(project: &Path, id: &TaskId) -> Option<Place> {
    let paths = Paths::of(project);
    // Claimed before waiting: a link-and-unlink move that was killed leaves both names.
    for (path, place) in [
        (paths.claimed(id), Place::Claimed),
        (paths.waiting(id), Place::Waiting),
        (paths.done(id), Place::Done),
        (paths.failed(id), Place::Failed),
    ] {
        match path.symlink_metadata() {
            Ok(_) => return Some(place),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(_) => return None,
        }
    }
    // A project on a disk that is not mounted is not a project whose tasks are gone.
    project.join(FOLDER).is_dir().then_some(Place::Nowhere)
}

/// Where those tasks lie that others depend on.
#[must_use]
pub fn places(tasks: impl IntoIterator<Item = TaskRef>, projects: &[Project]) -> Places {
    tasks
        .into_iter()
        .map(|task| {
            let project = projects.iter().find(|p| p.name == task.project);
            // What cannot be seen is not done; it waits as if it were at work.
            let place = project.map_or(Place::Nowhere, |p| place(&p.path, &task.id).unwrap_or(Place::Claimed));
            // What the janitor has put away has ended all the same.
            let archived = || archive::end_of(&project?.path, &task.id);
            let place = match place {
                Place::Nowhere => match archived() {
                    Some(OutcomeResult::Done) => Place::Done,
                    Some(OutcomeResult::Failed) => Place::Failed,
                    None => Place::Nowhere,
                },
                other => other,
            };
            (task, place)
        })
        .collect()
}

/// Claims a task: the rename is the claim, and of many only one succeeds.
///
/// # Errors
/// If the file is gone or somebody else was faster (see [`atomic::is_gone`], [`atomic::is_taken`]).
pub fn claim(_locked: &mut Locked<'_>, project: &Path, id: &TaskId) -> Result<()> {
    let paths = Paths::of(project);
    atomic::claim(&paths.waiting(id), &paths.claimed(id))
}

/// Gives a claimed task back to the inbox. Already there = done.
///
/// # Errors
/// If a step fails.
pub fn give_back(_locked: &mut Locked<'_>, project: &Path, id: &TaskId) -> Result<()> {
    let paths = Paths::of(project);
    if !paths.claimed(id).exists() {
        return Ok(());
    }
    atomic::claim(&paths.claimed(id), &paths.waiting(id))
}

/// Takes the name in the inbox away of a task that also has its claimed one: a move by link and
/// unlink that was killed between the two. Two files with one name each are left alone.
///
/// # Errors
/// If a step fails.
pub fn settle_twin(_locked: &mut Locked<'_>, project: &Path, id: &TaskId) -> Result<()> {
    let paths = Paths::of(project);
    let (waiting, claimed) = (paths.waiting(id), paths.claimed(id));
    match (waiting.symlink_metadata(), claimed.symlink_metadata()) {
        (Ok(a), Ok(b)) if (a.dev(), a.ino()) == (b.dev(), b.ino()) => atomic::remove(&waiting),
        _ => Ok(()),
    }
}

/// Which end a task has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// `done/`.
    Done,
    /// `failed/`.
    Failed,
}

/// Moves a task from the inbox to its end: the outcome into its front matter, then one rename.
/// Repeated after a kill it finds the file where it was or where it went.
///
/// # Errors
/// If a step fails.
pub fn finish(
    _locked: &mut Locked<'_>,
    project: &Path,
    id: &TaskId,
    end: End,
    outcome: Option<&front_matter::Outcome>,
    max_bytes: u64,
) -> Result<Option<PathBuf>> {
    let paths = Paths::of(project);
    let from = [paths.claimed(id), paths.waiting(id)].into_iter().find(|p| p.symlink_metadata().is_ok());
    let Some(from) = from else { return Ok(None) };
    let target = match end {
        End::Done => paths.done(id),
        End::Failed => paths.failed(id),
    };
    if let Some(dir) = target.parent() {
        atomic::ensure_dir_mode(dir, 0o755)?;
    }
    // A file that cannot be read moves as it is: its outcome is in the task's record.
    if let (Some(outcome), Ok(Some(text))) = (outcome, read_task(&from, max_bytes)) {
        let new = front_matter::with_outcome(&text, outcome);
        if new != text {
            let mode = from.metadata().map_or(0o644, |m| m.mode() & 0o777);
            atomic::write_mode(&from, new.as_bytes(), mode)?;
        }
    }
    // The same id may have been used before: nothing is ever replaced.
    let mut to = target.clone();
    for n in 2.. {
        match atomic::claim(&from, &to) {
            Ok(()) => break,
            Err(e) if atomic::is_taken(&e) => to = target.with_file_name(format!("{id}.{n}.md")),
            Err(e) => return Err(e),
        }
    }
    Ok(Some(to))
}

/// Queues a task file under a name that must be free.
///
/// # Errors
/// If the name is taken in the inbox, or a step fails.
pub fn add(_locked: &mut Locked<'_>, project: &Path, id: &TaskId, text: &str) -> Result<PathBuf> {
    let paths = Paths::of(project);
    atomic::ensure_dir_mode(&paths.inbox(), 0o755)?;
    let path = paths.waiting(id);
    anyhow::ensure!(!paths.claimed(id).exists(), "the task is at work already: `{}`", paths.claimed(id).display());
    atomic::create(&path, text.as_bytes(), 0o644)?;
    Ok(path)
}

/// Queues a finished task again: from `failed/` or `done/` back to the inbox, without its outcome.
///
/// # Errors
/// If it is in neither, or a step fails.
pub fn requeue(_locked: &mut Locked<'_>, project: &Path, id: &TaskId, max_bytes: u64) -> Result<PathBuf> {
    let paths = Paths::of(project);
    let from = [paths.failed(id), paths.done(id)]
        .into_iter()
        .find(|p| p.exists())
        .with_context(|| format!("neither failed nor done: task `{id}`"))?;
    if let Ok(Some(text)) = read_task(&from, max_bytes) {
        let new = front_matter::without_outcome(&text);
        if new != text {
            let mode = from.metadata().map_or(0o644, |m| m.mode() & 0o777);
            atomic::write_mode(&from, new.as_bytes(), mode)?;
        }
    }
    atomic::ensure_dir_mode(&paths.inbox(), 0o755)?;
    let to = paths.waiting(id);
    atomic::claim(&from, &to)?;
    Ok(to)
}

/// Says in the project what its queue does. For people and old tools: a failure is only logged.
pub fn write_status(
    _locked: &mut Locked<'_>,
    project: &Path,
    state: &str,
    session: &str,
    task: &str,
    now: Timestamp,
) {
    let path = Paths::of(project).status();
    let body =
        serde_json::json!({ "state": state, "session": session, "task": task, "updated_at": now.to_string() });
    if let Err(e) = atomic::write_mode(&path, format!("{body}\n").as_bytes(), 0o644) {
        log::warn!("no status for the project: {e:#}");
    }
}

/// What the queue of a project says that it does.
#[derive(Debug, serde::Deserialize)]
pub struct Status {
    /// `working` or `idle`.
    pub state: String,
    /// Which session.
    pub session: String,
    /// When that was written.
    pub updated_at: Timestamp,
}

/// What was said last; `None` if nothing was that can be read.
#[must_use]
pub fn status(project: &Path) -> Option<Status> {
    let file = super::files::open_plain(&Paths::of(project).status()).ok()??;
    serde_json::from_reader(std::io::Read::take(file, 4096)).ok()
}

/// Free bytes and inodes where a path lies, or `None` if the system does not say.
#[must_use]
pub fn room(path: &Path) -> Option<(u64, u64)> {
    let vfs = nix::sys::statvfs::statvfs(path).ok()?;
    Some((vfs.blocks_available() * vfs.fragment_size(), vfs.files_available()))
}

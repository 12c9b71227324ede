//! The state directory: typed, versioned reads by anyone, writes only under the state lock.
//!
//! One thing, one file. A file that does not parse is named and left alone, never read as empty;
//! a file of a newer program may be read but not written.

mod accounts;
mod checkpoints;
mod inspect;
mod noted;
mod outbox;

pub use accounts::{Active, MEMORY_VERSION};
pub use noted::Follow;
pub use outbox::Outbox;

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{atomic, lock, state_file};
use crate::error::{Exit, Mark};
use crate::model::name::{AccountName, SessionName, TaskRef};
use crate::model::notify::{EVENT_VERSION, Event, Telling, event_id};
use crate::model::session::{SESSION_VERSION, SessionRecord};
use crate::model::task::{TASK_VERSION, TaskRecord};

const DIRS: &[&str] = &[
    "accounts",
    "signals",
    "sessions",
    "events",
    "tasks",
    "overlay",
    "switch",
    "switch/history",
    "checkpoints",
    "outbox",
    "outbox/targets",
    "kick",
    "log",
    "lock",
    "quarantine",
];

/// The run locks of all commands, and the state lock.
const LOCKS: &[&str] =
    &["dispatch", "watch", "quota-check", "switch", "checkpoint", "janitor", "notify", "doctor", "state"];

/// The state directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// The right to write: held for milliseconds, never across tmux, HTTP or a child.
#[derive(Debug)]
pub struct Locked<'a> {
    store: &'a Store,
    _held: lock::Held,
}

/// The right to start, to end or to type into the client of one session, held across tmux. Two
/// commands that would do so at once see each other here: a launch that a `stop` overtakes would
/// leave a client that nobody knows of.
#[derive(Debug)]
pub struct SessionLock {
    name: SessionName,
    _held: lock::Held,
}

impl SessionLock {
    /// The session.
    #[must_use]
    pub fn name(&self) -> &SessionName {
        &self.name
    }
}

/// A state file that cannot be used.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The name of the thing, from the file's name.
    pub name: String,
    /// What is wrong, with the path.
    pub error: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// All sessions that could be read, and the files that could not.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    /// Sorted by name.
    pub records: Vec<SessionRecord>,
    /// What stands still until a person looks.
    pub broken: Vec<Broken>,
}

impl Sessions {
    /// The record of a session.
    #[must_use]
    pub fn get(&self, name: &SessionName) -> Option<&SessionRecord> {
        self.records.iter().find(|r| r.name == *name)
    }

    /// The session that has a task.
    #[must_use]
    pub fn holder(&self, task: &TaskRef) -> Option<&SessionRecord> {
        self.records.iter().find(|r| r.lease.as_ref().is_some_and(|l| l.task == *task))
    }
}

impl Store {
    /// Opens the state directory, making what is missing of it.
    ///
    /// # Errors
    /// If it cannot be made, belongs to somebody else or lets others in.
    pub fn open(root: &Path) -> Result<Self> {
        let store = Self { root: root.to_owned() };
        atomic::spend_when_full(&store.reserve_path());
        // An earlier program made fewer of them.
        if !store.is_laid_out() {
            store.lay_out().with_context(|| format!("could not set up `{}`", root.display()))?;
        }
        atomic::check_private(root).context("the state directory cannot be trusted")?;
        Ok(store)
    }

    /// The directory as it is, for the entry points that run inside a session.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Whether everything that belongs into it was made.
    #[must_use]
    pub fn is_laid_out(&self) -> bool {
        DIRS.iter().all(|dir| self.root.join(dir).exists())
    }

    fn lay_out(&self) -> Result<()> {
        atomic::ensure_dir(&self.root)?;
        // First what a later run would not miss: where all directories are, everything is.
        atomic::ensure_dir(&self.root.join("lock"))?;
        for name in LOCKS {
            // Made now: at the moment of need there may be no inode left.
            match lock::attempt(&self.lock_path(name), "") {
                Ok(_) | Err(lock::LockError::Busy { .. }) => {}
                Err(lock::LockError::Failed(e)) => return Err(e),
            }
        }
        self.make_reserve()?;
        for dir in DIRS {
            atomic::ensure_dir(&self.root.join(dir))?;
        }
        Ok(())
    }

    fn reserve_path(&self) -> PathBuf {
        self.root.join("reserve")
    }

    /// Makes the file that keeps room free: on a full disk it is given up, so that what was begun can be
    /// brought to its end and told.
    ///
    /// # Errors
    /// If there is no room even for that.
    pub fn make_reserve(&self) -> Result<()> {
        if self.reserve_path().exists() {
            return Ok(());
        }
        atomic::write(&self.reserve_path(), &vec![0; atomic::RESERVE])
    }

    /// Its path.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.root.join("lock").join(format!("{name}.lock"))
    }

    /// Takes the state lock.
    ///
    /// # Errors
    /// If it stays busy for ten seconds: its holders need milliseconds, so one of them hangs.
    pub fn lock(&self) -> Result<Locked<'_>> {
        let note = holder_note("claude-failover");
        let held = lock::wait(&self.lock_path("state"), &note, Duration::from_secs(10), tell)
            .exit(Exit::Busy)
            .context("the state lock stays busy")
            .hint("its holder needs milliseconds: look what hangs")?;
        Ok(Locked { store: self, _held: held })
    }

    /// Takes the run lock of a command, at once or not at all.
    ///
    /// # Errors
    /// [`lock::LockError::Busy`] if another run holds it.
    pub fn run_lock(&self, command: &str) -> Result<lock::Held, lock::LockError> {
        lock::attempt(&self.lock_path(command), &holder_note(command))
    }

    /// Takes the run lock of a command, waiting up to half a minute for whoever has it.
    ///
    /// # Errors
    /// If it stayed busy.
    pub fn wait_run_lock(&self, command: &str) -> Result<lock::Held> {
        lock::wait(&self.lock_path(command), &holder_note(command), Duration::from_secs(30), tell)
            .exit(Exit::Busy)
            .with_context(|| format!("another `{command}` is at work"))
    }

    /// When a command last ran, by the note in its run lock; `None` if it never did.
    #[must_use]
    pub fn last_run(&self, command: &str) -> Option<jiff::Timestamp> {
        let meta = self.lock_path(command).metadata().ok().filter(|meta| meta.len() > 0)?;
        jiff::Timestamp::try_from(meta.modified().ok()?).ok()
    }

    /// Takes the lock of a session, at once or not at all. Order: run lock, session lock, state lock.
    ///
    /// # Errors
    /// [`lock::LockError::Busy`] if another command works on the session.
    pub fn session_lock(&self, name: &SessionName, command: &str) -> Result<SessionLock, lock::LockError> {
        let held = lock::attempt(&self.lock_path(&format!("session-{name}")), &holder_note(command))?;
        Ok(SessionLock { name: name.clone(), _held: held })
    }

    /// Takes the lock of a session, waiting up to half a minute for whoever has it: a delivery.
    ///
    /// # Errors
    /// [`lock::LockError::Busy`] if it stayed busy.
    pub fn wait_session_lock(&self, name: &SessionName, command: &str) -> Result<SessionLock> {
        let path = self.lock_path(&format!("session-{name}"));
        let held = lock::wait(&path, &holder_note(command), Duration::from_secs(30), tell)
            .exit(Exit::Busy)
            .with_context(|| format!("another command works on session `{name}`"))?;
        Ok(SessionLock { name: name.clone(), _held: held })
    }

    /// Takes the lock of an account's home, for the milliseconds in which something is put into it.
    ///
    /// # Errors
    /// If it stays busy.
    pub fn home_lock(&self, account: &AccountName) -> Result<lock::Held> {
        let path = self.lock_path(&format!("home-{account}"));
        lock::wait(&path, &holder_note("launch"), Duration::from_secs(30), tell)
            .exit(Exit::Busy)
            .with_context(|| format!("another command prepares the home of account `{account}`"))
    }

    /// A session's file.
    #[must_use]
    pub fn session_path(&self, name: &SessionName) -> PathBuf {
        self.root.join("sessions").join(format!("{name}.json"))
    }

    /// The file to which a session's hooks append.
    #[must_use]
    pub fn events_path(&self, name: &SessionName) -> PathBuf {
        self.root.join("events").join(format!("{name}.jsonl"))
    }

    /// What the status line of a session reported last.
    #[must_use]
    pub fn statusline_path(&self, name: &SessionName) -> PathBuf {
        self.root.join("events").join(format!("{name}.statusline.json"))
    }

    /// The settings overlay with which a session is launched.
    #[must_use]
    pub fn overlay_path(&self, name: &SessionName) -> PathBuf {
        self.root.join("overlay").join(format!("{name}.json"))
    }

    fn task_path(&self, task: &TaskRef) -> PathBuf {
        self.root.join("tasks").join(task.project.as_str()).join(format!("{}.json", task.id))
    }

    /// A session's record, if it has one.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn session(&self, name: &SessionName) -> Result<Option<SessionRecord>> {
        let record: Option<SessionRecord> = state_file::read(&self.session_path(name), SESSION_VERSION)?;
        if let Some(record) = &record
            && record.name != *name
        {
            bail!("says it is session `{}`: `{}`", record.name, self.session_path(name).display());
        }
        Ok(record)
    }

    /// All sessions, by name.
    ///
    /// # Errors
    /// If the directory cannot be listed; single broken files are in the answer.
    pub fn sessions(&self) -> Result<Sessions> {
        let mut all = Sessions::default();
        for name in state_file::list(&self.root.join("sessions"))? {
            let read =
                SessionName::new(name.clone()).map_err(anyhow::Error::from).and_then(|name| self.session(&name));
            match read {
                Ok(Some(record)) => all.records.push(record),
                Ok(None) => {} // vanished between the listing and the look
                Err(e) => all.broken.push(Broken {
                    name,
                    error: crate::error::messages_of(&e).join(": "),
                    hint: crate::error::hints_of(&e).first().map(|h| (*h).to_owned()),
                }),
            }
        }
        Ok(all)
    }

    /// A task's record, if it was ever tried.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn task(&self, task: &TaskRef) -> Result<Option<TaskRecord>> {
        state_file::read(&self.task_path(task), TASK_VERSION)
    }

    /// Leaves a sign that somebody should look now; a path unit turns it into a run.
    pub fn kick(&self, name: &str) {
        if let Err(e) = atomic::touch(&self.root.join("kick").join(name)) {
            log::debug!("no kick: {e:#}");
        }
    }

    /// Takes one sign away, before the look that it asked for.
    pub fn take_kick(&self, name: &str) {
        atomic::untouch(&self.root.join("kick").join(name));
    }

    /// Takes the signs away, before the look that they asked for. Who had left one.
    pub fn take_kicks(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.root.join("kick")) else { return Vec::new() };
        let take = |entry: std::fs::DirEntry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            // `quota-check` and `notify` take their own, when they look.
            if name != "quota" && name != "notify" {
                atomic::untouch(&entry.path());
            }
            name
        };
        entries.flatten().map(take).collect()
    }
}

/// One line of the log.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LogEntry<'a> {
    /// The command that acted.
    pub command: &'a str,
    /// What it did.
    pub what: &'a str,
    /// Why.
    pub why: &'a str,
    /// The session it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<&'a str>,
    /// The task it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// The account it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<&'a str>,
    /// The project it was about, where there is no task.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<&'a str>,
    /// The unit of the service manager that it was about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// Through what it was asked for, where that was no command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<&'a str>,
    /// What the guard has found, if it is the guard's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<GuardEntry<'a>>,
    /// As what people are told of it, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<Telling>,
}

impl LogEntry<'_> {
    /// What of it goes into the outbox.
    #[must_use]
    pub fn event(&self, now: jiff::Timestamp) -> Option<Event> {
        let telling = self.event.as_ref()?;
        let text = |part: Option<&str>| part.map(str::to_owned);
        let about = [self.task.as_deref(), self.session, self.account, self.project, self.unit];
        let subject = about.into_iter().flatten().next().unwrap_or_default();
        Some(Event {
            version: EVENT_VERSION,
            id: event_id(telling, subject),
            kind: telling.kind,
            at: now,
            what: self.what.to_owned(),
            why: self.why.to_owned(),
            subject: subject.to_owned(),
            session: text(self.session),
            task: self.task.clone(),
            account: text(self.account),
            project: text(self.project),
            targets: Vec::new(),
        })
    }
}

/// The guard's part of a line.
#[derive(Clone, Debug, Serialize)]
pub struct GuardEntry<'a> {
    /// `block` or `warn`.
    pub effect: &'a str,
    /// The ids of the rules, those that block first.
    pub rules: &'a [&'a str],
    /// The tool that was to be used.
    pub tool: &'a str,
    /// The command or path, without secrets, cut.
    pub input: &'a str,
}

impl Locked<'_> {
    /// The store, for reads under the lock.
    #[must_use]
    pub fn store(&self) -> &Store {
        self.store
    }

    /// Writes a session's record.
    ///
    /// # Errors
    /// If the file on disk is of a newer program, or a step fails.
    pub fn write_session(&mut self, record: &SessionRecord) -> Result<()> {
        state_file::write(&self.store.session_path(&record.name), record, record.version, SESSION_VERSION)
    }

    /// Changes a session's record: reads it afresh, lets the closure change it, writes it if it
    /// differs. The closure's answer says whether its premise still held.
    ///
    /// # Errors
    /// If the record is gone or cannot be used.
    pub fn update_session<T>(
        &mut self,
        name: &SessionName,
        change: impl FnOnce(&mut SessionRecord) -> T,
    ) -> Result<T> {
        let before = self.store.session(name)?.ok_or_else(|| anyhow!("no record of session `{name}`"))?;
        let mut record = before.clone();
        let answer = change(&mut record);
        if record != before {
            self.write_session(&record)?;
        }
        Ok(answer)
    }

    /// Writes a task's record.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_task(&mut self, record: &TaskRecord) -> Result<()> {
        let path = self.store.task_path(&record.task);
        if let Some(dir) = path.parent() {
            atomic::ensure_dir(dir)?;
        }
        state_file::write(&path, record, record.version, TASK_VERSION)
    }

    /// Forgets a task whose file is archived. Not synced: what comes back after a power cut goes again.
    ///
    /// # Errors
    /// If it cannot be removed.
    pub fn forget_task(&mut self, task: &TaskRef) -> Result<()> {
        atomic::unlink(&self.store.task_path(task)).map(|_| ())
    }

    /// Writes the settings overlay of a session.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_overlay(&mut self, name: &SessionName, text: &str) -> Result<()> {
        let path = self.store.overlay_path(name);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        atomic::write(&path, text.as_bytes())
    }

    /// Takes the litter of killed runs out of the directories that every run reads.
    pub fn sweep(&mut self) {
        for dir in ["sessions", "overlay", "accounts", "signals", "switch", "outbox", "outbox/targets"] {
            atomic::sweep_temp(&self.store.root.join(dir));
        }
    }
}

/// Says for whom a command waits, once it has to.
fn tell(holder: &str) {
    log::warn!("waiting for {holder} …");
}

/// Who holds a lock, for the message of those who wait.
fn holder_note(command: &str) -> String {
    format!("`{command}` (pid {}, since {})", std::process::id(), super::clock::now().strftime("%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::session::Kind;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        (dir, store)
    }

    fn name(text: &str) -> SessionName {
        SessionName::new(text).unwrap()
    }

    #[test]
    fn a_record_comes_back_as_written() {
        let (_dir, store) = store();
        let record = SessionRecord::new(name("a"), Kind::Pool);
        store.lock().unwrap().write_session(&record).unwrap();
        assert_eq!(store.session(&name("a")).unwrap(), Some(record));
    }

    #[test]
    fn broken_files_are_named_and_the_others_are_read() {
        let (_dir, store) = store();
        store.lock().unwrap().write_session(&SessionRecord::new(name("good"), Kind::Pool)).unwrap();
        let write =
            |file: &str, text: &[u8]| std::fs::write(store.root().join("sessions").join(file), text).unwrap();
        write("empty.json", b"");
        write("nuls.json", &[0; 64]);
        write("torn.json", b"{\"version\":1,\n\"name\":");
        write("newer.json", b"{\"version\":9,\"all\":\"different\"}");
        write("other.json", b"{\"version\":1,\"name\":\"someone\",\"kind\":\"pool\"}");
        write(".tmp-good.json.1.0", b"{");
        let all = store.sessions().unwrap();
        assert_eq!(all.records.len(), 1);
        let broken: Vec<&str> = all.broken.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(broken, ["empty", "newer", "nuls", "other", "torn"]);
        assert!(all.broken[1].error.contains("newer version (format 9"), "{:?}", all.broken[1]);
        assert!(all.broken[4].error.contains("torn.json:2`"), "{:?}", all.broken[4]);
        store.lock().unwrap().sweep();
        assert!(!store.root().join("sessions/.tmp-good.json.1.0").exists());
        assert!(store.root().join("sessions/torn.json").exists());
    }

    #[test]
    fn a_directory_that_lets_others_in_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, store) = store();
        std::fs::set_permissions(store.root(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let error = Store::open(store.root()).unwrap_err();
        assert!(crate::error::hints_of(&error)[0].starts_with("chmod 700 "));
    }

    #[test]
    fn everything_is_private() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, store) = store();
        store.lock().unwrap().write_session(&SessionRecord::new(name("a"), Kind::Pool)).unwrap();
        let mode = |p: &Path| p.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(store.root()), mode(&store.session_path(&name("a")))), (0o700, 0o600));
        assert_eq!(mode(&store.root().join("lock/state.lock")), 0o600);
    }
}

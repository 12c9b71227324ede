//! The part of the state directory that holds checkpoints: a directory a session, a file each.

use anyhow::{Context, Result};
use jiff::tz::TimeZone;
use std::path::PathBuf;

use super::{Locked, Store};
use crate::model::checkpoint::retention::{Rule, Verdict, retention};
use crate::model::checkpoint::{CHECKPOINT_VERSION, Checkpoint, CheckpointId};
use crate::model::janitor::age;
use crate::model::name::SessionName;
use crate::sys::{atomic, clock, files, state_file};

/// So many expired ones are removed in one go: the lock is held for it.
const REMOVED_AT_ONCE: usize = 20;

impl Store {
    fn checkpoints_dir(&self, session: &SessionName) -> PathBuf {
        self.root.join("checkpoints").join(session.as_str())
    }

    fn checkpoint_path(&self, session: &SessionName, id: &CheckpointId) -> PathBuf {
        self.checkpoints_dir(session).join(format!("{id}.json"))
    }

    /// The page for a conversation that begins anew from a checkpoint.
    #[must_use]
    pub fn summary_path(&self, session: &SessionName, id: &CheckpointId) -> PathBuf {
        self.checkpoints_dir(session).join(format!("{id}.md"))
    }

    /// The sessions of which there are checkpoints, sorted. What is no name of a session is passed over.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn checkpointed(&self) -> Result<Vec<SessionName>> {
        let dir = self.root.join("checkpoints");
        let entries = match std::fs::read_dir(&dir) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(e).with_context(|| format!("could not list `{}`", dir.display())),
        };
        let name = |entry: std::fs::DirEntry| SessionName::new(entry.file_name().into_string().ok()?).ok();
        let mut names: Vec<SessionName> = entries.flatten().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    /// The checkpoints of a session, oldest first.
    ///
    /// # Errors
    /// If the directory cannot be listed.
    pub fn checkpoints(&self, session: &SessionName) -> Result<Vec<CheckpointId>> {
        let names = state_file::list(&self.checkpoints_dir(session))?;
        let mut ids: Vec<CheckpointId> = names.iter().filter_map(|name| name.parse().ok()).collect();
        CheckpointId::sort(&mut ids, clock::now());
        Ok(ids)
    }

    /// One checkpoint; none if there is no such file.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn checkpoint(&self, session: &SessionName, id: &CheckpointId) -> Result<Option<Checkpoint>> {
        let path = self.checkpoint_path(session, id);
        let found: Option<Checkpoint> = state_file::read(&path, CHECKPOINT_VERSION)?;
        if let Some(found) = &found
            && (found.session != *session || found.id != *id)
        {
            anyhow::bail!("says it is checkpoint `{}` of `{}`: `{}`", found.id, found.session, path.display());
        }
        Ok(found)
    }
}

impl Locked<'_> {
    /// Writes a checkpoint under a name behind all that are there, then removes what the rule does not keep.
    /// Killed in between, the next one removes it.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_checkpoint(&mut self, made: &Checkpoint, rule: Rule, zone: &TimeZone) -> Result<CheckpointId> {
        let session = &made.session;
        let dir = self.store.checkpoints_dir(session);
        atomic::ensure_dir(&dir)?;
        atomic::sweep_temp(&dir);
        let mut ids = self.store.checkpoints(session)?;
        CheckpointId::sort(&mut ids, made.at);
        let id = CheckpointId::behind(made.at, ids.last());
        let made = Checkpoint { id: id.clone(), ..made.clone() };
        state_file::write(&self.store.checkpoint_path(session, &id), &made, made.version, CHECKPOINT_VERSION)?;
        ids.push(id.clone());
        let all = retention(&ids, rule, zone, made.at).into_iter();
        let expired = all.filter(|(_, verdict)| *verdict == Verdict::Expired);
        for (old, _) in expired.take(REMOVED_AT_ONCE) {
            self.remove_checkpoint(session, &old)?;
        }
        Ok(id)
    }

    /// Removes a checkpoint and what was made from it.
    ///
    /// # Errors
    /// If a step fails.
    pub fn remove_checkpoint(&mut self, session: &SessionName, id: &CheckpointId) -> Result<()> {
        // The page first. One of today may be about to be read: the janitor takes it later.
        let page = self.store.summary_path(session, id);
        if files::look(&page).is_some_and(|seen| age(clock::now(), seen.written).as_hours() >= 24) {
            atomic::remove(&page)?;
        }
        atomic::remove(&self.store.checkpoint_path(session, id))
    }

    /// Writes the page for a conversation that begins anew.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_summary(&mut self, session: &SessionName, id: &CheckpointId, text: &str) -> Result<PathBuf> {
        let path = self.store.summary_path(session, id);
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(path);
        }
        atomic::write(&path, text.as_bytes())?;
        Ok(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::checkpoint::tests::{at, idle};

    const RULE: Rule = Rule { newest: 2, days: 1 };

    #[test]
    fn what_expires_goes_with_its_page_and_names_never_go_back() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("s")).unwrap();
        let session = idle().session;
        let write = |second: i64| {
            let made = Checkpoint { at: at(second), ..idle() };
            store.lock().unwrap().write_checkpoint(&made, RULE, &TimeZone::UTC).unwrap()
        };
        assert!(store.checkpointed().unwrap().is_empty() && store.checkpoints(&session).unwrap().is_empty());
        let first = write(0);
        store.lock().unwrap().write_summary(&session, &first, "page").unwrap();
        let (second, third) = (write(-5), write(10));
        assert!(first < second && second < third, "the clock went back");
        assert_eq!(store.checkpoint(&session, &second).unwrap().unwrap().at, at(-5), "the time is the time");
        assert_eq!(store.checkpoints(&session).unwrap(), [second.clone(), third.clone()]);
        assert!(store.summary_path(&session, &first).exists(), "a client may be about to read it");
        let page = store.lock().unwrap().write_summary(&session, &second, "page").unwrap();
        let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(90_000);
        std::fs::File::options().write(true).open(&page).unwrap().set_modified(long_ago).unwrap();
        store.lock().unwrap().remove_checkpoint(&session, &second).unwrap();
        assert!(!page.exists());
        let second = write(-5);
        assert!(second > third);
        assert_eq!(store.checkpointed().unwrap(), std::slice::from_ref(&session));
        let read = |id: &CheckpointId| store.checkpoint(&session, id);
        assert_eq!((read(&third).unwrap().unwrap().id, read(&first).unwrap()), (third.clone(), None));
        // A file in a foreign place is not believed.
        let copy = CheckpointId::of(at(99));
        let path = |id: &CheckpointId| store.checkpoint_path(&session, id);
        std::fs::copy(path(&third), path(&copy)).unwrap();
        assert!(read(&copy).unwrap_err().to_string().starts_with("says it is checkpoint"));
        std::fs::write(path(&copy), "{\"version\":9}").unwrap();
        assert!(read(&copy).unwrap_err().to_string().contains("newer version"));
    }
}

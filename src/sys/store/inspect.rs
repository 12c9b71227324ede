//! A look at the whole state directory, for `doctor`: what is missing of it, open to others, or damaged.
//! Nothing is written, and a directory that cannot be used is an answer.

use jiff::Timestamp;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{DIRS, LOCKS, Store};
use crate::error::{cause_of, hints_of, messages_of};
use crate::model::account_record::AccountRecord;
use crate::model::doctor::state::{Inspection, Unusable};
use crate::model::name::{AccountName, SessionName};
use crate::model::task::{TASK_VERSION, TaskRecord};
use crate::sys::state_file::{self, Newer};
use crate::sys::{atomic, clock, lock};

/// So many entries are looked at.
const MOST: usize = 50_000;

impl Store {
    /// Looks at all of it. `is_idle` says of a session whose record is damaged whether no client of it can
    /// be alive.
    #[must_use]
    pub fn inspect(&self, is_idle: impl Fn(&SessionName) -> bool) -> Inspection {
        let mut seen = Inspection { has_reserve: self.reserve_path().exists(), ..Inspection::default() };
        let missing = |path: &PathBuf| path.symlink_metadata().is_err();
        seen.missing_dirs = DIRS.iter().map(|d| self.root.join(d)).filter(missing).collect();
        seen.missing_locks = LOCKS.iter().map(|name| self.lock_path(name)).filter(missing).collect();
        if let Err(e) = std::fs::read_dir(&self.root) {
            seen.unreadable = Some(e.to_string());
            return seen;
        }
        if let Err(e) = nix::unistd::access(&self.root, nix::unistd::AccessFlags::W_OK) {
            seen.unreadable = Some(e.desc().to_owned());
        }
        walk(&self.root, &mut seen);
        self.typed(&mut seen, is_idle);
        seen
    }

    /// The files whose form we know, each read as its reader would.
    fn typed(&self, seen: &mut Inspection, is_idle: impl Fn(&SessionName) -> bool) {
        let mut add = |path: PathBuf, read: Result<(), anyhow::Error>, movable: bool| {
            if let Err(e) = read {
                seen.unusable.retain(|known| known.path != path);
                seen.unusable.push(unusable(path, &e, movable));
            }
        };
        let names = |dir: &str| state_file::list(&self.root.join(dir)).unwrap_or_default();
        for name in names("sessions") {
            let path = self.root.join("sessions").join(format!("{name}.json"));
            match SessionName::new(name) {
                Ok(name) => {
                    let read = self.session(&name).map(drop);
                    let movable = read.is_err() && is_idle(&name);
                    add(path, read, movable);
                }
                Err(e) => add(path, Err(e.into()), false),
            }
        }
        for name in names("accounts") {
            let path = self.root.join("accounts").join(format!("{name}.json"));
            match AccountName::new(name) {
                // What is lost is read anew from the sessions' own reports.
                Ok(name) => add(path, self.account(&name).map(|_: Option<AccountRecord>| ()), true),
                Err(e) => add(path, Err(e.into()), true),
            }
        }
        for project in std::fs::read_dir(self.root.join("tasks")).into_iter().flatten().flatten() {
            for name in state_file::list(&project.path()).unwrap_or_default() {
                let path = project.path().join(format!("{name}.json"));
                let read = state_file::read::<TaskRecord>(&path, TASK_VERSION).map(drop);
                add(path, read, true);
            }
        }
        // A journal that is moved away would leave a switch half way.
        add(self.root.join("switch/current.json"), self.journal().map(drop), false);
        add(self.root.join("switch/active.json"), self.active().map(drop), true);
        add(self.root.join("switch/memory.json"), self.memory().map(drop), true);
        for id in self.past_switches().unwrap_or_default() {
            add(self.root.join(format!("switch/history/{id}.json")), self.past_switch(&id).map(drop), true);
        }
    }

    /// The latest time at which one of its files was written: a clock that went back is told by it.
    #[must_use]
    pub fn latest(&self) -> Option<(Timestamp, PathBuf)> {
        let dirs = ["lock", "log", "sessions", "accounts", "events"].map(|d| self.root.join(d));
        let entries = dirs.iter().flat_map(|d| std::fs::read_dir(d).into_iter().flatten().flatten());
        let written = |e: std::fs::DirEntry| {
            let meta = e.metadata().ok().filter(std::fs::Metadata::is_file)?;
            Some((Timestamp::new(meta.mtime(), 0).ok()?, e.path()))
        };
        entries.filter_map(written).max_by_key(|(at, _)| *at)
    }

    /// Whether the locks of the directory exclude.
    ///
    /// # Errors
    /// Why that cannot be tried now.
    pub fn locks_exclude(&self) -> Result<bool, String> {
        let path = self.lock_path("state");
        let tried = clock::wait_for(
            std::time::Duration::from_secs(2),
            std::time::Duration::from_millis(20),
            // Its holders need milliseconds.
            || lock::excludes(&path).transpose(),
        );
        match tried {
            Some(Ok(excludes)) => Ok(excludes),
            Some(Err(e)) => Err(format!("{e:#}")),
            None => Err(format!("somebody holds `{}`", path.display())),
        }
    }

    /// Makes a lock file, if it is missing.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make_lock(path: &Path) -> anyhow::Result<()> {
        atomic::step("make lock file");
        match lock::attempt(path, "") {
            Ok(_) | Err(lock::LockError::Busy { .. }) => Ok(()),
            Err(lock::LockError::Failed(e)) => Err(e),
        }
    }

    /// Moves a damaged file into `quarantine`, under a name that says where and when it was; nothing is deleted.
    ///
    /// # Errors
    /// If it cannot be moved.
    pub fn quarantine(&self, path: &Path, now: Timestamp) -> anyhow::Result<PathBuf> {
        let dir = self.root.join("quarantine");
        atomic::ensure_dir(&dir)?;
        let inside = path.strip_prefix(&self.root).unwrap_or(path).display().to_string().replace('/', "-");
        let at = now.strftime("%Y%m%dT%H%M%SZ");
        for n in 0..100 {
            let number = if n == 0 { String::new() } else { format!(".{n}") };
            let to = dir.join(format!("{inside}.{at}{number}"));
            match atomic::claim(path, &to) {
                Err(e) if atomic::is_taken(&e) => {}
                other => return other.map(|()| to),
            }
        }
        anyhow::bail!("a hundred of this name are there already: `{}`", dir.display())
    }
}

fn unusable(path: PathBuf, error: &anyhow::Error, movable: bool) -> Unusable {
    Unusable {
        path,
        why: messages_of(error).join(": "),
        hint: hints_of(error).first().map(|h| (*h).to_owned()),
        newer: cause_of::<Newer>(error).is_some(),
        movable,
    }
}

/// Modes and owners of everything, and whether what is called JSON is that.
fn walk(root: &Path, seen: &mut Inspection) {
    let us = nix::unistd::geteuid().as_raw();
    let mut dirs = vec![root.to_owned()];
    let mut entries = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
            entries += 1;
            if entries > MOST {
                return;
            }
            let (path, Ok(meta)) = (entry.path(), entry.metadata()) else { continue };
            if meta.uid() != us {
                seen.foreign.push((path.clone(), meta.uid()));
            }
            let mode = meta.mode() & 0o7777;
            if meta.file_type().is_symlink() {
                continue;
            }
            if mode & 0o077 != 0 && meta.uid() == us {
                seen.open.push((path.clone(), mode, mode & 0o700));
            }
            if meta.is_dir() {
                dirs.push(path);
                continue;
            }
            file(path, &meta, seen);
        }
    }
    seen.open.sort();
}

fn file(path: PathBuf, meta: &std::fs::Metadata, seen: &mut Inspection) {
    let written = Timestamp::new(meta.mtime(), 0).ok();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if name.starts_with(atomic::TEMP_PREFIX) {
        let age = written.map(|at| clock::now().duration_since(at).as_hours());
        seen.litter += usize::from(age.is_some_and(|hours| hours >= 1));
        return;
    }
    // Quarantine is where damaged files belong.
    let quarantined = path.components().any(|c| c.as_os_str() == "quarantine");
    if !name.ends_with(".json") || quarantined || !meta.is_file() || meta.len() > 4 << 20 {
        return;
    }
    let damaged = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).err().map(|e| e.to_string()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None, // somebody was faster
        Err(e) => Some(e.to_string()),
    };
    if let Some(why) = damaged {
        let why = format!("damaged state file: {why}: `{}`", path.display());
        seen.unusable.push(Unusable { path, why, hint: None, newer: false, movable: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn store() -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("state")).unwrap();
        (dir, store)
    }

    #[test]
    fn a_fresh_directory_is_whole() {
        let (_dir, store) = store();
        let seen = store.inspect(|_| true);
        assert!(seen.unreadable.is_none() && seen.has_reserve, "{seen:?}");
        assert!(seen.missing_dirs.is_empty() && seen.missing_locks.is_empty(), "{seen:?}");
        assert!(seen.open.is_empty() && seen.unusable.is_empty() && seen.litter == 0, "{seen:?}");
        assert_eq!(store.locks_exclude(), Ok(true));
    }

    #[test]
    fn what_is_wrong_is_seen_and_a_damaged_file_is_kept() {
        let (_dir, store) = store();
        let root = store.root().to_owned();
        std::fs::remove_dir(root.join("kick")).unwrap();
        std::fs::remove_file(root.join("lock/watch.lock")).unwrap();
        std::fs::remove_file(root.join("reserve")).unwrap();
        for (file, text) in [
            ("sessions/p-0.json", "{"),
            ("accounts/main.json", ""),
            ("switch/memory.json", "{\"version\":99}"),
            ("guard/x.json", "nonsense"),
        ] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), text).unwrap();
        }
        std::fs::set_permissions(root.join("guard"), std::fs::Permissions::from_mode(0o755)).unwrap();
        let seen = store.inspect(|_| false);
        assert_eq!(seen.missing_dirs, [root.join("kick")]);
        assert_eq!(seen.missing_locks, [root.join("lock/watch.lock")]);
        assert!(!seen.has_reserve);
        assert!(seen.open.contains(&(root.join("guard"), 0o755, 0o700)), "{:?}", seen.open);
        let mut unusable: Vec<_> = seen
            .unusable
            .iter()
            .map(|u| (u.path.strip_prefix(&root).unwrap().display().to_string(), u.newer, u.movable))
            .collect();
        unusable.sort();
        let want = [
            ("accounts/main.json", false, true),
            ("guard/x.json", false, false),
            ("sessions/p-0.json", false, false),
            ("switch/memory.json", true, true),
        ];
        assert_eq!(unusable, want.map(|(path, newer, movable)| (path.to_owned(), newer, movable)));
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let to = store.quarantine(&root.join("sessions/p-0.json"), now).unwrap();
        assert_eq!(to, root.join("quarantine/sessions-p-0.json.20270115T080000Z"));
        assert_eq!(std::fs::read_to_string(to).unwrap(), "{");
    }
}

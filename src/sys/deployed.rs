//! The part of the state directory that is about the guard in projects: what was put where, and what was
//! proved to block.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::store::{Locked, Store};
use super::{atomic, lock, state_file};
use crate::error::{Exit, Mark};
use crate::model::deploy::record::{Deployed, Stamp, VERSION, mark};

/// The largest settings file or script that is read, in bytes.
const MAX_BYTES: u64 = 1 << 20;

/// So many proofs are kept.
const PROOFS: usize = 1000;

/// What was proved: marks of command line, script and programs together.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Proofs {
    version: u32,
    proofs: BTreeSet<String>,
}

/// A file as it is now, a link followed: the client follows it too.
#[must_use]
pub fn stamp(path: &Path) -> Stamp {
    let seen = std::fs::metadata(path).ok().map(|m| {
        let nanos = |s: i64, n: i64| s.saturating_mul(1_000_000_000).saturating_add(n);
        [
            m.dev().cast_signed(),
            m.ino().cast_signed(),
            m.size().cast_signed(),
            nanos(m.mtime(), m.mtime_nsec()),
            nanos(m.ctime(), m.ctime_nsec()),
            i64::from(m.mode()),
        ]
    });
    Stamp { path: path.to_owned(), seen }
}

/// The text of a settings file, a script or an exclude file; `None` if there is none.
///
/// # Errors
/// If it is no plain file, cannot be read, is over 1 MiB or not UTF-8.
pub fn text(path: &Path) -> Result<Option<String>> {
    use std::os::unix::fs::OpenOptionsExt;
    // A pipe in its place must not hold us up.
    let flags = nix::fcntl::OFlag::O_NONBLOCK.bits();
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("could not open `{}`", path.display())),
    };
    let meta = file.metadata().with_context(|| format!("could not look at `{}`", path.display()))?;
    anyhow::ensure!(meta.is_file(), "not a regular file: `{}`", path.display());
    let mut text = String::new();
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .with_context(|| format!("could not read `{}`", path.display()))?;
    anyhow::ensure!(text.len() as u64 <= MAX_BYTES, "larger than 1 MiB: `{}`", path.display());
    Ok(Some(text))
}

/// The name of a project's files in the state directory: readable, and its own.
fn key(project: &Path) -> String {
    let name = project.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).take(40).collect();
    format!("{name}-{}", mark(project.as_os_str().as_bytes()))
}

impl Store {
    fn deployed_dir(&self) -> PathBuf {
        self.root().join("guard/deployed")
    }

    fn deployed_path(&self, project: &Path) -> PathBuf {
        self.deployed_dir().join(format!("{}.json", key(project)))
    }

    fn proofs_path(&self) -> PathBuf {
        self.root().join("guard/proved.json")
    }

    /// What was put into a project; `None` if nothing was.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn deployed(&self, project: &Path) -> Result<Option<Deployed>> {
        state_file::read(&self.deployed_path(project), VERSION)
    }

    /// What was put into all projects; what cannot be read is left out.
    #[must_use]
    pub fn all_deployed(&self) -> Vec<Deployed> {
        let dir = self.deployed_dir();
        let names = state_file::list(&dir).unwrap_or_default();
        names
            .iter()
            .filter_map(|name| state_file::read(&dir.join(format!("{name}.json")), VERSION).ok().flatten())
            .collect()
    }

    /// Takes the right to change the guard of a project.
    ///
    /// # Errors
    /// If another command is at it and does not come to its end.
    pub fn deploy_lock(&self, project: &Path) -> Result<lock::Held> {
        let path = self.root().join("lock").join(format!("deploy-{}.lock", key(project)));
        lock::wait(&path, "deploy-hook", Duration::from_secs(30), |_| {})
            .exit(Exit::Busy)
            .with_context(|| format!("another command works on the guard of `{}`", project.display()))
    }

    /// Whether this was proved already.
    #[must_use]
    pub fn is_proved(&self, what: &str) -> bool {
        let read: Result<Option<Proofs>> = state_file::read(&self.proofs_path(), VERSION);
        read.ok().flatten().is_some_and(|all| all.proofs.contains(what))
    }
}

impl Locked<'_> {
    /// Keeps what was put into a project.
    ///
    /// # Errors
    /// If a step fails.
    pub fn write_deployed(&mut self, deployed: &Deployed) -> Result<()> {
        let path = self.store().deployed_path(&deployed.project);
        atomic::ensure_dir(&self.store().deployed_dir())?;
        state_file::write(&path, deployed, deployed.version, VERSION)
    }

    /// Forgets what was put into a project.
    ///
    /// # Errors
    /// If a step fails.
    pub fn forget_deployed(&mut self, project: &Path) -> Result<()> {
        atomic::remove(&self.store().deployed_path(project))
    }

    /// Keeps what was proved. One that is lost is proved again.
    ///
    /// # Errors
    /// If a step fails.
    pub fn keep_proofs(&mut self, new: &[String]) -> Result<()> {
        let path = self.store().proofs_path();
        let read: Result<Option<Proofs>> = state_file::read(&path, VERSION);
        let mut all = read.ok().flatten().unwrap_or_default();
        if all.proofs.len() > PROOFS {
            all.proofs.clear();
        }
        all.version = VERSION;
        all.proofs.extend(new.iter().cloned());
        atomic::ensure_dir(&self.store().root().join("guard"))?;
        state_file::write(&path, &all, VERSION, VERSION)
    }
}

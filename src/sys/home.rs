//! The homes of the accounts on disk: what is in them, who uses them, and the steps that make one ready.
//!
//! The login is looked at from outside ([`super::login`]) and never written, copied or linked.

pub mod gather;

use anyhow::{Context, Result, anyhow};
use serde_json::{Map, Value};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::process::ProcessId;
use super::store::Store;
use super::{atomic, clock};
use crate::config::Config;
use crate::error::Mark;
use crate::model::event::ClientFile;
use crate::model::home::identity::{Merged, adopted, seeded};
use crate::model::home::plan::Step;
use crate::model::home::{Link, LinkState, Place, SHARED, TargetState, Tree};
use crate::model::name::AccountName;

/// The client's file with onboarding, trust and identity.
pub const CLIENT_FILE: &str = ".claude.json";

/// The largest of these files that is read, in bytes.
const MAX: u64 = 64 << 20;

/// The tree that all homes of a configuration share.
#[must_use]
pub fn tree(config: &Config) -> Tree {
    Tree::new(config.pool.shared_projects_dir.as_deref(), &config.home)
}

/// What is in the place of a home.
#[must_use]
pub fn place(home: &Path) -> Place {
    match home.metadata() {
        Err(e) if e.kind() == ErrorKind::NotFound && home.symlink_metadata().is_err() => Place::Missing,
        Err(_) => Place::Odd,
        Ok(meta) if !meta.is_dir() => Place::Odd,
        Ok(meta) if meta.uid() != nix::unistd::geteuid().as_raw() => Place::Foreign { uid: meta.uid() },
        Ok(meta) => Place::Ours { mode: meta.mode() & 0o7777 },
    }
}

/// How the shared directories look from a home.
#[must_use]
pub fn links(home: &Path, tree: &Tree) -> Vec<Link> {
    SHARED
        .iter()
        .map(|name| {
            let (path, target) = (home.join(name), tree.place(name));
            let there = target_state(&target);
            let same_disk = device(&path).is_none_or(|d| nearest_device(&target) == Some(d));
            Link { name, state: link_state(&path, &target), path, target, there, same_disk }
        })
        .collect()
}

fn device(path: &Path) -> Option<u64> {
    path.metadata().ok().map(|m| m.dev())
}

fn nearest_device(path: &Path) -> Option<u64> {
    path.ancestors().find_map(device)
}

fn target_state(target: &Path) -> TargetState {
    match target.metadata() {
        _ if atomic::is_place_holder(target) => TargetState::Absent,
        Err(e) if e.kind() == ErrorKind::NotFound && target.symlink_metadata().is_err() => TargetState::Absent,
        Ok(meta) if meta.is_dir() => match files(target, 1).0 {
            0 => TargetState::Empty,
            _ => TargetState::Full,
        },
        _ => TargetState::Odd,
    }
}

fn link_state(path: &Path, target: &Path) -> LinkState {
    let Ok(meta) = path.symlink_metadata() else { return LinkState::Missing };
    let real = path.canonicalize();
    let right = real.as_ref().is_ok_and(|real| target.canonicalize().is_ok_and(|target| target == *real));
    if meta.is_dir() {
        let (files, transcripts) = if right { (0, 0) } else { files(path, u64::MAX) };
        return if right { LinkState::Itself } else { LinkState::Shadowed { files, transcripts } };
    }
    if !meta.file_type().is_symlink() {
        return LinkState::File;
    }
    let to = std::fs::read_link(path).unwrap_or_default();
    let to = path.parent().map_or_else(|| to.clone(), |dir| dir.join(&to));
    match real {
        Ok(_) if right => LinkState::Linked,
        Ok(real) => LinkState::Wrong { files: files(&real, u64::MAX).0, to: real },
        Err(e) if e.kind() == ErrorKind::NotFound => LinkState::Dangling { to },
        Err(_) => LinkState::Loop,
    }
}

/// How many files are below a directory, and how many of them are transcripts; counting ends at `most`.
fn files(dir: &Path, most: u64) -> (u64, u64) {
    let (mut all, mut transcripts) = (0, 0);
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        let Ok(entries) = std::fs::read_dir(&dir) else {
            all += 1; // what cannot be looked into is not empty
            continue;
        };
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                dirs.push(entry.path());
                continue;
            }
            all += 1;
            transcripts += u64::from(entry.path().extension().is_some_and(|e| e == "jsonl"));
            if all >= most {
                return (all, transcripts);
            }
        }
    }
    (all, transcripts)
}

/// Who uses a home now: clients that say so in it, and those of our own sessions.
///
/// # Errors
/// If it cannot be told.
pub fn live(home: &Path, account: &AccountName, store: &Store) -> Result<Vec<String>> {
    let mut found = sessions_of(account, store)?;
    let dir = home.join("sessions");
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(found),
        Err(e) => return Err(e).with_context(|| format!("could not list `{}`", dir.display())),
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|n| n.strip_suffix(".json")).and_then(|n| n.parse::<i32>().ok());
        let Some(process) = pid.and_then(ProcessId::of) else { continue };
        // Pids are used again. A file that cannot be read says nothing against it.
        let file = text(&entry.path()).ok().flatten().and_then(|t| ClientFile::parse(&t));
        if file.is_none_or(|f| f.start == process.start) {
            found.push(format!("a client (pid {})", process.pid));
        }
    }
    Ok(found)
}

/// Our sessions on an account whose client lives.
///
/// # Errors
/// If the records cannot be listed.
pub fn sessions_of(account: &AccountName, store: &Store) -> Result<Vec<String>> {
    let boot = clock::boot_id();
    let all = store.sessions()?.records;
    let runs = |r: &crate::model::session::SessionRecord| {
        let client = r.client.as_ref().filter(|c| c.boot_id == boot);
        client.is_some_and(|c| ProcessId { pid: c.pid, start: c.start }.is_alive())
    };
    Ok(all
        .iter()
        .filter(|r| r.account.as_ref() == Some(account) && runs(r))
        .map(|r| format!("session `{}`", r.name))
        .collect())
}

/// A file's text; `None` if it is not there.
///
/// # Errors
/// If it cannot be read.
pub fn text(path: &Path) -> Result<Option<String>> {
    let mut text = String::new();
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e).with_context(|| format!("could not open `{}`", path.display())),
    };
    file.take(MAX).read_to_string(&mut text).with_context(|| format!("could not read `{}`", path.display()))?;
    Ok(Some(text))
}

/// A JSON object of the client's; empty if the file is not there.
///
/// # Errors
/// If it cannot be read or is something else.
pub fn object(path: &Path) -> Result<Map<String, Value>> {
    let text = text(path)?.unwrap_or_else(|| "{}".to_owned());
    serde_json::from_str(&text)
        .map_err(|e| anyhow!("not JSON: {e}: `{}:{}`", path.display(), e.line()))
        .hint("the client keeps copies in `backups/` in its home")
}

/// Where a client that runs without `CLAUDE_CONFIG_DIR` keeps the `.claude.json` of this home.
#[must_use]
pub fn outside(home: &Path) -> Option<PathBuf> {
    let parent = home.parent().filter(|_| home.file_name().is_some_and(|n| n == ".claude"))?;
    Some(parent.join(CLIENT_FILE)).filter(|p| p.is_file())
}

/// What a home's `.claude.json` would come to.
///
/// # Errors
/// If a file cannot be read, or is no JSON.
pub fn identity(home: &Path, from: Option<&Path>, theme: Option<&str>) -> Result<Merged> {
    let path = home.join(CLIENT_FILE);
    if path.symlink_metadata().is_ok_and(|m| m.file_type().is_symlink()) {
        return Err(anyhow!("a link, not a file of its own: `{}`", path.display()))
            .hint("put a copy in its place: it says who is logged in, and the client replaces links");
    }
    let root = object(&path)?;
    let taken = match from {
        Some(from) => adopted(root, &object(from)?),
        None => Merged { root, ..Merged::default() },
    };
    // Who has started a client there has chosen one, or wants the default.
    let theme = theme.filter(|_| !taken.root.contains_key("hasCompletedOnboarding"));
    let with = seeded(taken.root, theme);
    let added = [taken.added, with.added].concat();
    Ok(Merged { root: with.root, added, left: taken.left })
}

/// Carries a step out.
///
/// # Errors
/// If it fails; everything is then as before it, or as after it.
pub fn apply(step: &Step, home: &Path, theme: Option<&str>) -> Result<()> {
    match step {
        Step::MakeDir(path) => atomic::ensure_dir(path),
        Step::Close(path) => atomic::close_dir(path),
        Step::Link { path, target } => match atomic::symlink(target, path) {
            // Another launch was faster.
            Err(e) if atomic::is_taken(&e) && link_state(path, target) == LinkState::Linked => Ok(()),
            other => other,
        },
        Step::Relink { path, target } => atomic::point_link(path, target),
        Step::Move { path, target } => {
            atomic::ensure_dir(target.parent().unwrap_or(target))?;
            atomic::move_and_link(path, target)
        }
        Step::Swap { path, target } => atomic::exchange(path, target),
        Step::Merge { path, target, parked } => merge(path, target, parked),
        Step::Park { path, parked } => park(path, parked),
        Step::Seed { path, from, .. } => {
            let _held = lock_client_file(path);
            let merged = identity(home, from.as_deref(), theme)?;
            if merged.added.is_empty() {
                return Ok(());
            }
            atomic::write(path, serde_json::to_string_pretty(&merged.root)?.as_bytes())
        }
    }
}

/// The client's own lock on its file is a directory beside it.
#[must_use]
pub fn lock_client_file(path: &Path) -> atomic::DirLock {
    let mut lock = path.to_owned().into_os_string();
    lock.push(".lock");
    atomic::DirLock::wait(Path::new(&lock), std::time::Duration::from_secs(12))
}

/// Moves something to a name that is free: the one given, or that with a number.
fn park(path: &Path, parked: &Path) -> Result<()> {
    atomic::ensure_dir(parked.parent().unwrap_or(parked))?;
    for n in 0..1000 {
        let mut to = parked.to_owned().into_os_string();
        if n > 0 {
            to.push(format!(".{n}"));
        }
        match atomic::claim(path, Path::new(&to)) {
            Err(e) if atomic::is_taken(&e) => {}
            other => return other,
        }
    }
    Err(anyhow!("a thousand of this name are parked already: `{}`", parked.display()))
}

/// Moves what is in one directory into another. Nothing is deleted: of two files with one name the larger
/// gets or keeps the name, since a transcript only grows.
fn merge(from: &Path, into: &Path, parked: &Path) -> Result<()> {
    let entries =
        std::fs::read_dir(from).with_context(|| format!("could not list `{}`", from.display()))?.flatten();
    for entry in entries {
        let (path, target) = (entry.path(), into.join(entry.file_name()));
        let parked = parked.join(entry.file_name());
        let Ok(there) = target.symlink_metadata() else {
            atomic::claim(&path, &target)?;
            continue;
        };
        let here = path.symlink_metadata().with_context(|| format!("could not look at `{}`", path.display()))?;
        if here.is_dir() && there.is_dir() {
            merge(&path, &target, &parked)?;
            continue;
        }
        if here.is_file() && there.is_file() && here.len() > there.len() {
            park(&target, &parked)?;
            atomic::claim(&path, &target)?;
        } else {
            park(&path, &parked)?;
        }
    }
    Ok(())
}

/// Makes the links that are missing, before the first client starts in a home. What is there is never
/// touched; one that another directory shadows is returned.
///
/// # Errors
/// If a link cannot be made: the client would make a directory in its place.
pub fn make_missing_links(home: &Path, tree: &Tree) -> Result<Vec<&'static str>> {
    let mut shadowed = Vec::new();
    for name in SHARED {
        let (path, target) = (home.join(name), tree.place(name));
        match path.symlink_metadata() {
            Ok(meta) => {
                let itself = || path.canonicalize().is_ok_and(|p| target.canonicalize().is_ok_and(|t| t == p));
                if meta.is_dir() && !itself() {
                    shadowed.push(name);
                }
            }
            Err(_) => {
                apply(&Step::MakeDir(target.clone()), home, None)?;
                apply(&Step::Link { path, target }, home, None)?;
            }
        }
    }
    Ok(shadowed)
}

#[cfg(test)]
mod tests;

//! The guard taken out of a project: everything else is then as it was before.

use anyhow::{Result, anyhow};
use std::path::{Path, PathBuf};

use super::{SETTINGS, Wanted, write_as_read};
use crate::env::Env;
use crate::error::Mark;
use crate::model::deploy::record::Deployed;
use crate::model::deploy::{entry, exclude, settings};
use crate::sys::{atomic, deployed};

/// What was taken out, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// The files that were changed or removed.
    pub files: Vec<PathBuf>,
}

/// Takes the guard out of a project.
///
/// # Errors
/// If a session runs there, a settings file cannot be edited, or a step fails. The script goes last, so
/// that an entry that is left blocks instead of letting everything pass.
pub fn remove(env: &Env, dir: &Path, dry_run: bool) -> Result<Removed> {
    // A project that is gone has nothing in it; its record goes all the same.
    let project = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let _held = env.store.deploy_lock(&project)?;
    let sessions = env.store.sessions()?;
    let there = |cwd: &Path| cwd == project || cwd.canonicalize().is_ok_and(|real| real == project);
    if let Some(live) = sessions.records.iter().find(|r| r.client.is_some() && r.cwd.as_deref().is_some_and(there))
    {
        return Err(anyhow!(
            "session `{}` runs in `{}`, and would not be guarded any more",
            live.name,
            project.display()
        ))
        .hint(format!("claude-failover stop {}", live.name));
    }
    let record = env.store.deployed(&project)?;
    let mut removed = Removed::default();
    let mut files: Vec<PathBuf> = SETTINGS.iter().map(|name| project.join(".claude").join(name)).collect();
    if let Some(record) = record.as_ref().filter(|r| !files.contains(&r.settings)) {
        files.push(record.settings.clone());
    }
    // All are looked at before the first is touched.
    let mut edits = Vec::new();
    for path in files {
        let path = path.canonicalize().unwrap_or(path);
        if edits.iter().any(|(done, ..): &(PathBuf, _, _)| *done == path) {
            continue;
        }
        let Some(now) = deployed::text(&path)? else { continue };
        let after = restored(record.as_ref().filter(|r| r.settings == path), &path, &now)?;
        if after.as_ref() != Some(&now) {
            edits.push((path, now, after));
        }
    }
    for (path, now, after) in edits {
        removed.files.push(path.clone());
        if dry_run {
            continue;
        }
        atomic::sweep_temp_of(&path);
        match after {
            Some(after) => {
                let written = write_as_read(&path, Some(&now), &after)?;
                anyhow::ensure!(written, "somebody has just changed it, nothing was done: `{}`", path.display());
            }
            None => atomic::remove(&path)?,
        }
    }
    let script = project.join(".claude/hooks").join(entry::SCRIPT_NAME);
    if script.symlink_metadata().is_ok() {
        removed.files.push(script.clone());
        if !dry_run {
            atomic::remove(&script)?;
        }
    }
    if !dry_run {
        atomic::sweep_temp_of(&script);
    }
    if let Some(record) = record {
        exclude_lines(env, &record, dry_run, &mut removed)?;
        if !dry_run {
            for dir in record.made.iter().rev() {
                atomic::remove_empty_dir(dir)?;
            }
            env.store.lock()?.forget_deployed(&project)?;
        }
    }
    Ok(removed)
}

/// A settings file without us; `None` if we have made it and nothing else is in it.
fn restored(record: Option<&Deployed>, path: &Path, now: &str) -> Result<Option<String>> {
    if let Some(record) = record
        && record.written == now
    {
        return Ok(record.before.clone());
    }
    if !now.contains("claude-failover") {
        return Ok(Some(now.to_owned()));
    }
    let text = settings::without(now)
        .map_err(|e| anyhow!(e.at(&path.display().to_string())))
        .hint("mend it first; nothing was changed")?;
    let made = record.is_some_and(|r| r.before.is_none());
    Ok((!(made && settings::is_empty(&text))).then_some(text))
}

/// Takes our lines out of the exclude file, except those that another working tree of it still needs.
fn exclude_lines(env: &Env, record: &Deployed, dry_run: bool, removed: &mut Removed) -> Result<()> {
    let Some(ours) = &record.exclude else { return Ok(()) };
    let others = env.store.all_deployed();
    let needed = |line: &String| {
        others
            .iter()
            .filter(|o| o.project != record.project)
            .filter_map(|o| o.exclude.as_ref())
            .any(|o| o.file == ours.file && o.lines.contains(line))
    };
    let lines: Vec<String> = ours.lines.iter().filter(|line| !needed(line)).cloned().collect();
    let Some(now) = deployed::text(&ours.file)? else { return Ok(()) };
    let after = exclude::without(&now, &lines);
    if after == now {
        return Ok(());
    }
    removed.files.push(ours.file.clone());
    if dry_run {
        return Ok(());
    }
    if after.is_empty() && ours.made {
        return atomic::remove(&ours.file);
    }
    write_as_read(&ours.file, Some(&now), &after).map(drop)
}

/// What a project should hold by its record: what `watch` compares with.
#[must_use]
pub fn by_record(record: Deployed) -> Wanted {
    Wanted {
        project: record.project,
        script: record.script,
        script_text: record.script_text,
        command: record.command,
    }
}

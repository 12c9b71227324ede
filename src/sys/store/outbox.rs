//! The part of the state directory that is about telling people: `outbox/<id>.json`, one file an event,
//! `outbox/targets/<name>.json`, what each target was told, and `targets.json`, the targets of the last configuration
//! that was valid.
//!
//! An event's file is made once and not changed but for further targets; it goes when every target is through with it. That it was told
//! stays in the targets' files, so that a run which notes the same event once more tells nobody twice.

use anyhow::{Result, bail};
use std::path::PathBuf;

use super::{Broken, Locked, Store};
use crate::config::Target;
use crate::error::cause_of;
use crate::model::notify::record::{TARGET_VERSION, TargetRecord};
use crate::model::notify::{EVENT_VERSION, Event, is_event_id};
use crate::sys::atomic;
use crate::sys::state_file::{self, Newer};

/// Everything that waits.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Oldest first.
    pub events: Vec<Event>,
    /// Files that cannot be used.
    pub broken: Vec<Broken>,
}

impl Store {
    fn event_path(&self, id: &str) -> PathBuf {
        self.root.join("outbox").join(format!("{id}.json"))
    }

    fn target_path(&self, name: &str) -> PathBuf {
        self.root.join("outbox/targets").join(format!("{name}.json"))
    }

    /// The events in the outbox. One for none of the targets that are `configured` (renamed, or another in place of
    /// one that never worked) is for all of them.
    ///
    /// # Errors
    /// If it cannot be listed; single broken files are in the answer.
    pub fn outbox(&self, configured: &[Target]) -> Result<Outbox> {
        let mut all = Outbox::default();
        for name in state_file::list(&self.root.join("outbox"))? {
            match self.event(&name) {
                Ok(Some(mut event)) => {
                    if !configured.iter().any(|t| event.is_for(&t.name)) {
                        event.targets.clear();
                    }
                    all.events.push(event);
                }
                Ok(None) => {} // vanished between the listing and the look
                Err(e) => all.broken.push(Broken {
                    name,
                    error: crate::error::messages_of(&e).join(": "),
                    hint: crate::error::hints_of(&e).first().map(|h| (*h).to_owned()),
                }),
            }
        }
        all.events.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        Ok(all)
    }

    fn event(&self, name: &str) -> Result<Option<Event>> {
        let path = self.event_path(name);
        let event: Option<Event> = state_file::read(&path, EVENT_VERSION)?;
        if event.as_ref().is_some_and(|e| e.id != name || !is_event_id(&e.id)) {
            bail!("says it is another event: `{}`", path.display());
        }
        Ok(event)
    }

    fn last_targets_path(&self) -> PathBuf {
        self.root.join("targets.json")
    }

    /// The targets of the last configuration that was valid, if any were kept.
    ///
    /// # Errors
    /// If the file cannot be used.
    pub fn last_targets(&self) -> Result<Option<String>> {
        let read: Option<Targets> = state_file::read(&self.last_targets_path(), TARGET_VERSION)?;
        Ok(read.map(|targets| targets.yaml))
    }

    /// What is kept of a target.
    ///
    /// # Errors
    /// If its file cannot be used.
    pub fn target(&self, name: &str) -> Result<TargetRecord> {
        let read = state_file::read(&self.target_path(name), TARGET_VERSION)?;
        Ok(read.unwrap_or_else(|| TargetRecord::new(name)))
    }
}

/// The targets of the last configuration that was valid.
#[derive(serde::Serialize, serde::Deserialize)]
struct Targets {
    version: u32,
    yaml: String,
}

impl Locked<'_> {
    /// Keeps the targets of a configuration that is valid.
    ///
    /// # Errors
    /// If a step fails.
    pub fn keep_targets(&mut self, yaml: &str) -> Result<()> {
        match self.store.last_targets() {
            Ok(Some(known)) if known == yaml => return Ok(()),
            Err(e) if cause_of::<Newer>(&e).is_some() => return Err(e),
            // What was kept and cannot be read serves nobody.
            _ => {}
        }
        let targets = Targets { version: TARGET_VERSION, yaml: yaml.to_owned() };
        state_file::write(&self.store.last_targets_path(), &targets, TARGET_VERSION, TARGET_VERSION)
    }

    /// Puts an event into the outbox; whether it was not there yet for all of its targets.
    ///
    /// # Errors
    /// If a step fails.
    pub fn post(&mut self, event: &Event) -> Result<bool> {
        let path = self.store.event_path(&event.id);
        if path.exists() {
            // It lasts, and there are more targets by now. What cannot be read stays as it is.
            let Ok(Some(mut known)) = self.store.event(&event.id) else { return Ok(false) };
            let new: Vec<String> = event.targets.iter().filter(|name| !known.is_for(name)).cloned().collect();
            if new.is_empty() {
                return Ok(false);
            }
            known.targets.extend(new);
            return state_file::write(&path, &known, known.version, EVENT_VERSION).map(|()| true);
        }
        match state_file::create(&path, event) {
            Ok(()) => Ok(true),
            Err(e) if atomic::is_taken(&e) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// Takes an event out of the outbox.
    ///
    /// # Errors
    /// If a step fails.
    pub fn remove_event(&mut self, id: &str) -> Result<()> {
        atomic::remove(&self.store.event_path(id))
    }

    /// Changes what is kept of a target: reads it afresh, lets the closure change it, writes it if it differs.
    ///
    /// # Errors
    /// If its file cannot be used, or a step fails.
    pub fn update_target<T>(&mut self, name: &str, change: impl FnOnce(&mut TargetRecord) -> T) -> Result<T> {
        let before = self.store.target(name)?;
        let mut record = before.clone();
        let answer = change(&mut record);
        if record != before {
            state_file::write(&self.store.target_path(name), &record, record.version, TARGET_VERSION)?;
        }
        Ok(answer)
    }
}

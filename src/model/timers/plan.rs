//! What an install or a removal has to do, from what lies on the disk and what the manager has loaded.

use serde::Serialize;
use std::collections::BTreeMap;

use super::{CONTROL, TMUX, Unit, is_ours};

/// A unit as the manager knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Loaded {
    /// `loaded`, `not-found`, `masked`, `bad-setting`.
    pub load: String,
    /// `enabled`, `disabled`, `static`, or empty.
    pub file: String,
    /// `active`, `inactive`, `failed`, `activating`.
    pub active: String,
    /// … in more detail: `waiting`, `running`, `dead`.
    pub sub: String,
    /// How its last run ended: `success`, `exit-code`, `timeout`.
    pub result: String,
    /// The exit status of its last run, if there was one.
    pub status: Option<i32>,
    /// When its last run began: microseconds since 1970.
    pub began: Option<i64>,
    /// Its main process, if one runs.
    pub pid: Option<i32>,
    /// Whether the file has changed since it was read.
    pub is_outdated: bool,
}

/// What is there before.
#[derive(Clone, Debug, Default)]
pub struct Before {
    /// The files in the manager's directory whose names are ours, with their texts.
    pub files: BTreeMap<String, String>,
    /// What the manager has loaded, by name.
    pub loaded: BTreeMap<String, Loaded>,
}

impl Before {
    fn loaded(&self, name: &str) -> Loaded {
        self.loaded.get(name).cloned().unwrap_or_default()
    }
}

/// One step, in the order in which they are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A file of our name that is not ours stands there: nothing is done about it.
    Foreign(String),
    /// The file is written.
    Write {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
        /// Whether there was one of ours before.
        is_change: bool,
    },
    /// No longer started by itself, and stopped.
    DisableNow(Vec<String>),
    /// No longer started by itself; what runs goes on.
    Disable(Vec<String>),
    /// Stopped: every session ends.
    Stop(String),
    /// The memory of when it last ran goes.
    ForgetStamp(String),
    /// The file is removed.
    Remove(String),
    /// A failure of the past is forgotten.
    ResetFailed(Vec<String>),
    /// The manager reads its files again.
    Reload,
    /// It listens where it was until it is started anew.
    Close(String),
    /// Started by itself from now on, and started now; what runs already goes on.
    EnableNow(Vec<String>),
}

/// What an install has to do. Empty: everything is as it should be.
#[must_use]
pub fn install(units: &[Unit], before: &Before) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut usable: Vec<&Unit> = Vec::new();
    let mut reload = false;
    for unit in units {
        match before.files.get(unit.name) {
            Some(text) if !is_ours(text) => {
                steps.push(Step::Foreign(unit.name.to_owned()));
                continue;
            }
            Some(text) if *text == unit.text => {
                // A run that was killed behind the write.
                let loaded = before.loaded(unit.name);
                reload |= loaded.is_outdated || (loaded.load != "loaded" && !unit.name.contains('@'));
            }
            there => {
                let (name, text) = (unit.name.to_owned(), unit.text.clone());
                // A timer takes a new text by itself, a socket goes on to listen at its old place. Closed before it is
                // written: a run that is killed in between leaves one that is down, and that is seen.
                if unit.name == CONTROL && there.is_some() && before.loaded(CONTROL).active == "active" {
                    steps.push(Step::Close(name.clone()));
                }
                steps.push(Step::Write { name, text, is_change: there.is_some() });
                reload = true;
            }
        }
        usable.push(unit);
    }
    let wanted = |name: &str| units.iter().any(|unit| unit.name == name);
    let stale: Vec<&String> =
        before.files.iter().filter(|(name, text)| is_ours(text) && !wanted(name)).map(|(name, _)| name).collect();
    if !stale.is_empty() {
        // A template starts nothing by itself, and has nothing that could be stopped by its name.
        let one: Vec<String> =
            stale.iter().filter(|name| !name.contains('@')).map(|name| (*name).clone()).collect();
        if !one.is_empty() {
            steps.push(Step::DisableNow(one));
        }
        steps.extend(stale.iter().map(|name| Step::Remove((*name).clone())));
        reload = true;
    }
    if reload {
        steps.push(Step::Reload);
    }
    let is_up = |unit: &&&Unit| {
        let loaded = before.loaded(unit.name);
        let is_closed = steps.contains(&Step::Close(unit.name.to_owned()));
        loaded.file == "enabled" && loaded.active == "active" && !is_closed
    };
    let down: Vec<&&Unit> = usable.iter().filter(|unit| unit.is_enabled() && !is_up(unit)).collect();
    let failed: Vec<String> = down
        .iter()
        .filter(|unit| before.loaded(unit.name).active == "failed")
        .map(|unit| unit.name.to_owned())
        .collect();
    if !failed.is_empty() {
        steps.push(Step::ResetFailed(failed));
    }
    if !down.is_empty() {
        steps.push(Step::EnableNow(down.iter().map(|unit| unit.name.to_owned()).collect()));
    }
    steps
}

/// What a removal has to do. The tmux server goes on unless `sessions_too`.
#[must_use]
pub fn remove(before: &Before, sessions_too: bool) -> Vec<Step> {
    let ours: Vec<&String> = before.files.iter().filter(|(_, text)| is_ours(text)).map(|(name, _)| name).collect();
    let mut steps: Vec<Step> = before
        .files
        .iter()
        .filter(|(_, text)| !is_ours(text))
        .map(|(name, _)| Step::Foreign(name.clone()))
        .collect();
    if ours.is_empty() {
        return steps;
    }
    let installs = |name: &&&String| before.files[**name].contains("\n[Install]\n");
    let mut enabled: Vec<String> =
        ours.iter().filter(installs).filter(|name| **name != TMUX).map(|name| (*name).clone()).collect();
    // Timers and paths first: nothing starts a run any more.
    enabled.sort();
    if !enabled.is_empty() {
        steps.push(Step::DisableNow(enabled));
    }
    if ours.iter().any(|name| *name == TMUX) {
        // Before its file goes: stopping it needs none, disabling does.
        if sessions_too {
            steps.push(Step::Stop(TMUX.to_owned()));
        }
        steps.push(Step::Disable(vec![TMUX.to_owned()]));
    }
    let is_stamped = |name: &&&String| before.files[**name].contains("\nPersistent=true\n");
    steps.extend(ours.iter().filter(is_stamped).map(|name| Step::ForgetStamp((*name).clone())));
    let is_failed = |name: &&String| before.loaded(name).active == "failed";
    let failed: Vec<String> = before.loaded.keys().filter(|name| is_failed(name)).cloned().collect();
    if !failed.is_empty() {
        steps.push(Step::ResetFailed(failed));
    }
    steps.extend(ours.iter().map(|name| Step::Remove((*name).clone())));
    steps.push(Step::Reload);
    steps
}

//! A look at a session: its pane, its process, its client's state file, its events.

use anyhow::Result;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

use crate::env::Env;
use crate::model::delivery::blocking_screen;
use crate::model::event::ClientStatus;
use crate::model::observe::{Astray, Observation, PaneFacts, PaneView, Patience, verdict};
use crate::model::session::{ClientProcess, Kind, Phase, SessionRecord};
use crate::sys::process::ProcessId;
use crate::sys::tmux::{Pane, Snapshot, Tmux, TmuxError};
use crate::sys::{claude, clock, events};

/// Everything that one run sees of tmux.
#[derive(Debug)]
pub struct Scene {
    /// The server's answer, or why there is none.
    pub tmux: std::result::Result<Snapshot, TmuxError>,
    /// This boot.
    pub boot_id: String,
    /// When it was asked.
    pub now: Timestamp,
}

impl Scene {
    /// Asks tmux, in one child process.
    #[must_use]
    pub fn of(tmux: &Tmux) -> Self {
        Self { tmux: tmux.snapshot(), boot_id: clock::boot_id(), now: clock::now() }
    }

    /// The pane of a session, if tmux answered and has it.
    #[must_use]
    pub fn pane(&self, record: &SessionRecord) -> Option<&Pane> {
        self.tmux.as_ref().ok()?.pane(&record.name, record.client.as_ref().map(|c| c.pid))
    }
}

/// The home of the account that a session was launched with.
#[must_use]
pub fn account_home(env: &Env, record: &SessionRecord) -> Option<PathBuf> {
    let account = record.account.as_ref()?;
    env.config.account(account).map(|a| a.home.clone())
}

/// The transcript of a session's conversation, if it has one.
///
/// # Errors
/// If that cannot be seen, which is not "there is none".
pub fn transcript(env: &Env, record: &SessionRecord) -> Result<Option<PathBuf>> {
    let Some(conversation) = record.conversation.as_deref() else { return Ok(None) };
    let Some(home) = account_home(env, record) else {
        // The configuration does not have that account any more; the file may still be where it was told.
        let told = record.digest.transcript.as_ref().map(PathBuf::from);
        return match told.filter(|path| path.is_absolute() && path.is_file()) {
            Some(path) => Ok(Some(path)),
            None => anyhow::bail!("the account of session `{}` is not in the configuration", record.name),
        };
    };
    claude::transcript(&home, record.digest.transcript.as_deref(), conversation)
}

/// Looks at a session and brings its record up to date; nothing is written.
#[must_use]
pub fn at(env: &Env, tmux: &Tmux, scene: &Scene, record: &SessionRecord) -> (SessionRecord, Observation) {
    let mut record = record.clone();
    if let Err(e) = events::fold(&env.store, &record.name, &mut record.digest) {
        log::warn!("the events of `{}` cannot be read: {e:#}", record.name);
    }
    if env.config.dedicated(&record.name).is_some() {
        record.kind = Kind::Dedicated; // the operator has made it their own since
    }
    let mut pane = pane_view(scene, &record);
    let mut process = process(scene, &pane, &record);
    if let Some(found) = &process
        && record.client.as_ref() != Some(found)
        && !claude::is_of_session(found.pid, &record.name, env.store.root())
    {
        pane = PaneView::Foreign(found.pid);
        process = None;
    }
    let astray = if process.is_none() { astray(scene, &record) } else { None };
    let home = account_home(env, &record);
    let file = process.as_ref().zip(home.as_ref()).and_then(|(p, home)| claude::state_file(home, p.pid, p.start));
    let unsettled = record.lease.as_ref().is_some_and(|l| l.phase != Phase::Confirmed);
    let blocked = match &file {
        // Without a state file, or with a dialog before the first prompt, the screen is the only
        // thing that can say why.
        None => true,
        Some(file) => unsettled && file.status == ClientStatus::Waiting,
    };
    let screen = match (&process, scene.pane(&record)) {
        (Some(process), Some(pane)) if blocked && scene.now.duration_since(process.launched).as_secs() >= 2 => {
            tmux.capture(&pane.id).ok().and_then(|text| blocking_screen(&text))
        }
        _ => None,
    };
    // A live client in our pane belongs to this record even if a run was killed before noting it.
    if process.is_some() && process != record.client {
        record.client.clone_from(&process);
    }
    if let Some(start) = &record.digest.start
        && start.seq > record.launch_mark
        && record.digest.conversation.is_some()
    {
        record.conversation.clone_from(&record.digest.conversation);
    }
    let seen = Observation { pane, process, file, screen, astray };
    // After a clock that went back the waits begin anew, instead of lasting until it has caught up.
    for time in record.lease.iter_mut().flat_map(|l| [&mut l.since, &mut l.claimed]) {
        *time = scene.now.min(*time);
    }
    let patience = Patience {
        ready: env.config.client.ready_timeout,
        stall: record.stall_after(env.config.watch.stall_after),
    };
    record.note = verdict(scene.now, &record, &seen, patience);
    (record, seen)
}

fn pane_view(scene: &Scene, record: &SessionRecord) -> PaneView {
    let snapshot = match &scene.tmux {
        Ok(snapshot) => snapshot,
        Err(e) => return PaneView::Unasked(e.to_string()),
    };
    if !snapshot.server {
        return PaneView::NoServer;
    }
    let Some(pane) = scene.pane(record) else { return PaneView::Missing };
    PaneView::Present(PaneFacts {
        id: pane.id.as_str().to_owned(),
        pid: pane.pid,
        dead: pane.dead,
        how: pane.how.clone(),
        in_mode: pane.in_mode,
        attached: pane.attached,
        typed: snapshot.typed(&record.name),
        activity: pane.activity,
    })
}

/// The live process of the pane, with the time of its launch where it is the one we know.
fn process(scene: &Scene, pane: &PaneView, record: &SessionRecord) -> Option<ClientProcess> {
    let PaneView::Present(pane) = pane else { return None };
    let id = ProcessId::of(pane.pid)?;
    let known =
        record.client.as_ref().filter(|c| c.pid == id.pid && c.start == id.start && c.boot_id == scene.boot_id);
    let launched =
        known.map(|c| c.launched).or_else(|| record.lease.as_ref().map(|l| l.since)).unwrap_or(scene.now);
    Some(ClientProcess { pid: id.pid, start: id.start, boot_id: scene.boot_id.clone(), launched })
}

/// The recorded client, if it lives and the session's pane does not show it.
fn astray(scene: &Scene, record: &SessionRecord) -> Option<Astray> {
    let process = running(record, &scene.boot_id)?;
    let session = scene.tmux.as_ref().ok()?.pane_of(process.pid).map(|p| p.session.clone());
    Some(Astray { pid: process.pid, session })
}

/// The recorded client of a session, if it still runs.
#[must_use]
pub fn running(record: &SessionRecord, boot_id: &str) -> Option<ProcessId> {
    let client = record.client.as_ref().filter(|c| c.boot_id == boot_id)?;
    Some(ProcessId { pid: client.pid, start: client.start }).filter(ProcessId::is_alive)
}

/// How long a person's last key keeps us from typing into a session that they are attached to.
pub const PERSON_TYPES: Duration = Duration::from_secs(60);

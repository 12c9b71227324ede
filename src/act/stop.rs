//! The one way in which a client is ever ended: first asked, then proved gone.
//!
//! Escape (saves the turn so far and ends a running command), SIGTERM to the very process, a wait,
//! and only then SIGKILL: a client may be writing a refreshed login. What it had started and left
//! behind is asked to end as well.

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use std::time::Duration;

use super::launch::tmux_error;
use super::look;
use crate::env::Env;
use crate::model::event::ClientStatus;
use crate::model::journal::MovedSession;
use crate::model::name::SessionName;
use crate::model::session::{PoolSession, SessionRecord, State};
use crate::sys::process::ProcessId;
use crate::sys::store::{LogEntry, SessionLock};
use crate::sys::tmux::{Key, PoolPane, Tmux, TmuxError};
use crate::sys::{atomic, claude, clock};

/// How a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It was not there.
    NotRunning,
    /// By itself, after SIGTERM.
    Gracefully,
    /// It had to be killed.
    Killed,
}

/// Ends the client of a pool session and proves that it is gone. Its record keeps everything
/// else, the lease included.
///
/// # Errors
/// If tmux cannot be asked, what runs in it is not ours, or the process does not go away.
pub fn stop(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    session: &PoolSession,
    record: &SessionRecord,
    why: &str,
) -> Result<Ended> {
    anyhow::ensure!(held.name() == session.name(), "the lock is of session `{}`", held.name());
    let snapshot = tmux.snapshot().map_err(tmux_error)?;
    let known = look::running(record, &clock::boot_id());
    let pane = snapshot.pane(session.name(), known.map(|p| p.pid));
    let process = pane.filter(|p| !p.dead).and_then(|p| ProcessId::of(p.pid));
    if let Some(process) = process
        && known != Some(process)
        && !claude::is_of_session(process.pid, session.name(), env.store.root())
    {
        // Somebody else's pane stays as it is, whatever came of our own client.
        if record.client.is_none() {
            let session = session.name().to_string();
            return Err(tmux_error(TmuxError::Taken { session, pid: process.pid, ours: false }));
        }
        let ended = match known {
            Some(client) => end(env, tmux, session.name(), None, record, client)?,
            None => Ended::NotRunning,
        };
        note(env, session.name(), why)?;
        return Ok(ended);
    }
    // A client whose pane is elsewhere is ended by its pid alone.
    let ended = match (process.or(known), process.and(pane)) {
        (Some(process), pane) => {
            let typable = pane.and_then(|p| PoolPane::new(session.clone(), p));
            end(env, tmux, session.name(), typable.as_ref(), record, process)?
        }
        (None, _) => Ended::NotRunning,
    };
    if pane.is_some() {
        tmux.end_session(session).map_err(tmux_error)?;
    }
    note(env, session.name(), why)?;
    Ok(ended)
}

/// Ends the client of a session that is being moved, and proves that it is gone. Its tmux session stays,
/// so whoever is attached stays too; nothing is typed into a dedicated one.
///
/// # Errors
/// If tmux cannot be asked, what runs in it is not ours, or the process does not go away.
pub fn leave(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    session: &MovedSession,
    record: &SessionRecord,
    why: &str,
) -> Result<Ended> {
    anyhow::ensure!(held.name() == session.name(), "the lock is of session `{}`", held.name());
    let snapshot = tmux.snapshot().map_err(tmux_error)?;
    let known = look::running(record, &clock::boot_id());
    let pane = snapshot.pane(session.name(), known.map(|p| p.pid)).filter(|p| !p.dead);
    let process = pane.and_then(|p| ProcessId::of(p.pid));
    let ours = |p: &ProcessId| known == Some(*p) || claude::is_of_session(p.pid, session.name(), env.store.root());
    if let Some(theirs) = process.filter(|p| !ours(p)) {
        let session = session.name().to_string();
        return Err(tmux_error(TmuxError::Taken { session, pid: theirs.pid, ours: false }));
    }
    let ended = match process.or(known) {
        Some(process) => {
            let typable = env.pool(record).zip(pane).and_then(|(pool, pane)| PoolPane::new(pool, pane));
            end(env, tmux, session.name(), typable.as_ref(), record, process)?
        }
        None => Ended::NotRunning,
    };
    note(env, session.name(), why)?;
    Ok(ended)
}

/// The record of a session whose client has ended.
fn note(env: &Env, session: &SessionName, why: &str) -> Result<()> {
    let mut locked = env.store.lock()?;
    if env.store.session(session).is_err() {
        log::warn!("the record of `{session}` is damaged and stays as it is");
        return Ok(());
    }
    locked.update_session(session, |record| {
        record.client = None;
        record.note.state = State::Dead;
        record.note.since = clock::now();
        record.note.source = "stop".to_owned();
        record.note.evidence = vec![format!("ended: {why}")];
    })?;
    drop(locked);
    env.note(&LogEntry {
        command: "stop",
        what: "ended a session",
        why,
        session: Some(session.as_str()),
        ..LogEntry::default()
    });
    Ok(())
}

fn end(
    env: &Env,
    tmux: &Tmux,
    session: &SessionName,
    typable: Option<&PoolPane>,
    record: &SessionRecord,
    process: ProcessId,
) -> Result<Ended> {
    let started = process.descendants();
    let home = look::account_home(env, record);
    let status =
        || home.as_ref().and_then(|h| claude::state_file(h, process.pid, process.start)).map(|f| f.status);
    if status().is_some_and(|s| s != ClientStatus::Idle)
        && let Some(pane) = typable
    {
        if tmux.leave_mode(pane).and_then(|()| tmux.press(pane, Key::Escape)).is_err() {
            log::debug!("no Escape for `{session}`");
        }
        let idle = || (status() == Some(ClientStatus::Idle) || !process.is_alive()).then_some(());
        let _ = clock::wait_for(Duration::from_secs(2), Duration::from_millis(50), idle);
    }
    atomic::step("before SIGTERM");
    let _ = process.signal(Signal::SIGTERM);
    let grace = env.config.client.stop_timeout.try_into().unwrap_or(Duration::from_secs(10));
    let mut ended = Ended::Gracefully;
    if !process.wait_gone(grace) {
        // A refresh that began is waited for as long as it shows life.
        let refreshing = || home.as_deref().is_some_and(claude::is_refreshing);
        let over = || (!process.is_alive() || !refreshing()).then_some(());
        if clock::wait_for(Duration::from_secs(90), Duration::from_millis(100), over).is_none() {
            bail!("a client refreshes its login and is not killed: session `{session}`");
        }
        let _ = process.signal(Signal::SIGKILL);
        ended = Ended::Killed;
        if !process.wait_gone(Duration::from_secs(5)) {
            bail!("process {} of session `{session}` does not end", process.pid);
        }
    }
    atomic::step("after the client's end");
    for child in started.iter().filter(|c| c.is_alive()) {
        log::info!("process {} was left behind by `{session}`, asked to end", child.pid);
        let _ = child.signal(Signal::SIGTERM);
    }
    Ok(ended)
}

//! The one way in which a client is ever ended: first asked, then proved gone.
//!
//! Escape (saves the turn so far and ends a running command), SIGTERM to the very process, a wait,
//! and only then SIGKILL: a client may be writing a refreshed login. What it had started and left
//! behind is asked to end as well.

use anyhow::{Result, bail};
use nix::sys::signal::Signal;
use std::time::Duration;

use super::look;
use crate::env::Env;
use crate::model::event::ClientStatus;
use crate::model::session::{PoolSession, SessionRecord, State};
use crate::sys::process::ProcessId;
use crate::sys::store::LogEntry;
use crate::sys::tmux::{Key, Pane, PoolPane, Tmux};
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
/// If tmux cannot be asked, or the process does not go away.
pub fn stop(env: &Env, tmux: &Tmux, session: &PoolSession, record: &SessionRecord, why: &str) -> Result<Ended> {
    let snapshot = tmux.snapshot().map_err(super::launch::tmux_error)?;
    let pane = snapshot.pane(session.name());
    let ended = match pane.filter(|p| !p.dead).and_then(|p| Some((p, ProcessId::of(p.pid)?))) {
        Some((pane, process)) => end(env, tmux, session, record, pane, process)?,
        None => Ended::NotRunning,
    };
    if pane.is_some() {
        tmux.end_session(session).map_err(super::launch::tmux_error)?;
    }
    env.store.lock()?.update_session(session.name(), |record| {
        record.client = None;
        record.note.state = State::Dead;
        record.note.since = clock::now();
        record.note.source = "stop".to_owned();
        record.note.evidence = vec![format!("ended: {why}")];
    })?;
    env.note(&LogEntry {
        command: "stop",
        what: "ended a session",
        why,
        session: Some(session.name().as_str()),
        ..LogEntry::default()
    });
    Ok(ended)
}

fn end(
    env: &Env,
    tmux: &Tmux,
    session: &PoolSession,
    record: &SessionRecord,
    pane: &Pane,
    process: ProcessId,
) -> Result<Ended> {
    let started = process.descendants();
    let home = look::account_home(env, record);
    let status =
        || home.as_ref().and_then(|h| claude::state_file(h, process.pid, process.start)).map(|f| f.status);
    if status().is_some_and(|s| s != ClientStatus::Idle)
        && let Some(pane) = PoolPane::new(session.clone(), pane)
    {
        if tmux.leave_mode(&pane).and_then(|()| tmux.press(&pane, Key::Escape)).is_err() {
            log::debug!("no Escape for `{}`", session.name());
        }
        let idle = || (status() == Some(ClientStatus::Idle) || !process.is_alive()).then_some(());
        let _ = clock::wait_for(Duration::from_secs(2), Duration::from_millis(50), idle);
    }
    atomic::step("before SIGTERM");
    let _ = process.signal(Signal::SIGTERM);
    let grace = env.config.client.stop_timeout.try_into().unwrap_or(Duration::from_secs(10));
    let mut ended = Ended::Gracefully;
    if !process.wait_gone(grace) {
        let _ = process.signal(Signal::SIGKILL);
        ended = Ended::Killed;
        if !process.wait_gone(Duration::from_secs(5)) {
            bail!("process {} of session `{}` does not end", process.pid, session.name());
        }
    }
    atomic::step("after the client's end");
    for child in started.iter().filter(|c| c.is_alive()) {
        log::info!("process {} was left behind by `{}`, asked to end", child.pid, session.name());
        let _ = child.signal(Signal::SIGTERM);
    }
    Ok(ended)
}

//! A task's way into a session: launched with it, or typed as one line into an idle client, and
//! confirmed by the client's own report. Exit codes of tmux prove nothing.

use anyhow::{Result, anyhow, bail};
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

use super::launch::{self, Spec};
use super::look::{self, PERSON_TYPES};
use crate::env::Env;
use crate::model::delivery::{blocking_screen, is_ours, line};
use crate::model::event::{ClientFile, ClientStatus, Digest};
use crate::model::name::SessionName;
use crate::model::session::{Lease, Phase, PoolSession, SessionRecord, State, StateNote};
use crate::sys::process::ProcessId;
use crate::sys::queue::Paths;
use crate::sys::store::SessionLock;
use crate::sys::tmux::{Key, Pane, PoolPane, Tmux};
use crate::sys::{claude, clock, events};

/// What came of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The client reported the prompt.
    Confirmed,
    /// Sent, not reported yet: the next look settles it.
    Unsettled(String),
    /// Nothing was sent; the session cannot take it.
    Refused(String),
}

/// How long a launched client gets to report its first prompt before the rest is left to `watch`.
const LAUNCH_WAIT: Duration = Duration::from_secs(20);

/// The prompt for a lease.
fn prompt(env: &Env, lease: &Lease) -> String {
    line(lease, &Paths::of(&lease.project_path).claimed(&lease.task.id), &env.program)
}

/// Moves the lease of a session to another phase. `None` if the session does not have it any more:
/// a short task may be done before we have looked.
///
/// # Errors
/// If the record cannot be written.
pub fn enter(env: &Env, session: &SessionName, lease: &Lease, phase: Phase) -> Result<Option<Lease>> {
    enter_with(env, session, lease, phase, |_| {})
}

fn enter_with(
    env: &Env,
    session: &SessionName,
    lease: &Lease,
    phase: Phase,
    mark: impl FnOnce(&mut SessionRecord),
) -> Result<Option<Lease>> {
    let now = clock::now();
    env.store.lock()?.update_session(session, |record| {
        let same = |l: &Lease| l.task == lease.task && l.attempt == lease.attempt;
        let current = record.lease.as_ref().filter(|l| same(l))?;
        // The client may have been faster than we are; what it reported stands.
        if current.phase == Phase::Confirmed && phase != Phase::Sending {
            return record.lease.clone();
        }
        mark(record);
        if phase == Phase::Confirmed {
            record.held = None;
            // At work from here on, whoever looks next: the end of the lease is not the end of the turn.
            record.note = StateNote {
                state: State::Working,
                since: now,
                source: "events".to_owned(),
                evidence: vec!["the client reported the prompt".to_owned()],
                background: false,
            };
        }
        if let Some(current) = &mut record.lease {
            // Waits are counted from the moment of sending, which therefore stays.
            let since = if phase == Phase::Sending { now } else { current.since };
            current.enter(phase, since);
            current.begun |= phase == Phase::Confirmed;
        }
        record.lease.clone()
    })
}

/// Marks the moment before the first key or the launch: what is reported or written from here on
/// may be of this sending.
fn enter_sending(env: &Env, session: &SessionName, lease: &Lease) -> Result<Lease> {
    let record = env.store.session(session)?;
    let transcript = record.as_ref().and_then(|r| look::transcript(env, r).ok().flatten());
    let length = transcript.and_then(|path| path.metadata().ok()).map_or(0, |meta| meta.len());
    enter_with(env, session, lease, Phase::Sending, |record| {
        if let Err(e) = events::fold(&env.store, session, &mut record.digest) {
            log::warn!("the events of `{session}` cannot be read: {e:#}");
        }
        if let Some(lease) = &mut record.lease {
            lease.mark = record.digest.count;
            lease.transcript_from = length;
        }
    })?
    .ok_or_else(|| anyhow!("session `{session}` does not have task `{}` any more", lease.task))
}

/// Launches a client with the task as its first prompt, and what the caller adds to it, and waits for its report.
///
/// # Errors
/// If it could not be started, or it has ended at once. A client may have been started all the same.
pub fn launch(env: &Env, tmux: &Tmux, held: &SessionLock, spec: &Spec, lease: &Lease) -> Result<Delivery> {
    let lease = enter_sending(env, &spec.session, lease)?;
    // What else it should know comes behind the line by which its arrival is recognised.
    let more = spec.prompt.as_ref().map(|more| format!("\n\n{more}")).unwrap_or_default();
    let spec = Spec { prompt: Some(prompt(env, &lease) + &more), ..spec.clone() };
    let client = launch::start(env, tmux, held, &spec)?;
    if enter(env, &spec.session, &lease, Phase::Submitted)?.is_none() {
        return Ok(Delivery::Confirmed);
    }
    let process = ProcessId { pid: client.pid, start: client.start };
    let wait = LAUNCH_WAIT.min(env.config.client.ready_timeout.try_into().unwrap_or(LAUNCH_WAIT));
    let reported = confirmed(env, &spec.session, &lease, wait, || !process.is_alive());
    if reported {
        enter(env, &spec.session, &lease, Phase::Confirmed)?;
        return Ok(Delivery::Confirmed);
    }
    let pane = tmux.snapshot().ok().and_then(|s| s.pane(&spec.session, Some(client.pid)).cloned());
    if !process.is_alive() {
        let why = pane.map_or_else(|| "the client ended at once".to_owned(), |p| launch::ended_at_once(tmux, &p));
        bail!(why);
    }
    let screen = pane.and_then(|p| tmux.capture(&p.id).ok()).and_then(|s| blocking_screen(&s));
    Ok(Delivery::Unsettled(match screen {
        Some(what) => format!("the client {what}"),
        None => format!("not reported within {} s", wait.as_secs()),
    }))
}

/// Waits until the client reports the prompt of a lease; gives up early if `gone` says so.
fn confirmed(env: &Env, session: &SessionName, lease: &Lease, wait: Duration, gone: impl Fn() -> bool) -> bool {
    // A digest of our own: the one in the record belongs to whoever looks next.
    let mut digest = env.store.session(session).ok().flatten().map(|r| r.digest).unwrap_or_default();
    clock::wait_for(wait, Duration::from_millis(15), || {
        if reported(env, session, &mut digest, lease) {
            return Some(true);
        }
        gone().then(|| reported(env, session, &mut digest, lease))
    })
    .unwrap_or(false)
}

fn reported(env: &Env, session: &SessionName, digest: &mut Digest, lease: &Lease) -> bool {
    let _ = events::fold(&env.store, session, digest);
    digest.prompt.as_ref().is_some_and(|p| p.seq > lease.mark && is_ours(&p.text, lease))
}

/// Types the line of a lease into the idle client of a pool session, and waits for its report.
///
/// # Errors
/// If something failed after the first key may have been sent; the lease then says so.
pub fn type_in(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    session: &PoolSession,
    record: &SessionRecord,
    lease: &Lease,
) -> Result<Delivery> {
    anyhow::ensure!(held.name() == session.name(), "the lock is of session `{}`", held.name());
    let (pane, client) = match free_pane(env, tmux, session, record, Wanted::Idle)? {
        Ok(free) => free,
        Err(why) => return Ok(Delivery::Refused(why)),
    };
    let lease = enter_sending(env, session.name(), lease)?;
    let text = prompt(env, &lease);
    let sent = tmux.type_line(&pane, &text).and_then(|()| {
        // The composer takes a moment; Enter in the same burst would be part of a paste.
        clock::pause(Duration::from_millis(300));
        tmux.press(&pane, Key::Enter)
    });
    if let Err(e) = sent {
        enter(env, session.name(), &lease, Phase::Unknown)?;
        return Ok(Delivery::Unsettled(e.to_string()));
    }
    if enter(env, session.name(), &lease, Phase::Submitted)?.is_none() {
        return Ok(Delivery::Confirmed);
    }
    for again in 0..4 {
        // Only while the line stands there and the client still idles: an Enter too many would answer
        // whatever dialog the turn has opened meanwhile.
        let stands = || {
            let text = tmux.composer(pane.id()).ok().flatten();
            client.is_idle() && text.is_some_and(|text| is_ours(&text, &lease))
        };
        if again > 0 && stands() && tmux.press(&pane, Key::Enter).is_err() {
            break;
        }
        if confirmed(env, session.name(), &lease, Duration::from_millis(1500), || false) {
            enter(env, session.name(), &lease, Phase::Confirmed)?;
            return Ok(Delivery::Confirmed);
        }
    }
    enter(env, session.name(), &lease, Phase::Unknown)?;
    Ok(Delivery::Unsettled("the client has not reported the line".to_owned()))
}

/// Presses Enter for a line that stands in the composer already.
///
/// # Errors
/// If the record cannot be written.
pub fn press_enter(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    session: &PoolSession,
    pane: &Pane,
    lease: &Lease,
) -> Result<bool> {
    anyhow::ensure!(held.name() == session.name(), "the lock is of session `{}`", held.name());
    let Some(pane) = PoolPane::new(session.clone(), pane) else { return Ok(false) };
    if tmux.press(&pane, Key::Enter).is_err() {
        return Ok(false);
    }
    let done = confirmed(env, session.name(), lease, Duration::from_millis(1500), || false);
    if done {
        enter(env, session.name(), lease, Phase::Confirmed)?;
    }
    Ok(done)
}

/// What a client must be doing to be disturbed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// It waits for a prompt, with nothing left running.
    Idle,
    /// It waits for a prompt; shells may run in the background.
    IdleOrShell,
}

/// The client of a free pane.
#[derive(Clone, Debug)]
pub struct FreeClient {
    home: PathBuf,
    process: ProcessId,
    wanted: Wanted,
    idle_since: Option<Timestamp>,
}

impl FreeClient {
    fn status(&self) -> Option<ClientFile> {
        claude::state_file(&self.home, self.process.pid, self.process.start).filter(|file| match file.status {
            ClientStatus::Idle => true,
            ClientStatus::Shell => self.wanted == Wanted::IdleOrShell,
            _ => false,
        })
    }

    /// Whether it has been idle ever since we first looked.
    fn is_idle(&self) -> bool {
        self.status().is_some_and(|file| file.status_since == self.idle_since)
    }

    /// Right at "idle" a busy machine loses keys; half a second later it does not, measured.
    fn settles(&self) -> bool {
        let age = self.idle_since.map_or(Duration::ZERO, |t| clock::now().duration_since(t).unsigned_abs());
        clock::pause(Duration::from_millis(500).saturating_sub(age));
        self.is_idle()
    }
}

/// The pane of a session whose client can be disturbed now, or why it cannot: it is looked at
/// afresh, whatever the last `watch` said.
///
/// # Errors
/// If tmux refuses.
pub fn free_pane(
    env: &Env,
    tmux: &Tmux,
    session: &PoolSession,
    record: &SessionRecord,
    wanted: Wanted,
) -> Result<std::result::Result<(PoolPane, FreeClient), String>> {
    let scene = look::Scene::of(tmux);
    let (now, seen) = look::at(env, tmux, &scene, record);
    let home = look::account_home(env, record);
    let (Some(pane), Some(process), Some(home)) = (scene.pane(&now), seen.process, home) else {
        let why = now.note.evidence.first().cloned().unwrap_or_default();
        return Ok(Err(format!("the session is {}: {why}", now.note.state)));
    };
    let process = ProcessId { pid: process.pid, start: process.start };
    let mut client = FreeClient { home, process, wanted, idle_since: None };
    let fits = |file: &ClientFile| {
        matches!(now.note.state, State::Idle | State::Stalled) || file.status == ClientStatus::Shell
    };
    let Some(file) = client.status().filter(fits) else {
        let why = now.note.evidence.first().cloned().unwrap_or_default();
        return Ok(Err(format!("the session is {}: {why}", now.note.state)));
    };
    client.idle_since = file.status_since;
    let typed = scene.tmux.as_ref().ok().and_then(|s| s.typed(session.name()));
    if let Some(typed) = typed
        && scene.now.duration_since(typed).unsigned_abs() < PERSON_TYPES
    {
        return Ok(Err("a person is attached and typed less than a minute ago".to_owned()));
    }
    let Some(target) = PoolPane::new(session.clone(), pane) else {
        return Ok(Err("the pane is of another session".to_owned()));
    };
    if pane.in_mode {
        if pane.attached > 0 {
            return Ok(Err("a person has the session in copy mode".to_owned()));
        }
        // Left behind by somebody who went: every key would be swallowed in silence.
        tmux.leave_mode(&target)?;
    }
    if !client.settles() {
        return Ok(Err("the client did not stay idle".to_owned()));
    }
    match tmux.composer(&pane.id)? {
        Some(text) if !text.is_empty() => Ok(Err("a draft stands in its composer".to_owned())),
        _ => Ok(Ok((target, client))),
    }
}

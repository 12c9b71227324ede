//! A task's way into a session: launched with it, or typed as one line into an idle client, and
//! confirmed by the client's own report. Exit codes of tmux prove nothing.

use anyhow::{Result, anyhow, bail};
use std::time::Duration;

use super::launch::{self, Spec};
use super::look::{self, PERSON_TYPES};
use crate::env::Env;
use crate::model::delivery::{blocking_screen, composer, is_ours, line};
use crate::model::event::{ClientStatus, Digest};
use crate::model::name::SessionName;
use crate::model::session::{Lease, Phase, PoolSession, SessionRecord, State};
use crate::sys::process::ProcessId;
use crate::sys::queue::Paths;
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

/// Moves the lease of a session to another phase, if it still has it.
///
/// # Errors
/// If the record cannot be written.
pub fn enter(env: &Env, session: &SessionName, lease: &Lease, phase: Phase) -> Result<Lease> {
    let now = clock::now();
    env.store.lock()?.update_session(session, |record| match &mut record.lease {
        Some(current) if current.task == lease.task && current.attempt == lease.attempt => {
            // The client may have been faster than we are; what it reported stands.
            if current.phase == Phase::Confirmed && phase != Phase::Sending {
                return Ok(current.clone());
            }
            // The report is compared with the moment of sending, which therefore stays.
            let since = if phase == Phase::Sending { now } else { current.since };
            current.enter(phase, since);
            Ok(current.clone())
        }
        _ => Err(anyhow!("session `{session}` does not have task `{}` any more", lease.task)),
    })?
}

/// Launches a client with the task as its first prompt, and waits for its report.
///
/// # Errors
/// If it cannot be started; the lease is then as it was before the launch.
pub fn launch(env: &Env, tmux: &Tmux, spec: &Spec, lease: &Lease) -> Result<Delivery> {
    let lease = enter(env, &spec.session, lease, Phase::Sending)?;
    let spec = Spec { prompt: Some(prompt(env, &lease)), ..spec.clone() };
    let client = launch::start(env, tmux, &spec)?;
    enter(env, &spec.session, &lease, Phase::Submitted)?;
    let process = ProcessId { pid: client.pid, start: client.start };
    let wait = LAUNCH_WAIT.min(env.config.client.ready_timeout.try_into().unwrap_or(LAUNCH_WAIT));
    let reported = confirmed(env, &spec.session, &lease, wait, || !process.is_alive());
    if reported {
        enter(env, &spec.session, &lease, Phase::Confirmed)?;
        return Ok(Delivery::Confirmed);
    }
    let pane = tmux.snapshot().ok().and_then(|s| s.pane(&spec.session).cloned());
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
    digest.prompt.as_ref().is_some_and(|p| p.at >= lease.since && is_ours(&p.text, lease))
}

/// Types the line of a lease into the idle client of a pool session, and waits for its report.
///
/// # Errors
/// If something failed after the first key may have been sent; the lease then says so.
pub fn type_in(
    env: &Env,
    tmux: &Tmux,
    session: &PoolSession,
    record: &SessionRecord,
    lease: &Lease,
) -> Result<Delivery> {
    let pane = match ready_pane(env, tmux, session, record)? {
        Ok(pane) => pane,
        Err(why) => return Ok(Delivery::Refused(why)),
    };
    let lease = enter(env, session.name(), lease, Phase::Sending)?;
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
    enter(env, session.name(), &lease, Phase::Submitted)?;
    for again in 0..4 {
        if again > 0 && tmux.press(&pane, Key::Enter).is_err() {
            break;
        }
        if confirmed(env, session.name(), &lease, Duration::from_millis(1500), || false) {
            enter(env, session.name(), &lease, Phase::Confirmed)?;
            return Ok(Delivery::Confirmed);
        }
    }
    enter(env, session.name(), &lease, Phase::Unknown)?;
    Ok(Delivery::Unsettled("not reported after four times Enter".to_owned()))
}

/// Presses Enter for a line that stands in the composer already.
///
/// # Errors
/// If the record cannot be written.
pub fn press_enter(env: &Env, tmux: &Tmux, session: &PoolSession, pane: &Pane, lease: &Lease) -> Result<bool> {
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

/// The pane of a session into which a line can be typed now, or why none can.
fn ready_pane(
    env: &Env,
    tmux: &Tmux,
    session: &PoolSession,
    record: &SessionRecord,
) -> Result<std::result::Result<PoolPane, String>> {
    let scene = look::Scene::of(tmux);
    let (now, seen) = look::at(env, tmux, &scene, record);
    if now.note.state != State::Idle {
        let why = now.note.evidence.first().cloned().unwrap_or_default();
        return Ok(Err(format!("the session is {}: {why}", now.note.state)));
    }
    let (Some(pane), Some(process)) = (scene.pane(record), seen.process) else {
        return Ok(Err("the session has no client".to_owned()));
    };
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
    // Right at "idle" a busy machine loses keys; half a second later it does not, measured.
    if !settle(env, record, process.pid, process.start) {
        return Ok(Err("the client did not stay idle".to_owned()));
    }
    match composer(&tmux.capture(&pane.id)?) {
        Some(text) if !text.is_empty() => Ok(Err("a draft stands in its composer".to_owned())),
        _ => Ok(Ok(target)),
    }
}

/// Whether the client has been idle for half a second, waiting for it if that is still to come.
fn settle(env: &Env, record: &SessionRecord, pid: i32, start: u64) -> bool {
    let Some(home) = look::account_home(env, record) else { return false };
    let idle_since = || {
        let file = claude::state_file(&home, pid, start)?;
        (file.status == ClientStatus::Idle).then_some(file.status_since)
    };
    let Some(since) = idle_since() else { return false };
    let wanted = Duration::from_millis(500);
    let age = since.map_or(Duration::ZERO, |t| clock::now().duration_since(t).unsigned_abs());
    clock::pause(wanted.saturating_sub(age));
    idle_since() == Some(since)
}

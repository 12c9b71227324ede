//! The one way in which a client is ever started.

use anyhow::{Context, Result, anyhow, bail};
use std::path::PathBuf;
use std::time::Duration;

use super::arm::{self, Ready};
use super::look;
use crate::config::Account;
use crate::env::Env;
use crate::error::hinted;
use crate::model::name::{AccountName, ProjectName, SessionName};
use crate::model::session::{ClientProcess, Kind, SessionRecord, State, StateNote};
use crate::sys::process::ProcessId;
use crate::sys::store::{LogEntry, SessionLock};
use crate::sys::tmux::{Pane, Tmux, TmuxError};
use crate::sys::{atomic, claude, clock, events};
use nix::sys::signal::Signal;

/// What to start.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The session.
    pub session: SessionName,
    /// Whose it is.
    pub kind: Kind,
    /// Where the client runs.
    pub cwd: PathBuf,
    /// The project, where that directory is one.
    pub project: Option<ProjectName>,
    /// The account.
    pub account: AccountName,
    /// The model.
    pub model: Option<String>,
    /// The conversation, and whether it exists already.
    pub conversation: String,
    /// See `conversation`.
    pub resume: bool,
    /// The first prompt.
    pub prompt: Option<String>,
    /// Why, for the log.
    pub why: String,
}

/// A conversation id of our own choice.
#[must_use]
pub fn new_conversation() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Turns tmux's own error into one with a hint.
pub(crate) fn tmux_error(e: TmuxError) -> anyhow::Error {
    match e.hint() {
        Some(hint) => hinted(e, hint),
        None => e.into(),
    }
}

/// Starts a client: record first, then tmux, then the record of what came of it.
///
/// # Errors
/// If it is not installed, a client runs in the session already, or it ends at once.
pub fn start(env: &Env, tmux: &Tmux, held: &SessionLock, spec: &Spec) -> Result<ClientProcess> {
    anyhow::ensure!(*held.name() == spec.session, "the lock is of session `{}`", held.name());
    let account = env
        .config
        .account(&spec.account)
        .ok_or_else(|| anyhow!("no account `{}` in the configuration", spec.account))?;
    if let crate::config::TmuxSocket::Path(socket) = &env.config.tmux.socket
        && let Some(dir) = socket.parent()
    {
        atomic::ensure_dir(dir)?; // a runtime folder is empty after each boot
    }
    let record = env.store.session(&spec.session)?;
    let old = settled_pane(tmux, &spec.session)?;
    if old.is_none() {
        tmux.ensure_server().map_err(tmux_error)?;
    }
    if let Some(pane) = &old
        && !pane.dead
    {
        let ours = claude::is_of_session(pane.pid, &spec.session, env.store.root());
        return Err(tmux_error(TmuxError::Taken { session: spec.session.to_string(), pid: pane.pid, ours }));
    }
    // No pane is no proof: it may be on another socket, or its session may have been renamed.
    if let Some(process) = record.as_ref().and_then(|r| look::running(r, &clock::boot_id())) {
        let (session, pid) = (spec.session.to_string(), process.pid);
        return Err(tmux_error(TmuxError::Taken { session, pid, ours: true }));
    }
    let program = claude::prepare(&env.store, &env.config, account, &spec.cwd)?;
    let ready = arm::ready(env, account, spec)?;
    intend(env, spec, &ready)?;
    let pane = open(env, tmux, account, spec, &program, old)?;
    let process = ProcessId::of(pane.pid).filter(|_| !pane.dead);
    let Some(process) = process else { bail!(ended_at_once(tmux, &pane)) };
    // tmux starts it elsewhere without a word where it cannot enter the directory. The process is
    // there a moment before it has changed to it.
    let wanted = spec.cwd.canonicalize().unwrap_or_else(|_| spec.cwd.clone());
    let there = || process.cwd().is_none_or(|cwd| cwd == wanted).then_some(());
    if clock::wait_for(Duration::from_secs(2), Duration::from_millis(1), there).is_none() {
        let _ = process.signal(Signal::SIGTERM);
        bail!("the client was not started in `{}`", spec.cwd.display());
    }
    let client = ClientProcess {
        pid: process.pid,
        start: process.start,
        boot_id: clock::boot_id(),
        launched: clock::now(),
    };
    env.store.lock()?.update_session(&spec.session, |record| {
        // The prompt may have been reported before we got here: the launch was no later than that.
        let launched = record.note.since.min(client.launched);
        record.client = Some(ClientProcess { launched, ..client.clone() });
    })?;
    env.note(&LogEntry {
        command: "launch",
        what: if spec.resume { "resumed a session" } else { "launched a session" },
        why: &spec.why,
        session: Some(spec.session.as_str()),
        account: Some(spec.account.as_str()),
        ..LogEntry::default()
    });
    Ok(client)
}

/// The pane of a session. Where its client has just ended, tmux takes a moment to notice: until then it
/// shows a pid that is nobody's.
fn settled_pane(tmux: &Tmux, session: &SessionName) -> Result<Option<Pane>> {
    let look = || tmux.snapshot().map(|s| s.pane(session, None).cloned());
    let seen = look().map_err(tmux_error)?;
    let is_settled = |pane: &Option<Pane>| pane.as_ref().is_none_or(|p| p.dead || ProcessId::of(p.pid).is_some());
    if is_settled(&seen) {
        return Ok(seen);
    }
    let settled = clock::wait_for(Duration::from_secs(5), Duration::from_millis(10), || {
        look().map_or_else(|e| Some(Err(e)), |pane| is_settled(&pane).then_some(Ok(pane)))
    });
    match settled {
        Some(pane) => pane.map_err(tmux_error),
        None => bail!("what its client has left behind still holds the terminal of session `{session}`"),
    }
}

/// Our own record of the intent, and the overlay that the client will find.
fn intend(env: &Env, spec: &Spec, ready: &Ready) -> Result<()> {
    let mut locked = env.store.lock()?;
    locked.write_overlay(&spec.session, &ready.overlay)?;
    // What it says of usage is of the earlier client, and perhaps of another account.
    atomic::untouch(&env.store.statusline_path(&spec.session));
    let mut record =
        env.store.session(&spec.session)?.unwrap_or_else(|| SessionRecord::new(spec.session.clone(), spec.kind));
    // What this writes is the record as it was: nothing of the launch is in it yet.
    events::rotate(&mut locked, &mut record)?;
    // The configuration may have changed its owner since; its client is gone, or we were not here.
    record.kind = spec.kind;
    record.cwd = Some(spec.cwd.clone());
    record.project.clone_from(&spec.project);
    if let (Some(lease), Some(old)) = (&mut record.lease, &record.account)
        && spec.resume
        && *old != spec.account
        && !lease.accounts.contains(old)
    {
        lease.accounts.push(old.clone());
    }
    record.account = Some(spec.account.clone());
    record.model.clone_from(&spec.model);
    record.conversation = Some(spec.conversation.clone());
    record.client = None;
    record.armed = ready.armed(&env.store.overlay_path(&spec.session));
    if let Err(e) = events::fold(&env.store, &spec.session, &mut record.digest) {
        log::warn!("the events of `{}` cannot be read: {e:#}", spec.session);
    }
    record.launch_mark = record.digest.count;
    if let Some(lease) = record.lease.as_mut().filter(|_| !spec.resume) {
        lease.transcript_from = 0; // what was measured is the transcript of an earlier conversation
    }
    record.note = StateNote {
        state: State::Starting,
        since: clock::now(),
        source: "launch".to_owned(),
        evidence: vec![spec.why.clone()],
        background: false,
    };
    locked.write_session(&record)
}

fn open(
    env: &Env,
    tmux: &Tmux,
    account: &Account,
    spec: &Spec,
    program: &std::path::Path,
    old: Option<Pane>,
) -> Result<Pane> {
    let argv = claude::argv(
        &claude::Start {
            client: &env.config.client,
            home: &env.config.home,
            account,
            session: &spec.session,
            model: spec.model.as_deref(),
            conversation: &spec.conversation,
            resume: spec.resume,
            prompt: spec.prompt.as_deref(),
            overlay: &env.store.overlay_path(&spec.session),
            program: &env.program,
            config: &env.config_path,
            state: env.store.root(),
        },
        program,
    );
    match old {
        // The same session again: whoever is attached to it stays attached.
        Some(pane) => tmux.respawn(&pane.id, &spec.cwd, &argv),
        None => tmux.new_session(&spec.session, &spec.cwd, &argv),
    }
    .map_err(tmux_error)
    .with_context(|| format!("could not start session `{}`", spec.session))
}

/// What a client that ended at once has left on its screen.
#[must_use]
pub fn ended_at_once(tmux: &Tmux, pane: &Pane) -> String {
    let said = tmux.last_words(&pane.id);
    let said = said[said.len().saturating_sub(3)..].to_vec().join(" / ");
    let said = if said.is_empty() { "nothing on its screen".to_owned() } else { crate::output::cut(&said, 200) };
    format!("the client ended at once: {said}")
}

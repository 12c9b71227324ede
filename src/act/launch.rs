//! The one way in which a client is ever started.

use anyhow::{Context, Result, anyhow, bail};
use std::path::PathBuf;

use crate::config::Account;
use crate::env::Env;
use crate::error::{Mark, hinted};
use crate::model::name::{AccountName, ProjectName, SessionName};
use crate::model::session::{ClientProcess, Kind, SessionRecord, State, StateNote};
use crate::sys::process::ProcessId;
use crate::sys::store::LogEntry;
use crate::sys::tmux::{Pane, Tmux, TmuxError};
use crate::sys::{atomic, claude, clock};

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
pub fn start(env: &Env, tmux: &Tmux, spec: &Spec) -> Result<ClientProcess> {
    let account = env
        .config
        .account(&spec.account)
        .ok_or_else(|| anyhow!("no account `{}` in the configuration", spec.account))?;
    if let crate::config::TmuxSocket::Path(socket) = &env.config.tmux.socket
        && let Some(dir) = socket.parent()
    {
        atomic::ensure_dir(dir)?; // a runtime folder is empty after each boot
    }
    tmux.ensure_server().map_err(tmux_error)?;
    let old = tmux.snapshot().map_err(tmux_error)?.pane(&spec.session).cloned();
    if let Some(pane) = &old
        && !pane.dead
    {
        return Err(anyhow!("a client runs in session `{}` already (pid {})", spec.session, pane.pid))
            .hint(format!("claude-failover stop {}", spec.session));
    }
    let program = intend(env, account, spec)?;
    let pane = open(env, tmux, account, spec, &program, old)?;
    let process = ProcessId::of(pane.pid).filter(|_| !pane.dead);
    let Some(process) = process else { bail!(ended_at_once(tmux, &pane)) };
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

/// Everything on disk that the client will find: home, overlay, and our own record of the intent.
fn intend(env: &Env, account: &Account, spec: &Spec) -> Result<PathBuf> {
    let mut locked = env.store.lock()?;
    let program = claude::prepare(&env.config.client, &account.home, &spec.cwd)?;
    let overlay = claude::overlay_for(&env.store, &env.program, &spec.session);
    locked.write_overlay(&spec.session, &overlay)?;
    let mut record =
        env.store.session(&spec.session)?.unwrap_or_else(|| SessionRecord::new(spec.session.clone(), spec.kind));
    if record.kind != spec.kind {
        bail!("session `{}` is {:?} on disk and {:?} in the configuration", spec.session, record.kind, spec.kind);
    }
    record.cwd = Some(spec.cwd.clone());
    record.project.clone_from(&spec.project);
    record.account = Some(spec.account.clone());
    record.model.clone_from(&spec.model);
    record.conversation = Some(spec.conversation.clone());
    record.client = None;
    record.note = StateNote {
        state: State::Starting,
        since: clock::now(),
        source: "launch".to_owned(),
        evidence: vec![spec.why.clone()],
    };
    locked.write_session(&record)?;
    Ok(program)
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
            account_home: &account.home,
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

//! A session brought back from a checkpoint: its conversation resumed through the one way in which a client is
//! started, or, where the client refuses that, a new conversation begun from a summary.

use anyhow::{Context, Result, anyhow};
use std::path::PathBuf;
use std::time::Duration;

use super::launch::{self, Spec, new_conversation, tmux_error};
use super::{deliver, gather, look};
use crate::env::Env;
use crate::error::{Mark, hinted};
use crate::model::checkpoint::restore::{CARRY_ON, Conversation, Facts, First, Plan, plan};
use crate::model::checkpoint::{Checkpoint, summary};
use crate::model::name::AccountName;
use crate::model::observe::words;
use crate::model::session::{Kind, Lease, Phase, SessionRecord};
use crate::sys::process::ProcessId;
use crate::sys::store::SessionLock;
use crate::sys::tmux::Tmux;
use crate::sys::{claude, clock, events, git, queue, transcript};

/// What is wanted.
#[derive(Clone, Debug)]
pub struct Wish {
    /// From which checkpoint.
    pub checkpoint: Checkpoint,
    /// On which account.
    pub account: AccountName,
    /// Whether a new conversation is asked for.
    pub anew: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Restored {
    /// Why a new conversation began; none if the old one was resumed.
    pub anew: Option<String>,
    /// The conversation.
    pub conversation: String,
    /// The client's process.
    pub pid: i32,
    /// Whether its client has not reported its start yet.
    pub silent: bool,
}

/// How a client that was to resume a conversation did.
enum Came {
    /// It has it, or has said nothing against it.
    Up { silent: bool },
    /// It does not know the conversation.
    Unknown,
}

/// What the client says of a conversation that it does not find.
const NO_CONVERSATION: &str = "No conversation found";

/// Looks, and decides; nothing is touched.
///
/// # Errors
/// Why it is left alone, with what a person can do about it.
pub fn prepare(env: &Env, tmux: &Tmux, wish: &Wish, record: Option<&SessionRecord>) -> Result<Plan> {
    let checkpoint = &wish.checkpoint;
    let name = &checkpoint.session;
    let account = env
        .config
        .account(&wish.account)
        .ok_or_else(|| anyhow!("no account `{}` in the configuration", wish.account))
        .hint("`claude-failover account list` lists them")?;
    let snapshot = tmux.snapshot().map_err(tmux_error)?;
    let known = record.and_then(|r| look::running(r, &clock::boot_id()));
    let pane = snapshot.pane(name, known.map(|p| p.pid)).filter(|p| !p.dead);
    // What is not ours is refused by the launch, with other words.
    let ours = pane.map(|p| p.pid).filter(|pid| claude::is_of_session(*pid, name, env.store.root()));
    let cwd = checkpoint.cwd.as_deref();
    let task = checkpoint.task.as_ref().map(|held| &held.task);
    let project = task.and_then(|task| queue::projects(&env.config).into_iter().find(|p| p.name == task.project));
    let facts = Facts {
        checkpoint,
        dedicated: match env.config.dedicated(name) {
            Some(_) => Some(true),
            None => env.config.pool.names().contains(name).then_some(false),
        },
        running: known.map(|p| p.pid).or(ours),
        at_it: at_it(env, checkpoint)?,
        present: record.and_then(|r| r.conversation.as_deref()),
        lease: record.and_then(|r| r.lease.as_ref()),
        place: project.zip(task).and_then(|(project, task)| queue::place(&project.path, &task.id)),
        has_directory: cwd.is_some_and(std::path::Path::is_dir),
        branch: cwd.and_then(git::repository).and_then(|repository| git::branch(&repository)),
        conversation: conversation(checkpoint, &account.home)?,
        anew: wish.anew,
    };
    let mut plan = plan(&facts).map_err(|refusal| {
        let hint = refusal.hint.clone();
        hinted(refusal, hint)
    })?;
    // No reason to refuse: what a person asks for by name they may want all the same.
    let mine: Vec<SessionRecord> = record.cloned().into_iter().collect();
    if let Ok(known) = gather::recorded(env, account, &mine)
        && let Some(until) = known.view.limited_until(env.now)
    {
        let left = words(until.duration_since(env.now));
        plan.notes.push(format!("account `{}` is at its limit, for another {left}", account.name));
    }
    Ok(plan)
}

/// Who else is at a conversation: two clients in one would write over each other.
fn at_it(env: &Env, checkpoint: &Checkpoint) -> Result<Option<String>> {
    let Some(id) = &checkpoint.conversation else { return Ok(None) };
    let boot = clock::boot_id();
    let sessions = env.store.sessions()?.records;
    let others = sessions.iter().filter(|r| r.name != checkpoint.session && r.conversation.as_ref() == Some(id));
    let other = others.filter_map(|r| Some((look::running(r, &boot)?, &r.name))).next();
    if let Some((process, name)) = other {
        return Ok(Some(format!("session `{name}` (pid {})", process.pid)));
    }
    let found = env.config.accounts.iter().find_map(|account| {
        let pid = claude::client_of(&account.home, id)?;
        Some(format!("a client of account `{}` (pid {pid})", account.name))
    });
    Ok(found)
}

/// Where the conversation is. A disk that is not mounted is no conversation that is gone.
fn conversation(checkpoint: &Checkpoint, home: &std::path::Path) -> Result<Conversation> {
    let Some(id) = &checkpoint.conversation else { return Ok(Conversation::Gone) };
    if let Some(path) = claude::transcript(home, None, id)? {
        return Ok(Conversation::Here(transcript::size(&path)?));
    }
    let told = checkpoint.transcript.as_ref().map(|t| &t.path).filter(|path| path.is_file());
    Ok(told.map_or(Conversation::Gone, |path| Conversation::Elsewhere(path.clone())))
}

/// Carries a plan out. A client that does not find the conversation leads to a new one, which is said.
///
/// # Errors
/// If the client cannot be started, or ends at once for another reason.
pub fn restore(env: &Env, tmux: &Tmux, held: &SessionLock, wish: &Wish, plan: &Plan) -> Result<Restored> {
    let checkpoint = &wish.checkpoint;
    let cwd = checkpoint.cwd.clone().context("no directory is known")?;
    let anew = match (&plan.anew, &checkpoint.conversation) {
        (None, Some(id)) => {
            let spec = spec(env, wish, cwd.clone(), id.clone(), true);
            let spec = Spec { prompt: (plan.first == First::CarryOn).then(|| CARRY_ON.to_owned()), ..spec };
            match resume(env, tmux, held, &spec)? {
                (Came::Up { silent }, pid) => {
                    return Ok(Restored { anew: None, conversation: id.clone(), pid, silent });
                }
                (Came::Unknown, _) => format!("the client says \"{NO_CONVERSATION}\""),
            }
        }
        (Some(why), _) => why.clone(),
        (None, None) => "it had no conversation".to_owned(),
    };
    let first = match plan.first {
        First::Task | First::TaskAndSummary => First::TaskAndSummary,
        First::CarryOn | First::SummaryAndCarryOn => First::SummaryAndCarryOn,
        First::Nothing | First::SummaryAndWait => First::SummaryAndWait,
    };
    let text = summary::page(checkpoint);
    let page = env.store.lock()?.write_summary(&checkpoint.session, &checkpoint.id, &text)?;
    let spec = spec(env, wish, cwd, new_conversation(), false);
    let why = format!("{}; a new conversation begins from a summary: {anew}", spec.why);
    let spec = Spec { prompt: Some(summary::prompt(&page, first)), why, ..spec };
    let pid = start(env, tmux, held, &spec)?;
    let silent = matches!(came_up(env, tmux, &spec, pid)?, Came::Up { silent: true });
    Ok(Restored { anew: Some(anew), conversation: spec.conversation, pid, silent })
}

fn spec(env: &Env, wish: &Wish, cwd: PathBuf, conversation: String, resume: bool) -> Spec {
    let checkpoint = &wish.checkpoint;
    let dedicated = env.config.dedicated(&checkpoint.session).is_some();
    Spec {
        session: checkpoint.session.clone(),
        kind: if dedicated { Kind::Dedicated } else { Kind::Pool },
        project: queue::projects(&env.config).into_iter().find(|p| p.path == cwd).map(|p| p.name),
        cwd,
        account: wish.account.clone(),
        model: checkpoint.model.clone(),
        conversation,
        resume,
        prompt: None,
        why: format!("restored from checkpoint {}", checkpoint.id),
    }
}

fn resume(env: &Env, tmux: &Tmux, held: &SessionLock, spec: &Spec) -> Result<(Came, i32)> {
    match start(env, tmux, held, spec) {
        Ok(pid) => Ok((came_up(env, tmux, spec, pid)?, pid)),
        Err(e) => {
            let said = crate::error::messages_of(&e).join(": ");
            if said.contains(NO_CONVERSATION) { Ok((Came::Unknown, 0)) } else { Err(e) }
        }
    }
}

/// Starts the client: with the line of its task, if it has one.
fn start(env: &Env, tmux: &Tmux, held: &SessionLock, spec: &Spec) -> Result<i32> {
    let lease = env.store.session(&spec.session)?.and_then(|r| r.lease);
    match lease {
        Some(lease) => {
            let lease = told_to_go_on(env, spec, &lease)?;
            deliver::launch(env, tmux, held, spec, &lease)?;
        }
        None => {
            launch::start(env, tmux, held, spec)?;
            // Begun by a person: what died before does not count.
            env.store.lock()?.update_session(&spec.session, |r| {
                r.revivals = 0;
                r.not_before = None;
            })?;
        }
    }
    let client = env.store.session(&spec.session)?.and_then(|r| r.client);
    client.map(|client| client.pid).ok_or_else(|| anyhow!("session `{}` has no client", spec.session))
}

/// A conversation that has taken the task carries on with it; another one is given it afresh.
fn told_to_go_on(env: &Env, spec: &Spec, lease: &Lease) -> Result<Lease> {
    let home = env.config.account(&spec.account).map(|a| a.home.clone());
    let path = home.and_then(|home| claude::transcript(&home, None, &spec.conversation).ok().flatten());
    let arrived = || path.as_ref().is_some_and(|path| claude::holds_prompt(path, lease).unwrap_or(false));
    let begun = spec.resume && (lease.begun || lease.phase == Phase::Confirmed || arrived());
    let changed = env.store.lock()?.update_session(&spec.session, |r| {
        if let Some(lease) = &mut r.lease {
            lease.begun = begun;
            lease.carry_on = begun;
        }
        r.lease.clone()
    })?;
    changed.ok_or_else(|| anyhow!("session `{}` does not have task `{}` any more", spec.session, lease.task))
}

/// How long a client is watched after it has reported its start: the report may come before it finds out that it
/// does not know the conversation.
const SETTLES: Duration = Duration::from_millis(500);

/// Waits until the client has reported its start and lives on.
fn came_up(env: &Env, tmux: &Tmux, spec: &Spec, pid: i32) -> Result<Came> {
    let record = env.store.session(&spec.session)?;
    let record = record.ok_or_else(|| anyhow!("nothing is known of session `{}`", spec.session))?;
    let process = record.client.as_ref().map(|c| ProcessId { pid: c.pid, start: c.start });
    let gone = || process.as_ref().is_none_or(|p| p.pid != pid || !p.is_alive());
    let mut digest = record.digest.clone();
    let limit: Duration = env.config.client.ready_timeout.try_into().unwrap_or(Duration::from_secs(10));
    let started = clock::wait_for(limit, Duration::from_millis(20), || {
        let _ = events::fold(&env.store, &spec.session, &mut digest);
        let started = digest.start.as_ref().is_some_and(|s| s.seq > record.launch_mark);
        if gone() { Some(false) } else { started.then_some(true) }
    });
    let ended = match started {
        Some(true) => clock::wait_for(SETTLES, Duration::from_millis(20), || gone().then_some(())).is_some(),
        Some(false) => true,
        None => return Ok(Came::Up { silent: true }),
    };
    if !ended {
        return Ok(Came::Up { silent: false });
    }
    let pane = tmux.snapshot().map_err(tmux_error)?.pane(&spec.session, Some(pid)).cloned();
    let said = pane.map_or_else(|| "the client ended at once".to_owned(), |p| launch::ended_at_once(tmux, &p));
    if said.contains(NO_CONVERSATION) {
        return Ok(Came::Unknown);
    }
    Err(anyhow!(said)).hint("`--new` begins a new conversation from a summary of the checkpoint")
}

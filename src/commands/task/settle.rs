//! `task done`, `fail`, `retry` and `cancel`.

use anyhow::{Result, anyhow};

use super::{Which, unknown};
use crate::act::end::{self, Ending};
use crate::act::stop;
use crate::config::Project;
use crate::env::Env;
use crate::error::{Class, Exit, Mark};
use crate::model::front_matter::{Outcome, OutcomeResult};
use crate::model::name::TaskRef;
use crate::model::notify::{Kind, Telling};
use crate::model::queue::Place;
use crate::model::task::{AttemptResult, TaskRecord};
use crate::sys::queue::End;
use crate::sys::store::{LogEntry, SessionLock, Sessions};
use crate::sys::{clock, paths, queue};

#[derive(Debug, clap::Args)]
pub struct Change {
    #[command(flatten)]
    which: Which,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Give a task up
///
/// Said by a person, the client of the session that has it is ended.
#[derive(Debug, clap::Args)]
pub struct Fail {
    #[command(flatten)]
    change: Change,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Let it be tried again, if it has tries left
    #[arg(long)]
    again: bool,
}

/// Ends a task by word of mouth: through the session that has it, or where it lies.
///
/// # Errors
/// If it is unknown or has ended, or a step fails.
pub fn settle(env: &Env, change: &Change, result: AttemptResult, reason: &str, again: bool) -> Result<Exit> {
    let (project, task) = change.which.resolve(env)?;
    if change.dry_run {
        not_of_another(env, &env.store.sessions()?, &task)?;
        env.out.text(&format!("would settle {task}: {result}: {reason}"));
        return Ok(Exit::Done);
    }
    said(env, &task, settled(env, &project, &task, result, reason, again)?);
    Ok(Exit::Done)
}

/// An agent of an earlier try must not end the one that another session is at.
fn not_of_another(env: &Env, sessions: &Sessions, task: &TaskRef) -> Result<()> {
    match (own_session(env), sessions.holder(task)) {
        (Some(agent), Some(holder)) if agent != holder.name.as_str() => {
            Err(anyhow!("session `{agent}` does not have task `{task}` any more, `{}` has", holder.name))
        }
        _ => Ok(()),
    }
}

/// … and says where it lies then.
fn settled(
    env: &Env,
    project: &Project,
    task: &TaskRef,
    result: AttemptResult,
    reason: &str,
    again: bool,
) -> Result<&'static str> {
    let sessions = env.store.sessions()?;
    not_of_another(env, &sessions, task)?;
    let went = if let Some((holder, lease)) = sessions.holder(task).and_then(|h| Some((h, h.lease.as_ref()?))) {
        let ending = Ending { result, reason, counted: true, retry: again, command: "task" };
        end::attempt(env, holder, lease, &ending)?.as_str()
    } else {
        let (end, word) = match result {
            AttemptResult::Done => (End::Done, "done"),
            _ => (End::Failed, "failed"),
        };
        match queue::place(&project.path, &task.id) {
            Some(Place::Done) if end == End::Done => "done",
            Some(Place::Failed) if end == End::Failed => "failed",
            // It is to be tried again and waits for that already: a run that was killed after giving it back.
            Some(Place::Waiting) if again => "waiting",
            Some(Place::Done) => {
                let error = anyhow!("done already: task `{task}`");
                return Err(error).hint(retry_hint(task)).class(Class::Conflict);
            }
            Some(Place::Failed) => {
                let error = anyhow!("given up already: task `{task}`");
                return Err(error).hint(retry_hint(task)).class(Class::Conflict);
            }
            Some(Place::Waiting | Place::Claimed) => {
                // The record may be damaged; the word of a person still counts.
                let record = env.store.task(task).ok().flatten();
                let outcome = by_hand(result, reason, record.as_ref());
                let mut locked = env.store.lock()?;
                unheld(env, task)?;
                let max = env.config.dispatch.max_task_bytes;
                let kind = if end == End::Done { Kind::TaskDone } else { Kind::TaskGivenUp };
                let ended = LogEntry {
                    command: "task",
                    what: &format!("ended a task as {word}"),
                    why: reason,
                    task: Some(task.to_string()),
                    event: Some(Telling::new(kind, format!("by hand {}", outcome.finished))),
                    ..LogEntry::default()
                };
                env.post(&mut locked, &ended);
                queue::finish(&mut locked, &project.path, &task.id, end, Some(&outcome), max)?;
                drop(locked);
                env.note(&ended);
                word
            }
            _ => return Err(unknown(project, task)),
        }
    };
    Ok(went)
}

/// Looks once more, under the lock: a session may have taken it since.
fn unheld(env: &Env, task: &TaskRef) -> Result<()> {
    match env.store.sessions()?.holder(task) {
        Some(holder) => {
            let error = anyhow!("session `{}` has just taken task `{task}`", holder.name);
            Err(error).hint("run it again").class(Class::Conflict)
        }
        None => Ok(()),
    }
}

fn retry_hint(task: &TaskRef) -> String {
    format!("claude-failover task retry {} --project {}", task.id, task.project)
}

/// The session from within which we are called, if an agent calls us.
fn own_session(env: &Env) -> Option<String> {
    let state = paths::var("CLAUDE_FAILOVER_STATE_DIR")?;
    let session = paths::var("CLAUDE_FAILOVER_SESSION")?.into_string().ok()?;
    // A person's own agent, in a session of their own, speaks for the person.
    let is_theirs = env.config.dedicated.iter().any(|d| d.name.as_str() == session);
    (state == env.store.root().as_os_str() && !is_theirs).then_some(session)
}

/// The outcome of a task that no session has now, with the tries that it had.
fn by_hand(result: AttemptResult, reason: &str, record: Option<&TaskRecord>) -> Outcome {
    Outcome {
        result: if result == AttemptResult::Done { OutcomeResult::Done } else { OutcomeResult::Failed },
        reason: reason.to_owned(),
        finished: clock::now(),
        duration_seconds: 0,
        attempts: record.map(TaskRecord::notes).unwrap_or_default(),
        accounts: Vec::new(),
        conversation: None,
        tokens: None,
    }
}

/// What became of a task, for scripts.
#[must_use]
pub fn json(task: &TaskRef, went: &str) -> serde_json::Value {
    serde_json::json!({ "version": 1, "task": task.id, "project": task.project, "state": went })
}

fn said(env: &Env, task: &TaskRef, went: &str) {
    if env.out.json {
        env.out.object(&json(task, went));
    } else {
        env.out.text(&format!("{went} {task}"));
    }
}

/// Queues a task again.
///
/// # Errors
/// If a session has it, or may have it.
pub fn retry(env: &Env, change: &Change) -> Result<Exit> {
    let (project, task) = change.which.resolve(env)?;
    if change.dry_run {
        nobody_has(env, &project, &task)?;
        env.out.text(&format!("would queue {task} again"));
        return Ok(Exit::Done);
    }
    said(env, &task, queue_again(env, &project, &task)?);
    Ok(Exit::Done)
}

/// It would run twice.
fn nobody_has(env: &Env, project: &Project, task: &TaskRef) -> Result<()> {
    let sessions = env.store.sessions()?;
    if let Some(broken) = sessions.broken.first()
        && queue::place(&project.path, &task.id) == Some(Place::Claimed)
    {
        // Queued again it would run twice, if that very session is at it.
        return Err(anyhow!("it cannot be told who has task `{task}`: {}", broken.error))
            .hint(format!("`claude-failover stop {0}` ends its client; then move its record away", broken.name))
            .class(Class::Conflict);
    }
    if let Some(holder) = sessions.holder(task) {
        return Err(anyhow!("session `{}` has task `{task}`", holder.name))
            .hint(format!("claude-failover stop {}", holder.name))
            .class(Class::Conflict);
    }
    Ok(())
}

/// Queues a task again, and says where it lies then.
///
/// # Errors
/// If a session has it, or may have it; if it is not there.
pub fn queue_again(env: &Env, project: &Project, task: &TaskRef) -> Result<&'static str> {
    nobody_has(env, project, task)?;
    let mut locked = env.store.lock()?;
    unheld(env, task)?;
    match queue::place(&project.path, &task.id) {
        Some(Place::Waiting) => {}
        // Claimed and nobody has it: what an earlier dispatcher left behind.
        Some(Place::Claimed) => queue::give_back(&mut locked, &project.path, &task.id)?,
        Some(Place::Done | Place::Failed) => {
            if let Some(mut record) = env.store.task(task)? {
                record.forgiven = record.attempts.iter().map(|a| a.number).max().unwrap_or(0);
                locked.write_task(&record)?;
            }
            queue::requeue(&mut locked, &project.path, &task.id, env.config.dispatch.max_task_bytes)?;
        }
        _ => return Err(unknown(project, task)),
    }
    drop(locked);
    env.store.kick("task");
    note(env, task, "queued a task again", &env.asked());
    Ok("waiting")
}

/// Notes what was done to a task by hand.
pub(super) fn note(env: &Env, task: &TaskRef, what: &str, why: &str) {
    env.note(&LogEntry { command: "task", what, why, task: Some(task.to_string()), ..LogEntry::default() });
}

/// Takes a task out of the queue for good: to `failed/`, its session ended.
///
/// # Errors
/// If it is unknown or has ended, or a step fails.
pub fn cancel(env: &Env, change: &Change) -> Result<Exit> {
    if change.dry_run {
        return settle(env, change, AttemptResult::Failed, CANCELLED, false);
    }
    let (project, task) = change.which.resolve(env)?;
    said(env, &task, cancelled(env, &project, &task)?);
    Ok(Exit::Done)
}

const CANCELLED: &str = "cancelled";

/// Takes a task out of the queue for good, and says where it lies then.
///
/// # Errors
/// If it is unknown or has ended, or a step fails.
pub fn cancelled(env: &Env, project: &Project, task: &TaskRef) -> Result<&'static str> {
    let _held = end_holder(env, task, "its task was cancelled")?;
    settled(env, project, task, AttemptResult::Failed, CANCELLED, false)
}

/// Gives a task up.
///
/// # Errors
/// If it is unknown or has ended, or a step fails.
pub fn fail(env: &Env, args: &Fail) -> Result<Exit> {
    let reason = args.reason.as_deref().unwrap_or("said to have failed");
    // Held until the lease has ended as well: `watch` would bring the client back in between.
    let _held = match args.change.dry_run {
        true => None,
        false => end_holder(env, &args.change.which.resolve(env)?.1, "its task was given up")?,
    };
    settle(env, &args.change, AttemptResult::Failed, reason, args.again)
}

/// Ends the client of the session that has a task, unless it is the very one that calls us.
fn end_holder(env: &Env, task: &TaskRef, why: &str) -> Result<Option<SessionLock>> {
    let sessions = env.store.sessions()?;
    let Some(holder) = sessions.holder(task).filter(|_| own_session(env).is_none()) else { return Ok(None) };
    let Some(pool) = env.pool(holder) else { return Ok(None) };
    let held = env.store.wait_session_lock(&holder.name, "task")?;
    // Whoever had the lock may have ended the try.
    let Some(record) = env.store.session(&holder.name)? else { return Ok(None) };
    if record.lease.as_ref().is_some_and(|l| l.task == *task) {
        stop::stop(env, &env.tmux(), &held, &pool, &record, why)?;
    }
    Ok(Some(held))
}

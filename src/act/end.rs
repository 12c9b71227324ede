//! The end of a try: into the task's record, into its file, out of the session.
//!
//! Order: record, outcome in the file, the file's move, the lease. A run that is killed between
//! two of them leaves a lease whose task has moved, and the next look drops it.

use anyhow::Result;
use jiff::Timestamp;

use super::look;
use crate::env::Env;
use crate::model::front_matter::{OutcomeResult, Tokens};
use crate::model::name::SessionName;
use crate::model::notify::{Kind, Telling};
use crate::model::queue::Place;
use crate::model::session::{HOLD, Held, Lease, SessionRecord};
use crate::model::task::{Attempt, AttemptResult, TaskRecord};
use crate::sys::store::LogEntry;
use crate::sys::{claude, clock, queue};

/// How a try ended.
#[derive(Clone, Debug)]
pub struct Ending<'a> {
    /// What came of it.
    pub result: AttemptResult,
    /// Why.
    pub reason: &'a str,
    /// Whether it counts against the limit of tries.
    pub counted: bool,
    /// Whether a task that failed may be tried again.
    pub retry: bool,
    /// The command, for the log.
    pub command: &'a str,
}

/// Where the task went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Went {
    /// To `done/`.
    Done,
    /// To `failed/`.
    Failed,
    /// Back to the inbox.
    Back,
    /// Nowhere: the session does not have it any more.
    Nowhere,
}

impl Went {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Back => "requeued",
            Self::Nowhere => "left",
        }
    }
}

/// Ends the try that a session has, if it still is the one that was decided about.
///
/// # Errors
/// If a step fails; the next run finds the lease and repeats it.
pub fn attempt(env: &Env, record: &SessionRecord, lease: &Lease, ending: &Ending<'_>) -> Result<Went> {
    // Reading a long transcript takes time: before the lock, not under it.
    let tokens = if ending.result == AttemptResult::Returned { None } else { tokens(env, record, lease) };
    let now = clock::now();
    let mut locked = env.store.lock()?;
    let Some(mut current) = env.store.session(&record.name)? else { return Ok(Went::Nowhere) };
    let same = |l: &&Lease| l.task == lease.task && l.attempt == lease.attempt;
    let Some(lease_now) = current.lease.as_ref().filter(same) else { return Ok(Went::Nowhere) };
    let mut task = env.store.task(&lease.task)?.unwrap_or_else(|| TaskRecord::new(lease.task.clone()));
    let before = task.clone();
    task.ended(tried(&current, lease_now, ending, now));
    if task != before {
        locked.write_task(&task)?;
    }
    let limit = env.config.dispatch.max_task_bytes;
    let exhausted = !ending.retry || task.counted() >= lease.max_attempts;
    let went = match ending.result {
        AttemptResult::Done => Went::Done,
        AttemptResult::Failed if exhausted => Went::Failed,
        AttemptResult::Failed | AttemptResult::Returned => Went::Back,
    };
    let (path, id) = (&lease.project_path, &lease.task.id);
    let entry = entry(ending, &record.name, lease_now, went);
    // A run that is killed behind the move finds a lease whose task has moved, and ends no try any more.
    env.post(&mut locked, &entry);
    match went {
        Went::Done => {
            let outcome = task.outcome(OutcomeResult::Done, tokens);
            queue::finish(&mut locked, path, id, queue::End::Done, outcome.as_ref(), limit)?;
        }
        Went::Failed => {
            let outcome = task.outcome(OutcomeResult::Failed, tokens);
            queue::finish(&mut locked, path, id, queue::End::Failed, outcome.as_ref(), limit)?;
        }
        Went::Back | Went::Nowhere => queue::give_back(&mut locked, path, id)?,
    }
    current.lease = None;
    current.freed = Some(now);
    locked.write_session(&current)?;
    queue::write_status(&mut locked, path, "idle", "", "", now);
    drop(locked);
    env.store.kick("dispatch");
    env.note(&entry);
    Ok(went)
}

/// The try that a session has, as ended.
fn tried(record: &SessionRecord, lease: &Lease, ending: &Ending<'_>, now: Timestamp) -> Attempt {
    Attempt {
        number: lease.attempt,
        session: record.name.clone(),
        accounts: {
            let now = record.account.iter().filter(|now| !lease.accounts.contains(now));
            lease.accounts.iter().chain(now).cloned().collect()
        },
        conversation: record.conversation.clone(),
        started: lease.claimed,
        ended: now,
        result: ending.result,
        reason: ending.reason.to_owned(),
        resumes: lease.resumes,
        counted: ending.counted,
    }
}

fn entry<'a>(ending: &Ending<'a>, session: &'a SessionName, lease: &Lease, went: Went) -> LogEntry<'a> {
    let kind = match went {
        Went::Done => Some(Kind::TaskDone),
        Went::Failed => Some(Kind::TaskGivenUp),
        Went::Back if ending.result == AttemptResult::Failed => Some(Kind::TaskRetried),
        Went::Back | Went::Nowhere => None,
    };
    LogEntry {
        command: ending.command,
        what: match went {
            Went::Done => "finished a task",
            Went::Failed => "gave a task up",
            Went::Back | Went::Nowhere => "put a task back",
        },
        why: ending.reason,
        session: Some(session.as_str()),
        task: Some(lease.task.to_string()),
        event: kind.map(|kind| Telling::new(kind, format!("{} {}", lease.attempt, lease.claimed))),
        ..LogEntry::default()
    }
}

/// Gives a task back that was never sent, and leaves the session alone for a while. No try of it: the
/// task has nothing to do with it.
///
/// # Errors
/// If a step fails; the next run finds the lease and repeats it.
pub fn give_back(env: &Env, record: &SessionRecord, lease: &Lease, why: &str) -> Result<()> {
    let now = clock::now();
    let mut locked = env.store.lock()?;
    let Some(mut current) = env.store.session(&record.name)? else { return Ok(()) };
    if !current.lease.as_ref().is_some_and(|l| l.task == lease.task && l.attempt == lease.attempt) {
        return Ok(());
    }
    queue::give_back(&mut locked, &lease.project_path, &lease.task.id)?;
    current.lease = None;
    current.held = now.checked_add(HOLD).ok().map(|until| Held { why: why.to_owned(), until });
    locked.write_session(&current)?;
    queue::write_status(&mut locked, &lease.project_path, "idle", "", "", now);
    drop(locked);
    env.note(&LogEntry {
        command: "dispatch",
        what: "put a task back",
        why,
        session: Some(record.name.as_str()),
        task: Some(lease.task.to_string()),
        ..LogEntry::default()
    });
    Ok(())
}

/// Leaves a session alone for a while.
///
/// # Errors
/// If the record cannot be written.
pub fn hold(env: &Env, session: &SessionName, why: &str) -> Result<()> {
    let until = clock::now().checked_add(HOLD).ok();
    env.store.lock()?.update_session(session, |r| {
        r.held = until.map(|until| Held { why: why.to_owned(), until });
    })
}

/// Takes a lease away whose task lies where it does not count any more.
///
/// # Errors
/// If a step fails.
pub fn drop_lease(env: &Env, record: &SessionRecord, lease: &Lease, why: &str, now: Timestamp) -> Result<()> {
    let mut locked = env.store.lock()?;
    // Looked at again under the lock: a claim may have been between its lease and its rename.
    let place = queue::place(&lease.project_path, &lease.task.id);
    let Some(mut current) = env.store.session(&record.name)? else { return Ok(()) };
    let same = |l: &&Lease| l.task == lease.task && l.attempt == lease.attempt;
    let Some(lease_now) = current.lease.as_ref().filter(same).filter(|_| place != Some(Place::Claimed)) else {
        return Ok(());
    };
    // It waits again and the client may be at it: the next claim asks whose the last try was.
    if current.client.is_some() && place == Some(Place::Waiting) {
        let mut task = env.store.task(&lease.task)?.unwrap_or_else(|| TaskRecord::new(lease.task.clone()));
        let (result, reason) = (AttemptResult::Returned, why);
        let ending = Ending { result, reason, counted: false, retry: true, command: "watch" };
        task.ended(tried(&current, lease_now, &ending, now));
        locked.write_task(&task)?;
    }
    current.lease = None;
    current.freed = Some(now);
    locked.write_session(&current)?;
    drop(locked);
    env.note(&LogEntry {
        command: "watch",
        what: "freed a session",
        why,
        session: Some(record.name.as_str()),
        task: Some(lease.task.to_string()),
        ..LogEntry::default()
    });
    Ok(())
}

fn tokens(env: &Env, record: &SessionRecord, lease: &Lease) -> Option<Tokens> {
    let home = look::account_home(env, record)?;
    let conversation = record.conversation.as_deref()?;
    let path = claude::transcript(&home, record.digest.transcript.as_deref(), conversation).ok()??;
    claude::tokens(&path, lease.claimed).ok()
}

//! A claimed task that no session has goes back, and that counts as a try.

use anyhow::Result;
use std::path::Path;

use super::{CHANGED, Did};
use crate::env::Env;
use crate::model::front_matter::{self, OutcomeResult};
use crate::model::janitor::Seen;
use crate::model::name::{SessionName, TaskRef};
use crate::model::notify::{Kind, Telling};
use crate::model::task::{Attempt, AttemptResult, TaskRecord};
use crate::sys::store::LogEntry;
use crate::sys::{atomic, clock, files, queue};

/// Whose try it was, where nobody knows.
const NOBODY: &str = "unknown";

/// Gives a claimed task back, or up if this was its last try. A run that was killed in between and is repeated
/// counts it once: the claim that was counted is known by its time.
///
/// # Errors
/// If a step fails.
pub(super) fn put_back(env: &Env, task: &TaskRef, project: &Path, seen: &Seen, why: &str) -> Result<Did> {
    let left = |why: &str| Ok(Did::LeftAlone(why.to_owned()));
    let mut locked = env.store.lock()?;
    let sessions = env.store.sessions()?;
    if let Some(broken) = sessions.broken.first() {
        return left(&format!("the record of session `{}` is damaged", broken.name));
    }
    if sessions.holder(task).is_some() || !files::is_as_seen(seen) {
        return left(CHANGED);
    }
    let max = env.config.dispatch.max_task_bytes;
    let text = queue::read_task(&seen.path, max).ok().flatten();
    let header = text.and_then(|text| front_matter::parse(&text, &task.project, &task.id, &env.zone).ok());
    let tries = header.and_then(|h| h.max_attempts).unwrap_or(env.config.dispatch.max_attempts);
    let mut record = env.store.task(task)?.unwrap_or_else(|| TaskRecord::new(task.clone()));
    let is_counted =
        record.attempts.last().is_some_and(|a| a.session.as_str() == NOBODY && a.started == seen.changed);
    if !is_counted && record.counted() < tries {
        record.ended(Attempt {
            number: record.next_attempt(),
            session: SessionName::new(NOBODY)?,
            accounts: Vec::new(),
            conversation: None,
            started: seen.changed,
            ended: clock::now(),
            result: AttemptResult::Failed,
            reason: why.to_owned(),
            resumes: 0,
            counted: true,
        });
        locked.write_task(&record)?;
    }
    if record.counted() >= tries {
        let outcome = record.outcome(OutcomeResult::Failed, None);
        let given_up = LogEntry {
            command: "janitor",
            what: "gave a task up",
            why,
            task: Some(task.to_string()),
            event: Some(Telling::new(Kind::TaskGivenUp, format!("{} {}", record.counted(), seen.changed))),
            ..LogEntry::default()
        };
        // A run that is killed behind the move finds no claim any more.
        env.post(&mut locked, &given_up);
        queue::finish(&mut locked, project, &task.id, queue::End::Failed, outcome.as_ref(), max)?;
        queue::write_status(&mut locked, project, "idle", "", "", clock::now());
        return Ok(Did::Done(Some("given up")));
    }
    match queue::give_back(&mut locked, project, &task.id) {
        Ok(()) => {
            queue::write_status(&mut locked, project, "idle", "", "", clock::now());
            Ok(Did::Done(None))
        }
        Err(e) if atomic::is_taken(&e) => left("a task of the same id waits"),
        Err(e) => Err(e),
    }
}

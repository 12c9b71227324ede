//! What `POST` does: the very runs of the commands, with their own locks and rules. Each change that they make stands
//! in the log with the origin `control`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::commands::task::{self, add, settle};
use crate::commands::{checkpoint, dispatch, quota_check, switch, watch};
use crate::env::Env;
use crate::error::Exit;
use crate::model::control::query::Query;
use crate::model::control::route::Change;
use crate::model::control::{Answer, Refusal};
use crate::model::front_matter::Priority;
use crate::model::name::{AccountName, SessionName, TaskId};
use crate::model::report::Report;

/// The body of a trigger that takes nothing of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Run {
    dry_run: bool,
}

/// The body of what is said of a task.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RunCheckpoint {
    dry_run: bool,
    session: Option<SessionName>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RunSwitch {
    dry_run: bool,
    to: Option<AccountName>,
    sessions: Vec<SessionName>,
}

/// A task with the project that it is for: [`add::NewTask`] by its keys, since what is flattened would take a key twice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AddTask {
    project: String,
    text: String,
    id: Option<TaskId>,
    title: Option<String>,
    priority: Option<Priority>,
    #[serde(default)]
    depends_on: Vec<String>,
    not_before: Option<String>,
    model: Option<String>,
}

/// What a run did.
#[derive(Serialize)]
struct Done<T> {
    version: u32,
    /// The exit code that the command would have ended with.
    exit: u8,
    #[serde(flatten)]
    report: T,
}

/// Makes the change.
///
/// # Errors
/// If it is asked for in a way that is not known, or refused, or another run is at it.
pub fn make(env: &Env, change: &Change, query: &str, body: &[u8]) -> Result<Answer, Refusal> {
    Query::read(query, &[])?;
    match change {
        Change::Dispatch => {
            let report = dispatch::once(env, read::<Run>(body)?.dry_run)?;
            done(report.exit(), report)
        }
        Change::Watch => {
            let dry_run = read::<Run>(body)?.dry_run;
            let report = watch::once(env, &watch::Args { dry_run, no_dispatch: false })?;
            done(report.exit(), report)
        }
        Change::Checkpoint => {
            let asked: RunCheckpoint = read(body)?;
            let report = checkpoint::once(env, asked.session.as_ref(), asked.dry_run)?;
            done(report.exit(), report)
        }
        Change::Switch => {
            let RunSwitch { dry_run, to, sessions } = read(body)?;
            let (report, exit) = switch::once(env, &switch::Args { to, sessions, dry_run, origin: None })?;
            done(exit, report)
        }
        Change::QuotaCheck => {
            let answer = quota_check::once(env, read::<Run>(body)?.dry_run)?;
            not_skipped(&answer.report)?;
            let mut value = value(&answer)?;
            value["exit"] = (answer.exit as u8).into();
            Ok(Answer::json(200, &value))
        }
        Change::AddTask => {
            let AddTask { project, mut text, id, title, priority, depends_on, not_before, model } = object(body)?;
            if !text.ends_with('\n') {
                text.push('\n');
            }
            let new = add::NewTask { text, id, title, priority, depends_on, not_before, model };
            let project = task::project(env, Some(&project))?;
            Ok(Answer::json(201, &value(&add::queue_new(env, &project, &new)?)?))
        }
        Change::Retry(text) => {
            read::<Nothing>(body)?;
            let (project, task) = task::resolve(env, text, None)?;
            Ok(Answer::json(200, &settle::json(&task, settle::queue_again(env, &project, &task)?)))
        }
        Change::Cancel(text) => {
            read::<Nothing>(body)?;
            let (project, task) = task::resolve(env, text, None)?;
            Ok(Answer::json(200, &settle::json(&task, settle::cancelled(env, &project, &task)?)))
        }
    }
}

fn read<T: Default + for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    if body.is_empty() { Ok(T::default()) } else { object(body) }
}

/// serde takes a list for a struct as well: `[]` would be a run.
fn object<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Refusal> {
    if body.trim_ascii_start().first().is_some_and(|b| *b != b'{') {
        return Err(Refusal::new(400, "the body is no object").hint("`/openapi.json` describes it"));
    }
    parsed(serde_json::from_slice(body))
}

fn parsed<T>(read: serde_json::Result<T>) -> Result<T, Refusal> {
    read.map_err(|e| {
        let why = crate::model::name::shown(&e.to_string());
        Refusal::new(400, format!("the body is not what is expected: {why}")).hint("`/openapi.json` describes it")
    })
}

fn value(answer: &impl Serialize) -> Result<Value, Refusal> {
    serde_json::to_value(answer).map_err(|e| Refusal::from(anyhow::Error::from(e)))
}

fn done(exit: Exit, report: Report) -> Result<Answer, Refusal> {
    not_skipped(&report)?;
    Ok(Answer::json(200, &value(&Done { version: 1, exit: exit as u8, report })?))
}

/// Another run is at it: nothing was done, and whoever asks may ask again.
fn not_skipped(report: &Report) -> Result<(), Refusal> {
    match &report.skipped {
        Some(why) => Err(Refusal::busy(format!("skipped: {why}")).hint("another run is at it: ask again soon")),
        None => Ok(()),
    }
}

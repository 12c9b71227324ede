//! What the tools do: the very runs of the commands.

use anyhow::{Result, anyhow};
use serde_json::{Value, json};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use crate::act::status::gather;
use crate::commands::task::{self, add, list, settle};
use crate::commands::{explain, switch};
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::mcp::tools::{AddTask, Call, Explain, ListTasks, Switch};
use crate::model::report::Report;
use crate::sys::lock::LockError;
use crate::sys::store::LogEntry;
use crate::sys::{clock, process, queue};

/// Makes a call.
///
/// # Errors
/// As the command would: what is asked for is unknown or refused, or a step fails.
pub fn make(env: &Env, call: Call) -> Result<Value> {
    match call {
        Call::Status(asked) => Ok(serde_json::to_value(gather(env, asked.cached)?)?),
        Call::ListTasks(asked) => list_tasks(env, &asked),
        Call::AddTask(asked) => add_task(env, *asked),
        Call::RetryTask(asked) => {
            let (project, task) = task::resolve(env, &asked.task, None)?;
            Ok(settle::json(&task, settle::queue_again(env, &project, &task)?))
        }
        Call::Explain(asked) => explain(env, &asked),
        Call::Switch(asked) => begin_switch(env, asked),
    }
}

fn list_tasks(env: &Env, asked: &ListTasks) -> Result<Value> {
    let projects = match &asked.project {
        Some(name) => vec![task::project(env, Some(name))?],
        None => queue::projects(&env.config),
    };
    Ok(list::json(&list::rows(env, &projects, asked.all)?))
}

fn add_task(env: &Env, asked: AddTask) -> Result<Value> {
    let project = task::project(env, Some(&asked.project))?;
    let new = add::NewTask {
        // Below a front matter of its own: whatever the text begins with is text.
        text: format!("---\n---\n{}\n", asked.text.trim_end()),
        id: asked.id,
        title: asked.title,
        priority: asked.priority,
        depends_on: asked.depends_on,
        not_before: asked.not_before,
        model: asked.model,
    };
    Ok(serde_json::to_value(add::queue_new(env, &project, &new)?)?)
}

fn explain(env: &Env, asked: &Explain) -> Result<Value> {
    let explained = match (&asked.task, &asked.session) {
        (Some(task), _) => explain::task(env, task, None)?,
        (None, Some(session)) => explain::session(env, session)?,
        (None, None) => return Err(anyhow!("give either `task` or `session`")),
    };
    Ok(explain::json(&explained))
}

/// How long a switch may take to begin.
const BEGINS: Duration = Duration::from_secs(15);

/// Begins a switch and does not wait for it: it may end the very client that asks, and it waits for the end of the
/// turn in which it is asked.
fn begin_switch(env: &Env, asked: Switch) -> Result<Value> {
    if !env.config.control.enable_trigger {
        return Err(anyhow!("sessions cannot be moved this way"))
            .hint("set `control.enable_trigger: true` in the configuration");
    }
    let Switch { to, sessions, dry_run } = asked;
    let all = sessions.is_empty();
    let stays = to.as_ref().is_some_and(|to| *to == env.active());
    let args = switch::Args { to, sessions, dry_run: true, origin: None };
    let (plan, exit) = switch::once(env, &args)?;
    if exit != Exit::Done {
        let why = plan.actions.iter().find(|a| a.failed).map_or("it is refused", |a| a.reason.as_str());
        return Err(anyhow!("no switch: {why}")).hint("`claude-failover quota-check --explain` tells more");
    }
    let nothing = plan.actions.is_empty() && (!all || stays);
    if dry_run || nothing {
        return answer(&plan, false);
    }
    match env.store.run_lock("switch") {
        Ok(_held) => {}
        Err(busy @ LockError::Busy { .. }) => return Err(anyhow!("another switch is at work: {busy}")),
        Err(LockError::Failed(e)) => return Err(e),
    }
    let last = env.store.past_switches()?.last().cloned();
    // What a killed run has left is not the one that begins.
    let current = || env.store.journal().ok().flatten().map(|journal| journal.id);
    let left = current();
    let (why, account) = ("it was asked for", args.to.as_ref().map(ToString::to_string));
    let entry = LogEntry { command: "mcp", what: "begins a switch", why, ..LogEntry::default() };
    env.note(&LogEntry { account: account.as_deref(), ..entry });
    process::detach(&env.program, &command_line(env, &args))?;
    let begun = || {
        let ended = env.store.past_switches().is_ok_and(|all| all.last() != last.as_ref());
        (env.store.is_switching() && current() != left || ended).then_some(())
    };
    let begun = clock::wait_for(BEGINS, Duration::from_millis(50), begun).is_some();
    let mut answer = answer(&plan, begun)?;
    if !begun {
        answer["summary"] =
            "it was asked for and has not begun yet: do not ask again, `status` tells what becomes of it".into();
    }
    Ok(answer)
}

fn answer(plan: &Report, begun: bool) -> Result<Value> {
    let summary = (!plan.summary.is_empty()).then_some(&plan.summary);
    Ok(json!({ "version": 1, "begun": begun, "plan": serde_json::to_value(&plan.actions)?, "summary": summary }))
}

fn command_line(env: &Env, args: &switch::Args) -> Vec<OsString> {
    let word = |word: &dyn AsRef<OsStr>| word.as_ref().to_owned();
    let mut words = vec![word(&"--config"), word(&env.config_path), word(&"--state-dir"), word(&env.store.root())];
    words.extend([word(&"switch"), word(&"--origin"), word(&"mcp")]);
    if let Some(to) = &args.to {
        words.extend([word(&"--to"), word(&to.as_str())]);
    }
    for session in &args.sessions {
        words.extend([word(&"--session"), word(&session.as_str())]);
    }
    words
}

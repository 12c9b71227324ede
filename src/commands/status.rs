//! `status`: what is. What needs a person comes first.

use anstyle::Style;
use anyhow::Result;
use serde::Serialize;

mod accounts;
mod notify;

use self::accounts::Accounts;
use super::dispatch;
use crate::act::look::{self, Scene};
use crate::env::{Env, local, short};
use crate::error::Exit;
use crate::model::dispatch::{Plan, Wait};
use crate::model::doctor::pool::orphans;
use crate::model::doctor::runs::overdue;
use crate::model::observe::words;
use crate::model::queue::ProjectQueue;
use crate::model::report::Report;
use crate::model::session::{Kind, SessionRecord, State};
use crate::output::{BAD, FAINT, GOOD, STRONG, WARN, cut, styled, table};
use crate::sys::queue;
use crate::sys::store::{Broken, Sessions};

/// Show sessions, queues and what needs a person
///
/// With `-q` it prints one number: how many things need a person.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Trust the records of the last `watch` instead of asking tmux
    #[arg(long)]
    cached: bool,
}

/// Something that will not go on by itself.
#[derive(Debug, Serialize)]
struct Need {
    subject: String,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let sessions = env.store.sessions()?;
    let mut needs: Vec<Need> = Vec::new();
    for broken in &sessions.broken {
        needs.push(Need { subject: broken.name.clone(), what: broken.error.clone(), hint: broken.hint.clone() });
    }
    let records = if args.cached { sessions.records.clone() } else { fresh(env, &sessions.records, &mut needs) };
    let projects = queue::projects(&env.config);
    let now = Sessions { records, broken: sessions.broken };
    let (queues, plan) = dispatch::plan_for(env, &now, &projects);
    let records = now.records;
    for absent in &env.config.absent {
        let hint = Some("bring it back, or take it out of the configuration".to_owned());
        needs.push(Need { subject: "configuration".into(), what: absent.clone(), hint });
    }
    needs_of_sessions(env, &records, &mut needs);
    needs_of_queues(&queues, &records, &now.broken, &plan, &mut needs);
    needs_of_runs(env, &records, &queues, &mut needs);
    let accounts = Accounts::of(env, &records, &mut needs);
    let notify = notify::needs_of(env, &mut needs);
    if env.out.json {
        let mut value = json(env, &records, &queues, &projects, &needs, &plan);
        accounts.add_json(env, &mut value);
        value["notify"] = notify;
        env.out.object(&value);
    } else if env.out.quiet {
        env.out.text(&needs.len().to_string());
    } else {
        let text = text(env, &records, &queues, &projects, &needs, &plan);
        env.out.text(&text.replace(ACCOUNTS, &accounts.text(env)));
    }
    Ok(Exit::Done)
}

/// Where the accounts stand in the text.
const ACCOUNTS: &str = "\u{1}accounts\u{1}";

/// The records with a fresh look, not written back.
fn fresh(env: &Env, records: &[SessionRecord], needs: &mut Vec<Need>) -> Vec<SessionRecord> {
    if !records.iter().any(SessionRecord::is_live) {
        return records.to_vec();
    }
    let tmux = env.tmux();
    let scene = Scene::of(&tmux);
    if let Err(e) = &scene.tmux {
        needs.push(Need { subject: "tmux".into(), what: e.to_string(), hint: e.hint() });
    }
    records.iter().map(|r| if r.is_live() { look::at(env, &tmux, &scene, r).0 } else { r.clone() }).collect()
}

fn needs_of_sessions(env: &Env, records: &[SessionRecord], needs: &mut Vec<Need>) {
    let socket = env.tmux().command_line();
    let attach = |name: &dyn std::fmt::Display| {
        let mut words: Vec<String> = socket.iter().filter(|w| *w != "-u").cloned().collect();
        words.extend(["attach".to_owned(), "-t".to_owned(), format!("={name}")]);
        shlex::try_join(words.iter().map(String::as_str)).ok()
    };
    for r in records {
        let why = r.note.evidence.last().cloned().unwrap_or_default();
        let needs_person = match r.note.state {
            State::Waiting | State::Stalled | State::Limited => true,
            State::Unknown => r.is_live(),
            State::Dead if r.kind == Kind::Dedicated => env.config.dedicated(&r.name).is_some(),
            // `watch` brings it back at once; one that stays dead cannot come back by itself.
            State::Dead => r.lease.is_some() && env.now.duration_since(r.note.since).as_mins() >= 2,
            _ => false,
        };
        let hint = match r.note.state {
            State::Dead if r.kind == Kind::Dedicated => Some(format!("claude-failover launch {}", r.name)),
            State::Dead => Some(format!("claude-failover stop {}", r.name)),
            State::Unknown => Some(format!("claude-failover explain session {}", r.name)),
            _ => attach(&r.name),
        };
        if needs_person {
            let what = format!("{}: {why}", r.note.state);
            needs.push(Need { subject: r.name.to_string(), what, hint });
        } else if let Some(why) = r.armed.as_ref().and_then(|a| a.broken.clone()).filter(|_| r.client.is_some()) {
            let hint = Some(format!("end it, then claude-failover launch {}", r.name));
            needs.push(Need { subject: r.name.to_string(), what: format!("not guarded: {why}"), hint });
        } else if let Some(moving) = &r.to_move {
            let what = format!("still on the account that the others have left: {}", moving.why);
            needs.push(Need { subject: r.name.to_string(), what, hint: attach(&r.name) });
        } else if let Some(why) = r.held(env.now) {
            let what = format!("left alone: {why}");
            needs.push(Need { subject: r.name.to_string(), what, hint: attach(&r.name) });
        }
    }
    for d in &env.config.dedicated {
        if !records.iter().any(|r| r.name == d.name) {
            let hint = Some(format!("claude-failover launch {}", d.name));
            needs.push(Need { subject: d.name.to_string(), what: "dedicated, never launched".into(), hint });
        }
    }
}

fn needs_of_queues(
    queues: &[ProjectQueue],
    records: &[SessionRecord],
    broken: &[Broken],
    plan: &Plan,
    needs: &mut Vec<Need>,
) {
    for wait in plan.waits.iter().filter(|w| w.needs_person) {
        // A project that is gone stands among the directories of the configuration that are gone.
        if queues.iter().any(|q| q.project.as_str() == wait.subject && !q.path.is_dir()) {
            continue;
        }
        let (subject, what) = (wait.subject.clone(), wait.reason.clone());
        needs.push(Need { subject, what, hint: wait.hint.clone() });
    }
    for task in orphans(queues, records) {
        let (what, hint) = match broken.first() {
            // A hint to queue it again would let it run twice, if that session is at it.
            Some(broken) => {
                (format!("claimed, and the record of `{}` that may have it is damaged", broken.name), None)
            }
            None => {
                let hint = format!("claude-failover task retry {} --project {}", task.id, task.project);
                ("claimed, but no session has it".to_owned(), Some(hint))
            }
        };
        needs.push(Need { subject: task.to_string(), what, hint });
    }
}

/// Whether anything looks after all this: the first question at night.
fn needs_of_runs(env: &Env, records: &[SessionRecord], queues: &[ProjectQueue], needs: &mut Vec<Need>) {
    let busy = records.iter().any(|r| r.client.is_some());
    let waiting = queues.iter().any(|q| !q.waiting.is_empty());
    let (watch, dispatch) = (env.config.watch.interval, env.config.dispatch.interval);
    for (command, wanted, interval) in [("watch", busy, watch), ("dispatch", waiting, dispatch)] {
        let late = overdue(env.now, env.store.last_run(command), interval);
        if let Some(age) = late.filter(|_| wanted) {
            let what = format!("has not run for {age}");
            let hint = Some(format!("look at its timer, or run `claude-failover {command}`"));
            needs.push(Need { subject: command.to_owned(), what, hint });
        }
    }
}

fn ended(project: &crate::config::Project, folder: &str) -> usize {
    std::fs::read_dir(project.path.join(queue::FOLDER).join(folder))
        .map_or(0, |d| d.flatten().filter(|e| e.file_name().to_string_lossy().ends_with(".md")).count())
}

fn json(
    env: &Env,
    records: &[SessionRecord],
    queues: &[ProjectQueue],
    projects: &[crate::config::Project],
    needs: &[Need],
    plan: &Plan,
) -> serde_json::Value {
    let sessions: Vec<_> = records
        .iter()
        .map(|r| {
            serde_json::json!({
                "name": r.name, "kind": r.kind, "state": r.note.state, "since": r.note.since,
                "evidence": r.note.evidence, "project": r.project, "cwd": r.cwd, "account": r.account,
                "model": r.model, "conversation": r.conversation, "pid": r.client.as_ref().map(|c| c.pid),
                "task": r.lease.as_ref().map(|l| &l.task), "lease": r.lease,
            })
        })
        .collect();
    let queues: Vec<_> = queues
        .iter()
        .zip(projects)
        .map(|(q, p)| {
            serde_json::json!({
                "project": q.project, "path": q.path, "waiting": q.waiting.len(), "claimed": q.claimed.len(),
                "done": ended(p, "done"), "failed": ended(p, "failed"),
            })
        })
        .collect();
    serde_json::json!({
        "version": 1, "at": env.now, "active_account": env.active(),
        "sessions": sessions, "projects": queues, "needs_person": needs,
        "waiting": plan.waits.iter().map(crate::model::dispatch::Wait::item).collect::<Vec<_>>(),
        "last_run": { "dispatch": env.store.last_run("dispatch"), "watch": env.store.last_run("watch") },
        "pool": { "max": env.config.pool.max, "running": running(records) },
    })
}

/// The colour of a state.
#[must_use]
pub fn state_style(state: State) -> Style {
    match state {
        State::Working => GOOD,
        State::Idle | State::Starting => Style::new(),
        State::Waiting | State::Limited | State::Unknown => WARN,
        State::Stalled | State::Dead => BAD,
    }
}

fn text(
    env: &Env,
    records: &[SessionRecord],
    queues: &[ProjectQueue],
    projects: &[crate::config::Project],
    needs: &[Need],
    plan: &Plan,
) -> String {
    let mut out = String::new();
    if !needs.is_empty() {
        out.push_str(&format!("{}\n", styled(STRONG, format!("needs a person ({})", needs.len()))));
        for need in needs {
            out.push_str(&format!("  {} {}\n", styled(WARN, &need.subject), need.what));
            if let Some(hint) = &need.hint {
                out.push_str(&format!("    hint: {hint}\n"));
            }
        }
        out.push('\n');
    }
    let live: Vec<&SessionRecord> = records.iter().filter(|r| r.is_live() || r.kind == Kind::Dedicated).collect();
    let mut rows = vec![["SESSION", "STATE", "SINCE", "TASK", "PROJECT", "ACCOUNT"].map(str::to_owned).to_vec()];
    let mut states = vec![State::Idle];
    for r in &live {
        let name = if r.kind == Kind::Dedicated { format!("{} (dedicated)", r.name) } else { r.name.to_string() };
        let task = r.lease.as_ref().map_or_else(
            || "-".to_owned(),
            |l| match l.attempt {
                1 => l.task.id.to_string(),
                n => format!("{} (attempt {n})", l.task.id),
            },
        );
        let place = r.cwd.as_ref().map_or_else(|| "-".to_owned(), |p| short(p, &env.config.home));
        rows.push(vec![
            name,
            r.note.state.to_string(),
            words(env.now.duration_since(r.note.since)),
            cut(&task, 40),
            r.project.as_ref().map_or(place, ToString::to_string),
            r.account.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string),
        ]);
        states.push(r.note.state);
    }
    if live.is_empty() {
        out.push_str("no session runs\n");
    } else {
        out.push_str(&table(&rows, &|r, c| match (r, c) {
            (0, _) => STRONG,
            (_, 1) => state_style(states[r]),
            (_, 2) => FAINT,
            _ => Style::new(),
        }));
    }
    let running = running(records);
    let max = env.config.pool.max;
    out.push_str(&format!(
        "pool: {running} of {max} sessions run, new ones on account `{}`\n\n{ACCOUNTS}",
        env.active()
    ));
    let mut rows = vec![["PROJECT", "WAITING", "CLAIMED", "DONE", "FAILED"].map(str::to_owned).to_vec()];
    let mut quiet = 0;
    for (q, p) in queues.iter().zip(projects) {
        let counts = [q.waiting.len(), q.claimed.len(), ended(p, "done"), ended(p, "failed")];
        // Two hundred projects in which nothing is to be done are one line.
        if queues.len() > 20 && counts[0] + counts[1] == 0 {
            quiet += 1;
            continue;
        }
        rows.push(std::iter::once(q.project.to_string()).chain(counts.map(|n| n.to_string())).collect());
    }
    if rows.len() > 1 {
        out.push_str(&table(&rows, &|r, _| if r == 0 { STRONG } else { Style::new() }));
    }
    if quiet > 0 {
        out.push_str(&format!("{quiet} more projects with nothing to do\n"));
    } else if rows.len() == 1 {
        out.push_str("no projects\n");
    }
    let reasons = Report { waiting: plan.waits.iter().map(Wait::item).collect(), ..Report::default() };
    for alike in reasons.alike() {
        if let Some(first) = alike.first().filter(|i| i.verb == "waits") {
            let tasks = if alike.len() == 1 { first.subject.clone() } else { format!("{} tasks", alike.len()) };
            out.push_str(&format!("{}\n", styled(FAINT, format!("{tasks}: {}", first.reason))));
        }
    }
    let ran = |command: &str| match env.store.last_run(command) {
        Some(at) => format!("{command} ran {} ago", words(env.now.duration_since(at))),
        None => format!("{command} has never run"),
    };
    let foot = format!("{} · {} · {}", local(env.now, &env.zone), ran("dispatch"), ran("watch"));
    out.push_str(&styled(FAINT, foot));
    out.push('\n');
    out
}

/// Pool sessions whose client lives, as far as we know.
fn running(records: &[SessionRecord]) -> usize {
    let lives = |r: &&SessionRecord| r.kind == Kind::Pool && r.client.is_some() && r.note.state != State::Dead;
    records.iter().filter(lives).count()
}

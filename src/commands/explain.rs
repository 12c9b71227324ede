//! `explain`: why a task waits, or what became of it; why a session is thought to be what it is.

use anyhow::{Result, anyhow};

use crate::act::look::{self, Scene};
use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::name::SessionName;
use crate::model::observe::{PaneView, words};
use crate::model::queue::Place;
use crate::model::session::{Lease, SessionRecord};
use crate::sys::queue;

/// Say why a task waits or what became of it, or why a session is thought to be what it is
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Why a task waits, or what became of it
    Task {
        /// The task: `id` or `project:id`
        task: String,
        /// The project, if the id does not say
        #[arg(short, long)]
        project: Option<String>,
    },
    /// Why a session is thought to be idle, working, dead …
    Session {
        /// The session
        session: SessionName,
    },
}

/// Runs the command.
///
/// # Errors
/// If the task or the session is unknown.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let explained = match &args.what {
        What::Task { task, project } => self::task(env, task, project.as_deref())?,
        What::Session { session } => self::session(env, session)?,
    };
    if env.out.json {
        env.out.object(&json(&explained));
    } else {
        let (subject, lines) = explained;
        env.out.text(&format!("{subject}\n{}", lines.iter().map(|l| format!("  {l}\n")).collect::<String>()));
    }
    Ok(Exit::Done)
}

/// What is explained, and why it is so.
pub type Explained = (String, Vec<String>);

/// … for scripts.
#[must_use]
pub fn json((subject, lines): &Explained) -> serde_json::Value {
    serde_json::json!({ "version": 1, "subject": subject, "because": lines })
}

/// Why a task waits, or what became of it.
///
/// # Errors
/// If it is unknown.
pub fn task(env: &Env, text: &str, given: Option<&str>) -> Result<Explained> {
    let (project, task) = super::task::resolve(env, text, given)?;
    let place = queue::place(&project.path, &task.id);
    let mut lines = Vec::new();
    let sessions = env.store.sessions()?;
    let state = match place {
        Some(Place::Waiting) => {
            let report = super::dispatch::preview(env)?;
            match report {
                None => lines.push("no pool session is idle".to_owned()),
                Some(report) => {
                    let name = task.to_string();
                    let all = report.actions.iter().chain(&report.waiting);
                    lines.extend(all.filter(|i| i.subject == name).map(|i| {
                        let hint = i.hint.as_ref().map(|h| format!(" (hint: {h})")).unwrap_or_default();
                        format!("{}: {}{hint}", i.verb, i.reason)
                    }));
                    if lines.is_empty() {
                        lines.push(
                            "its file was written less than a second ago and may not be complete".to_owned(),
                        );
                    }
                }
            }
            "waits"
        }
        Some(Place::Claimed) => {
            match sessions.holder(&task).and_then(|h| Some((h, h.lease.as_ref()?))) {
                Some((holder, lease)) => lines.extend(holder_lines(env, holder, lease)),
                None => lines.push(match sessions.broken.first() {
                    Some(broken) => format!("who has it cannot be told: {}", broken.error),
                    None => format!(
                        "no session has it (hint: claude-failover task retry {} --project {})",
                        task.id, project.name
                    ),
                }),
            }
            "is claimed"
        }
        Some(Place::Done) => "is done",
        Some(Place::Failed) => "has failed",
        Some(Place::Nowhere) => return Err(super::task::unknown(&project, &task)),
        None => "cannot be seen",
    };
    match env.store.task(&task) {
        Ok(record) => lines.extend(record.iter().flat_map(|r| &r.attempts).map(|a| {
            let resumed = if a.resumes > 0 { format!(", resumed {}×", a.resumes) } else { String::new() };
            let (from, to) = (local(a.started, &env.zone), local(a.ended, &env.zone));
            format!("attempt {} in `{}`{resumed}, {from} to {to}: {}: {}", a.number, a.session, a.result, a.reason)
        })),
        Err(e) => lines.push(format!("its tries cannot be told: {}", crate::error::messages_of(&e).join(": "))),
    }
    Ok((format!("task `{task}` {state}"), lines))
}

/// The session that has a task, as it is now.
fn holder_lines(env: &Env, holder: &SessionRecord, lease: &Lease) -> Vec<String> {
    let tmux = env.tmux();
    let now = look::at(env, &tmux, &Scene::of(&tmux), holder).0.note;
    let mut lines = vec![
        format!(
            "session `{}` has had it since {}, attempt {}",
            holder.name,
            local(lease.claimed, &env.zone),
            lease.attempt
        ),
        format!("delivery: {} since {}", lease.phase.as_str(), local(lease.since, &env.zone)),
        format!("the session is {}: {}", now.state, now.evidence.join("; ")),
    ];
    if lease.resumes > 0 {
        lines.push(format!("its conversation was resumed {}×", lease.resumes));
    }
    if lease.nudges > 0 {
        lines.push(format!("it was told {}× to carry on", lease.nudges));
    }
    lines
}

/// Why a session is thought to be what it is.
///
/// # Errors
/// If nothing is known of it.
pub fn session(env: &Env, name: &SessionName) -> Result<Explained> {
    let Some(record) = env.store.session(name)? else {
        let pool = env.config.pool.names().contains(name);
        if pool {
            return Ok((
                format!("session `{name}` was never launched"),
                vec!["it is a free name of the pool".into()],
            ));
        }
        if env.config.dedicated(name).is_some() {
            let lines = vec![format!("hint: claude-failover launch {name}")];
            return Ok((format!("session `{name}` was never launched"), lines));
        }
        return Err(anyhow!("nothing is known of session `{name}`"))
            .hint("`claude-failover status` lists the sessions");
    };
    let tmux = env.tmux();
    let scene = Scene::of(&tmux);
    let (now, seen) = look::at(env, &tmux, &scene, &record);
    if !record.is_live() && env.pool(&record).is_some() {
        let mut lines = vec!["it is a free name of the pool".to_owned()];
        lines.extend(record.held(env.now).map(|why| format!("left alone for a while: {why}")));
        lines.extend(record.note.evidence.iter().map(|e| format!("last seen: {e}")));
        return Ok((format!("no client runs in session `{name}`"), lines));
    }
    let mut lines: Vec<String> = now.note.evidence.clone();
    lines.extend(record.held(env.now).map(|why| format!("no task goes to it for a while: {why}")));
    lines.push(format!("decided by: {}", now.note.source));
    lines.push(match &seen.pane {
        PaneView::Present(p) => format!(
            "tmux: pane {} pid {}, {} attached{}{}",
            p.id,
            p.pid,
            p.attached,
            if p.in_mode { ", in copy mode" } else { "" },
            p.typed.map(|t| format!(", last key {} ago", words(env.now.duration_since(t)))).unwrap_or_default()
        ),
        PaneView::Foreign(pid) => format!("tmux: a session that is not ours, pid {pid}"),
        PaneView::Missing => "tmux: no such session".into(),
        PaneView::NoServer => "tmux: no server".into(),
        PaneView::Unasked(e) => format!("tmux: {e}"),
    });
    let ago = |what: &str, seen: &Option<crate::model::event::Seen>| {
        seen.as_ref().map(|s| {
            format!("last {what}: {} ago {}", words(env.now.duration_since(s.at)), s.what).trim_end().to_owned()
        })
    };
    lines.extend(ago("start", &now.digest.start));
    lines.extend(ago("prompt", &now.digest.prompt));
    lines.extend(ago("tool", &now.digest.tool));
    lines.extend(ago("end of a turn", &now.digest.stop));
    lines.extend(ago("failed turn", &now.digest.failure));
    if let Some(lease) = &now.lease {
        lines.push(format!("task `{}`, attempt {}, {}", lease.task, lease.attempt, lease.phase.as_str()));
    }
    if record.note.state != now.note.state {
        lines.push(format!("the last `watch` said: {}", record.note.state));
    }
    let since = words(env.now.duration_since(now.note.since));
    Ok((format!("session `{name}` has been {} for {since}", now.note.state), lines))
}

//! `explain`: why a task waits, or what became of it; why a session is thought to be what it is.

use anyhow::{Result, anyhow};

use crate::act::look::{self, Scene};
use crate::env::{Env, local};
use crate::error::{Exit, Mark};
use crate::model::name::{SessionName, TaskId};
use crate::model::observe::{PaneView, words};
use crate::model::queue::Place;
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
    let (subject, lines) = match &args.what {
        What::Task { task, project } => task_lines(env, task, project.as_deref())?,
        What::Session { session } => session_lines(env, session)?,
    };
    if env.out.json {
        env.out.object(&serde_json::json!({ "version": 1, "subject": subject, "because": lines }));
    } else {
        env.out.text(&format!("{subject}\n{}", lines.iter().map(|l| format!("  {l}\n")).collect::<String>()));
    }
    Ok(Exit::Done)
}

fn task_lines(env: &Env, text: &str, given: Option<&str>) -> Result<(String, Vec<String>)> {
    let (of_text, id) = match text.split_once(':') {
        Some((project, id)) => (Some(project), id),
        None => (None, text),
    };
    let id = TaskId::new(id).exit(Exit::Usage)?;
    let wanted = of_text.or(given);
    let projects = queue::projects(&env.config);
    let found = projects.iter().filter(|p| wanted.is_none_or(|w| p.name.as_str() == w)).find_map(|p| {
        match queue::place(&p.path, &id) {
            None | Some(Place::Nowhere) => None,
            Some(place) => Some((p, place)),
        }
    });
    let Some((project, place)) = found else {
        return Err(anyhow!("no task `{id}`{}", wanted.map(|w| format!(" in project `{w}`")).unwrap_or_default()))
            .hint("`claude-failover task list --all` lists the tasks");
    };
    let task = crate::model::name::TaskRef { project: project.name.clone(), id: id.clone() };
    let mut lines = Vec::new();
    let sessions = env.store.sessions()?;
    let state = match place {
        Place::Waiting => {
            let report = super::dispatch::preview(env)?;
            match report {
                None => lines.push("no pool session is idle".to_owned()),
                Some(report) => {
                    let name = task.to_string();
                    let all = report.actions.iter().chain(&report.waiting);
                    lines.extend(all.filter(|i| i.subject == name).map(|i| {
                        let hint = i.hint.as_ref().map(|h| format!(" (hint: {h})")).unwrap_or_default();
                        format!("{} {}{hint}", i.verb, i.reason)
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
        Place::Claimed => {
            match sessions.holder(&task).and_then(|h| Some((h, h.lease.as_ref()?))) {
                Some((holder, lease)) => {
                    let since = local(lease.claimed, &env.zone);
                    lines.push(format!(
                        "session `{}` has had it since {since}, attempt {}",
                        holder.name, lease.attempt
                    ));
                    lines.push(format!(
                        "delivery: {} since {}",
                        lease.phase.as_str(),
                        local(lease.since, &env.zone)
                    ));
                    lines.push(format!(
                        "the session is {}: {}",
                        holder.note.state,
                        holder.note.evidence.join("; ")
                    ));
                    if lease.resumes > 0 {
                        lines.push(format!("its conversation was resumed {} times", lease.resumes));
                    }
                }
                None => lines.push(format!(
                    "no session has it (hint: claude-failover task retry {id} --project {})",
                    project.name
                )),
            }
            "is claimed"
        }
        Place::Done => "is done",
        Place::Failed => "has failed",
        Place::Nowhere => "is nowhere",
    };
    if let Some(record) = env.store.task(&task)? {
        for a in &record.attempts {
            lines.push(format!(
                "attempt {} in `{}`, {} to {}: {}: {}",
                a.number,
                a.session,
                local(a.started, &env.zone),
                local(a.ended, &env.zone),
                a.result,
                a.reason
            ));
        }
    }
    Ok((format!("task `{task}` {state}"), lines))
}

fn session_lines(env: &Env, name: &SessionName) -> Result<(String, Vec<String>)> {
    let Some(record) = env.store.session(name)? else {
        let pool = env.config.pool.names().contains(name);
        if pool {
            return Ok((
                format!("session `{name}` was never launched"),
                vec!["it is a free name of the pool".into()],
            ));
        }
        return Err(anyhow!("nothing is known of session `{name}`"))
            .hint("`claude-failover status` lists the sessions");
    };
    let tmux = env.tmux();
    let scene = Scene::of(&tmux);
    let (now, seen) = look::at(env, &tmux, &scene, &record);
    let mut lines: Vec<String> = now.note.evidence.clone();
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
    Ok((format!("session `{name}` is {} since {since}", now.note.state), lines))
}

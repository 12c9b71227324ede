//! `task list` and `task show`.

use anyhow::{Result, anyhow};

use super::{Which, archived, project, unknown};
use crate::config::Project;
use crate::env::{Env, local};
use crate::error::Exit;
use crate::model::front_matter::{self, Header};
use crate::model::name::{TaskId, TaskRef};
use crate::model::queue::Place;
use crate::model::session::SessionRecord;
use crate::output::{FAINT, STRONG, cut, table};
use crate::sys::queue;
use crate::sys::queue::Paths;

/// List tasks
#[derive(Debug, clap::Args)]
pub struct List {
    /// Only this project: its name or directory
    #[arg(short, long)]
    project: Option<String>,
    /// Finished tasks as well
    #[arg(short, long)]
    all: bool,
    /// The tasks that `janitor` has archived, newest month first
    #[arg(long, conflicts_with = "all")]
    archived: bool,
}

/// One line of the list.
pub struct Row {
    pub task: TaskRef,
    pub state: &'static str,
    pub header: Result<Header, front_matter::Fault>,
    pub what: String,
}

/// Lists tasks.
///
/// # Errors
/// If the project is unknown or the state cannot be read.
pub fn list(env: &Env, args: &List) -> Result<Exit> {
    let projects = match &args.project {
        Some(name) => vec![project(env, Some(name))?],
        None => queue::projects(&env.config),
    };
    let rows = if args.archived {
        let mut rows = Vec::new();
        for project in &projects {
            archived::rows(env, project, &mut rows)?;
        }
        rows
    } else {
        rows(env, &projects, args.all)?
    };
    if env.out.json {
        env.out.object(&json(&rows));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        env.out.note("no tasks");
        return Ok(Exit::Done);
    }
    let mut cells = vec![["TASK", "STATE", "PRIORITY", "TITLE"].map(str::to_owned).to_vec()];
    for row in &rows {
        let (priority, title) = match &row.header {
            Ok(h) => (h.priority.as_str().to_owned(), h.title.clone().unwrap_or_default()),
            Err(fault) => ("-".to_owned(), fault.to_string()),
        };
        let title = if row.what.is_empty() { title } else { format!("{title} ({})", row.what) };
        cells.push(vec![row.task.to_string(), row.state.to_owned(), priority, cut(title.trim(), 80)]);
    }
    env.out.text(&table(&cells, &|r, c| match (r, c) {
        (0, _) => STRONG,
        (_, 2) => FAINT,
        _ => anstyle::Style::new(),
    }));
    Ok(Exit::Done)
}

/// The tasks of some projects, those that have ended as well if `all`.
///
/// # Errors
/// If the state cannot be read.
pub fn rows(env: &Env, projects: &[Project], all: bool) -> Result<Vec<Row>> {
    let sessions = env.store.sessions()?;
    let mut rows = Vec::new();
    for project in projects {
        rows_of(env, project, &sessions.records, all, &mut rows);
    }
    Ok(rows)
}

/// … for scripts.
#[must_use]
pub fn json(rows: &[Row]) -> serde_json::Value {
    let task = |r: &Row| {
        serde_json::json!({
            "task": r.task.id, "project": r.task.project, "state": r.state, "note": r.what,
            "title": r.header.as_ref().ok().and_then(|h| h.title.clone()),
            "priority": r.header.as_ref().ok().map(|h| h.priority),
        })
    };
    serde_json::json!({ "version": 1, "tasks": rows.iter().map(task).collect::<Vec<_>>() })
}

fn rows_of(env: &Env, project: &Project, sessions: &[SessionRecord], all: bool, rows: &mut Vec<Row>) {
    let max = env.config.dispatch.max_task_bytes;
    let read = queue::read(project, max, &env.zone);
    let paths = Paths::of(&project.path);
    let named = |id: &TaskId| TaskRef { project: project.name.clone(), id: id.clone() };
    let header = |path: &std::path::Path, id: &TaskId| match queue::read_task(path, max) {
        Ok(Some(text)) => front_matter::parse(&text, &project.name, id, &env.zone),
        Ok(None) => Ok(Header::default()),
        Err(fault) => Err(fault),
    };
    for id in &read.claimed {
        let task = named(id);
        let holder = sessions.iter().find(|s| s.lease.as_ref().is_some_and(|l| l.task == task));
        let what = holder.map_or_else(|| "no session has it".to_owned(), |s| format!("in `{}`", s.name));
        rows.push(Row { header: header(&paths.claimed(id), id), state: "claimed", task, what });
    }
    for w in read.waiting {
        rows.push(Row { task: named(&w.id), state: "waiting", header: w.header, what: String::new() });
    }
    for (name, fault) in read.refused {
        if let Ok(id) = TaskId::new("unusable-name") {
            rows.push(Row { task: named(&id), state: "held", header: Err(fault), what: name });
        }
    }
    if !all {
        return;
    }
    for (folder, state) in [("done", "done"), ("failed", "failed")] {
        let dir = project.path.join(queue::FOLDER).join(folder);
        let mut ids: Vec<TaskId> = std::fs::read_dir(&dir)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|e| TaskId::new(e.file_name().to_str()?.strip_suffix(".md")?).ok())
            .collect();
        ids.sort();
        for id in ids {
            let header = header(&dir.join(format!("{id}.md")), &id);
            let what = header.as_ref().ok().and_then(|h| h.outcome.as_ref()).map(|o| o.reason.clone());
            rows.push(Row { task: named(&id), state, header, what: what.unwrap_or_default() });
        }
    }
}

/// Prints a task.
///
/// # Errors
/// If it is unknown or cannot be read.
pub fn show(env: &Env, which: &Which) -> Result<Exit> {
    let (project, task) = match which.resolve(env) {
        Ok(found) => found,
        Err(e) => return archived::show_any(env, &which.task, e),
    };
    let paths = Paths::of(&project.path);
    let place = queue::place(&project.path, &task.id);
    let (path, state) = match place {
        Some(Place::Waiting) => (paths.waiting(&task.id), "waiting"),
        Some(Place::Claimed) => (paths.claimed(&task.id), "claimed"),
        Some(Place::Done) => (paths.done(&task.id), "done"),
        Some(Place::Failed) => (paths.failed(&task.id), "failed"),
        Some(Place::Nowhere) => return archived::show(env, &project, &task),
        None => return Err(unknown(&project, &task)),
    };
    let text = queue::read_task(&path, env.config.dispatch.max_task_bytes)
        .map_err(|fault| anyhow!("{fault}: `{}`", path.display()))?
        .unwrap_or_default();
    let record = env.store.task(&task)?;
    let sessions = env.store.sessions()?;
    let holder = sessions.holder(&task);
    if env.out.json {
        env.out.object(&serde_json::json!({
            "version": 1, "task": task.id, "project": task.project, "state": state, "path": path, "text": text,
            "attempts": record.map(|r| r.attempts).unwrap_or_default(),
            "lease": holder.and_then(|h| h.lease.clone()), "session": holder.map(|h| h.name.clone()),
        }));
        return Ok(Exit::Done);
    }
    env.out.note(&format!("{state}: {}", path.display()));
    if let Some(holder) = holder
        && let Some(lease) = &holder.lease
    {
        let since = local(lease.claimed, &env.zone);
        env.out.note(&format!(
            "in `{}` since {since}, attempt {}, {}",
            holder.name,
            lease.attempt,
            lease.phase.as_str()
        ));
    }
    for a in record.iter().flat_map(|r| &r.attempts) {
        env.out.note(&format!("attempt {} in `{}`: {}: {}", a.number, a.session, a.result, a.reason));
    }
    env.out.text(&text);
    Ok(Exit::Done)
}

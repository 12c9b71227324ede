//! Archived tasks in `task list --archived` and `task show`.

use anyhow::Result;

use super::list::Row;
use super::unknown;
use crate::config::Project;
use crate::env::Env;
use crate::error::Exit;
use crate::model::archive::{Archived, folder};
use crate::model::front_matter;
use crate::model::name::{TaskId, TaskRef};
use crate::sys::{archive, queue};

/// The archived tasks of a project.
///
/// # Errors
/// If its archives cannot be listed; one that is damaged is told.
pub(super) fn rows(env: &Env, project: &Project, rows: &mut Vec<Row>) -> Result<()> {
    let mut last: Option<(TaskId, String)> = None;
    archive::all(&project.path, &mut |path, task| {
        let task = match task {
            Ok(task) => task,
            Err(e) => {
                env.out.warn(&format!("{e:#}"));
                return Ok(());
            }
        };
        // A run that was killed may have put it there twice.
        let key = (task.task.clone(), task.sha256.clone());
        if last.replace(key.clone()) == Some(key) {
            return Ok(());
        }
        let header = front_matter::parse(&task.text, &project.name, &task.task, &env.zone);
        let reason = header.as_ref().ok().and_then(|h| h.outcome.as_ref()).map(|o| o.reason.clone());
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let what = reason.map_or_else(|| file.to_string(), |reason| format!("{reason}; {file}"));
        let (state, id) = (folder(task.state), task.task);
        rows.push(Row { task: TaskRef { project: project.name.clone(), id }, state, header, what });
        Ok(())
    })
}

/// Prints an archived task of a project.
///
/// # Errors
/// If there is none, or its archive cannot be read.
pub(super) fn show(env: &Env, project: &Project, task: &TaskRef) -> Result<Exit> {
    match archive::find(&project.path, &task.id)? {
        Some((path, found)) => print(env, task, &path, &found),
        None => return Err(unknown(project, task)),
    }
    Ok(Exit::Done)
}

/// Prints an archived task that was named by its id alone, whose project has it nowhere else.
///
/// # Errors
/// The error with which it was not found in the queues, if no archive has it either.
pub(super) fn show_any(env: &Env, text: &str, error: anyhow::Error) -> Result<Exit> {
    let Ok(id) = TaskId::new(text.strip_suffix(".md").unwrap_or(text)) else { return Err(error) };
    let projects = queue::projects(&env.config);
    let mut found = projects.iter().filter(|p| archive::end_of(&p.path, &id).is_some());
    match (found.next(), found.next()) {
        (Some(project), None) => show(env, project, &TaskRef { project: project.name.clone(), id }),
        _ => Err(error),
    }
}

fn print(env: &Env, task: &TaskRef, path: &std::path::Path, found: &Archived) {
    let state = folder(found.state);
    if env.out.json {
        return env.out.object(&serde_json::json!({
            "version": 1, "task": task.id, "project": task.project, "state": state, "archived": true, "path": path,
            "text": found.text, "attempts": found.attempts,
        }));
    }
    env.out.note(&format!("{state}, archived: {}", path.display()));
    for a in &found.attempts {
        env.out.note(&format!("attempt {} in `{}`: {}: {}", a.number, a.session, a.result, a.reason));
    }
    env.out.text(&found.text);
}

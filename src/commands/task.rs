//! `task`: the queue by hand, for people, scripts and the agents themselves.

pub mod add;
mod archived;
pub mod list;
pub mod settle;

use anyhow::{Result, anyhow};

use crate::config::Project;
use crate::env::Env;
use crate::error::{Class, Exit, Mark, classed, hinted};
use crate::model::name::{TaskId, TaskRef};
use crate::model::queue::Place;
use crate::model::task::AttemptResult;
use crate::sys::{archive, paths, queue};

/// Add, list and settle tasks
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Add(add::Add),
    List(list::List),
    /// Print a task and what became of its tries
    Show(Which),
    /// Say that a task is done
    ///
    /// The agent that has it is told to do so. Said by a person, its session goes on with its turn.
    Done(settle::Change),
    Fail(settle::Fail),
    /// Queue a task again: one that is done, has failed, or was claimed by nobody
    Retry(settle::Change),
    /// Take a task out of the queue for good, and end the session that has it
    Cancel(settle::Change),
}

#[derive(Debug, clap::Args)]
pub struct InProject {
    /// The project: its name or directory (default: the one around the working directory)
    #[arg(short, long)]
    project: Option<String>,
}

#[derive(Debug, clap::Args)]
pub struct Which {
    /// The task: `id` or `project:id`
    task: String,
    #[command(flatten)]
    project: InProject,
}

/// Runs the command.
///
/// # Errors
/// If the task or its project is unknown, or a step fails.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.verb {
        Verb::Add(args) => add::add(env, args),
        Verb::List(args) => list::list(env, args),
        Verb::Show(which) => list::show(env, which),
        Verb::Done(change) => settle::settle(env, change, AttemptResult::Done, "said to be done", false),
        Verb::Fail(fail) => settle::fail(env, fail),
        Verb::Retry(change) => settle::retry(env, change),
        Verb::Cancel(change) => settle::cancel(env, change),
    }
}

/// The project that is meant: by name, by directory, or the one around the working directory.
///
/// # Errors
/// If there is no such project.
pub fn project(env: &Env, given: Option<&str>) -> Result<Project> {
    let projects = queue::projects(&env.config);
    if let Some(text) = given {
        if let Some(found) = projects.iter().find(|p| p.name.as_str() == text) {
            return Ok(found.clone());
        }
        let path = if text.is_empty() { None } else { Some(paths::absolute_path(text.as_ref())?) };
        let path = path.map(|path| path.canonicalize().unwrap_or(path));
        let same = |p: &&Project| path.is_some() && p.path.canonicalize().ok() == path;
        return projects
            .iter()
            .find(same)
            .cloned()
            .ok_or_else(|| anyhow!("no project `{}`", crate::model::name::shown(text)))
            .hint("`claude-failover config check` lists the projects")
            .class(Class::Unknown);
    }
    around(&projects)?
        .cloned()
        .ok_or_else(|| anyhow!("the working directory is in no project"))
        .hint("name the project with `--project`")
        .class(Class::Invalid)
}

/// The project around the working directory.
///
/// # Errors
/// If that directory is gone.
pub(super) fn around(projects: &[Project]) -> Result<Option<&Project>> {
    let here = paths::absolute_path(".".as_ref())?;
    let here = here.canonicalize().unwrap_or(here);
    let is_at = |p: &&Project, dir| p.path.canonicalize().is_ok_and(|real| real == dir);
    Ok(here.ancestors().find_map(|dir| projects.iter().find(|p| is_at(p, dir))))
}

impl Which {
    fn resolve(&self, env: &Env) -> Result<(Project, TaskRef)> {
        resolve(env, &self.task, self.project.project.as_deref())
    }
}

/// The task that a person means by `id`, `id.md` or `project:id`.
///
/// # Errors
/// If its project is unknown, or several projects have such a task.
pub fn resolve(env: &Env, text: &str, given: Option<&str>) -> Result<(Project, TaskRef)> {
    let given = match text.split_once(':') {
        Some((name, _)) => Some(name.to_owned()),
        None => given.map(str::to_owned),
    };
    let bare = text.split(':').next_back().unwrap_or_default();
    let id = TaskId::new(bare.strip_suffix(".md").unwrap_or(bare)).exit(Exit::Usage)?;
    // An id alone is enough where only one project has it; the one around us goes first.
    let here = project(env, None)
        .ok()
        .filter(|p| given.is_none() && !matches!(queue::place(&p.path, &id), None | Some(Place::Nowhere)));
    if let Some(here) = here {
        let task = TaskRef { project: here.name.clone(), id };
        return Ok((here, task));
    }
    if given.is_none() {
        let all = queue::projects(&env.config);
        let found: Vec<&Project> =
            all.iter().filter(|p| !matches!(queue::place(&p.path, &id), None | Some(Place::Nowhere))).collect();
        match found[..] {
            [one] => return Ok((one.clone(), TaskRef { project: one.name.clone(), id })),
            [] => {
                return Err(anyhow!("no task `{id}` in any project"))
                    .hint("`claude-failover task list --all`")
                    .class(Class::Unknown);
            }
            _ => {
                return Err(anyhow!("several projects have a task `{id}`"))
                    .hint("write `project:id`")
                    .class(Class::Conflict);
            }
        }
    }
    let project = project(env, given.as_deref())?;
    let task = TaskRef { project: project.name.clone(), id };
    Ok((project, task))
}

/// The error for a task that does not lie in the queue.
#[must_use]
pub fn unknown(project: &Project, task: &TaskRef) -> anyhow::Error {
    if archive::end_of(&project.path, &task.id).is_some() {
        let archived = anyhow!("archived: task `{task}`");
        let hint = format!("`claude-failover task show {task}` prints it; add it again to have it done again");
        return classed(hinted(archived, hint), Class::Conflict);
    }
    let error = anyhow!("no task `{}` in project `{}`", task.id, task.project);
    classed(hinted(error, format!("claude-failover task list --all --project {}", task.project)), Class::Unknown)
}

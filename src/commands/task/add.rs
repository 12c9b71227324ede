//! `task add`.

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use std::io::Read;
use std::path::PathBuf;

use super::{InProject, project};
use crate::config::Project;
use crate::env::Env;
use crate::error::{Class, Exit, Mark, hinted};
use crate::model::front_matter::{self, Priority};
use crate::model::name::{ProjectName, TaskId, TaskRef};
use crate::model::queue::Place;
use crate::sys::{atomic, queue};

/// Queue a task
///
/// The text comes from `--message`, a file, or standard input.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// A file with the text; `-` or nothing for standard input
    file: Option<PathBuf>,
    /// The text itself
    #[arg(short, long, conflicts_with = "file")]
    message: Option<String>,
    #[command(flatten)]
    project: InProject,
    /// The id (default: the time and the first words)
    #[arg(long)]
    id: Option<TaskId>,
    /// A title
    #[arg(long)]
    title: Option<String>,
    /// critical, high, default or low
    #[arg(long, value_parser = |s: &str| Priority::parse(s).ok_or("one of critical, high, default, low"))]
    priority: Option<Priority>,
    /// A task that must be done first: `id` or `project:id`; may be repeated
    #[arg(long, value_name = "TASK")]
    depends_on: Vec<String>,
    /// Not before this time: RFC 3339, or local `2026-01-31 18:00`
    #[arg(long, value_name = "TIME")]
    not_before: Option<String>,
    /// The model to run it with
    #[arg(long)]
    model: Option<String>,
    /// Print the task and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// A task that is to be queued, from whatever side.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTask {
    /// Its text, with or without front matter.
    pub text: String,
    /// Its id, if it is not to be made of the time and the first words.
    #[serde(default)]
    pub id: Option<TaskId>,
    /// A title.
    #[serde(default)]
    pub title: Option<String>,
    /// Its priority.
    #[serde(default)]
    pub priority: Option<Priority>,
    /// What must be done first: `id` or `project:id`.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Not before this time.
    #[serde(default)]
    pub not_before: Option<String>,
    /// The model to run it with.
    #[serde(default)]
    pub model: Option<String>,
}

/// A task that was queued.
#[derive(Clone, Debug, Serialize)]
pub struct Added {
    version: u32,
    /// Its id.
    pub task: TaskId,
    /// Its project.
    pub project: ProjectName,
    /// Its file.
    pub path: PathBuf,
}

/// Runs the command.
///
/// # Errors
/// If the project is unknown, the text cannot be used, or the id is taken.
pub fn add(env: &Env, args: &Add) -> Result<Exit> {
    let project = project(env, args.project.project.as_deref())?;
    let new = NewTask {
        text: text(env, args)?,
        id: args.id.clone(),
        title: args.title.clone(),
        priority: args.priority,
        depends_on: args.depends_on.clone(),
        not_before: args.not_before.clone(),
        model: args.model.clone(),
    };
    if args.dry_run {
        env.out.text(&checked(env, &project, &new)?.1);
        return Ok(Exit::Done);
    }
    let added = queue_new(env, &project, &new)?;
    if env.out.json {
        env.out.object(&added);
    } else {
        env.out.text(&format!("{}:{}", added.project, added.task));
        env.out.note(&format!("queued `{}`", added.path.display()));
    }
    Ok(Exit::Done)
}

fn text(env: &Env, args: &Add) -> Result<String> {
    let max = env.config.dispatch.max_task_bytes;
    Ok(match (&args.message, &args.file) {
        (Some(text), _) => format!("{text}\n"),
        (None, Some(path)) if path.as_os_str() != "-" => queue::read_task(path, max)
            .map_err(|fault| anyhow!("{fault}: `{}`", path.display()))?
            .ok_or_else(|| anyhow!("no such file: `{}`", path.display()))?,
        _ => {
            let mut text = String::new();
            std::io::stdin()
                .lock()
                .take(max + 1)
                .read_to_string(&mut text)
                .context("could not read standard input")?;
            text
        }
    })
}

/// The id of a new task and its file as it would be queued.
fn checked(env: &Env, project: &Project, new: &NewTask) -> Result<(TaskId, String)> {
    let max = env.config.dispatch.max_task_bytes;
    if new.text.len() as u64 > max {
        return Err(anyhow!("the text is larger than {max} bytes")).class(Class::Invalid);
    }
    let id = match &new.id {
        Some(id) => id.clone(),
        None => TaskId::new(default_id(env, new.title.as_deref().unwrap_or(&new.text)))?,
    };
    let text = with_keys(env, &new.text, new).class(Class::Invalid)?;
    let fault = |f: front_matter::Fault| match &f.hint {
        Some(hint) => hinted(anyhow!("{f}"), hint),
        None => anyhow!("{f}"),
    };
    front_matter::parse(&text, &project.name, &id, &env.zone).map_err(fault).class(Class::Invalid)?;
    Ok((id, text))
}

/// Queues a task.
///
/// # Errors
/// If its text or keys cannot be used, or the id is taken.
pub fn queue_new(env: &Env, project: &Project, new: &NewTask) -> Result<Added> {
    let (mut id, text) = checked(env, project, new)?;
    let path = {
        let mut locked = env.store.lock()?;
        let free = |id: &TaskId| queue::place(&project.path, id).is_none_or(|place| place == Place::Nowhere);
        if new.id.is_none() && !free(&id) {
            // Scripts queue several in one second, with the same first words.
            let next = (2..100).filter_map(|n| TaskId::new(format!("{id}-{n}")).ok()).find(free);
            id = next.unwrap_or(id);
        }
        match queue::add(&mut locked, &project.path, &id, &text) {
            Err(e) if atomic::is_taken(&e) => {
                let taken = Err(anyhow!("a task `{id}` waits already"));
                return taken.hint("choose another `--id`").class(Class::Conflict);
            }
            other => other?,
        }
    };
    env.store.kick("task");
    let task = TaskRef { project: project.name.clone(), id };
    super::settle::note(env, &task, "queued a task", "it was added");
    Ok(Added { version: 1, task: task.id, project: task.project, path })
}

/// `20260131-180000-first-words`.
fn default_id(env: &Env, text: &str) -> String {
    let body = front_matter::split(text).map_or(text, |s| s.body);
    let words: String = body
        .chars()
        .take(200)
        .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
        .collect();
    let words: Vec<&str> = words.split('-').filter(|w| !w.is_empty()).take(5).collect();
    let time = env.now.to_zoned(env.zone.clone()).strftime("%Y%m%d-%H%M%S").to_string();
    let mut id = [time, words.join("-")].join("-");
    id.truncate(80);
    id.trim_end_matches('-').to_owned()
}

/// The text with the keys of the command line in its front matter.
fn with_keys(env: &Env, text: &str, new: &NewTask) -> Result<String> {
    let mut keys = serde_yaml::Mapping::new();
    let mut set = |key: &str, value: serde_yaml::Value| keys.insert(key.into(), value);
    if let Some(title) = &new.title {
        set("title", title.clone().into());
    }
    if let Some(priority) = new.priority {
        set("priority", priority.as_str().into());
    }
    if !new.depends_on.is_empty() {
        set("depends_on", new.depends_on.clone().into());
    }
    if let Some(time) = &new.not_before {
        set("not_before", time.clone().into());
    }
    if let Some(model) = &new.model {
        set("model", model.clone().into());
    }
    set("created", env.now.to_string().into());
    if let Some(origin) = env.origin {
        // Who reads the task sees where it came from; it gives it no other rights.
        set("origin", origin.into());
    }
    let front = front_matter::split(text).map_err(|f| anyhow!("{f}"))?;
    let old: serde_yaml::Mapping = serde_yaml::from_str(front.yaml).unwrap_or_default();
    let twice: Vec<String> =
        keys.keys().filter(|k| old.contains_key(*k)).filter_map(|k| k.as_str().map(str::to_owned)).collect();
    for key in twice {
        if key == "origin" {
            bail!("`origin` cannot be given");
        }
        if key != "created" {
            bail!("`{key}` is given in the text and on the command line");
        }
        keys.remove(key.as_str());
    }
    let added = if keys.is_empty() { String::new() } else { serde_yaml::to_string(&keys)? };
    Ok(format!("---\n{}{added}---\n{}", front.yaml, front.body))
}

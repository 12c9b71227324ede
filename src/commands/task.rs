//! `task`: the queue by hand, for people, scripts and the agents themselves.

use anyhow::{Context, Result, anyhow, bail};
use std::io::Read;
use std::path::PathBuf;

use crate::act::end::{self, Ending};
use crate::act::stop;
use crate::config::Project;
use crate::env::{Env, local};
use crate::error::{Exit, Mark, hinted};
use crate::model::front_matter::{self, Header, Outcome, OutcomeResult, Priority};
use crate::model::name::{TaskId, TaskRef};
use crate::model::queue::Place;
use crate::model::session::SessionRecord;
use crate::model::task::{AttemptResult, TaskRecord};
use crate::output::{FAINT, STRONG, cut, table};
use crate::sys::queue::{End, Paths};
use crate::sys::store::LogEntry;
use crate::sys::{atomic, clock, paths, queue};

/// Add, list and settle tasks
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    Add(Add),
    List(List),
    /// Print a task and what became of its tries
    Show(Which),
    /// Say that a task is done
    ///
    /// The agent that has it is told to do so. Said by a person, its session goes on with its turn.
    Done(Change),
    Fail(Fail),
    /// Queue a task again: one that is done, has failed, or was claimed by nobody
    Retry(Change),
    /// Take a task out of the queue for good, and end the session that has it
    Cancel(Change),
}

/// Queue a task
///
/// The text comes from `--message`, a file, or standard input.
#[derive(Debug, clap::Args)]
struct Add {
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

#[derive(Debug, clap::Args)]
struct InProject {
    /// The project: its name or directory (default: the one around the working directory)
    #[arg(short, long)]
    project: Option<String>,
}

/// List tasks
#[derive(Debug, clap::Args)]
struct List {
    /// Only this project: its name or directory
    #[arg(short, long)]
    project: Option<String>,
    /// Finished tasks as well
    #[arg(short, long)]
    all: bool,
}

#[derive(Debug, clap::Args)]
struct Which {
    /// The task: `id` or `project:id`
    task: String,
    #[command(flatten)]
    project: InProject,
}

#[derive(Debug, clap::Args)]
struct Change {
    #[command(flatten)]
    which: Which,
    /// Print what would be done and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Give a task up
///
/// Said by a person, the client of the session that has it is ended.
#[derive(Debug, clap::Args)]
struct Fail {
    #[command(flatten)]
    change: Change,
    /// Why
    #[arg(long)]
    reason: Option<String>,
    /// Let it be tried again, if it has tries left
    #[arg(long)]
    again: bool,
}

/// Runs the command.
///
/// # Errors
/// If the task or its project is unknown, or a step fails.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    match &args.verb {
        Verb::Add(add_args) => add(env, add_args),
        Verb::List(list_args) => list(env, list_args),
        Verb::Show(which) => show(env, which),
        Verb::Done(change) => settle(env, change, AttemptResult::Done, "said to be done", false),
        Verb::Fail(fail) => {
            let reason = fail.reason.as_deref().unwrap_or("said to have failed");
            if !fail.change.dry_run {
                end_holder(env, &fail.change.which, "its task was given up")?;
            }
            settle(env, &fail.change, AttemptResult::Failed, reason, fail.again)
        }
        Verb::Retry(which) => retry(env, which),
        Verb::Cancel(which) => cancel(env, which),
    }
}

/// The project that is meant: by name, by directory, or the one around the working directory.
fn project(env: &Env, given: Option<&str>) -> Result<Project> {
    let projects = queue::projects(&env.config);
    if let Some(text) = given {
        if let Some(found) = projects.iter().find(|p| p.name.as_str() == text) {
            return Ok(found.clone());
        }
        let path = paths::absolute_path(text.as_ref())?;
        let path = path.canonicalize().unwrap_or(path);
        let same = |p: &&Project| p.path.canonicalize().is_ok_and(|real| real == path);
        return projects
            .iter()
            .find(same)
            .cloned()
            .ok_or_else(|| anyhow!("no project `{}`", crate::model::name::shown(text)))
            .hint("`claude-failover config check` lists the projects");
    }
    let here = paths::absolute_path(".".as_ref())?;
    let here = here.canonicalize().unwrap_or(here);
    here.ancestors()
        .find_map(|dir| projects.iter().find(|p| p.path.canonicalize().is_ok_and(|real| real == dir)))
        .cloned()
        .ok_or_else(|| anyhow!("the working directory is in no project"))
        .hint("name the project with `--project`")
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
            [] => return Err(anyhow!("no task `{id}` in any project")).hint("`claude-failover task list --all`"),
            _ => return Err(anyhow!("several projects have a task `{id}`")).hint("write `project:id`"),
        }
    }
    let project = project(env, given.as_deref())?;
    let task = TaskRef { project: project.name.clone(), id };
    Ok((project, task))
}

fn add(env: &Env, args: &Add) -> Result<Exit> {
    let project = project(env, args.project.project.as_deref())?;
    let max = env.config.dispatch.max_task_bytes;
    let text = match (&args.message, &args.file) {
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
            anyhow::ensure!(text.len() as u64 <= max, "the text is larger than {max} bytes");
            text
        }
    };
    let id = match &args.id {
        Some(id) => id.clone(),
        None => TaskId::new(default_id(env, args.title.as_deref().unwrap_or(&text)))?,
    };
    let text = with_keys(env, &text, args)?;
    let header = front_matter::parse(&text, &project.name, &id, &env.zone).map_err(|f| match &f.hint {
        Some(hint) => hinted(anyhow!("{f}"), hint),
        None => anyhow!("{f}"),
    })?;
    drop(header);
    if args.dry_run {
        env.out.text(&text);
        return Ok(Exit::Done);
    }
    let path = {
        let mut locked = env.store.lock()?;
        match queue::add(&mut locked, &project.path, &id, &text) {
            Err(e) if atomic::is_taken(&e) => {
                return Err(anyhow!("a task `{id}` waits already")).hint("choose another `--id`");
            }
            other => other?,
        }
    };
    env.store.kick("task");
    if env.out.json {
        env.out.object(&serde_json::json!({ "version": 1, "task": id, "project": project.name, "path": path }));
    } else {
        env.out.text(&format!("{}:{id}", project.name));
        env.out.note(&format!("queued `{}`", path.display()));
    }
    Ok(Exit::Done)
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
fn with_keys(env: &Env, text: &str, args: &Add) -> Result<String> {
    let mut keys = serde_yaml::Mapping::new();
    let mut set = |key: &str, value: serde_yaml::Value| keys.insert(key.into(), value);
    if let Some(title) = &args.title {
        set("title", title.clone().into());
    }
    if let Some(priority) = args.priority {
        set("priority", priority.as_str().into());
    }
    if !args.depends_on.is_empty() {
        set("depends_on", args.depends_on.clone().into());
    }
    if let Some(time) = &args.not_before {
        set("not_before", time.clone().into());
    }
    if let Some(model) = &args.model {
        set("model", model.clone().into());
    }
    set("created", env.now.to_string().into());
    let front = front_matter::split(text).map_err(|f| anyhow!("{f}"))?;
    let old: serde_yaml::Mapping = serde_yaml::from_str(front.yaml).unwrap_or_default();
    let twice: Vec<String> =
        keys.keys().filter(|k| old.contains_key(*k)).filter_map(|k| k.as_str().map(str::to_owned)).collect();
    for key in twice {
        if key != "created" {
            bail!("`{key}` is given in the text and on the command line");
        }
        keys.remove(key.as_str());
    }
    let added = if keys.is_empty() { String::new() } else { serde_yaml::to_string(&keys)? };
    Ok(format!("---\n{}{added}---\n{}", front.yaml, front.body))
}

/// One line of the list.
struct Row {
    task: TaskRef,
    state: &'static str,
    header: Result<Header, front_matter::Fault>,
    what: String,
}

fn list(env: &Env, args: &List) -> Result<Exit> {
    let projects = match &args.project {
        Some(name) => vec![project(env, Some(name))?],
        None => queue::projects(&env.config),
    };
    let sessions = env.store.sessions()?;
    let mut rows = Vec::new();
    for project in &projects {
        rows_of(env, project, &sessions.records, args.all, &mut rows);
    }
    if env.out.json {
        let tasks: Vec<_> = rows
            .iter()
            .map(|r| {
                serde_json::json!({
                    "task": r.task.id, "project": r.task.project, "state": r.state, "note": r.what,
                    "title": r.header.as_ref().ok().and_then(|h| h.title.clone()),
                    "priority": r.header.as_ref().ok().map(|h| h.priority),
                })
            })
            .collect();
        env.out.object(&serde_json::json!({ "version": 1, "tasks": tasks }));
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

fn show(env: &Env, which: &Which) -> Result<Exit> {
    let (project, task) = which.resolve(env)?;
    let paths = Paths::of(&project.path);
    let place = queue::place(&project.path, &task.id);
    let (path, state) = match place {
        Some(Place::Waiting) => (paths.waiting(&task.id), "waiting"),
        Some(Place::Claimed) => (paths.claimed(&task.id), "claimed"),
        Some(Place::Done) => (paths.done(&task.id), "done"),
        Some(Place::Failed) => (paths.failed(&task.id), "failed"),
        _ => return Err(unknown(&task)),
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

/// The error for a task that lies nowhere.
#[must_use]
pub fn unknown(task: &TaskRef) -> anyhow::Error {
    let error = anyhow!("no task `{}` in project `{}`", task.id, task.project);
    hinted(error, format!("claude-failover task list --all --project {}", task.project))
}

/// Ends a task by word of mouth: through the session that has it, or where it lies.
fn settle(env: &Env, change: &Change, result: AttemptResult, reason: &str, again: bool) -> Result<Exit> {
    let (project, task) = change.which.resolve(env)?;
    let sessions = env.store.sessions()?;
    if let (Some(agent), Some(holder)) = (own_session(env), sessions.holder(&task))
        && agent != holder.name.as_str()
    {
        // An agent of an earlier try must not end the one that another session is at.
        return Err(anyhow!("session `{agent}` does not have task `{task}` any more, `{}` has", holder.name));
    }
    if change.dry_run {
        env.out.text(&format!("would settle {task}: {result}: {reason}"));
        return Ok(Exit::Done);
    }
    let went = if let Some((holder, lease)) = sessions.holder(&task).and_then(|h| Some((h, h.lease.as_ref()?))) {
        let ending = Ending { result, reason, counted: true, retry: again, command: "task" };
        end::attempt(env, holder, lease, &ending)?.as_str()
    } else {
        let (end, word) = match result {
            AttemptResult::Done => (End::Done, "done"),
            _ => (End::Failed, "failed"),
        };
        match queue::place(&project.path, &task.id) {
            Some(Place::Done) if end == End::Done => "done",
            Some(Place::Failed) if end == End::Failed => "failed",
            // It is to be tried again and waits for that already: a run that was killed after giving it back.
            Some(Place::Waiting) if again => "waiting",
            Some(Place::Done) => return Err(anyhow!("done already: task `{task}`")).hint(retry_hint(&task)),
            Some(Place::Failed) => return Err(anyhow!("given up already: task `{task}`")).hint(retry_hint(&task)),
            Some(Place::Waiting | Place::Claimed) => {
                // The record may be damaged; the word of a person still counts.
                let record = env.store.task(&task).ok().flatten();
                let outcome = by_hand(result, reason, record.as_ref());
                let mut locked = env.store.lock()?;
                let max = env.config.dispatch.max_task_bytes;
                queue::finish(&mut locked, &project.path, &task.id, end, Some(&outcome), max)?;
                word
            }
            _ => return Err(unknown(&task)),
        }
    };
    said(env, &task, went);
    Ok(Exit::Done)
}

fn retry_hint(task: &TaskRef) -> String {
    format!("claude-failover task retry {} --project {}", task.id, task.project)
}

/// The session from within which we are called, if an agent calls us.
fn own_session(env: &Env) -> Option<String> {
    let state = paths::var("CLAUDE_FAILOVER_STATE_DIR")?;
    let session = paths::var("CLAUDE_FAILOVER_SESSION")?.into_string().ok()?;
    (state == env.store.root().as_os_str()).then_some(session)
}

/// The outcome of a task that no session has now, with the tries that it had.
fn by_hand(result: AttemptResult, reason: &str, record: Option<&TaskRecord>) -> Outcome {
    Outcome {
        result: if result == AttemptResult::Done { OutcomeResult::Done } else { OutcomeResult::Failed },
        reason: reason.to_owned(),
        finished: clock::now(),
        duration_seconds: 0,
        attempts: record.map(TaskRecord::notes).unwrap_or_default(),
        accounts: Vec::new(),
        conversation: None,
        tokens: None,
    }
}

fn said(env: &Env, task: &TaskRef, went: &str) {
    if env.out.json {
        env.out
            .object(&serde_json::json!({ "version": 1, "task": task.id, "project": task.project, "state": went }));
    } else {
        env.out.text(&format!("{went} {task}"));
    }
}

fn retry(env: &Env, change: &Change) -> Result<Exit> {
    let (project, task) = change.which.resolve(env)?;
    let sessions = env.store.sessions()?;
    if let Some(broken) = sessions.broken.first()
        && queue::place(&project.path, &task.id) == Some(Place::Claimed)
    {
        // Queued again it would run twice, if that very session is at it.
        return Err(anyhow!("it cannot be told who has task `{task}`: {}", broken.error))
            .hint(format!("`claude-failover stop {0}` ends its client; then move its record away", broken.name));
    }
    if let Some(holder) = sessions.holder(&task) {
        return Err(anyhow!("session `{}` has task `{task}`", holder.name))
            .hint(format!("claude-failover stop {}", holder.name));
    }
    if change.dry_run {
        env.out.text(&format!("would queue {task} again"));
        return Ok(Exit::Done);
    }
    let mut locked = env.store.lock()?;
    match queue::place(&project.path, &task.id) {
        Some(Place::Waiting) => {}
        // Claimed and nobody has it: what an earlier dispatcher left behind.
        Some(Place::Claimed) => queue::give_back(&mut locked, &project.path, &task.id)?,
        Some(Place::Done | Place::Failed) => {
            if let Some(mut record) = env.store.task(&task)? {
                record.forgiven = record.attempts.iter().map(|a| a.number).max().unwrap_or(0);
                locked.write_task(&record)?;
            }
            queue::requeue(&mut locked, &project.path, &task.id, env.config.dispatch.max_task_bytes)?;
        }
        _ => return Err(unknown(&task)),
    }
    drop(locked);
    env.store.kick("task");
    note(env, &task, "queued a task again");
    said(env, &task, "waiting");
    Ok(Exit::Done)
}

fn note(env: &Env, task: &TaskRef, what: &str) {
    env.note(&LogEntry {
        command: "task",
        what,
        why: "a person asked for it",
        task: Some(task.to_string()),
        ..LogEntry::default()
    });
}

/// Takes a task out of the queue for good: to `failed/`, its session ended.
fn cancel(env: &Env, change: &Change) -> Result<Exit> {
    if !change.dry_run {
        end_holder(env, &change.which, "its task was cancelled")?;
    }
    settle(env, change, AttemptResult::Failed, "cancelled", false)
}

/// Ends the client of the session that has a task, unless it is the very one that calls us.
fn end_holder(env: &Env, which: &Which, why: &str) -> Result<()> {
    let (_, task) = which.resolve(env)?;
    let sessions = env.store.sessions()?;
    let Some(holder) = sessions.holder(&task).filter(|_| own_session(env).is_none()) else { return Ok(()) };
    let Some(pool) = env.pool(holder) else { return Ok(()) };
    let held = env.store.wait_session_lock(&holder.name, "task")?;
    // Whoever had the lock may have ended the try.
    let Some(record) = env.store.session(&holder.name)? else { return Ok(()) };
    if record.lease.as_ref().is_some_and(|l| l.task == task) {
        stop::stop(env, &env.tmux(), &held, &pool, &record, why)?;
    }
    Ok(())
}

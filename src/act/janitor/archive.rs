//! Finished tasks into the archive: some thousand at a time, each shelf whole on disk before a file goes.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;

use crate::config::Project;
use crate::env::Env;
use crate::model::archive::{Shelf, folder, month};
use crate::model::front_matter::OutcomeResult;
use crate::model::janitor::{Left, Plan, Seen};
use crate::model::name::{TaskId, TaskRef, printable};
use crate::model::queue::Place;
use crate::model::task::Attempt;
use crate::sys::archive::{Open, Writer, folder_of, read_ended};
use crate::sys::files::{self, Entry};
use crate::sys::{atomic, queue};

/// So many tasks are held, by name alone, before they are put away.
const AT_ONCE: usize = 10_000;

/// So many files are removed under one hold of the state lock.
const UNDER_LOCK: usize = 64;

/// The smallest limit of a task file that can be archived, in bytes.
const LIMIT: u64 = 4 << 20;

/// The largest, whatever the configuration says, in bytes: a byte becomes six at most in an archive, whose lines are
/// read up to 128 MiB.
const MOST: u64 = 20 << 20;

/// What was archived, and what was not.
#[derive(Debug, Default)]
pub struct Archived {
    /// Tasks of each shelf that are in the archive alone now.
    pub moved: BTreeMap<Shelf, usize>,
    /// What was left alone, by reason.
    pub left: BTreeMap<String, Left>,
    /// Archives that cannot be read to their end.
    pub damaged: Vec<String>,
}

impl Archived {
    fn leave(&mut self, task: &TaskRef, why: String) {
        let left = self.left.entry(why).or_default();
        left.count += 1;
        if left.first.len() < 3 {
            left.first.push(task.to_string());
        }
    }
}

/// Archives the tasks of a project that the plan names.
///
/// # Errors
/// If a step fails; what was archived until then is.
pub fn archive(env: &Env, project: &Project, plan: &Plan, done: &mut Archived) -> Result<()> {
    let mine = || plan.archive.keys().filter(|shelf| shelf.project == project.name);
    if mine().next().is_none() {
        return Ok(());
    }
    let dir = folder_of(&project.path);
    if dir.is_symlink() {
        let left = done.left.entry("not archived: a symbolic link in a queue".to_owned()).or_default();
        left.count += 1;
        left.first.push(printable(&dir.to_string_lossy()));
        return Ok(());
    }
    let writer = Writer::open(&project.path)?;
    let mut job = Job { env, project, writer, open: BTreeMap::new(), done };
    for state in [OutcomeResult::Done, OutcomeResult::Failed] {
        if mine().any(|shelf| shelf.state == state) {
            job.folder(state, plan)?;
        }
    }
    // Last: until then the archives themselves are read.
    job.writer.index()
}

struct Job<'a> {
    env: &'a Env,
    project: &'a Project,
    writer: Writer,
    open: BTreeMap<Shelf, Open>,
    done: &'a mut Archived,
}

impl Job<'_> {
    /// Walks a folder once more and takes the files that are as the plan saw them.
    fn folder(&mut self, state: OutcomeResult, plan: &Plan) -> Result<()> {
        let dir = self.project.path.join(queue::FOLDER).join(folder(state));
        let mut pending: BTreeMap<Shelf, Vec<(TaskId, Seen)>> = BTreeMap::new();
        let mut held = 0;
        for entry in files::list(&dir) {
            let Entry::File(name, seen) = entry else { continue };
            let Some(id) = name.strip_suffix(".md").and_then(|stem| TaskId::new(stem).ok()) else { continue };
            let shelf = Shelf { project: self.project.name.clone(), state, month: month(seen.written) };
            let wanted = plan.archive.get(&shelf).is_some_and(|b| b.marks.binary_search(&seen.mark).is_ok());
            if !wanted {
                continue;
            }
            pending.entry(shelf).or_default().push((id, seen));
            held += 1;
            if held >= AT_ONCE
                && let Some(largest) = pending.iter().max_by_key(|(_, tasks)| tasks.len()).map(|p| p.0.clone())
                && let Some(tasks) = pending.remove(&largest)
            {
                held -= tasks.len();
                self.put(&largest, tasks, &dir)?;
            }
        }
        for (shelf, tasks) in pending {
            self.put(&shelf, tasks, &dir)?;
        }
        Ok(())
    }

    /// Puts tasks on a shelf, and then takes their files away.
    fn put(&mut self, shelf: &Shelf, mut tasks: Vec<(TaskId, Seen)>, dir: &Path) -> Result<()> {
        tasks.sort_by(|a, b| a.0.cmp(&b.0));
        if !self.open.contains_key(shelf) {
            let open = self.writer.shelf(shelf)?;
            self.done.damaged.extend(open.damaged.iter().cloned());
            self.open.insert(shelf.clone(), open);
        }
        let Some(open) = self.open.get_mut(shelf) else { return Ok(()) };
        let limit = self.env.config.dispatch.max_task_bytes.saturating_mul(2).clamp(LIMIT, MOST);
        let mut refused: Vec<(usize, String)> = Vec::new();
        let (env, project) = (self.env, self.project);
        let read = tasks.iter().enumerate().filter_map(|(n, (id, seen))| {
            let read = attempts(env, &task_of(project, id))
                .and_then(|tries| read_ended(seen, limit, &project.name, id, shelf.state, tries));
            read.map_err(|why| refused.push((n, why))).ok()
        });
        self.writer.add(open, read)?;
        for (n, why) in refused.into_iter().rev() {
            let (id, _) = tasks.remove(n);
            self.done.leave(&task_of(project, &id), format!("not archived: {why}"));
        }
        self.remove(shelf, &tasks, dir)
    }

    fn remove(&mut self, shelf: &Shelf, tasks: &[(TaskId, Seen)], dir: &Path) -> Result<()> {
        let mut moved = 0;
        let removed = tasks.chunks(UNDER_LOCK).try_for_each(|batch| self.remove_batch(batch, &mut moved));
        // What is gone is gone, and told, even if a later one failed.
        *self.done.moved.entry(shelf.clone()).or_default() += moved;
        removed?;
        let records = self.env.store.root().join("tasks").join(self.project.name.as_str());
        if records.is_dir() {
            atomic::settle(&records)?;
        }
        atomic::settle(dir)
    }

    fn remove_batch(&mut self, batch: &[(TaskId, Seen)], moved: &mut usize) -> Result<()> {
        let mut locked = self.env.store.lock()?;
        for (id, seen) in batch {
            // A person may have queued it again since: then it is the archive that has an older copy.
            if !files::is_as_seen(seen) || !atomic::unlink(&seen.path)? {
                self.done.leave(&task_of(self.project, id), "it has changed since the plan".into());
                continue;
            }
            *moved += 1;
            if queue::place(&self.project.path, id) == Some(Place::Nowhere) {
                locked.forget_task(&task_of(self.project, id))?;
            }
        }
        Ok(())
    }
}

fn task_of(project: &Project, id: &TaskId) -> TaskRef {
    TaskRef { project: project.name.clone(), id: id.clone() }
}

/// The tries of a task, which go with it: its record goes away.
fn attempts(env: &Env, task: &TaskRef) -> Result<Vec<Attempt>, String> {
    match env.store.task(task) {
        Ok(record) => Ok(record.map(|r| r.attempts).unwrap_or_default()),
        Err(_) => Err("its record is damaged".to_owned()),
    }
}

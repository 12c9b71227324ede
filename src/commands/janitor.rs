//! `janitor`: archives, puts back, prunes. One plan, printed by a dry run and carried out by a real one.

use anyhow::Result;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;

use crate::act::janitor::{self as hands, Did, Scene};
use crate::env::Env;
use crate::error::{Exit, exit_of};
use crate::model::archive::{Shelf, folder};
use crate::model::janitor::{Batch, Left, Plan, Rule, Step, mistrusts_clock, plan};
use crate::model::observe::words;
use crate::model::report::{Item, Report};
use crate::sys::lock::LockError;
use crate::sys::store::LogEntry;

/// Archive what is finished, put back what nobody has, remove what has had its time
///
/// Claimed tasks that no session has go back to their inbox; tasks in `done/` and `failed/` go to monthly archives by
/// age (`task list --archived`, `task show`); logs, events, temp files and other leftovers are removed. What is live,
/// has changed since the plan, or is unknown is left alone and said. Lock files are never removed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print what would be done, each thing with its reason and age, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    // Before the lock: whoever takes it notes the time there.
    let last = env.store.last_run("janitor");
    let mut report = Report { command: "janitor".into(), dry_run: args.dry_run, ..Report::default() };
    if args.dry_run {
        round(env, last, true, &mut report)?;
    } else {
        match env.store.run_lock("janitor") {
            Ok(_held) => round(env, last, false, &mut report)?,
            Err(busy @ LockError::Busy { .. }) => report.skipped = Some(busy.to_string()),
            Err(LockError::Failed(e)) => return Err(e),
        }
    }
    env.out.report(&report);
    Ok(report.exit())
}

fn round(env: &Env, last: Option<Timestamp>, dry_run: bool, report: &mut Report) -> Result<()> {
    let tmux = env.tmux();
    let scene = Scene::of(env, &tmux)?;
    let mut plan = plan(env.now, hands::found(env, &scene), &scene.known, &env.config.janitor.rules);
    if let Some(why) = mistrusts_clock(env.now, last) {
        plan = plan.harmless();
        if !dry_run {
            env.note(&LogEntry { command: "janitor", what: "removed nothing", why: &why, ..LogEntry::default() });
        }
        report.waiting.push(Item::new("what would be removed", "left alone", why));
    }
    leave(report, &plan.left);
    if dry_run {
        report.actions.extend(plan.steps.iter().map(|s| would(env, s)));
        report.actions.extend(plan.archive.iter().map(|(shelf, batch)| would_archive(shelf, batch)));
        let archived = plan.archive.values().map(|b| b.marks.len()).sum();
        report.summary = summary(archived, plan.steps.len(), true);
    } else {
        for (why, left) in plan.left.iter().filter(|(_, left)| left.is_claim) {
            note_claim(env, &names(left), why);
        }
        let mut told = Told::default();
        let mut busy = false;
        for step in &plan.steps {
            match hands::carry_out(env, &tmux, step) {
                Ok(Did::Done(word)) => told.done(env, step, word),
                Ok(Did::LeftAlone(why)) => {
                    if step.rule == Rule::StaleClaims {
                        note_claim(env, &step.subject, &why);
                    }
                    report.waiting.push(Item::new(subject(env, step), "left alone", why));
                }
                Err(e) => {
                    report.actions.push(Item::error(subject(env, step), step.rule.verb(), &e));
                    // Each further step would wait its ten seconds for the same lock.
                    busy = exit_of(&e) == Exit::Busy;
                    if busy {
                        break;
                    }
                }
            }
        }
        let things = told.0.values().map(Vec::len).sum();
        report.actions.extend(told.items(env));
        if plan.steps.iter().any(|step| step.rule == Rule::StaleClaims) {
            env.store.kick("task");
        }
        let archived = if busy { 0 } else { archive(env, &scene, &plan, report) };
        report.summary = summary(archived, things, false);
    }
    Ok(())
}

fn leave(report: &mut Report, left: &BTreeMap<String, Left>) {
    report.waiting.extend(left.iter().map(|(why, left)| Item::new(names(left), "left alone", why.clone())));
}

fn names(left: &Left) -> String {
    let names = left.first.join(", ");
    match left.count - left.first.len() {
        0 => names,
        more => format!("{names} and {more} more"),
    }
}

/// A timer's run is quiet: of a task that somebody waits for the log tells.
fn note_claim(env: &Env, tasks: &str, why: &str) {
    let task = Some(tasks.to_owned());
    env.note(&LogEntry { command: "janitor", what: "left a claim alone", why, task, ..LogEntry::default() });
}

fn subject(env: &Env, step: &Step) -> String {
    let short = crate::env::short(Path::new(&step.subject), env.store.root());
    format!("{} {}", step.rule.thing(), short.trim_start_matches("~/"))
}

fn would(env: &Env, step: &Step) -> Item {
    let reason = format!("{} ({}{})", step.why, words(step.age), size(step.bytes));
    Item::new(subject(env, step), &format!("would be {}", step.rule.verb()), reason)
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        1..1024 => format!(", {bytes} bytes"),
        1024..1_048_576 => format!(", {} KiB", bytes >> 10),
        _ => format!(", {} MiB", bytes >> 20),
    }
}

fn tasks(count: usize) -> String {
    if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") }
}

fn shelf_name(shelf: &Shelf) -> String {
    format!("{}:{} {}", shelf.project, folder(shelf.state), shelf.month)
}

fn would_archive(shelf: &Shelf, batch: &Batch) -> Item {
    let (count, age, file) = (tasks(batch.marks.len()), words(batch.oldest), shelf.file(1));
    let reason = format!("{count}, the oldest {age} old{}, into `archive/{file}`", size(batch.bytes));
    Item::new(shelf_name(shelf), "would be archived", reason)
}

/// Archives project by project: one whose disk is full does not hold up the others. How many tasks.
fn archive(env: &Env, scene: &Scene, plan: &Plan, report: &mut Report) -> usize {
    let mut all = 0;
    for project in &scene.projects {
        let mut done = hands::Archived::default();
        let result = hands::archive(env, project, plan, &mut done);
        for (shelf, count) in done.moved.iter().filter(|(_, count)| **count > 0) {
            let age = plan.archive.get(shelf).map(|b| words(b.oldest)).unwrap_or_default();
            let reason = format!("{}, the oldest {age} old", tasks(*count));
            env.note(&LogEntry {
                command: "janitor",
                what: "archived tasks",
                why: &format!("{}: {reason}", shelf_name(shelf)),
                project: Some(project.name.as_str()),
                ..LogEntry::default()
            });
            report.actions.push(Item::new(shelf_name(shelf), "archived", reason));
            all += count;
        }
        leave(report, &done.left);
        for name in done.damaged {
            let reason = "it cannot be read to its end; what is new goes to another file".to_owned();
            report.actions.push(Item::failed(format!("{}: {name}", project.name), "left alone", reason));
        }
        if let Err(e) = result {
            report.actions.push(Item::error(&project.name, "archived", &e));
            if exit_of(&e) == Exit::Busy {
                break;
            }
        }
    }
    all
}

/// What was done, told one by one where there is little of a kind.
#[derive(Default)]
struct Told(BTreeMap<(Rule, &'static str), Vec<Item>>);

/// So many things of one kind are told one by one.
const ONE_BY_ONE: usize = 20;

impl Told {
    fn done(&mut self, env: &Env, step: &Step, word: Option<&'static str>) {
        let verb = word.unwrap_or(step.rule.verb());
        let reason = format!("{} ({})", step.why, words(step.age));
        if step.rule == Rule::StaleClaims {
            let (what, task) = (format!("{verb} a {}", step.rule.thing()), Some(step.subject.clone()));
            env.note(&LogEntry { command: "janitor", what: &what, why: &reason, task, ..LogEntry::default() });
        }
        self.0.entry((step.rule, verb)).or_default().push(Item::new(subject(env, step), verb, reason));
    }

    fn items(self, env: &Env) -> Vec<Item> {
        let mut all = Vec::new();
        for ((rule, verb), items) in self.0 {
            let items = match items.len() {
                0..=ONE_BY_ONE => items,
                n => vec![Item::new(format!("{n} {}s", rule.thing()), verb, items[0].reason.clone())],
            };
            // Claims stand in the log already, each under the name of its task.
            for item in items.iter().filter(|_| rule != Rule::StaleClaims) {
                let what = format!("{verb} {}", item.subject);
                let why = item.reason.as_str();
                env.note(&LogEntry { command: "janitor", what: &what, why, ..LogEntry::default() });
            }
            all.extend(items);
        }
        all
    }
}

fn summary(archived: usize, things: usize, dry_run: bool) -> String {
    let (moved, did) = if dry_run { (" to archive", " to do") } else { (" archived", " done") };
    let things = match things {
        0 => None,
        1 => Some(format!("1 thing{did}")),
        n => Some(format!("{n} things{did}")),
    };
    let archived = (archived > 0).then(|| format!("{}{moved}", tasks(archived)));
    let parts: Vec<String> = archived.into_iter().chain(things).collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

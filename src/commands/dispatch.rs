//! `dispatch`: hands waiting tasks to idle pool sessions.

use anyhow::{Result, anyhow};
use std::collections::BTreeMap;

use crate::act::assign::{self, Carried, DISPATCHED, Job, PUT_BACK, UNSETTLED};
use crate::act::plan::{plan_with, read_all, slots};
use crate::env::Env;
use crate::error::{Exit, Mark};
use crate::model::dispatch::{Assignment, How, Plan, Refusal, SlotUse};
use crate::model::doctor::machine::{LEAST_BYTES, LEAST_INODES};
use crate::model::name::TaskRef;
use crate::model::queue::ProjectQueue;
use crate::model::report::{Item, Report};
use crate::model::session::{Phase, SessionRecord};
use crate::sys::lock::LockError;
use crate::sys::{process, queue};

/// Hand waiting tasks to idle pool sessions
///
/// Reads the inboxes, claims what can run now and delivers it: a new client gets the task as its
/// first prompt, an idle one a typed line. Leaves at once when no session is idle.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print the plan and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read or written.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let report = once(env, args.dry_run)?;
    env.out.report(&report);
    log::info!("{} child processes", process::spawned());
    Ok(report.exit())
}

/// One run, or its plan.
///
/// # Errors
/// If the state cannot be read or written.
pub fn once(env: &Env, dry_run: bool) -> Result<Report> {
    if dry_run {
        return Ok(preview(env)?.unwrap_or_else(|| Report { dry_run, ..idle_report() }));
    }
    match env.store.run_lock("dispatch") {
        Ok(_held) => cycle(env),
        Err(busy @ LockError::Busy { .. }) => {
            Ok(Report { command: "dispatch".into(), skipped: Some(busy.to_string()), ..Report::default() })
        }
        Err(LockError::Failed(e)) => Err(e),
    }
}

/// Everything that the decision rests on, and the decision.
struct Gathered {
    plan: Plan,
    /// Leases that an earlier run left before delivering them.
    unsent: Vec<SessionRecord>,
    queues: Vec<ProjectQueue>,
}

impl Gathered {
    fn report(&self, dry_run: bool) -> Report {
        let how = |a: &Assignment| match a.how {
            How::Launch => format!("launches `{}` on `{}`", a.session, a.account),
            How::Replace => format!("relaunches `{}` on `{}`", a.session, a.account),
            How::Type => format!("goes to idle `{}`", a.session),
        };
        let model = |a: &Assignment| a.model.as_deref().map_or(String::new(), |m| format!(", model {m}"));
        let mut report = Report { command: "dispatch".into(), dry_run, ..Report::default() };
        for record in &self.unsent {
            if let Some(lease) = &record.lease {
                let why = format!("claimed for `{}` and not delivered yet", record.name);
                report.actions.push(Item::new(&lease.task, "would deliver", why));
            }
        }
        for a in &self.plan.assign {
            let why = format!("priority {}: {}{}", a.priority.as_str(), how(a), model(a));
            report.actions.push(Item::new(&a.task, "would dispatch", why));
        }
        report.waiting = self.plan.waits.iter().map(crate::model::dispatch::Wait::item).collect();
        report.summary = summary(&report);
        report
    }
}

/// The report of a dry run, or `None` if no session is idle: for `explain`.
///
/// # Errors
/// If the state cannot be read.
pub fn preview(env: &Env) -> Result<Option<Report>> {
    Ok(gather_and_plan(env, &BTreeMap::new())?.map(|g| g.report(true)))
}

fn idle_report() -> Report {
    Report {
        command: "dispatch".into(),
        summary: "nothing to do: no idle pool session".into(),
        ..Report::default()
    }
}

fn summary(report: &Report) -> String {
    let count = |verb: &str| report.actions.iter().filter(|a| a.verb == verb).count();
    let failed = report.actions.iter().filter(|a| a.failed).count();
    let waits = report.waiting.len();
    if report.actions.is_empty() && waits == 0 {
        return "nothing to do: no task waits".to_owned();
    }
    if report.dry_run {
        let would = report.actions.len();
        return format!("would dispatch {would} of {} tasks", would + waits) + &part(waits, "wait");
    }
    let (done, unsettled, back) = (count(DISPATCHED), count(UNSETTLED), count(PUT_BACK));
    // A task that was put back and then taken by another session, or waits again, is one task.
    format!("dispatched {done} of {} tasks", done + unsettled + failed + waits)
        + &part(unsettled, "not confirmed yet")
        + &part(back, "put back")
        + &part(failed, "could not be delivered")
        + &part(waits, "wait")
}

fn part(count: usize, what: &str) -> String {
    if count == 0 { String::new() } else { format!(", {count} {what}") }
}

/// How often a run plans anew because a session turned out not to be free.
const ROUNDS: usize = 3;

/// One run under the run lock. `watch` calls it too when it has freed a session.
///
/// # Errors
/// If the state cannot be read, or there is no room to write it.
pub fn cycle(env: &Env) -> Result<Report> {
    let mut report = Report { command: "dispatch".into(), ..Report::default() };
    let tmux = env.tmux();
    let mut refused = BTreeMap::new();
    let mut rounds = 0;
    loop {
        let Some(gathered) = gather_and_plan(env, &refused)? else {
            if rounds == 0 && refused.is_empty() {
                return Ok(idle_report());
            }
            break;
        };
        settle_twins(env, &gathered.queues)?;
        if gathered.queues.iter().any(|queue| queue.unfinished) {
            // Whatever told of the file tells only once.
            env.store.kick("task");
        }
        report.waiting = gathered.plan.waits.iter().map(crate::model::dispatch::Wait::item).collect();
        let mut jobs: Vec<Job> = gathered.unsent.into_iter().map(|r| Job::Unsent(Box::new(r))).collect();
        jobs.extend(gathered.plan.assign.into_iter().map(|a| Job::Assign(Box::new(a))));
        if jobs.is_empty() {
            break;
        }
        if rounds == 0 {
            check_room(env)?;
            env.store.lock()?.sweep();
        }
        let (mut put_back, before) = (false, refused.len());
        for batch in jobs.chunks(env.config.dispatch.ramp as usize) {
            for carried in assign::together(env, &tmux, batch) {
                match carried {
                    Carried::Nothing => {}
                    Carried::Item(item) => {
                        // A session that was not free is held now; the next plan takes another one.
                        put_back |= item.verb == PUT_BACK;
                        report.actions.push(item);
                    }
                    Carried::Refused(task, refusal) => drop(refused.insert(task, refusal)),
                }
            }
        }
        rounds += usize::from(put_back);
        // Each refused task makes the next plan shorter; sessions that are not free could go on for ever.
        if (!put_back && refused.len() == before) || rounds >= ROUNDS {
            break;
        }
    }
    report.summary = summary(&report);
    Ok(report)
}

fn gather_and_plan(env: &Env, refused: &BTreeMap<TaskRef, Refusal>) -> Result<Option<Gathered>> {
    let sessions = env.store.sessions()?;
    let unsent: Vec<SessionRecord> = sessions
        .records
        .iter()
        .filter(|r| r.lease.as_ref().is_some_and(|l| l.phase == Phase::Claimed))
        .cloned()
        .collect();
    let slots = slots(env, &sessions);
    if unsent.is_empty() && slots.iter().all(|s| matches!(s.use_, SlotUse::Busy(_))) {
        return Ok(None);
    }
    let projects = queue::projects(&env.config);
    let waiting: Vec<_> = projects.iter().filter(|p| queue::has_waiting(&p.path)).cloned().collect();
    let queues = read_all(env, &waiting);
    let plan = plan_with(env, &sessions, &projects, &queues, refused);
    Ok(Some(Gathered { plan, unsent, queues }))
}

/// Takes the second name away of a task that a claim without `renameat2` was killed on, half way.
fn settle_twins(env: &Env, queues: &[ProjectQueue]) -> Result<()> {
    for q in queues {
        for id in q.claimed.iter().filter(|id| q.waiting.iter().any(|w| w.id == **id)) {
            queue::settle_twin(&mut env.store.lock()?, &q.path, id)?;
        }
    }
    Ok(())
}

/// Refuses to begin what a full disk would leave half done.
fn check_room(env: &Env) -> Result<()> {
    if let Some((bytes, inodes)) = queue::room(env.store.root())
        && (bytes < LEAST_BYTES || inodes < LEAST_INODES)
    {
        return Err(anyhow!(
            "no room to work: {bytes} bytes and {inodes} inodes are free at `{}`",
            env.store.root().display()
        ))
        .hint("free some space; nothing was changed");
    }
    Ok(())
}

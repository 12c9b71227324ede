//! `dispatch`: hands waiting tasks to idle pool sessions.

use anyhow::{Result, anyhow, bail};
use std::collections::BTreeMap;

use crate::act::deliver::{self, Delivery};
use crate::act::end::{self, Ending};
use crate::act::launch::{Spec, new_conversation};
use crate::act::stop;
use crate::env::Env;
use crate::error::{Exit, Mark, cause_of};
use crate::model::dispatch::{Assignment, How, Plan, Slot, SlotUse, Snapshot, plan, slot_use};
use crate::model::name::AccountName;
use crate::model::observe::words;
use crate::model::queue::{Place, dependencies};
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, Lease, Phase, SessionRecord};
use crate::model::task::{AttemptResult, TaskRecord};
use crate::sys::lock::LockError;
use crate::sys::store::{AccountRecord, LogEntry, Sessions};
use crate::sys::tmux::{Tmux, TmuxError};
use crate::sys::{atomic, clock, process, queue};
use jiff::SignedDuration;

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
    if args.dry_run {
        let report = preview(env)?.unwrap_or_else(idle_report);
        env.out.report(&report);
        return Ok(Exit::Done);
    }
    let report = match env.store.run_lock("dispatch") {
        Ok(_held) => cycle(env)?,
        Err(busy @ LockError::Busy { .. }) => {
            Report { command: "dispatch".into(), skipped: Some(busy.to_string()), ..Report::default() }
        }
        Err(LockError::Failed(e)) => return Err(e),
    };
    env.out.report(&report);
    log::info!("{} child processes", process::spawned());
    Ok(report.exit())
}

/// Everything that the decision rests on, and the decision.
struct Gathered {
    plan: Plan,
    /// Leases that an earlier run left before delivering them.
    unsent: Vec<SessionRecord>,
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
    Ok(gather_and_plan(env)?.map(|g| g.report(true)))
}

fn idle_report() -> Report {
    Report {
        command: "dispatch".into(),
        summary: "nothing to do: no idle pool session".into(),
        ..Report::default()
    }
}

fn summary(report: &Report) -> String {
    let (done, waits) = (report.actions.iter().filter(|a| !a.failed).count(), report.waiting.len());
    let failed = report.actions.len() - done;
    if report.actions.is_empty() && waits == 0 {
        return "nothing to do: no task waits".to_owned();
    }
    let verb = if report.dry_run { "would dispatch" } else { "dispatched" };
    let mut text = format!("{verb} {done} of {} tasks", done + failed + waits);
    if failed > 0 {
        text.push_str(&format!(", {failed} could not be delivered"));
    }
    if waits > 0 {
        text.push_str(&format!(", {waits} wait"));
    }
    text
}

/// One run under the run lock. `watch` calls it too when it has freed a session.
///
/// # Errors
/// If the state cannot be read, or there is no room to write it.
pub fn cycle(env: &Env) -> Result<Report> {
    let Some(gathered) = gather_and_plan(env)? else { return Ok(idle_report()) };
    let waiting = gathered.plan.waits.iter().map(crate::model::dispatch::Wait::item).collect();
    let mut report = Report { command: "dispatch".into(), waiting, ..Report::default() };
    if !gathered.plan.assign.is_empty() || !gathered.unsent.is_empty() {
        check_room(env)?;
        let tmux = env.tmux();
        env.store.lock()?.sweep();
        let mut jobs: Vec<Job> = gathered.unsent.into_iter().map(|r| Job::Unsent(Box::new(r))).collect();
        jobs.extend(gathered.plan.assign.into_iter().map(|a| Job::Assign(Box::new(a))));
        for batch in jobs.chunks(env.config.dispatch.ramp as usize) {
            let items: Vec<Option<Item>> = std::thread::scope(|scope| {
                let running: Vec<_> = batch.iter().map(|job| scope.spawn(|| carry_out(env, &tmux, job))).collect();
                running
                    .into_iter()
                    .map(|r| {
                        r.join()
                            .unwrap_or_else(|_| Some(Item::failed("dispatch", "failed", "a delivery panicked")))
                    })
                    .collect()
            });
            report.actions.extend(items.into_iter().flatten());
        }
    }
    report.summary = summary(&report);
    Ok(report)
}

fn gather_and_plan(env: &Env) -> Result<Option<Gathered>> {
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
    let queues: Vec<_> = projects
        .iter()
        .filter(|p| queue::has_waiting(&p.path))
        .map(|p| queue::read(p, env.config.dispatch.max_task_bytes, &env.zone))
        .collect();
    let places = queue::places(dependencies(&queues), &projects);
    let blocked = blocked_accounts(env)?;
    let client = &env.config.client;
    let plan = plan(
        env.now,
        &Snapshot {
            queues: &queues,
            slots,
            sessions: &sessions.records,
            places: &places,
            active: &env.config.active_account,
            blocked: &blocked,
            models: (client.model_critical.as_deref(), client.model.as_deref()),
            reuse: env.config.dispatch.reuse_sessions,
            max_attempts: env.config.dispatch.max_attempts,
        },
    );
    Ok(Some(Gathered { plan, unsent }))
}

fn slots(env: &Env, sessions: &Sessions) -> Vec<Slot> {
    let cooldown = env.config.dispatch.cooldown;
    env.config
        .pool
        .names()
        .into_iter()
        .map(|name| {
            let use_ = match sessions.broken.iter().find(|b| b.name == name.as_str()) {
                // What cannot be read is not free.
                Some(broken) => SlotUse::Busy(broken.error.clone()),
                None => slot_use(sessions.get(&name), env.now, cooldown),
            };
            Slot { name, use_ }
        })
        .collect()
}

fn blocked_accounts(env: &Env) -> Result<BTreeMap<AccountName, String>> {
    let mut blocked = BTreeMap::new();
    let active = &env.config.active_account;
    if let Some(record) = env.store.account(active)?
        && let Some(until) = record.not_before.filter(|t| env.now < *t)
    {
        let pause = words(until.duration_since(env.now));
        blocked.insert(active.clone(), format!("{}; next launch in {pause}", record.reason));
    }
    Ok(blocked)
}

/// Refuses to begin what a full disk would leave half done.
fn check_room(env: &Env) -> Result<()> {
    if let Some((bytes, inodes)) = queue::room(env.store.root())
        && (bytes < 4 << 20 || inodes < 64)
    {
        return Err(anyhow!(
            "no room to work: {bytes} bytes and {inodes} inodes are free at `{}`",
            env.store.root().display()
        ))
        .hint("free some space; nothing was changed");
    }
    Ok(())
}

enum Job {
    Assign(Box<Assignment>),
    Unsent(Box<SessionRecord>),
}

fn carry_out(env: &Env, tmux: &Tmux, job: &Job) -> Option<Item> {
    let (subject, done) = match job {
        Job::Assign(a) => (
            a.task.to_string(),
            claim(env, a).and_then(|claimed| match claimed {
                Some((record, lease)) => deliver(env, tmux, a, &record, &lease).map(Some),
                None => Ok(None),
            }),
        ),
        Job::Unsent(record) => (
            record.lease.as_ref().map(|l| l.task.to_string()).unwrap_or_default(),
            resume_unsent(env, tmux, record),
        ),
    };
    match done {
        Ok(item) => item,
        Err(e) => {
            let text = crate::error::messages_of(&e).join(": ");
            let hint = crate::error::hints_of(&e).first().map(|h| (*h).to_owned());
            Some(Item::failed(subject, "not dispatched", text).hint(hint))
        }
    }
}

/// Claims a task for a session: the lease first, then the rename. `None` if somebody was faster.
fn claim(env: &Env, a: &Assignment) -> Result<Option<(SessionRecord, Lease)>> {
    let mut locked = env.store.lock()?;
    let now = clock::now();
    let current = env.store.session(&a.session)?;
    if matches!(slot_use(current.as_ref(), now, env.config.dispatch.cooldown), SlotUse::Busy(_)) {
        return Ok(None);
    }
    if queue::place(&a.project_path, &a.task.id) != Some(Place::Waiting) {
        return Ok(None);
    }
    // The whole file this time: the plan has only seen its head.
    let path = queue::Paths::of(&a.project_path).waiting(&a.task.id);
    match queue::read_task(&path, env.config.dispatch.max_task_bytes) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(None),
        Err(fault) => bail!("{fault}: `{}`", path.display()),
    }
    let task = env.store.task(&a.task)?.unwrap_or_else(|| TaskRecord::new(a.task.clone()));
    let mut record = current.unwrap_or_else(|| SessionRecord::new(a.session.clone(), Kind::Pool));
    let lease = Lease {
        task: a.task.clone(),
        project_path: a.project_path.clone(),
        attempt: task.next_attempt(),
        phase: Phase::Claimed,
        since: now,
        claimed: now,
        resumes: 0,
        nudges: 0,
        carry_on: false,
        stall_after_seconds: a.stall_after_seconds,
        max_attempts: a.max_attempts,
    };
    record.lease = Some(lease.clone());
    locked.write_session(&record)?;
    if let Err(e) = queue::claim(&mut locked, &a.project_path, &a.task.id) {
        record.lease = None;
        locked.write_session(&record)?;
        return if atomic::is_gone(&e) || atomic::is_taken(&e) { Ok(None) } else { Err(e) };
    }
    queue::write_status(&mut locked, &a.project_path, "working", a.session.as_str(), a.task.id.as_str(), now);
    drop(locked);
    env.note(&LogEntry {
        command: "dispatch",
        what: "claimed a task",
        why: "it was its turn",
        session: Some(a.session.as_str()),
        task: Some(a.task.to_string()),
        ..LogEntry::default()
    });
    Ok(Some((record, lease)))
}

fn deliver(env: &Env, tmux: &Tmux, a: &Assignment, record: &SessionRecord, lease: &Lease) -> Result<Item> {
    let pool = record.as_pool().ok_or_else(|| anyhow!("session `{}` is not ours", record.name))?;
    let delivery = match a.how {
        How::Type => deliver::type_in(env, tmux, &pool, record, lease),
        How::Launch | How::Replace => {
            let replaced = if a.how == How::Replace || record.client.is_some() {
                stop::stop(env, tmux, &pool, record, "makes room for a task").map(|_| ())
            } else {
                Ok(())
            };
            replaced.and_then(|()| deliver::launch(env, tmux, &spec(a), lease))
        }
    };
    conclude(env, a, record, lease, delivery)
}

fn spec(a: &Assignment) -> Spec {
    Spec {
        session: a.session.clone(),
        kind: Kind::Pool,
        cwd: a.project_path.clone(),
        project: Some(a.task.project.clone()),
        account: a.account.clone(),
        model: a.model.clone(),
        conversation: new_conversation(),
        resume: false,
        prompt: None,
        why: format!("task `{}`", a.task),
    }
}

/// Success clears the account's record of failed launches; a refusal or a launch that failed gives
/// the task back uncounted, since it is not the task's fault.
fn conclude(
    env: &Env,
    a: &Assignment,
    record: &SessionRecord,
    lease: &Lease,
    delivery: Result<Delivery>,
) -> Result<Item> {
    let back = |reason: &str| {
        let ending =
            Ending { result: AttemptResult::Returned, reason, counted: false, retry: true, command: "dispatch" };
        end::attempt(env, record, lease, &ending)
    };
    match delivery {
        Ok(Delivery::Confirmed) => {
            if a.how != How::Type {
                note_launch(env, &a.account, None)?;
            }
            Ok(Item::new(&a.task, "dispatched", format!("`{}` has it (attempt {})", a.session, lease.attempt)))
        }
        Ok(Delivery::Unsettled(why)) => {
            let why = format!("sent to `{}`, not confirmed yet: {why}", a.session);
            Ok(Item::new(&a.task, "unsettled", why).hint(Some("`watch` settles it".to_owned())))
        }
        Ok(Delivery::Refused(why)) => {
            back(&why)?;
            Ok(Item::new(&a.task, "put back", format!("`{}` could not take it: {why}", a.session)))
        }
        Err(e) => {
            let reason = crate::error::messages_of(&e).join(": ");
            // A fault of tmux says nothing about the account's client.
            if a.how != How::Type && cause_of::<TmuxError>(&e).is_none() {
                note_launch(env, &a.account, Some(&reason))?;
            }
            back(&reason)?;
            Err(e)
        }
    }
}

/// Counts launches that did not get a client ready, so that a broken login or client does not eat
/// the queue: a growing pause for the account, told in `status`.
///
/// # Errors
/// If the record cannot be written.
pub fn note_launch(env: &Env, account: &AccountName, failed: Option<&str>) -> Result<()> {
    const PAUSES: [i64; 5] = [15, 30, 60, 120, 300];
    let mut locked = env.store.lock()?;
    let old = env.store.account(account)?;
    let mut record = old.clone().unwrap_or_else(|| AccountRecord::new(account.clone()));
    match failed {
        None => {
            record.failed_launches = 0;
            record.not_before = None;
            record.reason = String::new();
        }
        Some(why) => {
            let pause = PAUSES[(record.failed_launches as usize).min(PAUSES.len() - 1)];
            record.failed_launches += 1;
            record.not_before = clock::now().checked_add(SignedDuration::from_secs(pause)).ok();
            record.reason = why.to_owned();
        }
    }
    if old.as_ref() != Some(&record) && (failed.is_some() || old.is_some()) {
        locked.write_account(&record)?;
    }
    Ok(())
}

/// Carries on what an earlier run claimed and did not deliver: no key was sent for it.
fn resume_unsent(env: &Env, tmux: &Tmux, record: &SessionRecord) -> Result<Option<Item>> {
    let Some(lease) = &record.lease else { return Ok(None) };
    match queue::place(&lease.project_path, &lease.task.id) {
        Some(Place::Claimed) => {}
        // Killed between the lease and the rename: the file decides.
        Some(_) => {
            end::drop_lease(env, record, lease, "its task was not claimed after all", clock::now())?;
            return Ok(None);
        }
        None => return Ok(None),
    }
    let header = queue::read_task(
        &queue::Paths::of(&lease.project_path).claimed(&lease.task.id),
        env.config.dispatch.max_task_bytes,
    )
    .ok()
    .flatten()
    .and_then(|text| crate::model::front_matter::parse(&text, &lease.task.project, &lease.task.id, &env.zone).ok())
    .unwrap_or_default();
    let can_type = record.client.is_some() && record.cwd.as_deref() == Some(&*lease.project_path);
    let client = &env.config.client;
    let a = Assignment {
        task: lease.task.clone(),
        project_path: lease.project_path.clone(),
        session: record.name.clone(),
        how: if can_type { How::Type } else { How::Launch },
        account: env.config.active_account.clone(),
        model: header.model.clone().or_else(|| client.model.clone()),
        priority: header.priority,
        max_attempts: lease.max_attempts,
        stall_after_seconds: lease.stall_after_seconds,
    };
    deliver(env, tmux, &a, record, lease).map(Some)
}

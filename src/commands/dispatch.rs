//! `dispatch`: hands waiting tasks to idle pool sessions.

use anyhow::{Result, anyhow};
use std::collections::BTreeMap;

use crate::act::deliver::{self, Delivery, Wanted};
use crate::act::end::{self, Ending};
use crate::act::launch::{Spec, new_conversation};
use crate::act::stop;
use crate::config::Project;
use crate::env::Env;
use crate::error::{Exit, Mark, cause_of};
use crate::model::dispatch::{Assignment, How, Plan, Slot, SlotUse, Snapshot, plan, slot_use};
use crate::model::name::{AccountName, TaskRef};
use crate::model::observe::words;
use crate::model::queue::{Place, ProjectQueue, dependencies};
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, Lease, Phase, SessionRecord, State};
use crate::model::task::{AttemptResult, TaskRecord};
use crate::sys::lock::LockError;
use crate::sys::store::{AccountRecord, LogEntry, SessionLock, Sessions};
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

/// What became of a delivery, as the report says it.
const DISPATCHED: &str = "dispatched";
const UNSETTLED: &str = "unsettled";
const PUT_BACK: &str = "put back";
const NOT_DISPATCHED: &str = "not dispatched";

/// How often a run plans anew because a session turned out not to be free.
const ROUNDS: usize = 3;

/// One run under the run lock. `watch` calls it too when it has freed a session.
///
/// # Errors
/// If the state cannot be read, or there is no room to write it.
pub fn cycle(env: &Env) -> Result<Report> {
    let mut report = Report { command: "dispatch".into(), ..Report::default() };
    let tmux = env.tmux();
    let mut unusable = BTreeMap::new();
    for round in 0..ROUNDS {
        let Some(gathered) = gather_and_plan(env, &unusable)? else {
            if round == 0 {
                return Ok(idle_report());
            }
            break;
        };
        settle_twins(env, &gathered.queues)?;
        report.waiting = gathered.plan.waits.iter().map(crate::model::dispatch::Wait::item).collect();
        let mut jobs: Vec<Job> = gathered.unsent.into_iter().map(|r| Job::Unsent(Box::new(r))).collect();
        jobs.extend(gathered.plan.assign.into_iter().map(|a| Job::Assign(Box::new(a))));
        if jobs.is_empty() {
            break;
        }
        if round == 0 {
            check_room(env)?;
            env.store.lock()?.sweep();
        }
        let mut again = false;
        for batch in jobs.chunks(env.config.dispatch.ramp as usize) {
            for carried in carry_out_together(env, &tmux, batch) {
                match carried {
                    Carried::Nothing => {}
                    Carried::Item(item) => {
                        // A session that was not free is held now; the next plan takes another one.
                        again |= item.verb == PUT_BACK;
                        report.actions.push(item);
                    }
                    Carried::Unusable(task, why) => {
                        again = true;
                        unusable.insert(task, why);
                    }
                }
            }
        }
        if !again {
            break;
        }
    }
    report.summary = summary(&report);
    Ok(report)
}

fn carry_out_together(env: &Env, tmux: &Tmux, jobs: &[Job]) -> Vec<Carried> {
    std::thread::scope(|scope| {
        let running: Vec<_> = jobs.iter().map(|job| scope.spawn(|| carry_out(env, tmux, job))).collect();
        let panicked = |_| Carried::Item(Item::failed("dispatch", "failed", "a delivery panicked"));
        running.into_iter().map(|r| r.join().unwrap_or_else(panicked)).collect()
    })
}

/// What came of one job.
enum Carried {
    /// Somebody was faster, or works on the session.
    Nothing,
    /// Something to tell.
    Item(Item),
    /// The task cannot be used, as only the whole of its file could tell.
    Unusable(TaskRef, String),
}

fn gather_and_plan(env: &Env, unusable: &BTreeMap<TaskRef, String>) -> Result<Option<Gathered>> {
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
    let plan = plan_with(env, &sessions, &projects, &queues, unusable);
    Ok(Some(Gathered { plan, unsent, queues }))
}

fn read_all(env: &Env, projects: &[Project]) -> Vec<ProjectQueue> {
    projects.iter().map(|p| queue::read(p, env.config.dispatch.max_task_bytes, &env.zone)).collect()
}

/// All queues, and what a run would do with them: for `status`.
#[must_use]
pub fn plan_for(env: &Env, sessions: &Sessions, projects: &[Project]) -> (Vec<ProjectQueue>, Plan) {
    let queues = read_all(env, projects);
    let plan = plan_with(env, sessions, projects, &queues, &BTreeMap::new());
    (queues, plan)
}

fn plan_with(
    env: &Env,
    sessions: &Sessions,
    projects: &[Project],
    queues: &[ProjectQueue],
    unusable: &BTreeMap<TaskRef, String>,
) -> Plan {
    let places = queue::places(dependencies(queues), projects);
    let (blocked, behind) = blocked_accounts(env);
    let client = &env.config.client;
    plan(
        env.now,
        &Snapshot {
            queues,
            slots: slots(env, sessions),
            sessions: &sessions.records,
            places: &places,
            accounts: env.config.accounts.iter().map(|a| &a.name).collect(),
            active: &env.config.active_account,
            blocked: &blocked,
            unusable,
            behind: behind.as_ref(),
            models: (client.model_critical.as_deref(), client.model.as_deref()),
            reuse: env.config.dispatch.reuse_sessions,
            max_attempts: env.config.dispatch.max_attempts,
        },
    )
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

/// Accounts that cannot be used now, and the task whose client last did not start.
fn blocked_accounts(env: &Env) -> (BTreeMap<AccountName, String>, Option<TaskRef>) {
    let (mut blocked, mut behind) = (BTreeMap::new(), None);
    let active = &env.config.active_account;
    match env.store.account(active) {
        Ok(record) => {
            if let Some(record) = record {
                // A clock that went back must not pause it for longer than ever was meant.
                let left = record.not_before.map(|until| until.duration_since(env.now));
                let longest = SignedDuration::from_secs(PAUSES[PAUSES.len() - 1]);
                if let Some(left) = left.filter(|left| left.is_positive() && *left <= longest) {
                    let reason = &record.reason;
                    blocked.insert(active.clone(), format!("{reason}; next launch in {}", words(left)));
                }
                behind = record.failed_task;
            }
        }
        // What cannot be read is not known to be usable.
        Err(e) => drop(blocked.insert(active.clone(), crate::error::messages_of(&e).join(": "))),
    }
    (blocked, behind)
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

fn carry_out(env: &Env, tmux: &Tmux, job: &Job) -> Carried {
    let (session, subject) = match job {
        Job::Assign(a) => (&a.session, a.task.to_string()),
        Job::Unsent(r) => (&r.name, r.lease.as_ref().map(|l| l.task.to_string()).unwrap_or_default()),
    };
    let held = match env.store.session_lock(session, "dispatch") {
        Ok(held) => held,
        Err(busy @ LockError::Busy { .. }) => {
            log::info!("`{session}` is left alone: {busy}");
            return Carried::Nothing;
        }
        Err(LockError::Failed(e)) => return Carried::Item(Item::error(subject, NOT_DISPATCHED, &e)),
    };
    let done = match job {
        Job::Assign(a) => claim(env, a).and_then(|claim| match claim {
            Claim::Won(record, lease) => deliver(env, tmux, &held, a, &record, &lease).map(Carried::Item),
            Claim::Lost => Ok(Carried::Nothing),
            Claim::Unusable(why) => Ok(Carried::Unusable(a.task.clone(), why)),
        }),
        Job::Unsent(_) => resume_unsent(env, tmux, &held).map(|item| item.map_or(Carried::Nothing, Carried::Item)),
    };
    done.unwrap_or_else(|e| Carried::Item(Item::error(subject, NOT_DISPATCHED, &e)))
}

/// What came of trying to claim.
enum Claim {
    Won(Box<SessionRecord>, Lease),
    /// Somebody was faster, or something has changed since the plan was made.
    Lost,
    Unusable(String),
}

/// Claims a task for a session: the lease first, then the rename.
fn claim(env: &Env, a: &Assignment) -> Result<Claim> {
    let mut locked = env.store.lock()?;
    let now = clock::now();
    let sessions = env.store.sessions()?;
    let current = env.store.session(&a.session)?;
    if matches!(slot_use(current.as_ref(), now, env.config.dispatch.cooldown), SlotUse::Busy(_)) {
        return Ok(Claim::Lost);
    }
    if queue::place(&a.project_path, &a.task.id) != Some(Place::Waiting) {
        return Ok(Claim::Lost);
    }
    // Its file waits and a session still names it: a run that was killed while it gave the task back,
    // and whose client nobody has looked at since. `watch` does.
    if sessions.holder(&a.task).is_some() {
        return Ok(Claim::Lost);
    }
    // The whole file this time: the plan has only seen its head.
    let path = queue::Paths::of(&a.project_path).waiting(&a.task.id);
    match queue::read_task(&path, env.config.dispatch.max_task_bytes) {
        Ok(Some(_)) => {}
        Ok(None) => return Ok(Claim::Lost),
        Err(fault) => return Ok(Claim::Unusable(fault.to_string())),
    }
    let task = match env.store.task(&a.task) {
        Ok(task) => task.unwrap_or_else(|| TaskRecord::new(a.task.clone())),
        Err(e) => return Ok(Claim::Unusable(crate::error::messages_of(&e).join(": "))),
    };
    // Given back by an agent whose turn has not ended: two would be at it.
    if let Some(last) = task.attempts.last()
        && last.session != a.session
        && sessions.get(&last.session).is_some_and(SessionRecord::is_occupied)
    {
        return Ok(Claim::Lost);
    }
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
        nudged: None,
        mark: 0,
        transcript_from: 0,
        carry_on: false,
        stall_after_seconds: a.stall_after_seconds,
        max_attempts: a.max_attempts,
    };
    record.lease = Some(lease.clone());
    locked.write_session(&record)?;
    if let Err(e) = queue::claim(&mut locked, &a.project_path, &a.task.id) {
        record.lease = None;
        locked.write_session(&record)?;
        return if atomic::is_gone(&e) || atomic::is_taken(&e) { Ok(Claim::Lost) } else { Err(e) };
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
    Ok(Claim::Won(Box::new(record), lease))
}

fn deliver(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    a: &Assignment,
    record: &SessionRecord,
    lease: &Lease,
) -> Result<Item> {
    let pool = env.pool(record).ok_or_else(|| anyhow!("session `{}` is not ours", record.name))?;
    let spec = spec(a);
    let delivery = match a.how {
        How::Type => deliver::type_in(env, tmux, held, &pool, record, lease),
        How::Replace => match deliver::free_pane(env, tmux, &pool, record, Wanted::IdleOrShell)? {
            Ok(_) => stop::stop(env, tmux, held, &pool, record, "makes room for a task")
                .and_then(|_| deliver::launch(env, tmux, held, &spec, lease)),
            Err(why) => Ok(Delivery::Refused(why)),
        },
        How::Launch => deliver::launch(env, tmux, held, &spec, lease),
    };
    match conclude(env, a, record, lease, delivery)? {
        Concluded::Told(item) => Ok(item),
        Concluded::Failed(error) => {
            let now = env.store.session(&record.name)?;
            // Past its intent it may have been started all the same: only a client that is proved gone
            // gives its task back.
            let may_run = now.is_some_and(|r| r.conversation.as_ref() == Some(&spec.conversation));
            if may_run && let Err(e) = stop::stop(env, tmux, held, &pool, record, "its launch failed") {
                deliver::enter(env, &record.name, lease, Phase::Unknown)?;
                let why = format!("{}; {e}", crate::error::messages_of(&error).join(": "));
                return Ok(Item::new(&a.task, UNSETTLED, why).hint(Some("`watch` settles it".to_owned())));
            }
            let (result, reason) = (AttemptResult::Returned, crate::error::messages_of(&error).join(": "));
            let ending = Ending { result, reason: &reason, counted: false, retry: true, command: "dispatch" };
            end::attempt(env, record, lease, &ending)?;
            Err(error)
        }
    }
}

/// How a delivery ended.
enum Concluded {
    Told(Item),
    Failed(anyhow::Error),
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
) -> Result<Concluded> {
    let told = |item| Ok(Concluded::Told(item));
    match delivery {
        Ok(Delivery::Confirmed) => {
            if a.how != How::Type {
                note_launch(env, &a.account, None)?;
            }
            told(Item::new(&a.task, DISPATCHED, format!("`{}` has it (attempt {})", a.session, lease.attempt)))
        }
        Ok(Delivery::Unsettled(why)) => {
            let why = format!("sent to `{}`, not confirmed yet: {why}", a.session);
            told(Item::new(&a.task, UNSETTLED, why).hint(Some("`watch` settles it".to_owned())))
        }
        Ok(Delivery::Refused(why)) => {
            end::give_back(env, record, lease, &why)?;
            told(Item::new(&a.task, PUT_BACK, format!("`{}` could not take it: {why}", a.session)))
        }
        Err(e) => {
            let reason = crate::error::messages_of(&e).join(": ");
            match cause_of::<TmuxError>(&e) {
                Some(TmuxError::Taken { ours, .. }) => {
                    end::give_back(env, record, lease, &reason)?;
                    if *ours {
                        // Left by a run that was killed: `watch` looks at it and takes it over.
                        env.store.lock()?.update_session(&a.session, |r| r.note.state = State::Starting)?;
                    }
                    let why = format!("`{}` could not take it: {reason}", a.session);
                    let hint = crate::error::hints_of(&e).first().map(|h| (*h).to_owned());
                    return told(Item::new(&a.task, PUT_BACK, why).hint(hint));
                }
                // A fault of tmux says nothing about the account's client.
                Some(_) => {}
                None if a.how == How::Type => {}
                None => note_launch(env, &a.account, Some((&reason, &a.task)))?,
            }
            Ok(Concluded::Failed(e))
        }
    }
}

/// Pauses after the first, second … launch that failed, in seconds.
const PAUSES: [i64; 5] = [15, 30, 60, 120, 300];

/// Counts launches that did not get a client ready, so that a broken login or client does not eat
/// the queue: a growing pause for the account, told in `status`.
///
/// # Errors
/// If the record cannot be written.
pub fn note_launch(env: &Env, account: &AccountName, failed: Option<(&str, &TaskRef)>) -> Result<()> {
    let mut locked = env.store.lock()?;
    let old = env.store.account(account)?;
    let mut record = old.clone().unwrap_or_else(|| AccountRecord::new(account.clone()));
    match failed {
        None => {
            record.failed_launches = 0;
            record.not_before = None;
            record.reason = String::new();
            record.failed_task = None;
        }
        Some((why, task)) => {
            let pause = PAUSES[(record.failed_launches as usize).min(PAUSES.len() - 1)];
            record.failed_launches += 1;
            record.not_before = clock::now().checked_add(SignedDuration::from_secs(pause)).ok();
            record.reason = why.to_owned();
            record.failed_task = Some(task.clone());
        }
    }
    if old.as_ref() != Some(&record) && (failed.is_some() || old.is_some()) {
        locked.write_account(&record)?;
    }
    Ok(())
}

/// Carries on what an earlier run claimed and did not deliver: no key was sent for it.
fn resume_unsent(env: &Env, tmux: &Tmux, held: &SessionLock) -> Result<Option<Item>> {
    let Some(record) = &env.store.session(held.name())? else { return Ok(None) };
    let Some(lease) = record.lease.as_ref().filter(|l| l.phase == Phase::Claimed) else { return Ok(None) };
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
    let how = match (can_type, record.client.is_some()) {
        (true, _) => How::Type,
        (false, true) => How::Replace,
        (false, false) => How::Launch,
    };
    let client = &env.config.client;
    let a = Assignment {
        task: lease.task.clone(),
        project_path: lease.project_path.clone(),
        session: record.name.clone(),
        how,
        account: env.config.active_account.clone(),
        model: header.model.clone().or_else(|| client.model.clone()),
        priority: header.priority,
        max_attempts: lease.max_attempts,
        stall_after_seconds: lease.stall_after_seconds,
    };
    deliver(env, tmux, held, &a, record, lease).map(Some)
}

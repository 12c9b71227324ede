//! `watch`: looks at every session, finishes tasks, settles deliveries, brings the dead back.

use anyhow::{Result, anyhow};
use std::path::PathBuf;

mod follow;
mod news;
mod tamper;

use self::follow::follow;
use super::{dispatch, quota_check};
use crate::act::assign;
use crate::act::deliver::{self, Delivery, Wanted};
use crate::act::end::{self, Ending, Went};
use crate::act::launch::{self, Spec, new_conversation};
use crate::act::look::{self, Scene};
use crate::act::stop;
use crate::env::Env;
use crate::error::Exit;
use crate::model::name::SessionName;
use crate::model::notify::{Kind as EventKind, Telling};
use crate::model::observe::Observation;
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, Lease, Phase, SessionRecord, State};
use crate::model::task::AttemptResult;
use crate::model::watch::{Facts, Step, revival_pause, step};
use crate::sys::lock::LockError;
use crate::sys::store::{LogEntry, SessionLock};
use crate::sys::tmux::Tmux;
use crate::sys::{atomic, claude, clock, process, queue};

/// Look at every session: finish tasks, settle deliveries, bring back what died
///
/// One call to tmux tells all sessions; the client's own reports decide what each of them does.
/// When a session was freed, waiting tasks are handed out at once.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print what would be done and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Neither hand out tasks to sessions that were freed nor check quotas
    #[arg(long)]
    pub no_dispatch: bool,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let report = once(env, args)?;
    env.out.report(&report);
    log::info!("{} child processes", process::spawned());
    Ok(report.exit())
}

/// One run, or its plan.
///
/// # Errors
/// If the state cannot be read.
pub fn once(env: &Env, args: &Args) -> Result<Report> {
    let mut report = Report { command: "watch".into(), dry_run: args.dry_run, ..Report::default() };
    let mut seen = Round::default();
    if args.dry_run {
        round(env, true, &mut report)?;
    } else {
        match env.store.run_lock("watch") {
            Ok(_held) => seen = round(env, false, &mut report)?,
            Err(busy @ LockError::Busy { .. }) => report.skipped = Some(busy.to_string()),
            Err(LockError::Failed(e)) => return Err(e),
        }
    }
    if seen.limit
        && !args.no_dispatch
        && let Ok(_held) = env.store.run_lock("quota-check")
    {
        let mut checked = Report::default();
        if let Err(e) = quota_check::cycle(env, &mut checked) {
            checked.actions.push(Item::error("quota-check", "failed", &e));
        }
        log::info!("{}", checked.summary);
        report.actions.extend(checked.actions);
        report.waiting.extend(checked.waiting);
    }
    // The same gate as always: dispatch's own lock, its own look at everything.
    if seen.freed
        && !args.no_dispatch
        && let Ok(_held) = env.store.run_lock("dispatch")
    {
        let handed_out = dispatch::cycle(env)?;
        report.actions.extend(handed_out.actions);
    }
    report.summary = format!("{} sessions looked at, {}", report.summary, count(&report));
    Ok(report)
}

fn count(report: &Report) -> String {
    match report.actions.len() {
        0 => "nothing to do".to_owned(),
        1 => "1 action".to_owned(),
        n => format!("{n} actions"),
    }
}

/// What a look at everything asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Round {
    /// A session came free.
    freed: bool,
    /// A limit may have been hit.
    limit: bool,
}

/// One look at everything.
fn round(env: &Env, dry_run: bool, report: &mut Report) -> Result<Round> {
    let kicks = if dry_run { Vec::new() } else { env.store.take_kicks() };
    let kicked = |names: &[&str]| kicks.iter().any(|kick| names.contains(&kick.as_str()));
    // Somebody has queued something or finished it: as good a reason to hand out as a freed session.
    let mut freed = kicked(&["dispatch", "task"]);
    let mut limit = kicked(&["quota"]);
    let tmux = env.tmux();
    // Read afresh behind the look at the sessions. What cannot be read holds nobody: the lock of each
    // session does.
    let under_way = env.store.journal().unwrap_or_else(|e| {
        report.actions.push(Item::error("switch", "not seen", &e));
        None
    });
    let sessions = env.store.sessions()?;
    for broken in &sessions.broken {
        report.waiting.push(Item::new(&broken.name, "held", &broken.error).hint(broken.hint.clone()));
    }
    report.summary = sessions.records.len().to_string();
    if !sessions.records.iter().any(SessionRecord::is_live) {
        // Nothing runs that we know of: tmux need not even be asked.
        if !dry_run && under_way.is_some() {
            follow(env, &tmux, report);
        }
        return Ok(Round { freed, limit });
    }
    let scene = Scene::of(&tmux);
    if let Err(e) = &scene.tmux {
        // Nothing can be seen: a timer whose run found that out must not look green.
        report.actions.push(Item::failed("tmux", "not seen", e.to_string()).hint(e.hint()));
    }
    let mut due = Vec::new();
    let is_moving = |r: &SessionRecord| under_way.as_ref().is_some_and(|j| j.holds(&r.name));
    for record in sessions.records.iter().filter(|r| r.is_live() && !is_moving(r)) {
        let seen = Looked::at(env, &tmux, &scene, record);
        match &seen.step {
            Some(Step::Wait(why)) => {
                report.waiting.push(Item::new(&record.name, "waits", format!("{why}{}", seen.task())));
            }
            Some(step) if dry_run => {
                let (verb, why) = named(step);
                let would = format!("would be {verb}");
                report.actions.push(Item::new(&record.name, &would, format!("{why}{}", seen.task())));
            }
            Some(_) => due.push(&record.name),
            None => {}
        }
        report.waiting.extend(tamper::told(&seen.record));
        if !dry_run && seen.keep(env, record)? {
            tamper::entry(record, &seen.record).iter().for_each(|entry| env.note(entry));
            freed |= seen.came_idle(record);
            limit |= seen.came_to_a_limit(record);
        }
    }
    for batch in due.chunks(env.config.dispatch.ramp as usize) {
        let done: Vec<Result<Option<Acted>>> = std::thread::scope(|scope| {
            let running: Vec<_> = batch.iter().map(|name| scope.spawn(|| carry_out(env, &tmux, name))).collect();
            let panicked = |_| Err(anyhow!("a step panicked"));
            running.into_iter().map(|r| r.join().unwrap_or_else(panicked)).collect()
        });
        for (name, done) in batch.iter().zip(done) {
            match done {
                Ok(Some(acted)) => {
                    freed |= acted.freed;
                    report.actions.push(acted.item);
                }
                Ok(None) => {}
                Err(e) => report.actions.push(Item::error(name, "failed", &e)),
            }
        }
    }
    if !dry_run {
        follow(env, &tmux, report);
    }
    Ok(Round { freed, limit })
}

/// A session as one look has found it, and what is due.
struct Looked {
    record: SessionRecord,
    step: Option<Step>,
    /// The file that says that its task is done.
    signal: Option<PathBuf>,
}

impl Looked {
    fn at(env: &Env, tmux: &Tmux, scene: &Scene, old: &SessionRecord) -> Self {
        let (mut record, seen) = look::at(env, tmux, scene, old);
        let disarmed = tamper::look(env, &mut record);
        let facts = facts(env, tmux, scene, &record, &seen);
        let signal = done_signal(env, &record);
        let step = match (disarmed, &signal) {
            (Some(why), _) => Some(Step::Disarmed(why)),
            (None, Some(path)) => Some(Step::Finish(format!("`{}` says so", path.display()))),
            (None, None) => step(clock::now(), &record, &facts),
        };
        Self { record, step, signal }
    }

    fn task(&self) -> String {
        self.record.lease.as_ref().map(|l| format!(" (task `{}`)", l.task)).unwrap_or_default()
    }

    /// Writes what the look has found, unless somebody has changed the session meanwhile.
    fn keep(&self, env: &Env, old: &SessionRecord) -> Result<bool> {
        if self.record == *old {
            return Ok(true);
        }
        let mut locked = env.store.lock()?;
        if env.store.session(&old.name)?.as_ref() != Some(old) {
            return Ok(false);
        }
        // Before it is written: the next look will find nothing new in it.
        news::of(env, old, &self.record).iter().for_each(|entry| env.post(&mut locked, entry));
        locked.write_session(&self.record)?;
        Ok(true)
    }

    fn came_to_a_limit(&self, old: &SessionRecord) -> bool {
        self.record.note.state == State::Limited && old.note.state != State::Limited
    }

    fn came_idle(&self, old: &SessionRecord) -> bool {
        let new = &self.record;
        let is_new = new.note.state == State::Idle && old.note.state != State::Idle;
        is_new && new.lease.is_none() && new.kind == Kind::Pool
    }
}

/// What was done for a session.
struct Acted {
    item: Item,
    freed: bool,
}

/// Does what is due for a session: looks once more, alone with it, since the first look may be old by
/// now and somebody may have been faster.
fn carry_out(env: &Env, tmux: &Tmux, name: &SessionName) -> Result<Option<Acted>> {
    let held = match env.store.session_lock(name, "watch") {
        Ok(held) => held,
        Err(busy @ LockError::Busy { .. }) => {
            log::info!("`{name}` is left alone: {busy}");
            return Ok(None);
        }
        Err(LockError::Failed(e)) => return Err(e),
    };
    let Some(old) = env.store.session(name)? else { return Ok(None) };
    let scene = Scene::of(tmux);
    let looked = Looked::at(env, tmux, &scene, &old);
    let step = match &looked.step {
        None | Some(Step::Wait(_)) => return Ok(None),
        Some(step) => step,
    };
    if !looked.keep(env, &old)? {
        return Ok(None);
    }
    let (verb, why) = named(step);
    let freed = match apply(env, tmux, &held, &scene, &looked.record, step)? {
        Applied::Did(freed) => freed,
        Applied::LeftAlone(busy) => {
            let item = Item::new(name, "left alone", format!("{busy}{}", looked.task()));
            return Ok(Some(Acted { item, freed: false }));
        }
    };
    if let Some(path) = &looked.signal {
        atomic::remove(path)?;
    }
    let word = freed.map_or_else(String::new, |w| format!(", {}", w.as_str()));
    let item = Item::new(name, verb, format!("{why}{}{word}", looked.task()));
    Ok(Some(Acted { item, freed: freed.is_some() }))
}

/// What came of a step.
enum Applied {
    /// Done; where the task went, if it left the session.
    Did(Option<Went>),
    /// Not done: somebody is at the session.
    LeftAlone(String),
}

fn named(step: &Step) -> (&'static str, String) {
    match step {
        Step::DropLease(why) => ("freed", why.clone()),
        Step::Confirm(why) => ("confirmed", why.clone()),
        Step::SendAfresh(why) => ("sent afresh", why.clone()),
        Step::PressEnter => ("submitted", "its line stood in the composer".to_owned()),
        Step::Finish(why) => ("finished", why.clone()),
        Step::FailAttempt(why) => ("failed", why.clone()),
        Step::Return(why) | Step::Release(why) => ("put back", why.clone()),
        Step::CarryOn(why) => ("told to carry on", why.clone()),
        Step::Resume(why) => ("resumed", why.clone()),
        Step::Relaunch(why) => ("relaunched", why.clone()),
        Step::Forget(why) => ("forgotten", why.clone()),
        Step::Disarmed(why) => ("stopped", why.clone()),
        Step::Wait(why) => ("waits", why.clone()),
    }
}

fn facts<'a>(env: &Env, tmux: &Tmux, scene: &Scene, record: &SessionRecord, seen: &'a Observation) -> Facts<'a> {
    let lease = record.lease.as_ref();
    let unsettled = lease.is_some_and(|l| !matches!(l.phase, Phase::Confirmed | Phase::Claimed));
    let dead = record.note.state == State::Dead;
    let transcript = if dead || unsettled { look::transcript(env, record).ok() } else { None };
    let in_transcript = match (&transcript, lease) {
        (Some(Some(path)), Some(lease)) if unsettled => claude::holds_prompt(path, lease).ok(),
        (Some(None), _) => Some(false),
        _ => None,
    };
    let composer = match (unsettled && record.note.state == State::Idle, scene.pane(record)) {
        (true, Some(pane)) => tmux.composer(&pane.id).ok().flatten(),
        _ => None,
    };
    Facts {
        seen,
        place: lease.and_then(|l| queue::place(&l.project_path, &l.task.id)),
        has_transcript: transcript.map(|t| t.is_some()),
        in_transcript,
        composer,
        configured: env.config.dedicated(&record.name).is_some(),
        revive_dedicated: env.config.watch.dedicated_resume,
        max_resumes: env.config.watch.max_resumes,
        ready: env.config.client.ready_timeout,
    }
}

/// The file with which an agent of the earlier system says that it is done.
fn done_signal(env: &Env, record: &SessionRecord) -> Option<PathBuf> {
    let lease = record.lease.as_ref()?;
    let path = env.config.watch.done_signal_dir.as_ref()?.join(format!("agent-done-{}", record.name));
    let written = path.symlink_metadata().ok()?.modified().ok()?;
    // An older one was meant for an earlier task.
    let written = jiff::Timestamp::try_from(written).ok()?;
    (lease.phase == Phase::Confirmed && written >= lease.claimed).then_some(path)
}

fn apply(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    scene: &Scene,
    record: &SessionRecord,
    step: &Step,
) -> Result<Applied> {
    let lease = || record.lease.as_ref().ok_or_else(|| anyhow!("session `{}` has no task", record.name));
    let ended = |result, reason: &str, counted| {
        let ending = Ending { result, reason, counted, retry: true, command: "watch" };
        end::attempt(env, record, lease()?, &ending).map(|went| Applied::Did(Some(went)))
    };
    match step {
        Step::DropLease(why) => {
            end::drop_lease(env, record, lease()?, why, clock::now())?;
            Ok(Applied::Did(Some(Went::Nowhere)))
        }
        Step::Confirm(_) => {
            deliver::enter(env, &record.name, lease()?, Phase::Confirmed)?;
            Ok(Applied::Did(None))
        }
        Step::SendAfresh(_) => {
            deliver::enter(env, &record.name, lease()?, Phase::Claimed)?;
            Ok(Applied::Did(Some(Went::Nowhere)))
        }
        Step::PressEnter => {
            if let (Some(pool), Some(pane)) = (env.pool(record), scene.pane(record)) {
                deliver::press_enter(env, tmux, held, &pool, pane, lease()?)?;
            }
            Ok(Applied::Did(None))
        }
        Step::Finish(why) => ended(AttemptResult::Done, why, true),
        Step::FailAttempt(why) => {
            // The next try begins afresh: this client would go on with the old one.
            end_client(env, tmux, held, record, why)?;
            ended(AttemptResult::Failed, why, true)
        }
        Step::Return(why) => {
            end_client(env, tmux, held, record, why)?;
            if let Some(account) = &record.account {
                assign::note_launch(env, account, Some((why, &lease()?.task)))?;
            }
            ended(AttemptResult::Returned, why, false)
        }
        Step::Release(why) => {
            end_client(env, tmux, held, record, why)?;
            end::give_back(env, record, lease()?, why)?;
            Ok(Applied::Did(Some(Went::Back)))
        }
        Step::CarryOn(why) => carry_on(env, tmux, held, record, why),
        Step::Resume(why) => bring_back(env, tmux, held, record, true, why),
        Step::Relaunch(why) => bring_back(env, tmux, held, record, false, why),
        Step::Forget(why) => {
            match env.pool(record) {
                Some(pool) => drop(stop::stop(env, tmux, held, &pool, record, why)?),
                // Nobody's any more: a record without a client, which the pool may use.
                None => env.store.lock()?.update_session(&record.name, |r| {
                    r.client = None;
                    r.kind = Kind::Pool;
                })?,
            }
            Ok(Applied::Did(None))
        }
        Step::Disarmed(why) => {
            // The task may be what did it: this try counts.
            end_client(env, tmux, held, record, why)?;
            match &record.lease {
                Some(_) => ended(AttemptResult::Failed, why, true),
                None => Ok(Applied::Did(Some(Went::Nowhere))),
            }
        }
        Step::Wait(_) => Ok(Applied::Did(None)),
    }
}

fn end_client(env: &Env, tmux: &Tmux, held: &SessionLock, record: &SessionRecord, why: &str) -> Result<()> {
    if let Some(pool) = env.pool(record) {
        stop::stop(env, tmux, held, &pool, record, why)?;
    }
    Ok(())
}

/// Tells a session whose turn ended without an end of its task to go on.
fn carry_on(env: &Env, tmux: &Tmux, held: &SessionLock, record: &SessionRecord, why: &str) -> Result<Applied> {
    let Some(pool) = env.pool(record) else { return Ok(Applied::Did(None)) };
    if let Err(busy) = deliver::free_pane(env, tmux, &pool, record, Wanted::Idle)? {
        end::hold(env, &record.name, &busy)?;
        return Ok(Applied::LeftAlone(busy));
    }
    // Counted before the first key: a run that is killed must not begin to count again.
    let nudge = |by: i64| {
        let now = clock::now();
        env.store.lock()?.update_session(&record.name, |r| {
            if let Some(current) = &mut r.lease {
                current.nudges = current.nudges.saturating_add_signed(by.try_into().unwrap_or(0));
                current.nudged = Some(now);
                current.carry_on = true;
            }
            r.lease.clone()
        })
    };
    let Some(lease) = nudge(1)? else { return Ok(Applied::Did(None)) };
    match deliver::type_in(env, tmux, held, &pool, record, &lease)? {
        Delivery::Confirmed => log_step(env, record, &lease, "told a session to carry on", why),
        Delivery::Unsettled(e) => log::info!("`{}` may not have been told to carry on: {e}", record.name),
        Delivery::Refused(e) => {
            nudge(-1)?;
            return Ok(Applied::LeftAlone(e));
        }
    }
    Ok(Applied::Did(None))
}

fn log_step(env: &Env, record: &SessionRecord, lease: &Lease, what: &str, why: &str) {
    env.note(&LogEntry {
        command: "watch",
        what,
        why,
        session: Some(record.name.as_str()),
        task: Some(lease.task.to_string()),
        ..LogEntry::default()
    });
}

/// Launches the client of a dead session again, with its conversation if it has one. The count is
/// on disk before the launch, so that a client that kills us does not come back for ever.
fn bring_back(
    env: &Env,
    tmux: &Tmux,
    held: &SessionLock,
    record: &SessionRecord,
    resume: bool,
    why: &str,
) -> Result<Applied> {
    let lived = record.client.as_ref().map_or(0, |c| record.note.since.duration_since(c.launched).as_secs());
    let mut locked = env.store.lock()?;
    let since = record.client.as_ref().map(|c| c.launched.to_string()).unwrap_or_default();
    env.post(
        &mut locked,
        &LogEntry {
            command: "watch",
            what: "brings a session back that has died",
            why,
            session: Some(record.name.as_str()),
            event: Some(Telling::new(EventKind::SessionResumed, since)),
            ..LogEntry::default()
        },
    );
    let lease = locked.update_session(&record.name, |r| {
        match &mut r.lease {
            Some(lease) => {
                // Ten minutes of life are progress: what dies then has not died in a row.
                lease.resumes = if lived >= 600 { 1 } else { lease.resumes + 1 };
                lease.carry_on = true;
            }
            None => {
                r.revivals = if lived >= 600 { 1 } else { r.revivals + 1 };
                r.not_before = clock::now().checked_add(revival_pause(r.revivals)).ok();
            }
        }
        r.lease.clone()
    })?;
    drop(locked);
    let dedicated = env.config.dedicated(&record.name);
    let spec = Spec {
        session: record.name.clone(),
        kind: record.kind,
        cwd: record.cwd.clone().ok_or_else(|| anyhow!("no directory is known for session `{}`", record.name))?,
        project: record.project.clone(),
        account: record
            .account
            .clone()
            .or_else(|| dedicated.and_then(|d| d.account.clone()))
            .unwrap_or_else(|| env.active()),
        model: record.model.clone(),
        conversation: match (&record.conversation, resume) {
            (Some(id), true) => id.clone(),
            _ => new_conversation(),
        },
        resume,
        prompt: None,
        why: why.to_owned(),
    };
    match lease {
        Some(lease) => {
            deliver::launch(env, tmux, held, &spec, &lease)?;
        }
        None => {
            launch::start(env, tmux, held, &spec)?;
        }
    }
    Ok(Applied::Did(None))
}

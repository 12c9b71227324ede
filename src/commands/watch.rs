//! `watch`: looks at every session, finishes tasks, settles deliveries, brings the dead back.

use anyhow::{Result, anyhow};
use std::path::PathBuf;

use super::dispatch;
use crate::act::deliver::{self, Delivery};
use crate::act::end::{self, Ending, Went};
use crate::act::launch::{self, Spec, new_conversation};
use crate::act::look::{self, Scene};
use crate::act::stop;
use crate::env::Env;
use crate::error::Exit;
use crate::model::delivery::composer;
use crate::model::observe::Observation;
use crate::model::report::{Item, Report};
use crate::model::session::{Kind, Lease, Phase, SessionRecord, State};
use crate::model::task::AttemptResult;
use crate::model::watch::{Facts, Step, revival_pause, step};
use crate::sys::lock::LockError;
use crate::sys::store::LogEntry;
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
    dry_run: bool,
    /// Do not hand out tasks to sessions that were freed
    #[arg(long)]
    no_dispatch: bool,
}

/// Runs the command.
///
/// # Errors
/// If the state cannot be read.
pub fn run(env: &Env, args: &Args) -> Result<Exit> {
    let mut report = Report { command: "watch".into(), dry_run: args.dry_run, ..Report::default() };
    let mut freed = false;
    if args.dry_run {
        round(env, true, &mut report)?;
    } else {
        match env.store.run_lock("watch") {
            Ok(_held) => freed = round(env, false, &mut report)?,
            Err(busy @ LockError::Busy { .. }) => report.skipped = Some(busy.to_string()),
            Err(LockError::Failed(e)) => return Err(e),
        }
    }
    // The same gate as always: dispatch's own lock, its own look at everything.
    if freed
        && !args.no_dispatch
        && let Ok(_held) = env.store.run_lock("dispatch")
    {
        let handed_out = dispatch::cycle(env)?;
        report.actions.extend(handed_out.actions);
    }
    report.summary = format!("{} sessions looked at, {}", report.summary, count(&report));
    env.out.report(&report);
    log::info!("{} child processes", process::spawned());
    Ok(report.exit())
}

fn count(report: &Report) -> String {
    match report.actions.len() {
        0 => "nothing to do".to_owned(),
        1 => "1 action".to_owned(),
        n => format!("{n} actions"),
    }
}

/// One look at everything. Whether a session came free.
fn round(env: &Env, dry_run: bool, report: &mut Report) -> Result<bool> {
    if !dry_run {
        env.store.take_kicks();
    }
    let sessions = env.store.sessions()?;
    for broken in &sessions.broken {
        report.waiting.push(Item::new(&broken.name, "held", &broken.error).hint(broken.hint.clone()));
    }
    report.summary = sessions.records.len().to_string();
    if !sessions.records.iter().any(SessionRecord::is_live) {
        return Ok(false); // nothing runs that we know of: tmux need not even be asked
    }
    let tmux = env.tmux();
    let scene = Scene::of(&tmux);
    if let Err(e) = &scene.tmux {
        report.waiting.push(Item::new("tmux", "held", e.to_string()).hint(e.hint()));
    }
    // Asked after the records were read: an unsettled delivery among them is then nobody's.
    let delivering = matches!(env.store.run_lock("dispatch"), Err(LockError::Busy { .. }));
    let mut freed = false;
    for record in &sessions.records {
        if !record.is_live() {
            continue;
        }
        match one(&Round { env, tmux: &tmux, scene: &scene, dry_run, delivering }, record, report) {
            Ok(came_free) => freed |= came_free,
            Err(e) => {
                let text = crate::error::messages_of(&e).join(": ");
                let hint = crate::error::hints_of(&e).first().map(|h| (*h).to_owned());
                report.actions.push(Item::failed(&record.name, "failed", text).hint(hint));
            }
        }
    }
    Ok(freed)
}

/// What is the same for every session of one run.
struct Round<'a> {
    env: &'a Env,
    tmux: &'a Tmux,
    scene: &'a Scene,
    dry_run: bool,
    delivering: bool,
}

fn one(round: &Round<'_>, old: &SessionRecord, report: &mut Report) -> Result<bool> {
    let Round { env, tmux, scene, dry_run, .. } = *round;
    let (new, seen) = look::at(env, tmux, scene, old);
    let now = clock::now();
    let came_idle = new.note.state == State::Idle && old.note.state != State::Idle && new.lease.is_none();
    if !dry_run && new != *old {
        keep(env, old, &new)?;
    }
    let facts = facts(round, &new, &seen);
    let signal = done_signal(env, &new);
    let decided = match &signal {
        Some(path) => Some(Step::Finish(format!("`{}` says so", path.display()))),
        None => step(now, &new, &facts),
    };
    let Some(decided) = decided else { return Ok(came_idle && new.kind == Kind::Pool) };
    let task = new.lease.as_ref().map(|l| format!(" (task `{}`)", l.task)).unwrap_or_default();
    let (verb, why) = named(&decided);
    if matches!(decided, Step::Wait(_)) {
        report.waiting.push(Item::new(&new.name, verb, format!("{why}{task}")));
        return Ok(false);
    }
    if dry_run {
        report.actions.push(Item::new(&new.name, verb, format!("{why}{task}")));
        return Ok(false);
    }
    let freed = apply(env, tmux, scene, &new, &decided, now)?;
    if let Some(path) = signal {
        atomic::remove(&path)?;
    }
    let freed_word = freed.map_or_else(String::new, |w| format!(", {}", w.as_str()));
    report.actions.push(Item::new(&new.name, verb, format!("{why}{task}{freed_word}")));
    Ok(freed.is_some())
}

fn named(step: &Step) -> (&'static str, String) {
    match step {
        Step::DropLease(why) => ("freed", why.clone()),
        Step::Confirm(why) => ("confirmed", why.clone()),
        Step::SendAfresh(why) => ("sends again", why.clone()),
        Step::PressEnter => ("pressed Enter", "its line stood in the composer".to_owned()),
        Step::Finish(why) => ("finished", why.clone()),
        Step::FailAttempt(why) => ("failed a try", why.clone()),
        Step::Return(why) => ("gave back", why.clone()),
        Step::CarryOn(why) => ("carries on", why.clone()),
        Step::Resume(why) => ("resumed", why.clone()),
        Step::Relaunch(why) => ("relaunched", why.clone()),
        Step::Forget => ("forgot", "its client is gone and it had no task".to_owned()),
        Step::Wait(why) => ("waits", why.clone()),
    }
}

/// Writes what the look has found, unless somebody has changed the session meanwhile.
fn keep(env: &Env, old: &SessionRecord, new: &SessionRecord) -> Result<()> {
    let mut locked = env.store.lock()?;
    if env.store.session(&old.name)?.as_ref() == Some(old) {
        locked.write_session(new)?;
    }
    Ok(())
}

fn facts<'a>(round: &Round<'_>, record: &SessionRecord, seen: &'a Observation) -> Facts<'a> {
    let Round { env, tmux, scene, .. } = *round;
    let lease = record.lease.as_ref();
    let unsettled = lease.is_some_and(|l| !matches!(l.phase, Phase::Confirmed | Phase::Claimed));
    let dead = record.note.state == State::Dead;
    let transcript = || -> Option<Option<PathBuf>> {
        let home = look::account_home(env, record)?;
        let Some(conversation) = record.conversation.as_deref() else { return Some(None) };
        claude::transcript(&home, record.digest.transcript.as_deref(), conversation).ok()
    };
    let transcript = if dead || unsettled { transcript() } else { None };
    let in_transcript = unsettled
        && matches!((&transcript, lease), (Some(Some(path)), Some(lease)) if claude::holds_prompt(path, lease).unwrap_or(false));
    let composer = match (unsettled && record.note.state == State::Idle, scene.pane(record)) {
        (true, Some(pane)) => tmux.capture(&pane.id).ok().and_then(|text| composer(&text)),
        _ => None,
    };
    Facts {
        seen,
        place: lease.and_then(|l| queue::place(&l.project_path, &l.task.id)),
        delivering: round.delivering,
        has_transcript: transcript.map(|t| t.is_some()),
        in_transcript,
        composer,
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
    scene: &Scene,
    record: &SessionRecord,
    step: &Step,
    now: jiff::Timestamp,
) -> Result<Option<Went>> {
    let lease = || record.lease.as_ref().ok_or_else(|| anyhow!("session `{}` has no task", record.name));
    let ended = |result, reason: &str, counted| {
        let ending = Ending { result, reason, counted, retry: true, command: "watch" };
        end::attempt(env, record, lease()?, &ending).map(Some)
    };
    match step {
        Step::DropLease(why) => {
            end::drop_lease(env, record, lease()?, why, now)?;
            Ok(Some(Went::Nowhere))
        }
        Step::Confirm(_) => {
            deliver::enter(env, &record.name, lease()?, Phase::Confirmed)?;
            Ok(None)
        }
        Step::SendAfresh(_) => {
            deliver::enter(env, &record.name, lease()?, Phase::Claimed)?;
            Ok(Some(Went::Nowhere))
        }
        Step::PressEnter => {
            if let (Some(pool), Some(pane)) = (record.as_pool(), scene.pane(record)) {
                deliver::press_enter(env, tmux, &pool, pane, lease()?)?;
            }
            Ok(None)
        }
        Step::Finish(why) => ended(AttemptResult::Done, why, true),
        Step::FailAttempt(why) => {
            // The next try begins afresh: this client would go on with the old one.
            end_client(env, tmux, record, why)?;
            ended(AttemptResult::Failed, why, true)
        }
        Step::Return(why) => {
            end_client(env, tmux, record, why)?;
            if let Some(account) = &record.account {
                dispatch::note_launch(env, account, Some(why))?;
            }
            ended(AttemptResult::Returned, why, false)
        }
        Step::CarryOn(why) => carry_on(env, tmux, record, why),
        Step::Resume(why) => bring_back(env, tmux, record, true, why),
        Step::Relaunch(why) => bring_back(env, tmux, record, false, why),
        Step::Forget => {
            let pool = record.as_pool().ok_or_else(|| anyhow!("session `{}` is not ours", record.name))?;
            stop::stop(env, tmux, &pool, record, "its client was gone")?;
            Ok(None)
        }
        Step::Wait(_) => Ok(None),
    }
}

fn end_client(env: &Env, tmux: &Tmux, record: &SessionRecord, why: &str) -> Result<()> {
    if let Some(pool) = record.as_pool() {
        stop::stop(env, tmux, &pool, record, why)?;
    }
    Ok(())
}

/// Tells a session whose turn ended in an error of the service to go on.
fn carry_on(env: &Env, tmux: &Tmux, record: &SessionRecord, why: &str) -> Result<Option<Went>> {
    let Some(pool) = record.as_pool() else { return Ok(None) };
    let lease = env.store.lock()?.update_session(&record.name, |r| {
        if let Some(current) = &mut r.lease {
            current.nudges += 1;
            current.carry_on = true;
        }
        r.lease.clone()
    })?;
    let Some(lease) = lease else { return Ok(None) };
    match deliver::type_in(env, tmux, &pool, record, &lease)? {
        Delivery::Confirmed => log_step(env, record, &lease, "told a session to carry on", why),
        Delivery::Unsettled(e) | Delivery::Refused(e) => {
            log::info!("`{}` was not told to carry on: {e}", record.name);
        }
    }
    Ok(None)
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
fn bring_back(env: &Env, tmux: &Tmux, record: &SessionRecord, resume: bool, why: &str) -> Result<Option<Went>> {
    let lived = record.client.as_ref().map_or(0, |c| record.note.since.duration_since(c.launched).as_secs());
    let lease = env.store.lock()?.update_session(&record.name, |r| {
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
            .unwrap_or_else(|| env.config.active_account.clone()),
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
            deliver::launch(env, tmux, &spec, &lease)?;
        }
        None => {
            launch::start(env, tmux, &spec)?;
        }
    }
    Ok(None)
}

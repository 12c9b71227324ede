//! An assignment carried out: the task claimed, its session prepared, the delivery made, and what came
//! of it told. Everything happens under the session's lock.

use anyhow::{Result, anyhow};
use jiff::{SignedDuration, Timestamp};

use super::arm::{self, Unguarded};
use super::deliver::{self, Delivery, Wanted};
use super::end::{self, Ending};
use super::launch::{Spec, new_conversation};
use super::stop;
use crate::env::Env;
use crate::error::{Exit, cause_of};
use crate::model::account_record::AccountRecord;
use crate::model::dispatch::{Assignment, How, Refusal, SlotUse, slot_use};
use crate::model::name::{AccountName, TaskRef};
use crate::model::queue::Place;
use crate::model::report::Item;
use crate::model::session::{Kind, Lease, Phase, SessionRecord, State};
use crate::model::task::{AttemptResult, TaskRecord};
use crate::sys::lock::LockError;
use crate::sys::store::{LogEntry, SessionLock};
use crate::sys::tmux::{Tmux, TmuxError};
use crate::sys::{atomic, clock, queue};

/// What became of a delivery, as the report says it.
pub const DISPATCHED: &str = "dispatched";
pub const UNSETTLED: &str = "unsettled";
pub const PUT_BACK: &str = "put back";
const NOT_DISPATCHED: &str = "not dispatched";

/// What came of one job.
#[derive(Debug)]
pub enum Carried {
    /// Somebody was faster, or works on the session.
    Nothing,
    /// Something to tell.
    Item(Item),
    /// The task cannot be handed out, as only the try to claim it could tell.
    Refused(TaskRef, Refusal),
}
/// Carries several jobs out at once, each in a session of its own.
#[must_use]
pub fn together(env: &Env, tmux: &Tmux, jobs: &[Job]) -> Vec<Carried> {
    std::thread::scope(|scope| {
        let running: Vec<_> = jobs.iter().map(|job| scope.spawn(|| carry_out(env, tmux, job))).collect();
        let panicked = |_| Carried::Item(Item::failed("dispatch", "failed", "a delivery panicked"));
        running.into_iter().map(|r| r.join().unwrap_or_else(panicked)).collect()
    })
}
/// Something to deliver.
#[derive(Debug)]
pub enum Job {
    /// A task that the plan hands to a session.
    Assign(Box<Assignment>),
    /// A lease that an earlier run left before delivering it.
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
            Claim::Refused(refusal) => Ok(Carried::Refused(a.task.clone(), refusal)),
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
    Refused(Refusal),
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
    // A switch has begun, or ended, since the plan was made.
    if env.store.is_switching() || env.active() != a.account {
        return Ok(Claim::Lost);
    }
    if let Some(account) = env.config.account(&a.account)
        && let Some(why) = arm::refusal(env, account, &a.project_path)
    {
        return Ok(Claim::Refused(Refusal { why, needs_person: true }));
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
        Err(fault) => return Ok(Claim::Refused(Refusal { why: fault.to_string(), needs_person: true })),
    }
    let task = match env.store.task(&a.task) {
        Ok(task) => task.unwrap_or_else(|| TaskRecord::new(a.task.clone())),
        Err(e) => {
            let why = crate::error::messages_of(&e).join(": ");
            return Ok(Claim::Refused(Refusal { why, needs_person: true }));
        }
    };
    // Given back by an agent whose turn has not ended: two would be at it.
    if let Some(last) = task.attempts.last()
        && last.session != a.session
        && sessions.get(&last.session).is_some_and(SessionRecord::is_occupied)
    {
        let why = format!("`{}`, which had it last, is still at it", last.session);
        return Ok(Claim::Refused(Refusal { why, needs_person: false }));
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
        begun: false,
        mark: 0,
        transcript_from: 0,
        carry_on: false,
        accounts: Vec::new(),
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
            // A line of which a key may have been sent is settled by what the client shows.
            let phase = now.as_ref().and_then(|r| r.lease.as_ref()).map(|l| l.phase);
            if a.how == How::Type && phase.is_some_and(|phase| phase != Phase::Claimed) {
                let why = crate::error::messages_of(&error).join(": ");
                return Ok(Item::new(&a.task, UNSETTLED, why).hint(Some("`watch` settles it".to_owned())));
            }
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
                // A project that keeps the guard out says nothing about the account either.
                None if cause_of::<Unguarded>(&e).is_some() => end::hold(env, &a.session, &reason)?,
                // Nor does another command that is busy in the home.
                None if crate::error::exit_of(&e) == Exit::Busy => {}
                None => note_launch(env, &a.account, Some((&reason, &a.task)))?,
            }
            Ok(Concluded::Failed(e))
        }
    }
}

/// Pauses after the first, second … launch that failed, in seconds.
pub const PAUSES: [i64; 5] = [15, 30, 60, 120, 300];

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
            count_failure(&mut record, why);
            record.failed_task = Some(task.clone());
        }
    }
    if old.as_ref() != Some(&record) && (failed.is_some() || old.is_some()) {
        locked.write_account(&record)?;
    }
    Ok(())
}

/// Counts a launch that failed: the account rests for a while, longer each time.
pub fn count_failure(record: &mut AccountRecord, why: &str) {
    let pause = PAUSES[(record.failed_launches as usize).min(PAUSES.len() - 1)];
    record.failed_launches += 1;
    record.not_before = clock::now().checked_add(SignedDuration::from_secs(pause)).ok();
    why.clone_into(&mut record.reason);
}

/// Until when an account rests after launches that failed, and why.
#[must_use]
pub fn pause_of(record: &AccountRecord, now: Timestamp) -> Option<(Timestamp, String)> {
    let until = record.not_before?;
    // A clock that went back must not pause it for longer than ever was meant.
    let longest = SignedDuration::from_secs(PAUSES[PAUSES.len() - 1]);
    let left = until.duration_since(now);
    (left.is_positive() && left <= longest).then(|| (until, record.reason.clone()))
}

/// Carries on what an earlier run claimed and did not deliver: no key was sent for it.
fn resume_unsent(env: &Env, tmux: &Tmux, held: &SessionLock) -> Result<Option<Item>> {
    let Some(record) = &env.store.session(held.name())? else { return Ok(None) };
    let Some(lease) = record.lease.as_ref().filter(|l| l.phase == Phase::Claimed) else { return Ok(None) };
    // A switch moves it, with its task, and this run does not know where to.
    if env.store.is_switching() {
        return Ok(None);
    }
    if env.pool(record).is_none() {
        // The configuration has made it the operator's own since.
        end::give_back(env, record, lease, "the session is a dedicated one now")?;
        return Ok(None);
    }
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
    let active = env.active();
    let in_place = record.cwd.as_deref() == Some(&*lease.project_path) && record.account.as_ref() == Some(&active);
    let can_type = record.client.is_some() && in_place;
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
        account: active,
        model: header.model.clone().or_else(|| client.model.clone()),
        priority: header.priority,
        max_attempts: lease.max_attempts,
        stall_after_seconds: lease.stall_after_seconds,
    };
    deliver(env, tmux, held, &a, record, lease).map(Some)
}

//! What to do about a session after a look at it: finish its task, settle a delivery, bring it back.
//!
//! One step a look. Each is decided from the record, the new state and the place of the task's
//! file, so a run that was killed is simply repeated.

use jiff::{SignedDuration, Timestamp};

use super::delivery::is_ours;
use super::event::ClientStatus;
use super::observe::{Observation, PaneView};
use super::queue::Place;
use super::session::{Kind, Lease, Phase, SessionRecord, State};
use super::signals::failure;

/// One thing to do for a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The task's file is elsewhere: the lease does not count any more.
    DropLease(String),
    /// Delivered after all.
    Confirm(String),
    /// Nothing of it arrived: it may be sent as if for the first time.
    SendAfresh(String),
    /// The line stands in the composer: only Enter is missing.
    PressEnter,
    /// The task is done.
    Finish(String),
    /// The try has failed.
    FailAttempt(String),
    /// The task goes back untried: its client never came up.
    Return(String),
    /// The task goes back untried, and the session is left alone for a while.
    Release(String),
    /// A failed turn is told to carry on.
    CarryOn(String),
    /// The dead client comes back with its conversation.
    Resume(String),
    /// The dead client has no conversation yet: it is launched anew.
    Relaunch(String),
    /// A dead session that nobody wants back is forgotten.
    Forget(String),
    /// Its guard does not hold any more: it is stopped, and its try has failed.
    Disarmed(String),
    /// Not yet, and why.
    Wait(String),
}

/// What the decision rests on, beside the record.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The look itself.
    pub seen: &'a Observation,
    /// Where the file of the leased task lies.
    pub place: Option<Place>,
    /// Whether the conversation has a transcript; `None` if that could not be seen.
    pub has_transcript: Option<bool>,
    /// Whether the transcript holds our prompt of this sending; `None` if that could not be seen.
    pub in_transcript: Option<bool>,
    /// What stands in the composer, where it was worth a look.
    pub composer: Option<String>,
    /// Whether the configuration names it as the operator's own.
    pub configured: bool,
    /// Whether dead dedicated sessions are brought back.
    pub revive_dedicated: bool,
    /// How often a conversation is resumed for one try.
    pub max_resumes: u32,
    /// How long a launched client may take until its first report.
    pub ready: SignedDuration,
}

/// How long an unconfirmed delivery gets before its evidence is weighed: the client reports a
/// prompt within a second, and a hook may be slow on a busy machine.
const PATIENCE: SignedDuration = SignedDuration::from_secs(5);

/// Pauses before the first, second … return of a dead client.
const BACKOFF: [i64; 5] = [0, 10, 60, 300, 900];

/// How long an interrupted session is left to whoever has interrupted it, in seconds.
const LEFT_ALONE: i64 = 280;

/// Pauses before a failed turn is told to carry on.
const NUDGES: [i64; 5] = [20, 60, 300, 900, 1800];

/// What to do, if anything.
#[must_use]
pub fn step(now: Timestamp, record: &SessionRecord, facts: &Facts<'_>) -> Option<Step> {
    match &record.lease {
        Some(lease) => with_lease(now, record, lease, facts),
        None => without_lease(now, record, facts),
    }
}

fn with_lease(now: Timestamp, record: &SessionRecord, lease: &Lease, facts: &Facts<'_>) -> Option<Step> {
    match facts.place {
        Some(Place::Done) => return Some(Step::DropLease("the task is done".into())),
        Some(Place::Failed) => return Some(Step::DropLease("the task has failed".into())),
        // Claim and delivery belong to dispatch, which holds the lock until the file has moved.
        Some(Place::Waiting) => return Some(Step::DropLease("the task waits again".into())),
        Some(Place::Nowhere) => return Some(Step::DropLease("the task's file is gone".into())),
        Some(Place::Claimed) => {}
        None => return None,
    }
    let age = now.duration_since(lease.since);
    let reported = record.digest.prompt.as_ref().is_some_and(|p| p.seq > lease.mark && is_ours(&p.text, lease));
    let settled = lease.phase == Phase::Confirmed || reported;
    match record.note.state {
        State::Dead => return dead(now, record, lease, facts, settled),
        State::Waiting if !settled && (facts.seen.screen.is_some() || age > facts.ready) => {
            let what = facts.seen.screen.unwrap_or("has a dialog open that is not known");
            return Some(Step::Return(format!("the client {what}")));
        }
        State::Unknown if !settled && is_blank(facts) && age > facts.ready => {
            return Some(Step::Return("the client never got ready".into()));
        }
        _ => {}
    }
    if !settled {
        return unsettled(record, lease, facts, age);
    }
    if lease.phase != Phase::Confirmed {
        return Some(Step::Confirm("the client reported the prompt".into()));
    }
    match record.note.state {
        State::Idle => finished(record, lease).or_else(|| carry_on(now, record, lease)),
        State::Stalled => Some(stalled(now, record, lease, facts)),
        State::Waiting | State::Limited | State::Unknown => {
            let why = record.note.evidence.last().cloned().unwrap_or_default();
            Some(Step::Wait(format!("{}: {why}", record.note.state)))
        }
        _ => None,
    }
}

/// A turn that has ended without an end of its task (Esc, a lost report) is taken up again once
/// nobody is near; one that runs in silence is a person's to judge.
fn stalled(now: Timestamp, record: &SessionRecord, lease: &Lease, facts: &Facts<'_>) -> Step {
    let why = record.note.evidence.last().cloned().unwrap_or_default();
    let idles = facts.seen.file.as_ref().is_some_and(|f| f.status == ClientStatus::Idle);
    let alone = matches!(&facts.seen.pane, PaneView::Present(pane) if pane.attached == 0);
    let since = lease.nudged.unwrap_or(record.note.since).max(record.note.since);
    let age = now.duration_since(since);
    match NUDGES.get(lease.nudges as usize) {
        _ if !idles || !alone => Step::Wait(format!("stalled: {why}")),
        _ if record.held(now).is_some() => Step::Wait(format!("stalled: {why}; left alone for a while")),
        None => Step::FailAttempt(format!("told {} times to carry on: {why}", lease.nudges)),
        Some(pause) if !age.is_negative() && age < SignedDuration::from_secs(*pause + LEFT_ALONE) => {
            Step::Wait(format!("stalled: {why}; it is told to carry on after a while"))
        }
        Some(_) => Step::CarryOn(why),
    }
}

/// The pane lives and has no state file.
fn is_blank(facts: &Facts<'_>) -> bool {
    matches!(facts.seen.pane, PaneView::Present(_)) && facts.seen.file.is_none()
}

/// Sent, and nothing reported. The evidence decides; without any, it stays as it is.
fn unsettled(record: &SessionRecord, lease: &Lease, facts: &Facts<'_>, age: SignedDuration) -> Option<Step> {
    if lease.phase == Phase::Claimed {
        return None;
    }
    if facts.in_transcript == Some(true) {
        return Some(Step::Confirm("the prompt is in the transcript".into()));
    }
    if age < PATIENCE {
        return None;
    }
    match (record.note.state, &facts.composer) {
        (State::Idle, Some(text)) if is_ours(text, lease) => Some(Step::PressEnter),
        (State::Idle, Some(text)) if text.is_empty() && facts.in_transcript == Some(false) => {
            let lost = "its line did not arrive: nothing in the composer, nothing in the transcript";
            if lease.begun {
                return Some(Step::CarryOn(lost.into()));
            }
            Some(Step::SendAfresh("idle, nothing in the composer, nothing in the transcript".into()))
        }
        (State::Idle, _) => Some(Step::Wait("it cannot be seen whether the prompt arrived".into())),
        _ => None,
    }
}

/// A `Stop` after the prompt, and nothing left running behind it.
fn finished(record: &SessionRecord, lease: &Lease) -> Option<Step> {
    let digest = &record.digest;
    let stop = digest.stop.as_ref().filter(|s| s.seq > lease.mark)?;
    let later = |s: &Option<super::event::Seen>| s.as_ref().is_some_and(|s| s.seq > stop.seq);
    if stop.running > 0 || later(&digest.prompt) || later(&digest.failure) {
        return None;
    }
    Some(Step::Finish("the client ended its turn with nothing left running".into()))
}

/// A turn that ended in an error of the service is taken up again after a pause.
fn carry_on(now: Timestamp, record: &SessionRecord, lease: &Lease) -> Option<Step> {
    if record.note.state != State::Idle {
        return None;
    }
    let failure = record.digest.open_failure().filter(|f| f.seq > lease.mark)?;
    let what = format!("{}: {}", failure.what, failure.text.lines().next().unwrap_or_default());
    if matches!(failure::read(failure), failure::Failure::Trouble(_)) {
        return Some(Step::Wait(format!("the account needs a person: {what}")));
    }
    if let Some(why) = record.held(now) {
        return Some(Step::Wait(format!("the turn failed ({what}), left alone: {why}")));
    }
    match NUDGES.get(lease.nudges as usize) {
        None => Some(Step::FailAttempt(format!("the turn failed {} times: {what}", lease.nudges + 1))),
        Some(pause) if (0..*pause).contains(&now.duration_since(failure.at).as_secs()) => {
            Some(Step::Wait(format!("the turn failed ({what}), carries on after a pause")))
        }
        Some(_) => Some(Step::CarryOn(what)),
    }
}

fn dead(now: Timestamp, record: &SessionRecord, lease: &Lease, facts: &Facts<'_>, settled: bool) -> Option<Step> {
    let how = record.note.evidence.first().cloned().unwrap_or_default();
    if lease.phase == Phase::Claimed {
        return None; // nothing was sent: dispatch delivers it or gives it back
    }
    // It had finished before it died: nothing is left to come back for.
    if lease.phase == Phase::Confirmed
        && let Some(done) = finished(record, lease)
    {
        return Some(done);
    }
    if matches!(facts.seen.pane, PaneView::Foreign(_)) {
        // Its name is somebody else's now: it cannot come back here.
        return Some(if lease.begun { Step::FailAttempt(how) } else { Step::Release(how) });
    }
    // Once taken, the conversation is the task's. Before that its own prompt must stand in the
    // transcript: a session that was to be replaced still has the conversation of an earlier task.
    let taken = lease.begun || settled;
    match if taken { facts.has_transcript } else { facts.in_transcript } {
        Some(true) => {}
        None => return Some(Step::Wait(format!("dead, and its conversation cannot be reached: {how}"))),
        Some(false) if lease.begun => {
            return Some(Step::FailAttempt(format!("its conversation is gone: {how}")));
        }
        Some(false) if lease.phase == Phase::Sending && record.client.is_none() => {
            return Some(Step::SendAfresh("no client was started".into()));
        }
        Some(false) => return Some(Step::Return(format!("the client ended before it took the task: {how}"))),
    }
    if lease.resumes >= facts.max_resumes {
        return Some(Step::FailAttempt(format!("the client died {} times: {how}", lease.resumes + 1)));
    }
    let pause = BACKOFF[(lease.resumes as usize).min(BACKOFF.len() - 1)];
    let age = now.duration_since(record.note.since);
    if !age.is_negative() && age < SignedDuration::from_secs(pause) {
        return Some(Step::Wait(format!("died {} times, comes back after {pause}s", lease.resumes + 1)));
    }
    Some(Step::Resume(how))
}

fn without_lease(now: Timestamp, record: &SessionRecord, facts: &Facts<'_>) -> Option<Step> {
    if record.note.state == State::Limited && record.kind == Kind::Pool {
        return Some(Step::Forget("its account is at a limit, and it has no task".into()));
    }
    if record.note.state != State::Dead || (record.client.is_none() && record.kind == Kind::Pool) {
        return None;
    }
    let how = record.note.evidence.first().cloned().unwrap_or_default();
    if record.kind == Kind::Pool {
        return Some(Step::Forget("its client is gone and it had no task".into()));
    }
    if !facts.configured {
        record.client.as_ref()?;
        return Some(Step::Forget("its client is gone and the configuration does not name it any more".into()));
    }
    // The operator's own: brought back after a death, left alone after a goodbye.
    if record.said_goodbye() {
        return Some(Step::Wait("a person ended it: `launch` starts it again".into()));
    }
    if !facts.revive_dedicated {
        return Some(Step::Wait("dead, and `watcher.dedicated_resume` is off".into()));
    }
    let left = record.not_before.map_or(SignedDuration::ZERO, |t| t.duration_since(now));
    // A clock that went back must not park it for longer than ever was meant.
    if left.is_positive() && left <= SignedDuration::from_secs(BACKOFF[BACKOFF.len() - 1]) {
        return Some(Step::Wait(format!("died {} times, comes back after a pause", record.revivals)));
    }
    match facts.has_transcript {
        Some(true) => Some(Step::Resume(how)),
        Some(false) => Some(Step::Relaunch(how)),
        None => Some(Step::Wait("it cannot be seen whether it has a conversation".into())),
    }
}

/// The pause before the next return of a dedicated session that died again.
#[must_use]
pub fn revival_pause(revivals: u32) -> SignedDuration {
    SignedDuration::from_secs(BACKOFF[(revivals as usize).min(BACKOFF.len() - 1)])
}

#[cfg(test)]
mod tests;

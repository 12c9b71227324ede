//! Which message a target gets next, and when.
//!
//! One event is one message, several that are alike are one, and a flood is a digest. A message that was
//! begun comes first and stays as it is.

use jiff::{SignedDuration, Timestamp};

use super::policy::Policy;
use super::record::{Message, TargetRecord};
use super::{Event, Severity};

/// The most events that one message tells.
pub const MOST: usize = 500;

/// What is to be done for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing waits.
    Idle,
    /// Something waits, and is not sent yet.
    Wait {
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// This is sent.
    Send(Message),
}

fn wait(until: Timestamp, why: impl Into<String>) -> Next {
    Next::Wait { until, why: why.into() }
}

/// What is to be done now; `events` is everything in the outbox.
#[must_use]
pub fn next(now: Timestamp, policy: &Policy, record: &TargetRecord, events: &[Event]) -> Next {
    let waiting = record.waiting(policy, events);
    if waiting.is_empty() {
        return Next::Idle;
    }
    if let Some(until) = record.paused(now) {
        let why = record.trouble.as_ref().map_or("it failed", |t| t.why.as_str());
        return wait(until, why);
    }
    let quiet = policy.quiet.as_ref().and_then(|q| Some((q.until(now)?, q.pass)));
    let passes = |e: &Event| quiet.is_none_or(|(_, pass)| e.severity() >= pass);
    if let Some(message) = &record.message {
        // It goes first even in quiet hours where something behind it may not wait.
        return match quiet {
            Some((until, _)) if !waiting.iter().any(|e| passes(e)) => wait(until, "quiet hours"),
            _ => Next::Send(message.clone()),
        };
    }
    let (loud, held): (Vec<&Event>, Vec<&Event>) = waiting.into_iter().partition(|e| passes(e));
    if loud.is_empty() {
        let until = quiet.map_or(now, |(until, _)| until);
        return wait(until, format!("quiet hours ({} wait)", held.len()));
    }
    let (ready, again): (Vec<&Event>, Vec<&Event>) = loud
        .into_iter()
        .partition(|e| e.severity() == Severity::Critical || told_until(policy, record, e, now).is_none());
    if ready.is_empty() {
        let until = again.iter().filter_map(|e| told_until(policy, record, e, now)).min().unwrap_or(now);
        return wait(until, "the same was told a short while ago");
    }
    let ready = match within_pace(now, policy, record, ready) {
        Ok(ready) => ready,
        Err(until) => return wait(until, format!("{} messages in the last hour", record.sends.len())),
    };
    let told = pick(policy, record, ready);
    let id = record.message_id(&told, now);
    let events = told.iter().map(|e| e.id.clone()).collect();
    Next::Send(Message { id, events, composed: now, tries: 0, unsure: false, again: false })
}

/// Until when an event is no news, because the like was told.
fn told_until(policy: &Policy, record: &TargetRecord, event: &Event, now: Timestamp) -> Option<Timestamp> {
    let at = *record.recent.get(&event.likeness())?;
    let age = now.duration_since(at);
    // One in the future is of a clock that went back.
    (!age.is_negative() && age < policy.repeat).then(|| at.checked_add(policy.repeat).ok()).flatten()
}

/// What may still be sent in this hour; else when the next may.
fn within_pace<'e>(
    now: Timestamp,
    policy: &Policy,
    record: &TargetRecord,
    ready: Vec<&'e Event>,
) -> Result<Vec<&'e Event>, Timestamp> {
    let hour = SignedDuration::from_hours(1);
    let recent: Vec<&Timestamp> = record
        .sends
        .iter()
        .filter(|at| (SignedDuration::ZERO..hour).contains(&now.duration_since(**at)))
        .collect();
    if recent.len() < policy.per_hour {
        return Ok(ready);
    }
    let critical: Vec<&Event> = ready.into_iter().filter(|e| e.severity() == Severity::Critical).collect();
    if !critical.is_empty() && recent.len() < policy.per_hour * 2 {
        return Ok(critical);
    }
    Err(recent.iter().min().and_then(|at| at.checked_add(hour).ok()).unwrap_or(now))
}

/// The events of the next message: a few are told one by one, those alike together; many all at once.
fn pick<'e>(policy: &Policy, record: &TargetRecord, mut ready: Vec<&'e Event>) -> Vec<&'e Event> {
    let most = record.most.unwrap_or(MOST).clamp(1, MOST);
    // Stable: oldest first among the equally grave.
    ready.sort_by_key(|e| std::cmp::Reverse(e.severity()));
    if let Some(turn) = record.probes() {
        let turn = turn % ready.len().max(1);
        return ready.get(turn).copied().into_iter().collect();
    }
    if ready.len() <= policy.digest_over {
        let like = ready[0].likeness();
        ready.retain(|e| e.likeness() == like);
    }
    ready.truncate(most);
    ready
}

#[cfg(test)]
mod tests;

//! Sending what waits in the outbox: for each target the next message, its intent on disk before it is sent, its end
//! after. Between the two nobody knows whether it arrived: the next run sends the very same message again, under the
//! same id.

pub mod standing;

use anyhow::Result;
use std::sync::Mutex;
use std::time::Duration;

use crate::config::Target;
use crate::env::{Env, local};
use crate::model::notify::Event;
use crate::model::notify::answer::Outcome;
use crate::model::notify::plan::{Next, next};
use crate::model::notify::record::{Message, TargetRecord};
use crate::model::notify::text::compose;
use crate::model::report::Item;
use crate::sys::store::LogEntry;
use crate::sys::{atomic, clock, paths, secret, send};

/// The most messages to one target in one run.
const SENDS: usize = 5;

/// After so long a run begins no further message. The one under way ends within `notifications.timeout`.
const BUDGET: Duration = Duration::from_secs(30);

/// What a run did for the targets.
#[derive(Debug, Default)]
pub struct Drained {
    /// Messages that were sent, or could not be.
    pub actions: Vec<Item>,
    /// What waits, and why.
    pub waiting: Vec<Item>,
}

/// What is to be sent to a target now, for `--dry-run`: the very plan of a real run.
///
/// # Errors
/// If what is kept of the target cannot be used.
pub fn plan(env: &Env, target: &Target, events: &[Event]) -> Result<Next> {
    let mut record = env.store.target(&target.name)?;
    record.tidy(&target.policy, events, env.now);
    Ok(next(env.now, &target.policy, &record, events))
}

/// Sends what is due, to all targets at once: one that hangs keeps none of the others back.
///
/// # Errors
/// If the outbox cannot be read or written.
pub fn drain(env: &Env, events: &[Event]) -> Result<Drained> {
    let all = Mutex::new(Drained::default());
    let watch = clock::Stopwatch::start();
    std::thread::scope(|scope| {
        for target in &env.config.notify.targets {
            let (all, watch) = (&all, &watch);
            scope.spawn(move || {
                let mut own = Drained::default();
                if let Err(e) = one(env, target, events, watch, &mut own) {
                    own.actions.push(Item::error(&target.name, "failed", &e));
                }
                let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                all.actions.extend(own.actions);
                all.waiting.extend(own.waiting);
            });
        }
    });
    let mut all = all.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let place = |item: &Item| env.config.notify.targets.iter().position(|t| t.name == item.subject);
    all.actions.sort_by_key(place);
    all.waiting.sort_by_key(place);
    sweep(env, events)?;
    Ok(all)
}

/// One target: message after message, until nothing is due, one fails, or the run has had its time.
fn one(env: &Env, target: &Target, events: &[Event], watch: &clock::Stopwatch, own: &mut Drained) -> Result<()> {
    let name = &target.name;
    let secret = target.secret.as_ref().map(secret::read).transpose();
    env.store.lock()?.update_target(name, |r| {
        if secret.is_ok() {
            r.can_be_reached();
        }
        r.tidy(&target.policy, events, env.now);
    })?;
    // A missing secret is told by every run, not only by one that has something to send.
    if let Err(e) = secret {
        let outcome = send::missing(&e);
        own.actions.push(Item::error(name, "cannot be reached", &e));
        let is_news = env.store.lock()?.update_target(name, |r| {
            let is_news = r.trouble.as_ref().is_none_or(|t| t.why != outcome.words());
            r.cannot_be_reached(&outcome, env.now);
            is_news
        })?;
        if is_news {
            note(env, target, "cannot reach a target", outcome.words());
        }
        return give_up(env, target, events, own);
    }
    for _ in 0..SENDS {
        let record = env.store.target(name)?;
        match next(env.now, &target.policy, &record, events) {
            Next::Idle => return Ok(()),
            Next::Wait { until, why } => {
                own.waiting.push(Item::new(name, "waits", format!("until {}: {why}", local(until, &env.zone))));
                return match record.paused(env.now) {
                    Some(_) => give_up(env, target, events, own),
                    None => Ok(()),
                };
            }
            Next::Send(_) if watch.elapsed() >= BUDGET => {
                own.waiting.push(Item::new(name, "waits", "the rest goes with the next run"));
                return Ok(());
            }
            Next::Send(message) => {
                let (outcome, record) = deliver(env, target, events, &message)?;
                own.actions.push(item(target, &message, &outcome));
                tell(env, target, &message, &outcome, &record);
                if matches!(outcome, Outcome::Later { .. } | Outcome::Fault { .. }) {
                    return give_up(env, target, events, own);
                }
            }
        }
    }
    if matches!(next(env.now, &target.policy, &env.store.target(name)?, events), Next::Send(_)) {
        own.waiting.push(Item::new(name, "waits", "the rest goes with the next run"));
    }
    Ok(())
}

/// Parks what could not be delivered for too long.
fn give_up(env: &Env, target: &Target, events: &[Event], own: &mut Drained) -> Result<()> {
    let parked =
        env.store.lock()?.update_target(&target.name, |r| r.gives_up(&target.policy, events, env.now).len())?;
    if parked > 0 {
        let why = format!("{parked} events were not delivered in time");
        note(env, target, "gave up telling of events", &why);
        own.actions.push(Item::failed(&target.name, "parked", why));
    }
    Ok(())
}

fn deliver(env: &Env, target: &Target, events: &[Event], message: &Message) -> Result<(Outcome, TargetRecord)> {
    let taken_up = env.store.lock()?.update_target(&target.name, |r| {
        r.begins(message);
        r.message.clone()
    })?;
    let content = compose(taken_up.as_ref().unwrap_or(message), events, &env.zone, &paths::host_name());
    atomic::step("before a message is sent");
    let outcome = send::send(&env.config.notify, target, &content, env.now);
    atomic::step("after a message was sent");
    let record = env.store.lock()?.update_target(&target.name, |r| {
        r.ended(events, &outcome, env.now);
        r.clone()
    })?;
    Ok((outcome, record))
}

fn item(target: &Target, message: &Message, outcome: &Outcome) -> Item {
    let count = message.events.len();
    let events = if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
    let reason = format!("{events}: {}", outcome.words());
    match outcome {
        Outcome::Sent(_) => Item::new(&target.name, "sent", reason),
        Outcome::Later { .. } => Item::failed(&target.name, "not sent yet", reason),
        Outcome::Refused { .. } => Item::failed(&target.name, "refused", reason),
        Outcome::Fault { hint, .. } => Item::failed(&target.name, "not sent", reason).hint(hint.clone()),
    }
}

/// The log has what was sent and what a person should look at; not every try of a bad day.
fn tell(env: &Env, target: &Target, message: &Message, outcome: &Outcome, record: &TargetRecord) {
    let what = match outcome {
        Outcome::Sent(_) => "sent a message",
        Outcome::Refused { .. } => "had a message refused",
        Outcome::Later { .. } | Outcome::Fault { .. } if record.failures == 1 => "could not send a message",
        Outcome::Later { .. } | Outcome::Fault { .. } => return,
    };
    note(env, target, what, &format!("{} of {} events: {}", message.id, message.events.len(), outcome.words()));
}

fn note(env: &Env, target: &Target, what: &str, why: &str) {
    env.note(&LogEntry {
        command: "notify",
        what,
        why: &format!("`{}`: {why}", target.name),
        ..LogEntry::default()
    });
}

/// Takes events away that every target is through with. What a target has parked stays for a person.
///
/// # Errors
/// If a step fails.
pub fn sweep(env: &Env, events: &[Event]) -> Result<()> {
    let mut records = Vec::new();
    for target in &env.config.notify.targets {
        match env.store.target(&target.name) {
            Ok(record) => records.push((target, record)),
            // Nobody knows what it was told.
            Err(_) => return Ok(()),
        }
    }
    let over = |e: &&Event| {
        let open = |(target, record): &(&Target, TargetRecord)| {
            record.parked.contains_key(&e.id) || record.awaits(&target.policy, e)
        };
        !records.iter().any(open)
    };
    let over: Vec<&Event> = events.iter().filter(over).collect();
    // After a flood that takes a while: others get the lock in between.
    for batch in over.chunks(16) {
        let mut locked = env.store.lock()?;
        for event in batch {
            locked.remove_event(&event.id)?;
        }
    }
    Ok(())
}

//! What is kept of a target between runs (`outbox/targets/<name>.json`): what it has been told, the message
//! under way, what it refused, and when it may be tried again.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Outcome, backoff};
use super::policy::Policy;
use super::{Event, hash, lasts};

/// Format version of the file.
pub const TARGET_VERSION: u32 = 1;

/// So many different messages refused in a row, with none accepted between, are the target's fault and not theirs.
/// So many tries in a row that failed may be the message's, and not the target's: see [`TargetRecord::probes`].
const IN_A_ROW: u32 = 3;

/// How long the mark of an event is kept whose file is gone: a run that was killed is repeated within it.
const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What is kept of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// Format version of the file.
    pub version: u32,
    /// Its name.
    pub name: String,
    /// The message under way: written before it is sent, so that what is sent again is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Events that it was told, and when. Kept for as long as an event could be noted a second time: while its file
    /// is there, for a day, and where every look notes it again as long as it lasts for `keep` and a day.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub delivered: BTreeMap<String, Timestamp>,
    /// Events that it did not take.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parked: BTreeMap<String, Parked>,
    /// Parked events that a person wants tried again, and since when: from then on they wait anew.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub retried: BTreeMap<String, Timestamp>,
    /// Of what it was told last, and when: see [`Event::likeness`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub recent: BTreeMap<String, Timestamp>,
    /// Messages of the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sends: Vec<Timestamp>,
    /// Tries in a row that did not arrive.
    #[serde(default)]
    pub failures: u32,
    /// No try before this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// What the last try came to, if it did not arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Trouble>,
    /// Whether its secret was missing when it was last looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missing: bool,
    /// Messages refused in a row.
    #[serde(default)]
    pub refused: u32,
    /// The most events in a message, while one that is refused is looked for among many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<usize>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id: the key by which a target that knows such keys takes it once.
    pub id: String,
    /// The events that it tells.
    pub events: Vec<String>,
    /// When it was put together.
    pub composed: Timestamp,
    /// Tries so far.
    #[serde(default)]
    pub tries: u32,
    /// Whether the last try was begun and its end is not known: it may have arrived.
    #[serde(default)]
    pub unsure: bool,
    /// Whether a try before that may have arrived.
    #[serde(default)]
    pub again: bool,
}

/// An event that a target did not take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub why: String,
}

/// Why nothing arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What was said last.
    pub why: String,
    /// Whether waiting does not help: a secret, an address, a permission.
    #[serde(default)]
    pub fault: bool,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl TargetRecord {
    /// Of a target that nothing is known of.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            version: TARGET_VERSION,
            name: name.to_owned(),
            message: None,
            delivered: BTreeMap::new(),
            parked: BTreeMap::new(),
            recent: BTreeMap::new(),
            sends: Vec::new(),
            failures: 0,
            not_before: None,
            trouble: None,
            missing: false,
            refused: 0,
            retried: BTreeMap::new(),
            most: None,
        }
    }

    /// Whether nothing more is to be done about an event now.
    #[must_use]
    pub fn is_through_with(&self, event: &str) -> bool {
        self.delivered.contains_key(event) || self.parked.contains_key(event)
    }

    /// Whether an event waits for it.
    #[must_use]
    pub fn awaits(&self, policy: &Policy, event: &Event) -> bool {
        policy.concerns(event) && event.is_for(&self.name) && !self.is_through_with(&event.id)
    }

    /// The events that wait for it, oldest first.
    #[must_use]
    pub fn waiting<'e>(&self, policy: &Policy, events: &'e [Event]) -> Vec<&'e Event> {
        let mut all: Vec<&Event> = events.iter().filter(|e| self.awaits(policy, e)).collect();
        all.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        all
    }

    /// The id of a message of these events. Not that of any other: it has the moment in it.
    #[must_use]
    pub fn message_id(&self, events: &[&Event], now: Timestamp) -> String {
        let now = now.as_nanosecond().to_string();
        let mut parts = vec![self.name.as_str(), &now];
        parts.extend(events.iter().map(|e| e.id.as_str()));
        format!("claude-failover-{:016x}", hash(&parts))
    }

    /// Takes up a message: the intent that is on disk before it is sent. Until its end is known it may have arrived.
    pub fn begins(&mut self, message: &Message) {
        let (tries, again) = (message.tries + 1, message.again || message.unsure);
        self.message = Some(Message { tries, unsure: true, again, ..message.clone() });
    }

    /// Which of the events that are due is tried alone, from 0, where so many tries in a row have failed that it may be
    /// because of one of them: each time another, so that none holds up the others.
    #[must_use]
    pub fn probes(&self) -> Option<usize> {
        let failures = self.failures.max(self.refused).checked_sub(IN_A_ROW + 1)?;
        usize::try_from(failures).ok()
    }

    /// Notes what came of the message under way. One that surely did not arrive is put together anew the next time,
    /// with what has come meanwhile; one that may have arrived stays as it is until its end is known.
    pub fn ended(&mut self, events: &[Event], outcome: &Outcome, now: Timestamp) {
        let Some(mut message) = self.message.take() else { return };
        match outcome {
            Outcome::Sent(_) => {
                for id in &message.events {
                    self.delivered.insert(id.clone(), now);
                }
                for event in events.iter().filter(|e| message.events.contains(&e.id)) {
                    self.recent.insert(event.likeness(), now);
                }
                self.sends.push(now);
                // A digest that was refused for its size says nothing of the next: it may grow again.
                self.most = self.most.map(|most| most * 2).filter(|most| *most < super::plan::MOST);
                self.refused = 0;
                self.is_well();
            }
            Outcome::Later { after, why, unsure } => {
                self.fails(why, false, None, now);
                self.not_before = now.checked_add(backoff(self.failures, *after, false, &message.id)).ok();
                message.unsure = *unsure;
                self.message = Some(message).filter(|m| m.unsure || m.again);
            }
            Outcome::Fault { why, hint } => {
                self.fails(why, true, hint.as_deref(), now);
                self.not_before = now.checked_add(backoff(self.failures, None, true, &message.id)).ok();
                message.unsure = false;
                self.message = Some(message).filter(|m| m.again);
            }
            // One among many is refused: halves, until it is found.
            // Not so if it may have arrived as a whole: its parts would be told twice.
            Outcome::Refused { .. } if message.events.len() > 1 && !message.again => {
                self.most = Some(message.events.len() / 2);
            }
            Outcome::Refused { why } => {
                self.refused = self.refused.saturating_add(1);
                if self.refused > IN_A_ROW {
                    self.fails(&format!("it takes nothing any more: {why}"), true, None, now);
                    self.not_before = now.checked_add(backoff(self.failures, None, true, &message.id)).ok();
                }
                // Whether it had arrived nobody will know; it is not held against the others.
                if self.refused <= IN_A_ROW || message.again {
                    let perhaps = if message.again { "may have arrived; then " } else { "" };
                    for id in message.events {
                        self.parked.insert(id, Parked { at: now, why: format!("{perhaps}{why}") });
                    }
                    self.most = None;
                }
            }
        }
    }

    fn fails(&mut self, why: &str, fault: bool, hint: Option<&str>, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        let since = self.trouble.as_ref().map_or(now, |t| t.since);
        self.trouble = Some(Trouble { since, why: why.to_owned(), fault, hint: hint.map(str::to_owned) });
    }

    /// Notes that no message can be sent at all: its secret is missing. It is looked at again by every run.
    pub fn cannot_be_reached(&mut self, outcome: &Outcome, now: Timestamp) {
        let Outcome::Fault { why, hint } = outcome else { return };
        let since = self.trouble.as_ref().filter(|t| t.fault).map_or(now, |t| t.since);
        self.trouble = Some(Trouble { since, why: why.clone(), fault: true, hint: hint.clone() });
        self.missing = true;
    }

    /// Its secret is there (again): what was missing is no trouble any more.
    pub fn can_be_reached(&mut self) {
        if self.missing {
            self.missing = false;
            self.is_well();
        }
    }

    /// Tries parked events again, as if they had just come.
    pub fn retry(&mut self, now: Timestamp, means: impl Fn(&str) -> bool) {
        let (again, parked) = std::mem::take(&mut self.parked).into_iter().partition(|(id, _)| means(id));
        self.parked = parked;
        self.retried.extend(BTreeMap::into_keys(again).map(|id| (id, now)));
        self.refused = 0;
        self.is_well();
    }

    /// Keeps the mark of an event that lasts and is noted again. Whether there was one and it is a day old.
    pub fn renews(&mut self, event: &str, now: Timestamp) -> bool {
        let old = self.delivered.get_mut(event).filter(|at| now.duration_since(**at) > DAY);
        old.map(|at| *at = now).is_some()
    }

    /// It takes messages: nothing of an earlier trouble counts any more.
    pub fn is_well(&mut self) {
        (self.failures, self.not_before, self.trouble) = (0, None, None);
    }

    /// Lets go of what is over.
    pub fn tidy(&mut self, policy: &Policy, events: &[Event], now: Timestamp) {
        let old = |at: &Timestamp, than: SignedDuration| now.duration_since(*at) > than;
        let there: BTreeSet<&str> = events.iter().map(|e| e.id.as_str()).collect();
        let kept = |id: &str| if lasts(id) { policy.keep.saturating_add(DAY) } else { DAY };
        self.delivered.retain(|id, at| there.contains(id.as_str()) || !old(at, kept(id)));
        self.parked.retain(|id, _| there.contains(id.as_str()));
        self.retried.retain(|id, _| there.contains(id.as_str()));
        self.recent.retain(|_, at| !old(at, policy.repeat));
        self.sends.retain(|at| !old(at, SignedDuration::from_hours(1)));
        if let Some(message) = &mut self.message {
            // A person may have dropped some of them.
            message.events.retain(|id| there.contains(id.as_str()));
            if message.events.is_empty() {
                self.message = None;
            }
        }
    }

    /// Parks what has waited for too long; what that was. For a run that could not deliver, and for no other: after a
    /// week without a run, or where it is held back by quiet hours, it is still told.
    pub fn gives_up(&mut self, policy: &Policy, events: &[Event], now: Timestamp) -> Vec<String> {
        let old = |at: &Timestamp| now.duration_since(*at) > policy.keep;
        // A message under way is given up as a whole: told anew, its younger events might be told twice.
        let under_way = self.message.as_ref().map(|m| m.events.clone()).unwrap_or_default();
        let is_old = |e: &&Event| old(self.retried.get(&e.id).map_or(&e.at, |again| again.max(&e.at)));
        let waiting = self.waiting(policy, events);
        let (its, others): (Vec<&Event>, Vec<&Event>) = waiting.iter().partition(|e| under_way.contains(&e.id));
        let its_end = !its.is_empty() && its.iter().all(is_old);
        let expired: Vec<String> = its
            .iter()
            .filter(|_| its_end)
            .chain(others.iter().filter(|e| is_old(e)))
            .map(|e| e.id.clone())
            .collect();
        for id in &expired {
            let why = self.trouble.as_ref().map_or("it waited for too long", |t| &t.why);
            self.parked.insert(id.clone(), Parked { at: now, why: format!("not delivered in time: {why}") });
        }
        if its_end {
            self.message = None;
        }
        expired
    }

    /// When it may be tried again, if that is ahead. A time further ahead than any pause is of a clock that went back.
    #[must_use]
    pub fn paused(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before.filter(|until| now < *until && until.duration_since(now) <= super::answer::LONGEST)
    }
}

#[cfg(test)]
mod tests;

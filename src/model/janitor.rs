//! What has had its time: the one plan of the janitor, for a dry run and for a real one.
//!
//! [`plan`] is given every file one after the other and keeps only what is to be done, so a hundred thousand
//! finished tasks cost eight bytes each. What is live, young or of use stays without a word; what is unknown, or
//! of which it cannot be told whose it is, stays and is said. A time in the future is no age.

mod found;
mod rules;

pub use found::{Events, Found, Known, Remains, Seen, Standing, Whereabouts};
pub use rules::{EVENTS_ROTATE_AT, Rule, Rules};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::archive::{Shelf, month};
use super::front_matter::OutcomeResult;
use super::name::{SessionName, TaskRef, printable};
use super::observe::words;

/// How to carry a step out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A claimed task goes back to its inbox, or to `failed/` if this was its last try.
    PutBack {
        /// The task.
        task: TaskRef,
        /// Its project.
        project: PathBuf,
        /// Its file.
        seen: Seen,
    },
    /// A file is removed.
    Remove(Seen),
    /// A file of a session is removed while nobody starts or ends that.
    RemoveOf {
        /// The session.
        session: SessionName,
        /// The file.
        seen: Seen,
    },
    /// The events of a session begin a new file.
    Rotate(SessionName),
    /// A tmux session is ended.
    End(SessionName),
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// By which rule.
    pub rule: Rule,
    /// What it is about, for people.
    pub subject: String,
    /// How old that is.
    pub age: SignedDuration,
    /// How large it is.
    pub bytes: u64,
    /// Why.
    pub why: String,
    /// How.
    pub act: Act,
}

/// The tasks that go to one shelf.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Their size together.
    pub bytes: u64,
    /// The age of the oldest.
    pub oldest: SignedDuration,
    /// The mark of each file, sorted: one that has changed since has another.
    pub marks: Vec<u64>,
}

/// Things that are left alone for one reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// How many.
    pub count: usize,
    /// The first of them, by name.
    pub first: Vec<String>,
    /// Whether they are claimed tasks.
    pub is_claim: bool,
}

/// Everything that is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// One by one, in the order of the rules.
    pub steps: Vec<Step>,
    /// Finished tasks by the shelf on which they are put.
    pub archive: BTreeMap<Shelf, Batch>,
    /// What is left alone although it looks as if it had had its time, by reason.
    pub left: BTreeMap<String, Left>,
}

/// So many tasks are put on a shelf at once …
const SHELF_DUE: usize = 1000;

/// … and fewer once the oldest of them has been due for so long.
const SHELF_WAITS: SignedDuration = SignedDuration::from_hours(24);

/// A run that comes so long after the last one may have been started by a clock that is wrong.
pub const LONG_SILENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Why a run leaves undone what cannot be undone again; `None` if it does not. The first run ever has nothing to
/// compare the time with.
#[must_use]
pub fn mistrusts_clock(now: Timestamp, last: Option<Timestamp>) -> Option<String> {
    let since = last.map(|last| age(now, last)).filter(|since| *since > LONG_SILENCE)?;
    let what = "only claims and archives now, the rest at the next run";
    Some(format!("the last run was {} ago, or the clock is wrong: {what}", words(since)))
}

impl Plan {
    /// Without the steps that remove or end something.
    #[must_use]
    pub fn harmless(mut self) -> Self {
        self.steps.retain(|step| step.rule == Rule::StaleClaims);
        self
    }
}

/// How many names are kept of what is left alone for one reason.
const NAMED: usize = 3;

/// How old something is. A time in the future, after a clock that went back, is no age.
#[must_use]
pub fn age(now: Timestamp, then: Timestamp) -> SignedDuration {
    now.duration_since(then).max(SignedDuration::ZERO)
}

/// Decides about everything that was found.
#[must_use]
pub fn plan(now: Timestamp, found: impl IntoIterator<Item = Found>, known: &Known, rules: &Rules) -> Plan {
    let mut planner = Planner { now, known, rules, plan: Plan::default(), days: Vec::new(), switches: Vec::new() };
    for found in found {
        planner.look(found);
    }
    planner.log();
    planner.past_switches();
    planner.due();
    let mut plan = planner.plan;
    plan.steps.sort_by(|a, b| (a.rule, &a.subject).cmp(&(b.rule, &b.subject)));
    for batch in plan.archive.values_mut() {
        batch.marks.sort_unstable();
    }
    plan
}

struct Planner<'a> {
    now: Timestamp,
    known: &'a Known,
    rules: &'a Rules,
    plan: Plan,
    days: Vec<(Date, Seen)>,
    switches: Vec<(String, Seen)>,
}

impl Planner<'_> {
    fn look(&mut self, found: Found) {
        let rules = self.rules;
        match found {
            Found::Claimed { task, project, seen, twin, busy, elsewhere } => {
                let why = busy
                    .map(|session| format!("session `{session}`, which had it, is not at rest"))
                    .or_else(|| {
                        elsewhere.map(|s| format!("`status.json` names session `{s}`, which is not of this state"))
                    })
                    .or_else(|| twin.then(|| "a task of the same id waits".to_owned()));
                self.claimed(task, project, seen, why);
            }
            Found::Ended { project, state, id, seen } => self.ended(TaskRef { project, id }, state, &seen),
            Found::Record { task, seen, whereabouts } => self.record(&task, seen, whereabouts),
            Found::Log { day, seen } => self.days.push((day, seen)),
            Found::Switch { id, seen } => self.switches.push((id, seen)),
            Found::Events { session, kind, seen } => self.events(session, kind, seen),
            Found::Session { name, seen } => self.session(name, seen),
            Found::Overlay { session, seen } => self.overlay(session, seen),
            Found::Checkpoint { session, seen } => {
                let (subject, age) = (format!("{session}/{}", seen.name()), age(self.now, seen.written));
                let why = "expired: neither one of the newest nor the last of a day".to_owned();
                self.step(Rule::Checkpoints, subject, age, seen.bytes, why, Act::Remove(seen));
            }
            Found::Signals { account, seen } => {
                if !self.known.accounts.contains(&account) {
                    let why = "no account of this name in the configuration".to_owned();
                    self.remove_old(Rule::Signals, account, seen, rules.signals_keep, why);
                }
            }
            Found::Kick { name, seen } => {
                self.remove_old(Rule::Kicks, name, seen, rules.kicks_after, "nobody took it".to_owned());
            }
            Found::Temp { seen } => {
                let subject = printable(&seen.path.to_string_lossy());
                let why = "left by a run that was killed".to_owned();
                self.remove_old(Rule::TempFiles, subject, seen, rules.temp_files_after, why);
            }
            Found::Remains(remains) => self.remains(&remains),
            Found::Unknown { what, why } => self.leave(what, why),
        }
    }

    fn leave(&mut self, what: String, why: impl Into<String>) {
        let left = self.plan.left.entry(why.into()).or_default();
        left.count += 1;
        if left.first.len() < NAMED {
            left.first.push(what);
            left.first.sort();
        }
    }

    /// Somebody waits for it: the log has it as well.
    fn leave_claim(&mut self, task: &TaskRef, why: String) {
        self.leave(task.to_string(), why.clone());
        self.plan.left.entry(why).or_default().is_claim = true;
    }

    fn step(&mut self, rule: Rule, subject: String, age: SignedDuration, bytes: u64, why: String, act: Act) {
        self.plan.steps.push(Step { rule, subject, age, bytes, why, act });
    }

    fn remove_old(&mut self, rule: Rule, subject: String, seen: Seen, keep: SignedDuration, why: String) {
        let age = age(self.now, seen.written);
        if age > keep {
            self.step(rule, subject, age, seen.bytes, why, Act::Remove(seen));
        }
    }

    fn remove_of(&mut self, rule: Rule, session: SessionName, seen: Seen, keep: SignedDuration, why: &str) {
        let age = age(self.now, seen.written);
        if age > keep {
            let subject = seen.name();
            self.step(rule, subject, age, seen.bytes, why.to_owned(), Act::RemoveOf { session, seen });
        }
    }

    fn claimed(&mut self, task: TaskRef, project: PathBuf, seen: Seen, hindrance: Option<String>) {
        // A rename moves the ctime, where the file system has one: the later of both is when it was claimed. A time
        // of writing can be set by whoever writes; one in the future would keep the claim for ever.
        let claimed = if seen.written > self.now { seen.changed } else { seen.written.max(seen.changed) };
        let age = age(self.now, claimed);
        if self.known.leased.contains(&task) || age <= self.rules.stale_claims_after {
            return;
        }
        if let Some(why) = &self.known.unclear {
            return self.leave_claim(&task, format!("claimed, and it cannot be told by whom: {why}"));
        }
        if let Some(why) = hindrance {
            return self.leave_claim(&task, format!("claimed, and {why}"));
        }
        let why = format!("no session has had it for {}: that counts as a try", words(age));
        let (subject, bytes) = (task.to_string(), seen.bytes);
        self.step(Rule::StaleClaims, subject, age, bytes, why, Act::PutBack { task, project, seen });
    }

    fn ended(&mut self, task: TaskRef, state: OutcomeResult, seen: &Seen) {
        let age = age(self.now, seen.written);
        let after = self.rules.archive_after(state);
        // A session that has not let go of it yet is `watch`'s to settle.
        if age <= after || self.known.leased.contains(&task) {
            return;
        }
        let shelf = Shelf { project: task.project, state, month: month(seen.written) };
        let batch = self.plan.archive.entry(shelf).or_default();
        batch.bytes += seen.bytes;
        batch.oldest = batch.oldest.max(age);
        batch.marks.push(seen.mark);
    }

    /// The record of a task whose file is archived has nothing left to say; it goes with the file, unless a run
    /// was killed in between.
    fn record(&mut self, task: &TaskRef, seen: Seen, whereabouts: Whereabouts) {
        let keep = self.rules.archive_done_after.min(self.rules.archive_failed_after);
        match whereabouts {
            _ if self.known.leased.contains(task) => {}
            Whereabouts::Queue => {}
            Whereabouts::Archive => {
                let why = "its task is in the archive".to_owned();
                self.remove_old(Rule::Records, task.to_string(), seen, keep, why);
            }
            Whereabouts::Nowhere if age(self.now, seen.written) > keep => {
                self.leave(task.to_string(), "a record of a task whose file is nowhere");
            }
            Whereabouts::Nowhere => {}
        }
    }

    fn events(&mut self, session: SessionName, kind: Events, seen: Seen) {
        let keep = self.rules.events_keep;
        match (kind, self.known.sessions.get(session.as_str())) {
            (Events::Rotated, _) => self.remove_of(Rule::Events, session, seen, keep, "put aside"),
            (_, None) => self.remove_of(Rule::Events, session, seen, keep, "no session of this name is known"),
            (Events::Current, Some(Standing::Live | Standing::AtRest)) if seen.bytes >= EVENTS_ROTATE_AT => {
                let why = format!("{} MiB", seen.bytes >> 20);
                let age = age(self.now, seen.written);
                self.step(Rule::Rotate, session.to_string(), age, seen.bytes, why, Act::Rotate(session));
            }
            _ => {}
        }
    }

    fn session(&mut self, name: SessionName, seen: Seen) {
        let at_rest = self.known.sessions.get(name.as_str()) == Some(&Standing::AtRest);
        if at_rest && !self.known.configured.contains(name.as_str()) {
            let why = "no client, and not in the configuration";
            self.remove_of(Rule::Sessions, name, seen, self.rules.sessions_keep, why);
        }
    }

    fn overlay(&mut self, session: SessionName, seen: Seen) {
        let why = match self.known.sessions.get(session.as_str()) {
            None => "no session of this name is known",
            Some(Standing::AtRest) => "its session has no client",
            Some(Standing::Live | Standing::Broken) => return,
        };
        self.remove_of(Rule::Overlays, session, seen, self.rules.overlays_keep, why);
    }

    /// A tmux session that says it is ours. Those with a record are `watch`'s.
    fn remains(&mut self, found: &Remains) {
        let age = found.activity.map_or(SignedDuration::ZERO, |at| age(self.now, at));
        let name = found.session.to_string();
        if self.known.sessions.contains_key(&name) || age <= self.rules.orphans_after {
            return;
        }
        let what = format!("tmux session {name}");
        if self.known.dedicated.contains(&name) {
            self.leave(what, "an orphan of a name that is yours");
        } else if found.alive {
            self.leave(what, "a client of ours that no record knows of");
        } else if found.attached {
            self.leave(what, "an orphan that somebody is attached to");
        } else {
            let why = "ours, its client has ended, no record knows of it, nobody is attached".to_owned();
            self.step(Rule::Orphans, name, age, 0, why, Act::End(found.session.clone()));
        }
    }

    /// A shelf is written whole for what is added to it: few tasks wait until the oldest has waited for a day.
    fn due(&mut self) {
        let rules = self.rules;
        self.plan.archive.retain(|shelf, batch| {
            let since = batch.oldest.saturating_sub(rules.archive_after(shelf.state));
            batch.marks.len() >= SHELF_DUE || since > SHELF_WAITS
        });
    }

    /// Days that are too old, then the oldest of what is too much. Today stays.
    fn log(&mut self) {
        let mut days = std::mem::take(&mut self.days);
        days.sort_by_key(|(day, _)| *day);
        let today = self.now.to_zoned(TimeZone::UTC).date();
        let mut total: u64 = days.iter().map(|(_, seen)| seen.bytes).sum();
        for (day, seen) in days {
            // A day has become old once it is over.
            let over = day.tomorrow().and_then(|next| next.to_zoned(TimeZone::UTC)).map(|z| z.timestamp());
            let age = over.map_or(SignedDuration::ZERO, |over| age(self.now, over));
            let why = if age > self.rules.log_keep {
                format!("kept for {}", words(self.rules.log_keep))
            } else if total > self.rules.log_max && day < today {
                format!("the log is larger than {} MiB", self.rules.log_max >> 20)
            } else {
                continue;
            };
            total -= seen.bytes;
            self.step(Rule::Log, seen.name(), age, seen.bytes, why, Act::Remove(seen));
        }
    }

    fn past_switches(&mut self) {
        let mut all = std::mem::take(&mut self.switches);
        // They are named by the time at which they began.
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let surplus = all.len().saturating_sub(self.rules.switches_keep);
        for (id, seen) in all.into_iter().take(surplus) {
            let why = format!("the newest {} are kept", self.rules.switches_keep);
            let age = age(self.now, seen.written);
            self.step(Rule::Switches, id, age, seen.bytes, why, Act::Remove(seen));
        }
    }
}

#[cfg(test)]
mod tests;

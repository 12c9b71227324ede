//! Which waiting task goes to which session now, and why the others wait.
//!
//! Order: priority, then projects with fewer sessions at work, then age, then name. A task is
//! handed out only if everything it needs is known to be so; what is unknown waits.

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use super::front_matter::{Fault, Header, Priority};
use super::name::{AccountName, SessionName, TaskRef};
use super::observe::words;
use super::queue::{Place, Places, ProjectQueue, cycles};
use super::report::Item;
use super::session::{Kind, SessionRecord, State};

/// A pool session as dispatch sees it.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its name.
    pub name: SessionName,
    /// What it can be used for.
    pub use_: SlotUse,
}

/// What a pool session can be used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotUse {
    /// No client runs: one can be launched.
    Free,
    /// An idle client that can take a line, or be replaced.
    Idle {
        /// Where it runs.
        cwd: PathBuf,
        /// The model it was launched with.
        model: Option<String>,
        /// The account it was launched with.
        account: Option<AccountName>,
        /// Whether it takes a typed line; one with shells in the background is only replaced.
        takes_lines: bool,
    },
    /// Not now, and why.
    Busy(String),
}

/// Whether a pool session can be used, from its record alone: the cheap first look, and the check
/// that is repeated under the lock.
#[must_use]
pub fn slot_use(record: Option<&SessionRecord>, now: Timestamp, cooldown: SignedDuration) -> SlotUse {
    let Some(record) = record else { return SlotUse::Free };
    if record.kind != Kind::Pool {
        return SlotUse::Busy("it is a dedicated session".to_owned());
    }
    if let Some(lease) = &record.lease {
        return SlotUse::Busy(format!("it has task `{}`", lease.task));
    }
    if let Some(why) = record.held(now) {
        return SlotUse::Busy(why.to_owned());
    }
    if let Some(freed) = record.freed {
        // A clock that went back must not park the session until it has caught up.
        let age = now.duration_since(freed);
        if !age.is_negative() && age < cooldown {
            return SlotUse::Busy(format!("it cools down for {}", words(cooldown - age)));
        }
    }
    if record.client.is_none() {
        return SlotUse::Free;
    }
    match (record.note.state, &record.cwd) {
        (State::Idle, Some(cwd)) => SlotUse::Idle {
            cwd: cwd.clone(),
            model: record.model.clone(),
            account: record.account.clone(),
            takes_lines: !record.note.background,
        },
        (State::Dead, _) => SlotUse::Free,
        (state, _) => SlotUse::Busy(format!("it is {state}")),
    }
}

/// Why a task could not be claimed although the plan had given it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub why: String,
    /// Whether it waits for a person and not for time.
    pub needs_person: bool,
}

/// Everything that the decision rests on.
#[derive(Debug)]
pub struct Snapshot<'a> {
    /// The queues of all projects.
    pub queues: &'a [ProjectQueue],
    /// The pool.
    pub slots: Vec<Slot>,
    /// Every session's record, for what is at work in each project.
    pub sessions: &'a [SessionRecord],
    /// Where the tasks lie on which others depend.
    pub places: &'a Places,
    /// Every account of the configuration.
    pub accounts: Vec<&'a AccountName>,
    /// The account on which new sessions start.
    pub active: &'a AccountName,
    /// Accounts that cannot be used now, and why.
    pub blocked: &'a BTreeMap<AccountName, String>,
    /// Tasks that could not be claimed in this run, each with the reason.
    pub refused: &'a BTreeMap<TaskRef, Refusal>,
    /// The task that goes behind all others, since its client last did not start.
    pub behind: Option<&'a TaskRef>,
    /// The model for critical tasks and the one for all others.
    pub models: (Option<&'a str>, Option<&'a str>),
    /// Whether an idle session may take another task of its project in the same conversation.
    pub reuse: bool,
    /// How often a task may be tried, unless it says otherwise.
    pub max_attempts: u32,
}

/// A task that goes to a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assignment {
    /// The task.
    pub task: TaskRef,
    /// The project's directory.
    pub project_path: PathBuf,
    /// The session.
    pub session: SessionName,
    /// How it gets there.
    pub how: How,
    /// The account to launch on.
    pub account: AccountName,
    /// The model to launch with.
    pub model: Option<String>,
    /// The priority, for the report.
    pub priority: Priority,
    /// How often it may be tried.
    pub max_attempts: u32,
    /// Its own limit of silence, in seconds.
    pub stall_after_seconds: Option<i64>,
}

/// How a task gets to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum How {
    /// A client is launched with the prompt as its argument.
    Launch,
    /// The idle client is ended and another one launched in its place.
    Replace,
    /// A line is typed into the idle client.
    Type,
}

/// What to do, and why the rest waits.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Tasks to hand out, in order.
    pub assign: Vec<Assignment>,
    /// Tasks that wait, each with the reason.
    pub waits: Vec<Wait>,
}

/// A task that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// The task, or the file if its name is none.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// What to do about it, if a person must.
    pub hint: Option<String>,
    /// Whether it waits for a person and not for time.
    pub needs_person: bool,
}

impl Wait {
    fn new(subject: impl ToString, reason: impl Into<String>) -> Self {
        Self { subject: subject.to_string(), reason: reason.into(), hint: None, needs_person: false }
    }

    fn fault(subject: impl ToString, fault: &Fault) -> Self {
        Self {
            subject: subject.to_string(),
            reason: fault.to_string(),
            hint: fault.hint.clone(),
            needs_person: true,
        }
    }

    /// As a line of a report.
    #[must_use]
    pub fn item(&self) -> Item {
        Item::new(&self.subject, if self.needs_person { "held" } else { "waits" }, &self.reason)
            .hint(self.hint.clone())
    }
}

struct Candidate<'a> {
    task: TaskRef,
    queue: usize,
    header: &'a Header,
    queued: Timestamp,
}

/// Decides. Takes a bounded time: each task is looked at a fixed number of times.
#[must_use]
pub fn plan(now: Timestamp, seen: &Snapshot<'_>) -> Plan {
    let mut plan = Plan::default();
    let rings = cycles(seen.queues);
    let leased = seen.sessions.iter().filter_map(|s| Some((&s.lease.as_ref()?.task, &s.name))).collect();
    let mut ready: BTreeMap<Priority, Vec<Candidate<'_>>> = BTreeMap::new();
    for (n, queue) in seen.queues.iter().enumerate() {
        plan.waits.extend(queue.unreadable.iter().map(|fault| Wait::fault(&queue.project, fault)));
        plan.waits.extend(queue.refused.iter().map(|(name, fault)| Wait::fault(name, fault)));
        for waiting in &queue.waiting {
            let task = TaskRef { project: queue.project.clone(), id: waiting.id.clone() };
            let header = match &waiting.header {
                Ok(header) => header,
                Err(fault) => {
                    plan.waits.push(Wait::fault(&task, fault));
                    continue;
                }
            };
            match obstacle(now, &task, header, queue, seen, &rings, &leased) {
                Some(wait) => plan.waits.push(wait),
                None => ready.entry(header.priority).or_default().push(Candidate {
                    task,
                    queue: n,
                    header,
                    queued: waiting.queued,
                }),
            }
        }
    }
    hand_out(seen, ready, &mut plan);
    plan
}

/// What keeps a task back whatever sessions are free.
fn obstacle(
    now: Timestamp,
    task: &TaskRef,
    header: &Header,
    queue: &ProjectQueue,
    seen: &Snapshot<'_>,
    rings: &HashMap<TaskRef, String>,
    leased: &HashMap<&TaskRef, &SessionName>,
) -> Option<Wait> {
    if let Some(refusal) = seen.refused.get(task) {
        return Some(Wait { needs_person: refusal.needs_person, ..Wait::new(task, &refusal.why) });
    }
    if queue.claimed.binary_search(&task.id).is_ok() {
        return Some(Wait::new(task, "a task of the same id is at work"));
    }
    if let Some(session) = leased.get(task) {
        return Some(Wait::new(task, format!("`{session}` has not let go of it yet, `watch` settles it")));
    }
    if let Some(ring) = rings.get(task) {
        let wait = Wait::new(task, format!("its dependencies run in a circle: {ring}"));
        let hint = "take one `depends_on` out of the circle".to_owned();
        return Some(Wait { hint: Some(hint), needs_person: true, ..wait });
    }
    for dep in &header.depends_on {
        match seen.places.get(dep).copied().unwrap_or(Place::Nowhere) {
            Place::Done => {}
            Place::Waiting => return Some(Wait::new(task, format!("waits for `{dep}`, which waits itself"))),
            Place::Claimed => return Some(Wait::new(task, format!("waits for `{dep}`, which is at work"))),
            Place::Failed => {
                let hint = format!("claude-failover task retry {} --project {}", dep.id, dep.project);
                let wait = Wait::new(task, format!("depends on `{dep}`, which failed"));
                return Some(Wait { hint: Some(hint), needs_person: true, ..wait });
            }
            Place::Nowhere => {
                let wait = Wait::new(task, format!("depends on `{dep}`, which does not exist"));
                return Some(Wait { needs_person: true, ..wait });
            }
        }
    }
    if let Some(time) = header.not_before
        && now < time
    {
        return Some(Wait::new(task, format!("not before {time} (in {})", words(time.duration_since(now)))));
    }
    let pinned = header.account.as_ref().or(queue.account.as_ref());
    if let Some(account) = pinned
        && !seen.accounts.contains(&account)
    {
        let wait = Wait::new(task, format!("pinned to account `{account}`, which does not exist"));
        return Some(Wait { needs_person: true, ..wait });
    }
    if let Some(account) = pinned
        && account != seen.active
    {
        return Some(Wait::new(task, format!("pinned to account `{account}`, active is `{}`", seen.active)));
    }
    if let Some(why) = seen.blocked.get(seen.active) {
        let wait = Wait::new(task, format!("account `{}`: {why}", seen.active));
        return Some(wait);
    }
    None
}

fn hand_out(seen: &Snapshot<'_>, ready: BTreeMap<Priority, Vec<Candidate<'_>>>, plan: &mut Plan) {
    let mut at_work: Vec<u32> = seen.queues.iter().map(|q| at_work_in(q, seen.sessions)).collect();
    let mut slots: Vec<Option<&Slot>> =
        seen.slots.iter().map(|s| (!matches!(s.use_, SlotUse::Busy(_))).then_some(s)).collect();
    let mut free = slots.iter().flatten().count();
    for (priority, mut tasks) in ready {
        let behind = |c: &Candidate<'_>| Some(&c.task) == seen.behind;
        tasks.sort_by(|a, b| (behind(a), a.queued, &a.task).cmp(&(behind(b), b.queued, &b.task)));
        // One line a project, oldest first; the project with the fewest at work is served next.
        let mut lines: BTreeMap<usize, std::collections::VecDeque<Candidate<'_>>> = BTreeMap::new();
        for task in tasks {
            lines.entry(task.queue).or_default().push_back(task);
        }
        while free > 0 {
            let next = lines
                .iter()
                .filter(|(n, line)| !line.is_empty() && at_work[**n] < seen.queues[**n].max_sessions)
                .min_by_key(|(n, line)| {
                    let front = line.front();
                    (front.is_some_and(behind), at_work[**n], front.map(|c| c.queued), **n)
                })
                .map(|(n, _)| *n);
            let Some(n) = next else { break };
            let Some(task) = lines.get_mut(&n).and_then(std::collections::VecDeque::pop_front) else { break };
            let model = model_for(&task, seen);
            let Some((at, how)) = choose_slot(&slots, &seen.queues[n].path, model.as_deref(), seen) else {
                break;
            };
            let Some(slot) = slots[at].take() else { break };
            free -= 1;
            at_work[n] += 1;
            plan.assign.push(Assignment {
                project_path: seen.queues[n].path.clone(),
                session: slot.name.clone(),
                how,
                account: seen.active.clone(),
                model,
                priority,
                max_attempts: task.header.max_attempts.unwrap_or(seen.max_attempts),
                stall_after_seconds: task.header.stall_after.map(|d| d.as_secs()),
                task: task.task,
            });
        }
        for (n, line) in lines {
            let queue = &seen.queues[n];
            let most = queue.max_sessions;
            let full = at_work[n] >= most;
            let taken = plan.assign.iter().filter(|a| a.task.project == queue.project).map(|a| &a.task.id);
            let taken: Vec<String> = taken.map(|id| format!("`{id}`")).collect();
            let reason = match (full, taken.is_empty()) {
                (true, true) => format!("{} of {most} sessions of the project are at work", at_work[n]),
                (true, false) => format!("behind {}: at most {most} at once in the project", taken.join(", ")),
                (false, _) => "no idle pool session".to_owned(),
            };
            plan.waits.extend(line.into_iter().map(|c| Wait::new(c.task, reason.clone())));
        }
    }
}

/// How many pool sessions are at work in this project.
fn at_work_in(queue: &ProjectQueue, sessions: &[SessionRecord]) -> u32 {
    let has_it = |s: &&SessionRecord| match &s.lease {
        Some(lease) => lease.task.project == queue.project,
        // A turn that goes on after its task's end still writes into the working tree.
        None => s.kind == Kind::Pool && s.is_occupied() && s.project.as_ref() == Some(&queue.project),
    };
    u32::try_from(sessions.iter().filter(has_it).count()).unwrap_or(u32::MAX)
}

fn model_for(task: &Candidate<'_>, seen: &Snapshot<'_>) -> Option<String> {
    let of_project = seen.queues[task.queue].model.as_deref();
    let by_priority =
        if task.header.priority == Priority::Critical { seen.models.0 } else { None }.or(seen.models.1);
    task.header.model.as_deref().or(of_project).or(by_priority).map(str::to_owned)
}

/// A client that already sits in the project, else a free name, else an idle client elsewhere.
fn choose_slot(
    slots: &[Option<&Slot>],
    path: &std::path::Path,
    wanted: Option<&str>,
    seen: &Snapshot<'_>,
) -> Option<(usize, How)> {
    let fits = |s: &&Slot| match &s.use_ {
        SlotUse::Idle { cwd, model, account, takes_lines } => {
            seen.reuse
                && *takes_lines
                && cwd == path
                && model.as_deref() == wanted
                && account.as_ref() == Some(seen.active)
        }
        _ => false,
    };
    let find = |test: &dyn Fn(&&Slot) -> bool| slots.iter().position(|s| s.as_ref().is_some_and(test));
    find(&fits)
        .map(|n| (n, How::Type))
        .or_else(|| find(&|s| s.use_ == SlotUse::Free).map(|n| (n, How::Launch)))
        .or_else(|| find(&|s| matches!(s.use_, SlotUse::Idle { .. })).map(|n| (n, How::Replace)))
}

#[cfg(test)]
mod tests;

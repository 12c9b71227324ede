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
mod tests {
    use super::*;
    use crate::model::queue::tests::{needs, queue};

    fn slot(name: &str, use_: SlotUse) -> Slot {
        Slot { name: SessionName::new(name).unwrap(), use_ }
    }

    struct World {
        queues: Vec<ProjectQueue>,
        slots: Vec<Slot>,
        places: Places,
        blocked: BTreeMap<AccountName, String>,
        active: AccountName,
        other: AccountName,
    }

    fn world(queues: Vec<ProjectQueue>, slots: usize) -> World {
        World {
            queues,
            slots: (0..slots).map(|n| slot(&format!("p-{n}"), SlotUse::Free)).collect(),
            places: Places::new(),
            blocked: BTreeMap::new(),
            active: AccountName::new("main").unwrap(),
            other: AccountName::new("other").unwrap(),
        }
    }

    impl World {
        fn plan(&self) -> Plan {
            let now = Timestamp::from_second(1_800_001_000).unwrap();
            plan(
                now,
                &Snapshot {
                    queues: &self.queues,
                    slots: self.slots.clone(),
                    sessions: &[],
                    places: &self.places,
                    accounts: vec![&self.active, &self.other],
                    active: &self.active,
                    blocked: &self.blocked,
                    refused: &BTreeMap::new(),
                    behind: None,
                    models: (Some("opus"), Some("sonnet")),
                    reuse: true,
                    max_attempts: 3,
                },
            )
        }
        fn assigned(&self) -> Vec<String> {
            self.plan().assign.iter().map(|a| a.task.to_string()).collect()
        }
        fn why(&self, task: &str) -> String {
            self.plan().waits.iter().find(|w| w.subject == task).map_or("-".into(), |w| w.reason.clone())
        }
    }

    fn with(priority: Priority) -> Header {
        Header { priority, ..Header::default() }
    }

    #[test]
    fn priority_then_age_and_one_a_project() {
        let mut q = queue(
            "app",
            &[("old", with(Priority::Low)), ("new", with(Priority::Critical)), ("mid", Header::default())],
        );
        let w = world(vec![q.clone(), queue("web", &[("x", Header::default())])], 5);
        assert_eq!(w.assigned(), ["app:new", "web:x"]);
        assert_eq!(w.why("app:mid"), "behind `new`: at most 1 at once in the project");
        q.max_sessions = 3;
        assert_eq!(world(vec![q], 2).assigned(), ["app:new", "app:mid"]);
    }

    #[test]
    fn projects_share_the_pool() {
        let many: Vec<(String, Header)> = (0..9).map(|n| (format!("t{n}"), Header::default())).collect();
        let many: Vec<(&str, Header)> = many.iter().map(|(n, h)| (n.as_str(), h.clone())).collect();
        let mut a = queue("a", &many);
        let mut b = queue("b", &[("late", Header::default())]);
        b.waiting[0].queued = Timestamp::from_second(1_800_000_900).unwrap();
        (a.max_sessions, b.max_sessions) = (9, 9);
        assert_eq!(world(vec![a, b], 3).assigned(), ["a:t0", "b:late", "a:t1"]);
    }

    #[test]
    fn everything_that_keeps_a_task_back_is_said() {
        let later =
            Header { not_before: Some(Timestamp::from_second(1_800_004_600).unwrap()), ..Header::default() };
        let pinned = Header { account: Some(AccountName::new("other").unwrap()), ..Header::default() };
        let tasks = [
            ("later", later),
            ("pinned", pinned),
            ("self1", needs(&["self2"])),
            ("self2", needs(&["self1"])),
            ("w", needs(&["later"])),
            ("f", needs(&["web:bad"])),
            ("n", needs(&["gone"])),
            ("d", needs(&["web:ok"])),
        ];
        let mut w = world(vec![queue("app", &tasks)], 1);
        let r = |t: &str| TaskRef::parse(t, &ProjectName::new("app").unwrap()).unwrap();
        w.places = Places::from([
            (r("later"), Place::Waiting),
            (r("web:bad"), Place::Failed),
            (r("web:ok"), Place::Done),
        ]);
        assert_eq!(w.assigned(), ["app:d"]);
        assert_eq!(w.why("app:later"), "not before 2027-01-15T09:16:40Z (in 1h)");
        assert_eq!(w.why("app:pinned"), "pinned to account `other`, active is `main`");
        assert_eq!(w.why("app:self1"), "its dependencies run in a circle: app:self1 → app:self2 → app:self1");
        assert_eq!(w.why("app:w"), "waits for `app:later`, which waits itself");
        assert_eq!(w.why("app:f"), "depends on `web:bad`, which failed");
        assert_eq!(w.why("app:n"), "depends on `app:gone`, which does not exist");
        w.blocked = BTreeMap::from([(w.active.clone(), "its client asks to log in".to_owned())]);
        assert_eq!((w.assigned().len(), w.why("app:d")), (0, "account `main`: its client asks to log in".into()));
    }

    use crate::model::name::ProjectName;

    #[test]
    fn an_idle_client_of_the_project_is_used_first_and_one_elsewhere_last() {
        let idle = |path: &str, model: &str| SlotUse::Idle {
            cwd: PathBuf::from(path),
            model: Some(model.into()),
            account: Some(AccountName::new("main").unwrap()),
            takes_lines: path != "/srv/served",
        };
        let mut w = world(vec![queue("app", &[("t", Header::default())])], 0);
        w.slots = vec![slot("p-0", SlotUse::Free), slot("p-1", idle("/srv/app", "sonnet"))];
        assert_eq!((w.plan().assign[0].how, w.plan().assign[0].session.as_str()), (How::Type, "p-1"));
        w.slots = vec![slot("p-0", idle("/srv/app", "opus")), slot("p-1", SlotUse::Free)];
        assert_eq!((w.plan().assign[0].how, w.plan().assign[0].session.as_str()), (How::Launch, "p-1"));
        w.slots = vec![slot("p-0", SlotUse::Busy("x".into())), slot("p-1", idle("/srv/web", "sonnet"))];
        assert_eq!((w.plan().assign[0].how, w.plan().assign[0].session.as_str()), (How::Replace, "p-1"));
        w.queues[0].path = "/srv/served".into();
        w.slots = vec![slot("p-1", idle("/srv/served", "sonnet"))];
        assert_eq!(w.plan().assign[0].how, How::Replace, "something was left running in it");
        w.slots = vec![slot("p-0", SlotUse::Busy("x".into()))];
        assert_eq!(w.why("app:t"), "no idle pool session");
    }

    #[test]
    fn dedicated_unknown_and_working_sessions_are_never_slots() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let mut record = SessionRecord::new(SessionName::new("x").unwrap(), Kind::Dedicated);
        let zero = SignedDuration::ZERO;
        assert!(matches!(slot_use(Some(&record), now, zero), SlotUse::Busy(_)));
        record.kind = Kind::Pool;
        assert_eq!(slot_use(Some(&record), now, zero), SlotUse::Free);
        record.client =
            Some(crate::model::session::ClientProcess { pid: 1, start: 1, boot_id: "b".into(), launched: now });
        record.cwd = Some("/srv".into());
        for state in
            [State::Starting, State::Working, State::Waiting, State::Limited, State::Stalled, State::Unknown]
        {
            record.note.state = state;
            assert!(matches!(slot_use(Some(&record), now, zero), SlotUse::Busy(_)), "{state}");
        }
        record.note.state = State::Idle;
        record.freed = Some(now);
        assert!(matches!(slot_use(Some(&record), now, SignedDuration::from_mins(5)), SlotUse::Busy(_)));
        let before = now - SignedDuration::from_hours(2);
        assert!(matches!(slot_use(Some(&record), before, SignedDuration::from_mins(5)), SlotUse::Idle { .. }));
    }
}

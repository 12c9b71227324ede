//! What is, in one value: what `status --json` prints, and what every other view of the pool is made of.
//!
//! All of it was gathered at [`Status::at`]; nothing in it is asked for again. Percentages are what was used, 0 to
//! 100 and now and then more. What is not known is absent, never 0.

use jiff::{SignedDuration, Timestamp};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::path::PathBuf;

use super::account::{AccountKind, AccountView, Known, Login};
use super::endpoint_budget::EndpointBudget;
use super::forecast::Forecast;
use super::journal::Journal;
use super::name::{AccountName, ProjectName, SessionName, TaskRef};
use super::notify::record::Trouble as TargetTrouble;
use super::quota::{Limit, Source, Window};
use super::report::Item;
use super::session::{Kind, Lease, SessionRecord, State};
use super::signals::failure::Trouble;
use super::switch::Decision;

/// Format version of what scripts are told.
pub const STATUS_VERSION: u32 = 1;

/// Everything that is known of the pool at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// [`STATUS_VERSION`].
    pub version: u32,
    /// When it was gathered.
    pub at: Timestamp,
    /// The account on which new sessions start.
    pub active_account: AccountName,
    /// What will not go on by itself; what is worst is not sorted out.
    pub needs_person: Vec<Need>,
    /// Every session that there is a record of, by name.
    pub sessions: Vec<SessionStatus>,
    /// Sessions of the pool.
    pub pool: PoolStatus,
    /// The queue of each project, in the order of the configuration.
    pub projects: Vec<ProjectStatus>,
    /// Every task that waits, and why.
    pub waiting: Vec<Item>,
    /// Accounts whose record can be used, in the order of the configuration.
    pub accounts: Vec<AccountStatus>,
    /// Whether a switch is due, and what speaks for and against each account.
    pub decision: Decision,
    /// The newest switch, one under way before all others. Scripts are told its head only.
    #[serde(serialize_with = "head")]
    pub last_switch: Option<Journal>,
    /// Whether people can be told; none if that cannot be seen.
    pub notify: Option<NotifyStatus>,
    /// When something last looked after it.
    pub last_run: LastRuns,
}

/// Something that will not go on by itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Need {
    /// A session, a task, an account, a command, …
    pub subject: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionStatus {
    /// Its name.
    pub name: SessionName,
    /// Whose it is.
    pub kind: Kind,
    /// What it does.
    pub state: State,
    /// Since when, as far as is known.
    pub since: Timestamp,
    /// Why we think so, in words.
    pub evidence: Vec<String>,
    /// Its project, where its directory is one.
    pub project: Option<ProjectName>,
    /// Its directory.
    pub cwd: Option<PathBuf>,
    /// The account that its client was launched with.
    pub account: Option<AccountName>,
    /// The model that its client was launched with.
    pub model: Option<String>,
    /// Its conversation.
    pub conversation: Option<String>,
    /// Its client, if one was launched and not ended by us.
    pub pid: Option<i32>,
    /// The task that it has.
    pub task: Option<TaskRef>,
    /// … and how far that has come.
    pub lease: Option<Lease>,
}

impl SessionStatus {
    /// What is told of a record.
    #[must_use]
    pub fn of(record: &SessionRecord) -> Self {
        Self {
            name: record.name.clone(),
            kind: record.kind,
            state: record.note.state,
            since: record.note.since,
            evidence: record.note.evidence.clone(),
            project: record.project.clone(),
            cwd: record.cwd.clone(),
            account: record.account.clone(),
            model: record.model.clone(),
            conversation: record.conversation.clone(),
            pid: record.client.as_ref().map(|c| c.pid),
            task: record.lease.as_ref().map(|l| l.task.clone()),
            lease: record.lease.clone(),
        }
    }

    /// Whether there may be a client: the one rule of [`SessionRecord::is_live`].
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.pid.is_some() || self.lease.is_some() || self.state == State::Starting || self.kind == Kind::Dedicated
    }

    /// Whether it is one of the pool and its client lives, as far as is known.
    #[must_use]
    pub fn runs_in_pool(&self) -> bool {
        self.kind == Kind::Pool && self.pid.is_some() && self.state != State::Dead
    }
}

/// Sessions of the pool.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct PoolStatus {
    /// So many there may be.
    pub max: u32,
    /// So many have a client that lives.
    pub running: usize,
}

/// The queue of a project: tasks by where their files lie.
#[derive(Clone, Debug, Serialize)]
pub struct ProjectStatus {
    /// The project.
    pub project: ProjectName,
    /// Its directory.
    pub path: PathBuf,
    /// In the inbox.
    pub waiting: usize,
    /// … of which so many would go to a session if `dispatch` ran now.
    pub ready: usize,
    /// Handed out.
    pub claimed: usize,
    /// Carried out and not archived yet.
    pub done: usize,
    /// Given up and not archived yet.
    pub failed: usize,
}

/// An account, as its record tells.
#[derive(Clone, Debug, Serialize)]
pub struct AccountStatus {
    /// Its name.
    pub name: AccountName,
    /// How it pays.
    pub kind: AccountKind,
    /// Lower is preferred.
    pub priority: i64,
    /// Taken out of use by the configuration.
    pub disabled: bool,
    /// Its login.
    pub login: Login,
    /// The plan that its login names.
    pub plan: Option<String>,
    /// How well its usage is known.
    pub known: Known,
    /// Its usage windows, also those that are over since (`holds`).
    pub windows: Vec<WindowStatus>,
    /// Limits that were hit.
    pub limits: BTreeMap<Window, Limit>,
    /// A limit that was hit and does not say of which window.
    pub blind_limit: Option<Limit>,
    /// Until when a limit holds it up.
    pub limited_until: Option<Timestamp>,
    /// Why it needs a person, and since when.
    pub trouble: Option<(Trouble, Timestamp)>,
    /// Whether usage beyond the plan costs money, if something has said so.
    pub spends_money: Option<bool>,
    /// Why it cannot take sessions, whatever its usage.
    pub obstacles: Vec<String>,
    /// What was asked of the usage endpoint.
    pub endpoint: EndpointBudget,
}

/// A usage window of an account.
#[derive(Clone, Debug, Serialize)]
pub struct WindowStatus {
    /// Which.
    pub window: Window,
    /// Percent used when it was last read.
    pub percent: f64,
    /// When it begins anew.
    pub resets_at: Timestamp,
    /// When it was last read.
    pub observed_at: Timestamp,
    /// Who said so.
    pub source: Source,
    /// Whether that is still true: the window is not over.
    pub holds: bool,
    /// Percent from which on sessions leave.
    pub threshold: f64,
    /// How it goes on, if its history tells.
    pub forecast: Option<Forecast>,
    /// When it reaches its threshold.
    pub crossing: Option<CrossingStatus>,
}

impl WindowStatus {
    /// How old the reading is; a clock that went back makes nothing younger than new.
    #[must_use]
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.observed_at).max(SignedDuration::ZERO)
    }
}

/// When a window reaches its threshold, in seconds from now; absent where it never does within a week.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct CrossingStatus {
    /// At the highest rate that is likely.
    pub soonest_s: Option<i64>,
    /// At the rate itself.
    pub likely_s: Option<i64>,
    /// At the lowest rate that is likely.
    pub latest_s: Option<i64>,
}

impl AccountStatus {
    /// What is told of an account.
    #[must_use]
    pub fn of(view: &AccountView, plan: Option<String>, endpoint: EndpointBudget, now: Timestamp) -> Self {
        let windows = view.readings.iter().map(|(window, reading)| {
            let threshold = view.thresholds.of(window);
            let forecast = view.forecasts.get(window).copied();
            WindowStatus {
                window: window.clone(),
                percent: reading.percent,
                resets_at: reading.resets_at,
                observed_at: reading.at,
                source: reading.source,
                holds: reading.is_alive(now),
                threshold,
                forecast,
                crossing: forecast.map(|f| f.crossing(threshold)).map(|c| CrossingStatus {
                    soonest_s: c.soonest.map(|d| d.as_secs()),
                    likely_s: c.likely.map(|d| d.as_secs()),
                    latest_s: c.latest.map(|d| d.as_secs()),
                }),
            }
        });
        Self {
            name: view.name.clone(),
            kind: view.kind,
            priority: view.priority,
            disabled: view.disabled,
            login: view.login.clone(),
            plan,
            known: view.known(now),
            windows: windows.collect(),
            limits: view.limits.clone(),
            blind_limit: view.blind_limit.clone(),
            limited_until: view.limited_until(now),
            trouble: view.trouble,
            spends_money: view.spends_money,
            obstacles: view.obstacles(now),
            endpoint,
        }
    }
}

/// The head of a switch, for scripts.
#[derive(Serialize)]
struct SwitchHead<'a> {
    id: &'a str,
    begun: Timestamp,
    ended: Option<Timestamp>,
    from: &'a AccountName,
    to: &'a AccountName,
    why: &'a str,
    by_person: bool,
}

fn head<S: Serializer>(journal: &Option<Journal>, s: S) -> Result<S::Ok, S::Error> {
    let head = journal.as_ref().map(|j| SwitchHead {
        id: &j.id,
        begun: j.begun,
        ended: j.ended,
        from: &j.from,
        to: &j.to,
        why: &j.why,
        by_person: j.by_person,
    });
    head.serialize(s)
}

/// Whether people can be told.
#[derive(Clone, Debug, Serialize)]
pub struct NotifyStatus {
    /// Each target.
    pub targets: Vec<TargetStatus>,
    /// When `notify` last ran.
    pub last_run: Option<Timestamp>,
}

/// A target of notifications.
#[derive(Clone, Debug, Serialize)]
pub struct TargetStatus {
    /// Its name.
    pub name: String,
    /// Its kind, in the word of the configuration.
    pub kind: &'static str,
    /// Events that wait for it.
    pub waiting: usize,
    /// Events that it did not take.
    pub parked: usize,
    /// Why nothing arrives.
    pub trouble: Option<TargetTrouble>,
    /// No try before this.
    pub not_before: Option<Timestamp>,
}

/// When something last looked after the pool.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct LastRuns {
    /// `dispatch`.
    pub dispatch: Option<Timestamp>,
    /// `watch`.
    pub watch: Option<Timestamp>,
}

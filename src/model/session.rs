//! A session: one tmux session that runs one client. What we know of it, and what we may do to it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;
use std::path::PathBuf;

use super::deploy::record::Armed;
use super::event::Digest;
use super::name::{AccountName, ProjectName, SessionName, TaskRef};

/// Whose session it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The operator's own, named in the configuration: never dispatched to, typed into or ended.
    Dedicated,
    /// Ours.
    Pool,
}

/// A session that is ours to type into and to end. There is no other way to make one than
/// [`PoolSession::of`], and the functions that type or end take nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolSession(SessionName);

impl PoolSession {
    /// The session, if it is ours by its record *and* the configuration does not name it as the
    /// operator's own: either word alone is enough to keep our hands off.
    #[must_use]
    pub fn of(record: &SessionRecord, named_dedicated: bool) -> Option<Self> {
        (record.kind == Kind::Pool && !named_dedicated).then(|| Self(record.name.clone()))
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &SessionName {
        &self.0
    }
}

/// What a session does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Launched, not ready yet.
    Starting,
    /// Waits for a prompt.
    Idle,
    /// A turn runs, or something that it left in the background.
    Working,
    /// Waits for a person: a permission, a question, a login.
    Waiting,
    /// Its account has reached a usage limit.
    Limited,
    /// Should work, and shows no sign of it.
    Stalled,
    /// Its client or its tmux session is gone.
    Dead,
    /// Could not be told. Never idle, never dead.
    #[default]
    Unknown,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Idle,
        Self::Working,
        Self::Waiting,
        Self::Limited,
        Self::Stalled,
        Self::Dead,
        Self::Unknown,
    ];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Working => "working",
            Self::Waiting => "waiting",
            Self::Limited => "limited",
            Self::Stalled => "stalled",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A state with the reason for believing it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StateNote {
    /// The state.
    pub state: State,
    /// Since when, as far as we know.
    pub since: Timestamp,
    /// What told us: `client state file`, `events`, `tmux`, `process`.
    pub source: String,
    /// Every observation that counted, in words.
    pub evidence: Vec<String>,
    /// Whether shells run in the background of a client that waits for a prompt.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
}

/// How far the delivery of a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The session has the task; no key was typed and no client started for it.
    Claimed,
    /// On disk before the first key or the launch: from here on it may have arrived.
    Sending,
    /// Everything was sent; the client has not confirmed.
    Submitted,
    /// It could not be seen whether it arrived. Settled by evidence, never by sending again.
    Unknown,
    /// The client itself reported the prompt.
    Confirmed,
}

impl Phase {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Sending => "sending",
            Self::Submitted => "submitted",
            Self::Unknown => "unknown",
            Self::Confirmed => "confirmed",
        }
    }
}

/// The record that a task belongs to a session. It lives in the session's file alone, so a session
/// cannot hold two; where the task's file lies decides whether it still counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The task.
    pub task: TaskRef,
    /// The project's directory.
    pub project_path: PathBuf,
    /// Which try of the task, from 1.
    pub attempt: u32,
    /// How far the delivery has come.
    pub phase: Phase,
    /// Since when it is in that phase.
    pub since: Timestamp,
    /// When it was claimed.
    pub claimed: Timestamp,
    /// How often its conversation was resumed after a death.
    #[serde(default)]
    pub resumes: u32,
    /// How often a failed turn was told to carry on, without a finished turn since.
    #[serde(default)]
    pub nudges: u32,
    /// Whether the client has taken the task once: from then on its conversation is the task's, and is
    /// resumed, never begun anew.
    #[serde(default)]
    pub begun: bool,
    /// When it was last told to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nudged: Option<Timestamp>,
    /// Events that were reported before the sending began: what comes later may be its report.
    #[serde(default)]
    pub mark: u64,
    /// Length of the transcript before the sending began, in bytes.
    #[serde(default)]
    pub transcript_from: u64,
    /// Whether the prompt under way tells it to carry on instead of naming the task for the first time.
    #[serde(default)]
    pub carry_on: bool,
    /// The accounts that it was on before the present one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountName>,
    /// The task's own limit of silence, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stall_after_seconds: Option<i64>,
    /// How often the task may be tried.
    pub max_attempts: u32,
}

impl Lease {
    /// Moves on to another phase.
    pub fn enter(&mut self, phase: Phase, now: Timestamp) {
        self.phase = phase;
        self.since = now;
    }
}

/// The client of a session, as launched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientProcess {
    /// Its pid.
    pub pid: i32,
    /// Start of the process, in clock ticks since boot: with the boot id it tells a pid used again.
    pub start: u64,
    /// The boot in which it runs.
    pub boot_id: String,
    /// When it was launched.
    pub launched: Timestamp,
}

/// One session, as kept in `sessions/<name>.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Format version of the file.
    pub version: u32,
    /// The name of the tmux session.
    pub name: SessionName,
    /// Whose it is.
    pub kind: Kind,
    /// The directory in which its client runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The project that it belongs to, where that directory is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// The account that its client was launched with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// The model that its client was launched with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation, chosen by us and followed through the client's own reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// The client, if one was launched and not ended by us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientProcess>,
    /// What it does, and why we think so.
    #[serde(default)]
    pub note: StateNote,
    /// The task that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// What its client reported.
    #[serde(default)]
    pub digest: Digest,
    /// Events that were reported before its client was launched: those of earlier ones.
    #[serde(default)]
    pub launch_mark: u64,
    /// When it last gave a task back or finished one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freed: Option<Timestamp>,
    /// How often a dead dedicated session was brought back since it last lived for ten minutes.
    #[serde(default)]
    pub revivals: u32,
    /// Not to be relaunched before this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Why it could not take a task, and until when it is not asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// Left behind by a switch, since a person had it: moved as soon as it is free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_move: Option<ToMove>,
    /// The guard that its client was launched with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub armed: Option<Armed>,
    /// Fields of a newer program, kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A session that could not take a task: a draft in its composer, a person at the keyboard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Why.
    pub why: String,
    /// Not asked again before this moment.
    pub until: Timestamp,
}

/// A session that still has to follow a switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToMove {
    /// Why it could not be moved.
    pub why: String,
    /// The account that it goes to; none means the active one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<AccountName>,
    /// Whether it was in the middle of something and is told to carry on then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carry_on: bool,
    /// Whether it did not come up there: then it is tried again after a pause.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// Since when.
    pub since: Timestamp,
}

/// How long a session that could not take a task is left alone.
pub const HOLD: SignedDuration = SignedDuration::from_secs(30);

/// Format version of session files.
pub const SESSION_VERSION: u32 = 1;

impl SessionRecord {
    /// A session of which nothing is known yet.
    #[must_use]
    pub fn new(name: SessionName, kind: Kind) -> Self {
        Self {
            version: SESSION_VERSION,
            name,
            kind,
            cwd: None,
            project: None,
            account: None,
            model: None,
            conversation: None,
            client: None,
            note: StateNote::default(),
            lease: None,
            digest: Digest::default(),
            launch_mark: 0,
            freed: None,
            revivals: 0,
            not_before: None,
            held: None,
            to_move: None,
            armed: None,
            extra: Map::new(),
        }
    }

    /// Why it is left alone now, if it is. A clock that went back must not hold it for longer.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> Option<&str> {
        let held = self.held.as_ref()?;
        let left = held.until.duration_since(now);
        // The hold was counted from a moment later in the same run.
        (left.is_positive() && left <= HOLD + HOLD).then_some(held.why.as_str())
    }

    /// Whether its client is at something although no task is known of: a turn that goes on after
    /// `task done`, a person's own prompt. It still has its project's working tree.
    #[must_use]
    pub fn is_occupied(&self) -> bool {
        // At a limit its turn is over.
        let at_rest = matches!(self.note.state, State::Idle | State::Dead | State::Limited);
        self.lease.is_none() && self.client.is_some() && !at_rest
    }

    /// Whether a person ended its client: it stays so until a person starts it again.
    #[must_use]
    pub fn said_goodbye(&self) -> bool {
        let end = self.digest.end.as_ref().filter(|e| e.seq > self.launch_mark);
        end.is_some_and(|e| e.what == "prompt_input_exit" || e.what == "logout")
    }

    /// Whether there may be a client to look at. A launch that was killed half way leaves none in
    /// the record and one in tmux.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.client.is_some()
            || self.lease.is_some()
            || self.note.state == State::Starting
            || self.kind == Kind::Dedicated
    }

    /// How long its client may be silent before it counts as stalled.
    #[must_use]
    pub fn stall_after(&self, default: SignedDuration) -> SignedDuration {
        self.lease.as_ref().and_then(|l| l.stall_after_seconds).map_or(default, SignedDuration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pool_sessions_can_be_touched() {
        let name = SessionName::new("ccl-1").unwrap();
        let record = |kind| SessionRecord::new(name.clone(), kind);
        assert_eq!(PoolSession::of(&record(Kind::Dedicated), false), None);
        assert_eq!(PoolSession::of(&record(Kind::Pool), true), None);
        assert_eq!(PoolSession::of(&record(Kind::Pool), false).unwrap().name(), &name);
    }

    #[test]
    fn fields_of_a_newer_program_survive_a_rewrite() {
        let text = r#"{"version":1,"name":"a","kind":"pool","from_the_future":{"x":1}}"#;
        let record: SessionRecord = serde_json::from_str(text).unwrap();
        let again = serde_json::to_value(&record).unwrap();
        assert_eq!(again["from_the_future"]["x"], 1);
    }
}

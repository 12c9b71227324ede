//! The journal of a switch (`switch/current.json`): what is moved where, and how far each session has
//! come. It is written before each effect and after it; whoever finds it carries it on.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

use super::checkpoint::CheckpointId;
use super::name::{AccountName, ProjectName, SessionName, TaskRef};
use super::session::{Kind, State};

/// Format version of the journal.
pub const JOURNAL_VERSION: u32 = 1;

/// A switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// Format version of the file.
    pub version: u32,
    /// Its name in the history: the time it began, in a form that sorts.
    pub id: String,
    /// When it began.
    pub begun: Timestamp,
    /// Whether a person asked for it.
    pub by_person: bool,
    /// Why.
    pub why: String,
    /// Whether the sessions stand still anyway: then nothing is drained.
    pub urgent: bool,
    /// The account that is left.
    pub from: AccountName,
    /// The account that they go to now.
    pub to: AccountName,
    /// Accounts that turned out dead on the way, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dead: Vec<DeadTarget>,
    /// Whether no account works and each session goes back to where it was.
    #[serde(default)]
    pub back: bool,
    /// Whether new sessions start on `to` afterwards.
    pub activates: bool,
    /// The sessions.
    pub moves: Vec<Move>,
    /// What could not be done at its end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<String>,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// What was done when, for `log`.
    #[serde(default)]
    pub steps: Vec<Noted>,
}

/// An account that sessions were moved to and that did not work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadTarget {
    /// The account.
    pub account: AccountName,
    /// Why.
    pub why: String,
}

/// One line of a switch's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// When.
    pub at: Timestamp,
    /// Which session; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionName>,
    /// What.
    pub what: String,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was done to it yet.
    Planned,
    /// Its client is being ended. It may be gone already.
    Stopping,
    /// Its client is gone, that is proved; the new one may have been started.
    Launching,
    /// The new client has reported; what it does with its prompt is still to be seen.
    Verifying,
    /// Over: it runs on the target.
    Done,
    /// Over: nothing had to be moved.
    Skipped,
    /// Over: a person has it; it is moved by a later run.
    Deferred,
    /// Over: it did not come back.
    Failed,
}

impl Stage {
    /// All of them, in their order, each with its word in the journal.
    pub const ALL: [(Self, &str); 8] = [
        (Self::Planned, "planned"),
        (Self::Stopping, "stopping"),
        (Self::Launching, "launching"),
        (Self::Verifying, "verifying"),
        (Self::Done, "done"),
        (Self::Skipped, "skipped"),
        (Self::Deferred, "deferred"),
        (Self::Failed, "failed"),
    ];

    /// Whether nothing more happens to it in this switch.
    #[must_use]
    pub fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Skipped | Self::Deferred | Self::Failed)
    }

    /// The word for it in a report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "waits",
            Self::Stopping => "stops",
            Self::Launching => "starts",
            Self::Verifying => "started",
            Self::Done => "moved",
            Self::Skipped => "left as it is",
            Self::Deferred => "deferred",
            Self::Failed => "not moved",
        }
    }
}

/// One session of a switch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// The session.
    pub session: SessionName,
    /// How far it has come.
    pub stage: Stage,
    /// Since when.
    pub since: Timestamp,
    /// The account that it was on when the switch began.
    pub from: AccountName,
    /// The account on which it was last started by this switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<AccountName>,
    /// How often it was started by this switch on that account.
    #[serde(default)]
    pub starts: u32,
    /// From what it can be resumed, taken before its client was ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Resumption>,
    /// The end of the transcript before the new client, in bytes: what comes later is its own.
    #[serde(default)]
    pub transcript_from: u64,
    /// Why it is in that stage.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// What a move needs of a session's checkpoint. The whole of it is in a file of its own, as long as that can be
/// written: a move does not depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumption {
    /// The name of that file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_as: Option<CheckpointId>,
    /// When it was taken.
    pub at: Timestamp,
    /// Whose session it is.
    pub kind: Kind,
    /// Its directory.
    pub cwd: PathBuf,
    /// The project, where that directory is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// The model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Whether the conversation has a transcript: only then it can be resumed.
    pub has_transcript: bool,
    /// The task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskRef>,
    /// What it did.
    pub state: State,
    /// Whether it was in the middle of something and has to be told to carry on.
    pub carry_on: bool,
    /// The last prompt that it was given, cut.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
}

impl Move {
    /// A session that is to be moved.
    #[must_use]
    pub fn new(session: SessionName, from: AccountName, now: Timestamp) -> Self {
        Self {
            session,
            stage: Stage::Planned,
            since: now,
            from,
            on: None,
            starts: 0,
            checkpoint: None,
            transcript_from: 0,
            why: String::new(),
        }
    }
}

impl Journal {
    /// The sessions that are not over yet.
    pub fn open(&self) -> impl Iterator<Item = &Move> {
        self.moves.iter().filter(|m| !m.stage.is_over())
    }

    /// Whether a session is in the middle of this switch: nobody else starts or ends its client.
    #[must_use]
    pub fn holds(&self, session: &SessionName) -> bool {
        self.moves.iter().any(|m| m.session == *session && !m.stage.is_over())
    }

    /// The account that a session goes to.
    #[must_use]
    pub fn target<'a>(&'a self, m: &'a Move) -> &'a AccountName {
        if self.back { &m.from } else { &self.to }
    }

    /// Whether a session is only started anew where it was, or comes back there: then there is no other
    /// account to go on to.
    #[must_use]
    pub fn is_home(&self, m: &Move) -> bool {
        self.back || m.from == self.to
    }

    /// The account turned out dead: what is on it or on the way to it goes to another one, or back.
    pub fn turn_to(&mut self, account: &AccountName, why: &str, next: Option<&AccountName>, now: Timestamp) {
        self.dead.push(DeadTarget { account: account.clone(), why: why.to_owned() });
        for m in self.moves.iter_mut().filter(|m| m.on.as_ref() == Some(account)) {
            m.stage = match m.stage {
                // What it has been told and was refused it is told again elsewhere.
                Stage::Launching | Stage::Verifying | Stage::Stopping => Stage::Stopping,
                // It may be at something by now, or a person at it: looked at as if for the first time.
                Stage::Done | Stage::Failed | Stage::Planned => {
                    m.checkpoint = None;
                    Stage::Planned
                }
                Stage::Skipped | Stage::Deferred => continue,
            };
            m.starts = 0;
            m.since = now;
            m.why = format!("`{account}` does not work");
        }
        let on = match next {
            Some(next) => {
                self.to = next.clone();
                format!("on to `{next}`")
            }
            None => {
                (self.back, self.activates) = (true, false);
                self.to = self.from.clone();
                for m in self.moves.iter_mut().filter(|m| m.stage == Stage::Planned && m.on.is_none()) {
                    (m.stage, m.since) = (Stage::Skipped, now);
                    m.why = format!("stays on `{}`: no other account works", m.from);
                }
                "back".to_owned()
            }
        };
        let what = format!("`{account}` does not work ({why}), {on}");
        self.steps.push(Noted { at: now, session: None, what });
    }
}

/// A session whose client may be ended because it is being moved, dedicated ones included. There is no
/// other way to make one than [`Journal::moved`]: the journal is on disk, so it comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedSession(SessionName);

impl MovedSession {
    /// The name.
    #[must_use]
    pub fn name(&self) -> &SessionName {
        &self.0
    }
}

impl Journal {
    /// The right to end the client of a session of this switch, at the stage that says so.
    #[must_use]
    pub fn moved(&self, session: &SessionName) -> Option<MovedSession> {
        let m = self.moves.iter().find(|m| m.session == *session && m.stage == Stage::Stopping)?;
        m.checkpoint.as_ref().map(|_| MovedSession(session.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_target_sends_on_what_was_started_on_it() {
        let name = |text: &str| AccountName::new(text).unwrap();
        let session = |text: &str| SessionName::new(text).unwrap();
        let now = Timestamp::UNIX_EPOCH;
        let moved = |text: &str, stage, on: Option<&str>| Move {
            stage,
            on: on.map(name),
            ..Move::new(session(text), name("a"), now)
        };
        let mut journal = Journal {
            version: JOURNAL_VERSION,
            id: "x".into(),
            begun: now,
            by_person: false,
            why: String::new(),
            urgent: true,
            from: name("a"),
            to: name("b"),
            dead: Vec::new(),
            back: false,
            faults: Vec::new(),
            activates: true,
            moves: vec![
                moved("p-0", Stage::Done, Some("b")),
                moved("p-1", Stage::Launching, Some("b")),
                moved("p-2", Stage::Planned, None),
                moved("p-3", Stage::Skipped, None),
            ],
            ended: None,
            steps: Vec::new(),
        };
        assert!(!journal.holds(&session("p-0")) && journal.holds(&session("p-1")));
        journal.turn_to(&name("b"), "its login was refused", Some(&name("c")), now);
        let stages = |j: &Journal| j.moves.iter().map(|m| m.stage).collect::<Vec<Stage>>();
        assert_eq!(stages(&journal), [Stage::Planned, Stage::Stopping, Stage::Planned, Stage::Skipped]);
        assert_eq!((journal.to.as_str(), journal.dead.len()), ("c", 1));
        journal.moves[1].on = Some(name("c"));
        journal.moves[1].from = name("x");
        journal.turn_to(&name("c"), "its login was refused", None, now);
        assert_eq!(stages(&journal), [Stage::Planned, Stage::Stopping, Stage::Skipped, Stage::Skipped]);
        let to: Vec<&str> = journal.moves.iter().map(|m| journal.target(m).as_str()).collect();
        assert_eq!((to[0], to[1], journal.activates), ("a", "x", false), "each to where it was");
        let text = serde_json::to_string(&journal).unwrap();
        assert_eq!(serde_json::from_str::<Journal>(&text).unwrap(), journal);
    }
}

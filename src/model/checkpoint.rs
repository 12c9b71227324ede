//! A checkpoint: what a session was at a moment, enough to bring it back. What it holds, and whether a new
//! one would say anything new. Pure.

pub mod context;
pub mod id;
pub mod restore;
pub mod retention;
pub mod summary;
pub mod tail;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

pub use self::context::Context;
pub use self::id::CheckpointId;
pub use self::tail::{LastRecord, ToolCall};

use super::moving::is_at_work;
use super::name::{AccountName, ProjectName, SessionName, TaskRef};
use super::redact::{redact, redact_words};
use super::session::{ClientProcess, Kind, Phase, SessionRecord, State};

/// Format version of a checkpoint's file.
pub const CHECKPOINT_VERSION: u32 = 1;

/// How much is kept of a prompt and of the agent's last words, in characters.
pub const TEXT_KEPT: usize = 400;

/// How many files with changes are named; the rest is counted.
pub const DIRTY_NAMED: usize = 50;

/// One checkpoint, as kept in `checkpoints/<session>/<id>.json`. Texts of people, agents and screens are cut
/// and without their secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Format version of the file.
    pub version: u32,
    /// Its name.
    pub id: CheckpointId,
    /// The session.
    pub session: SessionName,
    /// When it was taken.
    pub at: Timestamp,
    /// The command that took it: `checkpoint`, `switch`.
    pub by: String,
    /// Whose session it is.
    pub kind: Kind,
    /// The account that its client was launched with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountName>,
    /// The model that it was launched with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The configured arguments of its client.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// Its client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientProcess>,
    /// Its directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<PathBuf>,
    /// The project, where that directory is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectName>,
    /// The task that it had.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<HeldTask>,
    /// What it did.
    pub state: State,
    /// The reason for believing that.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub evidence: String,
    /// Whether shells ran in its background.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub background: bool,
    /// Whether it was in the middle of something.
    pub carry_on: bool,
    /// The conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// Where the conversation is kept; none if it has no transcript yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
    /// The last prompt that it was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// The last words of the agent.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub said: String,
    /// Its last tool call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<ToolCall>,
    /// The size of its context, if the status line has told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// What git says of its directory; none if that is in no repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
    /// The last lines of its screen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pane: Vec<String>,
    /// Events that its client had reported.
    #[serde(default)]
    pub events: u64,
    /// What could not be seen, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<String>,
}

/// The task that a session had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldTask {
    /// Which.
    pub task: TaskRef,
    /// Which try of it, from 1.
    pub attempt: u32,
    /// How far its delivery had come.
    pub phase: Phase,
}

/// The transcript of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transcript {
    /// The file.
    pub path: PathBuf,
    /// Its length, in bytes.
    pub size: u64,
    /// Its last record, if one could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<LastRecord>,
}

/// What git says of a working tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Git {
    /// The branch; none if no branch is checked out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit; none before the first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// Files with changes that are not committed, each behind git's two letters (`.M`, `A.`, `??`), the first
    /// [`DIRTY_NAMED`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dirty: Vec<String>,
    /// How many there are; none if that could not be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dirty_count: Option<usize>,
    /// Why that could not be seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
}

impl Checkpoint {
    /// What the record of a session alone tells; the rest is filled in by whoever can see it.
    #[must_use]
    pub fn outline(record: &SessionRecord, flags: &[String], by: &str, now: Timestamp) -> Self {
        let digest = &record.digest;
        Self {
            version: CHECKPOINT_VERSION,
            id: CheckpointId::of(now),
            session: record.name.clone(),
            at: now,
            by: by.to_owned(),
            kind: record.kind,
            account: record.account.clone(),
            model: record.model.clone(),
            flags: redact_words(flags, TEXT_KEPT),
            client: record.client.clone(),
            cwd: record.cwd.clone(),
            project: record.project.clone(),
            task: record.lease.as_ref().map(|lease| HeldTask {
                task: lease.task.clone(),
                attempt: lease.attempt,
                phase: lease.phase,
            }),
            state: record.note.state,
            evidence: record.note.evidence.last().map(|text| redact(text, TEXT_KEPT)).unwrap_or_default(),
            background: record.note.background || digest.stop.as_ref().is_some_and(|stop| stop.running > 0),
            carry_on: is_at_work(record) || record.to_move.as_ref().is_some_and(|to| to.carry_on),
            conversation: record.conversation.clone(),
            transcript: None,
            prompt: digest.prompt.as_ref().map(|prompt| redact(&prompt.text, TEXT_KEPT)).unwrap_or_default(),
            said: String::new(),
            // Which one is known from the client's reports even where the transcript is out of sight.
            tool: digest.tool.as_ref().map(|tool| ToolCall::named(&tool.what, tool.at)),
            context: None,
            git: None,
            pane: Vec::new(),
            events: digest.count,
            unseen: Vec::new(),
        }
    }

    /// Whether nothing can have happened since an earlier one: at rest then and now, with nothing in the
    /// background, and not a sign of the client's in between. Its screen and its working tree need not be
    /// looked at then. `self` has its transcript and its context filled in, no more.
    #[must_use]
    pub fn is_quiet_since(&self, before: &Self) -> bool {
        let at_rest = |c: &Self| matches!(c.state, State::Idle | State::Limited) && !c.background;
        let size = |c: &Self| c.transcript.as_ref().map(|t| (t.path.clone(), t.size));
        let seen_all = before.unseen.is_empty() && before.git.as_ref().is_none_or(|git| git.unseen.is_none());
        at_rest(self)
            && at_rest(before)
            && seen_all
            && size(self) == size(before)
            && Self {
                transcript: None,
                prompt: String::new(),
                said: String::new(),
                tool: None,
                git: None,
                ..self.without_time()
            } == Self {
                transcript: None,
                prompt: String::new(),
                said: String::new(),
                tool: None,
                git: None,
                ..before.without_time()
            }
    }

    /// Whether it would say nothing that an earlier one does not. The screen does not count: a clock ticks on it.
    #[must_use]
    pub fn says_the_same_as(&self, before: &Self) -> bool {
        self.without_time() == before.without_time()
    }

    fn without_time(&self) -> Self {
        Self {
            id: CheckpointId::of(Timestamp::UNIX_EPOCH),
            at: Timestamp::UNIX_EPOCH,
            by: String::new(),
            evidence: String::new(),
            pane: Vec::new(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
#[allow(missing_docs, reason = "tests")]
pub mod tests {
    use super::*;

    pub fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    pub fn idle() -> Checkpoint {
        let mut record = SessionRecord::new(SessionName::new("p-0").unwrap(), Kind::Pool);
        record.note.state = State::Idle;
        record.account = Some(AccountName::new("main").unwrap());
        record.conversation = Some("c".to_owned());
        let mut made = Checkpoint::outline(&record, &["--x".to_owned()], "checkpoint", at(0));
        made.transcript = Some(Transcript { path: "/t/c.jsonl".into(), size: 10, last: None });
        made
    }

    #[test]
    fn a_later_look_at_a_quiet_session_says_nothing_new() {
        let before = Checkpoint {
            pane: vec!["12:00".to_owned()],
            said: "done".to_owned(),
            git: Some(Git { branch: Some("main".into()), dirty_count: Some(0), ..Git::default() }),
            ..idle()
        };
        let now = Checkpoint { id: CheckpointId::of(at(9)), at: at(9), evidence: "since 9 s".into(), ..idle() };
        assert!(now.is_quiet_since(&before));
        let full = Checkpoint {
            pane: vec!["12:05".to_owned()],
            said: before.said.clone(),
            git: before.git.clone(),
            ..now.clone()
        };
        assert!(full.says_the_same_as(&before));
        type Change = fn(&mut Checkpoint);
        let changes: [(&str, Change); 7] = [
            ("an event", |c| c.events += 1),
            ("a longer transcript", |c| c.transcript.as_mut().unwrap().size += 1),
            ("another account", |c| c.account = None),
            ("another conversation", |c| c.conversation = Some("d".into())),
            ("its turn runs", |c| c.state = State::Working),
            ("something in the background", |c| c.background = true),
            ("a context", |c| c.context = Some(Context { tokens: 5, size: None, percent: None })),
        ];
        for (what, change) in changes {
            let mut changed = now.clone();
            change(&mut changed);
            assert!(!changed.is_quiet_since(&before), "{what}");
        }
        let working = Checkpoint { state: State::Working, ..now.clone() };
        assert!(!working.is_quiet_since(&Checkpoint { state: State::Working, ..before.clone() }), "looked at");
        let blind = Checkpoint { unseen: vec!["its screen".into()], ..before.clone() };
        assert!(!now.is_quiet_since(&blind), "what could not be seen then is looked for again");
        let edited = Checkpoint { git: Some(Git { dirty_count: Some(1), ..Git::default() }), ..full };
        assert!(!edited.says_the_same_as(&before));
    }

    #[test]
    fn a_checkpoint_comes_back_as_written() {
        let full = Checkpoint { git: Some(Git { head: Some("abc".into()), ..Git::default() }), ..idle() };
        let text = serde_json::to_string(&full).unwrap();
        assert_eq!(serde_json::from_str::<Checkpoint>(&text).unwrap(), full);
    }
}

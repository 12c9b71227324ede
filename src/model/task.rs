//! A task's record: its attempts. Where its file lies, and which session has a lease on it, decide
//! what state it is in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fmt;

use super::front_matter::{AttemptNote, Outcome, OutcomeResult, Tokens};
use super::name::{AccountName, SessionName, TaskRef};

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number, from 1.
    pub number: u32,
    /// The session that had it.
    pub session: SessionName,
    /// The accounts it ran on.
    #[serde(default)]
    pub accounts: Vec<AccountName>,
    /// Its conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<String>,
    /// When it was claimed.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub result: AttemptResult,
    /// Why, in a line.
    pub reason: String,
    /// How often its conversation was resumed after a death.
    #[serde(default)]
    pub resumes: u32,
    /// Whether it counts against `max_attempts`; a client that does not start is not the task's fault.
    pub counted: bool,
}

/// How a try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AttemptResult {
    /// Carried out.
    Done,
    /// Given up by the agent or a person, or the session could not go on.
    Failed,
    /// Given back before it began.
    Returned,
}

impl fmt::Display for AttemptResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Returned => "returned",
        })
    }
}

/// A task's file in `tasks/<project>/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Format version of the file.
    pub version: u32,
    /// The task.
    pub task: TaskRef,
    /// Its tries that have ended, oldest first.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Attempts below this number were forgiven by `task retry`.
    #[serde(default)]
    pub forgiven: u32,
    /// Fields of a newer program, kept.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Format version of task records.
pub const TASK_VERSION: u32 = 1;

impl TaskRecord {
    /// A task that was never tried.
    #[must_use]
    pub fn new(task: TaskRef) -> Self {
        Self { version: TASK_VERSION, task, attempts: Vec::new(), forgiven: 0, extra: Map::new() }
    }

    /// The number of the next try.
    #[must_use]
    pub fn next_attempt(&self) -> u32 {
        self.attempts.iter().map(|a| a.number).max().unwrap_or(0) + 1
    }

    /// The tries that count against the limit.
    #[must_use]
    pub fn counted(&self) -> u32 {
        let n = self.attempts.iter().filter(|a| a.counted && a.number > self.forgiven).count();
        u32::try_from(n).unwrap_or(u32::MAX)
    }

    /// Adds a try that ended. A run that was killed after this and is repeated adds nothing: the
    /// first account of the same try stands.
    pub fn ended(&mut self, attempt: Attempt) -> &Attempt {
        // Launches that failed one after the other are told once: the queue may try for days.
        let returned = |a: &Attempt| a.result == AttemptResult::Returned && a.reason == attempt.reason;
        let at = match self.attempts.iter().position(|a| a.number == attempt.number) {
            Some(at) => at,
            None if returned(&attempt) && self.attempts.last().is_some_and(returned) => {
                let last = self.attempts.len() - 1;
                self.attempts[last] = Attempt { started: self.attempts[last].started, ..attempt };
                last
            }
            None => {
                self.attempts.push(attempt);
                self.attempts.len() - 1
            }
        };
        &self.attempts[at]
    }

    /// Its tries as they stand in the outcome of its file.
    #[must_use]
    pub fn notes(&self) -> Vec<AttemptNote> {
        let note = |a: &Attempt| AttemptNote {
            session: a.session.to_string(),
            started: a.started,
            ended: Some(a.ended),
            result: match a.resumes {
                0 => format!("{}: {}", a.result, a.reason),
                n => format!("{}: {} (resumed {n}×)", a.result, a.reason),
            },
        };
        self.attempts.iter().map(note).collect()
    }

    /// The outcome to write into the task's file.
    #[must_use]
    pub fn outcome(&self, result: OutcomeResult, tokens: Option<Tokens>) -> Option<Outcome> {
        let last = self.attempts.last()?;
        let first = self.attempts.iter().find(|a| a.number > self.forgiven).unwrap_or(last);
        let mut accounts: Vec<AccountName> = Vec::new();
        for account in self.attempts.iter().flat_map(|a| &a.accounts) {
            if !accounts.contains(account) {
                accounts.push(account.clone());
            }
        }
        Some(Outcome {
            result,
            reason: last.reason.clone(),
            finished: last.ended,
            duration_seconds: last.ended.duration_since(first.started).as_secs().max(0),
            attempts: self.notes(),
            accounts,
            conversation: last.conversation.clone(),
            tokens,
        })
    }
}

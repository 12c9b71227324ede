//! What a command did, in one shape for people and for scripts.

use serde::Serialize;

use crate::error::Exit;

/// One action or one thing that was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What it is about: a task, a session.
    pub subject: String,
    /// What happened, or would happen: `dispatched`, `waits`, `resumed`.
    pub verb: String,
    /// Why, or how it failed.
    pub reason: String,
    /// Whether it failed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub failed: bool,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Item {
    /// Something that was done, or would be.
    #[must_use]
    pub fn new(subject: impl ToString, verb: &str, reason: impl Into<String>) -> Self {
        Self {
            subject: subject.to_string(),
            verb: verb.to_owned(),
            reason: reason.into(),
            failed: false,
            hint: None,
        }
    }

    /// Something that could not be done.
    #[must_use]
    pub fn failed(subject: impl ToString, verb: &str, reason: impl Into<String>) -> Self {
        Self { failed: true, ..Self::new(subject, verb, reason) }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint;
        self
    }
}

/// The result of a command that acts on many things.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The command.
    pub command: String,
    /// Whether nothing was changed because only the plan was asked for.
    pub dry_run: bool,
    /// Set if nothing was looked at, with the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
    /// What was done.
    pub actions: Vec<Item>,
    /// What was left alone, and why.
    pub waiting: Vec<Item>,
    /// One line for people.
    pub summary: String,
}

impl Report {
    /// The exit code: 3 if something failed and something else did not, 1 if all of it failed.
    #[must_use]
    pub fn exit(&self) -> Exit {
        let failed = self.actions.iter().filter(|a| a.failed).count();
        match failed {
            0 => Exit::Done,
            n if n == self.actions.len() => Exit::Failed,
            _ => Exit::Partial,
        }
    }
}

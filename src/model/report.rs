//! What a command did, in one shape for people and for scripts.

use serde::Serialize;
use std::collections::HashMap;

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

    /// Something that could not be done, with the error's causes and its first hint.
    #[must_use]
    pub fn error(subject: impl ToString, verb: &str, error: &anyhow::Error) -> Self {
        let hint = crate::error::hints_of(error).first().map(|h| (*h).to_owned());
        Self::failed(subject, verb, crate::error::messages_of(error).join(": ")).hint(hint)
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
    /// What was left alone, by what is said of it; in the order of the first of each.
    #[must_use]
    pub fn alike(&self) -> Vec<Vec<&Item>> {
        let mut groups: Vec<Vec<&Item>> = Vec::new();
        let mut at: HashMap<(&str, &str), usize> = HashMap::new();
        for item in &self.waiting {
            let next = groups.len();
            let group = *at.entry((&item.verb, &item.reason)).or_insert(next);
            if group == next {
                groups.push(Vec::new());
            }
            groups[group].push(item);
        }
        groups
    }

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

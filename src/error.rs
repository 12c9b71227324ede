//! What went wrong, as a person and a script see it: a chain of messages, a hint, an exit code.
//!
//! Errors are `anyhow` errors everywhere. Where a place knows the remedy it adds a hint, and where
//! the exit code is not the plain 1 it adds a kind; both ride along without changing the message.

use std::fmt;

/// The documented exit codes (`claude-failover --help`). `guard` has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, nothing to do, or skipped because another run holds the lock.
    Done = 0,
    /// The command failed.
    Failed = 1,
    /// Wrong usage of the command line.
    Usage = 2,
    /// Some of the actions failed, the others were carried out.
    Partial = 3,
    /// A lock stayed busy although a person waited for it.
    Busy = 4,
    /// The answer to the question is "no".
    No = 5,
    /// The configuration is invalid.
    Config = 6,
}

/// What a failure is to whoever asked, where the program is not at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// There is no such thing.
    Unknown,
    /// It is not in a state for that, or somebody else has it.
    Conflict,
    /// What was given cannot be used.
    Invalid,
}

/// An error with a remedy or an exit code of its own. Displays as the error inside.
#[derive(Debug)]
pub struct Marked {
    inner: anyhow::Error,
    hint: Option<String>,
    exit: Option<Exit>,
    class: Option<Class>,
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl std::error::Error for Marked {
    // Not `Some(inner)`: the inner message is already our own, only its causes follow.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source()
    }
}

/// Adds a hint or an exit code to the error of a result.
pub trait Mark<T> {
    /// Says what to do about it, as one lower-case line without a full stop.
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T>;
    /// Gives the failure an exit code other than 1.
    fn exit(self, exit: Exit) -> anyhow::Result<T>;
    /// Says what the failure is to whoever asked.
    fn class(self, class: Class) -> anyhow::Result<T>;
}

impl<T, E: Into<anyhow::Error>> Mark<T> for Result<T, E> {
    fn hint(self, hint: impl Into<String>) -> anyhow::Result<T> {
        self.map_err(|e| Marked { inner: e.into(), hint: Some(hint.into()), exit: None, class: None }.into())
    }

    fn exit(self, exit: Exit) -> anyhow::Result<T> {
        self.map_err(|e| exiting(e, exit))
    }

    fn class(self, class: Class) -> anyhow::Result<T> {
        self.map_err(|e| classed(e, class))
    }
}

/// An error with what to do about it.
#[must_use]
pub fn hinted(error: impl Into<anyhow::Error>, hint: impl Into<String>) -> anyhow::Error {
    Marked { inner: error.into(), hint: Some(hint.into()), exit: None, class: None }.into()
}

/// An error with an exit code of its own.
#[must_use]
pub fn exiting(error: impl Into<anyhow::Error>, exit: Exit) -> anyhow::Error {
    Marked { inner: error.into(), hint: None, exit: Some(exit), class: None }.into()
}

/// An error with what it is to whoever asked.
#[must_use]
pub fn classed(error: impl Into<anyhow::Error>, class: Class) -> anyhow::Error {
    Marked { inner: error.into(), hint: None, exit: None, class: Some(class) }.into()
}

/// What an error is to whoever asked: the outermost word on it, if there is one.
#[must_use]
pub fn class_of(error: &anyhow::Error) -> Option<Class> {
    marks(error).find_map(|m| m.class)
}

/// The exit code of an error: the outermost one that was set, else 1.
#[must_use]
pub fn exit_of(error: &anyhow::Error) -> Exit {
    marks(error).find_map(|m| m.exit).unwrap_or(Exit::Failed)
}

/// The hints of an error, outermost first.
#[must_use]
pub fn hints_of(error: &anyhow::Error) -> Vec<&str> {
    marks(error).filter_map(|m| m.hint.as_deref()).collect()
}

/// The messages of an error, outermost first, each once.
#[must_use]
pub fn messages_of(error: &anyhow::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if messages.last() != Some(&text) {
            messages.push(text);
        }
    }
    messages
}

/// An error for scripts, in the one shape that all of them have.
#[must_use]
pub fn json_of(error: &anyhow::Error) -> serde_json::Value {
    let messages = messages_of(error);
    serde_json::json!({
        "version": 1,
        "error": messages.first(),
        "causes": messages.get(1..).unwrap_or_default(),
        "hints": hints_of(error),
        "exit": exit_of(error) as u8,
    })
}

/// The typed error in the chain, if there is one of this type.
#[must_use]
pub fn cause_of<T: std::error::Error + 'static>(error: &anyhow::Error) -> Option<&T> {
    error.chain().find_map(|cause| match cause.downcast_ref::<T>() {
        Some(found) => Some(found),
        None => cause_of(&cause.downcast_ref::<Marked>()?.inner),
    })
}

/// Every mark in the chain. A mark shows only the causes of what it wraps, so it is asked itself.
fn marks(error: &anyhow::Error) -> impl Iterator<Item = &Marked> {
    fn descend<'a>(error: &'a anyhow::Error, out: &mut Vec<&'a Marked>) {
        for cause in error.chain() {
            if let Some(mark) = cause.downcast_ref::<Marked>() {
                out.push(mark);
                descend(&mark.inner, out);
                return;
            }
        }
    }
    let mut found = Vec::new();
    descend(error, &mut found);
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context, anyhow};

    #[test]
    fn hints_and_exit_survive_more_context() {
        let inner: anyhow::Result<()> = Err(anyhow!("no such file")).context("could not read `x`");
        let error =
            inner.exit(Exit::Config).hint("run `claude-failover init`").context("could not start").unwrap_err();
        assert_eq!(exit_of(&error), Exit::Config);
        assert_eq!(hints_of(&error), ["run `claude-failover init`"]);
        assert_eq!(messages_of(&error), ["could not start", "could not read `x`", "no such file"]);
    }
}

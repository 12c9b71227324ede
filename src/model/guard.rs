//! The guard: whether a tool call of an agent may run.
//!
//! The way of a line of shell text:
//! 1. [`limits`] counts, before anything else looks at it;
//! 2. [`reader`] reads it: the parser gives the commands, [`expand`] their fields as far as they are known,
//!    [`wrappers`] what stands behind `sudo`, `env`, `xargs`, `sh -c` …; out comes a [`reading::Reading`];
//! 3. [`rules`] judge the reading; [`changes`] tells them which operands a program deletes or writes,
//!    [`paths`] what these paths are;
//! 4. [`verdict::Verdict`] holds what was found, under the operator's [`policy`].
//!
//! Everything here is pure: what the machine looks like is asked through [`world::World`].

pub mod assign;
pub mod bomb;
pub mod braces;
pub mod builtins;
pub mod changes;
pub mod expand;
pub mod git;
#[cfg(test)]
mod hostile;
pub mod inner;
pub mod limits;
pub mod matched;
pub mod mounts;
pub mod options;
pub mod outputs;
pub mod parameter;
pub mod paths;
pub mod pattern;
pub mod policy;
pub mod reader;
pub mod reading;
pub mod rules;
pub mod run;
pub mod scan;
pub mod shell;
pub mod streams;
pub mod tool_call;
pub mod value;
pub mod verdict;
pub mod words;
pub mod world;
pub mod wrappers;

use self::verdict::Verdict;
use self::world::Context;

/// Judges shell text.
#[must_use]
pub fn judge_shell(text: &str, context: &Context<'_>) -> Verdict {
    let mut findings = Vec::new();
    let reading = match reader::read(text, context) {
        Ok(reading) => reading,
        Err(limit) => {
            findings.push(verdict::Finding { rule: "input.limit", reading: limit.to_string() });
            reading::Reading::default()
        }
    };
    rules::judge(&reading, context, &mut findings);
    Verdict::of(findings, reading, context.policy)
}

/// Judges a write to a file by one of the client's tools. `path` as the tool was given it.
#[must_use]
pub fn judge_write(path: &str, context: &Context<'_>) -> Verdict {
    let mut findings = Vec::new();
    rules::judge_write(path, context, &mut findings);
    Verdict::of(findings, reading::Reading::default(), context.policy)
}

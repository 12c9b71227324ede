//! `git reset --hard`, by the branch that it would move.

use super::is_protected;
use crate::model::guard::git::{self, Command, Head};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::policy::Policy;
use crate::model::guard::reading::{Call, Reading};
use crate::model::guard::value::Value;
use crate::model::guard::verdict::Finding;
use crate::model::guard::world::Context;

const RESET: Grammar = Grammar::mix(
    "",
    &[
        "hard",
        "soft",
        "mixed",
        "merge",
        "keep",
        "q,quiet",
        "no-quiet",
        "p,patch",
        "N,intent-to-add",
        "refresh",
        "no-refresh",
        "recurse-submodules?",
        "no-recurse-submodules",
        "pathspec-from-file=",
        "pathspec-file-nul",
        "U,unified=",
        "inter-hunk-context=",
    ],
);

const MODES: &[&str] = &["hard", "soft", "mixed", "merge", "keep"];

/// Whether it is a hard one, for all that is known: `reset -$F` is, `reset $COMMIT` is not.
fn is_hard(args: &[Value]) -> bool {
    let parsed = options::read(&RESET, args);
    let mode = parsed.options.iter().rev().find(|o| MODES.contains(&o.name));
    mode.is_some_and(|o| o.name == "hard") || parsed.hidden.iter().any(|word| word.starts_with("-"))
}

/// Judges a reset.
pub(super) fn judge(
    command: &Command,
    before: &[Call],
    reading: &Reading,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) {
    if !is_hard(&command.args) {
        return;
    }
    let reading = match git::head_before(command, before, context) {
        Head::Branch(branch) if is_protected(&branch, context.policy) => {
            format!("git reset --hard would move {branch}, a protected branch")
        }
        Head::Unreadable => match protected_name(reading, context) {
            Some(name) => {
                format!("git reset --hard on a branch that could not be read, in a line that names {name}")
            }
            None => return,
        },
        Head::Branch(_) | Head::Detached => return,
    };
    findings.push(Finding { rule: "git.reset-hard", reading });
}

/// A protected branch that a call of git in the line names: `main`, `origin/main`, `main~2`.
fn protected_name(reading: &Reading, context: &Context<'_>) -> Option<String> {
    let calls = reading.calls.iter().filter_map(|call| git::command(call, context));
    let words = calls.flat_map(|command| command.args);
    words.filter_map(|word| name_in(&word.if_empty(), context.policy)).next()
}

fn name_in(word: &str, policy: &Policy) -> Option<String> {
    let end = |c: char| c.is_whitespace() || "~^:@{}=+".contains(c);
    word.split(end)
        .find_map(|name| {
            let branch = ["refs/heads/", "refs/remotes/", "remotes/", "heads/"]
                .iter()
                .find_map(|prefix| name.strip_prefix(prefix))
                .unwrap_or(name);
            let behind_remote = branch.split_once('/').map_or(branch, |(_, behind)| behind);
            [branch, behind_remote].into_iter().find(|name| is_protected(name, policy))
        })
        .map(str::to_owned)
}

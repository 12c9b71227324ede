//! `git.*`: pushes that overwrite or delete, and resets that move a protected branch.

mod examples;
mod push;
mod reset;

use crate::model::guard::git::{self, Command};
use crate::model::guard::policy::Effect;
use crate::model::guard::policy::Policy;
use crate::model::guard::reading::{Call, Reading};
use crate::model::guard::value::Value;
use crate::model::guard::verdict::{Finding, Rule};
use crate::model::guard::world::Context;

/// Branches that are always protected.
const BRANCHES: &[&str] = &["main", "master", "production"];

/// The rules of this file.
pub static RULES: &[Rule] = &[
    Rule {
        id: "git.push-force",
        effect: Effect::Block,
        title: "a forced push, to any branch",
        instead: "push without force, or with `git push --force-with-lease`, which fails where somebody else has pushed",
        verbs: &["git push", "git send-pack", "git http-push", "git-push"],
        finds: examples::FORCED,
        passes: examples::NOT_FORCED,
    },
    Rule {
        id: "git.push-delete",
        effect: Effect::Block,
        title: "a push that deletes what the remote has: --mirror, --prune, or a protected branch by name",
        instead: "name the branch that is to go, if it is not a protected one: `git push origin --delete old-topic`",
        verbs: &["git push", "git send-pack"],
        finds: examples::DELETING,
        passes: examples::NOT_DELETING,
    },
    Rule {
        id: "git.reset-hard",
        effect: Effect::Block,
        title: "`reset --hard` while a protected branch is checked out",
        instead: "keep the work with `git stash`, or make a branch first: `git switch -c try-out`; `git reset --keep` loses no change",
        verbs: &["git reset"],
        finds: examples::RESET,
        passes: examples::NOT_RESET,
    },
];

/// Holds a reading against them.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    for (i, call) in reading.calls.iter().enumerate() {
        let Some(command) = git::command(call, context).or_else(|| unknown_program(call, context)) else {
            continue;
        };
        let before = reading.calls.get(..i).unwrap_or_default();
        match command.subcommand.known() {
            Some("push" | "send-pack" | "http-push") => push::judge(&command, context.policy, findings),
            Some("reset") => reset::judge(&command, before, reading, context, findings),
            _ => out_of_sight(&command, findings),
        }
    }
}

/// `$GIT push --force`: a program that nobody knows, with a subcommand of git behind it.
fn unknown_program(call: &Call, context: &Context<'_>) -> Option<Command> {
    let first = call.argv.first().filter(|first| call.program.is_none() && first.could_be("git"))?;
    if !first.has_unknown() {
        return None;
    }
    let call = Call { program: Some("git".to_owned()), ..call.clone() };
    git::command(&call, context)
        .filter(|command| command.is("push") || command.is("send-pack") || command.is("reset"))
}

/// A subcommand that may be an alias of something forced, as nobody can look it up.
fn out_of_sight(command: &Command, findings: &mut Vec<Finding>) {
    let could = |name: &str| command.subcommand.known().is_none() && command.subcommand.could_be(name);
    if !git::config_is_out_of_sight(command) {
        return;
    }
    let known = command.subcommand.known().is_some();
    let has = |want: fn(&str) -> bool| command.args.iter().filter_map(Value::known).any(want);
    let name = &command.subcommand;
    if (known || could("push") || could("send-pack")) && has(push::is_force) {
        let reading = format!("git {name}, which may be an alias or a variable for push, with --force");
        findings.push(Finding { rule: "git.push-force", reading });
    }
    if (known || could("reset")) && has(|word| word == "--hard") {
        let reading = format!("git {name}, which may be an alias or a variable for reset, with --hard");
        findings.push(Finding { rule: "git.reset-hard", reading });
    }
}

/// Whether a branch is protected, by its name.
fn is_protected(branch: &str, policy: &Policy) -> bool {
    BRANCHES.contains(&branch) || policy.branches.iter().any(|b| b == branch)
}

/// A word for people: short, and without what an address may hold of a password.
fn shown(word: &Value) -> String {
    let text = word.to_string();
    let text = match text.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split_once('@').map_or(rest, |(_, host)| host);
            format!("{scheme}://{}", host.split(['?', '#']).next().unwrap_or_default())
        }
        None => text,
    };
    text.chars().take(80).collect()
}

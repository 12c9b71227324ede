//! The branch that a call finds checked out: what `HEAD` says, and what the line has done to it before.

use std::path::{Path, PathBuf};

use super::command::{Command, changed, command};
use super::repository::{self, Repository};
use crate::model::guard::options::{self, Grammar, Parsed};
use crate::model::guard::reading::{Call, Dir};
use crate::model::guard::value::Value;
use crate::model::guard::world::Context;

pub use super::repository::Head;

/// `checkout` and `switch`.
const CHECKOUT: Grammar = Grammar::mix(
    "qfmlp23",
    &[
        "b,B,c,C,create,force-create,orphan=",
        "d,detach",
        "t,track?",
        "no-track",
        "quiet",
        "progress",
        "no-progress",
        "force",
        "discard-changes",
        "merge",
        "conflict=",
        "ours",
        "theirs",
        "patch",
        "guess",
        "no-guess",
        "ignore-other-worktrees",
        "recurse-submodules?",
        "no-recurse-submodules",
        "overlay",
        "no-overlay",
        "pathspec-from-file=",
        "pathspec-file-nul",
    ],
);

/// What a call does to `HEAD`.
enum Move {
    To(Head),
    Nothing,
}

/// What is checked out where this call runs, given the calls of the line before it, in order.
#[must_use]
pub fn head_before(this: &Command, before: &[Call], context: &Context<'_>) -> Head {
    let exported = this.git_dir.clone().or_else(|| exported_git_dir(before));
    let this = &Command { git_dir: exported, ..this.clone() };
    let repository = repository::find(this, context);
    let mut head = repository.as_ref().map_or(Head::Unreadable, |r| r.head(context.world));
    for call in before {
        if call.program.as_deref() == Some("gh") && is_pull_request_checkout(call) {
            // A branch of somebody's pull request: which one is not known, a protected one it is not.
            head = Head::Detached;
            continue;
        }
        let Some(earlier) = command(call, context) else { continue };
        if creates(&earlier, &this.dir, context) {
            head = Head::Unreadable;
        } else if same_repository(&earlier, this, repository.as_ref(), context)
            && let Move::To(new) = moved(&earlier, repository.as_ref(), context)
        {
            head = new;
        }
    }
    head
}

/// `export GIT_DIR=…` earlier in the line.
fn exported_git_dir(before: &[Call]) -> Option<Value> {
    let exports = before.iter().filter(|c| matches!(c.program.as_deref(), Some("export" | "declare" | "typeset")));
    let mut assignments = exports.flat_map(|call| call.args().iter().filter_map(|word| word.split_once('=')));
    assignments.rfind(|(name, _)| *name == "GIT_DIR").map(|(_, value)| value)
}

fn is_pull_request_checkout(call: &Call) -> bool {
    let mut words = call.args().iter().filter_map(Value::known);
    words.next() == Some("pr") && matches!(words.next(), Some("checkout" | "co"))
}

fn same_repository(
    earlier: &Command,
    this: &Command,
    repository: Option<&Repository>,
    context: &Context<'_>,
) -> bool {
    match (repository, repository::find(earlier, context)) {
        (Some(ours), Some(theirs)) => ours.git_dir == theirs.git_dir,
        (None, None) => earlier.dir == this.dir && earlier.git_dir == this.git_dir,
        _ => false,
    }
}

/// Whether it makes a repository at or above this directory: what is there now says nothing then.
fn creates(earlier: &Command, dir: &Dir, context: &Context<'_>) -> bool {
    let operands: Vec<&Value> = earlier.args.iter().filter(|a| !a.starts_with("-")).collect();
    let target: Option<Value> = match earlier.subcommand.known() {
        // The values of clone's options are taken for operands here: the last two are what counts.
        Some("clone") => match operands.as_slice() {
            [.., address, _] if address.known_start().contains([':', '/']) => {
                operands.last().map(|v| (*v).clone())
            }
            [.., address] => address.known().map(repository_name).map(|name| Value::from(name.as_str())),
            [] => None,
        },
        Some("init") => operands.last().map(|v| (*v).clone()).or_else(|| Some(Value::from("."))),
        Some("worktree") if operands.first().is_some_and(|o| o.known() == Some("add")) => {
            operands.get(1).map(|v| (*v).clone())
        }
        _ => None,
    };
    let Some(target) = target else { return false };
    match (changed(&earlier.dir, &target, context), dir) {
        (Dir::Known(target), Dir::Known(dir)) => dir.starts_with(target),
        _ => false,
    }
}

fn repository_name(address: &str) -> String {
    let name = address.trim_end_matches('/').rsplit(['/', ':']).next().unwrap_or_default();
    name.strip_suffix(".git").unwrap_or(name).to_owned()
}

fn moved(earlier: &Command, repository: Option<&Repository>, context: &Context<'_>) -> Move {
    match earlier.subcommand.known() {
        Some("checkout" | "switch") => checked_out(earlier, repository, context),
        Some("branch") => renamed(&earlier.args),
        Some("symbolic-ref") => {
            let mut words = earlier.args.iter().filter(|a| !a.starts_with("-"));
            match (words.next().and_then(Value::known), words.next()) {
                (Some("HEAD"), Some(to)) => Move::To(named(to)),
                _ => Move::Nothing,
            }
        }
        _ => Move::Nothing,
    }
}

/// `branch -m NAME` renames what is checked out.
fn renamed(args: &[Value]) -> Move {
    let renames = args.iter().any(|a| matches!(a.known(), Some("-m" | "-M" | "--move")));
    let mut words = args.iter().filter(|a| !a.starts_with("-"));
    match (renames, words.next(), words.next()) {
        (true, Some(to), None) => Move::To(named(to)),
        _ => Move::Nothing,
    }
}

fn checked_out(earlier: &Command, repository: Option<&Repository>, context: &Context<'_>) -> Move {
    let mut args = earlier.args.as_slice();
    if let Some(end) = args.iter().position(|a| a.known() == Some("--")) {
        // What stands behind it are paths, and paths move nothing.
        if end + 1 < args.len() {
            return Move::Nothing;
        }
        args = args.get(..end).unwrap_or_default();
    }
    let parsed: Parsed = options::read(&CHECKOUT, args);
    if let Some(name) = parsed.value("b") {
        return Move::To(named(name));
    }
    if parsed.has("d") {
        return Move::To(Head::Detached);
    }
    let is_switch = earlier.is("switch");
    match parsed.operands.as_slice() {
        [name] if name.known() == Some("-") || name.starts_with("@{-") => Move::To(Head::Unreadable),
        [name] if parsed.has("t") => match name.known().and_then(|n| n.split_once('/')) {
            Some((_, branch)) => Move::To(Head::Branch(branch.to_owned())),
            None => Move::To(named(name)),
        },
        [name] => match name.known() {
            Some(text) if !is_switch && is_path(text, earlier, repository, context) => Move::Nothing,
            _ => Move::To(named(name)),
        },
        _ => Move::Nothing,
    }
}

/// Whether `checkout NAME` restores a file: there is one of this name, and no branch.
fn is_path(name: &str, earlier: &Command, repository: Option<&Repository>, context: &Context<'_>) -> bool {
    let Dir::Known(dir) = &earlier.dir else { return name == "." };
    let world = context.world;
    let path: PathBuf = dir.join(Path::new(name));
    name == "."
        || (!repository.is_some_and(|r| r.has_branch(name, world))
            && (world.small_file(&path).is_some() || world.is_dir(&path)))
}

fn named(name: &Value) -> Head {
    match name.known() {
        Some(text) => Head::Branch(text.strip_prefix("refs/heads/").unwrap_or(text).to_owned()),
        None => Head::Unreadable,
    }
}

//! `git push`, `git send-pack`: forced, mirroring, pruning, deleting.

use super::{is_protected, shown};
use crate::model::guard::git::Command;
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::policy::Policy;
use crate::model::guard::value::Value;
use crate::model::guard::verdict::Finding;

const PUSH: Grammar = Grammar::mix(
    "vq46",
    &[
        "f,force",
        "no-force",
        "force-with-lease?",
        "no-force-with-lease",
        "force-if-includes",
        "no-force-if-includes",
        "mirror",
        "no-mirror",
        "prune",
        "no-prune",
        "d,delete",
        "no-delete",
        "D",
        "n,dry-run",
        "no-dry-run",
        "u,set-upstream",
        "no-set-upstream",
        "repo=",
        "all",
        "branches",
        "no-all",
        "tags",
        "no-tags",
        "follow-tags",
        "no-follow-tags",
        "porcelain",
        "recurse-submodules=",
        "no-recurse-submodules",
        "thin",
        "no-thin",
        "receive-pack=",
        "exec=",
        "remote=",
        "progress",
        "no-progress",
        "verify",
        "no-verify",
        "signed?",
        "no-signed",
        "atomic",
        "no-atomic",
        "o,push-option=",
        "stdin",
        "stateless-rpc",
        "helper-status",
        "quiet",
        "verbose",
        "ipv4",
        "ipv6",
    ],
);

/// What was asked for, the last word on each having won.
struct Push {
    forced: bool,
    mirror: bool,
    prune: bool,
    delete: bool,
    dry_run: bool,
    operands: Vec<Value>,
}

/// Whether a word is `--force`, some beginning of it, or a cluster with `f`.
pub(super) fn is_force(word: &str) -> bool {
    match word.strip_prefix("--") {
        Some(long) => long.starts_with('f') && "force".starts_with(long),
        None => word.strip_prefix('-').is_some_and(|letters| {
            letters.contains('f') && letters.bytes().all(|b| b.is_ascii_alphabetic()) && letters.len() <= 4
        }),
    }
}

fn read(args: &[Value]) -> Push {
    let parsed = options::read(&PUSH, args);
    let is_on = |yes: &str, no: &str| {
        let last = parsed.options.iter().rev().find(|o| o.name == yes || o.name == no);
        last.is_some_and(|o| o.name == yes)
    };
    // A beginning that fits `--force-with-lease` too is no option of its own for git; that is not relied upon.
    let abbreviated = parsed.strange.iter().filter_map(Value::known).any(is_force);
    // `-$F`: the worst. `$F` without a dash is more often a remote or a branch than an option.
    let worst = parsed.hidden.iter().any(|word| word.starts_with("-"));
    Push {
        forced: is_on("f", "no-force") || abbreviated || worst,
        mirror: is_on("mirror", "no-mirror"),
        prune: is_on("prune", "no-prune"),
        delete: is_on("d", "no-delete") || parsed.has("D"),
        dry_run: is_on("n", "no-dry-run"),
        operands: parsed.operands,
    }
}

/// Judges a push.
pub(super) fn judge(command: &Command, policy: &Policy, findings: &mut Vec<Finding>) {
    let push = read(&command.args);
    // Nothing is sent.
    if push.dry_run {
        return;
    }
    let refspecs = push.operands.get(1..).unwrap_or_default();
    let to = |word: Option<&Value>| word.map_or_else(|| "its remote".to_owned(), shown);
    let mut find = |rule, reading| findings.push(Finding { rule, reading });
    let plus = push.operands.iter().find(|word| word.starts_with("+"));
    if let Some(refspec) = plus {
        find(
            "git.push-force",
            format!("git {} would overwrite {}: the + forces it", command.subcommand, shown(refspec)),
        );
    } else if push.forced {
        let what = refspecs.iter().take(4).map(shown).collect::<Vec<_>>().join(" ");
        let what = if what.is_empty() { "the current branch".to_owned() } else { what };
        let remote = to(push.operands.first());
        find("git.push-force", format!("git {} would overwrite {what} on {remote} by force", command.subcommand));
    }
    for (on, option) in [(push.mirror, "--mirror"), (push.prune, "--prune")] {
        if on {
            let remote = to(push.operands.first());
            find("git.push-delete", format!("git push {option} would delete from {remote} what is not here"));
        }
    }
    for word in refspecs {
        let branch = match deleted(word, push.delete) {
            Some(branch) if is_protected(&branch, policy) => branch,
            _ => continue,
        };
        find("git.push-delete", format!("git push would delete the protected branch {branch} of the remote"));
    }
}

/// The branch that a refspec deletes.
fn deleted(refspec: &Value, delete: bool) -> Option<String> {
    // What is not known could be a protected branch; most often it is the topic that was just finished.
    let text = refspec.known()?;
    let text = text.strip_prefix('+').unwrap_or(text);
    let name = match text.strip_prefix(':') {
        Some(name) => name,
        None if delete => text,
        None => return None,
    };
    let name = name.strip_prefix("refs/").unwrap_or(name);
    Some(name.strip_prefix("heads/").unwrap_or(name).to_owned())
}

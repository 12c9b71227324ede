//! What an unknown subcommand stands for, by git's configuration.

use std::path::PathBuf;

use super::command::{Command, command};
use super::config::{self, Entry};
use super::repository::{self, Repository};
use crate::model::guard::reading::{Call, Dir, Place};
use crate::model::guard::value::Value;
use crate::model::guard::world::Context;

/// The most aliases of aliases.
const MAX_DEPTH: usize = 10;

/// What an alias stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    /// Another call of git; no alias any more.
    Git {
        /// All its fields, `git` first.
        argv: Vec<Value>,
    },
    /// Shell text, run at the top of the working tree.
    Shell {
        /// The text, with the arguments behind it (`"$@"`).
        text: String,
        /// `$0`, `$1`, …
        args: Vec<Value>,
        /// The top of the working tree, where there is a repository.
        dir: Option<PathBuf>,
    },
}

/// Subcommands that git has, and that no alias can change; and programs beside it that are called like one.
const SUBCOMMANDS: &[&str] = &[
    "add",
    "am",
    "annotate",
    "apply",
    "archimport",
    "archive",
    "backfill",
    "bisect",
    "blame",
    "branch",
    "bugreport",
    "bundle",
    "cat-file",
    "check-attr",
    "check-ignore",
    "check-mailmap",
    "check-ref-format",
    "checkout",
    "checkout-index",
    "cherry",
    "cherry-pick",
    "citool",
    "clean",
    "clone",
    "column",
    "commit",
    "commit-graph",
    "commit-tree",
    "config",
    "count-objects",
    "credential",
    "credential-cache",
    "credential-store",
    "cvsexportcommit",
    "cvsimport",
    "cvsserver",
    "daemon",
    "describe",
    "diagnose",
    "diff",
    "diff-files",
    "diff-index",
    "diff-pairs",
    "diff-tree",
    "difftool",
    "fast-export",
    "fast-import",
    "fetch",
    "fetch-pack",
    "filter-branch",
    "fmt-merge-msg",
    "for-each-ref",
    "for-each-repo",
    "format-patch",
    "fsck",
    "gc",
    "get-tar-commit-id",
    "grep",
    "gui",
    "hash-object",
    "help",
    "history",
    "hook",
    "http-backend",
    "http-fetch",
    "http-push",
    "imap-send",
    "index-pack",
    "init",
    "init-db",
    "instaweb",
    "interpret-trailers",
    "last-modified",
    "log",
    "ls-files",
    "ls-remote",
    "ls-tree",
    "mailinfo",
    "mailsplit",
    "maintenance",
    "merge",
    "merge-base",
    "merge-file",
    "merge-index",
    "merge-tree",
    "mergetool",
    "mktag",
    "mktree",
    "multi-pack-index",
    "mv",
    "name-rev",
    "notes",
    "p4",
    "pack-objects",
    "pack-redundant",
    "pack-refs",
    "patch-id",
    "prune",
    "prune-packed",
    "pull",
    "push",
    "quiltimport",
    "range-diff",
    "read-tree",
    "rebase",
    "receive-pack",
    "reflog",
    "refs",
    "remote",
    "repack",
    "replace",
    "replay",
    "repo",
    "request-pull",
    "rerere",
    "reset",
    "restore",
    "rev-list",
    "rev-parse",
    "revert",
    "rm",
    "send-email",
    "send-pack",
    "shell",
    "shortlog",
    "show",
    "show-branch",
    "show-index",
    "show-ref",
    "sparse-checkout",
    "stage",
    "stash",
    "status",
    "stripspace",
    "submodule",
    "subtree",
    "svn",
    "switch",
    "symbolic-ref",
    "tag",
    "unpack-file",
    "unpack-objects",
    "update-index",
    "update-ref",
    "update-server-info",
    "upload-archive",
    "upload-pack",
    "var",
    "verify-commit",
    "verify-pack",
    "verify-tag",
    "version",
    "whatchanged",
    "worktree",
    "write-tree",
];

/// Programs beside git that are called as subcommands.
const NEIGHBOURS: &[&str] = &[
    "absorb",
    "annex",
    "branchless",
    "bug",
    "cinnabar",
    "cliff",
    "cola",
    "crypt",
    "delete-merged-branches",
    "extras",
    "filter-repo",
    "flow",
    "hub",
    "interactive-rebase-tool",
    "lfs",
    "machete",
    "remote-codecommit",
    "review",
    "revise",
    "secret",
    "secrets",
    "sizer",
    "spice",
    "standup",
    "town",
    "undo",
    "xet",
];

/// What the call stands for, if its subcommand is an alias of the configuration that git would read.
/// Aliases of `-c` on the command line are no part of it.
#[must_use]
pub fn alias(call: &Call, context: &Context<'_>) -> Option<Alias> {
    let first = command(call, context)?;
    let name = first.subcommand.known()?;
    if call.place != Place::Here || SUBCOMMANDS.contains(&name) {
        return None;
    }
    let repository = repository::find(&first, context);
    let entries = entries(call, repository.as_ref(), context);
    let mut current = first;
    for depth in 0..MAX_DEPTH {
        let name = current.subcommand.known().unwrap_or_default();
        let text = (!SUBCOMMANDS.contains(&name)).then(|| lookup(&entries, name)).flatten();
        let Some(text) = text else {
            if depth == 0 {
                return None;
            }
            let mut argv = vec![Value::from("git")];
            argv.extend(current.globals);
            argv.push(current.subcommand);
            argv.extend(current.args);
            return Some(Alias::Git { argv });
        };
        if let Some(shell) = text.strip_prefix('!') {
            let mut args = vec![Value::from(shell)];
            args.extend(current.args);
            let dir = repository.and_then(|r| r.top);
            return Some(Alias::Shell { text: format!("{shell} \"$@\""), args, dir });
        }
        let mut words = vec![Value::from("git")];
        words.extend(current.globals);
        words.extend(config::words(text).iter().map(|word| Value::from(word.as_str())));
        words.extend(current.args);
        current = command(&Call { argv: words, program: Some("git".into()), ..call.clone() }, context)?;
    }
    // In circles: git refuses.
    None
}

/// The last definition wins. `[alias "x"] command = …` is the newer way to write it.
fn lookup<'a>(entries: &'a [Entry], name: &str) -> Option<&'a str> {
    let plain = format!("alias.{}", name.to_lowercase());
    let section = format!("alias.{name}.command");
    entries.iter().rev().find(|e| e.name == plain || e.name == section).map(|e| e.value.as_str())
}

/// All settings that git would see, those of the environment in front of the call included.
fn entries(call: &Call, repository: Option<&Repository>, context: &Context<'_>) -> Vec<Entry> {
    let variable = |name: &str| {
        let in_front = call.env.iter().rev().find(|(n, _)| n == name);
        match in_front {
            Some((_, value)) => value.known().map(str::to_owned),
            None => context.world.variable(name),
        }
    };
    let home = variable("HOME").map_or_else(|| context.home.clone(), PathBuf::from);
    let mut files = vec![PathBuf::from(variable("GIT_CONFIG_SYSTEM").unwrap_or_else(|| "/etc/gitconfig".into()))];
    match variable("GIT_CONFIG_GLOBAL") {
        Some(file) => files.push(file.into()),
        None => {
            let xdg = variable("XDG_CONFIG_HOME").filter(|dir| !dir.is_empty());
            files.push(xdg.map_or_else(|| home.join(".config"), PathBuf::from).join("git/config"));
            files.push(home.join(".gitconfig"));
        }
    }
    if let Some(repository) = repository {
        files.push(repository.common_dir.join("config"));
        files.push(repository.git_dir.join("config.worktree"));
    }
    let mut entries = config::read_files(&files, &home, context.world);
    for (name, value) in &call.env {
        let Some(number) = name.strip_prefix("GIT_CONFIG_KEY_") else { continue };
        let text = variable(&format!("GIT_CONFIG_VALUE_{number}"));
        if let (Some(key), Some(value)) = (value.known(), text) {
            entries.push(Entry { name: key.to_lowercase(), value });
        }
    }
    entries
}

/// Whether the subcommand could be an alias that nobody has looked up: it is none of git's, and the repository
/// whose configuration would say so is not known.
#[must_use]
pub fn config_is_out_of_sight(command: &Command) -> bool {
    let Some(name) = command.subcommand.known() else { return true };
    let unknown = match &command.git_dir {
        Some(git_dir) => git_dir.known().is_none(),
        None => command.dir == Dir::Unknown,
    };
    unknown && !SUBCOMMANDS.contains(&name) && !NEIGHBOURS.contains(&name)
}

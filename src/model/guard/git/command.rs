//! A call of git, taken apart: options before the subcommand, the subcommand, its words.

use std::path::{Component, Path, PathBuf};

use crate::model::guard::mounts;
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::paths;
use crate::model::guard::reading::{Call, Dir, Place};
use crate::model::guard::value::Value;
use crate::model::guard::world::Context;

/// The options before the subcommand.
pub const GLOBAL_OPTIONS: Grammar = Grammar::stop(
    "hvpP",
    &[
        "C=",
        "c=",
        "git-dir=",
        "work-tree=",
        "namespace=",
        "exec-path?",
        "config-env=",
        "super-prefix=",
        "attr-source=",
        "list-cmds=",
        "help",
        "version",
        "paginate",
        "no-pager",
        "bare",
        "no-replace-objects",
        "no-optional-locks",
        "no-lazy-fetch",
        "no-advice",
        "literal-pathspecs",
        "glob-pathspecs",
        "noglob-pathspecs",
        "icase-pathspecs",
        "html-path",
        "man-path",
        "info-path",
    ],
);

/// A call of git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The words before the subcommand.
    pub globals: Vec<Value>,
    /// The subcommand as it was written.
    pub subcommand: Value,
    /// The words behind it.
    pub args: Vec<Value>,
    /// The directory that it works in, `-C` included. Unknown where it runs on another machine.
    pub dir: Dir,
    /// `--git-dir`, else `GIT_DIR=` in front of it.
    pub git_dir: Option<Value>,
}

impl Command {
    /// Whether it is, for certain, this subcommand.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.subcommand.known() == Some(name)
    }
}

/// The call as one of git, if it is one and has a subcommand. `git-push` is `git push`.
#[must_use]
pub fn command(call: &Call, context: &Context<'_>) -> Option<Command> {
    let program = call.program.as_deref()?;
    let dir = match &call.place {
        Place::Here => call.dir.clone(),
        Place::Elsewhere => Dir::Unknown,
        Place::Container(mounts) => mounts::directory(mounts, &call.dir),
    };
    let env_git_dir = call.env.iter().rev().find(|(name, _)| name == "GIT_DIR").map(|(_, value)| value.clone());
    if let Some(name) = program.strip_prefix("git-") {
        let args = call.args().to_vec();
        return Some(Command { globals: Vec::new(), subcommand: name.into(), args, dir, git_dir: env_git_dir });
    }
    if program != "git" && program != "hub" {
        return None;
    }
    let words = call.args();
    let parsed = options::read(&GLOBAL_OPTIONS, words);
    // An unknown word may be an option, or the subcommand itself: that only where nothing else can be it.
    let known_words = parsed.operands.iter().all(|w| !w.starts_with("-"));
    let at = match parsed.operands_at.first() {
        Some(at) if parsed.strange.is_empty() && known_words || parsed.perhaps_first.is_empty() => *at,
        Some(at) => *parsed.perhaps_first.first().unwrap_or(at),
        None => *parsed.perhaps_first.first()?,
    };
    let at_links = |dir: Dir| match dir {
        Dir::Known(dir) => Dir::Known(through_links(dir, &call.links)),
        Dir::Unknown => Dir::Unknown,
    };
    let dir = parsed.values("C").fold(at_links(dir), |dir, change| at_links(changed(&dir, change, context)));
    Some(Command {
        globals: words.get(..at).unwrap_or_default().to_vec(),
        subcommand: words.get(at)?.clone(),
        args: words.get(at + 1..).unwrap_or_default().to_vec(),
        dir,
        git_dir: parsed.value("git-dir").cloned().or(env_git_dir),
    })
}

/// A directory after a change to another one.
pub(super) fn changed(dir: &Dir, change: &Value, context: &Context<'_>) -> Dir {
    if let Some(dir) = paths::matching(change, context) {
        return Dir::Known(dir);
    }
    match (dir, change.known()) {
        (_, None) => Dir::Unknown,
        (_, Some(to)) if Path::new(to).is_absolute() => Dir::Known(normal(Path::new(to))),
        (Dir::Known(from), Some(to)) => Dir::Known(normal(&from.join(to))),
        (Dir::Unknown, Some(_)) => Dir::Unknown,
    }
}

/// A path with the links followed that the line has made, and the one that is always there.
fn through_links(mut path: PathBuf, links: &[(PathBuf, PathBuf)]) -> PathBuf {
    const MAX_LINKS: usize = 40;
    for _ in 0..MAX_LINKS {
        let next = links.iter().rev().find_map(|(link, target)| {
            let rest = path.strip_prefix(link).ok()?;
            Some(if rest.as_os_str().is_empty() { target.clone() } else { target.join(rest) })
        });
        let root = || Some(Path::new("/").join(path.strip_prefix("/proc/self/root").ok()?));
        match next.or_else(root) {
            Some(next) if next != path => path = next,
            _ => break,
        }
    }
    path
}

/// A path without `.` and `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

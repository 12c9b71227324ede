//! What git does to files by name: checking out, removing, moving, cleaning.

use super::{Asked, Change, Program, all_in, join};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[Program {
    names: &["git"],
    grammar: Grammar::stop(
        "pP",
        &[
            "C=",
            "c=",
            "git-dir=",
            "work-tree=",
            "namespace=",
            "config-env=",
            "super-prefix=",
            "exec-path?",
            "no-pager",
            "paginate",
            "bare",
            "no-replace-objects",
            "literal-pathspecs",
            "glob-pathspecs",
            "noglob-pathspecs",
            "icase-pathspecs",
            "no-optional-locks",
            "help",
            "version",
            "html-path",
            "man-path",
            "info-path",
        ],
    ),
    does: git,
}];

const RESTORE: Grammar = Grammar::mix(
    "SWpqm23",
    &["s,source=", "pathspec-from-file=", "conflict=", "staged", "worktree", "patch", "ours", "theirs"],
);
const REMOVE: Grammar = Grammar::mix("rfnq", &["cached", "dry-run", "ignore-unmatch", "pathspec-from-file="]);
const MOVE: Grammar = Grammar::mix("fkvn", &["dry-run"]);
const CLEAN: Grammar = Grammar::mix("dfiqxX", &["n,dry-run", "e,exclude=", "force", "interactive"]);
const APPLY: Grammar = Grammar::mix(
    "3RNvqzu",
    &[
        "p=",
        "C=",
        "directory=",
        "exclude=",
        "include=",
        "stat",
        "numstat",
        "summary",
        "check",
        "whitespace=",
        "cached",
    ],
);

fn git(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let Some((verb, words)) = asked.operands().split_first() else { return };
    // Each `-C` is relative to the one before it.
    let mut directory: Option<Value> = None;
    for to in asked.parsed.values("C") {
        directory = Some(match directory {
            Some(before) if !to.starts_with("/") => join(&before, to),
            _ => to.clone(),
        });
    }
    let directory = asked.parsed.value("work-tree").cloned().or(directory);
    let at = |path: &Value| {
        let top = path.strip_prefix(":/").or_else(|| path.strip_prefix(":(top)"));
        let path = top.as_ref().unwrap_or(path);
        match &directory {
            Some(directory) if !path.starts_with("/") => join(directory, path),
            _ => path.clone(),
        }
    };
    match verb.known() {
        Some("checkout" | "restore") => {
            let parsed = options::read(&RESTORE, words);
            let only_staged = parsed.has("S") || parsed.has("staged");
            if only_staged && !(parsed.has("W") || parsed.has("worktree")) {
                return;
            }
            // A branch among the operands is no file's name that anybody protects.
            all.extend(parsed.operands.iter().map(|path| put(at(path))));
        }
        Some("rm") => {
            let parsed = options::read(&REMOVE, words);
            if ["n", "dry-run", "cached"].iter().any(|o| parsed.has(o)) {
                return;
            }
            all.extend(parsed.operands.iter().map(|path| put(at(path))));
        }
        Some("mv") => {
            let parsed = options::read(&MOVE, words);
            if parsed.has("n") || parsed.has("dry-run") {
                return;
            }
            all.extend(parsed.operands.iter().map(|path| put(at(path))));
        }
        Some("clean") => {
            let parsed = options::read(&CLEAN, words);
            if parsed.has("n") || !(parsed.has("f") || parsed.has("force")) {
                return;
            }
            let here = [Value::from(".")];
            let roots = if parsed.operands.is_empty() { &here[..] } else { &parsed.operands };
            for root in roots {
                let root = at(root);
                let path = if parsed.operands.is_empty() { all_in(&root) } else { root };
                all.push(Change::Delete { path, recursive: true });
            }
        }
        Some("apply" | "am") => {
            let parsed = options::read(&APPLY, words);
            let reads = ["stat", "numstat", "summary", "check", "cached"].iter().any(|o| parsed.has(o));
            let Some(text) = asked.call.stdin.text.as_ref().filter(|_| !reads) else { return };
            for line in text.if_empty().lines() {
                let name = line.strip_prefix("+++ b/").or_else(|| line.strip_prefix("--- a/"));
                let Some(name) = name else { continue };
                let name = Value::from(name.split('\t').next().unwrap_or(name));
                let path = parsed.value("directory").map_or(name.clone(), |directory| join(directory, &name));
                all.push(put(at(&path)));
            }
        }
        _ => {}
    }
}

/// What is tracked can be had again, so it is a change and not a deletion; but it may be a whole directory.
fn put(path: Value) -> Change {
    Change::Put { path, tree: true, unless_directory: false }
}

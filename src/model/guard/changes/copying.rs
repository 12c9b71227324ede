//! Programs that put files somewhere else: copies, moves, links, transfers.

use std::path::Path;

use super::{Asked, Change, Program, all_in, join, last_name, remote};
use crate::model::guard::options::Grammar;
use crate::model::guard::paths;
use crate::model::guard::reading::Dir;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["cp", "gcp"],
        grammar: Grammar::mix(
            "bdfiHlLnPpsvxZu",
            &[
                "r,R,recursive",
                "a,archive",
                "t,target-directory=",
                "T,no-target-directory",
                "S,suffix=",
                "parents",
                "backup?",
                "preserve?",
                "no-preserve=",
                "reflink?",
                "sparse=",
                "context?",
                "update?",
                "force",
                "interactive",
                "no-clobber",
                "link",
                "symbolic-link",
                "dereference",
                "no-dereference",
                "remove-destination",
                "strip-trailing-slashes",
                "attributes-only",
                "one-file-system",
                "verbose",
                "copy-contents",
                "debug",
                "help",
                "version",
            ],
        ),
        does: copy,
    },
    Program {
        names: &["mv", "gmv"],
        grammar: Grammar::mix(
            "bfinuvZ",
            &[
                "t,target-directory=",
                "T,no-target-directory",
                "S,suffix=",
                "backup?",
                "update?",
                "force",
                "interactive",
                "no-clobber",
                "strip-trailing-slashes",
                "no-copy",
                "exchange",
                "verbose",
                "context",
                "debug",
                "help",
                "version",
            ],
        ),
        does: move_away,
    },
    Program {
        names: &["install", "ginstall"],
        grammar: Grammar::mix(
            "bcCDpsvZU",
            &[
                "d,directory",
                "t,target-directory=",
                "T,no-target-directory",
                "S,suffix=",
                "m,mode=",
                "o,owner=",
                "g,group=",
                "backup?",
                "compare",
                "preserve-timestamps",
                "strip",
                "strip-program=",
                "context?",
                "preserve-context",
                "verbose",
                "help",
                "version",
            ],
        ),
        does: install,
    },
    Program {
        names: &["ln", "gln"],
        grammar: Grammar::mix(
            "bdFfiLnPrv",
            &[
                "s,symbolic",
                "t,target-directory=",
                "T,no-target-directory",
                "S,suffix=",
                "backup?",
                "directory",
                "force",
                "interactive",
                "logical",
                "no-dereference",
                "physical",
                "relative",
                "verbose",
                "help",
                "version",
            ],
        ),
        does: link,
    },
    Program {
        names: &["rsync"],
        grammar: Grammar::mix(
            "vqcrRubldkKLHpEAXogDtUNSWxmCyzhPi046aIs",
            &[
                "a,archive",
                "r,recursive",
                "n,dry-run",
                "e,rsh=",
                "f,filter=",
                "M,remote-option=",
                "B,block-size=",
                "T,temp-dir=",
                "backup-dir=",
                "suffix=",
                "exclude=",
                "include=",
                "exclude-from=",
                "include-from=",
                "files-from=",
                "chmod=",
                "chown=",
                "usermap=",
                "groupmap=",
                "rsync-path=",
                "log-file=",
                "log-file-format=",
                "out-format=",
                "password-file=",
                "port=",
                "bwlimit=",
                "timeout=",
                "contimeout=",
                "compare-dest=",
                "copy-dest=",
                "link-dest=",
                "max-size=",
                "min-size=",
                "max-delete=",
                "modify-window=",
                "partial-dir=",
                "info=",
                "debug=",
                "compress-level=",
                "skip-compress=",
                "iconv=",
                "address=",
                "sockopts=",
                "protocol=",
                "write-batch=",
                "read-batch=",
                "only-write-batch=",
                "stop-at=",
                "delete",
                "del",
                "delete-before",
                "delete-during",
                "delete-delay",
                "delete-after",
                "delete-excluded",
                "delete-missing-args",
                "remove-source-files",
                "remove-sent-files",
                "verbose",
                "progress",
                "partial",
                "compress",
                "links",
                "perms",
                "times",
                "group",
                "owner",
                "checksum",
                "update",
                "relative",
                "ignore-existing",
                "existing",
                "inplace",
                "append",
                "stats",
                "human-readable",
                "numeric-ids",
                "hard-links",
                "acls",
                "xattrs",
                "mkpath",
                "force",
                "ignore-errors",
                "prune-empty-dirs",
                "itemize-changes",
                "list-only",
                "help",
                "version",
            ],
        ),
        does: rsync,
    },
    Program {
        names: &["scp"],
        grammar: Grammar::mix("346ABCOpqRrsTv", &["c=", "D=", "F=", "i=", "J=", "l=", "o=", "P=", "S=", "X="]),
        does: transfer,
    },
    Program {
        names: &["ssh-copy-id"],
        grammar: Grammar::mix("fnshx", &["i=", "p=", "o=", "F=", "t=", "help"]),
        does: |asked, all| {
            if !asked.has("n") && !asked.call.args().is_empty() {
                let keys = Value::from("~/.ssh/authorized_keys");
                let path = asked.parsed.value("t").cloned().unwrap_or(keys);
                all.push(Change::Elsewhere(Box::new(Change::Write { path })));
            }
        },
    },
    Program {
        names: &["ditto", "pax", "mcopy"],
        grammar: Grammar::mix("vVrXk", &["rsrc", "help"]),
        does: |asked, all| all.extend(asked.operands().last().map(|path| Change::Fill { path: path.clone() })),
    },
    Program {
        names: &["rename", "prename", "file-rename", "perl-rename"],
        grammar: Grammar::mix("vfdu0", &["n,no-act", "nono", "e=", "E=", "help", "version"]),
        does: |asked, all| {
            if !asked.has("n") {
                let paths = asked.operands().get(1..).unwrap_or_default();
                all.extend(paths.iter().map(|path| Change::Move { path: path.clone() }));
            }
        },
    },
];

/// Where sources would be put.
struct Target<'a> {
    sources: &'a [Value],
    to: Option<&'a Value>,
    /// It is a directory, or else the line fails.
    directory: bool,
    /// It is not, or else the line fails.
    file: bool,
}

fn target<'a>(asked: &'a Asked<'_>) -> Target<'a> {
    let operands = asked.operands();
    if let Some(to) = asked.parsed.value("t") {
        return Target { sources: operands, to: Some(to), directory: true, file: false };
    }
    let Some((to, sources)) = operands.split_last() else {
        return Target { sources: &[], to: None, directory: false, file: false };
    };
    // With `xargs cp -t` and the like the operands that count come from elsewhere.
    let sources = if asked.call.more_operands && sources.is_empty() { operands } else { sources };
    Target { sources, to: Some(to), directory: sources.len() > 1 || is_directory(to), file: asked.has("T") }
}

/// Whether it can only be a directory.
fn is_directory(path: &Value) -> bool {
    let text = path.if_empty();
    text.ends_with('/') || matches!(&*text, "." | "..") || text.ends_with("/.") || text.ends_with("/..")
}

fn put(target: &Target<'_>, tree: bool, all: &mut Vec<Change>) {
    let Some(to) = target.to else { return };
    if !target.directory {
        all.push(Change::Put { path: to.clone(), tree, unless_directory: !target.file });
    }
    if target.file {
        return;
    }
    for source in target.sources {
        match last_name(source) {
            Some(name) => {
                all.push(Change::Put { path: join(to, &name), tree, unless_directory: false });
            }
            None => all.push(Change::Fill { path: to.clone() }),
        }
    }
}

fn copy(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let target = target(asked);
    let tree = asked.has("r") || asked.has("a") || asked.may_have_more_options() || asked.has("s");
    if let Some(to) = target.to {
        if asked.has("parents") {
            let whole = target.sources.iter().map(|source| join(to, source));
            all.extend(whole.map(|path| Change::Put { path, tree, unless_directory: false }));
        }
        // Nothing, in the place of what was there.
        let is_empty = |source: &Value| {
            let dir = match &asked.call.dir {
                Dir::Known(dir) => dir.as_path(),
                Dir::Unknown => Path::new(""),
            };
            match source.known() {
                Some(text) => paths::normalised(&dir.join(text)) == Path::new("/dev/null"),
                None => source.has_glob() && !source.has_unknown() && source.could_be("/dev/null"),
            }
        };
        if target.sources.iter().any(is_empty) {
            all.push(Change::Empty { path: to.clone() });
        }
    }
    put(&target, tree, all);
}

fn move_away(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let target = target(asked);
    all.extend(target.sources.iter().map(|path| Change::Move { path: path.clone() }));
    put(&target, true, all);
}

fn install(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let mode = asked.parsed.value("m");
    let with_mode = |path: &Value, all: &mut Vec<Change>| {
        all.extend(mode.map(|mode| Change::Mode { path: path.clone(), mode: mode.clone(), recursive: false }));
    };
    if asked.has("d") {
        asked.operands().iter().for_each(|path| with_mode(path, all));
        return;
    }
    let target = target(asked);
    let before = all.len();
    put(&target, false, all);
    let put: Vec<Value> = all
        .get(before..)
        .unwrap_or_default()
        .iter()
        .filter_map(|change| match change {
            Change::Put { path, unless_directory: false, .. } => Some(path.clone()),
            _ => None,
        })
        .collect();
    put.iter().for_each(|path| with_mode(path, all));
}

fn link(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let target = target(asked);
    if let ([], Some(to), false) = (target.sources, target.to, target.directory) {
        // One operand: a link of its name, here.
        if let Some(path) = last_name(to) {
            all.push(Change::Put { path, tree: true, unless_directory: false });
        }
        return;
    }
    put(&target, true, all);
}

fn elsewhere(change: Change, far: bool) -> Change {
    if far { Change::Elsewhere(Box::new(change)) } else { change }
}

fn rsync(asked: &Asked<'_>, all: &mut Vec<Change>) {
    all.extend(asked.parsed.values("log-file").map(|path| Change::Write { path: path.clone() }));
    if asked.has("n") || asked.has("list-only") {
        return;
    }
    let Some((to, sources)) = asked.operands().split_last() else { return };
    if sources.is_empty() {
        return;
    }
    let far = remote(to);
    let is_far = far.is_some();
    let to = far.as_ref().unwrap_or(to);
    const DELETES: &[&str] =
        &["delete", "del", "delete-before", "delete-during", "delete-delay", "delete-after", "delete-excluded"];
    // With a source that is a directory by name, only the directory of that name there is emptied.
    let whole = |source: &Value| is_directory(source) || last_name(source).is_none();
    if DELETES.iter().any(|o| asked.has(o)) {
        for source in sources {
            let emptied = match last_name(source).filter(|_| !whole(source)) {
                Some(name) if !name.has_unknown() => join(to, &name),
                _ => to.clone(),
            };
            all.push(elsewhere(Change::Delete { path: all_in(&emptied), recursive: true }, is_far));
        }
    }
    if asked.has("remove-source-files") || asked.has("remove-sent-files") {
        let here = sources.iter().filter(|source| remote(source).is_none());
        all.extend(here.map(|path| Change::Delete { path: all_in(path), recursive: true }));
    }
    for source in sources {
        let many = sources.len() > 1 || is_directory(to);
        match last_name(source).filter(|_| !whole(source)) {
            Some(name) => {
                if !many {
                    let put = Change::Put { path: to.clone(), tree: true, unless_directory: true };
                    all.push(elsewhere(put, is_far));
                }
                let put = Change::Put { path: join(to, &name), tree: true, unless_directory: false };
                all.push(elsewhere(put, is_far));
            }
            None => all.push(elsewhere(Change::Fill { path: to.clone() }, is_far)),
        }
    }
}

fn transfer(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let Some((to, sources)) = asked.operands().split_last() else { return };
    let far = remote(to);
    let target = Target {
        sources,
        to: Some(far.as_ref().unwrap_or(to)),
        directory: sources.len() > 1 || is_directory(to),
        file: false,
    };
    // `host:dir/file`: the name behind the colon too.
    let before = all.len();
    put(&target, asked.has("r"), all);
    if far.is_some() {
        let put = all.split_off(before);
        all.extend(put.into_iter().map(|change| Change::Elsewhere(Box::new(change))));
    }
}

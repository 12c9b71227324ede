//! Programs that change who may do what with a file.

use super::{Asked, Change, Program};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::{Taint, Value};

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["chmod", "gchmod"],
        grammar: Grammar::mix(
            "cfvHLPhdrwxXstugo",
            &[
                "R,recursive",
                "reference=",
                "changes",
                "silent",
                "quiet",
                "verbose",
                "dereference",
                "no-dereference",
                "preserve-root",
                "no-preserve-root",
                "help",
                "version",
            ],
        ),
        does: chmod,
    },
    Program {
        names: &["mkdir", "gmkdir"],
        grammar: Grammar::mix("pvZ", &["m,mode=", "parents", "verbose", "context?", "help", "version"]),
        does: |asked, all| {
            let Some(mode) = asked.parsed.value("m") else { return };
            all.extend(asked.operands().iter().map(|path| Change::Mode {
                path: path.clone(),
                mode: mode.clone(),
                recursive: false,
            }));
        },
    },
    Program {
        names: &["chown", "chgrp", "gchown", "gchgrp"],
        grammar: Grammar::mix(
            "cfvhHLP",
            &[
                "R,recursive",
                "reference=",
                "from=",
                "changes",
                "silent",
                "quiet",
                "verbose",
                "dereference",
                "no-dereference",
                "preserve-root",
                "no-preserve-root",
                "help",
                "version",
            ],
        ),
        does: |asked, all| owned(asked, usize::from(!asked.has("reference")), all),
    },
    Program {
        names: &["setfacl"],
        grammar: Grammar::mix(
            "bkndLP",
            &[
                "R,recursive",
                "m,modify=",
                "M,modify-file=",
                "x,remove=",
                "X,remove-file=",
                "set=",
                "set-file=",
                "restore=",
                "test",
                "mask",
                "help",
                "version",
            ],
        ),
        does: |asked, all| {
            if !asked.has("test") {
                owned(asked, 0, all);
            }
        },
    },
    Program {
        names: &["chattr"],
        grammar: Grammar::mix("VfaAcCdDeFijmPsStTux", &["R", "v=", "p="]),
        does: |asked, all| {
            let attributes = |w: &&Value| !matches!(w.known(), Some(w) if w.starts_with(['+', '=']));
            let paths: Vec<Value> = asked.operands().iter().filter(attributes).cloned().collect();
            change_all(&paths, asked.has("R"), all);
        },
    },
];

/// As a change of everything below, where it goes down.
fn change_all(paths: &[Value], recursive: bool, all: &mut Vec<Change>) {
    for path in paths {
        all.push(Change::Write { path: path.clone() });
        if recursive {
            all.push(Change::Mode {
                path: path.clone(),
                mode: Value::unknown("?", Taint::NONE, false),
                recursive: true,
            });
        }
    }
}

fn owned(asked: &Asked<'_>, skip: usize, all: &mut Vec<Change>) {
    change_all(asked.operands().get(skip..).unwrap_or_default(), asked.has("R"), all);
}

/// `chmod -x file` and `chmod -rwx file`: a mode that looks like options.
fn chmod(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let recursive = asked.has("R") || asked.may_have_more_options();
    let dashed = ["r", "w", "x", "X", "s", "t", "u", "g", "o"].iter().any(|o| asked.has(o));
    let reference = asked.has("reference");
    let (mode, paths) = match asked.operands().split_first() {
        Some((mode, paths)) if !dashed && !reference => (mode.clone(), paths),
        _ => (Value::unknown("?", Taint::NONE, false), asked.operands()),
    };
    all.extend(paths.iter().map(|path| Change::Mode { path: path.clone(), mode: mode.clone(), recursive }));
}

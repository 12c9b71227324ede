//! Programs that delete.

use super::{Asked, Change, Program, all_in, glob, join};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["rm", "grm"],
        grammar: Grammar::mix(
            "idvI",
            &[
                "r,R,recursive",
                "f,force",
                "dir",
                "interactive?",
                "one-file-system",
                "no-preserve-root",
                "preserve-root?",
                "verbose",
                "help",
                "version",
            ],
        ),
        does: remove,
    },
    Program { names: &["unlink"], grammar: Grammar::mix("", &["help", "version"]), does: each_file },
    Program {
        names: &["shred"],
        grammar: Grammar::mix(
            "fvxz",
            &[
                "n,iterations=",
                "s,size=",
                "random-source=",
                "u",
                "remove?",
                "exact",
                "zero",
                "force",
                "verbose",
                "help",
                "version",
            ],
        ),
        does: overwrite,
    },
    Program {
        names: &["srm", "wipe", "scrub"],
        grammar: Grammar::mix("fvzsl", &["r,R,recursive", "help", "version"]),
        does: |asked, all| {
            remove(asked, all);
            overwrite(asked, all);
        },
    },
    Program {
        names: &["truncate", "fallocate"],
        grammar: Grammar::mix(
            "cdvxnz",
            &[
                "s,size=",
                "r,reference=",
                "l,length=",
                "o,offset=",
                "io-blocks",
                "no-create",
                "punch-hole",
                "help",
                "version",
            ],
        ),
        does: overwrite,
    },
    Program {
        names: &["trash", "trash-put", "rimraf", "del-cli"],
        grammar: Grammar::mix("vfirdgG", &["glob", "force", "recursive", "help", "version"]),
        does: |asked, all| each(asked.operands(), true, all),
    },
    Program { names: &["gio"], grammar: Grammar::mix("fpT", &["force", "help", "version"]), does: gio },
    Program { names: &["kioclient", "kioclient5"], grammar: Grammar::mix("", &["help"]), does: gio },
    Program { names: &["find", "gfind", "bfs"], grammar: Grammar::stop("", &[]), does: find },
    Program { names: &["fd", "fdfind"], grammar: Grammar::mix("", &["help", "version"]), does: |_, _| () },
    Program { names: &["rclone"], grammar: Grammar::mix("vnPq", &["dry-run", "help", "version"]), does: rclone },
    Program {
        names: &["tmpreaper", "tmpwatch"],
        grammar: Grammar::mix("afmMclq", &["t,test", "help", "version"]),
        does: |asked, all| {
            if !asked.has("t") {
                each(asked.operands().get(1..).unwrap_or_default(), true, all);
            }
        },
    },
];

fn each(paths: &[Value], recursive: bool, all: &mut Vec<Change>) {
    all.extend(paths.iter().map(|path| Change::Delete { path: path.clone(), recursive }));
}

fn remove(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let recursive = asked.has("r") || asked.may_have_more_options();
    each(asked.operands(), recursive, all);
}

fn each_file(asked: &Asked<'_>, all: &mut Vec<Change>) {
    each(asked.operands(), false, all);
}

fn overwrite(asked: &Asked<'_>, all: &mut Vec<Change>) {
    each_file(asked, all);
    all.extend(asked.operands().iter().map(|path| Change::Write { path: path.clone() }));
}

fn gio(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let Some((verb, paths)) = asked.operands().split_first() else { return };
    match verb.known() {
        Some("trash" | "remove" | "del" | "rm") => each(paths, true, all),
        Some("move" | "rename" | "mv") => {
            all.extend(paths.iter().map(|path| Change::Move { path: path.clone() }));
            all.extend(paths.last().map(|path| Change::Write { path: path.clone() }));
        }
        Some("copy" | "save") => all.extend(paths.last().map(|path| Change::Write { path: path.clone() })),
        _ => {}
    }
}

/// Its remote paths are `remote:path`; what has no colon is on this machine.
fn rclone(asked: &Asked<'_>, all: &mut Vec<Change>) {
    if asked.has("dry-run") || asked.has("n") {
        return;
    }
    let Some((verb, paths)) = asked.operands().split_first() else { return };
    let local = |path: &&Value| path.split_once(':').is_none();
    match verb.known() {
        Some("delete" | "purge" | "rmdirs" | "deletefile" | "cleanup") => {
            all.extend(
                paths.iter().filter(local).map(|path| Change::Delete { path: path.clone(), recursive: true }),
            );
        }
        Some("sync" | "bisync") => all
            .extend(paths.get(1).filter(local).map(|path| Change::Delete { path: all_in(path), recursive: true })),
        Some("move" | "moveto") => {
            all.extend(paths.first().filter(local).map(|path| Change::Move { path: path.clone() }));
            all.extend(paths.get(1).filter(local).map(|path| Change::Write { path: path.clone() }));
        }
        Some("copyto") => {
            all.extend(paths.get(1).filter(local).map(|path| Change::Write { path: path.clone() }));
        }
        Some("copy") => all.extend(paths.get(1).filter(local).map(|path| Change::Fill { path: path.clone() })),
        _ => {}
    }
}

/// Tests of `find` that take a value and pick some files out of all.
const PICKS: &[&str] = &[
    "-mtime",
    "-mmin",
    "-atime",
    "-amin",
    "-ctime",
    "-cmin",
    "-newer",
    "-anewer",
    "-cnewer",
    "-size",
    "-user",
    "-group",
    "-uid",
    "-gid",
    "-perm",
    "-inum",
    "-links",
    "-lname",
    "-ilname",
    "-samefile",
    "-used",
    "-context",
];
/// The same without a value.
const PICKS_ALONE: &[&str] = &["-empty", "-nouser", "-nogroup", "-executable"];
/// Words with a value that pick nothing.
const VALUES: &[&str] = &["-type", "-xtype", "-maxdepth", "-mindepth", "-fstype", "-printf", "-regextype"];

/// What `find` has been told of the files to take, up to its `-delete`.
#[derive(Default)]
struct Picked {
    names: Vec<Value>,
    others: bool,
}

fn find(asked: &Asked<'_>, all: &mut Vec<Change>) {
    let words = asked.call.args();
    let mut at = 0;
    while let Some(word) = words.get(at).and_then(Value::known) {
        match word {
            "-H" | "-L" | "-P" | "--" => at += 1,
            "-D" => at += 2,
            word if word.starts_with("-O") => at += 1,
            _ => break,
        }
    }
    let is_root = |word: &&Value| !matches!(word.known(), Some(w) if w.starts_with(['-', '(', ')', '!', ',']));
    let mut roots: Vec<Value> = words.get(at..).unwrap_or_default().iter().take_while(is_root).cloned().collect();
    at += roots.len();
    if roots.is_empty() {
        roots.push(Value::from("."));
    }
    let mut picked = Picked::default();
    let mut negated = false;
    let mut pruned = false;
    while let Some(word) = words.get(at) {
        at += 1;
        let Some(word) = word.known() else { continue };
        let value = words.get(at);
        match word {
            "!" | "-not" => {
                negated = true;
                continue;
            }
            "-delete" => delete_found(&roots, &picked, all),
            "-prune" => pruned = true,
            "-o" | "-or" if pruned => {
                picked = Picked::default();
                pruned = false;
            }
            "-fprint" | "-fprint0" | "-fls" => {
                all.extend(value.map(|path| Change::Write { path: path.clone() }));
                at += 1;
            }
            "-fprintf" => {
                all.extend(value.map(|path| Change::Write { path: path.clone() }));
                at += 2;
            }
            "-name" | "-iname" | "-path" | "-ipath" | "-wholename" | "-iwholename" | "-regex" | "-iregex" => {
                at += 1;
                if let Some(value) = value.filter(|_| !negated) {
                    pick(word, value, &mut picked);
                }
            }
            word if PICKS.contains(&word) || word.starts_with("-newer") => {
                at += 1;
                picked.others |= !negated;
            }
            word if PICKS_ALONE.contains(&word) => picked.others |= !negated,
            word if VALUES.contains(&word) => at += 1,
            _ => {}
        }
        negated = false;
    }
}

/// The quoted pattern is `find`'s own: a pattern again.
fn pick(test: &str, value: &Value, picked: &mut Picked) {
    let Some(pattern) = value.known() else {
        picked.others = true;
        return;
    };
    if pattern.trim_matches(['*', '.', '/']).is_empty() {
        return;
    }
    if test.ends_with("name") && !test.ends_with("wholename") {
        picked.names.push(glob(pattern));
    } else if let Some(rest) = pattern.strip_prefix("*/").or_else(|| pattern.strip_prefix("./")) {
        picked.names.push(glob(rest));
    } else {
        picked.others = true;
    }
}

/// A file picked by name may be anywhere below.
fn delete_found(roots: &[Value], picked: &Picked, all: &mut Vec<Change>) {
    for root in roots {
        if picked.names.is_empty() {
            all.push(Change::Delete { path: all_in(root), recursive: !picked.others });
        }
        for name in &picked.names {
            all.push(Change::Delete { path: join(root, name), recursive: false });
            all.push(Change::Delete { path: join(&all_in(root), name), recursive: false });
        }
    }
}

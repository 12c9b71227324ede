//! Programs that unpack archives: which directory they fill, and with what, where the line names it.

use super::{Asked, Change, Program, join};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["tar", "gtar", "bsdtar"],
        grammar: Grammar::mix(
            "AhikljmnopPsSUvwWaBzZJO",
            &[
                "c,create",
                "x,extract,get",
                "t,list",
                "r,append",
                "u,update",
                "d,diff,compare",
                "C,directory=",
                "f,file=",
                "T,files-from=",
                "X,exclude-from=",
                "b,blocking-factor=",
                "F,info-script=",
                "g,listed-incremental=",
                "I,use-compress-program=",
                "K,starting-file=",
                "L,tape-length=",
                "N,newer=",
                "V,label=",
                "H,format=",
                "strip-components=",
                "transform,xform=",
                "exclude=",
                "one-top-level?",
                "to-command=",
                "checkpoint?",
                "checkpoint-action=",
                "mode=",
                "owner=",
                "group=",
                "mtime=",
                "wildcards",
                "remove-files",
                "recursive-unlink",
                "overwrite",
                "keep-old-files",
                "no-same-owner",
                "to-stdout",
                "gzip",
                "xz",
                "bzip2",
                "zstd",
                "verbose",
                "help",
                "version",
            ],
        ),
        does: tar,
    },
    Program {
        names: &["unzip"],
        grammar: Grammar::mix("aAbBcCfjlLMnoqtTuvVXzZ:^", &["d=", "x=", "P=", "p", "h"]),
        does: |asked, all| {
            if !["l", "t", "p", "c", "v", "Z", "z"].iter().any(|o| asked.has(o)) {
                let members = asked.operands().get(1..).unwrap_or_default();
                fill(asked.parsed.value("d"), members, all);
            }
        },
    },
    Program {
        names: &["7z", "7za", "7zr", "7zz"],
        grammar: Grammar::mix("y", &["o=", "p=", "x=", "i=", "t=", "m=", "a=", "b=", "s=", "r?"]),
        does: |asked, all| {
            if matches!(asked.operands().first().and_then(Value::known), Some("x" | "e")) {
                fill(asked.parsed.value("o"), &[], all);
            }
        },
    },
    Program {
        names: &["cpio", "gcpio"],
        grammar: Grammar::mix(
            "0aABcdfkLlmnrsSuvVq",
            &[
                "i,extract",
                "o,create",
                "p,pass-through",
                "t,list",
                "D,directory=",
                "F,file=",
                "E,pattern-file=",
                "H,format=",
                "I=",
                "O=",
                "R,owner=",
                "C,io-size=",
                "M=",
            ],
        ),
        does: |asked, all| {
            if asked.has("i") && !asked.has("t") {
                fill(asked.parsed.value("D"), &[], all);
            } else if asked.has("p") {
                fill(asked.operands().last(), &[], all);
            }
            all.extend(asked.parsed.values("O").map(|path| Change::Write { path: path.clone() }));
        },
    },
    Program {
        names: &["dpkg", "dpkg-deb"],
        grammar: Grammar::mix("", &["x,extract", "X,vextract", "R,raw-extract", "help", "version"]),
        does: |asked, all| {
            if ["x", "X", "R"].iter().any(|o| asked.has(o)) {
                fill(asked.operands().get(1), &[], all);
            }
        },
    },
    Program {
        names: &["unrar"],
        grammar: Grammar::stop("", &[]),
        does: |asked, all| {
            if matches!(asked.operands().first().and_then(Value::known), Some("x" | "e")) {
                let last = asked.operands().last().filter(|w| w.if_empty().ends_with('/'));
                fill(last, &[], all);
            }
        },
    },
    Program {
        names: &["zip"],
        grammar: Grammar::mix("0123456789rjqvuXyoTFdeg", &["m", "x=", "i=", "P=", "n=", "t=", "b=", "O,out="]),
        does: |asked, all| {
            let Some((archive, files)) = asked.operands().split_first() else { return };
            all.push(Change::Write { path: archive.clone() });
            if asked.has("m") {
                all.extend(files.iter().map(|path| Change::Move { path: path.clone() }));
            }
        },
    },
];

/// The members that the line names, or else anything.
fn fill(directory: Option<&Value>, members: &[Value], all: &mut Vec<Change>) {
    let here = Value::from(".");
    let directory = directory.unwrap_or(&here);
    if members.is_empty() || members.iter().any(|m| m.known().is_none_or(|m| m.contains(['*', '?', '[']))) {
        all.push(Change::Fill { path: directory.clone() });
        return;
    }
    let tree = |m: &Value| Change::Put { path: join(directory, m), tree: true, unless_directory: false };
    all.extend(members.iter().map(tree));
}

fn tar(asked: &Asked<'_>, all: &mut Vec<Change>) {
    // The old way of writing it: `tar xzf FILE`. Its values are the words behind, in the letters' order.
    let old = asked.call.args().first().and_then(|w| w.known()).filter(|w| !w.starts_with('-'));
    let mut operands = asked.operands().to_vec();
    let letter = |l: char| old.is_some_and(|old| old.contains(l));
    let mut archive = asked.parsed.value("f").cloned();
    let mut directory = asked.parsed.value("C").cloned();
    if let Some(old) = old {
        operands.drain(..1);
        for l in old.chars().filter(|l| "fCbTXgIKLNVHF".contains(*l)) {
            if operands.is_empty() {
                break;
            }
            let value = operands.remove(0);
            match l {
                'f' => archive = Some(value),
                'C' => directory = Some(value),
                _ => {}
            }
        }
    }
    if asked.has("x") || letter('x') {
        if asked.has("O") || asked.has("to-stdout") || letter('O') {
            return;
        }
        if asked.has("P") || letter('P') {
            // Names in the archive may begin with a slash.
            all.push(Change::Fill { path: Value::from("/") });
        }
        fill(directory.as_ref(), &operands, all);
    } else if ["c", "r", "u", "A"].iter().any(|o| asked.has(o)) || ['c', 'r', 'u', 'A'].iter().any(|l| letter(*l))
    {
        all.extend(archive.map(|path| Change::Write { path }));
        if asked.has("remove-files") {
            let path = |p: &Value| match &directory {
                Some(directory) if !p.starts_with("/") => join(directory, p),
                _ => p.clone(),
            };
            all.extend(operands.iter().map(|p| Change::Delete { path: path(p), recursive: true }));
        }
    }
}

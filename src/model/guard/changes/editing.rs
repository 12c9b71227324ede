//! Programs that change files where they are: stream editors, editors, formatters, patches.

use super::writing::{in_directory, written};
use super::{Asked, Change, Program};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["sed", "gsed"],
        grammar: Grammar::mix(
            "nErsuzb",
            &[
                "i,in-place?",
                "e,expression=",
                "f,file=",
                "l,line-length=",
                "quiet",
                "silent",
                "regexp-extended",
                "separate",
                "unbuffered",
                "null-data",
                "follow-symlinks",
                "posix",
                "sandbox",
                "debug",
                "help",
                "version",
            ],
        ),
        does: |asked, all| in_place(asked, asked.has("i"), asked.has("e") || asked.has("f"), all),
    },
    Program {
        names: &["perl"],
        grammar: Grammar::stop(
            "acnpsStTuUvVwWXfg",
            &["i?", "e=", "E=", "0?", "l?", "F=", "I=", "m=", "M=", "x?", "d?", "D=", "C?"],
        ),
        does: |asked, all| in_place(asked, asked.has("i"), asked.has("e") || asked.has("E"), all),
    },
    Program {
        names: &["ruby"],
        grammar: Grammar::stop("acnplsSvwy", &["i?", "e=", "0?", "W?", "F=", "I=", "r=", "x?", "C=", "E=", "K="]),
        does: |asked, all| in_place(asked, asked.has("i"), asked.has("e"), all),
    },
    Program {
        names: &["awk", "gawk"],
        grammar: Grammar::stop(
            "bcCgGhIkMnNOPrsStV",
            &["i,include=", "f,file=", "v,assign=", "F,field-separator=", "e,source=", "E,exec=", "l,load="],
        ),
        does: |asked, all| {
            let inplace = asked.parsed.values("i").any(|v| v.could_be("inplace") || v.could_be("inplace.awk"));
            in_place(asked, inplace, asked.has("f") || asked.has("e"), all);
        },
    },
    Program {
        names: &["dasel"],
        grammar: Grammar::mix("n", &["f,file=", "o,out=", "s,selector=", "v,value=", "t,type=", "r=", "w=", "p="]),
        does: |asked, all| {
            if matches!(asked.operands().first().and_then(Value::known), Some("put" | "delete")) {
                let path = asked.parsed.value("o").or_else(|| asked.parsed.value("f"));
                all.extend(path.map(|path| Change::Write { path: path.clone() }));
            }
        },
    },
    Program {
        names: &["yq", "jaq"],
        grammar: Grammar::mix(
            "neNCMPjrsevS",
            &[
                "i,in-place,inplace",
                "o,output-format=",
                "p,input-format=",
                "I,indent=",
                "f,from-file=",
                "arg==",
                "argjson==",
            ],
        ),
        does: |asked, all| in_place(asked, asked.has("i"), asked.has("f"), all),
    },
    Program {
        names: &["sd"],
        grammar: Grammar::mix("Fsp", &["n,max-replacements=", "f,flags=", "preview", "fixed-strings", "help"]),
        does: |asked, all| {
            if !asked.has("p") && !asked.has("preview") {
                written(asked.operands().get(2..).unwrap_or_default(), all);
            }
        },
    },
    Program {
        names: &["prettier", "shfmt", "gofmt", "goimports"],
        grammar: Grammar::mix("ldsu", &["w,write", "i,indent=", "r=", "config=", "parser=", "ln="]),
        does: |asked, all| {
            if asked.has("w") {
                written(asked.operands(), all);
            }
        },
    },
    Program {
        names: &["crudini"],
        grammar: Grammar::mix("", &["set", "del", "merge", "get", "existing?", "format=", "inplace"]),
        does: |asked, all| {
            if !asked.has("get") {
                written(asked.operands().get(..1).unwrap_or_default(), all);
            }
        },
    },
    Program {
        names: &["patch", "gpatch"],
        grammar: Grammar::mix(
            "bcefElNnRsTuvZ",
            &[
                "o,output=",
                "d,directory=",
                "i,input=",
                "p,strip=",
                "r,reject-file=",
                "B,prefix=",
                "F,fuzz=",
                "D,ifdef=",
                "V,version-control=",
                "Y,basename-prefix=",
                "z,suffix=",
                "g,get=",
                "dry-run",
                "backup",
                "force",
                "forward",
                "reverse",
                "batch",
                "unified",
                "verbose",
                "quiet",
                "help",
                "version",
            ],
        ),
        does: patch,
    },
    Program {
        names: &["ed", "red", "ex"],
        grammar: Grammar::mix("EGlrsve", &["p,prompt=", "c=", "quiet", "help", "version", "V?"]),
        does: |asked, all| written(asked.operands(), all),
    },
    Program {
        names: &["vi", "vim", "nvim", "vimx", "vim.basic", "vim.tiny", "gvim"],
        grammar: Grammar::mix(
            "AbCdDefFgHlLmMnNRvVwxXyZ",
            &[
                "c=", "cmd=", "S=", "s?", "E?", "u=", "U=", "i=", "T=", "t=", "q?", "headless", "noplugin",
                "clean", "help", "h", "version",
            ],
        ),
        does: |asked, all| {
            let runs = ["c", "cmd", "S", "s", "E", "e"].iter().any(|o| asked.has(o));
            let plus = asked.operands().iter().any(|w| w.starts_with("+"));
            if (runs || plus || asked.call.stdin.text.is_some()) && !asked.has("R") {
                written(asked.operands(), all);
            }
        },
    },
    Program {
        names: &["emacs"],
        grammar: Grammar::mix("Qq", &["batch", "eval=", "l,load=", "f,funcall=", "script="]).with_one_dash(),
        does: |asked, all| {
            if asked.has("eval") || asked.has("f") {
                written(asked.operands(), all);
            }
        },
    },
    Program {
        names: &["visudo"],
        grammar: Grammar::mix(
            "qsIOPV",
            &["c,check", "f,file=", "x,export=", "strict", "quiet", "h", "help", "version"],
        ),
        does: |asked, all| {
            if !["c", "V", "h", "x"].iter().any(|o| asked.has(o)) {
                let sudoers = Value::from("/etc/sudoers");
                written(std::slice::from_ref(asked.parsed.value("f").unwrap_or(&sudoers)), all);
            }
        },
    },
];

/// Where an option says that the files are changed themselves. The first operand is the program's text unless
/// another option holds it.
fn in_place(asked: &Asked<'_>, really: bool, text_elsewhere: bool, all: &mut Vec<Change>) {
    let hidden = asked.may_have_more_options();
    if really || (hidden && asked.name.ends_with("sed")) {
        written(asked.operands().get(usize::from(!text_elsewhere)..).unwrap_or_default(), all);
    }
}

fn patch(asked: &Asked<'_>, all: &mut Vec<Change>) {
    if asked.has("dry-run") {
        return;
    }
    let directory = asked.parsed.value("d");
    let file = match asked.parsed.value("o") {
        Some(path) => Some(path),
        None => asked.operands().first(),
    };
    all.extend(file.map(|path| Change::Write { path: in_directory(directory, path) }));
    // A patch that stands in the line names its files itself.
    let Some(text) = &asked.call.stdin.text else { return };
    let text = text.if_empty();
    for line in text.lines() {
        let Some(name) = line.strip_prefix("+++ ").or_else(|| line.strip_prefix("--- ")) else { continue };
        let name = name.split('\t').next().unwrap_or(name).trim();
        for name in [Some(name), name.split_once('/').map(|(_, rest)| rest)].into_iter().flatten() {
            all.push(Change::Write { path: in_directory(directory, &Value::from(name)) });
        }
    }
}

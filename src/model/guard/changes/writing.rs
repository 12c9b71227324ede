//! Programs that write files which stand among their operands or behind an option.

use super::{Asked, Change, Program, glob, join};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["tee", "gtee", "sponge"],
        grammar: Grammar::mix("aip", &["append", "ignore-interrupts", "output-error?", "help", "version"]),
        does: |asked, all| {
            written(asked.operands(), all);
            if !asked.has("append") && !asked.has("a") {
                all.extend(asked.operands().iter().map(|path| Change::Empty { path: path.clone() }));
            }
        },
    },
    Program {
        names: &["touch", "mkfifo", "strip", "dos2unix", "unix2dos", "mac2unix"],
        grammar: Grammar::mix(
            "acfhmkoqs",
            &["d,date=", "r,reference=", "t=", "time=", "mode=", "n,newfile=", "help", "version"],
        ),
        does: |asked, all| written(asked.operands(), all),
    },
    Program {
        names: &["mknod"],
        grammar: Grammar::mix("Z", &["m,mode=", "help", "version"]),
        does: |asked, all| written(asked.operands().get(..1).unwrap_or_default(), all),
    },
    Program {
        names: &["sort", "gsort"],
        grammar: Grammar::mix(
            "bcCdfghiMmnRrsuVz",
            &[
                "o,output=",
                "k,key=",
                "t,field-separator=",
                "S,buffer-size=",
                "T,temporary-directory=",
                "batch-size=",
                "compress-program=",
                "files0-from=",
                "parallel=",
                "random-source=",
                "sort=",
                "check?",
                "help",
                "version",
            ],
        ),
        does: behind_output,
    },
    Program {
        names: &[
            "gcc", "g++", "cc", "c++", "clang", "clang++", "ld", "as", "rustc", "go", "pandoc", "iconv", "tree",
            "xmllint", "dot", "bison", "flex", "shc", "age", "sops", "jsonnet", "protoc", "m4",
        ],
        grammar: Grammar::mix("", &["o,output="]),
        does: behind_output,
    },
    Program {
        names: &["strace", "ltrace", "time"],
        grammar: Grammar::stop(
            "fFcCtTvpqrwxyahlPA",
            &["o,output=", "e=", "p=", "s=", "a=", "E=", "u=", "S=", "O=", "I=", "b=", "format=", "append"],
        ),
        does: behind_output,
    },
    Program {
        names: &["gpg", "gpg2"],
        grammar: Grammar::mix(
            "abcdeksvqtz",
            &[
                "o,output=",
                "r,recipient=",
                "u,local-user=",
                "homedir=",
                "passphrase=",
                "passphrase-fd=",
                "batch",
                "yes",
                "decrypt",
                "encrypt",
                "import",
                "export",
                "symmetric",
                "armor",
                "dearmor",
            ],
        ),
        does: behind_output,
    },
    Program {
        names: &["openssl"],
        grammar: Grammar::mix("", &["o,out=", "keyout=", "in=", "k=", "pass=", "CAout="]).with_one_dash(),
        does: |asked, all| {
            behind_output(asked, all);
            let keys = asked.parsed.values("keyout").map(|path| Change::Write { path: path.clone() });
            all.extend(keys);
        },
    },
    Program {
        names: &["split", "csplit"],
        grammar: Grammar::mix(
            "dexukqsz",
            &[
                "a,suffix-length=",
                "b,bytes=",
                "C,line-bytes=",
                "l,lines=",
                "n,number=",
                "t,separator=",
                "f,prefix=",
                "filter=",
                "additional-suffix=",
                "suffix-format=",
                "help",
                "version",
            ],
        ),
        does: |asked, all| {
            let operand = asked.operands().get(1).filter(|_| asked.name == "split");
            for prefix in operand.into_iter().chain(asked.parsed.values("f")) {
                let mut path = prefix.clone();
                path.append(&glob("*"));
                all.push(Change::Write { path });
            }
        },
    },
    Program {
        names: &["uniq", "xxd", "objcopy", "ddrescue", "qemu-img"],
        grammar: Grammar::mix(
            "bcdDiuzZprPuEeanRSfF",
            &[
                "f,skip-fields=",
                "s,skip-chars=",
                "w,check-chars=",
                "l=",
                "o=",
                "O=",
                "count",
                "repeated",
                "unique",
                "help",
                "version",
            ],
        ),
        does: second_operand,
    },
    Program {
        names: &["gzip", "gunzip", "bzip2", "bunzip2", "xz", "unxz", "lzma", "unlzma", "compress", "uncompress"],
        grammar: Grammar::mix(
            "0123456789adfLnNqrvVseT:",
            &["c,stdout,to-stdout", "k,keep", "l,list", "t,test", "S,suffix=", "help", "h", "version"],
        ),
        does: |asked, all| {
            if !["c", "k", "l", "t", "h"].iter().any(|o| asked.has(o)) {
                let recursive = asked.has("r");
                let gone = asked.operands().iter().map(|path| Change::Delete { path: path.clone(), recursive });
                all.extend(gone);
            }
        },
    },
    Program {
        names: &["dd", "gdd", "dcfldd", "dc3dd"],
        grammar: Grammar::stop("", &["help", "version"]),
        does: |asked, all| {
            for word in asked.call.args() {
                let Some(("of" | "hof", path)) = word.split_once('=') else { continue };
                all.push(Change::Write { path: path.clone() });
                all.push(Change::Empty { path });
            }
        },
    },
    Program {
        names: &["ssh-keygen"],
        grammar: Grammar::mix(
            "ABceFghHiKlLopQqUuvxyX",
            &[
                "f=", "t=", "b=", "C=", "N=", "P=", "m=", "O=", "R=", "I=", "n=", "V=", "z=", "a=", "Z=", "s=",
                "Y=",
            ],
        ),
        does: |asked, all| {
            if !["l", "y", "e", "B", "L", "Q", "Y", "H"].iter().any(|o| asked.has(o)) {
                written(asked.parsed.value("f").map(std::slice::from_ref).unwrap_or_default(), all);
            }
        },
    },
];

pub(super) fn written(paths: &[Value], all: &mut Vec<Change>) {
    all.extend(paths.iter().map(|path| Change::Write { path: path.clone() }));
}

fn behind_output(asked: &Asked<'_>, all: &mut Vec<Change>) {
    all.extend(asked.parsed.values("o").map(|path| Change::Write { path: path.clone() }));
}

fn second_operand(asked: &Asked<'_>, all: &mut Vec<Change>) {
    written(asked.operands().get(1..2).unwrap_or_default(), all);
}

pub(super) fn in_directory(directory: Option<&Value>, name: &Value) -> Value {
    match directory {
        Some(directory) if !name.starts_with("/") => join(directory, name),
        _ => name.clone(),
    }
}

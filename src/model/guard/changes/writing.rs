//! Programs that write files which stand among their operands or behind an option.

use super::{Asked, Change, Program, glob, join, last_name};
use crate::model::guard::options::Grammar;
use crate::model::guard::value::Value;

/// See [`super::Program`].
pub static PROGRAMS: &[Program] = &[
    Program {
        names: &["tee", "gtee", "sponge"],
        grammar: Grammar::mix("aip", &["append", "ignore-interrupts", "output-error?", "help", "version"]),
        does: |asked, all| {
            written(asked.operands(), all);
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
        names: &["curl"],
        grammar: Grammar::mix(
            "012346aBfgGiIjkLlMnNpqRsSvVZ#",
            &[
                "o,output=",
                "O,remote-name",
                "J,remote-header-name",
                "output-dir=",
                "D,dump-header=",
                "c,cookie-jar=",
                "trace=",
                "trace-ascii=",
                "stderr=",
                "etag-save=",
                "hsts=",
                "libcurl=",
                "A,user-agent=",
                "b,cookie=",
                "C,continue-at=",
                "d,data=",
                "e,referer=",
                "E,cert=",
                "F,form=",
                "H,header=",
                "K,config=",
                "m,max-time=",
                "P,ftp-port=",
                "Q,quote=",
                "r,range=",
                "t,telnet-option=",
                "T,upload-file=",
                "u,user=",
                "U,proxy-user=",
                "w,write-out=",
                "x,proxy=",
                "X,request=",
                "y,speed-time=",
                "Y,speed-limit=",
                "z,time-cond=",
                "h,help",
                "data-raw=",
                "data-binary=",
                "data-urlencode=",
                "url=",
                "retry=",
                "retry-delay=",
                "connect-timeout=",
                "cacert=",
                "key=",
                "resolve=",
                "json=",
                "remote-name-all",
                "create-dirs",
            ],
        ),
        does: curl,
    },
    Program {
        names: &["wget", "wget2"],
        grammar: Grammar::mix(
            "bcdEFHhKkLmNnpqrSVvx46",
            &[
                "O,output-document=",
                "P,directory-prefix=",
                "o,output-file=",
                "a,append-output=",
                "save-cookies=",
                "i,input-file=",
                "e,execute=",
                "B,base=",
                "t,tries=",
                "T,timeout=",
                "w,wait=",
                "Q,quota=",
                "l,level=",
                "A,accept=",
                "R,reject=",
                "D,domains=",
                "I,include-directories=",
                "X,exclude-directories=",
                "U,user-agent=",
                "header=",
                "post-data=",
                "user=",
                "password=",
                "load-cookies=",
                "referer=",
                "content-disposition",
                "help",
                "version",
            ],
        ),
        does: wget,
    },
    Program {
        names: &["aria2c"],
        grammar: Grammar::mix(
            "cqVZ",
            &[
                "d,dir=",
                "o,out=",
                "l,log=",
                "i,input-file=",
                "x,max-connection-per-server=",
                "s,split=",
                "k,min-split-size=",
                "j,max-concurrent-downloads=",
            ],
        ),
        does: aria,
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

fn written(paths: &[Value], all: &mut Vec<Change>) {
    all.extend(paths.iter().map(|path| Change::Write { path: path.clone() }));
}

/// Where an option says that the files are changed themselves. The first operand is the program's text unless
/// another option holds it.
fn in_place(asked: &Asked<'_>, really: bool, text_elsewhere: bool, all: &mut Vec<Change>) {
    let hidden = asked.may_have_more_options();
    if really || (hidden && asked.name.ends_with("sed")) {
        written(asked.operands().get(usize::from(!text_elsewhere)..).unwrap_or_default(), all);
    }
}

fn behind_output(asked: &Asked<'_>, all: &mut Vec<Change>) {
    all.extend(asked.parsed.values("o").map(|path| Change::Write { path: path.clone() }));
}

fn second_operand(asked: &Asked<'_>, all: &mut Vec<Change>) {
    written(asked.operands().get(1..2).unwrap_or_default(), all);
}

fn in_directory(directory: Option<&Value>, name: &Value) -> Value {
    match directory {
        Some(directory) if !name.starts_with("/") => join(directory, name),
        _ => name.clone(),
    }
}

/// The name that a download gets from its address.
fn name_in(address: &Value) -> Option<Value> {
    let name = last_name(address)?;
    let known = name.known_start();
    let end = known.find(['?', '#']);
    Some(end.and_then(|end| known.get(..end)).map_or(name.clone(), Value::from))
}

fn curl(asked: &Asked<'_>, all: &mut Vec<Change>) {
    if asked.has("h") {
        return;
    }
    let directory = asked.parsed.value("output-dir");
    for path in asked.parsed.values("o") {
        all.push(Change::Write { path: in_directory(directory, path) });
    }
    for option in ["D", "c", "trace", "trace-ascii", "stderr", "etag-save", "hsts", "libcurl"] {
        all.extend(asked.parsed.values(option).map(|path| Change::Write { path: path.clone() }));
    }
    if asked.has("J") && asked.has("O") {
        all.push(Change::Fill { path: directory.cloned().unwrap_or_else(|| Value::from(".")) });
    }
    if asked.has("O") || asked.has("remote-name-all") {
        let addresses = asked.operands().iter().chain(asked.parsed.values("url"));
        all.extend(
            addresses.filter_map(name_in).map(|name| Change::Write { path: in_directory(directory, &name) }),
        );
    }
}

fn wget(asked: &Asked<'_>, all: &mut Vec<Change>) {
    for option in ["O", "o", "a", "save-cookies"] {
        all.extend(asked.parsed.values(option).map(|path| Change::Write { path: path.clone() }));
    }
    if asked.has("O") {
        return;
    }
    let directory = asked.parsed.value("P");
    let names = asked.operands().iter().filter_map(name_in);
    all.extend(names.map(|name| Change::Write { path: in_directory(directory, &name) }));
    if asked.has("i") || asked.has("content-disposition") {
        all.push(Change::Fill { path: directory.cloned().unwrap_or_else(|| Value::from(".")) });
    }
}

fn aria(asked: &Asked<'_>, all: &mut Vec<Change>) {
    all.extend(asked.parsed.values("l").map(|path| Change::Write { path: path.clone() }));
    let directory = asked.parsed.value("d");
    let names: Vec<Value> = match asked.parsed.value("o") {
        Some(name) => vec![name.clone()],
        None => asked.operands().iter().filter_map(name_in).collect(),
    };
    all.extend(names.iter().map(|name| Change::Write { path: in_directory(directory, name) }));
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

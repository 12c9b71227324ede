//! Options of programs that are no wrappers, whose value is a program or shell text all the same.

use super::{Inner, words};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::Call;
use crate::model::guard::value::{Part, Value};

/// A program with such options.
struct Row {
    names: &'static [&'static str],
    grammar: Grammar,
    /// The options, and what a value begins with where it is a command (`exec=` of tar's checkpoint actions).
    texts: &'static [(&'static str, &'static [&'static str])],
}

/// The whole value is a command.
const ALL: &[&str] = &[""];

static ROWS: &[Row] = &[
    Row {
        names: &["tar", "gtar", "bsdtar"],
        grammar: Grammar::mix(
            "AcdrtuxakmpvwzjJZhilnoPqRsSUWBGMO",
            &[
                "f,file=",
                "C,directory=",
                "T,files-from=",
                "X,exclude-from=",
                "b,blocking-factor=",
                "N,newer=",
                "g,listed-incremental=",
                "V,label=",
                "K,starting-file=",
                "L,tape-length=",
                "H,format=",
                "checkpoint-action=",
                "checkpoint?",
                "to-command=",
                "I,use-compress-program=",
                "F,info-script,new-volume-script=",
                "rsh-command=",
                "rmt-command=",
                "exclude=",
                "transform=",
                "owner=",
                "group=",
                "mode=",
                "mtime=",
                "strip-components=",
                "one-file-system",
            ],
        ),
        texts: &[
            ("checkpoint-action", &["exec="]),
            ("to-command", ALL),
            ("I", ALL),
            ("F", ALL),
            ("rsh-command", ALL),
            ("rmt-command", ALL),
        ],
    },
    Row {
        names: &["rsync"],
        grammar: Grammar::mix(
            "avzrlptgoDHAXSWnuchqbCxkKLOJRPImsyEi80146U",
            &[
                "e,rsh=",
                "f,filter=",
                "B,block-size=",
                "T,temp-dir=",
                "M,remote-option=",
                "rsync-path=",
                "exclude=",
                "include=",
                "rename",
            ],
        ),
        texts: &[("e", ALL), ("rsync-path", ALL)],
    },
    Row {
        names: &["sort", "gsort"],
        grammar: Grammar::mix(
            "bdfgiMhnRrVcCmsuz",
            &[
                "compress-program=",
                "k,key=",
                "o,output=",
                "S,buffer-size=",
                "t,field-separator=",
                "T,temporary-directory=",
                "parallel=",
                "check?",
            ],
        ),
        texts: &[("compress-program", ALL)],
    },
    Row {
        names: &["rg", "ripgrep"],
        grammar: Grammar::mix(
            "abcFhHiIlLnNopPqsSuUvVwxz0",
            &[
                "pre=",
                "pre-glob=",
                "hostname-bin=",
                "e,regexp=",
                "f,file=",
                "g,glob=",
                "A=",
                "B=",
                "C=",
                "m=",
                "M=",
                "t,type=",
                "T=",
                "r,replace=",
                "j=",
                "d=",
            ],
        ),
        texts: &[("pre", ALL), ("hostname-bin", ALL)],
    },
    Row {
        names: &["man"],
        grammar: Grammar::mix(
            "acdDfhiIktuVwWX7KlZ",
            &[
                "P,pager=",
                "H,html?",
                "M,manpath=",
                "S,s,sections=",
                "L,locale=",
                "m,systems=",
                "e,extension=",
                "E,encoding=",
                "p,preprocessor=",
                "r,prompt=",
                "C,config-file=",
                "R,recode=",
                "T?",
            ],
        ),
        texts: &[("P", ALL), ("H", ALL)],
    },
    Row {
        names: &["zip"],
        grammar: Grammar::mix(
            "rjmuqdfvyeDTXgoz0123456789",
            &["TT,unzip-command=", "b=", "i=", "x=", "n=", "P=", "s=", "t="],
        )
        .with_one_dash(),
        texts: &[("TT", ALL)],
    },
    Row {
        names: &["split", "gsplit"],
        grammar: Grammar::mix(
            "deux",
            &["filter=", "a,suffix-length=", "b,bytes=", "C,line-bytes=", "l,lines=", "n,number=", "t,separator="],
        ),
        texts: &[("filter", ALL)],
    },
    Row {
        names: &["wget", "wget2"],
        grammar: Grammar::mix(
            "bcdhqvrkpmNSxELHVF",
            &["use-askpass=", "O=", "o=", "a=", "P=", "e=", "U=", "i=", "t=", "T="],
        ),
        texts: &[("use-askpass", ALL)],
    },
    Row {
        names: &["tcpdump"],
        grammar: Grammar::mix(
            "AbdDefhHIJKlLnNOpqStuUvxX#",
            &[
                "z=", "w=", "r=", "i=", "C=", "G=", "W=", "c=", "s=", "F=", "E=", "T=", "y=", "Z=", "B=", "j=",
                "m=", "M=", "Q=", "V=",
            ],
        ),
        texts: &[("z", ALL)],
    },
    Row {
        names: &["nc", "ncat", "netcat", "nc.traditional", "nc.openbsd"],
        grammar: Grammar::mix(
            "46bCDdFhklNnrStUuvZz",
            &[
                "e,exec=",
                "c,sh-exec=",
                "lua-exec=",
                "i=",
                "m=",
                "o=",
                "p=",
                "q=",
                "s=",
                "T=",
                "w=",
                "X=",
                "x=",
                "O=",
                "g=",
                "G=",
            ],
        ),
        texts: &[("e", ALL), ("c", ALL)],
    },
    Row {
        names: &["gdb", "lldb", "rust-gdb", "rust-lldb", "gdb-multiarch"],
        grammar: Grammar::stop(
            "nqbwv",
            &[
                "ex,eval-command,o,one-line=",
                "iex,init-eval-command=",
                "x,command,s,source=",
                "p,pid=",
                "c,core=",
                "d,directory=",
                "cd=",
                "se,symbols=",
                "e,exec=",
                "args",
                "batch",
                "tui",
                "i,interpreter=",
                "tty=",
            ],
        )
        .with_one_dash(),
        texts: &[
            ("ex", &["shell ", "!", "pipe ", "make ", "platform shell "]),
            ("iex", &["shell ", "!", "pipe "]),
        ],
    },
    Row {
        names: &["strace"],
        grammar: Grammar::stop(
            "cCdDfFhiknqrtTvVxyYzZwAN",
            &[
                "a,columns=",
                "b,detach-on=",
                "e,trace=",
                "E,env=",
                "I,interruptible=",
                "o,output=",
                "O,summary-syscall-overhead=",
                "p,attach=",
                "P,trace-path=",
                "s,string-limit=",
                "S,summary-sort-by=",
                "u,user=",
                "U,summary-columns=",
                "X,const-print-style=",
                "inject=",
                "fault=",
                "signal=",
                "status=",
                "read=",
                "write=",
                "verbose=",
                "abbrev=",
                "raw=",
                "quiet?",
                "kvm=",
                "decode-fds?",
                "argv0=",
            ],
        ),
        texts: &[("o", &["|", "!"])],
    },
    Row {
        names: &["apt", "apt-get", "apt-cache", "aptitude", "apt-key", "apt-mark"],
        grammar: Grammar::mix(
            "dfmqsyubVhP",
            &["o,option=", "c,config-file=", "t,target-release,default-release=", "a,host-architecture="],
        ),
        texts: &[],
    },
    Row {
        names: &["dpkg"],
        grammar: Grammar::mix(
            "",
            &["pre-invoke=", "post-invoke=", "status-logger=", "root=", "admindir=", "instdir="],
        ),
        texts: &[("pre-invoke", ALL), ("post-invoke", ALL), ("status-logger", ALL)],
    },
    Row {
        names: &["scp", "sftp", "sshfs", "ssh-copy-id"],
        grammar: Grammar::mix(
            "346ABCOpqRrTvNaf",
            &["S=", "o=", "c=", "D=", "F=", "i=", "J=", "l=", "P=", "X=", "b=", "s="],
        ),
        texts: &[("S", ALL), ("s", &["/"])],
    },
    Row {
        names: &["start-stop-daemon"],
        grammar: Grammar::mix(
            "SKTHVbmotqvBCk:",
            &[
                "a,startas=",
                "x,exec=",
                "p,pidfile=",
                "u,user=",
                "n,name=",
                "s,signal=",
                "c,chuid=",
                "g,group=",
                "r,chroot=",
                "d,chdir=",
                "N,nicelevel=",
                "P,procsched=",
                "I,iosched=",
                "R,retry=",
                "O,output=",
                "ppid=",
                "pid=",
                "notify-timeout=",
                "start",
                "stop",
                "background",
                "make-pidfile",
                "test",
                "oknodo",
                "quiet",
                "verbose",
            ],
        ),
        texts: &[],
    },
    Row {
        names: &["socat", "socat1"],
        grammar: Grammar::mix("hVvxudDgs46", &["b=", "t=", "T=", "l=", "L=", "W="]),
        texts: &[],
    },
    Row { names: &["cmake"], grammar: Grammar::stop("", &["E"]), texts: &[] },
    Row { names: &["less", "more", "most"], grammar: Grammar::mix("", &[]), texts: &[] },
    Row {
        names: &["cargo"],
        grammar: Grammar::mix("cqvw", &["x,exec=", "s,shell=", "config=", "manifest-path=", "p,package="]),
        texts: &[("s", ALL)],
    },
    Row {
        names: &["cpio"],
        grammar: Grammar::mix("iopdmuvt", &["rsh-command=", "F=", "D=", "H=", "R=", "E="]),
        texts: &[("rsh-command", ALL)],
    },
    Row {
        names: &["openvpn"],
        grammar: Grammar::mix(
            "",
            &[
                "up=",
                "down=",
                "ipchange=",
                "route-up=",
                "tls-verify=",
                "auth-user-pass-verify=",
                "client-connect=",
                "learn-address=",
            ],
        ),
        texts: &[("up", ALL), ("down", ALL), ("ipchange", ALL), ("route-up", ALL), ("tls-verify", ALL)],
    },
    Row {
        names: &["fzf", "sk"],
        grammar: Grammar::mix(
            "ex+imn0123",
            &["preview=", "bind=", "q,query=", "f,filter=", "d,delimiter=", "with-nth=", "n,nth=", "c="],
        ),
        texts: &[("preview", ALL), ("c", ALL)],
    },
    Row {
        names: &["psql"],
        grammar: Grammar::mix(
            "aAbeEHilLnqsStwWxXVz01",
            &["c,command=", "d,dbname=", "f,file=", "h=", "p=", "U=", "v=", "o=", "P="],
        ),
        texts: &[("c", &["\\!"])],
    },
];

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    find(name).map(|_| inner as fn(&str, &Call) -> Vec<Inner>)
}

fn find(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.names.contains(&name))
}

fn inner(program: &str, call: &Call) -> Vec<Inner> {
    let Some(row) = find(program) else { return Vec::new() };
    let name = row.names.first().copied().unwrap_or_default();
    let words = call.args();
    let old = if name == "tar" { old_style(words, call) } else { None };
    let words = old.as_deref().unwrap_or(words);
    let parsed = options::read(&row.grammar, words);
    let mut found = Vec::new();
    for (option, begins) in row.texts {
        for value in parsed.values(option) {
            found.extend(begins.iter().find_map(|start| words::behind(value, start)).map(Inner::shell));
        }
    }
    match name {
        "gdb" => {
            let python = parsed.values("ex").filter_map(|text| text.strip_prefix("python "));
            found.extend(python.map(|text| Inner::Code { language: "python", text }));
            found.extend(super::commands(&parsed, words, 0).into_iter().map(|argv| Inner::argv(argv.to_vec())));
        }
        "strace" => {
            let env: Vec<_> =
                parsed.values("E").flat_map(|v| super::assignments(std::slice::from_ref(v)).0).collect();
            let runs = super::commands(&parsed, words, 0);
            found.extend(runs.into_iter().map(|argv| Inner::argv(argv.to_vec()).with(None, &env)));
        }
        "apt" => found.extend(parsed.values("o").filter_map(invoked)),
        "scp" => found.extend(parsed.values("o").filter_map(super::remote::ssh_setting)),
        "start-stop-daemon" => {
            if let Some(program) =
                parsed.value("a").or(parsed.value("x")).filter(|_| parsed.has("S") || parsed.has("start"))
            {
                let mut argv = vec![program.clone()];
                let dashes = words.iter().position(|w| w.known() == Some("--"));
                argv.extend(dashes.and_then(|at| words.get(at + 1..)).unwrap_or_default().iter().cloned());
                found.push(Inner::argv(argv).with(parsed.value("d"), &[]));
            }
        }
        "socat" => found.extend(parsed.operands.iter().filter_map(address)),
        "cmake" if parsed.has("E") => found.extend(cmake_tool(&parsed.operands)),
        // `less +!cmd`
        "less" => found.extend(parsed.operands.iter().filter_map(|w| w.strip_prefix("+!")).map(Inner::shell)),
        "cargo" if parsed.operands.first().and_then(Value::known) != Some("watch") => found.clear(),
        _ => {}
    }
    found
}

/// `tar cIf PROGRAM FILE …`: the first word is letters without a dash, their values follow in order. `TAR_OPTIONS`
/// stands in front.
fn old_style(words: &[Value], call: &Call) -> Option<Vec<Value>> {
    let more = call.env.iter().find(|(name, _)| name == "TAR_OPTIONS").map(|(_, value)| words::split(value));
    let bundled = words.first().filter(|w| !w.known_start().is_empty() && !w.starts_with("-"));
    if more.is_none() && bundled.is_none() {
        return None;
    }
    let mut out = more.unwrap_or_default();
    let mut rest = words.iter();
    if let Some(letters) = bundled.map(Value::known_start) {
        rest.next();
        for letter in letters.chars() {
            out.push(Value::from(format!("-{letter}").as_str()));
            if "fCTXbNgVKLHIF".contains(letter) {
                out.extend(rest.next().cloned());
            }
        }
    }
    out.extend(rest.cloned());
    Some(out)
}

/// `-o APT::Update::Pre-Invoke::=cmd`
fn invoked(setting: &Value) -> Option<Inner> {
    let (name, text) = setting.split_once('=')?;
    let name = name.to_ascii_lowercase();
    (name.contains("invoke") || name.contains("pre-install-pkgs")).then(|| Inner::shell(text))
}

/// socat's `EXEC:cmd,opt` and `SYSTEM:cmd,opt`
fn address(word: &Value) -> Option<Inner> {
    let (kind, command) = word.split_once(':')?;
    if !matches!(kind.to_ascii_lowercase().as_str(), "exec" | "system" | "shell") {
        return None;
    }
    // Options stand behind the first comma that is not escaped.
    let mut text = Value::default();
    for part in command.parts() {
        match part {
            Part::Text(piece) => {
                let end = piece.find(',').unwrap_or(piece.len());
                text.push_text(piece.get(..end).unwrap_or_default());
                if end < piece.len() {
                    break;
                }
            }
            other => text.push(other.clone()),
        }
    }
    Some(Inner::shell(text))
}

/// `cmake -E env A=1 cmd`, `cmake -E rm …`
fn cmake_tool(operands: &[Value]) -> Option<Inner> {
    let (verb, rest) = operands.split_first()?;
    let prefixed = |first: &[&str]| {
        let mut argv: Vec<Value> = first.iter().map(|word| Value::from(*word)).collect();
        argv.extend_from_slice(rest);
        Some(Inner::argv(argv))
    };
    match verb.known()? {
        "time" => (!rest.is_empty()).then(|| Inner::argv(rest.to_vec())),
        "env" => prefixed(&["env"]),
        "chdir" => {
            let (dir, command) = rest.split_first()?;
            (!command.is_empty()).then(|| Inner::argv(command.to_vec()).with(Some(dir), &[]))
        }
        "rm" => prefixed(&["rm"]),
        "remove" => prefixed(&["rm", "-f"]),
        "remove_directory" => prefixed(&["rm", "-r"]),
        "copy" | "copy_if_different" => prefixed(&["cp"]),
        "rename" => prefixed(&["mv"]),
        _ => None,
    }
}

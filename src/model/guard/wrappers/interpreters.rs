//! Interpreters of other languages than the shell's, and editors: the text that they run.

use super::{Inner, is_stdin};
use crate::model::guard::options::{self, Grammar, Parsed};
use crate::model::guard::reading::Call;
use crate::model::guard::value::Value;

/// A program that runs text of its language.
struct Interpreter {
    names: &'static [&'static str],
    language: &'static str,
    grammar: Grammar,
    /// Options whose value is text of the language.
    texts: &'static [&'static str],
    /// Options that name a file of such text.
    files: &'static [&'static str],
    /// Options with which it does something else: a module, its version.
    unless: &'static [&'static str],
    /// What it does without text and file.
    bare: Bare,
}

/// What an interpreter does with its operands, where no option holds text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bare {
    /// The first one is a file; none, or a dash, is its input.
    File,
    /// The first one is the text.
    Text,
    /// They are data; it runs nothing.
    Data,
    /// They are data; it runs its input.
    Input,
}

const fn row(
    names: &'static [&'static str],
    language: &'static str,
    grammar: Grammar,
    texts: &'static [&'static str],
    bare: Bare,
) -> Interpreter {
    Interpreter { names, language, grammar, texts, files: &[], unless: &[], bare }
}

impl Interpreter {
    const fn files(self, files: &'static [&'static str]) -> Self {
        Interpreter { files, ..self }
    }

    const fn unless(self, unless: &'static [&'static str]) -> Self {
        Interpreter { unless, ..self }
    }
}

static INTERPRETERS: &[Interpreter] = &[
    row(
        &[
            "python",
            "python2",
            "python3",
            "pypy",
            "pypy3",
            "ipython",
            "ipython3",
            "micropython",
            "jython",
            "bpython",
        ],
        "python",
        Grammar::stop("bBdEhiIOqsSuvVxPRtW:X:Q:", &["c=", "m=", "check-hash-based-pycs=", "help", "version"]),
        &["c"],
        Bare::File,
    )
    .unless(&["m", "V", "h", "help", "version"]),
    row(
        &["perl"],
        "perl",
        Grammar::stop(
            "acdfhnpsStTuUvwWXI:M:m:",
            &["e,E=", "i?", "l#", "0#", "F?", "C?", "D?", "x?", "V?", "g", "help", "version"],
        ),
        &["e"],
        Bare::File,
    )
    .unless(&["v", "V", "h"]),
    row(
        &["ruby", "jruby", "truffleruby"],
        "ruby",
        Grammar::stop(
            "acdhlnpsSvwyI:r:E:",
            &["e=", "i?", "0#", "F?", "C=", "K?", "T?", "W?", "x?", "encoding=", "version", "help", "require="],
        ),
        &["e"],
        Bare::File,
    )
    .unless(&["version", "help", "h"]),
    row(
        &["node", "nodejs", "bun", "ts-node", "tsx", "iojs", "qjs", "d8"],
        "node",
        Grammar::stop(
            "ichv",
            &[
                "e,eval=",
                "p,print",
                "pe=",
                "r,require=",
                "import=",
                "loader,experimental-loader=",
                "C,conditions=",
                "input-type=",
                "check",
                "interactive",
                "env-file?",
                "env-file-if-exists?",
                "version",
                "help",
                "test",
                "cwd=",
                "O,compiler-options=",
                "P,project=",
            ],
        ),
        &["e", "pe"],
        Bare::File,
    )
    .unless(&["v", "version", "help", "h", "c", "check"]),
    row(
        &["php", "php-cgi", "hhvm"],
        "php",
        Grammar::stop(
            "ahilmnqsvwHC",
            &[
                "r,run=",
                "R,process-code=",
                "B,process-begin=",
                "E,process-end=",
                "f,file=",
                "F,process-file=",
                "d,define=",
                "c,php-ini=",
                "z,zend-extension=",
                "S,server=",
                "t,docroot=",
                "version",
                "ini",
                "info",
                "modules",
            ],
        ),
        &["r", "R", "B", "E"],
        Bare::File,
    )
    .files(&["f", "F"])
    .unless(&["v", "version", "S", "l", "m", "i", "ini", "info", "modules"]),
    row(&["lua", "luajit", "texlua"], "lua", Grammar::stop("ivEWl:j:O:b:", &["e="]), &["e"], Bare::File)
        .unless(&["b"]),
    row(
        &["awk", "gawk", "mawk", "nawk", "original-awk", "goawk"],
        "awk",
        Grammar::stop(
            "bcCghIkMnNOPrsStVW:",
            &[
                "f,file,E,exec=",
                "F,field-separator=",
                "v,assign=",
                "e,source=",
                "i,include=",
                "l,load=",
                "d,dump-variables?",
                "D,debug?",
                "L,lint?",
                "o,pretty-print?",
                "p,profile?",
                "version",
                "help",
                "csv",
                "posix",
                "sandbox",
                "traditional",
                "re-interval",
                "optimize",
                "characters-as-bytes",
            ],
        ),
        &["e"],
        Bare::Text,
    )
    .files(&["f"])
    .unless(&["version", "help"]),
    row(
        &["sed", "gsed", "ssed"],
        "sed",
        Grammar::mix(
            "nsuzb",
            &[
                "e,expression=",
                "f,file=",
                "i,I,in-place?",
                "E,r,regexp-extended",
                "l,line-length=",
                "posix",
                "debug",
                "sandbox",
                "follow-symlinks",
                "quiet,silent",
                "separate",
                "unbuffered",
                "null-data,zero-terminated",
                "version",
                "help",
            ],
        ),
        &["e"],
        Bare::Text,
    )
    .files(&["f"])
    .unless(&["sandbox", "version", "help"]),
    row(
        &["Rscript", "littler"],
        "R",
        Grammar::stop("v", &["e=", "verbose", "version"]).with_one_dash(),
        &["e"],
        Bare::File,
    )
    .unless(&["version"]),
    row(
        &["R"],
        "R",
        Grammar::mix("q", &["e=", "f,file=", "g,gui=", "d,debugger=", "args", "vanilla", "slave", "version"]),
        &["e"],
        Bare::Input,
    )
    .files(&["f"])
    .unless(&["version"]),
    row(
        &["julia"],
        "julia",
        Grammar::stop(
            "qivh",
            &[
                "e,eval=",
                "E,print=",
                "L,load=",
                "J,sysimage=",
                "t,threads=",
                "p,procs=",
                "C,cpu-target=",
                "O?",
                "g?",
                "H=",
            ],
        ),
        &["e", "E"],
        Bare::File,
    )
    .unless(&["v", "h"]),
    row(&["osascript"], "osascript", Grammar::stop("i", &["e=", "l=", "s="]), &["e"], Bare::File),
    row(
        &["tclsh", "wish", "jimsh", "expect"],
        "tcl",
        Grammar::stop("dinNv", &["c=", "e=", "f=", "D=", "encoding="]),
        &["c", "e"],
        Bare::File,
    )
    .files(&["f"]),
    row(&["ghc", "runghc", "runhaskell", "stack-ghc"], "haskell", Grammar::stop("", &["e="]), &["e"], Bare::Data),
    row(
        &["elixir", "iex"],
        "elixir",
        Grammar::stop("", &["e,eval=", "rpc-eval==", "r=", "S=", "pr=", "pa="]),
        &["e"],
        Bare::File,
    ),
    row(
        &["erl"],
        "erlang",
        Grammar::mix("", &["eval=", "noshell", "s=", "run="]).with_one_dash(),
        &["eval"],
        Bare::Data,
    ),
    row(
        &[
            "scala",
            "kotlin",
            "groovy",
            "clojure",
            "clj",
            "bb",
            "guile",
            "sbcl",
            "racket",
            "gosh",
            "chibi-scheme",
            "jshell",
        ],
        "lisp",
        Grammar::stop("", &["e,eval,execute=", "c=", "l,load=", "i=", "cp="]),
        &["e", "c"],
        Bare::File,
    ),
    row(&["gnuplot"], "gnuplot", Grammar::stop("p", &["e=", "c="]), &["e"], Bare::File),
    row(
        &["sqlite3", "sqlite"],
        "sql",
        Grammar::mix("", &["cmd=", "init=", "separator=", "nullvalue=", "newline="]).with_one_dash(),
        &[],
        Bare::Data,
    ),
    row(
        &["make", "gmake", "gnumake", "bmake", "remake"],
        "make",
        Grammar::mix(
            "bBdeikLnpqrRsStvwhmNV:D:T:",
            &[
                "f,file,makefile=",
                "C,directory=",
                "I,include-dir=",
                "E,eval=",
                "o,old-file,assume-old=",
                "W,what-if,new-file,assume-new=",
                "j,jobs?",
                "l,load-average,max-load?",
                "O,output-sync?",
                "debug?",
                "shuffle?",
                "always-make",
                "dry-run,just-print,recon",
                "ignore-errors",
                "keep-going",
                "question",
                "silent,quiet",
                "touch",
                "trace",
                "version",
                "help",
                "print-directory",
                "no-print-directory",
                "warn-undefined-variables",
                "no-builtin-rules",
                "no-builtin-variables",
                "environment-overrides",
            ],
        ),
        &["E"],
        Bare::Data,
    )
    .files(&["f"])
    .unless(&["version", "help"]),
    row(
        &[
            "vim",
            "vi",
            "nvim",
            "gvim",
            "view",
            "rvim",
            "rview",
            "vimdiff",
            "ex",
            "exim",
            "evim",
            "vim.basic",
            "vim.tiny",
            "vim.nox",
            "elvis",
            "nvi",
        ],
        "vim",
        Grammar::mix(
            "AbCdDefEghHlLmMnNoOpqRsvVxXyZ",
            &[
                "c=",
                "cmd=",
                "S=",
                "u=",
                "U=",
                "i=",
                "t=",
                "T=",
                "w=",
                "W=",
                "r?",
                "remote-expr=",
                "remote-send=",
                "remote",
                "servername=",
                "startuptime=",
                "listen=",
                "headless",
                "noplugin",
                "clean",
                "nofork",
                "not-a-term",
                "version",
                "help",
            ],
        ),
        &["c", "cmd", "remote-expr", "remote-send"],
        Bare::Data,
    )
    .unless(&["version", "help"]),
    row(&["ed", "red"], "ed", Grammar::mix("GrslEv", &["p=", "quiet", "silent"]), &[], Bare::Input),
    row(
        &["emacs", "emacs-nox", "xemacs", "emacs-gtk"],
        "emacs",
        Grammar::mix(
            "qQDt:",
            &[
                "eval,execute=",
                "f,funcall=",
                "l,load=",
                "script=",
                "x=",
                "L,directory=",
                "d,display=",
                "chdir=",
                "init-directory=",
                "u,user=",
                "insert=",
                "visit=",
                "file=",
                "batch",
                "nw,no-window-system",
                "no-init-file",
                "quick",
                "no-site-file",
                "version",
            ],
        )
        .with_one_dash(),
        &["eval", "f"],
        Bare::Data,
    )
    .unless(&["version"]),
    row(
        &["emacsclient"],
        "emacs",
        Grammar::mix(
            "cnqtu",
            &["e,eval", "a,alternate-editor=", "s,socket-name=", "f,server-file=", "d,display=", "F=", "T="],
        ),
        &[],
        Bare::Data,
    ),
];

fn find(name: &str) -> Option<&'static Interpreter> {
    INTERPRETERS.iter().find(|row| row.names.contains(&name))
}

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    if name == "deno" {
        return Some(|_, call| deno(call.args()));
    }
    find(name).map(|_| inner as fn(&str, &Call) -> Vec<Inner>)
}

fn inner(program: &str, call: &Call) -> Vec<Inner> {
    let base = program.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let Some(row) = find(program).or_else(|| find(base)) else { return Vec::new() };
    let words = call.args();
    let parsed = options::read(&row.grammar, words);
    let first_text = parsed.options.iter().find(|o| row.texts.contains(&o.name)).map_or(usize::MAX, |o| o.at);
    if parsed.options.iter().any(|o| o.at < first_text && row.unless.contains(&o.name)) {
        return Vec::new();
    }
    let mut found = text(row, &parsed);
    if row.language == "awk" {
        let set = |value: &Value| {
            let (name, value) = value.split_once('=')?;
            Some(format!("{name} = \"{}\"\n", value.known()?.replace('"', "\\\"")))
        };
        let start = Value::from(parsed.values("v").filter_map(set).collect::<String>().as_str());
        for inner in &mut found {
            if let Inner::Code { text, .. } = inner {
                let mut whole = start.clone();
                whole.append(text);
                *text = whole;
            }
        }
    }
    more(row, program, call, &parsed, &mut found);
    found
}

/// What the table says.
fn text(row: &Interpreter, parsed: &Parsed) -> Vec<Inner> {
    let language = row.language;
    let mut whole = Value::default();
    for option in parsed.options.iter().filter(|o| row.texts.contains(&o.name)) {
        if !whole.parts().is_empty() {
            whole.push_text("\n");
        }
        option.values.iter().for_each(|value| whole.append(value));
    }
    let mut found = Vec::new();
    let texts = !whole.parts().is_empty();
    if texts {
        found.push(Inner::Code { language, text: whole });
    }
    let file = |path: &Value| match is_stdin(path) {
        true => Inner::CodeInput { language },
        false => Inner::CodeFile { language, path: path.clone() },
    };
    let before = found.len();
    found.extend(row.files.iter().flat_map(|name| parsed.values(name)).map(file));
    let named = found.len() > before;
    if !named && !texts {
        let first = parsed.operands.first();
        match (row.bare, first) {
            (Bare::File, None) | (Bare::Input, _) => found.push(Inner::CodeInput { language }),
            (Bare::File, Some(path)) => found.push(file(path)),
            (Bare::Text, Some(text)) => found.push(Inner::Code { language, text: text.clone() }),
            _ => {}
        }
    }
    // A word that could be any option could be the one with the text behind it.
    if !parsed.hidden.is_empty() && !texts && row.bare != Bare::Data {
        found.extend(parsed.operands.iter().take(2).map(|text| Inner::Code { language, text: text.clone() }));
    }
    found
}

/// What single programs do besides.
fn more(row: &Interpreter, program: &str, call: &Call, parsed: &Parsed, found: &mut Vec<Inner>) {
    let language = row.language;
    let code = |text: &Value| Inner::Code { language, text: text.clone() };
    match row.names.first().copied().unwrap_or_default() {
        // `node -p 'expression'`
        "node" if parsed.has("p") && !parsed.has("e") => found.extend(parsed.operands.first().map(code)),
        // `-M'module;text'`
        "perl" => found.extend(
            parsed.values("M").chain(parsed.values("m")).filter(|m| m.if_empty().contains([';', '('])).map(code),
        ),
        // `make 'X=$(shell …)'`, `make SHELL=…`
        "make" => {
            if !parsed.has("f") {
                let names = ["GNUmakefile", "makefile", "Makefile"];
                found.extend(names.map(|name| Inner::CodeFile { language, path: Value::from(name) }));
            }
            let runs =
                |word: &&Value| word.split_once('=').is_some_and(|(_, value)| value.if_empty().contains('$'));
            found.extend(parsed.operands.iter().filter(runs).map(code));
            let flags = call.env.iter().filter(|(name, _)| matches!(name.as_str(), "MAKEFLAGS" | "GNUMAKEFLAGS"));
            found.extend(flags.map(|(_, value)| code(value)));
        }
        "vim" => {
            // `+cmd` is an operand to getopt.
            found.extend(parsed.operands.iter().filter_map(|word| word.strip_prefix("+")).map(|text| code(&text)));
            if program == "ex" || parsed.has("e") || parsed.has("E") {
                found.push(Inner::CodeInput { language });
            }
            found.extend(
                parsed
                    .values("S")
                    .chain(parsed.values("u"))
                    .filter(|f| is_stdin(f))
                    .map(|_| Inner::CodeInput { language }),
            );
        }
        "emacs" => {
            let files = parsed.values("l").chain(parsed.values("script")).chain(parsed.values("x"));
            found.extend(files.filter(|file| is_stdin(file)).map(|_| Inner::CodeInput { language }));
        }
        "emacsclient" => {
            if parsed.has("e") {
                found.extend(parsed.operands.iter().map(code));
            }
            found.extend(parsed.values("a").map(|text| Inner::shell(text.clone())));
        }
        "sqlite3" => {
            let texts = parsed.operands.iter().skip(1).chain(parsed.values("cmd")).chain(call.stdin.text.as_ref());
            found.extend(texts.flat_map(dot_commands));
        }
        // `bun exec 'text'`, `bun x cmd`
        _ if program == "bun" => bun(&parsed.operands, found),
        _ => {}
    }
}

fn bun(operands: &[Value], found: &mut Vec<Inner>) {
    match operands {
        [verb, text, ..] if verb.known() == Some("exec") => found.push(Inner::shell(text.clone())),
        [verb, argv @ ..] if matches!(verb.known(), Some("x" | "run")) && !argv.is_empty() => {
            found.push(Inner::argv(argv.to_vec()));
        }
        _ => {}
    }
}

/// `.shell …` and `.system …` lines of sqlite.
fn dot_commands(text: &Value) -> Vec<Inner> {
    let lines = super::words::pieces(text, '\n');
    let command = |line: &Value| {
        let known = line.known_start();
        let indent = known.len() - known.trim_start().len();
        let line = super::words::behind(line, known.get(..indent)?)?;
        let (verb, text) = line.split_once(' ')?;
        // Any beginning of the word is enough for it.
        let runs = verb.len() > 2
            && ["shell", "system"]
                .iter()
                .any(|name| verb.strip_prefix('.').is_some_and(|verb| name.starts_with(verb)));
        runs.then(|| Inner::shell(text))
    };
    lines.iter().filter_map(command).collect()
}

/// `deno eval TEXT`, `deno run -`
fn deno(words: &[Value]) -> Vec<Inner> {
    let grammar =
        Grammar::stop("AqrpT", &["c,config=", "L,log-level=", "import-map=", "ext=", "cert=", "lock?", "e,eval="]);
    let parsed = options::read(&grammar, words);
    let Some((verb, _)) = parsed.operands.split_first() else {
        return vec![Inner::CodeInput { language: "node" }];
    };
    let behind = options::read(&grammar, parsed.operands.get(1..).unwrap_or_default());
    match (verb.known(), behind.operands.first()) {
        (Some("eval"), Some(text)) => vec![Inner::Code { language: "node", text: text.clone() }],
        (Some("run" | "repl"), Some(file)) if is_stdin(file) => vec![Inner::CodeInput { language: "node" }],
        (Some("repl"), None) => vec![Inner::CodeInput { language: "node" }],
        (Some("-"), _) => vec![Inner::CodeInput { language: "node" }],
        _ => Vec::new(),
    }
}

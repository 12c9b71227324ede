//! The interpreters: their options, and which of these hold text of their language.

use crate::model::guard::options::Grammar;

/// A program that runs text of its language.
pub(super) struct Interpreter {
    pub(super) names: &'static [&'static str],
    pub(super) language: &'static str,
    pub(super) grammar: Grammar,
    /// Options whose value is text of the language.
    pub(super) texts: &'static [&'static str],
    /// Options that name a file of such text.
    pub(super) files: &'static [&'static str],
    /// Options with which it does something else: a module, its version.
    pub(super) unless: &'static [&'static str],
    /// What it does without text and file.
    pub(super) bare: Bare,
}

/// What an interpreter does with its operands, where no option holds text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Bare {
    /// The first one is a file; none, or a dash, is its input.
    File,
    /// The first one is the text.
    Text,
    /// They are data; it runs nothing.
    Data,
    /// They are data; it runs its input.
    Input,
}

pub(super) const fn row(
    names: &'static [&'static str],
    language: &'static str,
    grammar: Grammar,
    texts: &'static [&'static str],
    bare: Bare,
) -> Interpreter {
    Interpreter { names, language, grammar, texts, files: &[], unless: &[], bare }
}

impl Interpreter {
    pub(super) const fn files(self, files: &'static [&'static str]) -> Self {
        Interpreter { files, ..self }
    }

    pub(super) const fn unless(self, unless: &'static [&'static str]) -> Self {
        Interpreter { unless, ..self }
    }
}

/// Languages.
pub(super) static INTERPRETERS: &[Interpreter] = &[
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
];

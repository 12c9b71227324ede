//! Terminals, schedulers and watchers: text and commands that are run in another window, later, or again.

use super::{Inner, commands, is_stdin, join, words};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::Call;
use crate::model::guard::value::{Part, Value};

/// How deep one tmux command may hold another.
const MAX_DEPTH: usize = 4;

/// How their lines are read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    Some(match name {
        "tmux" | "tmate" => |_, call| tmux(call.args()),
        "screen" => |_, call| screen(call.args()),
        "watch" | "viddy" => |_, call| watch(call.args()),
        "script" => |_, call| script(call.args()),
        "flock" => |_, call| flock(call.args()),
        "at" | "batch" => |_, call| at(call.args()),
        "hyperfine" => |_, call| hyperfine(call.args()),
        "entr" => |_, call| entr(call.args()),
        "dtach" | "abduco" => |_, call| detach(call.args()),
        "concurrently" | "onchange" | "chokidar" | "nodemon" => |_, call| node_runner(call.args()),
        _ => return None,
    })
}

const WATCH: Grammar = Grammar::stop(
    "begtpcCrfwhv",
    &[
        "n,interval=",
        "d,differences?",
        "x,exec",
        "q,equexit=",
        "s,shotsdir=",
        "beep",
        "errexit",
        "chgexit",
        "color",
    ],
);

fn watch(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&WATCH, words);
    let run = |command: &[Value]| {
        if parsed.has("x") { Inner::argv(command.to_vec()) } else { Inner::shell(join(command)) }
    };
    commands(&parsed, words, 0).into_iter().map(run).collect()
}

const SCRIPT: Grammar = Grammar::mix(
    "aefqkrdp",
    &[
        "c,command=",
        "t,timing?",
        "T,log-timing=",
        "O,log-out=",
        "I,log-in=",
        "B,log-io=",
        "E,echo=",
        "m,logging-format=",
        "o,output-limit=",
        "append",
        "return",
        "flush",
        "force",
        "quiet",
    ],
);

fn script(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&SCRIPT, words);
    let mut found: Vec<Inner> = parsed.values("c").map(|text| Inner::shell(text.clone())).collect();
    // util-linux 2.41 and BSD take a command behind the file.
    let from = usize::from(!words.iter().any(|w| w.known() == Some("--")));
    let command = parsed.operands.get(from..).unwrap_or_default();
    if !command.is_empty() {
        found.push(Inner::argv(command.to_vec()));
    }
    if found.is_empty() { vec![Inner::input()] } else { found }
}

const FLOCK: Grammar = Grammar::stop(
    "suoFvhV",
    &[
        "x,e,exclusive",
        "n,nb,nonblock",
        "w,wait,timeout=",
        "E,conflict-exit-code=",
        "c,command=",
        "shared",
        "unlock",
        "close",
        "no-fork",
        "verbose",
        "fcntl",
    ],
);

fn flock(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&FLOCK, words);
    let mut found: Vec<Inner> = parsed.values("c").map(|text| Inner::shell(text.clone())).collect();
    for command in commands(&parsed, words, 1) {
        let behind = match command {
            [flag, text, ..] if matches!(flag.known(), Some("-c" | "--command")) => Inner::shell(text.clone()),
            [flag, rest @ ..] if flag.known() == Some("--") => Inner::argv(rest.to_vec()),
            _ => Inner::argv(command.to_vec()),
        };
        found.push(behind);
    }
    found
}

const AT: Grammar = Grammar::mix("VmMlbdvcr", &["f,file=", "q=", "t="]);

fn at(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&AT, words);
    if ["l", "d", "r", "c", "V"].iter().any(|name| parsed.has(name)) {
        return Vec::new();
    }
    match parsed.value("f") {
        Some(path) if !is_stdin(path) => vec![Inner::ShellFile { path: path.clone(), args: Vec::new() }],
        _ => vec![Inner::input()],
    }
}

const HYPERFINE: Grammar = Grammar::mix(
    "Nihv",
    &[
        "p,prepare=",
        "s,setup=",
        "c,cleanup=",
        "conclude=",
        "reference=",
        "w,warmup=",
        "m,min-runs=",
        "M,max-runs=",
        "r,runs=",
        "P,parameter-scan===",
        "D,parameter-step-size=",
        "L,parameter-list==",
        "S,shell=",
        "style=",
        "sort=",
        "u,time-unit=",
        "export-asciidoc=",
        "export-csv=",
        "export-json=",
        "export-markdown=",
        "export-orgmode=",
        "output=",
        "input=",
        "n,command-name=",
        "ignore-failure?",
        "show-output",
    ],
);

/// All its operands are shell text, and some values.
fn hyperfine(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&HYPERFINE, words);
    let around = ["p", "s", "c", "conclude", "reference"].into_iter().flat_map(|name| parsed.values(name));
    around.chain(&parsed.operands).map(|text| Inner::shell(text.clone())).collect()
}

const ENTR: Grammar = Grammar::stop("acdnprsxz", &[]);

fn entr(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&ENTR, words);
    let run = |command: &[Value]| match command.first() {
        Some(text) if parsed.has("s") => Inner::shell(text.clone()),
        _ => Inner::argv(command.to_vec()),
    };
    commands(&parsed, words, 0).into_iter().map(run).collect()
}

/// `dtach -n SOCKET CMD`, `abduco -n NAME CMD`
fn detach(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&Grammar::stop("zEflqv", &["c=", "n=", "A=", "N=", "a=", "p=", "e=", "r="]), words);
    commands(&parsed, words, 0).into_iter().map(|command| Inner::argv(command.to_vec())).collect()
}

/// Runners of the node world: shell text as operands or as the value of `-c`, `--exec`.
fn node_runner(words: &[Value]) -> Vec<Inner> {
    let parsed =
        options::read(&Grammar::mix("", &["c,command=", "x,exec=", "w,watch=", "e,ext=", "n,names="]), words);
    let texts = ["c", "x"].into_iter().flat_map(|name| parsed.values(name));
    texts.chain(&parsed.operands).map(|text| Inner::shell(text.clone())).collect()
}

const SCREEN: Grammar = Grammar::stop(
    "aAdDfhilLmOqrRUvxwQ",
    &["S=", "X", "c=", "e=", "p=", "s=", "t=", "T=", "dmS=", "wipe", "ls", "list", "version"],
);

fn screen(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&SCREEN, words);
    if !parsed.has("X") {
        let commands = commands(&parsed, words, 0);
        return commands.into_iter().map(|command| Inner::argv(command.to_vec())).collect();
    }
    let Some((verb, rest)) = parsed.operands.split_first() else { return Vec::new() };
    match verb.known() {
        Some("stuff") => vec![Inner::shell(unescaped(&join(rest)))],
        Some("exec" | "screen") => vec![Inner::argv(rest.to_vec())],
        Some("eval") => rest.iter().flat_map(|text| screen_command(&words::split(text))).collect(),
        _ => Vec::new(),
    }
}

fn screen_command(words: &[Value]) -> Vec<Inner> {
    let mut line = vec![Value::from("-X")];
    line.extend_from_slice(words);
    // `eval` inside `eval` is not followed.
    if words.first().and_then(Value::known) == Some("eval") {
        return words.iter().skip(1).map(|text| Inner::shell(text.clone())).collect();
    }
    screen(&line)
}

/// What screen types for `^M`, `\n` and `\015`.
fn unescaped(text: &Value) -> Value {
    ["^M", "^J", "\\n", "\\r", "\\015", "\\012"]
        .iter()
        .fold(text.clone(), |text, mark| words::replace(&text, mark, &Value::from("\n")))
}

const TMUX: Grammar = Grammar::stop("2CDluUvNVh", &["c=", "f=", "L=", "S=", "T="]);

/// What a tmux command does with its operands.
#[derive(Clone, Copy)]
enum Does {
    /// One operand is shell text, several are a program's.
    Runs,
    /// One operand is shell text.
    Text,
    /// Types them.
    Types,
    /// Shell text, then tmux commands.
    If,
    /// So many operands, then a tmux command.
    Command(usize),
    /// A name, then a value that may be shell text.
    Option,
}

/// tmux commands that run something: name, alias, options.
const TMUX_COMMANDS: &[(&str, &str, Grammar, Does)] = &[
    ("new-session", "new", Grammar::stop("AdDEPXc:e:f:F:n:s:t:x:y:", &[]), Does::Runs),
    ("new-window", "neww", Grammar::stop("abdkPSc:e:F:n:t:", &[]), Does::Runs),
    ("split-window", "splitw", Grammar::stop("bdfhIvPZc:e:F:l:p:t:", &[]), Does::Runs),
    ("respawn-pane", "respawnp", Grammar::stop("kc:e:t:", &[]), Does::Runs),
    ("respawn-window", "respawnw", Grammar::stop("kc:e:t:", &[]), Does::Runs),
    ("display-popup", "popup", Grammar::stop("BCENkb:c:d:e:h:s:S:t:T:w:x:y:", &[]), Does::Runs),
    ("run-shell", "run", Grammar::stop("bCEc:d:t:", &[]), Does::Text),
    ("pipe-pane", "pipep", Grammar::stop("IOot:", &[]), Does::Text),
    ("copy-pipe", "copy-pipe", Grammar::stop("CP", &[]), Does::Text),
    ("if-shell", "if", Grammar::stop("bFt:", &[]), Does::If),
    ("send-keys", "send", Grammar::stop("FHKlMRXc:N:t:", &[]), Does::Types),
    ("set-buffer", "setb", Grammar::stop("awb:n:t:", &[]), Does::Types),
    ("bind-key", "bind", Grammar::stop("nrN:T:", &[]), Does::Command(1)),
    ("set-hook", "set-hook", Grammar::stop("agpRuwt:", &[]), Does::Command(1)),
    ("confirm-before", "confirm", Grammar::stop("byc:p:t:", &[]), Does::Command(0)),
    ("command-prompt", "command-prompt", Grammar::stop("1beFiklNI:p:t:T:", &[]), Does::Command(0)),
    ("set-option", "set", Grammar::stop("aFgopqsuUwt:", &[]), Does::Option),
    ("set-window-option", "setw", Grammar::stop("aFgoqut:", &[]), Does::Option),
];

fn tmux(words: &[Value]) -> Vec<Inner> {
    let parsed = options::read(&TMUX, words);
    let mut found: Vec<Inner> = parsed.values("c").map(|text| Inner::shell(text.clone())).collect();
    tmux_commands(&parsed.operands, MAX_DEPTH, &mut found);
    found
}

/// Commands in a row, between words that are, or end in, a semicolon.
fn tmux_commands(words: &[Value], depth: usize, found: &mut Vec<Inner>) {
    let mut command: Vec<Value> = Vec::new();
    for word in words {
        match word.known().and_then(|known| known.strip_suffix(';')) {
            Some(rest) if !rest.ends_with('\\') => {
                if !rest.is_empty() {
                    command.push(Value::from(rest));
                }
                tmux_command(&command, depth, found);
                command.clear();
            }
            _ => command.push(word.clone()),
        }
    }
    tmux_command(&command, depth, found);
}

fn tmux_command(words: &[Value], depth: usize, found: &mut Vec<Inner>) {
    let Some((verb, rest)) = words.split_first() else { return };
    // Formats run what stands in `#(…)`, in any command.
    for part in words.iter().flat_map(Value::parts) {
        if let Part::Text(text) = part {
            let texts = text.split("#(").skip(1).map(|t| t.rsplit_once(')').map_or(t, |(t, _)| t));
            found.extend(texts.map(|text| Inner::shell(Value::from(text))));
        }
    }
    let Some(verb) = verb.known().filter(|verb| !verb.is_empty()) else { return };
    let row = TMUX_COMMANDS.iter().find(|row| row.0 == verb || row.1 == verb);
    let Some((_, _, grammar, does)) = row.or_else(|| {
        // A unique beginning is enough for tmux; for us the first that fits.
        TMUX_COMMANDS.iter().find(|row| row.0.starts_with(verb))
    }) else {
        return;
    };
    let parsed = options::read(grammar, rest);
    let dir = parsed.value("c").filter(|_| matches!(does, Does::Runs));
    let nested = |text: &Value, found: &mut Vec<Inner>| {
        if depth == 0 {
            found.push(Inner::shell(text.clone()));
        } else {
            tmux_commands(&words::split(text), depth - 1, found);
        }
    };
    match (does, parsed.operands.as_slice()) {
        (_, []) => {}
        (Does::Runs, [text]) => found.push(Inner::shell(text.clone()).with(dir, &[])),
        (Does::Runs, argv) => found.push(Inner::argv(argv.to_vec()).with(dir, &[])),
        (Does::Text, [text, ..]) if parsed.has("C") => nested(text, found),
        (Does::Text, texts) => found.push(Inner::shell(join(texts)).with(dir, &[])),
        (Does::Types, keys) => found.push(Inner::shell(typed(keys, parsed.has("l")))),
        (Does::If, [condition, commands @ ..]) => {
            if !parsed.has("F") {
                found.push(Inner::shell(condition.clone()));
            }
            commands.iter().for_each(|text| nested(text, found));
        }
        (Does::Command(skip), words) => match words.get(*skip..) {
            Some([text]) => nested(text, found),
            Some(words) if depth > 0 => tmux_commands(words, depth - 1, found),
            _ => {}
        },
        (Does::Option, [name, value, ..]) => {
            if matches!(name.known(), Some("default-command" | "lock-command" | "copy-command" | "editor")) {
                found.push(Inner::shell(value.clone()));
            }
        }
        (Does::Option, _) => {}
    }
}

/// The text that keys make.
fn typed(keys: &[Value], literal: bool) -> Value {
    let mut text = Value::default();
    for key in keys {
        match key.known() {
            Some("Enter" | "C-m" | "C-j" | "KPEnter" | "c-m" | "enter") if !literal => text.push_text("\n"),
            Some("Space" | "space") if !literal => text.push_text(" "),
            Some("Escape" | "BSpace" | "Tab" | "BTab" | "Up" | "Down" | "Left" | "Right") if !literal => {}
            Some(k) if !literal && k.len() == 3 && (k.starts_with("C-") || k.starts_with("M-")) => {}
            _ => text.append(key),
        }
    }
    text
}

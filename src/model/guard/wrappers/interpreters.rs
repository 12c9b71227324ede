//! Interpreters of other languages than the shell's, and editors: the text that they run.

mod editors;
mod table;

use self::editors::EDITORS;
use self::table::{Bare, INTERPRETERS, Interpreter};
use super::{Inner, is_stdin};
use crate::model::guard::options::{self, Grammar, Parsed};
use crate::model::guard::reading::Call;
use crate::model::guard::value::Value;

fn find(name: &str) -> Option<&'static Interpreter> {
    INTERPRETERS.iter().chain(EDITORS).find(|row| row.names.contains(&name))
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

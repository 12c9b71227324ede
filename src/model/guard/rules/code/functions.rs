//! Calls of the languages' own functions, said as the shell commands that would do the same.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::primitives::{Does, Primitive, primitives};
use super::tokens::{MAX_TOKENS, Token};
use super::values::{Argument, Scope, closing};
use super::{Same, field, shell_text};
use crate::model::guard::limits::Limit;
use crate::model::guard::value::{Part, Value};

/// Functions whose strings are only shown or looked at.
const SHOWING: &[&str] = &[
    "print",
    "println",
    "printf",
    "puts",
    "echo",
    "log",
    "info",
    "debug",
    "warn",
    "warning",
    "error",
    "write",
    "say",
    "die",
    "raise",
    "Exception",
    "Error",
    "open",
    "exists",
    "isfile",
    "isdir",
    "import",
    "require",
    "getenv",
    "compile",
    "match",
    "search",
    "assert",
    "help",
    "get",
];

/// The most calls of such functions in one text.
const MAX_CALLS: usize = 400;

/// What a program of this language does.
pub(super) fn translate(language: &str, tokens: &[Token], home: &str, same: &mut Same) {
    let scope = Scope::of(tokens, home);
    let modules = modules(tokens);
    let table = primitives(language);
    let text = Text { language, tokens, scope, modules, table, paths: OnceCell::new(), commands: OnceCell::new() };
    if tokens.len() >= MAX_TOKENS {
        same.limit = Some(Limit { what: "words of another language", most: MAX_TOKENS });
    }
    for (i, token) in tokens.iter().enumerate() {
        if same.calls > MAX_CALLS {
            same.limit =
                Some(Limit { what: "calls that run, delete or write in another language", most: MAX_CALLS });
            return;
        }
        match token {
            Token::Shell(command) => same.shell.extend(shell_text(&text.scope.resolved(command))),
            Token::Word(word) => text.word(word, i, same),
            _ => {}
        }
    }
}

/// Other names of modules and functions: `import os as o`, `c = require("child_process")`.
fn modules(tokens: &[Token]) -> BTreeMap<&str, String> {
    let mut out = BTreeMap::new();
    for window in tokens.windows(5) {
        match window {
            [Token::Word(name), Token::Word(word), Token::Word(other), ..] if word == "as" => {
                out.insert(other.as_str(), name.clone());
            }
            [Token::Word(name), Token::Sign('='), Token::Word(require), Token::Sign('('), Token::Text(module)]
                if matches!(require.as_str(), "require" | "__import__") =>
            {
                let module = module.if_empty();
                let last = module.rsplit(['/', ':']).next().unwrap_or_default();
                out.insert(name.as_str(), last.to_owned());
            }
            _ => {}
        }
    }
    out
}

struct Text<'a> {
    language: &'a str,
    tokens: &'a [Token],
    scope: Scope<'a>,
    modules: BTreeMap<&'a str, String>,
    table: &'static [Primitive],
    /// The paths and the commands that stand somewhere in the text, once somebody has asked.
    paths: OnceCell<Vec<Value>>,
    commands: OnceCell<Vec<Value>>,
}

impl Text<'_> {
    fn at(&self, i: usize) -> Option<&Token> {
        self.tokens.get(i)
    }

    fn between(&self, from: usize, to: usize) -> &[Token] {
        self.tokens.get(from..to).unwrap_or_default()
    }

    /// Judges a name, if it is one of the table's and is called.
    fn word(&self, word: &str, i: usize, same: &mut Same) {
        if word == "getattr" {
            return self.by_its_name(i, same);
        }
        let name = self.modules.get(word).map_or(word, String::as_str).trim_start_matches('&');
        let (owner, before) = self.owner(i);
        if owner.is_empty()
            && matches!(self.at(i.wrapping_sub(1)), Some(Token::Word(w)) if matches!(w.as_str(), "def" | "function" | "sub" | "import" | "class"))
        {
            return;
        }
        let owner = self.modules.get(owner.as_str()).unwrap_or(&owner);
        let fits = |p: &&Primitive| {
            p.name == name && (p.of.contains(&owner.as_str()) || (!owner.is_empty() && p.of.contains(&"*")))
        };
        let Some(primitive) = self.table.iter().find(fits) else { return };
        let Some(arguments) = self.called_with(i + 1) else { return };
        same.calls += 1;
        let mut arguments = self.scope.arguments(arguments);
        let is_method = !primitive.of.contains(&owner.as_str()) && matches!(self.language, "python" | "ruby");
        let takes_itself = match primitive.does {
            Does::Write | Does::Mode | Does::Move => true,
            Does::Open => arguments.len() < 2,
            Does::Run | Does::Eval => false,
            _ => arguments.is_empty(),
        };
        if is_method && takes_itself {
            arguments.insert(0, Argument::One(self.receiver(before)));
        }
        self.call(primitive, &arguments, i, same);
    }

    /// `getattr(os, "system")("…")`
    fn by_its_name(&self, i: usize, same: &mut Same) {
        let end = closing(self.tokens, i + 1);
        let inside = self.between(i + 2, end);
        let name = inside.iter().rev().find_map(|t| match t {
            Token::Text(text) => text.known(),
            _ => None,
        });
        let primitive = self.table.iter().find(|p| Some(p.name) == name);
        if let (Some(primitive), Some(arguments)) = (primitive, self.called_with(end + 1)) {
            same.calls += 1;
            self.call(primitive, &self.scope.arguments(arguments), i, same);
        }
    }

    /// What a name belongs to, and where the tokens before its dot end.
    fn owner(&self, i: usize) -> (String, usize) {
        let before = |back: usize| i.checked_sub(back).and_then(|at| self.at(at));
        let dot = match (before(1), before(2)) {
            (Some(Token::Sign('.')), _) => 1,
            (Some(Token::Sign(':')), Some(Token::Sign(':')))
            | (Some(Token::Sign('>')), Some(Token::Sign('-'))) => 2,
            _ => return (String::new(), i),
        };
        let end = i - dot;
        match before(dot + 1) {
            Some(Token::Word(owner)) => (owner.clone(), end),
            Some(Token::Sign(')')) => (")".to_owned(), end),
            Some(_) => ("…".to_owned(), end),
            None => (String::new(), end),
        }
    }

    /// The expression that ends before this index: `Path("/x")` of `Path("/x").unlink()`.
    fn receiver(&self, end: usize) -> Value {
        let mut start = end;
        let mut depth = 0_usize;
        while let Some(token) = start.checked_sub(1).and_then(|at| self.at(at)) {
            match token {
                Token::Sign(')' | ']') => depth += 1,
                Token::Sign('(' | '[') if depth == 0 => break,
                Token::Sign('(' | '[') => depth -= 1,
                Token::Word(_) | Token::Text(_) | Token::Sign('.' | ':') => {}
                _ if depth > 0 => {}
                _ => break,
            }
            start -= 1;
        }
        self.scope.value(self.between(start, end), 0)
    }

    /// The arguments from here on: in brackets, or up to the end of the statement where the language does
    /// without.
    fn called_with(&self, i: usize) -> Option<&[Token]> {
        match self.at(i)? {
            Token::Sign('(') => Some(self.between(i + 1, closing(self.tokens, i))),
            Token::Text(_) | Token::Word(_) | Token::Words(_) | Token::Sign('[' | '*')
                if matches!(self.language, "perl" | "ruby" | "lua" | "php" | "awk") =>
            {
                let rest = self.tokens.get(i..).unwrap_or_default();
                let mut depth = 0_usize;
                let end = rest.iter().position(|t| match t {
                    Token::Sign('(' | '[' | '{') => {
                        depth += 1;
                        false
                    }
                    Token::Sign(')' | ']' | '}') if depth == 0 => true,
                    Token::Sign(')' | ']' | '}') => {
                        depth -= 1;
                        false
                    }
                    Token::End => depth == 0,
                    Token::Word(w) => {
                        matches!(w.as_str(), "if" | "unless" | "or" | "and" | "for" | "foreach" | "do")
                    }
                    _ => false,
                });
                rest.get(..end.unwrap_or(rest.len()))
            }
            _ => None,
        }
    }

    fn call(&self, primitive: &Primitive, arguments: &[Argument], i: usize, same: &mut Same) {
        let paths: Vec<Value> = arguments
            .iter()
            .flat_map(|argument| match argument {
                Argument::One(value) => vec![value.clone()],
                Argument::List(values) => values.clone(),
            })
            .collect();
        let path = |at: usize| paths.get(at).filter(|p| is_somewhere(p)).map(field);
        match primitive.does {
            Does::Run => self.run(primitive.name, arguments, same),
            Does::RunWithList => self.run_with_list(primitive.name, arguments, same),
            Does::Eval => match paths.first() {
                Some(text) if text.taint().any() => same.executed.push(text.taint()),
                Some(text) => same.code.extend(text.known().map(str::to_owned)),
                None => {}
            },
            Does::Delete => self.delete("rm -f --", &paths, same),
            Does::DeleteTree => self.delete("rm -rf --", &paths, same),
            Does::DeleteDirectory => self.delete("rmdir --", &paths, same),
            Does::Write => same.shell.extend(path(0).map(|path| format!(": > {path}"))),
            Does::WriteSecond => same.shell.extend(path(1).map(|path| format!("cp -r -- ./x {path}"))),
            Does::Open if self.language == "perl" => perl_open(&paths, same),
            Does::Open => self.open(&paths, i, same),
            Does::Move => {
                if let (Some(from), to) = (path(0), path(1)) {
                    same.shell.push(format!("mv -- {from} {}", to.unwrap_or_else(|| "./x".to_owned())));
                } else if let Some(to) = path(1) {
                    same.shell.push(format!("mv -- ./x {to}"));
                }
            }
            Does::Link => same.shell.extend(path(1).map(|path| format!("ln -s -- ./x {path}"))),
            Does::Mode => {
                let mode = paths.iter().find_map(mode);
                let target = paths.iter().find(|p| is_somewhere(p) && mode_text(p).is_none());
                if let (Some(mode), Some(target)) = (mode, target) {
                    same.shell.push(format!("chmod {mode} -- {}", field(target)));
                }
            }
        }
    }

    fn delete(&self, command: &str, paths: &[Value], same: &mut Same) {
        for path in paths {
            if is_somewhere(path) {
                same.shell.push(format!("{command} {}", field(path)));
            } else if !path.parts().is_empty() {
                // The path comes from elsewhere in the text: any that stands there could be it.
                let is_path = |text: &str| text.starts_with(['/', '~']) && !text.contains(char::is_whitespace);
                let literals = self.paths.get_or_init(|| self.loose(is_path));
                same.shell.extend(literals.iter().map(|path| format!("{command} {}", field(&self.at_home(path)))));
            }
        }
    }

    fn at_home(&self, path: &Value) -> Value {
        match path.strip_prefix("~") {
            Some(rest) if rest.parts().is_empty() || rest.starts_with("/") => {
                let mut value = Value::from(self.scope.home);
                value.append(&rest);
                value
            }
            _ => path.clone(),
        }
    }

    fn run(&self, name: &str, arguments: &[Argument], same: &mut Same) {
        match arguments {
            [Argument::List(argv), ..] => same.shell.extend(command(argv)),
            [Argument::One(first), rest @ ..] => {
                let fields: Vec<Value> = arguments
                    .iter()
                    .filter_map(|a| match a {
                        Argument::One(value) => Some(value.clone()),
                        Argument::List(_) => None,
                    })
                    .collect();
                let several = match self.language {
                    "perl" | "ruby" => true,
                    "python" => name.ends_with("_exec") || name.starts_with("execl"),
                    _ => false,
                };
                // Of `execl` the second argument is the name that the program is given.
                let fields = match (name.starts_with("execl"), fields.as_slice()) {
                    (true, [program, _, rest @ ..]) => [std::slice::from_ref(program), rest].concat(),
                    _ => fields,
                };
                if several && !rest.is_empty() {
                    same.shell.extend(command(&fields));
                } else {
                    self.text(first, same);
                }
            }
            [] => {}
        }
    }

    fn run_with_list(&self, name: &str, arguments: &[Argument], same: &mut Same) {
        match arguments {
            [Argument::One(program), Argument::List(list), ..] => {
                let list = if name.starts_with("execv") { list.get(1..).unwrap_or_default() } else { list };
                same.shell.extend(command(&[std::slice::from_ref(program), list].concat()));
            }
            [Argument::List(argv), ..] => same.shell.extend(command(argv)),
            [Argument::One(text), ..] => self.text(text, same),
            [] => {}
        }
    }

    /// Runs shell text.
    fn text(&self, text: &Value, same: &mut Same) {
        if text.taint().any() {
            same.executed.push(text.taint());
        } else if is_somewhere(text) {
            same.shell.extend(shell_text(text));
        } else if !text.parts().is_empty() {
            let literals = self.commands.get_or_init(|| self.loose(|text| text.contains(' ')));
            same.shell.extend(literals.iter().filter_map(shell_text));
        }
    }

    fn open(&self, paths: &[Value], i: usize, same: &mut Same) {
        let (Some(path), mode) = (paths.first(), paths.get(1)) else { return };
        if let Some(command) = path.strip_prefix("|").filter(|_| self.language == "ruby") {
            same.shell.extend(shell_text(&command));
            return;
        }
        let mut mode = mode.map(|m| m.if_empty().into_owned()).unwrap_or_default();
        // `open(path, mode="w")`
        let rest = self.between(i + 1, closing(self.tokens, i + 1));
        for window in rest.windows(3) {
            if let [Token::Word(key), Token::Sign('=' | ':'), Token::Text(value)] = window
                && key == "mode"
            {
                mode = value.if_empty().into_owned();
            }
        }
        let names_flag = rest.iter().any(|t| matches!(t, Token::Word(w) if matches!(w.as_str(), "O_WRONLY" | "O_RDWR" | "O_TRUNC" | "O_CREAT" | "O_APPEND")));
        if (mode.contains(['w', 'a', 'x', '+']) || names_flag) && is_somewhere(path) {
            let operator = if mode.contains('a') { ">>" } else { ">" };
            same.shell.push(format!(": {operator} {}", field(path)));
        }
    }

    /// The strings of the text that are not only shown to somebody.
    fn loose(&self, want: fn(&str) -> bool) -> Vec<Value> {
        let mut inside: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for (i, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Sign('(') => inside.push(match i.checked_sub(1).and_then(|at| self.at(at)) {
                    Some(Token::Word(name)) => name,
                    _ => "",
                }),
                Token::Sign(')') => {
                    inside.pop();
                }
                Token::Text(text)
                    if !inside.iter().any(|name| SHOWING.contains(name)) && want(&text.if_empty()) =>
                {
                    let text = self.scope.resolved(text);
                    if !found.contains(&text) && found.len() < 32 {
                        found.push(text);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

/// Whether the beginning of a value is known: one that is not could be anywhere.
fn is_somewhere(value: &Value) -> bool {
    !value.known_start().is_empty()
}

fn command(argv: &[Value]) -> Option<String> {
    let first = argv.first().filter(|first| is_somewhere(first))?;
    let mut text = field(first);
    for value in argv.iter().skip(1) {
        text.push(' ');
        text.push_str(&field(value));
    }
    Some(text)
}

/// `open(F, ">f")`, `open(F, ">", "f")`, `open(F, "cmd |")`, `open(F, "-|", "cmd")`.
fn perl_open(values: &[Value], same: &mut Same) {
    for (i, value) in values.iter().enumerate().skip(1).take(2) {
        let start = value.known_start();
        let next = values.get(i + 1);
        if matches!(value.known(), Some(">" | ">>" | "+<" | "+>" | ">:utf8")) {
            same.shell.extend(next.filter(|p| is_somewhere(p)).map(|path| format!(": > {}", field(path))));
        } else if matches!(value.known(), Some("-|" | "|-")) {
            let rest = values.get(i + 1..).unwrap_or_default();
            same.shell.extend(if rest.len() == 1 { next.and_then(shell_text) } else { command(rest) });
        } else if start.starts_with('|') {
            same.shell.extend(value.strip_prefix("|").as_ref().and_then(shell_text));
        } else if start.starts_with('>') || start.starts_with("+<") {
            let dashes = start.len() - start.trim_start_matches(['>', '+', '<', ' ']).len();
            let path = start.get(..dashes).and_then(|signs| value.strip_prefix(signs));
            same.shell.extend(path.filter(is_somewhere).map(|path| format!(": > {}", field(&path))));
        } else if let Some(text) = value.known().and_then(|text| text.trim_end().strip_suffix('|')) {
            same.shell.push(text.to_owned());
        }
    }
}

/// A mode as chmod takes it.
fn mode(value: &Value) -> Option<String> {
    let text = mode_text(value)?;
    let octal = text.strip_prefix("0o").or_else(|| text.strip_prefix("0O")).or_else(|| text.strip_prefix('0'));
    match octal {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => Some(digits.to_owned()),
        Some(_) => None,
        None if value.known().is_some() => Some(text),
        None => text.parse::<u32>().ok().map(|number| format!("{number:o}")),
    }
}

/// A number, written as one or as a string.
fn mode_text(value: &Value) -> Option<String> {
    let text = match value.parts() {
        [Part::Unknown(unknown)] => unknown.written.clone(),
        [Part::Text(text)] => text.clone(),
        _ => return None,
    };
    let number = text.starts_with(|c: char| c.is_ascii_digit());
    let symbols = text.contains(['=', '+']) && text.bytes().all(|b| b"ugoarwxXst+-=,".contains(&b));
    (number || symbols).then_some(text)
}

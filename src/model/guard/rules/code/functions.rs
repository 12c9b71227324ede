//! Calls of the languages' own functions, said as the shell commands that would do the same.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::primitives::{Does, Primitive, primitives};
use super::tokens::{MAX_TOKENS, Token};
use super::values::{Argument, MAX_REACH, Scope, closing, split};
use super::{Same, shell_text};
use crate::model::guard::limits::Limit;
use crate::model::guard::value::Value;

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

/// Functions that call the one whose name they are given.
const CALLING: &[&str] =
    &["array_map", "array_walk", "array_filter", "call_user_func", "call_user_func_array", "send", "public_send"];

/// The most calls of such functions in one text.
const MAX_CALLS: usize = 400;

/// What a program of this language does.
pub(super) fn translate(language: &str, tokens: &[Token], home: &str, same: &mut Same) {
    let scope = Scope::of(tokens, home);
    let table = primitives(language);
    let modules = modules(tokens, table);
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
fn modules<'t>(tokens: &'t [Token], table: &[Primitive]) -> BTreeMap<&'t str, String> {
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
            // `const {execSync: run} = require("child_process")`
            [Token::Word(name), Token::Sign(':'), Token::Word(other), Token::Sign('}' | ','), ..]
                if table.iter().any(|p| p.name == name) =>
            {
                out.insert(other.as_str(), name.clone());
            }
            _ => {}
        }
    }
    out
}

/// A text, with what is known about its names.
pub(super) struct Text<'a> {
    pub(super) language: &'a str,
    pub(super) tokens: &'a [Token],
    pub(super) scope: Scope<'a>,
    modules: BTreeMap<&'a str, String>,
    table: &'static [Primitive],
    /// The paths and the commands that stand somewhere in the text, once somebody has asked.
    pub(super) paths: OnceCell<Vec<Value>>,
    pub(super) commands: OnceCell<Vec<Value>>,
}

impl Text<'_> {
    fn at(&self, i: usize) -> Option<&Token> {
        self.tokens.get(i)
    }

    pub(super) fn between(&self, from: usize, to: usize) -> &[Token] {
        self.tokens.get(from..to).unwrap_or_default()
    }

    /// Judges a name, if it is one of the table's and is called.
    fn word(&self, word: &str, i: usize, same: &mut Same) {
        if word == "getattr" {
            return self.by_its_name(i, same);
        }
        if CALLING.contains(&word) {
            return self.as_a_value(i, same);
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
        let name = split(inside).last().map(|last| self.scope.value(last, 0)).unwrap_or_default();
        let primitive = self.table.iter().find(|p| Some(p.name) == name.known());
        if let (Some(primitive), Some(arguments)) = (primitive, self.called_with(end + 1)) {
            same.calls += 1;
            self.call(primitive, &self.scope.arguments(arguments), i, same);
        }
    }

    /// `array_map("unlink", […])`
    fn as_a_value(&self, i: usize, same: &mut Same) {
        let Some(inside) = self.called_with(i + 1) else { return };
        let all = split(inside);
        let named = |argument: &&[Token]| {
            let name = self.scope.value(argument, 0);
            self.table.iter().find(|p| Some(p.name) == name.known())
        };
        let Some((at, primitive)) = all.iter().enumerate().find_map(|(at, a)| Some((at, named(a)?))) else {
            return;
        };
        same.calls += 1;
        for (_, argument) in all.iter().enumerate().filter(|(other, _)| *other != at) {
            self.call(primitive, &self.scope.arguments(argument), i, same);
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
        while let Some(token) = start.checked_sub(1).and_then(|at| self.at(at)).filter(|_| end - start < MAX_REACH)
        {
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
                let rest = self.between(i, self.tokens.len().min(i + MAX_REACH));
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

    /// The strings of the text that are not only shown to somebody.
    pub(super) fn loose(&self, want: fn(&str) -> bool) -> Vec<Value> {
        // For each bracket around it, whether it belongs to such a function; and how many do.
        let mut inside: Vec<bool> = Vec::new();
        let mut shown = 0_usize;
        let mut found = Vec::new();
        for (i, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Sign('(') => {
                    let before = i.checked_sub(1).and_then(|at| self.at(at));
                    let shows = matches!(before, Some(Token::Word(name)) if SHOWING.contains(&name.as_str()));
                    inside.push(shows);
                    shown += usize::from(shows);
                }
                Token::Sign(')') => shown -= usize::from(inside.pop().unwrap_or_default()),
                Token::Text(text) if shown == 0 && found.len() < 32 && want(&text.if_empty()) => {
                    let text = self.scope.resolved(text);
                    if !found.contains(&text) {
                        found.push(text);
                    }
                }
                _ => {}
            }
        }
        found
    }
}

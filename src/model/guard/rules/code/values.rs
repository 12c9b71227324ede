//! What an expression of another language comes to, as far as strings, paths and the home go.

use std::collections::BTreeMap;

use super::tokens::Token;
use crate::model::guard::value::{Part, Taint, Value};

/// How deep brackets are followed.
const MAX_DEPTH: usize = 12;

/// How many tokens a bracket or a statement may hold: further on nobody looks for its end.
pub(super) const MAX_REACH: usize = 400;

/// The most assignments that are followed.
const MAX_VARIABLES: usize = 300;

/// The longest string that is put together, in bytes; what is longer is taken for unknown.
const MAX_LENGTH: usize = 4096;

/// Functions that make one path of several.
const JOINING: &[&str] = &["join", "joinpath", "catfile", "catdir"];

/// Functions whose result is a string of their own, not of their arguments.
const LOOKING_UP: &[&str] =
    &["getenv", "get", "getcwd", "cwd", "homedir", "home", "expanduser", "pwd", "env", "fetch"];

const DECODING: &[&str] = &[
    "b64decode",
    "b32decode",
    "b16decode",
    "a85decode",
    "decodebytes",
    "unhexlify",
    "fromhex",
    "decompress",
    "decode_base64",
    "decode64",
    "strict_decode64",
    "urlsafe_decode64",
    "atob",
    "base64_decode",
    "hex2bin",
    "gzinflate",
    "gzuncompress",
    "str_rot13",
    "fromCharCode",
    "unpack",
    "unpack1",
    "pack",
];

/// What a general decoder is told to undo.
const ENCODINGS: &[&str] = &["base64", "base64url", "hex", "rot13", "rot_13", "zlib", "bz2"];

const FETCHING: &[&str] =
    &["urlopen", "urlretrieve", "requests", "httpx", "fetch", "curl_exec", "open_uri", "URI"];

/// What an argument is.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    One(Value),
    List(Vec<Value>),
}

/// What is known where the text runs.
pub(super) struct Scope<'a> {
    pub(super) home: &'a str,
    variables: BTreeMap<String, Argument>,
}

/// The index of the bracket that closes the one here.
pub(super) fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().skip(open).take(MAX_REACH) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i;
                }
            }
            _ => {}
        }
    }
    tokens.len().min(open + MAX_REACH)
}

/// Cuts at the commas that stand in no bracket.
pub(super) fn split(tokens: &[Token]) -> Vec<&[Token]> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            Token::Sign(',') if depth == 0 => {
                out.push(tokens.get(start..i).unwrap_or_default());
                start = i + 1;
            }
            _ => {}
        }
    }
    let last = tokens.get(start..).unwrap_or_default();
    if last.iter().any(|t| *t != Token::End) {
        out.push(last);
    }
    out
}

impl<'a> Scope<'a> {
    /// Reads the assignments of a text, in order; the last one of a name counts.
    pub(super) fn of(tokens: &[Token], home: &'a str) -> Self {
        let mut scope = Scope { home, variables: BTreeMap::new() };
        let mut left = MAX_VARIABLES;
        for (i, token) in tokens.iter().enumerate() {
            let Token::Word(name) = token else { continue };
            let from = match (tokens.get(i + 1), tokens.get(i + 2)) {
                (Some(Token::Sign('=')), Some(Token::Sign('=' | '>' | '~'))) => continue,
                (Some(Token::Sign('=')), _) => i + 2,
                (Some(Token::Sign(':')), Some(Token::Sign('='))) => i + 3,
                // for name in …
                (Some(Token::Word(word)), _) if word == "in" || word == "of" => i + 2,
                _ => continue,
            };
            if matches!(tokens.get(i.wrapping_sub(1)), Some(Token::Sign('.'))) {
                continue;
            }
            let rest = tokens.get(from..).unwrap_or_default();
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => break,
            };
            let end = statement_end(rest);
            let value = scope.argument(rest.get(..end).unwrap_or_default(), 0);
            let name = name.trim_start_matches('@').to_owned();
            let is_loop = from == i + 2 && matches!(tokens.get(i + 1), Some(Token::Word(_)));
            match value {
                // One of these in turn, so nothing that is known.
                Argument::List(_) if is_loop => scope.variables.remove(&name),
                value => scope.variables.insert(name, value),
            };
        }
        scope
    }

    /// The arguments in these tokens; keyword arguments are left out.
    pub(super) fn arguments(&self, tokens: &[Token]) -> Vec<Argument> {
        let positional = |t: &&[Token]| {
            !matches!(t, [Token::Word(_), Token::Sign('='), next, ..] if *next != Token::Sign('='))
                && !matches!(t, [Token::Word(_), Token::Sign(':'), next, ..] if *next != Token::Sign(':'))
        };
        split(tokens).into_iter().filter(positional).map(|t| self.argument(t, 0)).collect()
    }

    fn argument(&self, tokens: &[Token], depth: usize) -> Argument {
        if depth > MAX_DEPTH {
            return Argument::One(unknown("…", Taint::NONE));
        }
        let is_word = |t: &Token| *t != Token::End;
        let start = tokens.iter().position(is_word).unwrap_or_default();
        let end = tokens.iter().rposition(is_word).map_or(start, |last| last + 1);
        let tokens = tokens.get(start..end).unwrap_or_default();
        match tokens {
            [Token::Words(words)] => Argument::List(words.iter().map(|w| Value::from(w.as_str())).collect()),
            [Token::Sign('*' | '\\' | '&' | '@'), rest @ ..] => self.argument(rest, depth + 1),
            [Token::Sign('[' | '('), ..] if closing(tokens, 0) + 1 == tokens.len() => {
                let inside = tokens.get(1..tokens.len() - 1).unwrap_or_default();
                let parts = split(inside);
                if parts.len() == 1 && tokens.first() == Some(&Token::Sign('(')) {
                    return self.argument(inside, depth + 1);
                }
                Argument::List(parts.into_iter().map(|t| self.value(t, depth + 1)).collect())
            }
            [Token::Text(text), Token::Sign('.'), Token::Word(method), ..] if method == "split" => {
                let text = self.resolved(text).if_empty().into_owned();
                Argument::List(text.split_whitespace().map(Value::from).collect())
            }
            [Token::Word(name)] => match self.variables.get(name.trim_start_matches('@')) {
                Some(argument) => argument.clone(),
                None => Argument::One(self.value(tokens, depth)),
            },
            _ => Argument::One(self.value(tokens, depth)),
        }
    }

    /// What an expression comes to.
    pub(super) fn value(&self, tokens: &[Token], depth: usize) -> Value {
        let mut out = Value::default();
        if depth > MAX_DEPTH {
            return unknown("…", Taint::NONE);
        }
        let mut i = 0;
        while let Some(token) = tokens.get(i) {
            i += 1;
            if is_long(&out) {
                return unknown("…", out.taint());
            }
            match token {
                Token::Text(text) => out.append(&self.resolved(text)),
                Token::Shell(_) => out.append(&unknown("`…`", Taint::NONE)),
                Token::Words(words) => out.push_text(&words.join(" ")),
                Token::Word(word) => i = self.name(word, tokens, i, depth, &mut out),
                Token::Sign('(') => {
                    let end = closing(tokens, i - 1);
                    out.append(&self.value(tokens.get(i..end).unwrap_or_default(), depth + 1));
                    i = end + 1;
                }
                Token::Sign('.') if matches!(tokens.get(i), Some(Token::Word(_))) && !out.parts().is_empty() => {
                    i = self.method(tokens, i, depth, &mut out);
                }
                // pathlib's way to join.
                Token::Sign('/') if !out.parts().is_empty() => out.push_text("/"),
                Token::Sign('%') if holds(&out, "%s") => {
                    let rest = tokens.get(i..).unwrap_or_default();
                    let inside = match rest.first() {
                        Some(Token::Sign('(')) => rest.get(1..closing(rest, 0)).unwrap_or_default(),
                        _ => rest.get(..1).unwrap_or_default(),
                    };
                    out = filled(&out, "%s", split(inside).iter().map(|t| self.value(t, depth + 1)));
                    break;
                }
                // One of several: the first one is looked at.
                Token::Sign('?' | '|' | ',') => break,
                _ => {}
            }
        }
        out
    }

    /// A name with what hangs on it: `os.path.join(…)`, `ENV["HOME"]`, `$dir`.
    fn name(&self, word: &str, tokens: &[Token], mut i: usize, depth: usize, out: &mut Value) -> usize {
        let mut path = word.to_owned();
        let mut last = word;
        loop {
            match tokens.get(i..).unwrap_or_default() {
                [Token::Sign('.'), Token::Word(next), ..] => {
                    (last, i) = (next, i + 2);
                }
                [Token::Sign(':'), Token::Sign(':'), Token::Word(next), ..]
                | [Token::Sign('-'), Token::Sign('>'), Token::Word(next), ..] => {
                    (last, i) = (next, i + 3);
                }
                _ => break,
            }
            path.push('.');
            path.push_str(last);
        }
        let bracketed = match tokens.get(i) {
            Some(Token::Sign('(' | '[' | '{')) => {
                let end = closing(tokens, i);
                let inside = tokens.get(i + 1..end).unwrap_or_default();
                i = end + 1;
                Some(inside)
            }
            _ => None,
        };
        let inside = bracketed.unwrap_or_default();
        let names_home = |t: &Token| {
            matches!(t, Token::Word(w) if w == "HOME") || matches!(t, Token::Text(v) if v.known() == Some("HOME"))
        };
        let is_home = (path.to_lowercase().contains("env")
            && (path.contains("HOME") || inside.iter().any(names_home)))
            || matches!(last, "homedir" | "getHomeDirectory")
            || matches!(path.as_str(), "Path.home" | "pathlib.Path.home" | "Dir.home" | "File.expand_path");
        if last == "expanduser" || path == "File.expand_path" {
            let value = split(inside).first().map(|t| self.value(t, depth + 1)).unwrap_or_default();
            out.append(&match value.strip_prefix("~") {
                Some(rest) => with_start(self.home, &rest),
                None => value,
            });
        } else if is_home {
            out.push_text(self.home);
        } else if JOINING.contains(&last) {
            let parts: Vec<Value> = split(inside).iter().map(|t| self.value(t, depth + 1)).collect();
            out.append(&joined(&parts));
        } else if bracketed.is_none()
            && let Some(argument) = self.variables.get(word.trim_start_matches('@')).filter(|_| path == word)
        {
            match argument {
                Argument::One(value) => out.append(value),
                Argument::List(values) => out.append(values.first().unwrap_or(&unknown(word, Taint::NONE))),
            }
        } else {
            let inner = self.value(split(inside).first().copied().unwrap_or_default(), depth + 1);
            let of_name = self.variables.get(word).map_or(Taint::NONE, |argument| match argument {
                Argument::One(value) => value.taint(),
                Argument::List(_) => Taint::NONE,
            });
            let taint = inner.taint().and(of_name).and(taint_of(&path, inside));
            // `Path(x)`, `str(x)`, `shlex.quote(x)`: what goes in comes out, more or less.
            let looks_up = LOOKING_UP.contains(&last) || bracketed.is_none();
            if looks_up || taint.any() || inner.parts().is_empty() {
                out.append(&unknown(&path, taint));
            } else {
                out.append(&inner);
            }
        }
        i
    }

    /// A method of what stands before it: most leave a path what it is, more or less.
    fn method(&self, tokens: &[Token], mut i: usize, depth: usize, out: &mut Value) -> usize {
        let Some(Token::Word(name)) = tokens.get(i) else { return i };
        i += 1;
        let mut inside: &[Token] = &[];
        if matches!(tokens.get(i), Some(Token::Sign('('))) {
            let end = closing(tokens, i);
            inside = tokens.get(i + 1..end).unwrap_or_default();
            i = end + 1;
        }
        let taint = taint_of(name, inside);
        if taint.any() {
            let all = out.taint().and(taint);
            *out = unknown(name, all);
        } else if name == "format" {
            *out = filled(out, "{}", split(inside).iter().map(|t| self.value(t, depth + 1)));
        } else if name == "join"
            && let Argument::List(values) = self.argument(inside, depth + 1)
        {
            let separator = std::mem::take(out);
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    out.append(&separator);
                }
                out.append(value);
            }
        } else if JOINING.contains(&name.as_str()) {
            let parts: Vec<Value> = split(inside).iter().map(|t| self.value(t, depth + 1)).collect();
            let joined = joined(&parts);
            out.push_text("/");
            out.append(&joined);
        } else if name == "expanduser"
            && let Some(rest) = out.strip_prefix("~")
        {
            *out = with_start(self.home, &rest);
        }
        i
    }

    /// A string with its inserted variables put in.
    pub(super) fn resolved(&self, text: &Value) -> Value {
        let mut out = Value::default();
        for part in text.parts() {
            if is_long(&out) {
                break;
            }
            match part {
                Part::Unknown(unknown) => match self.variables.get(&unknown.written) {
                    Some(Argument::One(value)) => out.append(value),
                    _ if unknown.written.contains("HOME") => out.push_text(self.home),
                    _ => out.push(part.clone()),
                },
                other => out.push(other.clone()),
            }
        }
        out
    }
}

/// Where a statement ends: at its line's end outside brackets, or at the colon of a loop.
fn statement_end(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (i, token) in tokens.iter().enumerate().take(MAX_REACH) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') if depth == 0 => return i,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            Token::End | Token::Sign(':' | ',') if depth == 0 => return i,
            _ => {}
        }
    }
    tokens.len().min(MAX_REACH)
}

/// Whether a known part of it holds this mark.
fn holds(value: &Value, mark: &str) -> bool {
    value.parts().iter().any(|part| matches!(part, Part::Text(text) if text.contains(mark)))
}

/// The value with one of the others in the place of each mark.
fn filled(value: &Value, mark: &str, mut others: impl Iterator<Item = Value>) -> Value {
    let mut out = Value::default();
    for part in value.parts() {
        let Part::Text(text) = part else {
            out.push(part.clone());
            continue;
        };
        for (i, piece) in text.split(mark).enumerate() {
            if i > 0 && !is_long(&out) {
                out.append(&others.next().unwrap_or_else(|| unknown(mark, Taint::NONE)));
            }
            out.push_text(piece);
        }
    }
    out
}

/// Whether a value has grown too long to be carried on.
fn is_long(value: &Value) -> bool {
    let length = |part: &Part| match part {
        Part::Text(text) | Part::Glob(text) => text.len(),
        Part::Unknown(_) => 1,
    };
    value.parts().len() > 64 || value.parts().iter().map(length).sum::<usize>() > MAX_LENGTH
}

fn joined(parts: &[Value]) -> Value {
    let mut out = Value::default();
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_text("/");
        }
        if part.starts_with("/") {
            out = Value::default();
        }
        if is_long(&out) {
            return out;
        }
        out.append(part);
    }
    out
}

fn with_start(start: &str, rest: &Value) -> Value {
    let mut value = Value::from(start);
    value.append(rest);
    value
}

fn unknown(written: &str, taint: Taint) -> Value {
    Value::unknown(written, taint, false)
}

/// What a function brings into what it returns.
fn taint_of(path: &str, inside: &[Token]) -> Taint {
    let has = |names: &[&str]| path.split('.').any(|part| names.contains(&part));
    let encoding =
        |token: &Token| matches!(token, Token::Text(text) if ENCODINGS.iter().any(|e| text.known() == Some(e)));
    let encoded = inside.iter().any(encoding);
    Taint { downloaded: has(FETCHING), decoded: has(DECODING) || has(&["Buffer", "codecs"]) && encoded }
}

//! Text of a programming language, cut into words, strings and signs: no grammar, but strings are told from
//! comments and from the rest.

use crate::model::guard::value::{Taint, Value};

/// The most pieces that are looked at.
pub(super) const MAX_TOKENS: usize = 40_000;

/// How often the end of a string is looked for in vain. Where there is none, there will hardly be one later.
const MAX_OPEN: usize = 32;

/// Stands for a dollar with a backslash in front, until what is put in when the text runs has been told apart.
const PLAIN_DOLLAR: char = '\u{fdd0}';

/// A piece of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, with the sign of a variable where the language has one: `os`, `$file`.
    Word(String),
    /// A string; what is put in when it runs is unknown, and written as in the text.
    Text(Value),
    /// A string that a shell runs: backquotes, `qx()`, `%x()`.
    Shell(Value),
    /// Words in brackets: `qw(a b)`.
    Words(Vec<String>),
    /// Another character.
    Sign(char),
    /// The end of a line or of a statement.
    End,
}

/// What differs between the languages.
pub(super) struct Lexis {
    /// What begins a comment that ends with its line.
    comments: &'static [&'static str],
    /// Whether backquotes run a shell; else they are a string (node) or nothing.
    backquote_runs: bool,
    /// What begins a part of a double-quoted string that is put in when it runs.
    inserts: Inserts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Inserts {
    /// `{x}`, in strings that are marked.
    Python,
    /// `#{x}`
    Ruby,
    /// `${x}`, in backquotes.
    Node,
    /// `$x`, `${x}`, `{$x}`
    Dollar,
    None,
}

/// How a language is written; languages that are not known are read like Python.
pub(super) fn lexis(language: &str) -> Lexis {
    let (comments, backquote_runs, inserts): (&[&str], _, _) = match language {
        "perl" => (&["#"], true, Inserts::Dollar),
        "ruby" => (&["#"], true, Inserts::Ruby),
        "node" => (&["//"], false, Inserts::Node),
        "php" => (&["#", "//"], true, Inserts::Dollar),
        "lua" => (&["--"], false, Inserts::None),
        "awk" => (&["#"], false, Inserts::None),
        "julia" => (&["#"], true, Inserts::Dollar),
        "vim" => (&[], false, Inserts::None),
        _ => (&["#"], false, Inserts::Python),
    };
    Lexis { comments, backquote_runs, inserts }
}

/// Cuts a text up.
pub(super) fn tokens(text: &str, language: &str) -> Vec<Token> {
    let lexis = lexis(language);
    let mut out = Vec::new();
    let mut open = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if out.len() >= MAX_TOKENS {
            break;
        }
        let behind = rest.get(c.len_utf8()..).unwrap_or_default();
        // `$#list` is no comment.
        let after_sign = matches!(out.last(), Some(Token::Sign('$' | '@')));
        if !after_sign && lexis.comments.iter().any(|start| rest.starts_with(start)) {
            rest = rest.find('\n').and_then(|end| rest.get(end..)).unwrap_or_default();
        } else if rest.starts_with("/*") && matches!(language, "node" | "php") {
            rest = rest.split_once("*/").map_or("", |(_, behind)| behind);
        } else if c == '\n' || c == ';' {
            out.push(Token::End);
            rest = behind;
        } else if c.is_whitespace() {
            rest = behind;
        } else if c == '\'' || c == '"' || c == '`' {
            rest = quoted(rest, c, &lexis, language, &mut open, &mut out);
        } else if c.is_alphanumeric() || c == '_' || c == '$' || c == '@' {
            let end = behind.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(behind.len());
            let (name, behind) = behind.split_at(end);
            let word = format!("{c}{name}");
            rest = match quote_like(&word, behind, language, &mut open) {
                Some((token, behind)) => {
                    out.push(token);
                    behind
                }
                None => {
                    out.push(Token::Word(word));
                    behind
                }
            };
        } else if c == '%' && language == "ruby" && behind.starts_with(['x', 'q', 'Q', 'w', 'W']) {
            let (kind, opened) = behind.split_at(1);
            let name = match kind {
                "x" => "qx",
                "w" | "W" => "qw",
                _ => "q",
            };
            match quote_like(name, opened, "perl", &mut open) {
                Some((token, behind)) => {
                    out.push(token);
                    rest = behind;
                }
                None => rest = behind,
            }
        } else {
            out.push(Token::Sign(c));
            rest = behind;
        }
    }
    out
}

/// `q(…)`, `qq{…}`, `qx/…/`, `qw(…)` of Perl.
fn quote_like<'a>(name: &str, behind: &'a str, language: &str, open_ones: &mut usize) -> Option<(Token, &'a str)> {
    if *open_ones >= MAX_OPEN || language != "perl" || !matches!(name, "q" | "qq" | "qx" | "qw") {
        return None;
    }
    let open = behind.chars().next().filter(|c| "([{</|!".contains(*c))?;
    let close = match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        '<' => '>',
        other => other,
    };
    let inside = behind.get(1..)?;
    let mut depth = 1;
    let end = inside.char_indices().find(|(_, c)| {
        if *c == close {
            depth -= 1;
        } else if *c == open {
            depth += 1;
        }
        depth == 0
    });
    let Some((end, _)) = end else {
        *open_ones += 1;
        return None;
    };
    let (text, behind) = inside.split_at(end);
    let token = match name {
        "qw" => Token::Words(text.split_whitespace().map(str::to_owned).collect()),
        "qx" => Token::Shell(inserted(text, Inserts::Dollar)),
        "qq" => Token::Text(inserted(text, Inserts::Dollar)),
        _ => Token::Text(Value::from(text)),
    };
    Some((token, behind.get(close.len_utf8()..).unwrap_or_default()))
}

/// A string from its quote on; the rest behind it.
fn quoted<'a>(
    text: &'a str,
    quote: char,
    lexis: &Lexis,
    language: &str,
    open: &mut usize,
    out: &mut Vec<Token>,
) -> &'a str {
    let behind = text.get(1..).unwrap_or_default();
    // Letters in front of a string of Python say how it is to be read.
    let mark = match out.last() {
        Some(Token::Word(word)) if language == "python" && is_mark(word) => word.to_lowercase(),
        _ => String::new(),
    };
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let (inside, rest) = match text.strip_prefix(&*triple).filter(|_| language == "python") {
        Some(inside) => inside.split_once(&*triple).unwrap_or((inside, "")),
        None => match (*open < MAX_OPEN).then(|| end_of_string(behind, quote)).flatten() {
            Some(end) => (behind.get(..end).unwrap_or_default(), behind.get(end + 1..).unwrap_or_default()),
            // No end: a sign like any other, or else all that follows would be out of sight.
            None => {
                *open += 1;
                out.push(Token::Sign(quote));
                return behind;
            }
        },
    };
    if !mark.is_empty() {
        out.pop();
    }
    let literal = mark.contains('r') || (quote == '\'' && matches!(language, "perl" | "ruby" | "php"));
    let inserts = match (lexis.inserts, quote) {
        (Inserts::Python, _) if !mark.contains('f') => Inserts::None,
        (Inserts::Ruby | Inserts::Dollar, '\'') => Inserts::None,
        (Inserts::Node, '\'' | '"') => Inserts::None,
        (inserts, _) => inserts,
    };
    let inside = if literal { inside.replace("\\'", "'") } else { unescaped(inside) };
    let value = inserted(&inside, inserts);
    out.push(if quote == '`' && lexis.backquote_runs { Token::Shell(value) } else { Token::Text(value) });
    rest
}

fn is_mark(word: &str) -> bool {
    word.len() <= 2 && word.bytes().all(|b| b"rRbBfFuU".contains(&b))
}

fn end_of_string(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices()
        .find(|(_, c)| {
            let end = !escaped && *c == quote;
            escaped = !escaped && *c == '\\';
            end
        })
        .map(|(i, _)| i)
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        let digits = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>, radix, most| {
            let mut number = 0;
            for _ in 0..most {
                let Some(digit) = chars.peek().and_then(|c| c.to_digit(radix)) else { break };
                number = number * radix + digit;
                chars.next();
            }
            char::from_u32(number).unwrap_or('?')
        };
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r' | '\n') | None => {}
            Some('x') => out.push(digits(&mut chars, 16, 2)),
            Some('u') => {
                let braced = chars.next_if_eq(&'{').is_some();
                out.push(digits(&mut chars, 16, if braced { 6 } else { 4 }));
                if braced {
                    chars.next_if_eq(&'}');
                }
            }
            Some(c @ '0'..='7') => {
                let first = c.to_digit(8).unwrap_or_default();
                let mut number = first;
                for _ in 0..2 {
                    let Some(digit) = chars.peek().and_then(|c| c.to_digit(8)) else { break };
                    number = number * 8 + digit;
                    chars.next();
                }
                out.extend(char::from_u32(number));
            }
            // What it would begin without the backslash it does not begin.
            Some('$') => out.push(PLAIN_DOLLAR),
            Some(c) => out.push(c),
        }
    }
    out
}

/// A string with its inserted parts unknown, each written as its expression.
fn inserted(text: &str, inserts: Inserts) -> Value {
    let mut value = Value::default();
    let mut rest = text;
    // Behind the last bracket none is looked for again and again.
    let closed = text.rfind('}').unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        if c == PLAIN_DOLLAR {
            value.push_text("$");
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        }
        let closes = text.len() - rest.len() < closed;
        let found = match inserts {
            Inserts::Python if rest.starts_with("{{") => {
                value.push_text("{");
                rest = rest.get(2..).unwrap_or_default();
                continue;
            }
            Inserts::Python if closes => rest.strip_prefix('{').and_then(|r| r.split_once('}')),
            Inserts::Ruby if closes => rest.strip_prefix("#{").and_then(|r| r.split_once('}')),
            Inserts::Node if closes => rest.strip_prefix("${").and_then(|r| r.split_once('}')),
            Inserts::Dollar => dollar(rest, closes),
            _ => None,
        };
        match found {
            Some((expression, behind)) => {
                let name = expression.split(['!', ':']).next().unwrap_or_default().trim();
                let name = if inserts == Inserts::Dollar { format!("${name}") } else { name.to_owned() };
                value.append(&Value::unknown(&name, Taint::NONE, false));
                rest = behind;
            }
            None => {
                value.push_text(c.encode_utf8(&mut [0; 4]));
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    value
}

fn dollar(text: &str, closes: bool) -> Option<(&str, &str)> {
    if !text.starts_with(['$', '{']) {
        return None;
    }
    if closes && let Some((name, behind)) = text.strip_prefix("{$").and_then(|r| r.split_once('}')) {
        return Some((name, behind));
    }
    let name = text.strip_prefix('$')?;
    if closes && let Some((name, behind)) = name.strip_prefix('{').and_then(|r| r.split_once('}')) {
        return Some((name, behind));
    }
    let end = name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    let (name, behind) = name.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    if name == "ENV" {
        return behind.strip_prefix('{').filter(|_| closes).and_then(|r| r.split_once('}'));
    }
    Some((name, behind))
}

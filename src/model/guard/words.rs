//! One word of the shell, taken apart: quotes, expansions, substitutions.

mod ansi;

pub use self::ansi::decode_ansi;
use super::scan;

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Characters; quoted ones are neither patterns nor split.
    Text {
        /// The characters, quotes removed.
        text: String,
        /// Whether they were quoted.
        quoted: bool,
    },
    /// `$x`, `${x…}`.
    Parameter(Parameter),
    /// `$(…)`, a backquoted command, `${ …; }`.
    Command {
        /// The text inside.
        text: String,
        /// Whether it stands in double quotes.
        quoted: bool,
    },
    /// `$((…))`, `$[…]`.
    Arithmetic {
        /// The text inside.
        text: String,
    },
    /// `<(…)`, `>(…)`.
    Process {
        /// The text inside.
        text: String,
        /// Whether it is read from.
        reads: bool,
    },
    /// An unquoted `@(…)`, `?(…)`, `*(…)`, `+(…)`, `!(…)`, as written.
    Pattern(String),
}

/// A parameter expansion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    /// As it was written.
    pub written: String,
    /// The name: an identifier, digits, or a special character.
    pub name: String,
    /// What stands in `[…]` behind the name.
    pub subscript: Option<String>,
    /// `${#x}`.
    pub length: bool,
    /// `${!x}`.
    pub indirect: bool,
    /// The operator: `:-`, `%%`, `//`, `:`, `@`, …; empty if there is none.
    pub operator: String,
    /// What stands behind it.
    pub argument: String,
    /// Whether it stands in double quotes.
    pub quoted: bool,
}

/// Why a word could not be taken apart.
pub type Unreadable = &'static str;

/// The pieces of a word as the parser found it.
///
/// # Errors
/// If a quote or a substitution does not end.
pub fn pieces(raw: &str) -> Result<Vec<Piece>, Unreadable> {
    let mut lexer = Lexer { text: raw, at: 0, pieces: Vec::new() };
    lexer.unquoted()?;
    Ok(lexer.pieces)
}

/// The pieces of text in which only `$`, backquotes and `\` mean something: a here-document's body, the
/// inside of an arithmetic expression. Quotes are characters like others.
///
/// # Errors
/// If a substitution does not end.
pub fn pieces_of_document(raw: &str) -> Result<Vec<Piece>, Unreadable> {
    let mut lexer = Lexer { text: raw, at: 0, pieces: Vec::new() };
    lexer.double(false)?;
    Ok(lexer.pieces)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    pieces: Vec<Piece>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest().chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn push_text(&mut self, text: &str, quoted: bool) {
        match self.pieces.last_mut() {
            Some(Piece::Text { text: last, quoted: was }) if *was == quoted => last.push_str(text),
            _ => self.pieces.push(Piece::Text { text: text.to_owned(), quoted }),
        }
    }

    fn unquoted(&mut self) -> Result<(), Unreadable> {
        loop {
            let rest = self.rest();
            let plain = rest.find(['\\', '\'', '"', '$', '`', '<', '>', '(']).unwrap_or(rest.len());
            if plain > 0 {
                self.push_text(rest.get(..plain).unwrap_or_default(), false);
                self.at += plain;
            }
            let from = self.at;
            match self.next() {
                None => return Ok(()),
                Some('\\') => match self.next() {
                    Some('\n') => {}
                    Some(c) => self.push_text(c.encode_utf8(&mut [0; 4]), true),
                    None => self.push_text("\\", true),
                },
                Some('\'') => {
                    let end = self.rest().find('\'').ok_or("a single quote does not end")?;
                    let text = self.rest().get(..end).unwrap_or_default();
                    self.push_text(text, true);
                    self.at += end + 1;
                }
                Some('"') => self.double(true)?,
                Some('$') => match self.rest().chars().next() {
                    Some('\'') => self.ansi()?,
                    Some('"') => {
                        self.at += 1;
                        self.double(true)?;
                    }
                    _ => self.dollar(false)?,
                },
                Some('`') => self.backquoted(false)?,
                Some(c @ ('<' | '>')) if self.rest().starts_with('(') => {
                    self.at += 1;
                    let text = self.inside('(', false)?;
                    self.pieces.push(Piece::Process { text, reads: c == '<' });
                }
                Some('(') if self.text.get(..from).is_some_and(|t| t.ends_with(['@', '?', '*', '+', '!'])) => {
                    let inside = self.inside('(', false)?;
                    let kind = self.take_last_char().unwrap_or('@');
                    self.pieces.push(Piece::Pattern(format!("{kind}({inside})")));
                }
                Some(c) => self.push_text(c.encode_utf8(&mut [0; 4]), false),
            }
        }
    }

    /// Takes the last character of the text before: it belongs to an extended pattern.
    fn take_last_char(&mut self) -> Option<char> {
        let Some(Piece::Text { text, .. }) = self.pieces.last_mut() else { return None };
        text.pop()
    }

    /// From behind a double quote to behind its end; or, for a document, to the end of the text.
    fn double(&mut self, ends_at_quote: bool) -> Result<(), Unreadable> {
        self.push_text("", true);
        loop {
            let rest = self.rest();
            let plain = rest.find(['\\', '"', '$', '`']).unwrap_or(rest.len());
            if plain > 0 {
                self.push_text(rest.get(..plain).unwrap_or_default(), true);
                self.at += plain;
            }
            match self.next() {
                None if ends_at_quote => return Err("a double quote does not end"),
                None => return Ok(()),
                Some('"') if ends_at_quote => return Ok(()),
                Some('\\') => match self.rest().chars().next() {
                    Some('\n') => self.at += 1,
                    Some(c @ ('$' | '`' | '\\')) => {
                        self.at += 1;
                        self.push_text(c.encode_utf8(&mut [0; 4]), true);
                    }
                    Some('"') if ends_at_quote => {
                        self.at += 1;
                        self.push_text("\"", true);
                    }
                    _ => self.push_text("\\", true),
                },
                Some('$') => self.dollar(true)?,
                Some('`') => self.backquoted(true)?,
                Some(c) => self.push_text(c.encode_utf8(&mut [0; 4]), true),
            }
        }
    }

    /// The text up to what closes it, and the place behind that.
    fn inside(&mut self, opened: char, quoted: bool) -> Result<String, Unreadable> {
        let close = match opened {
            '(' => command_end(self.text, self.at),
            _ => scan::close(self.text, self.at, opened, quoted),
        };
        let end = close.ok_or("a substitution does not end")?;
        let text = self.text.get(self.at..end).unwrap_or_default().to_owned();
        self.at = end + 1;
        Ok(text)
    }

    fn dollar(&mut self, quoted: bool) -> Result<(), Unreadable> {
        let rest = self.rest();
        let piece = match rest.chars().next() {
            Some('(') => {
                self.at += 1;
                let text = self.inside('(', quoted)?;
                match arithmetic(&text) {
                    Some(expression) => Piece::Arithmetic { text: expression.to_owned() },
                    None => Piece::Command { text, quoted },
                }
            }
            Some('[') => {
                self.at += 1;
                Piece::Arithmetic { text: self.inside('[', quoted)? }
            }
            Some('{') => {
                self.at += 1;
                let text = self.inside('{', quoted)?;
                if text.starts_with([' ', '\t', '\n', '|', '(']) {
                    Piece::Command { text: text.trim_start_matches('|').to_owned(), quoted }
                } else {
                    Piece::Parameter(parameter(&text, quoted))
                }
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                let name = rest.get(..end).unwrap_or_default();
                self.at += end;
                Piece::Parameter(plain_parameter(name, quoted))
            }
            Some(c) if c.is_ascii_digit() || "@*#?-$!".contains(c) => {
                self.at += 1;
                Piece::Parameter(plain_parameter(c.encode_utf8(&mut [0; 4]), quoted))
            }
            _ => {
                self.push_text("$", quoted);
                return Ok(());
            }
        };
        self.pieces.push(piece);
        Ok(())
    }

    /// A backquoted command: it ends at the next backquote without a backslash, whatever quotes say.
    fn backquoted(&mut self, quoted: bool) -> Result<(), Unreadable> {
        let mut text = String::new();
        loop {
            match self.next().ok_or("a backquote does not end")? {
                '`' => break,
                '\\' => match self.next() {
                    Some(c @ ('$' | '`' | '\\')) => text.push(c),
                    Some('"') if quoted => text.push('"'),
                    Some(c) => text.extend(['\\', c]),
                    None => {}
                },
                c => text.push(c),
            }
        }
        self.pieces.push(Piece::Command { text, quoted });
        Ok(())
    }

    /// `$'…'` from its quote on.
    fn ansi(&mut self) -> Result<(), Unreadable> {
        self.at += 1;
        let from = self.at;
        loop {
            match self.next().ok_or("a `$'` quote does not end")? {
                '\'' => break,
                '\\' => drop(self.next()),
                _ => {}
            }
        }
        let decoded = decode_ansi(self.text.get(from..self.at - 1).unwrap_or_default());
        self.push_text(&decoded, true);
        Ok(())
    }
}

/// Where a command substitution ends: the first place at which its inside is a program. Parentheses of
/// `case` patterns mislead the count, so the parser has the last word.
fn command_end(text: &str, from: usize) -> Option<usize> {
    let first = scan::close(text, from, '(', false)?;
    let rest = text.get(first + 1..)?;
    // Only `case` has parentheses that close nothing.
    if !text.get(from..first)?.contains("case") {
        return Some(first);
    }
    let others = rest.match_indices(')').map(|(i, _)| first + 1 + i);
    std::iter::once(first).chain(others).take(32).find(|end| {
        text.get(from..*end).is_some_and(|inside| inside.trim().is_empty() || rable::parse(inside, true).is_ok())
    })
}

/// The expression of `$((…))`, from what stands between the outer parentheses. `$((a) b)` is a command.
fn arithmetic(inside: &str) -> Option<&str> {
    inside.strip_prefix('(')?;
    let end = scan::close(inside, 1, '(', false)?;
    if end + 1 == inside.len() { inside.get(1..end) } else { None }
}

fn plain_parameter(name: &str, quoted: bool) -> Parameter {
    Parameter { written: format!("${name}"), name: name.to_owned(), quoted, ..Parameter::default() }
}

/// What stands in `${…}`.
fn parameter(inside: &str, quoted: bool) -> Parameter {
    let mut out = Parameter { written: format!("${{{inside}}}"), quoted, ..Parameter::default() };
    let mut rest = inside;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    // `${#}` and `${#-…}` are about `$#`; `${#x}` is a length.
    if let Some(behind) = rest.strip_prefix('#')
        && behind.starts_with(|c: char| is_name(c) || "@*?!$".contains(c))
    {
        out.length = true;
        rest = behind;
    } else if let Some(behind) = rest.strip_prefix('!')
        && behind.starts_with(|c: char| is_name(c) || "@*#".contains(c))
    {
        out.indirect = true;
        rest = behind;
    }
    let end = match rest.chars().next() {
        Some(c) if is_name(c) => rest.find(|c| !is_name(c)).unwrap_or(rest.len()),
        Some(c) => c.len_utf8(),
        None => 0,
    };
    let (name, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
    name.clone_into(&mut out.name);
    rest = behind;
    if rest.starts_with('[')
        && let Some(end) = scan::close(rest, 1, '[', false)
    {
        out.subscript = rest.get(1..end).map(str::to_owned);
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    const OPERATORS: [&str; 23] = [
        ":-", ":=", ":?", ":+", "##", "%%", "//", "/#", "/%", "^^", ",,", "~~", "-", "=", "?", "+", "#", "%", "/",
        "^", ",", "@", ":",
    ];
    let operator = OPERATORS.iter().find(|op| rest.starts_with(**op)).copied().unwrap_or_default();
    operator.clone_into(&mut out.operator);
    rest.get(operator.len()..).unwrap_or_default().clone_into(&mut out.argument);
    out
}

#[cfg(test)]
mod tests;

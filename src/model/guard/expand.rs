//! From a raw word to its fields, as far as they are known.

use super::assign::assignment;
mod parameters;

use super::limits::Limit;
use super::reader::Reader;
use super::reading::{Dir, Stream};
use super::shell::{Shell, Variable};
use super::value::{Part, Taint, Unknown, Value};
use super::words::{self, Parameter, Piece};
use super::{braces, parameter};

/// Text is read again where it is executed (`eval "$X"`); what is unknown in it is carried through as
/// one of these private characters, each a number in [`Reader::unknowns`].
const FIRST_MARK: u32 = 0xF_0000;
/// How many of them there are.
const MARKS: u32 = 0xFFFF;

/// Which of a variable's possible values is looked at, and which variables had several.
#[derive(Debug, Default)]
pub struct Choice {
    /// Picked: name and number.
    pub picks: Vec<(String, usize)>,
    /// Met with more than one value: name and how many.
    pub met: Vec<(String, usize)>,
    /// Whether what is read is read again for each of these values by what stands around it.
    pub follows: bool,
}

/// Fields while they are put together.
struct Fields {
    done: Vec<Value>,
    current: Option<Value>,
}

impl Fields {
    fn current(&mut self) -> &mut Value {
        self.current.get_or_insert_default()
    }

    fn end(&mut self) {
        self.done.extend(self.current.take());
    }

    /// Adds what an expansion gave: as it is in quotes, else split.
    fn add(&mut self, value: &Value, quoted: bool, separators: &str) {
        if quoted {
            self.current().append(value);
            return;
        }
        for (piece, ends) in parameter::split_fields(value, separators) {
            if !piece.parts().is_empty() {
                self.current().append(&piece);
            }
            if ends {
                self.end();
            }
        }
    }
}

impl Reader<'_> {
    /// The fields that a word becomes.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn fields(&mut self, raw: &str, shell: &mut Shell) -> Result<Vec<Value>, Limit> {
        let mut all = Vec::new();
        for word in braces::expand(raw)? {
            self.budget.step()?;
            let mut fields = Fields { done: Vec::new(), current: None };
            let pieces = self.pieces(&word);
            for (i, piece) in pieces.iter().enumerate() {
                self.add_piece(piece, i == 0, true, &mut fields, shell)?;
            }
            fields.end();
            all.append(&mut fields.done);
        }
        Ok(all)
    }

    /// The one value of a word that is not split: an assignment's, a redirection's, a pattern.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn value(&mut self, raw: &str, shell: &mut Shell) -> Result<Value, Limit> {
        self.budget.step()?;
        let pieces = self.pieces(raw);
        self.joined(&pieces, shell)
    }

    /// The text of a here-document, or of anything else in which quotes mean nothing.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn document(&mut self, raw: &str, shell: &mut Shell) -> Result<Value, Limit> {
        self.budget.step()?;
        let pieces = match words::pieces_of_document(raw) {
            Ok(pieces) => pieces,
            Err(reason) => {
                self.unreadable(raw, reason);
                return Ok(Value::unknown(raw, Taint::NONE, false));
            }
        };
        self.joined(&pieces, shell)
    }

    /// The one value of pieces that are not split.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn joined(&mut self, pieces: &[Piece], shell: &mut Shell) -> Result<Value, Limit> {
        let mut fields = Fields { done: Vec::new(), current: None };
        for (i, piece) in pieces.iter().enumerate() {
            self.add_piece(piece, i == 0, false, &mut fields, shell)?;
        }
        fields.end();
        let mut all = fields.done.into_iter();
        let mut value = all.next().unwrap_or_default();
        for more in all {
            value.push_text(" ");
            value.append(&more);
        }
        Ok(value)
    }

    /// The pieces of a raw word.
    pub fn pieces(&mut self, raw: &str) -> Vec<Piece> {
        words::pieces(raw).unwrap_or_else(|reason| {
            self.unreadable(raw, reason);
            vec![Piece::Text { text: raw.to_owned(), quoted: false }]
        })
    }

    fn add_piece(
        &mut self,
        piece: &Piece,
        first: bool,
        splits: bool,
        fields: &mut Fields,
        shell: &mut Shell,
    ) -> Result<(), Limit> {
        match piece {
            Piece::Text { text, .. } | Piece::Pattern(text) => self.budget.make(text.len())?,
            _ => {}
        }
        match piece {
            Piece::Text { text, quoted: true } => self.push_marked(fields.current(), text, true, shell),
            Piece::Text { text, quoted: false } => {
                let rest = if first { self.tilde(text, fields, shell) } else { text };
                if !rest.is_empty() {
                    self.push_marked(fields.current(), rest, false, shell);
                }
            }
            Piece::Pattern(text) => {
                fields.current().push(Part::Glob(text.clone()));
                let _ = self.document(text, shell)?; // what is substituted in it runs
            }
            Piece::Parameter(parameter) => {
                let separators = self.separators(shell);
                let quoted = parameter.quoted || !splits;
                if let Some(list) = self.every(parameter, shell) {
                    self.budget.make(list.iter().map(Value::size).sum())?;
                    self.add_list(&list, parameter, quoted, splits, &separators, fields);
                } else {
                    let value = self.parameter(parameter, shell)?;
                    self.budget.make(value.size())?;
                    fields.add(&value, quoted, &separators);
                }
            }
            Piece::Command { text, quoted } => {
                let stream = self.substitution(text, shell)?;
                let value = match stream.text {
                    Some(text) => without_newlines(text),
                    None => Value::unknown(&format!("$({})", shorten(text)), stream.taint, !quoted && splits),
                };
                self.budget.make(value.size())?;
                let separators = self.separators(shell);
                fields.add(&value, *quoted || !splits, &separators);
            }
            Piece::Arithmetic { text } => {
                let _ = self.document(text, shell)?;
                let number = text.trim().parse::<i64>().map_or_else(|_| "0".to_owned(), |n| n.to_string());
                fields.current().push_text(&number);
            }
            Piece::Process { text, reads } => {
                let path = self.process(text, *reads, shell)?;
                fields.current().push_text(&path);
            }
        }
        Ok(())
    }

    fn add_list(
        &mut self,
        list: &[Value],
        parameter: &Parameter,
        quoted: bool,
        splits: bool,
        separators: &str,
        fields: &mut Fields,
    ) {
        // `"$*"` is one field; `"$@"` as many as there are.
        let joins = !splits || (quoted && (parameter.name == "*" || parameter.subscript.as_deref() == Some("*")));
        for (i, value) in list.iter().enumerate() {
            if i > 0 && joins {
                fields.current().push_text(" ");
            } else if i > 0 {
                fields.end();
            }
            if quoted {
                fields.current();
            }
            fields.add(value, quoted, separators);
        }
    }

    /// What separates fields: `IFS`, or what it is from the start.
    pub fn separators(&mut self, shell: &Shell) -> String {
        match shell.variable("IFS") {
            Some([Variable::Scalar(value), ..]) => value.known().unwrap_or(" \t\n").to_owned(),
            _ => " \t\n".to_owned(),
        }
    }

    /// Adds characters, the marks among them as what they stand for; unquoted ones make patterns.
    fn push_marked(&mut self, value: &mut Value, text: &str, quoted: bool, _shell: &Shell) {
        if self.unknowns.is_empty() {
            return if quoted { value.push_text(text) } else { parameter::push_globs(value, text) };
        }
        let mut plain = String::new();
        let flush = |value: &mut Value, plain: &mut String| {
            if quoted {
                value.push_text(plain);
            } else {
                parameter::push_globs(value, plain);
            }
            plain.clear();
        };
        for c in text.chars() {
            let unknown = (c as u32).checked_sub(FIRST_MARK).and_then(|n| self.unknowns.get(n as usize));
            match unknown {
                Some(unknown) => {
                    flush(value, &mut plain);
                    let splits = !quoted;
                    value.push(Part::Unknown(Unknown { splits, ..unknown.clone() }));
                }
                None => plain.push(c),
            }
        }
        flush(value, &mut plain);
    }

    /// A value as text that can be read again, marks where it is unknown.
    pub fn text_of(&mut self, value: &Value) -> String {
        let mut text = String::new();
        for part in value.parts() {
            match part {
                Part::Text(known) | Part::Glob(known) => text.push_str(known),
                Part::Unknown(unknown) => {
                    let number = self.unknowns.iter().position(|u| u == unknown).unwrap_or_else(|| {
                        self.unknowns.push(unknown.clone());
                        self.unknowns.len() - 1
                    });
                    let number = u32::try_from(number).unwrap_or(MARKS).min(MARKS);
                    text.extend(char::from_u32(FIRST_MARK + number));
                }
            }
        }
        text
    }

    /// A tilde at the start of a word, or of the value in a word like an assignment (`of=~/x`); gives back the rest.
    fn tilde<'t>(&mut self, text: &'t str, fields: &mut Fields, shell: &Shell) -> &'t str {
        let text = match assignment(text) {
            Some((_, _, value)) if value.starts_with('~') => {
                fields.current().push_text(text.strip_suffix(value).unwrap_or_default());
                value
            }
            _ => text,
        };
        let Some(behind) = text.strip_prefix('~') else { return text };
        let end = behind.find('/').unwrap_or(behind.len());
        let (user, rest) = behind.split_at_checked(end).unwrap_or((behind, ""));
        let dir = match user {
            "" => Some(self.home(shell)),
            "+" => Some(self.dir_value(shell)),
            "-" => None,
            _ => match self.context.world.home_of(user) {
                Some(home) => Some(Value::from(&*home.to_string_lossy())),
                None => return text, // the shell leaves it as it is
            },
        };
        let dir = dir.unwrap_or_else(|| Value::unknown(&format!("~{user}"), Taint::NONE, false));
        fields.current().append(&dir);
        rest
    }

    fn home(&mut self, shell: &Shell) -> Value {
        match self.pick("HOME", shell) {
            Some(Variable::Scalar(value)) => value,
            _ => Value::from(&*self.context.home.to_string_lossy()),
        }
    }

    fn dir_value(&mut self, shell: &Shell) -> Value {
        match self.dir(shell) {
            Dir::Known(dir) => Value::from(&*dir.to_string_lossy()),
            Dir::Unknown => Value::filled("$PWD", Taint::NONE, false),
        }
    }

    /// The directory, of the possible ones the one that is looked at.
    pub fn dir(&mut self, shell: &Shell) -> Dir {
        let number = self.picked("(dir)", shell.dirs.len());
        shell.dirs.get(number).cloned().unwrap_or(Dir::Unknown)
    }
}

/// A command's output as a substitution gives it: without the newlines at its end.
fn without_newlines(value: Value) -> Value {
    let mut parts = value.parts().to_vec();
    if let Some(Part::Text(last)) = parts.last_mut() {
        let kept = last.trim_end_matches('\n').len();
        last.truncate(kept);
    }
    let mut out = Value::default();
    parts.into_iter().for_each(|part| out.push(part));
    out
}

/// The beginning of a text, for people.
fn shorten(text: &str) -> String {
    let mut line: String = text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.len() < text.len() {
        line.push('…');
    }
    line
}

/// A stream of known text.
#[must_use]
pub fn literal(text: &str) -> Stream {
    Stream { text: Some(Value::from(text)), taint: Taint::NONE }
}

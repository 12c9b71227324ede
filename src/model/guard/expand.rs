//! From a raw word to its fields, as far as they are known.

use super::assign::assignment;
use super::limits::Limit;
use super::reader::Reader;
use super::reading::{Dir, Stream};
use super::shell::{Positional, Shell, Variable};
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

    fn picked(&mut self, name: &str, values: usize) -> usize {
        if values > 1 && !self.choice.met.iter().any(|(n, _)| n == name) {
            self.choice.met.push((name.to_owned(), values));
        }
        self.choice.picks.iter().find(|(n, _)| n == name).map_or(0, |(_, i)| *i)
    }

    /// What a variable holds, of several values the one that is looked at.
    fn pick(&mut self, name: &str, shell: &Shell) -> Option<Variable> {
        let values = shell.variable(name)?;
        let number = self.picked(name, values.len());
        values.get(number).or_else(|| values.first()).cloned()
    }

    /// `$0`, `$1`, …, of several possible ones those that are looked at.
    fn positional(&mut self, shell: &Shell) -> Positional {
        let number = self.picked("(positional)", shell.positional.len());
        shell.positional.get(number).cloned().flatten()
    }

    /// The values of `$@`, `$*`, `${a[@]}` and their like, where the parameter is one of these and nothing
    /// is done to it.
    fn every(&mut self, parameter: &Parameter, shell: &Shell) -> Option<Vec<Value>> {
        if parameter.length || parameter.indirect || !matches!(parameter.operator.as_str(), "" | ":") {
            return None;
        }
        let all = match (parameter.name.as_str(), parameter.subscript.as_deref()) {
            ("@" | "*", None) => self.positional(shell).map(|p| p.get(1..).unwrap_or_default().to_vec()),
            (name, Some("@" | "*")) => match self.pick(name, shell) {
                Some(Variable::List(items)) => Some(items.into_iter().map(|(_, value)| value).collect()),
                Some(Variable::Scalar(value)) => Some(vec![value]),
                Some(Variable::Unset) => Some(Vec::new()),
                None => None,
            },
            _ => return None,
        };
        let all = all.unwrap_or_else(|| vec![Value::unknown(&parameter.written, Taint::NONE, true)]);
        if parameter.operator.is_empty() {
            return Some(all);
        }
        // `${@:2}`: the positions are those of `$1`, array elements count from zero.
        let first = usize::from(parameter.subscript.is_none());
        let mut numbers = parameter.argument.splitn(2, ':').map(|n| n.trim().parse::<usize>());
        let Some(Ok(from)) = numbers.next() else { return Some(all) };
        let count = numbers.next().and_then(Result::ok).unwrap_or(usize::MAX);
        Some(all.into_iter().skip(from.saturating_sub(first)).take(count).collect())
    }

    /// What a parameter holds before its operator; `None` where the line says nothing of it.
    fn plain(&mut self, name: &str, subscript: Option<&str>, shell: &mut Shell) -> Result<Option<Value>, Limit> {
        if let Ok(number) = name.parse::<usize>() {
            let value = |p: &std::rc::Rc<Vec<Value>>| p.get(number).cloned().unwrap_or_default();
            return Ok(match (self.positional(shell), number) {
                (Some(positional), _) => Some(value(&positional)),
                (None, 0) => Some(Value::from("bash")),
                (None, _) => None,
            });
        }
        let key = match subscript {
            Some(raw) => Some(self.value(raw, shell)?),
            None => None,
        };
        if let Some(variable) = self.pick(name, shell) {
            if let Variable::Scalar(target) = &variable
                && shell.is_reference(name)
                && let Some(target) =
                    target.known().filter(|target| *target != name && !shell.is_reference(target))
            {
                return self.plain(target, subscript, shell);
            }
            let empty = Value::default();
            return Ok(match (variable, key) {
                (Variable::Scalar(value), None) => Some(value),
                (Variable::Scalar(value), Some(key)) if key.known() == Some("0") => Some(value),
                (Variable::List(items), None) => Some(items.first().map_or(empty, |(_, v)| v.clone())),
                (Variable::List(items), Some(key)) => {
                    let key = key.if_empty();
                    let by_key = items.iter().find(|(k, _)| *k == key);
                    let from_end = || items.get(items.len().checked_sub(key.strip_prefix('-')?.parse().ok()?)?);
                    let found = by_key.or_else(from_end).map(|(_, value)| value.clone());
                    if found.is_some() || key.bytes().all(|c| c.is_ascii_digit()) {
                        Some(found.unwrap_or(empty))
                    } else {
                        // An index that has to be computed could be any.
                        let number = self.picked(&format!("{name}[{key}]"), items.len());
                        items.get(number).map(|(_, value)| value.clone())
                    }
                }
                (Variable::Unset, _) => Some(empty),
                (Variable::Scalar(_), Some(_)) => None,
            });
        }
        let context = self.context;
        Ok(match name {
            "HOME" => Some(Value::from(&*context.home.to_string_lossy())),
            "PWD" => Some(self.dir_value(shell)),
            "USER" | "LOGNAME" => context.world.variable("USER").map(|user| Value::from(user.as_str())),
            "TMPDIR" => Some(Value::from(context.world.variable("TMPDIR").unwrap_or("/tmp".to_owned()).as_str())),
            "IFS" => Some(Value::from(" \t\n")),
            "#" | "?" | "$" | "!" | "RANDOM" | "SECONDS" | "LINENO" | "UID" | "EUID" | "PPID" | "BASHPID"
            | "EPOCHSECONDS" | "SRANDOM" => Some(Value::from("0")),
            "-" => Some(Value::from("hB")),
            "_" => shell.last.clone(),
            "SHELL" => {
                Some(Value::from(context.world.variable("SHELL").unwrap_or("/bin/bash".to_owned()).as_str()))
            }
            "BASH" => Some(Value::from("/bin/bash")),
            _ => None,
        })
    }

    fn parameter(&mut self, p: &Parameter, shell: &mut Shell) -> Result<Value, Limit> {
        if p.length {
            let value = self.plain(&p.name, p.subscript.as_deref(), shell)?;
            let length = value.as_ref().and_then(|v| v.known()).map_or(0, |t| t.chars().count());
            return Ok(Value::from(length.to_string().as_str()));
        }
        let unknown = Value::unknown(&p.written, Taint::NONE, !p.quoted);
        let mut value = self.plain(&p.name, p.subscript.as_deref(), shell)?;
        if p.indirect {
            let name = value.as_ref().and_then(|v| v.known()).map(str::to_owned);
            let Some(name) = name.filter(|_| !matches!(p.operator.as_str(), "@")) else { return Ok(unknown) };
            value = self.plain(&name, None, shell)?;
        }
        let operator = p.operator.as_str();
        // The argument's substitutions run, whatever becomes of its value.
        let mut argument = |reader: &mut Self, raw: &str| {
            if p.quoted { reader.document_argument(raw, shell) } else { reader.value(raw, shell) }
        };
        let is_empty = value.as_ref().map(|v| v.parts().is_empty());
        let is_unset_text = p.operator.starts_with(':');
        let out = match operator {
            "" => value,
            ":-" | "-" | ":=" | "=" => {
                let default = argument(self, &p.argument)?;
                let chosen = match (value, is_empty) {
                    (Some(value), Some(false)) => value,
                    (Some(value), _) if !is_unset_text => value,
                    _ => default,
                };
                if operator.ends_with('=') && p.subscript.is_none() {
                    shell.set_scalar(&p.name, chosen.clone());
                }
                Some(chosen)
            }
            ":?" | "?" => {
                let _ = argument(self, &p.argument)?;
                Some(value.unwrap_or_else(|| match is_unset_text {
                    true => Value::filled(&p.written, Taint::NONE, !p.quoted),
                    false => unknown.clone(),
                }))
            }
            ":+" | "+" => {
                let other = argument(self, &p.argument)?;
                Some(if is_empty == Some(true) { Value::default() } else { other })
            }
            "#" | "##" | "%" | "%%" => {
                let pattern = self.value(&p.argument, shell)?;
                match value.as_ref().and_then(|v| v.known()) {
                    Some(text) => {
                        self.budget.spend(parameter::cost(text, &pattern))?;
                        parameter::cut(operator, text, &pattern).map(|t| Value::from(t.as_str()))
                    }
                    None => None,
                }
            }
            "/" | "//" | "/#" | "/%" => {
                let (what, by) = parameter::pattern_and_replacement(&p.argument);
                let what = self.value(what, shell)?;
                let by = self.value(by, shell)?;
                match (value.as_ref().and_then(|v| v.known()), by.known()) {
                    (Some(text), Some(by)) => {
                        self.budget.spend(parameter::cost(text, &what))?;
                        if text.len() <= parameter::MAX_CUT {
                            self.budget.make(text.len() * by.len())?;
                        }
                        parameter::replace(operator, text, &what, by).map(|t| Value::from(t.as_str()))
                    }
                    _ => None,
                }
            }
            ":" => {
                let _ = self.document(&p.argument, shell)?;
                let text = value.as_ref().and_then(|v| v.known());
                text.and_then(|t| parameter::substring(t, &p.argument)).map(|t| Value::from(t.as_str()))
            }
            _ => {
                let _ = self.document(&p.argument, shell)?;
                let text = value.as_ref().and_then(|v| v.known());
                let done = text.and_then(|t| parameter::transformed(operator, &p.argument, t));
                done.map(|t| Value::from(t.as_str()))
            }
        };
        Ok(out.unwrap_or(unknown))
    }

    /// The argument of an expansion in double quotes: its double quotes mean nothing, single ones are text.
    fn document_argument(&mut self, raw: &str, shell: &mut Shell) -> Result<Value, Limit> {
        let value = self.document(raw, shell)?;
        if !raw.contains('"') {
            return Ok(value);
        }
        let mut out = Value::default();
        for part in value.parts() {
            match part {
                Part::Text(text) => out.push_text(&text.replace('"', "")),
                other => out.push(other.clone()),
            }
        }
        Ok(out)
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

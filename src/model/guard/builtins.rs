//! Builtins that change the shell itself, or run text in it.

use super::assign::assignment;
use super::limits::Limit;
use super::parameter;
use super::reader::{Reader, nothing};
use super::reading::{Call, Dir, Stream};
use super::shell::{Positional, Shell, Variable};
use super::value::{Part, Taint, Value};

impl Reader<'_> {
    /// Runs a builtin; `None` if the word is none that matters here.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn builtin(&mut self, word: &str, call: &Call, shell: &mut Shell) -> Result<Option<Stream>, Limit> {
        let args = call.args();
        let output = match word {
            "cd" | "chdir" | "pushd" => {
                self.change_dir(word == "pushd", args, shell);
                nothing()
            }
            "popd" => {
                let dir = shell.stack.pop().unwrap_or(Dir::Unknown);
                shell.old_dir = shell.dirs.first().cloned();
                shell.dirs = vec![dir];
                nothing()
            }
            "export" | "declare" | "typeset" | "local" | "readonly" => {
                self.declare(word, args, shell)?;
                nothing()
            }
            "set" => {
                set_positional(args, shell);
                nothing()
            }
            "shift" => {
                let count = args.first().map_or(Some(1), |n| n.known()?.parse::<usize>().ok());
                let shifted = |positional: &Positional| {
                    let mut values = positional.as_ref()?.as_ref().clone();
                    let end = (count? + 1).min(values.len());
                    values.drain(1.min(end)..end);
                    Some(std::rc::Rc::new(values))
                };
                shell.positional = shell.positional.iter().map(shifted).collect();
                nothing()
            }
            "unset" => {
                for name in args.iter().filter_map(|a| a.known()).filter(|n| !n.starts_with('-')) {
                    shell.set(name, vec![Variable::Unset]);
                }
                nothing()
            }
            "alias" => {
                for (name, text) in args.iter().filter_map(|a| a.split_once('=')) {
                    let text = self.text_of(&text);
                    shell.set_alias(name, text);
                }
                nothing()
            }
            "eval" => {
                let args = match args.split_first() {
                    Some((first, rest)) if first.known() == Some("--") => rest,
                    _ => args,
                };
                let mut text = Value::default();
                for (i, arg) in args.iter().enumerate() {
                    if i > 0 {
                        text.push_text(" ");
                    }
                    text.append(arg);
                }
                self.execute("eval", &text, shell)?
            }
            "source" | "." => match args.first() {
                Some(path) => {
                    let outer = shell.positional.clone();
                    if args.len() > 1 {
                        shell.set_positional(args.to_vec());
                    }
                    let outer_stdin = std::mem::replace(&mut shell.stdin, call.stdin.clone());
                    let output = self.execute_file(word, path, shell)?;
                    shell.stdin = outer_stdin;
                    shell.positional = outer;
                    output
                }
                None => nothing(),
            },
            "trap" => {
                if let Some(text) = args.iter().find(|a| !a.starts_with("-")) {
                    self.execute("trap", text, &mut shell.clone())?;
                }
                nothing()
            }
            "read" => {
                let ifs = call.env.iter().rev().find(|(name, _)| name == "IFS");
                let separators = match ifs.and_then(|(_, value)| value.known()) {
                    Some(separators) => separators.to_owned(),
                    None => self.separators(shell),
                };
                read_variables(args, &call.stdin, &separators, shell);
                nothing()
            }
            "mapfile" | "readarray" => {
                let name =
                    args.iter().filter_map(|a| a.known()).rfind(|a| !a.starts_with('-')).unwrap_or("MAPFILE");
                let list = lines(&call.stdin).map_or_else(
                    || vec![("0".to_owned(), Value::unknown(&format!("${name}"), call.stdin.taint, true))],
                    |lines| lines.into_iter().enumerate().map(|(i, l)| (i.to_string(), l)).collect(),
                );
                shell.set(name, vec![Variable::List(list)]);
                nothing()
            }
            "printf" if args.first().and_then(|a| a.known()) == Some("-v") => {
                if let [_, name, rest @ ..] = args {
                    let value = super::outputs::printf(rest);
                    let name = name.known().unwrap_or_default();
                    let value = value.unwrap_or_else(|| Value::unknown(&format!("${name}"), Taint::NONE, true));
                    shell.set_scalar(name, value);
                }
                nothing()
            }
            "getopts" => {
                if let Some(name) = args.get(1).and_then(|a| a.known()) {
                    shell.forget(name);
                    shell.forget("OPTARG");
                }
                nothing()
            }
            _ => return Ok(None),
        };
        Ok(Some(output))
    }

    fn change_dir(&mut self, pushes: bool, args: &[Value], shell: &mut Shell) {
        let before = self.dir(shell);
        let target = args.iter().find(|a| !(a.starts_with("-") && a.known().is_some_and(|t| t.len() > 1)));
        let home = Dir::Known(self.context.home.clone());
        let dirs = match target {
            None if pushes => vec![shell.stack.pop().unwrap_or(Dir::Unknown)],
            None => vec![self.home_dir(shell).unwrap_or(home)],
            Some(value) if value.known() == Some("-") => vec![shell.old_dir.clone().unwrap_or(Dir::Unknown)],
            Some(value) => {
                let dir = self.dir_of(value, shell);
                match (&dir, value.parts()) {
                    // Empty and unquoted it goes home, empty and quoted it stays.
                    (Dir::Unknown, [Part::Unknown(unknown)]) if !unknown.filled => {
                        vec![dir.clone(), if unknown.splits { home } else { before.clone() }]
                    }
                    _ => vec![dir],
                }
            }
        };
        if pushes {
            shell.stack.push(before.clone());
        }
        shell.old_dir = Some(before);
        shell.dirs = dirs;
    }

    /// What `HOME` says, where the line has set it.
    fn home_dir(&mut self, shell: &Shell) -> Option<Dir> {
        match shell.variable("HOME")?.first()? {
            Variable::Scalar(value) => value.known().map(|home| Dir::Known(home.into())),
            _ => None,
        }
    }

    fn declare(&mut self, word: &str, args: &[Value], shell: &mut Shell) -> Result<(), Limit> {
        let exports = word == "export" || args.iter().any(|a| a.starts_with("-") && a.if_empty().contains('x'));
        let flags = |flag: char| args.iter().any(|a| a.starts_with("-") && a.if_empty().contains(flag));
        for arg in args.iter().filter(|a| !a.starts_with("-")) {
            // An assignment was carried out when the words were read, unless it was put together there.
            if let Some((name, value)) = arg.split_once('=') {
                let is_raw = arg.known().is_some_and(|raw| assignment(raw).is_some());
                if !is_raw || shell.variable(name).is_none() {
                    shell.set_scalar(name, value);
                }
                if exports {
                    shell.export(name.trim_end_matches('+'));
                }
            } else if exports && let Some(name) = arg.known() {
                shell.export(name);
                if flags('f') {
                    shell.export(&format!("{name}()"));
                }
            }
            let name =
                arg.split_once('=').map_or_else(|| arg.if_empty().into_owned(), |(name, _)| name.to_owned());
            if flags('n') && word != "export" {
                shell.refer(&name);
            }
            // `-l` and `-u` change the letters of what is assigned.
            if flags('l') || flags('u') {
                let operator = if flags('l') { ",," } else { "^^" };
                let held = shell.variable(&name).and_then(<[_]>::first).cloned();
                if let Some(Variable::Scalar(value)) = held
                    && let Some(text) = value.known().and_then(|t| parameter::transformed(operator, "", t))
                {
                    shell.set_scalar(&name, Value::from(text.as_str()));
                }
            }
        }
        Ok(())
    }
}

fn set_positional(args: &[Value], shell: &mut Shell) {
    let mut rest = args;
    while let Some((first, behind)) = rest.split_first() {
        match first.known() {
            Some("--") => {
                rest = behind;
                break;
            }
            Some(option) if option.starts_with(['-', '+']) && option.len() > 1 => {
                rest = if option.ends_with('o') { behind.get(1..).unwrap_or_default() } else { behind };
                if rest.is_empty() {
                    return;
                }
            }
            _ => break,
        }
    }
    if args.is_empty() {
        return;
    }
    let values = std::iter::once(Value::from("bash")).chain(rest.iter().cloned()).collect();
    shell.set_positional(values);
}

/// The lines of a stream, where they are known.
fn lines(stream: &Stream) -> Option<Vec<Value>> {
    let text = stream.text.as_ref()?;
    let mut lines: Vec<Value> = words_between(text, "\n");
    if lines.last().is_some_and(|last| last.parts().is_empty()) {
        lines.pop();
    }
    Some(lines)
}

/// A value's characters between separators. Those that would make a pattern stay characters; a pattern stays what
/// it is: the names of the files that it stands for have been put in its place.
fn words_between(value: &Value, separators: &str) -> Vec<Value> {
    let mut out = vec![Value::default()];
    for part in value.parts() {
        let Part::Text(text) = part else {
            if let Some(last) = out.last_mut() {
                last.push(part.clone());
            }
            continue;
        };
        for (i, piece) in text.split(|c| separators.contains(c)).enumerate() {
            if i > 0 {
                out.push(Value::default());
            }
            if let Some(last) = out.last_mut() {
                last.push_text(piece);
            }
        }
    }
    out
}

/// `read`: each line of a known input is one possible value.
fn read_variables(args: &[Value], stdin: &Stream, separators: &str, shell: &mut Shell) {
    const WITH_VALUE: [char; 7] = ['d', 'i', 'n', 'N', 'p', 't', 'u'];
    let mut names = Vec::new();
    let mut array = None;
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(text) = arg.known() else { continue };
        match text.strip_prefix('-') {
            Some(letters) if !letters.is_empty() => match letters.find(WITH_VALUE) {
                Some(at) if at + 1 == letters.len() => drop(rest.next()),
                Some(_) => {}
                None if letters.ends_with('a') => array = rest.next().and_then(|a| a.known()),
                None => {}
            },
            _ => names.push(text),
        }
    }
    let unknown = |name: &str| Value::unknown(&format!("${name}"), stdin.taint, true);
    let lines = lines(stdin).filter(|lines| !lines.is_empty());
    if let Some(name) = array {
        let values = lines.map(|lines| {
            let fields = lines.iter().flat_map(|line| parameter::split_fields(line, separators));
            fields.enumerate().map(|(i, (value, _))| (i.to_string(), value)).collect()
        });
        let list = values.unwrap_or_else(|| vec![("0".to_owned(), unknown(name))]);
        shell.set(name, vec![Variable::List(list)]);
        return;
    }
    if names.is_empty() {
        names.push("REPLY");
    }
    for (i, name) in names.iter().enumerate() {
        let values: Option<Vec<Variable>> = lines.as_ref().map(|lines| {
            lines
                .iter()
                .take(16)
                .map(|line| Variable::Scalar(field_of(line, i, i + 1 == names.len(), separators)))
                .collect()
        });
        shell.set(name, values.unwrap_or_else(|| vec![Variable::Scalar(unknown(name))]));
    }
}

/// The field of a line that the n-th name of `read` gets; the last one gets the rest.
fn field_of(line: &Value, n: usize, last: bool, separators: &str) -> Value {
    let mut fields = words_between(line, separators).into_iter().filter(|v| !v.parts().is_empty());
    let mut value = fields.by_ref().nth(n).unwrap_or_default();
    if last {
        for more in fields {
            value.push_text(" ");
            value.append(&more);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_read_get_their_fields() {
        let line = Value::from("a b c d");
        assert_eq!(field_of(&line, 0, false, " ").known(), Some("a"));
        assert_eq!(field_of(&line, 1, true, " ").known(), Some("b c d"));
        assert_eq!(field_of(&line, 9, false, " ").known(), Some(""));
    }
}

//! What a call of such a function does, as shell commands.

use super::functions::Text;
use super::primitives::{Does, Primitive};
use super::tokens::Token;
use super::values::{Argument, closing};
use super::{Same, field, shell_text};
use crate::model::guard::value::{Part, Value};

impl Text<'_> {
    /// Says a call with these arguments otherwise; its name stands at `i`.
    pub(super) fn call(&self, primitive: &Primitive, arguments: &[Argument], i: usize, same: &mut Same) {
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

//! What parameters stand for: `$X`, `${X:-y}`, `"$@"`, `${a[0]}`.

use super::super::limits::Limit;
use super::super::parameter;
use super::super::reader::Reader;
use super::super::shell::{Positional, Shell, Variable};
use super::super::value::{Part, Taint, Value};
use super::super::words::Parameter;

impl Reader<'_> {
    pub(super) fn picked(&mut self, name: &str, values: usize) -> usize {
        if values > 1 && !self.choice.met.iter().any(|(n, _)| n == name) {
            self.choice.met.push((name.to_owned(), values));
        }
        self.choice.picks.iter().find(|(n, _)| n == name).map_or(0, |(_, i)| *i)
    }

    /// What a variable holds, of several values the one that is looked at.
    pub(super) fn pick(&mut self, name: &str, shell: &Shell) -> Option<Variable> {
        let values = shell.variable(name)?;
        let number = self.picked(name, values.len());
        values.get(number).or_else(|| values.first()).cloned()
    }

    /// `$0`, `$1`, …, of several possible ones those that are looked at.
    pub(super) fn positional(&mut self, shell: &Shell) -> Positional {
        let number = self.picked("(positional)", shell.positional.len());
        shell.positional.get(number).cloned().flatten()
    }

    /// The values of `$@`, `$*`, `${a[@]}` and their like, where the parameter is one of these and nothing
    /// is done to it.
    pub(super) fn every(&mut self, parameter: &Parameter, shell: &Shell) -> Option<Vec<Value>> {
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
    pub(super) fn plain(
        &mut self,
        name: &str,
        subscript: Option<&str>,
        shell: &mut Shell,
    ) -> Result<Option<Value>, Limit> {
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

    pub(super) fn parameter(&mut self, p: &Parameter, shell: &mut Shell) -> Result<Value, Limit> {
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
    pub(super) fn document_argument(&mut self, raw: &str, shell: &mut Shell) -> Result<Value, Limit> {
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

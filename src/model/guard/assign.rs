//! Assignments, those of arrays included.

use std::collections::BTreeSet;

use rable::NodeKind;

use super::limits::Limit;
use super::reader::{Reader, raw};
use super::shell::{Shell, Variable};
use super::value::{Taint, Value};

impl Reader<'_> {
    /// Carries out an assignment, with the way of writing that arrays have.
    pub fn assign(&mut self, raw: &str, shell: &mut Shell) -> Result<(), Limit> {
        let Some((name, appends, text)) = assignment(raw) else { return Ok(()) };
        let (name, key) = match name.split_once('[') {
            Some((name, key)) => (name, Some(self.value(key.trim_end_matches(']'), shell)?)),
            None => (name, None),
        };
        if let Some(items) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) {
            let mut list = match shell.variable(name).and_then(<[_]>::first) {
                Some(Variable::List(old)) if appends => old.clone(),
                _ => Vec::new(),
            };
            let mut keys: BTreeSet<String> = list.iter().map(|(key, _)| key.clone()).collect();
            for (key, item) in self.items(items, shell)? {
                let index = key.unwrap_or_else(|| list.len().to_string());
                if !keys.insert(index.clone()) {
                    list.retain(|(k, _)| *k != index);
                }
                list.push((index, item));
            }
            shell.set(name, vec![Variable::List(list)]);
            return Ok(());
        }
        let value = self.assigned(text, shell)?;
        // It runs before each prompt of an interactive shell, and once more when this one ends.
        if name == "PROMPT_COMMAND" {
            self.execute("PROMPT_COMMAND", &value, &mut shell.clone())?;
        }
        let old = shell.variable(name).and_then(<[_]>::first).cloned();
        let new = match (key, old) {
            (Some(key), old) => {
                let mut list = match old {
                    Some(Variable::List(list)) => list,
                    _ => Vec::new(),
                };
                self.budget.spend(list.len() / 8)?; // the list is copied for one item
                let key = key.if_empty().into_owned();
                list.retain(|(k, _)| *k != key);
                list.push((key, value));
                Variable::List(list)
            }
            (None, Some(Variable::Scalar(mut old))) if appends => {
                self.budget.spend(old.size() / 4096)?; // so is the text
                old.append(&value);
                Variable::Scalar(old)
            }
            (None, Some(Variable::Unset)) => Variable::Scalar(value),
            (None, None) if appends => {
                let mut old = Value::unknown(&format!("${name}"), Taint::NONE, true);
                old.append(&value);
                Variable::Scalar(old)
            }
            (None, _) => Variable::Scalar(value),
        };
        shell.set(name, vec![new]);
        Ok(())
    }

    /// An assigned value: tildes stand behind colons too.
    fn assigned(&mut self, raw: &str, shell: &mut Shell) -> Result<Value, Limit> {
        if !raw.contains(":~") {
            return self.value(raw, shell);
        }
        let mut out = Value::default();
        for (i, part) in raw.split(":~").enumerate() {
            if i > 0 {
                out.push_text(":");
            }
            out.append(&self.value(&if i > 0 { format!("~{part}") } else { part.to_owned() }, shell)?);
        }
        Ok(out)
    }

    /// The items of an array, or of anything else that is a row of words.
    fn items(&mut self, text: &str, shell: &mut Shell) -> Result<Vec<(Option<String>, Value)>, Limit> {
        // The parser keeps an array as one word; as arguments of a command its items come apart.
        let line = format!(": {text}");
        let Ok(nodes) = rable::parse(&line, true) else {
            self.unreadable(text, "an array that cannot be read");
            return Ok(Vec::new());
        };
        let mut items = Vec::new();
        for node in nodes {
            if let NodeKind::Command { words, .. } = &node.kind {
                let first = usize::from(items.is_empty());
                for word in words.iter().skip(first) {
                    let raw = raw(word);
                    if let Some((key, value)) = raw.strip_prefix('[').and_then(|item| item.split_once("]=")) {
                        let key = self.value(key, shell)?.if_empty().into_owned();
                        items.push((Some(key), self.value(value, shell)?));
                    } else {
                        items.extend(self.fields(&raw, shell)?.into_iter().map(|value| (None, value)));
                    }
                }
            }
        }
        Ok(items)
    }
}

/// The name, whether it appends, and the raw value of an assignment.
#[must_use]
pub fn assignment(raw: &str) -> Option<(&str, bool, &str)> {
    let end = raw.find(|c: char| !c.is_ascii_alphanumeric() && c != '_')?;
    if end == 0 || raw.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut name_end = end;
    if raw.get(end..)?.starts_with('[') {
        name_end = super::scan::close(raw, end + 1, '[', false)? + 1;
    }
    let (name, rest) = raw.split_at_checked(name_end)?;
    if let Some(value) = rest.strip_prefix("+=") {
        return Some((name, true, value));
    }
    rest.strip_prefix('=').map(|value| (name, false, value))
}

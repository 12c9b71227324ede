//! Text of other languages: what their own functions run, delete and write, said as shell commands and judged
//! like these, each by its own rule.
//!
//! No language is parsed. Strings are told from the rest, functions are looked up in tables, and an argument
//! is followed through assignments, joins and the ways to name the home. A string that is only printed, or a
//! path without such a function, is nothing. What an argument could be if nobody knows it: for a function that
//! deletes or runs, any path or command that stands in the same text.

mod commands;
mod editors;
mod functions;
mod primitives;
mod tokens;
mod values;

#[cfg(test)]
mod tests;

use crate::model::guard::limits::{self, Limit};
use crate::model::guard::reader;
use crate::model::guard::reading::{Dir, Place, Reading};
use crate::model::guard::value::{Part, Taint, Value};
use crate::model::guard::verdict::Finding;
use crate::model::guard::world::Context;

/// How deep text in text is followed: `python -c` that runs `perl -e` that runs a shell.
const MAX_DEPTH: usize = 3;

/// The most commands that are made of all the texts of one line.
const MAX_COMMANDS: usize = 512;

/// What a text does, said otherwise.
#[derive(Default)]
struct Same {
    /// Shell text.
    shell: Vec<String>,
    /// Text of its own language.
    code: Vec<String>,
    /// Text of another language.
    others: Vec<(&'static str, String)>,
    /// What is executed and not known, by what has flowed into it.
    executed: Vec<Taint>,
    /// How many calls of functions of the tables there were.
    calls: usize,
    /// Whether it was too much to be read.
    limit: Option<Limit>,
}

/// A text that is still to be judged.
struct Pending {
    language: String,
    text: String,
    dir: Dir,
    place: Place,
    depth: usize,
}

/// Holds the texts of a reading against all rules.
pub fn judge(reading: &Reading, context: &Context<'_>, findings: &mut Vec<Finding>) {
    let pending = |code: &crate::model::guard::reading::Code, depth| Pending {
        language: code.language.clone(),
        text: code.text.if_empty().into_owned(),
        dir: code.dir.clone(),
        place: code.place.clone(),
        depth,
    };
    let mut todo: Vec<Pending> = reading.code.iter().map(|code| pending(code, 0)).collect();
    let mut left = MAX_COMMANDS;
    let mut bytes = limits::MAX_BYTES;
    while let Some(next) = todo.pop() {
        let Some(rest) = bytes.checked_sub(next.text.len()) else {
            let limit = Limit { what: "bytes of text in other languages", most: limits::MAX_BYTES };
            return findings.push(over(&limit));
        };
        bytes = rest;
        let mut same = translate(&next.language, &next.text, context);
        for taint in same.executed.drain(..) {
            super::network::judge_text(&next.language, taint, None, findings);
        }
        same.shell.sort();
        same.shell.dedup();
        left = match left.checked_sub(same.shell.len()) {
            Some(left) if same.limit.is_none() => left,
            _ => {
                let limit = Limit { what: "commands in other languages", most: MAX_COMMANDS };
                return findings.push(over(same.limit.as_ref().unwrap_or(&limit)));
            }
        };
        for mut inner in read(&same.shell, &next, context, findings) {
            let code = std::mem::take(&mut inner.code);
            let before = findings.len();
            super::judge(&inner, context, findings);
            for finding in findings.iter_mut().skip(before) {
                finding.reading = format!("{}: {}", next.language, finding.reading);
            }
            if next.depth < MAX_DEPTH {
                todo.extend(code.iter().map(|code| pending(code, next.depth + 1)));
            }
        }
        if next.depth < MAX_DEPTH {
            let own = same.code.into_iter().map(|text| (next.language.clone(), text));
            let others = same.others.into_iter().map(|(language, text)| (language.to_owned(), text));
            todo.extend(own.chain(others).map(|(language, text)| Pending {
                language,
                text,
                dir: next.dir.clone(),
                place: next.place.clone(),
                depth: next.depth + 1,
            }));
        }
    }
}

fn over(limit: &Limit) -> Finding {
    Finding { rule: "input.limit", reading: limit.to_string() }
}

/// Says a text otherwise.
fn translate(language: &str, text: &str, context: &Context<'_>) -> Same {
    let home = context.home.to_string_lossy();
    let mut same = Same::default();
    match language {
        "sed" => editors::sed(text, &mut same),
        "make" => editors::make(text, &mut same),
        _ => {
            let tokens = tokens::tokens(text, language);
            functions::translate(language, &tokens, &home, &mut same);
            match language {
                "awk" => editors::awk(&tokens, &mut same),
                "vim" | "ed" => editors::vim(text, &mut same),
                "emacs" => editors::emacs(text, &tokens, &mut same),
                _ => {}
            }
        }
    }
    same
}

/// Reads commands, each for itself, where the text runs. All at once where that can be done: they share one budget.
fn read(commands: &[String], of: &Pending, context: &Context<'_>, findings: &mut Vec<Finding>) -> Vec<Reading> {
    if commands.is_empty() {
        return Vec::new();
    }
    let start = match &of.dir {
        Dir::Known(dir) if *dir == context.cwd => String::new(),
        Dir::Known(dir) => format!("cd {}\n", field(&Value::from(&*dir.to_string_lossy()))),
        Dir::Unknown => "cd \"${directory_of_the_code}\"\n".to_owned(),
    };
    let together: String = commands.iter().map(|command| format!("(\n{command}\n)\n")).collect();
    let alone = |text: &str, findings: &mut Vec<Finding>| match reader::read_at(
        &format!("{start}{text}"),
        context,
        of.place.clone(),
    ) {
        Ok(reading) => Some(reading),
        Err(limit) => {
            findings.push(over(&limit));
            None
        }
    };
    // A here-document without its end would take what follows with it.
    if !commands.iter().any(|command| command.contains("<<"))
        && let Some(reading) = alone(&together, findings)
        && reading.unparsed.is_empty()
    {
        return vec![reading];
    }
    commands.iter().filter_map(|command| alone(command, findings)).collect()
}

/// A value as one field of a command.
fn field(value: &Value) -> String {
    let mut out = String::new();
    for part in value.parts() {
        match part {
            Part::Text(text) | Part::Glob(text) => {
                out.push_str(&shlex::try_quote(text).unwrap_or(std::borrow::Cow::Borrowed("''")));
            }
            Part::Unknown(_) => out.push_str("\"${value_of_the_code}\""),
        }
    }
    if out.is_empty() { "''".to_owned() } else { out }
}

/// A value as shell text.
fn shell_text(value: &Value) -> Option<String> {
    let mut out = String::new();
    for part in value.parts() {
        match part {
            Part::Text(text) | Part::Glob(text) => out.push_str(text),
            Part::Unknown(_) => out.push_str("${value_of_the_code}"),
        }
    }
    (!out.trim().is_empty()).then_some(out)
}

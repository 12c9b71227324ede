//! `env`: variables, a directory, and words that it splits itself.

use super::{Inner, assignments, commands, words};
use crate::model::guard::options::{self, Grammar};
use crate::model::guard::reading::Call;
use crate::model::guard::value::Value;

/// GNU and BSD.
const ENV: Grammar = Grammar::stop(
    "0vP:L:U:",
    &[
        "i,ignore-environment",
        "null",
        "u,unset=",
        "C,chdir=",
        "S,split-string=",
        "a,argv0=",
        "block-signal?",
        "default-signal?",
        "ignore-signal?",
        "list-signal-handling",
        "debug",
    ],
);

/// How often `-S` may hold another `-S`.
const MAX_SPLITS: usize = 4;

/// How its line is read.
pub(super) fn reader(name: &str) -> Option<fn(&str, &Call) -> Vec<Inner>> {
    matches!(name, "env" | "genv").then_some(|_, call| read(call.args().to_vec(), None, MAX_SPLITS))
}

fn read(args: Vec<Value>, dir: Option<Value>, splits: usize) -> Vec<Inner> {
    let parsed = options::read(&ENV, &args);
    let dir = parsed.value("C").cloned().or(dir);
    if let Some(split) = parsed.options.iter().find(|o| o.name == "S") {
        // The words of the text stand in its place, and may be options again.
        let text = split.value().cloned().unwrap_or_default();
        if splits == 0 {
            return vec![Inner::shell(text)];
        }
        let mut new = words::split(&text);
        new.extend(args.get(split.end..).unwrap_or_default().iter().cloned());
        let mut found = read(new, dir, splits - 1);
        // It puts in `${NAME}` itself, as a shell would.
        if text.if_empty().contains("${") {
            let mut line = Value::from("env ");
            line.append(&text);
            found.push(Inner::shell(line));
        }
        return found;
    }
    let run = |command: &[Value]| {
        // A lone dash is `-i`.
        let command = match command.split_first() {
            Some((first, rest)) if first.known() == Some("-") => rest,
            _ => command,
        };
        let (env, command) = assignments(command);
        (!command.is_empty()).then(|| Inner::argv(command.to_vec()).with(dir.as_ref(), &env))
    };
    commands(&parsed, &args, 0).into_iter().filter_map(run).collect()
}

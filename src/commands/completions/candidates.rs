//! What may stand at a word of a line: clap knows the commands and options, the name of a value says what it is.

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use super::names::Names;
use super::values::{Kind, kind};
use crate::env::Global;
use crate::model::name::{printable, shown};

/// One of them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) value: String,
    /// One line; may be empty.
    pub(super) help: String,
}

/// What may stand at the word of that index, the program's name being word 0.
pub(super) fn of(command: clap::Command, global: &Global, words: &[OsString], index: usize) -> Vec<Candidate> {
    let before = &words[..index.min(words.len())];
    let begun = words.get(index).cloned().unwrap_or_default();
    let names = Arc::new(Names::new(global, before));
    let line: Vec<OsString> = before.iter().chain([&begun]).cloned().collect();
    let found = complete(&mut described(command, &names), line, before.len(), None).unwrap_or_default();
    let one = |found: &CompletionCandidate| Candidate {
        value: found.get_value().to_string_lossy().into_owned(),
        help: found
            .get_help()
            .map(|h| shown(h.to_string().lines().next().unwrap_or_default()))
            .unwrap_or_default(),
    };
    // Names of files are anybody's: nothing that a terminal would obey.
    let found = found.iter().map(one).filter(|c| printable(&c.value) == c.value);
    let (options, others): (Vec<_>, Vec<_>) = found.partition(|c| c.value.starts_with('-'));
    // Where something else fits, options are for whoever begins one.
    if begun.is_empty() && !others.is_empty() { others } else { others.into_iter().chain(options).collect() }
}

/// The command line, with what its values may be.
fn described(command: clap::Command, names: &Arc<Names>) -> clap::Command {
    let verb = command.get_name().to_owned();
    command
        .mut_args(|arg| match kind(&arg, &verb) {
            Some(kind) => arg.add(completer(kind, names.clone())),
            None => arg,
        })
        .mut_subcommands(|command| described(command, names))
}

fn completer(kind: Kind, names: Arc<Names>) -> ArgValueCompleter {
    ArgValueCompleter::new(move |begun: &OsStr| {
        let begun = begun.to_string_lossy();
        // What files there are is the shell's; a word that begins an option is none.
        let is_path = kind == Kind::Path && !begun.starts_with('-');
        let fits = |value: &str| is_path || value.starts_with(&*begun);
        let all = names.values(kind, begun.contains(':'));
        let one = |(value, help): (String, String)| CompletionCandidate::new(value).help(Some(help.into()));
        all.into_iter().filter(|(value, _)| fits(value)).map(one).collect::<Vec<_>>()
    })
}

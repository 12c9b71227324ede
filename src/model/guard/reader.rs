//! Reads a line of shell text: walks the parser's tree the way the shell would run it.
//!
//! `reader.rs` goes through lists and functions, `compound.rs` through groups, loops and branches, `expand.rs` makes fields of words,
//! `run.rs` runs one command, `builtins.rs` those that change the shell itself, `outputs.rs` knows what
//! some commands print.

mod compound;
mod ways;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rable::ast::ListOperator;
use rable::{Node, NodeKind};

use super::expand::Choice;
use super::limits::{Budget, Limit};
use super::reading::{Dir, Place, Reading, Stream, Unparsed};
use super::shell::Shell;
use super::value::{Unknown, Value};
use super::world::Context;
use super::{bomb, expand};

/// What is being read, and what has been found.
pub struct Reader<'a> {
    /// Where and as whom.
    pub context: &'a Context<'a>,
    /// What has been found.
    pub reading: Reading,
    /// What it may still cost.
    pub budget: Budget,
    /// What the marks in text stand for (see `expand.rs`).
    pub unknowns: Vec<Unknown>,
    /// Which of several values is looked at.
    pub choice: Choice,
    /// The wrappers around what is being read.
    pub via: Vec<String>,
    /// Where it runs.
    pub place: Place,
    /// Process substitutions so far: each gets a file name.
    pub processes: usize,
    /// The functions that are being read.
    pub calling: Vec<String>,
    /// The text that is being read.
    source: String,
    /// The texts of `>(…)`, by the file names that the commands see.
    pub sinks: BTreeMap<PathBuf, String>,
    /// The named pipes that the line makes.
    pub pipes: BTreeSet<PathBuf>,
}

/// How a construct ends: its output, and the state in which it fails, where that differs from the one in
/// which it succeeds.
pub struct Ended {
    /// What it prints.
    pub output: Stream,
    /// The state if it fails; the shell that was passed in holds the state if it succeeds.
    pub failed: Option<Box<Shell>>,
}

impl From<Stream> for Ended {
    fn from(output: Stream) -> Self {
        Ended { output, failed: None }
    }
}

/// Reads shell text.
///
/// # Errors
/// If it is over a limit.
pub fn read(text: &str, context: &Context<'_>) -> Result<Reading, Limit> {
    read_at(text, context, Place::Here)
}

/// Reads shell text that runs at a place.
///
/// # Errors
/// If it is over a limit.
pub fn read_at(text: &str, context: &Context<'_>, place: Place) -> Result<Reading, Limit> {
    let mut reader = Reader {
        context,
        reading: Reading::default(),
        budget: Budget::default(),
        unknowns: Vec::new(),
        choice: Choice::default(),
        via: Vec::new(),
        place,
        processes: 0,
        calling: Vec::new(),
        source: String::new(),
        sinks: BTreeMap::new(),
        pipes: BTreeSet::new(),
    };
    let mut shell = Shell::new(Dir::Known(context.cwd.clone()));
    let start = shell.clone();
    reader.text(text, &mut shell)?;
    // Who reads a named pipe may stand in front of who writes into it: a second time, with what was written.
    if !reader.pipes.is_empty() {
        let mut again = start;
        for path in &reader.pipes {
            if let Some(stream) = shell.file(path) {
                again.write_file(path.clone(), stream.clone());
            }
        }
        reader.text(text, &mut again)?;
    }
    Ok(reader.reading)
}

/// Parses a text, where the parser goes wrong in a form of its own that it reads right.
fn parse(text: &str) -> rable::Result<Vec<Node>> {
    // It forgets the here-documents in `for ((…))`, and gives them to those that come behind.
    if text.contains("<<")
        && text.contains("((")
        && let Cow::Owned(other) = replaced(text, r"(?-u:\b)for[ \t]*\(\(", "while ((")
        && let Ok(nodes) = rable::parse(&other, true)
    {
        return Ok(nodes);
    }
    rable::parse(text, true).or_else(|error| {
        // Behind `time -p` it knows no keyword.
        match replaced(text, r"(?-u:\b)time[ \t]+-p(?-u:\b)", "time") {
            Cow::Owned(other) => rable::parse(&other, true),
            Cow::Borrowed(_) => Err(error),
        }
    })
}

fn replaced<'t>(text: &'t str, pattern: &str, by: &str) -> Cow<'t, str> {
    match regex::Regex::new(pattern) {
        Ok(pattern) => pattern.replace_all(text, by),
        Err(_) => Cow::Borrowed(text),
    }
}

/// Two outputs, one behind the other.
fn joined(mut first: Stream, second: Stream) -> Stream {
    first.taint = first.taint.and(second.taint);
    first.text = match (first.text.take(), second.text) {
        (Some(mut a), Some(b)) => {
            a.append(&b);
            Some(a)
        }
        _ => None,
    };
    first
}

/// An output of nothing.
pub fn nothing() -> Stream {
    expand::literal("")
}

impl Reader<'_> {
    /// Reads text as the given shell would run it.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn text(&mut self, text: &str, shell: &mut Shell) -> Result<Stream, Limit> {
        self.budget.enter(text)?;
        let outer = std::mem::replace(&mut self.source, text.to_owned());
        // In front of a text that is run they say nothing of its commands.
        let via = self.via.clone();
        self.via.retain(|wrapper| !matches!(wrapper.as_str(), "command" | "builtin"));
        // A carriage return at a line's end belongs to the word for bash, and to nothing for people.
        let output = match parse(text) {
            Ok(nodes) => self.lines(&nodes, shell)?,
            Err(error) => {
                self.unreadable(text, &error.to_string());
                self.up_to_the_error(text, shell)?;
                Stream::default()
            }
        };
        self.source = outer;
        self.via = via;
        self.budget.leave();
        Ok(output)
    }

    /// Notes text that cannot be read.
    pub fn unreadable(&mut self, text: &str, reason: &str) {
        if self.reading.unparsed.iter().all(|u| u.text != text) {
            self.reading.unparsed.push(Unparsed { text: text.to_owned(), reason: reason.to_owned() });
        }
    }

    /// The shell runs line by line: what stands before the line with the error has run.
    fn up_to_the_error(&mut self, text: &str, shell: &mut Shell) -> Result<(), Limit> {
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        for _ in 0..8 {
            lines.pop();
            let before = lines.concat();
            if before.trim().is_empty() {
                return Ok(());
            }
            self.budget.enter(&before)?;
            if let Ok(nodes) = parse(&before) {
                self.lines(&nodes, shell)?;
                self.budget.leave();
                return Ok(());
            }
            self.budget.leave();
        }
        Ok(())
    }

    fn lines(&mut self, nodes: &[Node], shell: &mut Shell) -> Result<Stream, Limit> {
        let mut output = nothing();
        for node in nodes {
            let ended = self.node(node, shell)?;
            if let Some(failed) = ended.failed {
                shell.or(&failed);
            }
            output = joined(output, ended.output);
        }
        Ok(output)
    }

    /// A construct whose failure makes no difference to what follows.
    fn body(&mut self, node: &Node, shell: &mut Shell) -> Result<Stream, Limit> {
        self.lines(std::slice::from_ref(node), shell)
    }

    /// Reads one construct.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn node(&mut self, node: &Node, shell: &mut Shell) -> Result<Ended, Limit> {
        self.budget.step()?;
        match &node.kind {
            NodeKind::Command { assignments, words, redirects } => {
                self.simple(assignments, words, redirects, shell).map(Ended::from)
            }
            NodeKind::List { items } => self.list(items, shell),
            NodeKind::Pipeline { commands, .. } => self.pipeline(commands, shell).map(Ended::from),
            NodeKind::Negation { pipeline } => self.node(pipeline, shell),
            NodeKind::Time { pipeline, .. } => self.node(pipeline, shell),
            NodeKind::Coproc { command, .. } => self.body(command, &mut shell.clone()).map(Ended::from),
            NodeKind::Function { name, body } => {
                shell.define(name, (**body).clone());
                Ok(nothing().into())
            }
            NodeKind::Comment { .. } | NodeKind::Empty => Ok(nothing().into()),
            _ => self.compound(node, shell).map(Ended::from),
        }
    }

    fn list(&mut self, items: &[rable::ast::ListItem], shell: &mut Shell) -> Result<Ended, Limit> {
        let mut output = nothing();
        let mut failed: Option<Box<Shell>> = None;
        let mut before = None; // the operator in front of the item
        for item in items {
            let ended = match before {
                Some(ListOperator::Or) => {
                    // The right side runs where the left one has failed.
                    let mut right = failed.take().unwrap_or_else(|| Box::new(shell.clone()));
                    let ended = self.node(&item.command, &mut right)?;
                    shell.or(&right);
                    failed = Some(ended.failed.unwrap_or(right));
                    ended.output
                }
                Some(ListOperator::And) => {
                    let left = shell.clone();
                    let ended = self.node(&item.command, shell)?;
                    let mut any = failed.take().map_or(left.clone(), |f| *f);
                    any.or(&left);
                    if let Some(right) = ended.failed {
                        any.or(&right);
                    }
                    failed = Some(Box::new(any));
                    ended.output
                }
                _ => {
                    if let Some(failed) = failed.take() {
                        shell.or(&failed);
                    }
                    if item.operator == Some(ListOperator::Background) {
                        let mut other = shell.clone();
                        let output = self.body(&item.command, &mut other)?;
                        shell.take_files(&other);
                        output
                    } else {
                        let ended = self.node(&item.command, shell)?;
                        failed = ended.failed;
                        ended.output
                    }
                }
            };
            output = joined(output, ended);
            before = item.operator;
        }
        Ok(Ended { output, failed })
    }

    fn pipeline(&mut self, commands: &[Node], shell: &mut Shell) -> Result<Stream, Limit> {
        let mut flows = shell.stdin.clone();
        for command in commands {
            let mut stage = shell.clone();
            stage.stdin = flows;
            flows = self.body(command, &mut stage)?;
            shell.take_files(&stage);
        }
        Ok(flows)
    }

    /// Reads a construct in a subshell.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn in_subshell(&mut self, body: &Node, shell: &mut Shell) -> Result<Stream, Limit> {
        let mut inner = shell.clone();
        let output = self.body(body, &mut inner)?;
        shell.take_files(&inner);
        Ok(output)
    }

    /// Reads a function's body with its arguments.
    ///
    /// # Errors
    /// If a limit is passed.
    pub fn function(&mut self, name: &str, args: Vec<Value>, shell: &mut Shell) -> Result<Option<Stream>, Limit> {
        let Some(bodies) = shell.function(name) else { return Ok(None) };
        if bomb::multiplies(name, shell) && !self.reading.bombs.iter().any(|b| b == name) {
            self.reading.bombs.push(name.to_owned());
        }
        // One call deep is enough for a function that calls itself.
        if self.calling.iter().filter(|n| *n == name).count() > 1 {
            return Ok(Some(Stream::default()));
        }
        self.calling.push(name.to_owned());
        self.budget.deeper()?;
        let outer = std::mem::replace(&mut shell.positional, vec![Some(std::rc::Rc::new(args))]);
        let mut output = nothing();
        for body in bodies {
            output = either(output, self.body(&body, shell)?);
        }
        shell.positional = outer;
        self.budget.leave();
        self.calling.pop();
        Ok(Some(output))
    }

    /// Reads one command.
    fn simple(
        &mut self,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        shell: &mut Shell,
    ) -> Result<Stream, Limit> {
        self.each_way(shell, either, |reader, shell| reader.command(assignments, words, redirects, shell))
    }
}

/// One output or another.
pub fn either(first: Stream, second: Stream) -> Stream {
    let taint = first.taint.and(second.taint);
    let text = if first.text == second.text { first.text } else { joined(first, second).text };
    Stream { text, taint }
}

/// The raw text of a word.
pub fn raw(node: &Node) -> String {
    match &node.kind {
        NodeKind::Word { value, .. } | NodeKind::CondTerm { value, .. } => value.clone(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests;

//! Reads a line of shell text: walks the parser's tree the way the shell would run it.
//!
//! `reader.rs` goes through the constructs (lists, loops, functions), `expand.rs` makes fields of words,
//! `run.rs` runs one command, `builtins.rs` those that change the shell itself, `outputs.rs` knows what
//! some commands print.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rable::ast::ListOperator;
use rable::{Node, NodeKind};

use super::expand::Choice;
use super::limits::{Budget, Limit};
use super::reading::{Dir, Place, Reading, Redirect, Stream, Unparsed};
use super::run::Opened;
use super::shell::Shell;
use super::value::{Unknown, Value};
use super::world::Context;
use super::{bomb, expand};

/// The most ways that one command is read where its variables may have several values.
const MAX_WAYS: usize = 64;

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

    fn compound(&mut self, node: &Node, shell: &mut Shell) -> Result<Stream, Limit> {
        let redirects = redirects_of(node);
        let outer = shell.stdin.clone();
        // The parser gives the documents of these two to the ones that come behind them.
        if matches!(node.kind, NodeKind::ConditionalExpr { .. } | NodeKind::ArithmeticCommand { .. })
            && redirects.iter().any(|r| matches!(r.kind, NodeKind::HereDoc { .. }))
        {
            let source = self.source.clone();
            self.unreadable(&source, "a here-document for a test");
        }
        let opened = self.each_way(shell, Opened::and, |reader, shell| reader.redirects(redirects, shell))?;
        if let Some(stdin) = opened.stdin.clone() {
            shell.stdin = stdin;
        }
        let output = self.inside(node, shell)?;
        shell.stdin = outer;
        if opened.redirects.iter().any(Redirect::writes) {
            let call = self.call(Vec::new(), Vec::new(), &opened, shell);
            self.emit(call);
        }
        self.write(output, &opened.redirects, shell)
    }

    fn inside(&mut self, node: &Node, shell: &mut Shell) -> Result<Stream, Limit> {
        match &node.kind {
            NodeKind::Subshell { body, .. } => self.in_subshell(body, shell),
            NodeKind::BraceGroup { body, .. } => self.body(body, shell),
            NodeKind::If { condition, then_body, else_body, .. } => {
                let ended = self.node(condition, shell)?;
                let mut other = ended.failed.map_or_else(|| shell.clone(), |f| *f);
                let mut output = joined(ended.output, self.body(then_body, shell)?);
                if let Some(else_body) = else_body {
                    output = either(output, self.body(else_body, &mut other)?);
                }
                shell.or(&other);
                Ok(output)
            }
            NodeKind::While { condition, body, .. } | NodeKind::Until { condition, body, .. } => {
                let mut output = nothing();
                // The second round sees what the first has left.
                for _ in 0..2 {
                    let before = shell.clone();
                    let ended = self.node(condition, shell)?;
                    if let Some(failed) = ended.failed {
                        shell.or(&failed);
                    }
                    output = either(joined(output, ended.output), self.body(body, shell)?);
                    shell.or(&before);
                }
                Ok(Stream { text: None, ..output })
            }
            NodeKind::For { var, words, body, .. } | NodeKind::Select { var, words, body, .. } => {
                self.for_each(var, words.as_deref(), body, shell)
            }
            NodeKind::ForArith { init, cond, incr, body, .. } => {
                for text in [init, cond, incr] {
                    self.only_substituted(text, shell)?;
                }
                let before = shell.clone();
                self.body(body, shell)?;
                let output = self.body(body, shell)?;
                shell.or(&before);
                Ok(Stream { text: None, ..output })
            }
            NodeKind::Case { word, patterns, .. } => {
                self.each_way(shell, |(), ()| (), |reader, shell| reader.value(&raw(word), shell).map(drop))?;
                let before = shell.clone();
                let mut output = nothing();
                for item in patterns {
                    let mut branch = before.clone();
                    for pattern in &item.patterns {
                        let _ = self.value(&raw(pattern), &mut branch)?;
                    }
                    if let Some(body) = &item.body {
                        output = either(output, self.body(body, &mut branch)?);
                    }
                    shell.or(&branch);
                }
                Ok(output)
            }
            NodeKind::ArithmeticCommand { raw_content, .. } => {
                self.only_substituted(raw_content, shell)?;
                Ok(nothing())
            }
            NodeKind::ConditionalExpr { body, .. } => {
                self.each_way(shell, |(), ()| (), |reader, shell| reader.condition(body, shell))?;
                Ok(nothing())
            }
            _ => Ok(Stream::default()),
        }
    }

    /// Text of which nothing but what is substituted in it runs.
    fn only_substituted(&mut self, text: &str, shell: &mut Shell) -> Result<(), Limit> {
        self.each_way(shell, |(), ()| (), |reader, shell| reader.document(text, shell).map(drop))
    }

    /// The words of `[[ … ]]`: what is substituted in them runs.
    fn condition(&mut self, node: &Node, shell: &mut Shell) -> Result<(), Limit> {
        match &node.kind {
            NodeKind::CondAnd { left, right } | NodeKind::CondOr { left, right } => {
                self.condition(left, shell)?;
                self.condition(right, shell)
            }
            NodeKind::BinaryTest { op, left, right } if op == "=~" => self.matched(&raw(left), &raw(right), shell),
            NodeKind::BinaryTest { left, right, .. } => {
                self.condition(left, shell)?;
                self.condition(right, shell)
            }
            NodeKind::UnaryTest { operand, .. } | NodeKind::CondNot { operand } => self.condition(operand, shell),
            NodeKind::CondParen { inner } => self.condition(inner, shell),
            NodeKind::CondTerm { value, .. } => self.value(value, shell).map(drop),
            _ => self.value(&raw(node), shell).map(drop),
        }
    }

    fn for_each(
        &mut self,
        var: &str,
        words: Option<&[Node]>,
        body: &Node,
        shell: &mut Shell,
    ) -> Result<Stream, Limit> {
        // Each list that there may be, in its order: a body may gather its words to a command.
        let lists = |mut first: Vec<Vec<Value>>, second: Vec<Vec<Value>>| {
            let new: Vec<_> = second.into_iter().filter(|list| !first.contains(list)).collect();
            first.extend(new);
            first
        };
        let lists = self.each_way(shell, lists, |reader, shell| match words {
            Some(words) => {
                let mut values = Vec::new();
                for word in words {
                    values.append(&mut reader.fields(&raw(word), shell)?);
                }
                Ok(vec![values])
            }
            None => Ok(vec![reader.fields("\"$@\"", shell)?]),
        })?;
        let before = shell.clone();
        let mut output = nothing();
        for (n, list) in lists.into_iter().enumerate() {
            let (mut way, mut said) = (before.clone(), nothing());
            for value in list {
                way.set_scalar(var, value);
                said = joined(said, self.body(body, &mut way)?);
            }
            if n == 0 {
                (*shell, output) = (way, said);
            } else {
                shell.or(&way);
                output = either(output, said);
            }
        }
        shell.or(&before);
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

    /// Reads something in each way that its variables allow, and takes all of them as possible.
    fn each_way<T>(
        &mut self,
        shell: &mut Shell,
        both: fn(T, T) -> T,
        mut read: impl FnMut(&mut Self, &mut Shell) -> Result<T, Limit>,
    ) -> Result<T, Limit> {
        if self.choice.follows {
            return read(self, shell);
        }
        // What follows copies the state, and the input for each call.
        let input = shell.stdin.text.as_ref().map_or(0, Value::size);
        self.budget.spend(shell.weight() / 8 + input / 4096)?;
        let before = shell.clone();
        let outer = std::mem::take(&mut self.choice);
        let mut all = read(self, shell)?;
        let met = std::mem::take(&mut self.choice.met);
        for way in ways(&met) {
            let named = met.iter().zip(way).map(|((name, _), pick)| (name.clone(), pick));
            self.choice.picks = named.collect();
            let mut other = before.clone();
            all = both(all, read(self, &mut other)?);
            shell.or(&other);
        }
        self.choice = outer;
        Ok(all)
    }
}

/// The ways to take one of several values each, but for the first of all. Where there are too many, those in which
/// every value is taken at least once are among them.
fn ways(met: &[(String, usize)]) -> Vec<Vec<usize>> {
    let number = |way: usize| {
        let mut rest = way;
        let pick = |(_, n): &(String, usize)| {
            let pick = rest % n;
            rest /= n;
            pick
        };
        met.iter().map(pick).collect()
    };
    let all = met.iter().fold(1_usize, |all, (_, n)| all.saturating_mul(*n));
    let mut ways: Vec<Vec<usize>> = (1..all.min(MAX_WAYS)).map(number).collect();
    if all > MAX_WAYS {
        let most = met.iter().map(|(_, n)| *n).max().unwrap_or(1);
        ways.extend((1..most).map(|way| met.iter().map(|(_, n)| way % n).collect()));
    }
    ways
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

fn redirects_of(node: &Node) -> &[Node] {
    match &node.kind {
        NodeKind::If { redirects, .. }
        | NodeKind::While { redirects, .. }
        | NodeKind::Until { redirects, .. }
        | NodeKind::For { redirects, .. }
        | NodeKind::ForArith { redirects, .. }
        | NodeKind::Select { redirects, .. }
        | NodeKind::Case { redirects, .. }
        | NodeKind::Subshell { redirects, .. }
        | NodeKind::BraceGroup { redirects, .. }
        | NodeKind::ArithmeticCommand { redirects, .. }
        | NodeKind::ConditionalExpr { redirects, .. } => redirects,
        _ => &[],
    }
}

#[cfg(test)]
mod tests;

//! Compound commands: groups, loops, branches, tests.

use rable::{Node, NodeKind};

use super::super::limits::Limit;
use super::super::reading::{Redirect, Stream};
use super::super::run::Opened;
use super::super::shell::Shell;
use super::super::value::Value;
use super::{Reader, either, joined, nothing, raw};

impl Reader<'_> {
    pub(super) fn compound(&mut self, node: &Node, shell: &mut Shell) -> Result<Stream, Limit> {
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

    pub(super) fn inside(&mut self, node: &Node, shell: &mut Shell) -> Result<Stream, Limit> {
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
    pub(super) fn only_substituted(&mut self, text: &str, shell: &mut Shell) -> Result<(), Limit> {
        self.each_way(shell, |(), ()| (), |reader, shell| reader.document(text, shell).map(drop))
    }

    /// The words of `[[ … ]]`: what is substituted in them runs.
    pub(super) fn condition(&mut self, node: &Node, shell: &mut Shell) -> Result<(), Limit> {
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

    pub(super) fn for_each(
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

//! Whether a function multiplies itself without end.

use rable::ast::ListOperator;
use rable::{Node, NodeKind};

use super::reader::raw;
use super::shell::Shell;

/// How a body calls a function.
#[derive(Clone, Copy, Default)]
struct Calls {
    /// Times in one run.
    times: usize,
    /// Whether one of them is in the background.
    background: bool,
    /// Whether anything ends the recursion: a `return`, an `exit`, a branch around the call.
    ends: bool,
    /// Nodes that were looked at.
    looked: usize,
}

/// Whether each run of the function starts more than one of it, or one in the background, and nothing
/// in it could end that.
#[must_use]
pub fn multiplies(name: &str, shell: &Shell) -> bool {
    let Some(bodies) = shell.function(name) else { return false };
    bodies.iter().any(|body| {
        let mut calls = Calls::default();
        count(body, name, shell, false, false, 0, &mut calls);
        !calls.ends && (calls.times > 1 || (calls.times == 1 && calls.background))
    })
}

fn count(
    node: &Node,
    name: &str,
    shell: &Shell,
    background: bool,
    guarded: bool,
    depth: usize,
    calls: &mut Calls,
) {
    calls.looked += 1;
    if calls.looked > 10_000 {
        return; // functions that call functions multiply: enough was seen
    }
    let mut walk = |node: &Node, background: bool, guarded: bool| {
        count(node, name, shell, background, guarded, depth, calls);
    };
    match &node.kind {
        NodeKind::Command { words, .. } => {
            let Some(first) = words.first().map(raw) else { return };
            if first == name {
                if guarded {
                    calls.ends = true;
                } else {
                    calls.times += 1;
                    calls.background |= background;
                }
            } else if matches!(first.as_str(), "return" | "exit") {
                calls.ends = true;
            } else if depth < 3
                && let Some(bodies) = shell.function(&first)
            {
                // Through another function.
                for body in bodies {
                    count(&body, name, shell, background, guarded, depth + 1, calls);
                }
            }
        }
        NodeKind::List { items } => {
            let mut before = None;
            for item in items {
                let conditional = matches!(before, Some(ListOperator::And | ListOperator::Or));
                let behind = item.operator == Some(ListOperator::Background);
                walk(&item.command, background || behind, guarded || conditional);
                before = item.operator;
            }
        }
        NodeKind::Pipeline { commands, .. } => commands.iter().for_each(|c| walk(c, background, guarded)),
        NodeKind::Subshell { body, .. } | NodeKind::BraceGroup { body, .. } => walk(body, background, guarded),
        NodeKind::Negation { pipeline } | NodeKind::Time { pipeline, .. } => walk(pipeline, background, guarded),
        NodeKind::Coproc { command, .. } => walk(command, true, guarded),
        NodeKind::While { condition, body, .. } | NodeKind::Until { condition, body, .. } => {
            // A loop without an end runs its body for certain, and again.
            let endless = matches!(&condition.kind, NodeKind::Command { words, .. }
                if words.first().map(raw).is_some_and(|w| w == "true" || w == ":"));
            walk(body, background, guarded || !endless);
            walk(body, background, guarded || !endless);
        }
        NodeKind::If { condition, then_body, else_body, .. } => {
            walk(condition, background, guarded);
            walk(then_body, background, true);
            if let Some(body) = else_body {
                walk(body, background, true);
            }
        }
        NodeKind::Case { patterns, .. } => {
            patterns.iter().filter_map(|p| p.body.as_ref()).for_each(|b| walk(b, background, true));
        }
        NodeKind::For { body, .. } | NodeKind::ForArith { body, .. } => walk(body, background, true),
        _ => {}
    }
}

//! Reads a line of shell text: which programs would it run, with what?

use std::path::Path;

use super::limits::{self, Limit};
use super::reading::{Call, Dir, Place, Reading, Redirect, Stream, Unparsed};
use super::value::Value;
use super::world::Context;
use super::wrappers::{self, Inner};
use rable::{Node, NodeKind};

/// Reads shell text.
///
/// # Errors
/// If it is over a limit.
pub fn read(text: &str, context: &Context<'_>) -> Result<Reading, Limit> {
    limits::check(text)?;
    let mut reading = Reading::default();
    match rable::parse(text, true) {
        Ok(nodes) => nodes.iter().for_each(|node| visit(node, context, &mut reading)),
        Err(e) => reading.unparsed.push(Unparsed { text: text.to_owned(), reason: e.to_string() }),
    }
    Ok(reading)
}

fn visit(node: &Node, context: &Context<'_>, reading: &mut Reading) {
    match &node.kind {
        NodeKind::List { items } => items.iter().for_each(|i| visit(&i.command, context, reading)),
        NodeKind::Pipeline { commands, .. } => commands.iter().for_each(|c| visit(c, context, reading)),
        NodeKind::Command { words, redirects, .. } => {
            let argv: Vec<Value> = words.iter().map(value).collect();
            let redirects = redirects
                .iter()
                .filter_map(|r| match &r.kind {
                    NodeKind::Redirect { op, target, .. } => {
                        Some(Redirect { operator: op.clone(), target: value(target) })
                    }
                    _ => None,
                })
                .collect();
            run(call(argv, redirects, context), reading);
        }
        _ => {}
    }
}

fn call(argv: Vec<Value>, redirects: Vec<Redirect>, context: &Context<'_>) -> Call {
    let base = |v: &Value| Path::new(v.known()?).file_name().and_then(|n| n.to_str()).map(str::to_owned);
    Call {
        program: argv.first().and_then(base),
        argv,
        env: Vec::new(),
        dir: Dir::Known(context.cwd.clone()),
        stdin: Stream::default(),
        redirects,
        via: Vec::new(),
        place: Place::Here,
        more_operands: false,
        links: Vec::new(),
    }
}

fn run(call: Call, reading: &mut Reading) {
    for inner in wrappers::inner(&call) {
        if let Inner::Argv { argv, place, more_operands, .. } = inner {
            let base = |v: &Value| Path::new(v.known()?).file_name().and_then(|n| n.to_str()).map(str::to_owned);
            let mut via = call.via.clone();
            via.extend(call.program.clone());
            run(
                Call { program: argv.first().and_then(base), argv, via, place, more_operands, ..call.clone() },
                reading,
            );
        }
    }
    reading.calls.push(call);
}

fn value(node: &Node) -> Value {
    let NodeKind::Word { value, .. } = &node.kind else { return Value::default() };
    let text = shlex::split(value).unwrap_or_default().join(" ");
    let mut out = Value::default();
    for (i, part) in text.split('$').enumerate() {
        if i == 0 {
            out.push_text(part);
            continue;
        }
        let end = part.find(|c: char| !c.is_alphanumeric()).unwrap_or(part.len());
        let (name, rest) = part.split_at(end);
        out.append(&Value::unknown(&format!("${name}"), super::value::Taint::NONE, true));
        out.push_text(rest);
    }
    out
}

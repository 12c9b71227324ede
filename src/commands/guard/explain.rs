//! `guard --explain`: how a command is read, and what follows.

use anyhow::{Context as _, Result};
use serde_json::{Value as Json, json};
use std::path::Path;

use super::Bench;
use crate::env::Global;
use crate::error::Exit;
use crate::model::guard::changes::{Change, changes};
use crate::model::guard::git::{self, Head};
use crate::model::guard::paths::{Last, Paths, absolute::Absolute};
use crate::model::guard::policy::Effect;
use crate::model::guard::reading::{Call, Dir, Place, Reading};
use crate::model::guard::value::{Taint, Value};
use crate::model::guard::verdict::Verdict;
use crate::model::guard::world::Context;
use crate::model::guard::{judge_shell, rules};
use crate::output::{BAD, FAINT, GOOD, Output, STRONG, WARN, cut, styled};
use crate::sys::{last_resort, paths};

/// The most text that is taken from stdin, in bytes; the guard itself takes less.
const MAX_TEXT: usize = 1 << 20;

pub fn run(
    global: &Global,
    out: Output,
    command: &str,
    cwd: Option<&Path>,
    project: Option<&str>,
) -> Result<Exit> {
    let bench = Bench::new(global, out, project)?;
    let command = match command {
        "-" => {
            let bytes = last_resort::read_input(MAX_TEXT).context("could not read the command")?;
            let bytes = bytes.context("more than 1 MiB of command")?;
            String::from_utf8(bytes).context("the command is not UTF-8")?
        }
        text => text.to_owned(),
    };
    let cwd = paths::absolute_path(cwd.unwrap_or_else(|| Path::new(".")))?;
    let context = bench.context(&cwd);
    let verdict = judge_shell(&command, &context);
    if out.json {
        out.object(&as_json(&verdict, &context));
    } else {
        out.text(&as_text(&verdict, &context));
    }
    Ok(if verdict.blocks() { Exit::No } else { Exit::Done })
}

/// A verdict in one word.
#[must_use]
pub fn word(verdict: &Verdict) -> &'static str {
    match verdict.findings.first() {
        _ if verdict.blocks() => "block",
        Some(_) => "warn",
        None => "allow",
    }
}

fn as_text(verdict: &Verdict, context: &Context<'_>) -> String {
    let mut text = match word(verdict) {
        "block" => styled(BAD, "blocked"),
        "warn" => styled(WARN, "would run, with a warning"),
        _ => styled(GOOD, "would run"),
    };
    text.push_str(&format!(" {}\n", styled(FAINT, format!("in {}", context.cwd.display()))));
    for (effect, finding) in &verdict.findings {
        let style = if *effect == Effect::Block { BAD } else { WARN };
        text.push_str(&format!("  {}: {}\n", styled(style, finding.rule), cut(&finding.reading, 300)));
        if let Some(rule) = rules::rule(finding.rule) {
            text.push_str(&format!("    instead: {}\n", rule.instead));
        }
    }
    if verdict.findings.is_empty() {
        text.push_str(&format!("  {}\n", why_nothing(&verdict.reading)));
    }
    let reading = &verdict.reading;
    if !reading.calls.is_empty() {
        text.push_str("read as:\n");
    }
    let places = Paths::new(context);
    for (n, call) in reading.calls.iter().enumerate() {
        text.push_str(&format!("  {}{}\n", styled(STRONG, words(call)), styled(FAINT, aside(call, context))));
        for change in changed(call, &places) {
            let Changed { what, path, resolved } = &change;
            let resolved: Vec<&str> = resolved.iter().map(String::as_str).filter(|r| r != path).collect();
            let arrow = if resolved.is_empty() { String::new() } else { format!(" → {}", resolved.join(", ")) };
            text.push_str(&format!("    {what} {}\n", cut(&format!("{path}{arrow}"), 300)));
        }
        if let Some(head) = head(reading, n, context) {
            text.push_str(&format!("    {head}\n"));
        }
    }
    for executed in &reading.executed {
        let known = if executed.read { "read above" } else { "not known" };
        text.push_str(&format!("  {} executes text that is {known}{}\n", executed.by, tainted(executed.taint)));
    }
    for code in &reading.code {
        text.push_str(&format!("  {} text: {}\n", code.language, cut(&code.text.to_string(), 120)));
    }
    for name in &reading.bombs {
        text.push_str(&format!("  {name} multiplies itself\n"));
    }
    for unparsed in &reading.unparsed {
        text.push_str(&format!("  cannot be parsed: {}\n", cut(&unparsed.reason, 200)));
    }
    text
}

/// Why no rule has fired.
fn why_nothing(reading: &Reading) -> String {
    let writes = reading.calls.iter().flat_map(changes).count();
    match (reading.calls.len(), writes) {
        (0, _) if !reading.unparsed.is_empty() => {
            "it cannot be parsed, and holds no word that a rule is about".to_owned()
        }
        (0, _) => "no program is run".to_owned(),
        (_, 0) => {
            "no rule is about these programs with these operands, and nothing is written or deleted".to_owned()
        }
        _ => "what it writes or deletes is not protected".to_owned(),
    }
}

/// The words of a call, a call of none being a redirection alone.
fn words(call: &Call) -> String {
    let words: Vec<String> = call.argv.iter().map(shown).collect();
    let more = if call.more_operands { " …" } else { "" };
    let redirects: String =
        call.redirects.iter().map(|r| format!(" {}{}", r.operator, shown(&r.target))).collect();
    cut(&format!("{}{more}{redirects}", words.join(" ")), 300)
}

/// A field as it would have to be written.
fn shown(value: &Value) -> String {
    match value.known() {
        Some(text) => shlex::try_quote(text).map_or_else(|_| value.to_string(), std::borrow::Cow::into_owned),
        None => value.to_string(),
    }
}

/// What is not to be seen from the words: directory, wrappers, another machine, where its input comes from.
fn aside(call: &Call, context: &Context<'_>) -> String {
    let mut notes = Vec::new();
    match &call.dir {
        Dir::Known(dir) if *dir != context.cwd => notes.push(format!("in {}", dir.display())),
        Dir::Unknown => notes.push("in a directory that is not known".to_owned()),
        Dir::Known(_) => {}
    }
    if !call.via.is_empty() {
        notes.push(format!("behind {}", call.via.join(", ")));
    }
    if call.place == Place::Elsewhere {
        notes.push("on another machine or in a container".to_owned());
    }
    if call.stdin.taint.any() {
        notes.push(format!("its input{}", tainted(call.stdin.taint)));
    }
    if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) }
}

fn tainted(taint: Taint) -> &'static str {
    match (taint.downloaded, taint.decoded) {
        (true, true) => ", downloaded and decoded",
        (true, false) => ", downloaded",
        (false, true) => ", decoded",
        (false, false) => "",
    }
}

/// What a call does to a path.
struct Changed {
    what: String,
    /// As it was written.
    path: String,
    /// What it could be, absolute, as written and with links followed.
    resolved: Vec<String>,
}

fn changed(call: &Call, places: &Paths<'_>) -> Vec<Changed> {
    let one = |change: Change| {
        let (change, far) = match change {
            Change::Elsewhere(change) => (*change, true),
            change => (change, false),
        };
        let (what, path, last) = match change {
            Change::Delete { path, recursive: true } => ("deletes with all below".to_owned(), path, Last::Kept),
            Change::Delete { path, recursive: false } => ("deletes".to_owned(), path, Last::Kept),
            Change::Move { path } => ("moves away".to_owned(), path, Last::Kept),
            Change::Write { path } => ("writes".to_owned(), path, Last::Followed),
            Change::Empty { path } => ("empties".to_owned(), path, Last::Followed),
            Change::Put { path, .. } => ("puts something at".to_owned(), path, Last::Followed),
            Change::Fill { path } => ("puts files into".to_owned(), path, Last::Followed),
            Change::Hand { path } => ("gives what runs in it".to_owned(), path, Last::Followed),
            // One inside the other does not come out of the table.
            Change::Elsewhere(_) => return None,
            Change::Mode { path, mode, recursive } => {
                let below = if recursive { " with all below" } else { "" };
                (format!("makes the mode {}{below} of", shown(&mode)), path, Last::Followed)
            }
        };
        let what = if far { format!("{what} (on another machine)") } else { what };
        let mut resolved: Vec<String> = places.locate(&path, call, last).iter().map(Absolute::shown).collect();
        resolved.dedup();
        Some(Changed { what, path: shown(&path), resolved })
    };
    changes(call).into_iter().filter_map(one).collect()
}

/// What a call of git finds checked out.
fn head(reading: &Reading, n: usize, context: &Context<'_>) -> Option<String> {
    let command = git::command(reading.calls.get(n)?, context)?;
    let before = reading.calls.get(..n).unwrap_or_default();
    Some(match git::head_before(&command, before, context) {
        Head::Branch(name) => format!("on branch {name}"),
        Head::Detached => "on no branch".to_owned(),
        Head::Unreadable => "on a branch that could not be found out".to_owned(),
    })
}

fn as_json(verdict: &Verdict, context: &Context<'_>) -> Json {
    let finding = |(effect, finding): &(Effect, crate::model::guard::verdict::Finding)| {
        json!({
            "rule": finding.rule,
            "effect": effect,
            "reading": finding.reading,
            "instead": rules::rule(finding.rule).map(|rule| rule.instead),
        })
    };
    let places = Paths::new(context);
    let call = |(n, call): (usize, &Call)| {
        json!({
            "program": call.program,
            "argv": call.argv.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "dir": match &call.dir { Dir::Known(dir) => Some(dir), Dir::Unknown => None },
            "via": call.via,
            "elsewhere": call.place == Place::Elsewhere,
            "more_operands": call.more_operands,
            "redirects": call.redirects.iter().map(|r| format!("{}{}", r.operator, r.target)).collect::<Vec<_>>(),
            "head": head(&verdict.reading, n, context),
            "changes": changed(call, &places).iter().map(|c| json!({
                "what": c.what, "path": c.path, "resolved": c.resolved,
            })).collect::<Vec<_>>(),
        })
    };
    let reading = &verdict.reading;
    json!({
        "version": 1,
        "verdict": word(verdict),
        "cwd": context.cwd,
        "findings": verdict.findings.iter().map(finding).collect::<Vec<_>>(),
        "why": verdict.findings.is_empty().then(|| why_nothing(reading)),
        "calls": reading.calls.iter().enumerate().map(call).collect::<Vec<_>>(),
        "executed": reading.executed.iter().map(|e| json!({
            "by": e.by, "downloaded": e.taint.downloaded, "decoded": e.taint.decoded, "read": e.read,
        })).collect::<Vec<_>>(),
        "code": reading.code.iter().map(|c| json!({"language": c.language, "text": c.text.to_string()})).collect::<Vec<_>>(),
        "bombs": reading.bombs,
        "unparsed": reading.unparsed.iter().map(|u| &u.reason).collect::<Vec<_>>(),
    })
}
